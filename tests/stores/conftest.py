"""Rows to fill lakes with, small enough to count by hand."""

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest

from assay.stores import renames, tables
from assay.stores.sql import definitions, views
from assay.stores.tables import schemas

Row = dict[str, Any]


def label(id_: str, problem: str = "p") -> Row:
    return {"id": id_, "problem_id": problem, "answer": "4", "verifier": "math", "origin": "gold"}


def attempts(problem: str, outcomes: str, *, policy: str = "rev", sampler: str = "s") -> dict[str, list[Row]]:
    """Rollouts, texts and verdicts of one problem: c = correct, w = wrong, t = truncated, e = verifier_error."""
    named = {"c": "correct", "w": "wrong", "t": "truncated", "e": "verifier_error"}
    ids = [f"{problem}-{policy}-{n}" for n in range(len(outcomes))]
    rollout = {
        "problem_id": problem,
        "policy": policy,
        "policy_name": f"name of {policy}",
        "sampler": sampler,
        "seed": 1,
        "guided": False,
    }
    rollouts = [
        {**rollout, "id": id_, "sample": n, "tokens": 3, "prompt_tokens": 2, "finish": "stop", "engine": "scripted"}
        for n, id_ in enumerate(ids)
    ]
    verdict = {"label_id": f"l-{problem}", "verifier": "math", "version": "1", "extracted": "4", "reason": ""}
    verdicts = [
        {**verdict, "id": f"v-{id_}", "rollout_id": id_, "outcome": named[outcome], "reward": float(outcome == "c")}
        for id_, outcome in zip(ids, outcomes, strict=True)
    ]
    return {"rollouts": rollouts, "texts": [{"id": id_, "text": f"text of {id_}"} for id_ in ids], "verdicts": verdicts}


@pytest.fixture
def labels() -> Callable[..., Row]:
    return label


@pytest.fixture
def attempted() -> Callable[..., dict[str, list[Row]]]:
    return attempts


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Adds a table as one more file in `stores/tables` would; `instead` names one whose file goes."""
    caches = (schemas, definitions.definitions, views.everything, renames._tables, renames._columns)

    def add(name: str, schema: pa.Schema, *, instead: str = "") -> None:
        module = ModuleType(f"assay.stores.tables.{name}")
        module.SCHEMA = schema  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        files = sorted({*schemas(), name} - {instead})
        monkeypatch.setattr(tables, "list_parts", lambda _kind: files)
        for cache in caches:
            cache.cache_clear()

    yield add
    monkeypatch.undo()
    for cache in caches:
        cache.cache_clear()
