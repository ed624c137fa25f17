"""A lake to look at, and its page on loopback."""

import json
import shutil
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


@pytest.fixture(scope="session")
def sums(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sums, one of them a formula that the scripted engine gets wrong."""
    path = tmp_path_factory.mktemp("sums") / "sums.jsonl"
    rows = [{"prompt": f"What is {n} + {n % 7}?", "answer": str(n + n % 7)} for n in range(10, 10 + SUMS - 1)]
    rows.append({"prompt": r"What is $\frac{1}{2} + x^2$ for $x = 1$?", "answer": r"\frac{3}{2}"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def opened(sums: Path, lake: Path) -> RunContext:
    config = parse_config(
        {
            "name": "sums",
            "lake": str(lake),
            "source": [{"type": "files", "paths": str(sums)}],
            "split": {"held_out": 0},
            "policy": {"model": "scripted", "engine": "scripted", "rule": "sum", "max_tokens": 16},
            "score": {"n": 4, "problems_per_commit": 24},
            "embed": {"encoder": "tfidf", "clusters": 3},
            "select": {"selector": "uniform", "budget": 10},
        }
    )
    return RunContext(config, Lake(config.lake), NullReporter())


@pytest.fixture(scope="session")
def curated_lake(sums: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake on which every stage is done: to copy, not to write."""
    context = opened(sums, tmp_path_factory.mktemp("curated") / "lake")
    with context.lake, context:
        run_stages(context)
    return context.lake.root


@pytest.fixture
def curation(sums: Path, tmp_path: Path) -> Iterator[Callable[[], RunContext]]:
    """Opens runs of one small config."""
    contexts: list[RunContext] = []

    def make() -> RunContext:
        contexts.append(opened(sums, tmp_path / "lake"))
        return contexts[-1]

    yield make
    for context in contexts:
        context.close()
        context.lake.close()


@pytest.fixture
def curated(curation: Callable[[], RunContext], curated_lake: Path, tmp_path: Path) -> RunContext:
    """A run of that config after every stage is done."""
    shutil.copytree(curated_lake, tmp_path / "lake")
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


@pytest.fixture(scope="session")
def browser(browser: Callable[[], Any]) -> Callable[[], Any]:
    """Opens pages that are drawn when the viewer's main part says so."""

    def page() -> Any:
        opened = browser()
        opened.ready = READY
        return opened

    return page
