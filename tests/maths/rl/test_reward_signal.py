import itertools

import numpy as np
import pytest
from scipy import special

from assay.maths.rl.group_signal import expected_signal, group_signal
from assay.maths.rl.reward_signal import (
    RewardPosterior,
    chance_of_unequal,
    deviation,
    deviation_bound,
    expected_deviation,
    reward_signal,
)


def posterior(a, b, rewards):
    """One problem's posterior: (reward, weight, correct) triples."""
    values, weights, correct = (np.array([column]) for column in zip(*rewards, strict=True))
    return RewardPosterior(
        np.array([float(a)]), np.array([float(b)]), values.astype(float), weights.astype(float), correct.astype(bool)
    )


def exact(problem, group_size, function):
    """The expectation of a function of a group's rewards, over every sequence of values."""
    total, size = 0.0, problem.values.shape[1]
    a, b = float(problem.a[0]), float(problem.b[0])
    for columns in itertools.product(range(size), repeat=group_size):
        k = int(problem.correct[0, list(columns)].sum())
        log = special.betaln(a + k, b + group_size - k) - special.betaln(a, b)
        for flag, n in ((True, k), (False, group_size - k)):
            own = [column for column in range(size) if problem.correct[0, column] == flag]
            weights = problem.weights[0, own]
            log += special.gammaln(weights.sum()) - special.gammaln(weights.sum() + n)
            for column, weight in zip(own, weights, strict=True):
                log += special.gammaln(weight + columns.count(column)) - special.gammaln(weight)
        total += np.exp(log) * function(problem.values[0, list(columns)])
    return total


GRADED = posterior(0.5, 3.5, [(0.0, 1.0, False), (0.3, 2.0, False), (0.9, 1.5, False), (1.0, 1.0, True)])
BINARY = posterior(1.5, 2.5, [(0.0, 1.0, False), (1.0, 1.0, True)])
BOTH = posterior(1.5, 2.5, [(0.5, 1.0, False), (1.0, 2.0, False), (0.5, 3.0, True)])  # .5 right and wrong


def test_rewards_of_0_and_1_have_the_closed_forms():
    assert reward_signal(BINARY, 8) == pytest.approx(expected_signal([1.5], [2.5], 8))
    assert reward_signal(BINARY, 8, kind="sd") == pytest.approx(expected_deviation([1.5], [2.5], 8))
    assert float(expected_deviation(1.5, 2.5, 4)) == pytest.approx(exact(BINARY, 4, np.std))


@pytest.mark.parametrize("problem", [GRADED, BINARY, BOTH])
def test_the_chance_of_unequal_rewards_is_the_sum_over_all_groups(problem):
    assert float(chance_of_unequal(problem, 4)[0]) == pytest.approx(exact(problem, 4, lambda r: len(set(r)) > 1))


def test_the_expected_deviation_of_graded_rewards_is_the_sum_over_all_groups():
    assert float(reward_signal(GRADED, 4, kind="sd")[0]) == pytest.approx(exact(GRADED, 4, np.std), abs=0.005)


def test_the_bound_is_above_the_expected_deviation_and_near_it():
    for problem in (GRADED, BINARY):
        truth = exact(problem, 4, np.std)
        assert truth <= float(deviation_bound(problem, 4)[0]) <= 1.1 * truth


def test_a_judge_that_repeats_itself_within_tau_gives_no_signal_below_it():
    close = posterior(0.5, 30, [(0.40, 5.0, False), (0.45, 5.0, False), (1.0, 1.0, True)])
    assert float(reward_signal(close, 8)[0]) > 0.9
    assert float(reward_signal(close, 8, tau=0.05)[0]) < 0.2
    assert float(reward_signal(close, 8, tau=0.05)[0]) == pytest.approx(
        exact(close, 8, lambda r: np.std(r) > 0.05), abs=0.02
    )


@pytest.mark.parametrize("counts", [1e9, 1e12])
def test_at_large_counts_the_signal_of_rewards_is_that_of_the_known_rate(counts):
    known = posterior(counts, 3 * counts, [(0.0, counts, False), (1.0, counts, True)])
    np.testing.assert_allclose(reward_signal(known, 8, kind="sd"), deviation(0.25, 8), atol=1e-8)
    np.testing.assert_allclose(chance_of_unequal(known, 8), group_signal(0.25, 8), atol=1e-8)


def test_a_known_rate_gives_the_deviation_of_the_binomial():
    assert deviation([0.0, 1.0, 0.5], 2) == pytest.approx([0.0, 0.0, 0.25])
    assert float(expected_deviation(5e6, 5e6, 8)) == pytest.approx(float(deviation(0.5, 8)), abs=1e-6)


def test_equal_posteriors_have_equal_signals_and_order_does_not_matter():
    rows = np.array([0, 0, 0])
    assert len(set(reward_signal(GRADED.select(rows), 8, kind="sd").tolist())) == 1


def test_moments_of_the_mean_reward_are_those_of_two_attempts():
    mean = exact(GRADED, 1, lambda r: r[0])
    assert float(GRADED.mean()[0]) == pytest.approx(mean)
    product = exact(GRADED, 2, lambda r: r[0] * r[1])  # exchangeable attempts: the covariance is the mean's variance
    assert float(GRADED.mean_variance()[0]) == pytest.approx(product - mean**2)


def test_a_single_attempt_has_no_signal_and_impossible_groups_are_refused():
    assert float(reward_signal(GRADED, 1)[0]) == pytest.approx(0)
    assert float(reward_signal(GRADED, 1, kind="sd")[0]) == 0
    with pytest.raises(ValueError, match="must be at least 1"):
        reward_signal(GRADED, 0)
