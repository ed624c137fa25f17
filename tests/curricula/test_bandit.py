import numpy as np
import pytest

from assay.core.types import Counts, Group
from assay.curricula.bandit import Bandit


def group(id_, advantage):
    return Group(id_, Counts(), advantage)


def test_value_moves_by_alpha_towards_the_mean_advantage_and_absent_arms_stay(pool_of):
    draws = Bandit(bins=2, alpha=0.5).begin(pool_of([0.9, 0.8, 0.2, 0.1]), seed=0)  # arms: p0 p1, and p2 p3
    draws.observe([group("p0", 1.0), group("p1", 0.0)])
    assert draws.value.tolist() == [0.25, 0.0]
    draws.observe([group("p3", 0.8)])
    assert draws.value.tolist() == [0.25, 0.4]


def test_the_released_code_lets_absent_arms_decay(pool_of):
    draws = Bandit(bins=2, alpha=0.5, decay_absent=True).begin(pool_of([0.9, 0.1]), seed=0)
    draws.observe([group("p0", 1.0)])
    draws.observe([group("p1", 1.0)])
    assert draws.value.tolist() == [0.25, 0.5]


def test_chances_are_boltzmann_and_even_when_nothing_is_learnt(pool_of):
    draws = Bandit(bins=2, temperature=0.5).begin(pool_of([0.9, 0.1]), seed=0)
    assert draws.chances == {0: 0.5, 1: 0.5}
    draws.value = np.array([0.5, 0.0])
    assert draws.chances[0] == pytest.approx(np.e / (np.e + 1))
    for _ in range(30):
        draws.observe([group("p0", 0.0), group("p1", 0.0)])
    assert draws.chances[0] == pytest.approx(0.5)


def test_an_arm_without_refill_leaves_when_it_is_used_up_and_training_ends_with_the_last(pool_of):
    draws = Bandit(bins=2, refill=False).begin(pool_of([0.9, 0.8, 0.2, 0.1]), seed=0)
    assert sorted(draws.next(3) + draws.next(3)) == ["p0", "p1", "p2", "p3"]
    assert draws.next(2) == ()


def test_values_of_a_column_can_be_the_arms(pool_of):
    draws = Bandit(by="source", bins=0).begin(pool_of([0.5] * 3, source=["a", "b", "a"]), seed=0)
    assert draws.own.tolist() == [0, 1, 0]


def test_mass_moves_to_the_arm_near_one_half_and_follows_when_it_changes(pool_of):
    """Three arms of known rates: easy, learnable, impossible; after 40 steps the learnable one becomes easy and the impossible one learnable."""
    late = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        draws = Bandit(bins=3, alpha=0.5, temperature=0.2).begin(pool_of(np.repeat([0.99, 0.5, 0.01], 10)), seed=seed)
        rates = np.array([0.99, 0.5, 0.01])
        for step in range(80):
            if step == 40:
                late.append(draws.chances[1])
                rates = np.array([0.99, 0.99, 0.5])
            ids = draws.next(16)
            told = []
            for id_ in ids:
                right = rng.binomial(8, rates[draws.own[int(id_[1:])]])
                p = right / 8
                told.append(group(id_, 2 * np.sqrt(p * (1 - p))))
            draws.observe(told)
        late.append(draws.chances[2])
    before, after = np.mean(late[::2]), np.mean(late[1::2])
    assert before > 0.8  # softmax of (.15, .93, .15) at .2 is .96
    assert after > 0.8


def test_at_eight_rollouts_the_mean_advantage_is_below_its_formula():
    rates = np.array([0.1, 0.3, 0.5])
    from scipy.stats import binom

    right = np.arange(9)
    size = 2 * np.sqrt(right / 8 * (1 - right / 8))
    expected = [float((binom.pmf(right, 8, p) * size).sum()) for p in rates]
    assert np.round(expected, 3).tolist() == [0.419, 0.824, 0.928]
