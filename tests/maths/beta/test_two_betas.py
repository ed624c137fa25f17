"""Priors of two Betas: their arithmetic against grids, when they are taken, and what they tell of a pool of two rates."""

import numpy as np
import pytest

from assay.maths.beta.beta_binomial import futures_of
from assay.maths.beta.two_betas import TwoBetas, fit_rate_prior
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta
from assay.maths.rl.group_signal import group_signal
from assay.scorers.pass_rate.allocation import Allocation, Goal, run_allocation


def mixture(zero=0.0, one=0.0, weight=0.4):
    return TwoBetas(ZeroInflatedBeta.of(2, 8, zero, one), ZeroInflatedBeta.of(9, 3), np.array([weight]))


def test_a_posterior_is_bayes_rule_on_a_grid_of_rates():
    grid = (np.arange(20_000) + 0.5) / 20_000
    density = 0.6 * grid * (1 - grid) ** 7 * 72 + 0.4 * grid**8 * (1 - grid) ** 2 * 495  # Beta(2, 8) and Beta(9, 3)
    after = density * grid**3 * (1 - grid)
    after /= after.sum()
    posterior = mixture().posterior([3], [1])
    assert posterior.mean()[0] == pytest.approx((grid * after).sum(), abs=1e-6)
    assert posterior.signal(8)[0] == pytest.approx((group_signal(grid, 8) * after).sum(), abs=1e-6)
    assert posterior.quantile(0.25)[0] == pytest.approx(grid[np.searchsorted(after.cumsum(), 0.25)], abs=1e-4)
    a, b = posterior.matching_beta()
    assert a / (a + b) == pytest.approx(posterior.mean())


def test_masses_at_the_ends_count_once_for_the_whole_mixture():
    prior = mixture(zero=0.5, one=0.25)  # .3 and .15 of all
    assert prior.inside(0.0, 0.0)[0] == pytest.approx(0.3)
    assert prior.quantile(0.2)[0] == 0
    assert prior.quantile(0.9)[0] == 1
    after = prior.posterior([0, 1], [30, 1])
    assert after.inside(0.0, 0.0)[0] > 0.9
    assert after.inside(0.0, 0.0)[1] == 0
    low, high = after.interval([0, 1], [30, 1])
    assert low[0] == 0 < high[0]


def test_what_is_expected_of_the_futures_is_what_is_believed_now():
    prior = mixture(zero=0.2, one=0.1)
    futures = futures_of(prior, 6, 8)
    chance = futures.chance(6)
    assert chance.sum() == pytest.approx(1)
    assert (chance * futures.signal(6)).sum() == pytest.approx(prior.signal(8)[0])
    assert (chance * futures.inside(6, 0.2, 0.8)).sum() == pytest.approx(prior.inside(0.2, 0.8)[0])
    later = prior.posterior(np.arange(7), 6 - np.arange(7))
    assert futures.signal(6)[0] == pytest.approx(later.signal(8))


@pytest.mark.parametrize("shape", [(0.8, 0.4), (0.25, 0.25), (50, 50)])
def test_pools_of_one_beta_keep_one(shape):
    rng = np.random.default_rng(3)
    right = rng.binomial(16, rng.beta(*shape, 1000))
    assert isinstance(fit_rate_prior(right, 16 - right), ZeroInflatedBeta)


def test_pools_of_two_attempts_and_small_ones_keep_one():
    rng = np.random.default_rng(0)
    rate = np.where(rng.random(1000) < 0.5, 0.05, 0.95)
    for size, n in ((1000, 2), (8, 8)):
        right = rng.binomial(n, rate[:size])
        assert isinstance(fit_rate_prior(right, n - right), ZeroInflatedBeta)


def test_a_pool_of_two_wide_groups_has_two_betas_of_some_width():
    rng = np.random.default_rng(5)
    rate = np.where(rng.random(2000) < 0.5, rng.beta(4, 36, 2000), rng.beta(36, 4, 2000))
    right = rng.binomial(32, rate)
    fit = fit_rate_prior(right, 32 - right)
    assert isinstance(fit, TwoBetas)
    strengths = sorted(float((part.a + part.b)[0]) for part in (fit.first, fit.second))
    assert 20 < strengths[0] <= strengths[1] < 90
    assert fit.mean()[0] == pytest.approx(rate.mean(), abs=0.01)


def test_a_pool_of_two_rates_is_told_its_signal_and_scored_with_a_third_of_the_attempts():
    """The rule stops at a standard error of .04, and the better of two equal estimates is .56 sqrt(2) of it too high: 3
    standard errors of one pool end at .15. `benchmarks/scoring_pools.py` has the mean over 20 pools, within .05.
    """
    rng = np.random.default_rng(0)
    rate = np.where(rng.random(600) < 0.5, 0.05, 0.95)
    won = rng.random((600, 64)) < rate[:, None]
    total = np.concatenate([np.zeros((600, 1), np.int64), won.cumsum(axis=1)], axis=1)

    def sample(rows, wanted):
        right = total[rows, wanted]
        return rows, right, wanted - right, wanted, wanted

    def fit(seen, rows):
        return fit_rate_prior(seen.correct, seen.wrong)

    seen, prior, _ = run_allocation(600, Allocation(), Goal(60, 8, signal_error=0.04), sample, fit)
    signal = prior.posterior(seen.correct, seen.wrong).signal(8)
    chosen = np.argsort(-signal, kind="stable")[:60]
    assert signal[chosen].sum() == pytest.approx(group_signal(rate, 8)[chosen].sum(), rel=0.15)  # one Beta: 1.9 times
    assert seen.attempts.mean() < 0.33 * 64  # one Beta: .54 to .70


def test_a_prior_of_two_betas_samples_its_own_rates_and_describes_itself():
    prior = mixture(zero=0.2)
    rates = prior.sample(20_000, np.random.default_rng(0))
    assert rates.mean() == pytest.approx(prior.mean()[0], abs=0.01)
    assert (rates == 0).mean() == pytest.approx(0.12, abs=0.01)
    assert prior.describe(2) == ["a=2 b=8 zero=0.2 one=0 weight2=0.4 a2=9 b2=3"] * 2
    assert len(prior.select(np.array([True, True, False]))) == 2
