"""A small pool of sums, attempted by the scripted engine."""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
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
        "score": {"n": 4},
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
def finished(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float | None], Path]:
    """A folder with the sums and a lake on which the plan was walked to its end at this temperature, made once a session: to copy, not to write."""

    @cache
    def made(temperature: float | None) -> Path:
        folder = tmp_path_factory.mktemp("finished")
        tables = planned(written(folder), folder / "lake")
        if temperature is not None:
            tables["policy"]["temperature"] = temperature
        config = parse_config(tables)
        with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
            run_stages(context)
        return folder

    return made


@pytest.fixture
def walked(finished: Callable[[float | None], Path], tables: dict[str, Any], context: Made, tmp_path: Path) -> Made:
    """A job like `job`'s, on a copy of a lake that holds the finished plan."""

    def make(temperature: float | None = None) -> RunContext:
        folder = finished(temperature)
        shutil.copytree(folder / "lake", tmp_path / "lake")
        tables["source"] = [{"type": "files", "paths": str(folder / "sums.jsonl")}]
        return context(policy={} if temperature is None else {"temperature": temperature})

    return make


@pytest.fixture
def context(tables: dict[str, Any]) -> Iterator[Made]:
    """Opens a job on the plan with some keys changed: `job(select={"budget": 5})`."""
    opened: list[RunContext] = []

    def make(**changes: Any) -> RunContext:
        tree = {**tables}
        for name, change in changes.items():
            tree[name] = {**tree.get(name, {}), **change} if isinstance(change, dict) else change
        config = parse_config(tree)
        opened.append(RunContext(config, Lake(config.lake), NullReporter()))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
        each.lake.close()
