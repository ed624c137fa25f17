import numpy as np
import pytest
from scipy import stats

from assay.maths.beta.posterior import interval, posterior
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta, fit_zero_inflated_beta, log_marginal


def test_without_a_point_mass_it_is_the_ordinary_beta_posterior():
    belief = ZeroInflatedBeta.of(0.5, 0.5).posterior([3, 0], [1, 4])
    a, b = posterior([3, 0], [1, 4])
    assert belief.a.tolist() == a.tolist()
    assert belief.b.tolist() == b.tolist()
    assert belief.matching_beta()[0].tolist() == a.tolist()
    assert [end.tolist() for end in belief.interval([3, 0], [1, 4])] == [
        end.tolist() for end in interval([3, 0], [1, 4])
    ]


def test_a_failure_makes_unsolvable_likelier_by_bayes_and_one_success_rules_it_out():
    prior = ZeroInflatedBeta.of(1, 1, 0.5)  # uniform, or never
    assert prior.posterior(0, 1).zero[0] == pytest.approx(2 / 3)  # 1 x .5 against .5 x .5
    assert prior.posterior(1, 9).zero[0] == 0


def test_mean_variance_and_signal_of_a_mixture_by_hand():
    half = ZeroInflatedBeta.of(1, 1, 0.5)
    assert half.mean()[0] == pytest.approx(0.25)
    assert half.signal(2)[0] == pytest.approx(0.5 * (1 - 2 / 3))  # E[p^2] = E[(1 - p)^2] = 1/3 under the uniform
    a, b = half.matching_beta()
    assert float((a / (a + b))[0]) == pytest.approx(0.25)
    assert stats.beta(a[0], b[0]).var() == pytest.approx(0.5 / 3 - 1 / 16)


def test_mass_inside_a_band_and_quantiles_count_the_point_mass():
    half = ZeroInflatedBeta.of(1, 1, 0.5)
    assert half.inside(0.2, 0.8)[0] == pytest.approx(0.3)
    assert half.inside(0.0, 0.8)[0] == pytest.approx(0.9)
    assert half.quantile(0.25)[0] == 0
    assert half.quantile(0.75)[0] == pytest.approx(0.5)


def test_ends_are_set_where_nothing_was_solved_or_nothing_failed():
    prior = ZeroInflatedBeta.of(0.8, 0.4, 0.3)
    low, high = prior.posterior([0, 64, 0], [64, 0, 0]).interval([0, 64, 0], [64, 0, 0])
    assert low[0] == low[2] == 0
    assert high[1] == high[2] == 1
    assert 0.01 < high[0] < 0.05


def test_a_pools_prior_is_found_again():
    rng = np.random.default_rng(0)
    rate = np.where(rng.random(4000) < 0.1, 0.0, rng.beta(0.82, 0.39, 4000))
    right = rng.binomial(16, rate)
    fit = fit_zero_inflated_beta(right, 16 - right)
    assert fit.zero[0] == pytest.approx(0.1, abs=0.03)
    assert fit.a[0] == pytest.approx(0.82, abs=0.12)
    assert fit.b[0] == pytest.approx(0.39, abs=0.05)


def test_a_fit_to_nothing_to_one_problem_or_to_extremes_stays_finite():
    for right, wrong in (([], []), ([1], [0]), ([8] * 50, [0] * 50), ([0] * 50, [8] * 50)):
        fit = fit_zero_inflated_beta(right, wrong)
        assert np.isfinite([fit.a[0], fit.b[0]]).all()
        assert 0 < fit.zero[0] < 1


def test_looking_after_every_attempt_and_stopping_as_it_pleases_leaves_the_fit_unbiased():
    rng = np.random.default_rng(1)
    rate = rng.beta(1, 1, 6000)
    right, wrong = np.zeros((2, 6000), np.int64)
    for _ in range(12):
        go = (right == 0) | (wrong == 0)  # stop at the first mixed evidence
        won = rng.random(6000) < rate
        right, wrong = right + (go & won), wrong + (go & ~won)
    fit = fit_zero_inflated_beta(right, wrong)
    assert fit.mean()[0] == pytest.approx(0.5, abs=0.015)
    assert fit.signal(8)[0] == pytest.approx(1 - 2 / 9, abs=0.02)


def test_the_log_marginal_of_a_row_of_failures_holds_both_ways_to_fail():
    assert np.exp(log_marginal(ZeroInflatedBeta.of(1, 1, 0.5), [0], [1]))[0] == pytest.approx(0.5 + 0.5 * 0.5)


