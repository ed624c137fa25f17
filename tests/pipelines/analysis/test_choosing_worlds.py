"""States that some attempts at a pool leave possible, against pools whose rates are known."""

from itertools import islice

import numpy as np
import pytest

from assay.maths.beta.rate_classes import RateDraw
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta
from assay.pipelines.analysis.choosing_worlds import PoolAttempts, draw_worlds, tokens_by_rank


def worlds_of(attempts, n=12, **settings):
    return list(islice(draw_worlds(attempts, 0, **settings), n))


def test_attempts_are_facts_in_every_world_and_the_rest_is_drawn():
    correct, tried = np.array([2, 0, 4, 1] * 30), np.array([4] * 100 + [0] * 20)
    attempts = PoolAttempts(
        correct * (tried > 0), (4 - correct) * (tried > 0), np.where(tried > 0, 10.0, np.nan), np.full(120, "a")
    )
    worlds = worlds_of(attempts)
    for world in worlds:
        assert world.stored.tolist() == attempts.tried.tolist()
        assert world.right.tolist() == attempts.correct.tolist()
        assert (world.rate[:100][attempts.correct[:100] % 4 > 0] > 0).all()
        assert not np.isnan(world.tokens).any()
    assert len({world.rate.tobytes() for world in worlds}) == 12
    assert len(worlds_of(attempts, n=1, shrink=0.25)[0].rate) == 30


def test_problems_that_were_not_attempted_take_rate_and_tokens_of_their_source():
    """Source a is solved and short, b hopeless and long."""
    solved, asked = np.repeat([1, 0], 100), np.tile([1, 0], 100)
    attempts = PoolAttempts(
        20 * solved * asked,
        20 * (1 - solved) * asked,
        np.where(asked, np.where(solved, 10.0, 99.0), np.nan),
        np.repeat(["a", "b"], 100),
    )
    for world in worlds_of(attempts, n=4):
        assert set(world.tokens[:100].tolist()) == {10.0}
        assert set(world.tokens[100:].tolist()) == {99.0}
        assert np.median(world.rate[:100]) > 0.9 > 0.1 > np.median(world.rate[100:])


def test_a_source_of_few_attempts_has_the_rates_of_the_whole_pool():
    rng = np.random.default_rng(0)
    source = np.where(np.arange(400) < 380, "a", "b")
    correct = rng.binomial(8, np.where(rng.random(400) < 0.5, 0.0, 0.5))
    asked = (np.arange(400) % 2 == 0) & (np.arange(400) < 390)  # of b 5
    attempts = PoolAttempts(correct * asked, (8 - correct) * asked, np.where(asked, 10.0, np.nan), source)
    shares = [float((world.rate[390:] == 0).mean()) for world in worlds_of(attempts, n=24)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.14)


@pytest.mark.parametrize(("solved", "low", "high"), [(6, 0.0, 0.25), (3, 0.3, 0.7), (0, 0.75, 1.0)])
def test_few_attempts_at_a_source_say_how_much_of_it_can_be_solved(solved, low, high):
    """Half of the pool is never solved; of source b six problems were attempted, and so many of them were solved."""
    n, source = 400, np.where(np.arange(400) < 300, "a", "b")
    asked = (np.arange(n) < 200) | ((np.arange(n) >= 300) & (np.arange(n) < 306))
    correct = np.where(np.arange(n) % 2 == 0, 8, 0)
    correct[300:306] = np.where(np.arange(6) < solved, 8, 0)
    attempts = PoolAttempts(correct * asked, (16 - correct) * asked, np.where(asked, 10.0, np.nan), source)
    shares = [float((world.rate[306:] == 0).mean()) for world in worlds_of(attempts, n=24)]
    assert low < np.mean(shares) < high


@pytest.mark.parametrize("long_dead", [3.0, 1.0])
def test_lengths_tell_which_problems_are_dead_where_they_differ(long_dead):
    """Of the problems that 2 attempts did not solve, the living ones are as short as those that were solved."""
    rng = np.random.default_rng(1)
    living = rng.random(300) < 0.4
    correct = rng.binomial(2, np.where(living, 0.3, 0.0))
    tokens = np.where(living, 100.0, 100.0 * long_dead)
    worlds = worlds_of(PoolAttempts(correct, 2 - correct, tokens, np.full(300, "a")), n=20)
    dead = np.mean([world.rate == 0 for world in worlds], axis=0)
    apart = dead[~living].mean() - dead[living & (correct == 0)].mean()
    assert apart > 0.9 if long_dead > 1 else abs(apart) < 0.05


def test_tokens_of_new_problems_follow_the_rank_of_their_rates_within_their_class():
    draw = RateDraw(np.array([0, *[1] * 90]), np.array([0.0, *np.linspace(0.01, 0.9, 90)]), ZeroInflatedBeta.of(1, 1))
    kind, rate = np.array([1, 0, 1, 1, 2]), np.array([0.8, 0.0, 0.2, 0.3, 1.0])
    tokens = np.array([7.0, *np.linspace(901, 10, 90)])
    found = [tokens_by_rank(kind, rate, draw, tokens, np.random.default_rng(seed)) for seed in range(5)]
    for row in found:
        assert row[0] < row[3] < row[2]
        assert row[1] == 7
        assert row[4] in tokens  # of a class that no attempted problem is in
    assert len({row[2] for row in found}) > 1
