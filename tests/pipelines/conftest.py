"""A small pool of sums, attempted by the scripted engine."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.api import Silence
from assay.core.plan import parse_plan
from assay.pipelines.job import Job
from assay.stores.lake import Lake

Made = Callable[..., Job]


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    """40 sums as JSONL, answers as text."""
    path = tmp_path / "sums.jsonl"
    rows = [{"prompt": f"What is {n} + {n % 7}?", "answer": str(n + n % 7)} for n in range(10, 50)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def tables(sums: Path, tmp_path: Path) -> dict[str, Any]:
    """A whole plan over them, as a mapping."""
    return {
        "name": "sums",
        "seed": 3,
        "lake": str(tmp_path / "lake"),
        "source": [{"part": "files", "paths": str(sums)}],
        "split": {"held_out": 8},
        "policy": {"model": "scripted", "engine": "scripted", "rule": "sum", "max_tokens": 16},
        "score": {"n": 4, "truncated": "wrong"},
        "embed": {"encoder": "tfidf", "clusters": 3},
        "select": {"budget": 10},
    }


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