def test_what_is_no_belief_is_refused():
    with pytest.raises(ValueError, match="not a distribution"):
        ZeroInflatedBeta.of(0, 1)
    with pytest.raises(ValueError, match="not a distribution"):
        ZeroInflatedBeta.of(1, 1, 1.0)
    with pytest.raises(ValueError, match=r"\(2,\).*\(1,\)"):
        fit_zero_inflated_beta([1, 2], [1])


def test_a_success_makes_always_solved_likelier_and_one_failure_rules_it_out():
    prior = ZeroInflatedBeta.of(1, 1, 0.25, 0.5)  # uniform with chance .25
    after = prior.posterior([1, 0, 1], [0, 1, 1])
    assert after.one[0] == pytest.approx(0.5 / (0.5 + 0.25 * 0.5))
    assert after.zero[0] == 0
    assert after.one[1] == 0
    assert (after.one[2], after.zero[2]) == (0, 0)


def test_masses_at_both_ends_enter_mean_quantiles_band_and_matched_moments():
    belief = ZeroInflatedBeta.of(1, 1, 0.2, 0.3)
    assert belief.mean()[0] == pytest.approx(0.5 * 0.5 + 0.3)
    assert belief.inside(0.5, 1.0)[0] == pytest.approx(0.25 + 0.3)
    assert (belief.quantile(0.1)[0], belief.quantile(0.8)[0]) == (0, 1)
    assert belief.quantile(0.45)[0] == pytest.approx(0.5)
    a, b = belief.matching_beta()
    assert float((a / (a + b))[0]) == pytest.approx(0.55)
    assert stats.beta(a[0], b[0]).var() == pytest.approx(0.5 / 3 + 0.3 - 0.55**2)


def test_a_pool_of_mostly_hopeless_problems_is_fitted_at_its_highest_top():
    right = np.r_[
        np.zeros(2700), np.repeat(np.arange(17), 18)
    ]  # a share of .898 never solved, and a uniform of the rest
    fit = fit_zero_inflated_beta(right, 16 - right)
    uniform = ZeroInflatedBeta.of(1, 1, 0.898, 0.001)
    assert log_marginal(fit, right, 16 - right).sum() > log_marginal(uniform, right, 16 - right).sum() - 2
    assert fit.posterior([1], [15]).signal(8)[0] == pytest.approx(uniform.posterior([1], [15]).signal(8)[0], abs=0.02)


@pytest.mark.parametrize("never", [0.7, 0.85, 0.95])
@pytest.mark.parametrize("n", [4, 16])
def test_no_other_start_finds_a_higher_top(never, n):
    rng = np.random.default_rng(int(100 * never) + n)
    right = rng.binomial(n, np.where(rng.random(400) < never, 0.0, rng.random(400)))
    reached = log_marginal(fit_zero_inflated_beta(right, n - right), right, n - right).sum()
    others = [
        ZeroInflatedBeta.of(a, b, zero, 0.001) for a in (0.3, 1, 3) for b in (0.3, 1, 3) for zero in (0.01, never, 0.97)
    ]
    assert (
        reached > max(log_marginal(other, right, n - right).sum() for other in others) - 2
    )  # the prior's pull is worth less


@pytest.mark.parametrize("seed", [9, 14, 38])
def test_a_small_pool_of_many_attempts_needs_several_starts(seed):
    """From one start, little mass at either end, the search ends 3.5 to 4.1 nats below."""
    rng = np.random.default_rng(seed)
    right = rng.binomial(64, np.where(rng.random(300) < 0.92, 0.0, rng.beta(1, 3, 300)))
    fit = fit_zero_inflated_beta(right, 64 - right)
    truth = ZeroInflatedBeta.of(1, 3, 0.92, 0.0001)
    assert log_marginal(fit, right, 64 - right).sum() > log_marginal(truth, right, 64 - right).sum() - 2


def test_always_solved_problems_are_told_from_a_beta_of_the_rest():
    rng = np.random.default_rng(2)
    rate = np.where(rng.random(1000) < 0.9, 1.0, rng.random(1000))
    right = rng.binomial(16, rate)
    fit = fit_zero_inflated_beta(right, 16 - right)
    assert fit.one[0] == pytest.approx(0.9, abs=0.03)
    assert fit.signal(8)[0] == pytest.approx(0.1 * 7 / 9, abs=0.015)
