"""The standard error of a fitted prior: against the binomial's where that is known, and against repeated pools."""

import numpy as np
import pytest

from assay.maths.beta.prior_error import prior_error
from assay.maths.beta.two_betas import TwoBetas, fit_rate_prior
from assay.maths.beta.zero_inflated_beta import fit_zero_inflated_beta


def of_signal(belief):
    return belief.signal(8)


def pool_of_two_rates(problems, attempts, seed=0):
    rng = np.random.default_rng(seed)
    rate = np.where(np.arange(problems) < problems / 2, 0.1, 0.9)
    return rate, rng.binomial(attempts, rate)


def test_of_a_group_of_equal_rates_it_is_the_binomials():
    """The low half's rate is known to sqrt(p (1 - p) / N); its signal's slope at .1 is 8 (.9^7 - .1^7)."""
    rate, right = pool_of_two_rates(400, 16)
    prior = fit_rate_prior(right, 16 - right)
    assert isinstance(prior, TwoBetas)
    error = prior_error(prior, right, 16 - right, of_signal, np.flatnonzero(rate < 0.5))
    binomial = 200 * (0.1 * 0.9 / (200 * 16)) ** 0.5 * 8 * 0.9**7
    assert error == pytest.approx(binomial, rel=0.15)


def test_repeated_pools_spread_as_it_says():
    errors, told = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        rate = rng.beta(1, 2, 200)
        right = rng.binomial(3, rate)
        prior = fit_zero_inflated_beta(right, 3 - right)
        belief, rows = prior.posterior(right, 3 - right), np.arange(200)
        errors.append(float((belief.mean() - rate).sum()))
        second = belief.second_moment() - belief.mean() ** 2
        told.append(second.sum() + prior_error(prior, right, 3 - right, lambda b: b.mean(), rows) ** 2)
    assert np.std(errors) == pytest.approx(np.mean(told) ** 0.5, rel=0.4)  # of 30 pools the deviation is known to 13%


def test_it_falls_with_the_root_of_the_pool():
    small, large = (pool_of_two_rates(n, 8, seed=1)[1] for n in (400, 6_400))
    of_each = [
        prior_error(fit_rate_prior(k, 8 - k), k, 8 - k, of_signal, np.arange(len(k))) / len(k) for k in (small, large)
    ]
    assert of_each[1] == pytest.approx(of_each[0] / 4, rel=0.25)


def test_nothing_is_told_of_no_rows():
    _, right = pool_of_two_rates(100, 8)
    prior = fit_rate_prior(right, 8 - right)
    assert prior_error(prior, right, 8 - right, of_signal, np.empty(0, np.int64)) == 0
