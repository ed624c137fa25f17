"""What tests of several rooms need: a plan over a few sums, `python -m assay` in a process of its own, a browser, an S3 service on loopback."""

import base64
import compileall
import gc
import http.server
import importlib.util
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import typing
import urllib.request
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://%s:%d" % server.get_host_and_port(), flush=True)
sys.stdin.read()
"""

WALKS = ("api", "cli", "examples", "flows", "pipelines", "reports", "synthesis", "viewer")  # folders of tests
STAGES = ("ingest", "clean", "split", "score", "embed", "select", "order", "regrade")
CURATE = (
    "faiss",
    "sklearn.decomposition",
    "sklearn.feature_extraction.text",
    "assay.cli.curate.run",
    "assay.cli.curate.status",
    "assay.cli.curate.sql",
    "assay.pipelines.runner.open_run",
    *(f"assay.pipelines.stages.{name}" for name in STAGES),
    "assay.scorers.pass_rate",
    "assay.verifiers.math",
    "assay.verifiers.numeric",
)
TRAIN = (
    "datasets",
    "transformers.models.llama.modeling_llama",
    "transformers.models.llama.tokenization_llama",
    "trl.trainer.dpo_trainer",
    "trl.trainer.grpo_trainer",
    "trl.trainer.kto_trainer",
    "trl.trainer.sft_trainer",
    "gc:freeze",  # before DuckDB, which looks for what is left when a process ends
    "assay.cli.train.run",
    "assay.engines.transformers",
    "assay.engines.hf.continuous_batching",
    "assay.pipelines.loop.rounds",
    "assay.training.offline.trainers",
    "assay.training.trainer.trainer",
    "assay.training.trainer.build",
    "assay.training.held_out.callback",
)
FLOW = (
    "assay.flows.prefect_adapter:prefect",
    "prefect.task_runners",
    "gc:freeze",
    "assay.flows.curate",
    "assay.flows.shards",
)
READ_LATE = (
    "PYTEST_",
    "ASSAY_",
    "AWS_",
    "COLUMNS",
    "OMP_NUM_THREADS",
)  # variables that no import reads, or that a fork minds

DONT_WRITE_BYTECODE = sys.dont_write_bytecode

TABLES: dict[str, dict[str, Any]] = {
    "policy": {"truncated": "wrong", "model": "scripted", "engine": "scripted", "rule": "sum", "max_tokens": 16},
    "score": {"n": 4},
    "embed": {"encoder": "tfidf", "clusters": 2},
    "select": {"budget": 6},
}


def pytest_configure(config: pytest.Config) -> None:
    """Compile assay once where the environment keeps Python from it, or each of some hundred child processes does."""
    if sys.dont_write_bytecode and not hasattr(config, "workerinput"):
        (package,) = importlib.util.find_spec("assay").submodule_search_locations  # type: ignore[union-attr, misc]
        compileall.compile_dir(package, quiet=2)


def pytest_collection() -> None:
    """Imports make no garbage that is worth a search of all that they have made; rewritten tests are kept for the next run."""
    gc.disable()
    sys.dont_write_bytecode = False


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `--dist loadgroup`, the tests of one file run in one process, one after another: they share models and servers.

    Those of all flows share one Prefect server: two would be too slow to answer on two cores. Tests of rooms whose parts run
    stages on a lake are marked `walk`, so that those of the other rooms answer sooner.
    """
    tests = Path(__file__).parent
    flows, walks = tests / "flows", {tests / name for name in WALKS}
    for item in items:
        item.add_marker(pytest.mark.xdist_group(str(flows if flows in item.path.parents else item.path)))
        if walks.intersection(item.path.parents):
            item.add_marker(pytest.mark.walk)


def pytest_collection_finish() -> None:
    """What was imported stays, so no later collection walks through it: with torch and transformers that takes .3 s each time."""
    gc.freeze()
    gc.enable()
    sys.dont_write_bytecode = DONT_WRITE_BYTECODE


def pytest_unconfigure() -> None:
    """Let go of what would outlive the interpreter beside torch: DuckDB's library lists on stderr what is left of it at the end.

    Frozen objects are never collected, and the overloads of pytest's own modules, which typing registers, lead to all plugins.
    """
    gc.unfreeze()
    typing.clear_overloads()


