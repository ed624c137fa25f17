"""A selection is fresh until its evidence grows, is judged anew, or its policy moves on."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from assay.pipelines.analysis.staleness import list_selections
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages, survey_stages
from assay.verifiers.math.verifier import Math

MakeContext = Callable[..., RunContext]


def logged(context: RunContext) -> RunContext:
    context.log_run("start")
    run_stages(context)
    return context


@pytest.fixture
def first(kept: MakeContext, resumed: MakeContext) -> RunContext:
    """Such a run on a copy of its lake."""
    kept(name="logged").log_run("start")
    return resumed(name="logged")


def selections_of(context: RunContext) -> list[dict[str, Any]]:
    return list_selections(context, survey_stages(context).results)


def test_a_selection_just_made_is_fresh_and_the_plan_s_own(first: RunContext) -> None:
    run_context = first
    (row,) = selections_of(run_context)
    assert row == {
        "selection": survey_stages(run_context).results.rows_of("select"),
        "kept": 10,
        "plan": True,
        "stale": False,
        "why": "",
    }


def test_attempts_that_came_later_make_it_stale_and_are_counted(first: RunContext, context: MakeContext) -> None:
    more = logged(context(score={"n": 6}))
    old, new = selections_of(more)
    assert (old["stale"], old["plan"], old["why"]) == (
        True,
        False,
        f"{32 * 2} newer attempts of its policy and sampler",
    )
    assert (new["stale"], new["plan"]) == (False, True)


def test_attempts_under_another_temperature_leave_it_fresh(first: RunContext, context: MakeContext) -> None:
    old, _ = selections_of(logged(context(policy={"temperature": 0.5})))
    assert not old["stale"]


def test_a_changed_verifier_names_both_versions(
    first: RunContext, context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = first.judge.version("math")
    monkeypatch.setattr(Math, "version", "next")
    (row,) = selections_of(context())
    assert (row["stale"], row["why"]) == (True, f"math@{old} is now math@next")


def test_another_policy_in_the_plan_is_named(first: RunContext, context: MakeContext) -> None:
    old = first.engine.policy.revision
    other = context(policy={"revision": "other"})
    (row,) = selections_of(other)
    assert row["why"] == f"made for policy {old}, and the config's is other"


def test_training_since_then_has_moved_the_policy(first: RunContext) -> None:
    run_context = first
    (rollout, *_) = run_context.lake.rows("SELECT * FROM rollouts ORDER BY id")
    trained: dict[str, Any] = {**rollout, "id": "trained", "policy": "step-1", "step": 1}
    start: dict[str, Any] = {"id": "start", "event": "start", "time": time.time() + 1}
    run_context.lake.append({"rollouts": [trained], "runs": [start]}, run="training")
    (row,) = selections_of(run_context)
    assert row["why"] == "training has moved on to step-1 (1 attempts)"


def test_a_selection_that_does_not_name_its_scores_is_neither_fresh_nor_stale(context: MakeContext) -> None:
    run_context = context()
    run_context.lake.append(
        {
            "stages": [
                {
                    "id": "old",
                    "stage": "select",
                    "key": "old",
                    "rows_in": 3,
                    "rows_out": 2,
                    "detail": "{}",
                    "seconds": 0.0,
                }
            ]
        }
    )
    (row,) = selections_of(run_context)
    assert (row["selection"], row["kept"], row["stale"]) == ("old", 2, None)
