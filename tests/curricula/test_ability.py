import numpy as np
import pytest
from scipy.special import expit

from assay.core.types import Counts, GroupResult, Pool
from assay.curricula.ability import Ability


def online(difficulty, **settings):
    pool = Pool(tuple(f"p{row:03d}" for row in range(len(difficulty))), {"b": np.asarray(difficulty, dtype=float)})
    return Ability(by="b", **settings).begin(pool, seed=0)


def test_only_problems_within_reach_are_drawn_and_the_easiest_at_least():
    reach = online([-1, 0, 1, 2], min_candidates=1)
    assert {id_ for _ in range(30) for id_ in reach.sample(1)} == {"p000", "p001"}
    assert set(online([1, 2, 3], min_candidates=2).sample(2)) == {"p000", "p001"}


def test_a_margin_admits_problems_down_to_a_chance_of_success():
    assert online([0.0, 0.8, 0.9], min_candidates=1, margin=float(np.log(1 / 0.3 - 1))).within == 2  # .847


def test_an_able_policy_reaches_further_and_a_stagnant_one_is_nudged():
    reach = online(np.linspace(-3, 3, 61), min_candidates=1, update_steps=1, stagnation_step=0.1)
    reach.observe([GroupResult("p030", Counts(correct=30, wrong=10))])
    first = reach.theta
    assert first == pytest.approx(1.05, abs=0.06)  # logit of .75 is 1.10, drawn a little to 0 by the prior
    reach.observe([GroupResult("p030", Counts(correct=0, wrong=40))])
    assert reach.theta == pytest.approx(first + 0.1)


def test_theta_is_calibrated_on_simulated_responses():
    rng = np.random.default_rng(0)
    difficulty = rng.normal(size=400)
    errors = []
    for theta in (-1.0, 0.0, 1.5):
        reach = online(difficulty, update_steps=1)
        right = rng.binomial(8, expit(theta - difficulty))
        reach.observe([GroupResult(f"p{row:03d}", Counts(int(k), 8 - int(k))) for row, k in enumerate(right)])
        errors.append(reach.theta - theta)
    assert np.abs(errors).max() < 0.15  # standard error .04


def test_where_nothing_is_solvable_theta_stays_finite_and_the_easiest_are_walked():
    reach = online([0.0, 1.0, 2.0], min_candidates=1, update_steps=1, stagnation_step=0.0)
    for _ in range(5):
        reach.observe([GroupResult("p000", Counts(wrong=64))])
    assert -20 < reach.theta < -2
    assert reach.sample(1) == ("p000",)


def test_a_policy_that_solves_nothing_is_not_nudged_towards_harder_problems():
    reach = online(np.linspace(-3, 3, 61), min_candidates=2, update_steps=1)
    for _ in range(200):
        reach.observe([GroupResult("p000", Counts(wrong=8))])
    assert reach.theta < -5
    assert reach.within == 2


def test_minus_the_logit_of_the_mean_is_the_difficulty(pool_of):
    reach = Ability(min_candidates=1).begin(pool_of([0.9, 0.5, 0.1]), seed=0)
    assert reach.difficulty.round(2).tolist() == [-2.2, 0.0, 2.2]
    assert reach.within == 2  # theta = 0: half the time or more