@pytest.fixture(scope="session")
def scripted() -> Callable[..., Path]:
    """Writes sums that a scripted engine answers in no time, and a plan over them whose tables may be changed: `score={"wave": 1}`."""

    def written(
        folder: Path, *, problems: int = 20, name: str = "sums", lake: Path | None = None, **tables: dict[str, Any]
    ) -> Path:
        sums = [{"prompt": f"What is {n} + {n % 9}?", "answer": str(n + n % 9)} for n in range(problems)]
        (folder / "sums.jsonl").write_text("".join(json.dumps(each) + "\n" for each in sums))
        lines = [
            f'name = "{name}"',
            f'lake = "{lake or folder / "lake"}"',
            "[[source]]",
            'type = "files"',
            f'paths = "{folder}/sums.jsonl"',
        ]
        for table in TABLES | tables:
            settings = TABLES.get(table, {}) | tables.get(table, {})
            lines += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in settings.items())]
        (folder / "plan.toml").write_text("\n".join(lines))
        return folder / "plan.toml"

    return written


class Command:
    """A command that was forked, with what tests need of `subprocess.Popen`."""

    def __init__(self, place: Path, arguments: list[str], folder: Path, environment: Mapping[str, str], **pipes: Any):
        self.args, self.returncode = arguments, None
        self.channel = socket.socket(socket.AF_UNIX)
        self.channel.connect(str(place))
        with ExitStack() as stack:
            null = stack.enter_context(open(os.devnull, "r+b"))
            self.stdout, out = self._open(pipes.get("stdout"), null, stack)
            self.stderr, err = (
                (None, out)
                if pipes.get("stderr") == subprocess.STDOUT
                else self._open(pipes.get("stderr"), null, stack)
            )
            socket.send_fds(self.channel, [b"x"], [null.fileno(), out, err])
        call = {"arguments": arguments, "folder": str(folder), "environment": dict(environment)}
        self.channel.sendall(json.dumps(call).encode() + b"\n")
        self.lines = self.channel.makefile()
        self.pid = int(self.lines.readline())

    @staticmethod
    def _open(target: Any, null: Any, stack: ExitStack) -> tuple[Any, int]:
        """This side of a stream, where there is one, and the command's handle."""
        if target == subprocess.PIPE:
            ours, theirs = os.pipe()
            stack.callback(os.close, theirs)
            return os.fdopen(ours, encoding="utf-8"), theirs
        return None, null.fileno() if target in (None, subprocess.DEVNULL) else target.fileno()

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self.channel], [], [], 0)[0]:
            self.returncode = int(self.lines.readline())
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None and not select.select([self.channel], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str | None, str | None]:
        """What the command wrote, read until nobody can write any more, and its end awaited."""
        texts: dict[str, str] = {}
        pipes = {"stdout": self.stdout, "stderr": self.stderr}
        open_pipes = {name: pipe for name, pipe in pipes.items() if pipe and not pipe.closed}
        readers = [
            threading.Thread(target=lambda name=name, pipe=pipe: texts.update({name: pipe.read()}), daemon=True)
            for name, pipe in open_pipes.items()
        ]
        for reader in readers:
            reader.start()
        end = time.monotonic() + (timeout or 3600)
        for reader in readers:
            reader.join(max(end - time.monotonic(), 0))
        if any(reader.is_alive() for reader in readers):
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        self.wait(max(end - time.monotonic(), 0))
        for pipe in open_pipes.values():
            pipe.close()
        self.lines.close()
        self.channel.close()
        return texts.get("stdout"), texts.get("stderr")

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """`fork_server.py`, with what it has imported in an environment."""

    def __init__(self, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fork-"))  # a socket's path is short
        call = [sys.executable, Path(__file__).with_name("fork_server.py"), self.folder / "socket", *modules]
        self.process = subprocess.Popen(call, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline(), "the process that forks has not started"

    def end(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=30)
        shutil.rmtree(self.folder)


def import_relevant(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment on which imports depend."""
    return {name: value for name, value in environment.items() if not name.startswith(READ_LATE)}


def modules_of(arguments: Sequence[str]) -> tuple[str, ...]:
    """What a command imports that takes time: with torch where it trains or attempts with transformers, with Prefect in a flow."""
    configs = [Path(word) for word in arguments if word.endswith(".toml")]
    texts = [path.read_text() for path in configs if path.is_file()]
    needs_torch = arguments[0] == "train" or any('engine = "transformers"' in text for text in texts)
    needs_prefect = "--flow" in arguments or "schedule" in arguments
    return ("assay.cli", *(FLOW if needs_prefect else ()), *(TRAIN if needs_torch else ()), *CURATE)


@pytest.fixture(scope="session")
def start_command() -> Iterator[Callable[..., Any]]:
    """Starts a command of assay in a process of its own: forked, as soon as a second one imports the same in the same environment."""
    servers: dict[Any, ForkServer] = {}
    counts: Counter[Any] = Counter()

    def start(arguments: list[str], folder: Path, environment: Mapping[str, str], **pipes: Any) -> Any:
        modules = modules_of(arguments)
        key = modules, tuple(sorted(import_relevant(environment).items()))
        counts[key] += 1
        if counts[key] > 1 and key not in servers:
            servers[key] = ForkServer(modules, import_relevant(environment))
        if key in servers:
            return Command(servers[key].folder / "socket", arguments, folder, environment, **pipes)
        call = [sys.executable, "-m", "assay", *arguments]
        streams = {"stdin": subprocess.DEVNULL, **pipes}
        return subprocess.Popen(call, cwd=folder, env=environment, text=True, start_new_session=True, **streams)

    yield start
    for server in servers.values():
        server.end()


def end_command(command: Any) -> None:
    """Kill what is left of a command and of the processes that it started."""
    with suppress(ProcessLookupError):
        os.killpg(command.pid, signal.SIGKILL)


@pytest.fixture
def assay(tmp_path: Path, start_command: Callable[..., Any]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command to its end in the test's folder; named arguments go into its environment."""

    def run(*arguments: object, timeout: int = 120, **environment: str) -> subprocess.CompletedProcess[str]:
        words, pipes = [str(word) for word in arguments], {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = start_command(words, tmp_path, {**os.environ, **environment}, **pipes)
        try:
            out, err = command.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            end_command(command)
            raise
        return subprocess.CompletedProcess(words, command.returncode, out, err)

    return run


@pytest.fixture
def started(start_command: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Starts a command in a process group of its own, of which nothing is left when the test ends; "" takes a variable out of its environment."""
    running: list[Any] = []

    def start(*arguments: object, env: dict[str, str] | None = None, **pipes: Any) -> Any:
        environment = {name: value for name, value in (env or {**os.environ}).items() if value}
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running.append(start_command([str(word) for word in arguments], Path.cwd(), environment, **{**silent, **pipes}))
        return running[-1]

    yield start
    for command in running:
        end_command(command)
        command.communicate(timeout=30)


@pytest.fixture(scope="session")
def s3_service() -> Iterator[str]:
    """The address of moto's server in a process of its own, which ends when its stdin does."""
    pytest.importorskip("moto")
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    yield server.stdout.readline().strip()
    server.communicate(timeout=30)


@pytest.fixture
def bucket(s3_service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a lake to be in a new bucket; the mirror lies in tmp_path/cache."""
    import botocore.session

    name = f"lakes-{secrets.token_hex(4)}"
    for key, value in {
        "AWS_ENDPOINT_URL": s3_service,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "hush-hush",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "NO_PROXY": "127.0.0.1",
        "ASSAY_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(key, value)
    botocore.session.get_session().create_client("s3").create_bucket(Bucket=name)
    return f"s3://{name}/lake"


@pytest.fixture
def trap() -> Iterator[tuple[str, list[str]]]:
    """A server's address, and the paths that were asked of it."""
    paths: list[str] = []

    class Trap(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Trap) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()


class Page:
    """One page of a headless Chromium, driven over its DevTools protocol."""

    ready = "document.readyState === 'complete'"  # true once an opened page is drawn

    def __init__(self, socket: Any) -> None:
        self.socket, self.calls, self.events = socket, 0, list[dict[str, Any]]()
        for domain in ("Runtime", "Log", "Page", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One call and its answer; events that come between are kept."""
        self.calls += 1
        self.socket.send(json.dumps({"id": self.calls, "method": method, "params": params}))
        while (message := json.loads(self.socket.recv(timeout=60))).get("id") != self.calls:
            self.events.append(message)
        return dict(message.get("result", message))

    def see(self, script: str) -> Any:
        """The value of an expression on the page, awaited."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    @property
    def text(self) -> str:
        return str(self.see("document.body?.innerText ?? ''"))

    def until(self, script: str, seconds: float = 30) -> Any:
        """What an expression gives as soon as it is true of something."""
        end = time.monotonic() + seconds
        while not (value := self.see(script)):
            assert time.monotonic() < end, f"{script}: {self.text[:600]}"
            time.sleep(0.03)
        return value

    def look(self, width: int = 1280, height: int = 900, mode: str = "light") -> None:
        """Give the window a size, and the page a colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": mode}])

    def open(self, url: str) -> None:
        """Load an address anew, and wait until it is drawn."""
        self.call("Page.navigate", url="about:blank")
        self.until("location.href === 'about:blank'")
        self.call("Page.navigate", url=url)
        self.until(f"location.href !== 'about:blank' && {self.ready}")

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, text=key if len(key) == 1 and kind == "keyDown" else ""
            )

    def picture(self) -> bytes:
        """The page as PNG with its fonts, at most 4,000 pixels of it."""
        self.see("document.fonts.ready.then(() => true)")
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 4000), "scale": 1}
        return base64.b64decode(
            self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"]
        )

    @property
    def complaints(self) -> list[str]:
        """Errors of the console, exceptions, and what the content policy stopped."""
        bad = []
        for event in self.events:
            params = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                bad.append(str(details.get("exception", {}).get("description", details["text"])))
            elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                bad.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
            elif event.get("method") == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                bad.append(str([item.get("value") for item in params["args"]]))
        return bad

    @property
    def asked(self) -> set[str]:
        """Every address that the browser asked for."""
        sent = (event for event in self.events if event.get("method") == "Network.requestWillBeSent")
        return {event["params"]["request"]["url"] for event in sent}


@pytest.fixture(scope="session")
def chromium() -> list[str]:
    """Chromium's place and flags; without one a test is skipped, or fails where ASSAY_NEEDS_BROWSER asks for it."""
    names = ("chromium", "chromium-browser", "google-chrome")
    place = next((place for name in names if (place := shutil.which(name))), None)
    if place is None:
        if os.environ.get("ASSAY_NEEDS_BROWSER"):
            pytest.fail(f"none of {', '.join(names)} is installed, and ASSAY_NEEDS_BROWSER asks for one")
        pytest.skip("no Chromium is installed: apt-get install chromium")
    return [place, "--headless", "--hide-scrollbars", "--no-sandbox", "--disable-gpu", "--no-first-run"]


@pytest.fixture(scope="session")
def png() -> Callable[..., bytes]:
    """Makes the file of a picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    def make(width: int = 3, height: int = 2, colour: bytes = b"\xc8\x1e\x28") -> bytes:
        header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, 2, 0, 0, 0))
        rows = zlib.compress((b"\0" + colour * width) * height)
        parts = (chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(parts)

    return make


@pytest.fixture(scope="session")
def browser(chromium: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Page]]:
    """Opens pages of one Chromium, which all tests of a process share."""
    from websockets.sync.client import connect

    profile = tmp_path_factory.mktemp("chromium")
    call = [*chromium, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    sockets: list[Any] = []
    try:
        address, end = profile / "DevToolsActivePort", time.monotonic() + 60
        while not address.exists() or not address.read_text():
            assert time.monotonic() < end, "Chromium did not start"
            time.sleep(0.05)
        port = address.read_text().split("\n")[0]

        def page() -> Page:
            request = urllib.request.Request(f"http://127.0.0.1:{port}/json/new?about:blank", method="PUT")
            with urllib.request.urlopen(request, timeout=30) as answer:
                target = json.load(answer)["webSocketDebuggerUrl"]
            sockets.append(connect(target, max_size=None, proxy=None, ping_interval=None))
            return Page(sockets[-1])

        yield page
    finally:
        for socket in sockets:
            socket.close()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)
