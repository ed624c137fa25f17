"""A lake to look at, its page on loopback, and a real browser."""

import base64
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from benchmarks._viewer_lake import write_lake

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake
from assay.stores.reader import LakeReader
from assay.viewer.keys import ViewKeys, latest_keys
from assay.viewer.pool import PoolIndex, read_pool
from assay.viewer.server import Viewer

PROBLEMS, ATTEMPTED = 300, 60
SUMS = 24
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--hide-scrollbars",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--remote-debugging-port=0",
)
READY = "Number(document.getElementById('main')?.dataset.ready || 0) > 0 && !document.querySelector('.wait')"


class Quiet:
    """A reporter that says nothing."""

    def say(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lake(tmp_path_factory.mktemp("viewer") / "lake", PROBLEMS, attempted=ATTEMPTED, steps=20)


@pytest.fixture(scope="session")
def reader(lake: Path) -> Iterator[LakeReader]:
    opened = LakeReader(lake)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def keys(reader: LakeReader) -> ViewKeys:
    return latest_keys(reader)


@pytest.fixture(scope="session")
def pool(reader: LakeReader, keys: ViewKeys) -> PoolIndex:
    return PoolIndex(read_pool(reader, keys))


@pytest.fixture(scope="session")
def viewer(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    served = Viewer(lake, Quiet(), marks=tmp_path_factory.mktemp("marks") / "marks.csv").start()  # type: ignore[arg-type]
    assert served.state.ready.wait(60)
    yield served
    served.close()


@pytest.fixture
def curation(tmp_path: Path) -> Iterator[Callable[[], RunContext]]:
    """Opens runs of one small config: sums, one of them a formula that the scripted engine gets wrong."""
    rows = [{"prompt": f"What is {n} + {n % 7}?", "answer": str(n + n % 7)} for n in range(10, 10 + SUMS - 1)]
    rows.append({"prompt": r"What is $\frac{1}{2} + x^2$ for $x = 1$?", "answer": r"\frac{3}{2}"})
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = parse_config(
        {
            "name": "sums",
            "lake": str(tmp_path / "lake"),
            "source": [{"type": "files", "paths": str(tmp_path / "sums.jsonl")}],
            "split": {"held_out": 0},
            "policy": {"model": "scripted", "engine": "scripted", "rule": "sum", "max_tokens": 16},
            "score": {"n": 4},
            "embed": {"encoder": "tfidf", "clusters": 3},
            "select": {"selector": "uniform", "budget": 10},
        }
    )
    opened: list[RunContext] = []

    def make() -> RunContext:
        opened.append(RunContext(config, Lake(config.lake), NullReporter()))
        return opened[-1]

    yield make
    for context in opened:
        context.close()
        context.lake.close()


@pytest.fixture
def curated(curation: Callable[[], RunContext]) -> RunContext:
    """A run of that config after every stage is done."""
    run_stages(curation())
    return curation()


class Client:
    """Asks a page's server as a browser would, or as nobody should."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer, self.base = viewer, f"http://127.0.0.1:{viewer.port}"

    def ask(self, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, Any, Any]:
        """Status, JSON or bytes, and headers of the answer; `headers` with _ for -."""
        sent = {"X-Assay-Token": self.viewer.token} | {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            f"{self.base}{path}", data=body, method=method, headers={k: v for k, v in sent.items() if v}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, _value(answer.read()), answer.headers
        except urllib.error.HTTPError as refused:
            return refused.code, _value(refused.read()), refused.headers

    def get(self, name: str, **query: Any) -> Any:
        status, told, _ = self.ask(f"/api/{name}?{urllib.parse.urlencode(query)}")
        assert status == 200, told
        return told


def _value(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data


@pytest.fixture(scope="session")
def client(viewer: Viewer) -> Client:
    return Client(viewer)


@pytest.fixture
def serve() -> Iterator[Callable[[Path], Client]]:
    """Serves a lake of the test's own until its end."""
    opened: list[Viewer] = []

    def start(root: Path) -> Client:
        opened.append(Viewer(root, Quiet()).start())  # type: ignore[arg-type]
        assert opened[-1].state.ready.wait(60)
        return Client(opened[-1])

    yield start
    for served in opened:
        served.close()


class Page:
    """One page of a headless Chromium, driven over its DevTools protocol."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.calls, self.events = socket, 0, list[dict[str, Any]]()
        for domain in ("Runtime", "Log", "Page", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One call and its answer; events that come between are kept."""
        self.calls += 1
        self.socket.send(json.dumps({"id": self.calls, "method": method, "params": params}))
        while (told := json.loads(self.socket.recv(timeout=60))).get("id") != self.calls:
            self.events.append(told)
        return dict(told.get("result", told))

    def see(self, script: str) -> Any:
        """The value of an expression on the page, awaited."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, script: str, seconds: float = 30) -> Any:
        end = time.monotonic() + seconds
        while not (value := self.see(script)):
            assert time.monotonic() < end, f"{script}: {self.see('document.body.innerText')[:600]}"
            time.sleep(0.03)
        return value

    def look(self, width: int = 1280, height: int = 900, mode: str = "light") -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": mode}])

    def open(self, url: str) -> None:
        """Load an address anew, and wait until its view is drawn."""
        self.call("Page.navigate", url="about:blank")
        self.until("location.href === 'about:blank'")
        self.call("Page.navigate", url=url)
        self.until(READY)

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, text=key if len(key) == 1 and kind == "keyDown" else ""
            )

    def picture(self) -> bytes:
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
            told = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                bad.append(
                    str(
                        told["exceptionDetails"]
                        .get("exception", {})
                        .get("description", told["exceptionDetails"]["text"])
                    )
                )
            elif event.get("method") == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
                bad.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
            elif event.get("method") == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
                bad.append(str([item.get("value") for item in told["args"]]))
        return bad

    @property
    def asked(self) -> set[str]:
        """Every address that the browser asked for."""
        sent = [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]
        return set(sent)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Page]]:
    found = next((place for name in NAMES if (place := shutil.which(name))), None)
    if found is None:
        if os.environ.get("ASSAY_NEEDS_BROWSER"):
            pytest.fail(f"none of {', '.join(NAMES)} is installed, and ASSAY_NEEDS_BROWSER asks for one")
        pytest.skip("no Chromium is installed: apt-get install chromium")
    from websockets.sync.client import connect

    profile = tmp_path_factory.mktemp("chromium")
    call = [found, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    sockets: list[Any] = []
    try:
        told, end = profile / "DevToolsActivePort", time.monotonic() + 60
        while not told.exists() or not told.read_text():
            assert time.monotonic() < end, "Chromium did not start"
            time.sleep(0.05)
        port = told.read_text().split("\n")[0]

        def page() -> Page:
            request = urllib.request.Request(f"http://127.0.0.1:{port}/json/new?about:blank", method="PUT")
            with urllib.request.urlopen(request, timeout=30) as answer:
                address = json.load(answer)["webSocketDebuggerUrl"]
            sockets.append(connect(address, max_size=None, proxy=None, ping_interval=None))
            return Page(sockets[-1])

        yield page
    finally:
        for socket in sockets:
            socket.close()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)
