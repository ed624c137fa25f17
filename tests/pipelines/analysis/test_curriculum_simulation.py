"""What training would meet under each curriculum."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.types import Counts, GroupResult, Pool
from assay.curricula.dynamic import Dynamic
from assay.curricula.online.state import FixedOrder
from assay.curricula.pilot_groups import PilotGroups
from assay.maths.rl.group_signal import group_signal
from assay.pipelines.analysis.curriculum_simulation import simulate_curricula
from assay.pipelines.analysis.simulated_steps import binomial_attempts, simulate_step
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages

MakeContext = Callable[..., RunContext]


def test_the_plan_comes_first_shuffled_last_and_nothing_is_written(context: MakeContext) -> None:
    run_context = context(train={"steps": 5, "problems_per_step": 2})
    run_stages(run_context)
    before = run_context.lake.files()
    simulated = simulate_curricula(run_context, ["posterior", "bandit bins=2"], repeats=4)
    assert run_context.lake.files() == before
    assert [row["curriculum"] for row in simulated["curricula"]] == ["plan", "posterior", "bandit bins=2", "shuffled"]
    assert simulated["problems"] == 10
    for row in simulated["curricula"]:
        assert 0 <= row["signal"] <= 1
        assert row["paid"] == row["trained"] == 2
        assert row["tokens"] > 0
    assert simulated == simulate_curricula(run_context, ["posterior", "bandit bins=2"], repeats=4)


def test_before_the_selection_it_says_which_stage_is_missing(context: MakeContext) -> None:
    with pytest.raises(ConfigError, match="needs ingest"):
        simulate_curricula(context())


def test_a_setting_that_does_not_fit_is_refused(walked: MakeContext) -> None:
    run_context = walked()
    with pytest.raises(ConfigError, match="temperature"):
        simulate_curricula(run_context, ["bandit temperature=-1"])
    with pytest.raises(ConfigError, match="key=value"):
        simulate_curricula(run_context, ["bandit warm"])


def test_a_step_is_refilled_until_it_is_full_and_never_beyond_its_bound() -> None:
    pool = Pool(tuple(f"p{n}" for n in range(10)))
    sizes: list[int] = []

    def attempt(ids: Any, rollouts: int) -> list[GroupResult]:
        sizes.append(len(ids))
        return [GroupResult(id_, Counts(correct=1, wrong=7), advantage=float(len(sizes) > 1)) for id_ in ids]

    assert len(simulate_step(Dynamic(refills=10).begin(pool, seed=0), 4, 8, attempt)[0]) == 8
    assert sizes == [4, 4]
    course = Dynamic(refills=3).begin(pool, seed=0)
    hopeless = simulate_step(course, 2, 8, lambda ids, rollouts: [GroupResult(id_, Counts()) for id_ in ids])
    assert (len(hopeless[0]), hopeless[1]) == (8, 0)


def test_refilling_pays_for_whole_batches_until_a_step_is_full() -> None:
    """At p = .1 a group of eight is mixed .57 of the time: one batch of eight is hardly ever full, two nearly always are."""
    course, rng = Dynamic().begin(Pool(("p",)), seed=0), np.random.default_rng(0)
    attempt = binomial_attempts({"p": 0}, lambda: np.array([0.1]), rng)
    simulated = [simulate_step(course, 8, 8, attempt) for _ in range(200)]
    assert all(trained == 8 for _, trained in simulated)
    groups = [group for paid, _ in simulated for group in paid]
    assert np.mean([group.advantage > 0 for group in groups]) == pytest.approx(float(group_signal(0.1, 8)), abs=0.03)
    assert 15.5 <= len(groups) / 200 <= 18


def test_a_pilot_that_goes_on_is_a_part_of_its_group() -> None:
    """Of 400 problems a tenth is alive at one half: some 40 rollouts of pilots find one, and 6 more complete it."""
    ids = tuple(f"p{n:03}" for n in range(400))
    rng = np.random.default_rng(0)
    rate = np.where(np.arange(400) % 10 == 0, 0.5, 0.0)
    attempt = binomial_attempts({id_: row for row, id_ in enumerate(ids)}, lambda: rate, rng)
    course = PilotGroups(defer_steps=0).begin(Pool(ids), seed=0)
    steps = [simulate_step(course, 4, 8, attempt) for _ in range(40)]
    paid = [result for results, _ in steps for result in results]
    assert {result.counts.total for result in paid} == {2, 8}
    whole = [result for result in paid if result.counts.total == 8]
    assert len(whole) == 160
    mixed = [0 < result.counts.correct < 8 for result in whole]
    assert np.mean(mixed) > 0.95  # one that waited a step begins anew, and may be alike
    assert sum(result.counts.total for result in paid) / 160 == pytest.approx(46, rel=0.15)


def test_a_fixed_order_wraps_around() -> None:
    course = FixedOrder(("b", "a", "b"))
    assert course.sample(4) == ("b", "a", "b", "b")
    assert course.sample(1) == ("a",)
