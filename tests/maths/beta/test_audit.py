"""Soundness, completeness and the rate behind a rate, against numbers that can be checked on paper."""

import numpy as np
import pytest

from assay.maths.beta.audit import audit, corrected_rate, rogan_gladen


def test_rates_follow_from_the_marked_fractions_and_the_share_accepted():
    estimates = audit((45, 5), (10, 40), 0.2)  # of 100: 18 right and 2 wrong accepted, 16 right and 64 wrong rejected
    assert estimates.completeness.value == pytest.approx(18 / 34)
    assert estimates.soundness.value == pytest.approx(64 / 66)
    for estimate in estimates:
        assert estimate.low < estimate.value < estimate.high


def test_more_marks_make_the_interval_narrower():
    few, many = audit((9, 1), (1, 9), 0.5), audit((900, 100), (100, 900), 0.5)
    assert many.soundness.high - many.soundness.low < 0.2 * (few.soundness.high - few.soundness.low)


def test_a_faultless_verifier_leaves_a_rate_as_it_is():
    np.testing.assert_allclose(rogan_gladen([0, 0.3, 1], 1.0, 1.0), [0, 0.3, 1])


def test_a_correction_undoes_the_verifier_and_is_clamped():
    true, sound, complete = 0.4, 0.9, 0.8
    seen = true * complete + (1 - true) * (1 - sound)
    assert rogan_gladen(seen, sound, complete) == pytest.approx(true)
    assert rogan_gladen([0.01, 0.99], sound, complete).tolist() == [0.0, 1.0]


def test_a_verifier_that_says_nothing_corrects_nothing():
    with pytest.raises(ValueError, match="carry no information"):
        rogan_gladen(0.5, 0.5, 0.5)


def test_the_interval_holds_the_doubt_of_the_attempts_and_of_the_audit():
    sure = corrected_rate(500, 500, (1000, 0), (0, 1000), 0.5)
    assert sure.value == pytest.approx(0.5)
    assert sure.high - sure.low < 0.08
    unsure = corrected_rate(500, 500, (10, 0), (0, 10), 0.5)
    assert unsure.high - unsure.low > 1.5 * (sure.high - sure.low)
    assert unsure.low <= 0.5 <= unsure.high
    nothing = corrected_rate(5, 5, (5, 4), (4, 5), 0.5)
    assert (nothing.low, nothing.high) == (0.0, 1.0)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng, held = np.random.default_rng(5), 0
    true, sound, complete, runs = 0.35, 0.93, 0.85, 200
    for _ in range(runs):
        seen = true * complete + (1 - true) * (1 - sound)
        a, b = true * complete / seen, true * (1 - complete) / (1 - seen)
        right, missed, correct = rng.binomial(60, a), rng.binomial(60, b), rng.binomial(100, seen)
        interval = corrected_rate(correct, 100 - correct, (right, 60 - right), (missed, 60 - missed), seen, level=0.9)
        held += interval.low <= true <= interval.high
    assert 0.84 <= held / runs <= 0.98


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_what_makes_no_sense_is_refused(share):
    with pytest.raises(ValueError):
        audit((1, 1), (1, 1), share)
    with pytest.raises(ValueError, match="no attempt"):
        corrected_rate(0, 0, (1, 1), (1, 1), 0.5)


def test_a_verifier_of_which_no_error_was_seen_may_be_perfect() -> None:
    estimates = audit((50, 0), (0, 50), 0.5)
    assert (estimates.soundness.high, estimates.completeness.high) == (1, 1)
    assert audit((49, 1), (1, 49), 0.5).soundness.high < 1
