"""What training would meet under each curriculum."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.types import Counts, GroupResult, Pool
from assay.curricula.dynamic import Dynamic
from assay.curricula.online.state import FixedOrder
from assay.maths.rl.group_signal import group_signal
from assay.pipelines.analysis.curriculum_simulation import forecast, step
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages

MakeContext = Callable[..., RunContext]


def test_the_plan_comes_first_shuffled_last_and_nothing_is_written(context: MakeContext) -> None:
    run_context = context(train={"steps": 5, "problems_per_step": 2})
    run_stages(run_context)
    before = run_context.lake.files()
    simulated = forecast(run_context, ["posterior", "bandit bins=2"], repeats=4)
    assert run_context.lake.files() == before
    assert [row["curriculum"] for row in simulated["curricula"]] == ["plan", "posterior", "bandit bins=2", "shuffled"]
    assert simulated["problems"] == 10
    for row in simulated["curricula"]:
        assert 0 <= row["signal"] <= 1
        assert row["paid"] == row["trained"] == 2
        assert row["tokens"] > 0
    assert simulated == forecast(run_context, ["posterior", "bandit bins=2"], repeats=4)


def test_before_the_selection_it_says_which_stage_is_missing(context: MakeContext) -> None:
    with pytest.raises(ConfigError, match="needs ingest"):
        forecast(context())


def test_a_setting_that_does_not_fit_is_refused(context: MakeContext) -> None:
    run_context = context()
    run_stages(run_context)
    with pytest.raises(ConfigError, match="temperature"):
        forecast(run_context, ["bandit temperature=-1"])
    with pytest.raises(ConfigError, match="key=value"):
        forecast(run_context, ["bandit warm"])


def test_a_step_is_refilled_until_it_is_full_and_never_beyond_its_bound() -> None:
    pool = Pool(tuple(f"p{n}" for n in range(10)))
    sizes: list[int] = []

    def attempt(ids: Any) -> list[GroupResult]:
        sizes.append(len(ids))
        return [GroupResult(id_, Counts(correct=1, wrong=7), advantage=float(len(sizes) > 1)) for id_ in ids]

    assert len(step(Dynamic(refills=10).begin(pool, seed=0), 4, attempt)[0]) == 8
    assert sizes == [4, 4]
    hopeless = step(Dynamic(refills=3).begin(pool, seed=0), 2, lambda ids: [GroupResult(id_, Counts()) for id_ in ids])
    assert (len(hopeless[0]), hopeless[1]) == (8, 0)


def test_refilling_pays_for_one_group_in_the_kept_share() -> None:
    """At p = .1 a group of eight is mixed .57 of the time, so 1 / .57 groups are paid for each that is trained on."""
    rng = np.random.default_rng(0)

    def attempt(ids: Any) -> list[GroupResult]:
        return [
            GroupResult(id_, Counts(int(k), 8 - int(k)), float(0 < k < 8))
            for id_, k in zip(ids, rng.binomial(8, 0.1, len(ids)), strict=True)
        ]

    course = Dynamic().begin(Pool(("p",)), seed=0)
    simulated = [step(course, 8, attempt) for _ in range(200)]
    paid, admitted = sum(len(groups) for groups, _ in simulated), sum(admitted for _, admitted in simulated)
    assert 1590 <= admitted <= 200 * 8  # ten refills leave a step short about once in a thousand
    assert admitted / paid == pytest.approx(float(group_signal(0.1, 8)), abs=0.03)


def test_a_fixed_order_wraps_around() -> None:
    course = FixedOrder(("b", "a", "b"))
    assert course.sample(4) == ("b", "a", "b", "b")
    assert course.sample(1) == ("a",)
