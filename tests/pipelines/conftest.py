"""A small pool of sums, attempted by the scripted engine."""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from assay.api import Silence
from assay.core.plan import parse_plan
from assay.pipelines.job import Job
from assay.pipelines.walk import walk
from assay.stores.lake import Lake

Made = Callable[..., Job]


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
        "source": [{"part": "files", "paths": str(sums)}],
        "split": {"held_out": 8},
        "policy": {"model": "scripted", "engine": "scripted", "rule": "sum", "max_tokens": 16},
        "score": {"n": 4, "truncated": "wrong"},
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
        plan = parse_plan(tables)
        with Lake(plan.lake) as lake, Job(plan, lake, Silence()) as job:
            walk(job)
        return folder

    return made


@pytest.fixture
def walked(finished: Callable[[float | None], Path], tables: dict[str, Any], job: Made, tmp_path: Path) -> Made:
    """A job like `job`'s, on a copy of a lake that holds the finished plan."""

    def make(temperature: float | None = None) -> Job:
        folder = finished(temperature)
        shutil.copytree(folder / "lake", tmp_path / "lake")
        tables["source"] = [{"part": "files", "paths": str(folder / "sums.jsonl")}]
        return job(policy={} if temperature is None else {"temperature": temperature})

    return make


@pytest.fixture
def job(tables: dict[str, Any]) -> Iterator[Made]:
    """Opens a job on the plan with some keys changed: `job(select={"budget": 5})`."""
    opened: list[Job] = []

    def make(**changes: Any) -> Job:
        tree = {**tables}
        for name, change in changes.items():
            tree[name] = {**tree.get(name, {}), **change} if isinstance(change, dict) else change
        plan = parse_plan(tree)
        opened.append(Job(plan, Lake(plan.lake), Silence()))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
        each.lake.close()
