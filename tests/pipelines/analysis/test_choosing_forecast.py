"""Forecasts of what a mixed group costs under each way of choosing, against trainings in pools whose rates are known."""

import numpy as np
import pytest

from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta
from assay.pipelines.analysis.choosing_forecast import (
    WAYS,
    TrainingSize,
    Way,
    expected_regrets,
    forecast_ways,
    score_all,
    score_until_enough,
    simulate_way,
)
from assay.pipelines.analysis.choosing_worlds import PoolAttempts, World

UNIFORM, BINS = WAYS[0], WAYS[3]
EVEN = ZeroInflatedBeta.of(0.5, 1.0, zero=0.5)
NOTHING = np.zeros((2, 1), dtype=np.int64)  # stored and right
SIZE = TrainingSize(steps=10, groups=8, group_size=8)


def pool(rng, n=400, alive=0.15, told=True, long_dead=1.0):
    """Two sources; the living problems are of one of them where `told`, else of both alike."""
    living = rng.random(n) < alive
    rate = np.where(living, rng.beta(2, 6, n), 0.0)
    source = np.where(living | (rng.random(n) < 0.2), "a", "b") if told else rng.choice(["a", "b"], n)
    return World(rate, np.where(living, 100.0, 100.0 * long_dead), source, *NOTHING.repeat(n, 1), EVEN)


def pilot_of(world, rng, tried, n=4):
    """Attempts at some of the problems."""
    asked = np.isin(np.arange(len(world.rate)), rng.permutation(len(world.rate))[:tried])
    correct = rng.binomial(n, world.rate) * asked
    return PoolAttempts(correct, n * asked - correct, np.where(asked, world.tokens, np.nan), world.source)


def test_where_every_rate_is_one_half_a_group_costs_its_eight_attempts_under_every_way():
    attempts = PoolAttempts(np.full(50, 200), np.full(50, 200), np.full(50, 10.0), np.full(50, "a"))
    found = forecast_ways(attempts, SIZE, ways=[UNIFORM, BINS], worlds=4)
    for row in found["rows"]:
        assert row["whole"] == pytest.approx((80.6, 80.6, 80.6), rel=0.03)  # 8 x 10 / .992
    assert not found["pays"]


def test_scoring_is_charged_for_what_is_not_stored_and_shared_by_its_uses():
    rng = np.random.default_rng(0)
    world = pool(rng)
    way = Way("scoring", settings={"epochs": 1}, scored=4)
    assert simulate_way(world, way, SIZE, 0.0, (0,)).before == pytest.approx(4 * 400 * 100)
    stored = World(world.rate, world.tokens, world.source, np.full(400, 3), np.zeros(400, dtype=np.int64), EVEN)
    run = simulate_way(stored, way, SIZE, 0.0, (0,))
    assert run.before == pytest.approx(400 * 100)
    mixed, tokens = run.mixed.sum(), run.tokens.sum()
    assert run.cost(5)[1] == pytest.approx((tokens + 400 * 100 / 5) / mixed)


def test_scoring_that_stops_at_enough_pays_for_a_part_of_the_pool():
    world = pool(np.random.default_rng(0), n=2000)
    enough = simulate_way(world, Way("enough", enough=True), SIZE, 0.0, (0,), budget=30)
    whole = simulate_way(world, Way("all", scored=4), SIZE, 0.0, (0,))
    assert enough.before < 0.4 * whole.before
    assert enough.mixed.sum() / (8 * SIZE.steps) > 0.7


def test_bins_pay_where_sources_tell_and_nothing_pays_where_all_problems_are_alike():
    rng = np.random.default_rng(0)
    told = forecast_ways(
        pilot_of(pool(rng, alive=0.1), rng, 200), TrainingSize(30, 8, 8), ways=[UNIFORM, BINS], worlds=8
    )
    assert told["best"] == "bins by source"
    assert told["pays"]
    alike = World(np.full(400, 0.4), np.full(400, 100.0), rng.choice(["a", "b"], 400), *NOTHING.repeat(400, 1), EVEN)
    assert not forecast_ways(pilot_of(alike, rng, 200), SIZE, ways=[UNIFORM, BINS], worlds=4)["pays"]


