"""A small pool of sums, attempted by the scripted engine."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake

Made = Callable[..., RunContext]


def written(folder: Path) -> Path:
    """40 sums as JSONL, answers as text."""
    path = folder / "sums.jsonl"
    rows = [{"prompt": f"What is {n} + {n % 7}?", "answer": str(n + n % 7)} for n in range(10, 50)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def planned(sums: Path, lake: Path) -> dict[str, Any]:
    """A whole plan over them, as a mapping."""
    return {
        "name": "sums",
        "seed": 3,
        "lake": str(lake),
        "source": [{"type": "files", "paths": str(sums)}],
        "split": {"held_out": 8},
        "policy": {"truncated": "wrong", "model": "scripted", "engine": "scripted", "rule": "sum", "max_tokens": 16},
        "score": {"n": 4, "problems_per_commit": 16},
        "embed": {"encoder": "tfidf", "clusters": 3},
        "select": {"budget": 10},
    }


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    return written(tmp_path)


@pytest.fixture
def tables(sums: Path, tmp_path: Path) -> dict[str, Any]:
    return planned(sums, tmp_path / "lake")


@pytest.fixture(scope="session")
def common_sums(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sums as a file that no test changes."""
    return written(tmp_path_factory.mktemp("sums"))


@pytest.fixture(scope="session")
def kept(common_sums: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Finished runs of the plan with some keys changed, each made once a session: to read or copy, not to write.

    `kept("score", score={"n": 2})` has done every stage up to `score`; "" = all of them.
    """
    opened: dict[str, RunContext] = {}

    def make(upto: str = "", **changes: Any) -> RunContext:
        name = json.dumps([upto, changes], sort_keys=True)
        if name not in opened:
            opened[name] = opened_on(planned(common_sums, tmp_path_factory.mktemp("kept") / "lake"), changes)
            run_stages(opened[name], upto)
            opened[name].close()  # engine and judge, which open again where they are needed
        return opened[name]

    yield make
    for each in opened.values():
        each.close()
        each.lake.close()


@pytest.fixture
def resumed(kept: Made, common_sums: Path, tables: dict[str, Any], context: Made, tmp_path: Path) -> Made:
    """A run like `context`'s, on a copy of the lake that `kept` has for the same arguments, or on the test's own lake."""

    def make(upto: str = "", **changes: Any) -> RunContext:
        if not (tmp_path / "lake").exists():
            shutil.copytree(kept(upto, **changes).lake.root, tmp_path / "lake")
        tables["source"] = [{"type": "files", "paths": str(common_sums)}]
        return context(**changes)

    return make


@pytest.fixture
def walked(resumed: Made) -> Made:
    """A run on a copy of a lake that holds the finished plan, at another temperature where one is given."""
    return lambda temperature=None: resumed(**({} if temperature is None else {"policy": {"temperature": temperature}}))


def opened_on(tables: dict[str, Any], changes: dict[str, Any]) -> RunContext:
    """A run of a plan some of whose keys, or whole tables, are changed; a key that becomes None has its default."""
    tree = {**tables}
    for name, change in changes.items():
        if isinstance(change, dict):
            change = {key: value for key, value in {**tree.get(name, {}), **change}.items() if value is not None}
        tree[name] = change
    config = parse_config(tree)
    return RunContext(config, Lake(config.lake), NullReporter())


@pytest.fixture
def context(tables: dict[str, Any]) -> Iterator[Made]:
    """Opens a job on the plan with some keys changed: `job(select={"budget": 5})`."""
    opened: list[RunContext] = []

    def make(**changes: Any) -> RunContext:
        opened.append(opened_on(tables, changes))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
        each.lake.close()
