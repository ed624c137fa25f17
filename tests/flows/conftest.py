"""One real Prefect server on loopback for all tests of schedules and artifacts, and a plan that is curated in seconds."""

import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

START_S = 300  # the server takes 12 to 60 s on two busy cores, and once over 180 on overloaded ones
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_RUNNER_POLL_FREQUENCY": "1",
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "60",  # a line that is not flushed is not there
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
    "NO_PROXY": "127.0.0.1",
}
BEGUN: dict[str, Any] = {"flow_runs": {"state": {"type": {"not_any_": ["SCHEDULED"]}}}}


@dataclass(frozen=True)
class Server:
    """A Prefect server: where it answers, and the environment of processes that talk to it."""

    url: str
    env: dict[str, str]
    start: Callable[..., Any]  # of a command

    @staticmethod  # tests are no package: what they share comes with a fixture
    def until(found: Callable[[], Any], limit_s: float = 300) -> Any:
        """What `found` gives as soon as it is true of something."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if result := found():
                return result
            time.sleep(0.2)
        raise AssertionError(f"not within {limit_s} s")

    @staticmethod
    def end(process: Any) -> None:
        """Kills what is left of a command and of the runs that it started, if anything is."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)

    def ask(self, path: str, **body: Any) -> Any:
        """One POST to the API; a server that is too busy to answer, which SQLite's lock makes a 503, is asked again."""
        request = urllib.request.Request(
            f"{self.url}/api/{path}", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        for _ in range(30):
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return json.loads(answer.read() or "null")
            except (urllib.error.HTTPError, TimeoutError) as error:
                if getattr(error, "code", 503) != 503:
                    raise
                time.sleep(1)
        raise AssertionError(f"{path}: no answer in 30 tries")

    def runs(self, deployment: str) -> list[dict[str, Any]]:
        """The runs of a deployment that are past being scheduled, oldest first."""
        found = self.ask(
            "flow_runs/filter", sort="EXPECTED_START_TIME_ASC", deployments={"name": {"any_": [deployment]}}, **BEGUN
        )
        return list(found)

    def first(self, deployment: str) -> str:
        """The first run that a schedule starts, as an id; no further one is started."""
        found = self.until(lambda: self.runs(deployment))
        self.pause(deployment)
        return str(found[0]["id"])

    def pause(self, deployment: str, *, resume: bool = False) -> None:
        """No schedule of a deployment starts a run any more, or each does again."""
        found = self.ask("deployments/filter", deployments={"name": {"any_": [deployment]}})
        self.ask(f"deployments/{found[0]['id']}/{'resume' if resume else 'pause'}_deployment")

    def ended(self, run: str) -> dict[str, Any]:
        """A run once it has ended."""
        found = lambda: self.ask("flow_runs/filter", flow_runs={"id": {"any_": [run]}})[0]  # noqa: E731
        return dict(
            self.until(
                lambda: (told := found())["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") and told
            )
        )

    def artifacts(self, run: str) -> dict[str, dict[str, Any]]:
        """The artifacts of a run by key."""
        return {
            each["key"]: each
            for each in self.ask("artifacts/filter", artifacts={"flow_run_id": {"any_": [run]}}, limit=200)
        }

    def log(self, run: str) -> str:
        """The lines that a run logged."""
        return "\n".join(
            each["message"] for each in self.ask("logs/filter", logs={"flow_run_id": {"any_": [run]}}, limit=200)
        )

    def assay(self, *command: str) -> Any:
        """A command of assay that talks to this server, in a process group of its own."""
        return self.start([*command], Path.cwd(), self.env, stderr=subprocess.PIPE)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, start_command: Callable[..., Any]) -> Iterator[Server]:
    pytest.importorskip("prefect", reason="the extra flows is not installed")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, and by all children, behind a shell's "&"
    home = tmp_path_factory.mktemp("prefect")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    env = {
        **os.environ,
        **QUIET,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_UI_API_URL": f"{url}/api",
        "PREFECT_API_URL": f"{url}/api",
    }
    call = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port]
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(call, env=env, stdout=log, stderr=log, start_new_session=True)
        try:
            Server.until(lambda: answers(f"{url}/api/health"), START_S)
            yield Server(url, env, start_command)
        finally:
            process.terminate()
            process.wait(60)


class Proc:
    """What /proc tells of processes."""

    @staticmethod
    def named(command: bytes) -> list[int]:
        """Those whose command line holds these bytes."""
        found = []
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if command in each.read_bytes():
                    found.append(int(each.parent.name))
        return found

    @staticmethod
    def family(root: int) -> set[int]:
        """A process and those that it started, and these, ..."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        found = {root}
        while more := {child for child, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    @staticmethod
    def ends(processes: set[int], *, far: bool) -> set[str]:
        """The addresses that these processes are, or try to be, connected with; or those at which they listen (TCP)."""
        held, found = set[str]().union(*map(sockets, processes)), set()
        for table in ("tcp", "tcp6", "udp", "udp6") if far else ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[9] in held and (far or fields[3] == "0A"):
                    raw = bytes.fromhex(fields[2 if far else 1].partition(":")[0])
                    words = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
                    there = ipaddress.ip_address(words)
                    found.add(str(getattr(there, "ipv4_mapped", None) or there))
        return found


def sockets(process: int) -> set[str]:
    found = set()
    for handle in Path(f"/proc/{process}/fd").glob("*"):
        with suppress(OSError):
            if (target := os.readlink(handle)).startswith("socket:["):
                found.add(target[8:-1])
    return found


@pytest.fixture(scope="session")
def proc() -> type[Proc]:
    return Proc


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="session")
def plans(scripted: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Path]]:
    """A plan of eight sums, one of them twice, and the place of its lake."""

    def made(name: str, *, overlap: str = "wait", delay_s: float = 0.0) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp(name)
        tables = {
            "policy": {"delay_s": delay_s},
            "score": {"n": 2},
            "select": {"budget": 3},
            "flow": {"overlap": overlap, "heartbeat_timeout_s": 4},
        }
        config = scripted(folder, name=name, problems=8, **tables)
        with (folder / "sums.jsonl").open("r+") as sums:
            last = sums.readlines()[-1]
            sums.write(last)
        return config, folder / "lake"

    return made


@dataclass(frozen=True)
class Finished:
    """A run that a schedule has started, and what it left."""

    run: dict[str, Any]
    log: str  # what the server had of it as soon as it had ended
    lake: Path
    said: str  # by `curate schedule serve`, until it was interrupted
    code: int
    paused: bool  # the deployment, once `curate schedule serve` has ended


@pytest.fixture(scope="session")
def finished(server: Server, plans: Callable[..., tuple[Path, Path]]) -> Finished:
    """The first run of `curate schedule serve --interval`, which is interrupted when that run has ended."""
    config, lake = plans(
        "nightly", delay_s=1.0
    )  # eight problems, so that attempts take long enough to show their progress
    serving = server.assay("curate", "schedule", "serve", str(config), "--lake", str(lake), "--interval", "15")
    try:
        run = server.ended(server.first("nightly"))
        log = server.log(run["id"])
        server.pause("nightly", resume=True)
        serving.send_signal(signal.SIGINT)
        _, said = serving.communicate(timeout=120)
    finally:
        server.end(serving)
    found = server.ask("deployments/filter", deployments={"name": {"any_": ["nightly"]}})
    return Finished(run, log, lake, said, serving.returncode, found[0]["paused"])
