import math

import numpy as np
import pytest
from scipy import stats

from assay.maths.beta.two_betas import fit_rate_prior
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta
from assay.maths.rl.pass_at_k import (
    majority_at_k,
    pass_all_k,
    pass_at_k,
    posterior_mean_error,
    posterior_pass_all_k,
    posterior_pass_at_k,
)


def test_two_of_four_right_by_hand():
    assert float(pass_at_k(2, 4, 2)) == pytest.approx(5 / 6)  # of six pairs one is all wrong
    assert float(pass_all_k(2, 4, 2)) == pytest.approx(1 / 6)


def test_fewer_attempts_than_k_tell_nothing():
    assert np.isnan(pass_at_k([3, 4], [3, 4], 4)).tolist() == [True, False]
    assert math.isnan(float(pass_all_k(3, 3, 4)))
    assert math.isnan(majority_at_k(["a"], "a", 2))


def test_both_are_unbiased_where_the_share_of_the_rate_is_not():
    from scipy import stats

    c = np.arange(9)
    chance = stats.binom.pmf(c, 8, 0.3)
    assert float((chance * pass_at_k(c, 8, 4)).sum()) == pytest.approx(1 - 0.7**4)
    assert float((chance * pass_all_k(c, 8, 4)).sum()) == pytest.approx(0.3**4)
    assert float((chance * (1 - (1 - c / 8) ** 4)).sum()) < 1 - 0.7**4 - 0.02


def test_attempts_that_stop_at_the_first_success_bias_it():
    rng = np.random.default_rng(0)
    first = np.minimum(rng.geometric(0.3, 20_000), 8)  # stop at the first right attempt, at most 8
    right = (rng.random(20_000) < 1) & (first < 8)
    assert float(np.mean(right / first)) > 0.3 + 0.1


def test_a_majority_by_hand_and_ties_are_drawn_fairly():
    assert majority_at_k(["4", "4", "5"], "4", 3) == 1
    assert majority_at_k(["4", "4", "5"], "4", 1) == pytest.approx(2 / 3)
    assert majority_at_k(["4", "5"], "4", 2) == 0.5
    assert majority_at_k(["5", "5"], "4", 2) == 0


def test_no_answer_votes_for_nothing():
    assert majority_at_k(["", "", "4"], "4", 3) == 1
    assert majority_at_k(["", "", ""], "4", 3) == 0


def test_a_majority_over_many_groups_is_drawn_and_close():
    answers = ["4"] * 30 + ["5"] * 20
    assert majority_at_k(answers, "4", 9) == majority_at_k(answers, "4", 9)
    errors = [
        majority_at_k(["4"] * right + ["5"] * (n - right), "4", k) - stats.hypergeom.sf(k // 2, n, right, k)
        for n, right, k in ((50, 30, 9), (36, 20, 15), (40, 21, 13), (60, 35, 11), (44, 20, 17), (52, 27, 9))
    ]
    assert np.sqrt(np.mean(np.square(errors))) < 0.006  # .0035 with 20,000 groups; .011 with 2,000


def test_impossible_counts_are_named():
    with pytest.raises(ValueError, match="5 right of 4"):
        pass_at_k(5, 4, 1)
    with pytest.raises(ValueError, match="0"):
        pass_at_k(1, 4, 0)
    with pytest.raises(ValueError, match="0"):
        majority_at_k(["a"], "a", 0)


def test_after_adaptive_stopping_the_posterior_holds_where_the_plain_share_is_biased():
    """Problems that fail their first two attempts stop there; the others get 16.

    A standard error that is right holds 98.8% at 2.5 of it: of 20 pools 17 or fewer are inside in 1 of 540 such tests.
    """
    errors, plain, inside = [], [], 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rate = rng.beta(0.5, 1.0, 500)
        won = rng.random((500, 16)) < rate[:, None]
        tried = np.where(won[:, :2].sum(axis=1) == 0, 2, 16)
        right = np.array([row[:n].sum() for row, n in zip(won, tried, strict=True)])
        prior = fit_rate_prior(right, tried - right)
        mean, deviation = posterior_pass_at_k(prior.posterior(right, tried - right), 4)
        true = (1 - (1 - rate) ** 4).mean()
        errors.append(mean.mean() - true)
        plain.append((1 - (1 - right / tried) ** 4).mean() - true)
        of_fit = posterior_mean_error(prior, right, tried - right, posterior_pass_at_k, 4)
        inside += abs(errors[-1]) <= 2.5 * np.sqrt((deviation**2).sum() / 500**2 + of_fit**2)
    assert abs(np.mean(errors)) < 0.01
    assert np.mean(plain) < -0.05
    assert inside >= 18


def test_the_posteriors_of_both_measures_mirror_each_other():
    a, b = ZeroInflatedBeta.of(2, 3, 0.1, 0.2), ZeroInflatedBeta.of(3, 2, 0.2, 0.1)
    none, _ = posterior_pass_at_k(a, 5)
    every, _ = posterior_pass_all_k(b, 5)
    assert 1 - none == pytest.approx(every)
