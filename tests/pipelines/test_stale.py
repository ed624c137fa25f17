"""A selection is fresh until its evidence grows, is judged anew, or its policy moves on."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from assay.pipelines.job import Job
from assay.pipelines.stale import selections
from assay.pipelines.walk import walk
from assay.verifiers.math import Math

Made = Callable[..., Job]


def logged(job: Job) -> Job:
    job.log_run("start")
    walk(job)
    return job


def test_a_selection_just_made_is_fresh_and_the_plan_s_own(job: Made) -> None:
    made = logged(job())
    (row,) = selections(made)
    assert row == {"selection": made.keys["select"], "kept": 10, "plan": True, "stale": False, "why": ""}


def test_attempts_that_came_later_make_it_stale_and_are_counted(job: Made) -> None:
    logged(job())
    more = logged(job(score={"n": 6}))
    first, second = selections(more)
    assert (first["stale"], first["plan"], first["why"]) == (True, False, f"{32 * 2} newer attempts of its policy and sampler")
    assert (second["stale"], second["plan"]) == (False, True)


def test_attempts_under_another_temperature_leave_it_fresh(job: Made) -> None:
    logged(job())
    first, _ = selections(logged(job(policy={"temperature": 0.5})))
    assert not first["stale"]


def test_a_changed_verifier_names_both_versions(job: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    made = logged(job())
    old = made.judge.version("math")
    monkeypatch.setattr(Math, "version", "next")
    (row,) = selections(job())
    assert (row["stale"], row["why"]) == (True, f"math@{old} is now math@next")


def test_another_policy_in_the_plan_is_named(job: Made) -> None:
    old = logged(job()).engine.policy.revision
    other = job(policy={"revision": "other"})
    (row,) = selections(other)
    assert row["why"] == f"made for policy {old}, and the plan's is other"


def test_training_since_then_has_moved_the_policy(job: Made) -> None:
    made = logged(job())
    (one, *_) = made.lake.rows("SELECT * FROM rollouts ORDER BY id")
    trained: dict[str, Any] = {**one, "id": "trained", "policy": "step-1", "step": 1}
    start: dict[str, Any] = {"id": "start", "event": "start", "time": time.time() + 1}
    made.lake.append({"rollouts": [trained], "runs": [start]}, run="training")
    (row,) = selections(made)
    assert row["why"] == "training has moved on to step-1 (1 attempts)"


def test_a_selection_that_does_not_name_its_scores_is_unknown_and_neither_fresh_nor_stale(job: Made) -> None:
    made = job()
    made.lake.append({"stages": [{"id": "old", "stage": "select", "key": "old", "rows_in": 3, "rows_out": 2, "detail": "{}", "seconds": 0.0}]})
    (row,) = selections(made)
    assert (row["selection"], row["kept"], row["stale"]) == ("old", 2, None)
