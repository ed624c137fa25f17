"""Two policies on one pool: calibration of differences and chances, shrinkage, and the prior that one gives the other."""

import numpy as np
import pytest
from scipy import special

from assay.maths.beta.paired_rates import compare_rates, fit_joint_rates, prior_given
from assay.maths.beta.two_betas import fit_rate_prior
from assay.maths.rl.group_signal import group_signal
from assay.scorers.pass_rate.allocation import Allocation, Goal, run_allocation


def pair(seed, n=800, tried=(8, 8), moved=0.1):
    """A pool of which a tenth moved far, and the rest a little, with the counts of both policies."""
    rng = np.random.default_rng(seed)
    before = np.where(rng.random(n) < 0.2, 0.0, rng.beta(0.8, 0.6, n))
    small = np.clip(before + rng.normal(0, 0.03, n) * (before > 0), 0, 1)
    after = np.where(rng.random(n) < moved, rng.beta(1, 1, n), small)
    right = [rng.binomial(k, rate) for k, rate in zip(tried, (before, after), strict=True)]
    return before, after, *(np.stack([k, t - k], axis=1) for k, t in zip(right, tried, strict=True))


def test_intervals_of_differences_hold_them_and_chances_mean_what_they_say():
    held, errors, plain, sure = [], [], [], []
    for seed in range(8):
        before, after, of_a, of_b = pair(seed)
        rates = compare_rates(of_a, of_b)
        true = after - before
        held.append(((rates.low - 0.0125 <= true) & (true <= rates.high + 0.0125)).mean())  # half a grid step
        errors.append(((rates.difference - true) ** 2).mean())
        plain.append(((of_b[:, 0] / 8 - of_a[:, 0] / 8 - true) ** 2).mean())
        sure += list((true > 0)[rates.chance > 0.95])
    assert np.mean(held) > 0.93
    assert np.mean(errors) < 0.5 * np.mean(plain)  # shrinkage
    assert np.mean(sure) > 0.9


def test_without_attempts_of_one_policy_nothing_is_known_beyond_the_pool():
    _, _, of_a, of_b = pair(0)
    of_b[0] = 0
    rates = compare_rates(of_a, of_b)
    assert rates.high[0] - rates.low[0] > (rates.high - rates.low).mean()


def test_equal_policies_differ_by_nothing():
    _, _, of_a, of_b = pair(1, moved=0.0)
    rates = compare_rates(of_a, of_b)
    assert abs(rates.difference.mean()) < 0.02
    assert ((rates.chance > 0.95) | (rates.chance < 0.05)).mean() < 0.02


def test_one_policys_rates_are_a_better_prior_of_the_others_than_the_pool():
    _, after, of_a, of_b = pair(2, tried=(16, 2))
    joint = fit_joint_rates(of_a, of_b)
    given, pool = prior_given(joint, of_a), prior_given(joint, np.zeros_like(of_a))
    right, wrong = of_b.T
    error = [((prior.posterior(right, wrong).mean() - after) ** 2).mean() for prior in (given, pool)]
    assert error[0] < 0.5 * error[1]
    assert pool.mean()[0] == pytest.approx(after.mean(), abs=0.05)
    low, high = given.posterior(right, wrong).interval(right, wrong)
    assert ((low <= after) & (after <= high)).mean() > 0.92


def test_both_ends_of_the_reference():
    _, _, of_a, of_b = pair(3, tried=(32, 8), moved=0.02)
    prior = prior_given(fit_joint_rates(of_a, of_b), [[0, 32], [32, 0], [16, 16]])
    mean = prior.mean()
    assert mean[0] < 0.1
    assert mean[1] > 0.9
    assert 0.35 < mean[2] < 0.65
    assert prior.zero[0] > 0.5
    assert prior.zero[2] < 0.05


@pytest.mark.parametrize(("moved", "share"), [(0.0, 0.7), (0.3, 0.95)])
def test_scoring_again_costs_what_has_changed(moved, share):
    """500 problems, 16 attempts each of the old checkpoint; the best 100 of the new one, .3 logits abler."""
    spent, reached = {}, {}
    rng = np.random.default_rng(0)
    before = np.where(rng.random(500) < 0.3, 0.0, rng.beta(0.8, 0.6, 500))
    abler = np.where(before > 0, special.expit(special.logit(np.clip(before, 1e-6, 1 - 1e-6)) + 0.3), 0.0)
    after = np.where(rng.random(500) < moved, rng.beta(1, 1, 500), abler)
    old = rng.binomial(16, before)
    reference = np.stack([old, 16 - old], axis=1)
    won = (rng.random((500, 64)) < after[:, None]).cumsum(axis=1)

    def sample(rows, wanted):
        right = won[rows, wanted - 1]
        return rows, right, wanted - right, wanted, wanted

    def from_policy(seen, rows):
        joint = fit_joint_rates(reference[rows], np.stack([seen.correct, seen.wrong], axis=1))
        return prior_given(joint, reference[rows])

    def fitted(seen, rows):
        return fit_rate_prior(seen.correct, seen.wrong)

    for name, fit in (("policy", from_policy), ("fitted", fitted)):
        seen, prior, _ = run_allocation(500, Allocation(), Goal(100, 8), sample, fit)
        signal = prior.posterior(seen.correct, seen.wrong).signal(8)
        chosen = np.argsort(-np.round(signal, 12), kind="stable")[:100]
        spent[name], reached[name] = seen.attempts.mean(), group_signal(after, 8)[chosen].sum()
        assert signal[chosen].sum() == pytest.approx(reached[name], rel=0.03)
    assert spent["policy"] < share * spent["fitted"]
    assert reached["policy"] > 0.99 * reached["fitted"]
