"""Corrected pass rates against simulated verifiers of known soundness and completeness; ceilings against simulation."""

import numpy as np
import pytest

from assay.maths.beta.audit import MarkedSample, rogan_gladen
from assay.maths.beta.two_betas import fit_rate_prior
from assay.maths.beta.verifier_error import (
    MOST_SAMPLES,
    corrected_interval,
    corrected_mean,
    corrected_posterior,
    resampling,
)
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta

JEFFREYS = ZeroInflatedBeta.of(0.5, 0.5)
SOUND, COMPLETE = 0.9, 0.8


def marked(rate, marks, rng=None):
    """Marks on so many answers of either side, of a verifier with SOUND and COMPLETE at this mean rate."""
    share = COMPLETE * rate + (1 - SOUND) * (1 - rate)
    a, b = COMPLETE * rate / share, (1 - COMPLETE) * rate / (1 - share)
    right, missed = (rng.binomial(marks, p) if rng else round(marks * p) for p in (a, b))
    return MarkedSample((right, marks - right), (missed, marks - missed), share)


def test_many_attempts_and_marks_give_rogan_and_gladens_estimate():
    sample = marked(0.5, 1_000_000)
    accepted = np.array([1_000, 3_000, 4_500, 6_000])
    posterior = corrected_posterior(accepted, 10_000 - accepted, JEFFREYS, sample, of_verdicts=False)
    expected = rogan_gladen(accepted / 10_000, *sample.point())
    assert posterior.mean() == pytest.approx(expected, abs=0.01)


def test_a_verifier_without_error_leaves_the_posterior_as_it_is():
    sample = MarkedSample((10**8, 0), (0, 10**8), 0.5)
    posterior = corrected_posterior([3, 0, 8], [5, 8, 0], JEFFREYS, sample, of_verdicts=False)
    assert posterior.mean() == pytest.approx(JEFFREYS.posterior([3, 0, 8], [5, 8, 0]).mean(), abs=0.003)
    a, b = posterior.matching_beta()
    assert a / b == pytest.approx(np.array([3.5 / 5.5, 0.5 / 8.5, 8.5 / 0.5]), rel=0.05)


def test_intervals_widen_with_the_verifiers_error_and_with_fewer_marks():
    def width(sample):
        posterior = corrected_posterior([4], [4], JEFFREYS, sample, of_verdicts=False)
        return float((posterior.quantile(0.975) - posterior.quantile(0.025))[0])

    plain = JEFFREYS.posterior([4], [4])
    raw = float((plain.quantile(0.975) - plain.quantile(0.025))[0])
    assert raw < width(marked(0.5, 10_000)) < width(marked(0.5, 20))


@pytest.mark.parametrize("fitted", [False, True])
def test_intervals_of_a_simulated_verifier_hold_the_true_rates_and_raw_ones_do_not(fitted):
    """Known answer: SOUND .9, COMPLETE .8; 400 problems, a third hopeless, 24 verdicts each.

    Jeffreys' prior expects few hopeless problems: integrated over the pool, its mean is .024 too high where soundness and
    completeness are known, and .026 with 150 marks on either side. A fitted prior has no such bias.
    """
    held, raw, errors = [], [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        rate = np.where(rng.random(400) < 1 / 3, 0.0, rng.beta(1, 1, 400))
        accepted = rng.binomial(24, COMPLETE * rate + (1 - SOUND) * (1 - rate))
        prior = fit_rate_prior(accepted, 24 - accepted) if fitted else JEFFREYS
        sample = marked(rate.mean(), 150, rng)
        posterior = corrected_posterior(accepted, 24 - accepted, prior, sample, of_verdicts=fitted)
        low, high = corrected_interval(posterior, accepted, 24 - accepted, sample)
        held.append(((low <= rate) & (rate <= high)).mean())
        plain = prior.posterior(accepted, 24 - accepted).interval(accepted, 24 - accepted)
        raw.append(((plain[0] <= rate) & (rate <= plain[1])).mean())
        errors.append(posterior.mean().mean() - rate.mean())
    assert np.mean(held) > 0.93
    assert np.mean(raw) < 0.75
    standard_error = np.std(errors, ddof=1) / len(errors) ** 0.5
    assert standard_error < 0.012
    assert np.mean(errors) == pytest.approx(0.0 if fitted else 0.026, abs=3 * standard_error)


def test_the_corrected_mean_holds_the_true_one_about_as_often_as_it_says():
    held, seeds = 0, 200
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        rate = rng.beta(1, 1, 200)
        seen = (rng.random(200) < COMPLETE * rate + (1 - SOUND) * (1 - rate)).mean()
        half = 1.96 * (seen * (1 - seen) / 200) ** 0.5
        corrected = corrected_mean(seen, seen - half, seen + half, marked(0.5, 150, rng))
        held += corrected.low <= 0.5 <= corrected.high
    assert 0.92 <= held / seeds <= 1


def test_a_verifier_that_says_nothing_is_refused():
    nothing = MarkedSample((1, 9), (9, 1), 0.5)
    with pytest.raises(ValueError, match="at most 1"):
        corrected_posterior([1], [1], JEFFREYS, nothing, of_verdicts=False)
    with pytest.raises(ValueError, match="at most 1"):
        corrected_mean(0.5, 0.4, 0.6, nothing)


def test_the_ceiling_of_resampling_is_what_a_simulation_reaches():
    rates, weights = np.array([0.0, 0.1, 0.8]), np.array([0.3, 0.3, 0.4])
    told = resampling(rates, weights, SOUND, COMPLETE, cost=1.0)
    rng, right = np.random.default_rng(0), []
    for rate in rng.choice(rates, 4_000, p=weights):
        while True:  # until something is accepted
            is_right = rng.random() < rate
            if rng.random() < (COMPLETE if is_right else 1 - SOUND):
                right.append(is_right)
                break
    assert told.ceiling == pytest.approx(np.mean(right), abs=0.03)
    assert 1 <= told.best_k < 20
    assert resampling(rates, weights, SOUND, COMPLETE, cost=5.0).best_k < told.best_k


def test_both_ends_of_the_best_number_of_samples():
    rates, weights = np.array([0.05, 0.8]), np.array([0.5, 0.5])
    assert resampling(rates, weights, 1.0, 0.9, cost=9.0).ceiling == 1
    assert resampling(rates, weights, 1.0, 0.01, cost=9.0).best_k == MOST_SAMPLES
    assert resampling(rates, weights, 0.5, 0.5, cost=100.0).best_k == 0
    assert np.isnan(resampling(np.zeros(1), np.ones(1), 1.0, 1.0, cost=1.0).ceiling)
