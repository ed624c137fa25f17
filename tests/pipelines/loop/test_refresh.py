"""What a refresh takes from training's rollouts, what it attempts and what it leaves, on hand-made trainings."""

from collections.abc import Callable
from typing import Any

import pytest

from assay.core.errors import Stopped
from assay.core.types import Counts
from assay.maths.allocation.strata import SOLVED, UNSCORED, UNSOLVED
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.problems import read_side, side_ids
from assay.pipelines.data.scores import current_scores
from assay.pipelines.loop import refresh
from assay.pipelines.loop.refresh import (
    EarlierScore,
    SeenAttempts,
    choose_resamples,
    plan_rescoring,
    read_training_attempts,
)
from assay.pipelines.runner.stages import run_planned, run_stages
from assay.stores.maintenance.compaction import forget

MakeContext = Callable[..., RunContext]
NONE = {"n_correct": 0, "n_wrong": 8, "n_truncated": 0, "value": 0.06}
ALL = {"n_correct": 8, "n_wrong": 0, "n_truncated": 0, "value": 0.94}
IDS = [f"p{n:02d}" for n in range(40)]
SELECTED = set(IDS[:10])
# of the 30 dropped, 15 were never solved and 15 always
EARLIER = {id_: ALL if n % 2 else NONE for n, id_ in enumerate(IDS)}
GROUP = SeenAttempts(4, 4, Counts(correct=4, wrong=4))  # one group of 8 at the last step
OLD = SeenAttempts(2, 2, Counts(correct=4, wrong=4))  # the same long ago


def test_a_fresh_group_decides_and_an_old_one_is_topped_up(
    context: MakeContext,
) -> None:
    choice = choose_resamples(context(score={"n": 8}), IDS, SELECTED, {"p00": GROUP, "p01": OLD}, EARLIER)
    assert choice.decided == ("p00",)
    assert choice.wanted["p01"] == 4
    assert {choice.wanted[id_] for id_ in IDS[2:10]} == {8}


def test_of_the_dropped_those_never_solved_get_the_larger_share(context: MakeContext) -> None:
    choice = choose_resamples(
        context(loop={"resample_fraction": 0.1, "resample_unsolved_fraction": 0.4}), IDS, SELECTED, {}, EARLIER
    )
    assert choice.again == {UNSOLVED: (15, 6), SOLVED: (15, 2)}
    assert sorted([*choice.decided, *choice.wanted, *choice.carried, *choice.unscored]) == IDS


@pytest.mark.parametrize(
    ("knobs", "attempted"),
    [
        ({"resample_fraction": 0.0, "resample_unsolved_fraction": 0.0}, 10 - 2 + 1),  # the old group is not decided
        ({"resample_fraction": 1.0, "resample_unsolved_fraction": 1.0}, 30 + 9),
        ({"resample_fraction": 0.0, "resample_unsolved_fraction": 1.0}, 15 + 9),
        (
            {"resample_fraction": 0.0, "resample_unsolved_fraction": 0.0, "max_interval": 1.0},
            8,
        ),  # what was met is decided
        ({"resample_fraction": 0.0, "resample_unsolved_fraction": 0.0, "max_interval": 0.0}, 10),  # nothing is
    ],
)
def test_both_ends_of_each_knob(context: MakeContext, knobs: dict[str, float], attempted: int) -> None:
    choice = choose_resamples(context(loop=knobs), IDS, SELECTED, {"p00": GROUP, "p01": OLD}, EARLIER)
    assert len(choice.wanted) == attempted
    assert len(choice.decided) + len(choice.wanted) + len(choice.carried) == 40


def test_a_problem_without_a_score_is_a_stratum(
    context: MakeContext,
) -> None:
    earlier = {id_: row for id_, row in EARLIER.items() if id_ not in IDS[30:]}
    choice = choose_resamples(context(loop={"resample_fraction": 0.1}), IDS, SELECTED, {}, earlier)
    assert choice.again[UNSCORED] == (10, 1)
    assert len(choice.unscored) == 9


def test_training_that_graded_nothing_decides_nothing(context: MakeContext) -> None:
    choice = choose_resamples(
        context(loop={"max_interval": 1.0}), IDS, SELECTED, {"p00": SeenAttempts(counts=Counts(error=8))}, EARLIER
    )
    assert choice.wanted["p00"] == 4


def test_cut_attempts_are_failures_where_the_scorer_says_so(context: MakeContext) -> None:
    cut = {"n_correct": 0, "n_wrong": 0, "n_truncated": 4, "value": 0.1}
    for rule, stratum in (("wrong", UNSOLVED), ("ignore", UNSCORED)):
        choice = choose_resamples(context(policy={"truncated": rule}), IDS, SELECTED, {}, dict.fromkeys(IDS, cut))
        assert set(choice.again) == {stratum}


def refreshing(context: RunContext, before: EarlierScore) -> Stage:
    return plan_rescoring(context, run_stages(context, "split"), before)