def test_the_named_way_loses_least_in_the_mean_over_worlds():
    """Bold is cheaper in three of four worlds, by 10%, and three times as costly in the fourth."""
    costs = {"steady": np.full(4, 10.0), "bold": np.array([9.0, 9.0, 9.0, 30.0])}
    assert expected_regrets(costs) == pytest.approx({"steady": 3 * (1 / 9) / 4, "bold": 2 / 4})
    nothing = {"steady": np.array([10.0, np.inf]), "bold": np.array([np.inf, np.inf])}
    assert expected_regrets(nothing) == {"steady": 0.0, "bold": np.inf}


def test_the_named_way_is_that_of_the_least_expected_regret():
    rng = np.random.default_rng(3)
    found = forecast_ways(pilot_of(pool(rng), rng, 150), SIZE, worlds=6, budget=40)
    assert found["regrets"].keys() == {way.name for way in WAYS}
    assert found["best"] == min(found["regrets"], key=found["regrets"].__getitem__)


def test_dead_problems_with_long_answers_cost_uniform_more():
    costs = []
    for long_dead in (1.0, 3.0):
        world = pool(np.random.default_rng(1), long_dead=long_dead)
        attempts = pilot_of(world, np.random.default_rng(2), 200)
        low, middle, high = forecast_ways(attempts, SIZE, ways=[UNIFORM], worlds=16)["rows"][0]["whole"]
        assert low < simulate_way(world, UNIFORM, SIZE, 0.0, (9,)).cost(1)[1] < high
        costs.append(middle)
    assert 0.15 + 0.85 * 2 < costs[1] / costs[0] < 0.15 + 0.85 * 4


def test_a_drift_upwards_makes_mixed_groups_cheaper_in_a_pool_of_low_rates():
    attempts = PoolAttempts(np.full(60, 4), np.full(60, 96), np.full(60, 10.0), np.full(60, "a"))
    still, rising = (
        forecast_ways(attempts, SIZE, ways=[UNIFORM], worlds=3, drift=drift)["rows"][0]["whole"][1]
        for drift in (0.0, 2.0)
    )
    assert rising < 0.8 * still


def test_stored_outcomes_count_and_are_not_drawn_again():
    """Every rate is one half, yet what is stored says that the first half of the problems is right or wrong in all attempts."""
    n = 200
    right = np.where(np.arange(n) < 50, 4, np.where(np.arange(n) < 100, 0, 2))
    world = World(np.full(n, 0.5), np.full(n, 10.0), np.full(n, "a"), np.full(n, 4), right, EVEN)
    for way in (Way("four", scored=4), Way("enough", enough=True)):
        run = simulate_way(world, way, SIZE, 0.0, (0,), budget=100)
        assert run.before == 0
    kept, tried = score_all(world, 4, np.random.default_rng(0))
    assert kept.tolist() == list(range(100, 200))
    assert set(tried.tolist()) == {4}
    kept, tried = score_until_enough(world, 100, np.random.default_rng(0))
    assert kept.tolist() == list(range(100, 200))


@pytest.mark.service  # seconds of fits
def test_intervals_of_eighty_per_cent_hold_what_a_training_then_costs():
    """Pools that the forecast has not seen, each with one training under two ways: 20 cells, some 16 of them inside."""
    inside, errors = [], []
    for number in range(10):
        rng = np.random.default_rng(number)
        world = pool(rng, alive=rng.uniform(0.1, 0.5), told=bool(number % 2), long_dead=rng.uniform(0.5, 3))
        found = forecast_ways(pilot_of(world, rng, 120), SIZE, ways=[UNIFORM, BINS], worlds=12, seed=number)
        for row, way in zip(found["rows"], (UNIFORM, BINS), strict=True):
            cost = simulate_way(world, way, SIZE, 0.0, (999, number)).cost(1)[1]
            inside.append(row["whole"][0] <= cost <= row["whole"][2])
            errors.append(abs(row["whole"][1] / cost - 1))
    assert 0.6 <= np.mean(inside) <= 0.96  # 80% of 20 cells, two standard deviations
    assert np.median(errors) < 0.3