@pytest.fixture
def trained(walked: MakeContext, context: MakeContext) -> Callable[..., tuple[RunContext, EarlierScore]]:
    """A run on the next policy, after a training whose rollouts are (step, right of 4) per selected problem."""

    def make(met: list[tuple[int, int]], **changes: Any) -> tuple[RunContext, EarlierScore]:
        old = walked()
        results = run_stages(old, "select")
        before = EarlierScore(results.rows_of("score"), results.rows_of("select"), "training")
        selected = sorted(refresh.selected_before(old, before.selection))
        rollouts: list[dict[str, Any]] = []
        like = old.lake.rows("SELECT * FROM rollouts ORDER BY id LIMIT 1")[0]
        judged = {
            row["problem_id"]: row
            for row in old.lake.rows("SELECT v.*, r.problem_id FROM verdicts v JOIN rollouts r ON r.id = v.rollout_id")
        }
        verdicts, logs = [], []
        for id_, (step, right) in zip(selected, met, strict=False):
            for sample in range(4):
                key = f"{id_}-{step}-{sample}"
                own = {
                    "problem_id": id_,
                    "policy": f"step-{step}",
                    "sample": sample,
                    "step": step,
                    "group": f"g-{step}",
                }
                rollouts.append({**like, "id": key, **own})
                verdict = {name: value for name, value in judged[id_].items() if name != "problem_id"}
                verdicts.append(
                    {
                        **verdict,
                        "id": f"v-{key}",
                        "rollout_id": key,
                        "outcome": "correct" if sample < right else "wrong",
                    }
                )
        for step in range(10):
            logs.append(
                {
                    "id": f"log-{step}",
                    "training": "training",
                    "step": step,
                    "name": "reward",
                    "value": 0.5,
                    "policy": f"step-{step}",
                }
            )
        old.lake.append({"rollouts": rollouts, "verdicts": verdicts, "train_metrics": logs})
        new = context(policy={"revision": "next", **changes.pop("policy", {})}, **changes)
        run_stages(new, "split")
        return new, before

    return make


def test_the_last_steps_weigh_most_and_older_ones_than_the_window_nothing(trained: Any) -> None:
    new, before = trained([(9, 4), (7, 4), (1, 4)], loop={"discount": 0.5, "recent_steps": 3})
    seen = read_training_attempts(new, "training", read_side(new, run_stages(new, "split"), "train")[1])
    assert sorted((attempts.right, attempts.wrong, attempts.counts.correct) for attempts in seen.values()) == [
        (1.0, 0.0, 4),
        (4.0, 0.0, 4),
    ]
    assert before.training == "training"


def test_rollouts_under_another_sampler_tell_nothing_and_no_window_is_no_evidence(trained: Any) -> None:
    for changes in ({"policy": {"temperature": 0.5}}, {"loop": {"recent_steps": 0}}):
        new, _ = trained([(9, 4)], **changes)
        assert read_training_attempts(new, "training", read_side(new, run_stages(new, "split"), "train")[1]) == {}


def test_a_refresh_scores_the_whole_pool_once_and_a_second_one_finds_it_done(trained: Any) -> None:
    new, before = trained([(9, 2), (9, 3)], loop={"max_interval": 0.9})
    stage = refreshing(new, before)
    outcome = run_planned(stage)
    detail = outcome.detail
    assert (detail["decided"], detail["decided"] + detail["attempted"] + detail["carried"] + detail["unscored"]) == (
        2,
        32,
    )
    assert new.meter.samples == detail["samples"] == stage.remaining().attempts_max
    rows = current_scores(new, outcome.key.rows)
    assert [row["problem_id"] for row in rows] == side_ids(new, run_stages(new, "split"), "train")
    policies = [row["policy"] for row in rows]
    assert policies.count("next") == detail["decided"] + detail["attempted"]
    counts = sorted(
        (row["n_correct"], row["n_wrong"], row["beta_a"], row["beta_b"])
        for row in rows
        if row["policy"] == "next" and row["n_wrong"]
    )
    assert (2, 2, 2.5, 2.5) in counts
    assert (3, 1, 3.5, 1.5) in counts
    assert refreshing(new, before).finished() is not None


def test_a_refresh_that_a_limit_stops_tells_no_rate(trained: Any) -> None:
    new, before = trained([(9, 2)], limit={"tokens": 10})
    with pytest.raises(Stopped, match=r"limit\.tokens = 10 reached.*no pass rates were updated"):
        run_planned(refreshing(new, before))
    assert new.lake.rows("SELECT count(*) AS n FROM stages WHERE stage = 'refresh'") == [{"n": 0}]
    drawn = new.meter.samples
    free, _ = trained([])
    outcome = run_planned(refreshing(free, before))
    assert free.meter.samples == outcome.detail["samples"] - drawn


def test_scores_that_are_no_pass_rates_are_measured_anew(trained: Any) -> None:
    new, before = trained([(9, 2)], score={"at_length": 8})
    assert refreshing(new, before).name == "score"


def test_a_policy_that_is_forgotten_takes_the_refresh_with_it(trained: Any) -> None:
    new, before = trained([(9, 2)])
    run_planned(refreshing(new, before))
    forget(new.lake, "policy", "next", keep_s=0)
    assert new.lake.rows("SELECT count(*) AS n FROM stages WHERE stage = 'refresh'") == [{"n": 0}]
    assert refreshing(new, before).finished() is None
