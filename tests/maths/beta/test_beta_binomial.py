import numpy as np
import pytest

from assay.maths.beta.beta_binomial import Futures, crossing_gain, expected_top_sum, settling_gain, side_uncertainty
from assay.maths.beta.zero_inflated_beta import ZeroInflatedBeta


def build_futures(a, b, zero=0.0, horizon=4, group=2):
    return Futures.of(ZeroInflatedBeta.of(a, b, zero), horizon, group)


def test_two_more_attempts_under_the_uniform_have_three_equally_likely_ends():
    assert build_futures(1, 1).chance(2).tolist() == [pytest.approx([1 / 3, 1 / 3, 1 / 3])]


def test_futures_hold_the_signal_of_their_own_posterior():
    signals = build_futures(1, 1).signal(1)[0]  # Beta(1, 2) and Beta(2, 1)
    assert signals == pytest.approx([float(ZeroInflatedBeta.of(a, b).signal(2)[0]) for a, b in ((1, 2), (2, 1))])


def test_expected_signal_does_not_change_by_looking():
    belief = ZeroInflatedBeta.of([0.7, 3.0, 1.0], [0.4, 1.0, 1.0], [0.1, 0.0, 0.5])
    futures = Futures.of(belief, 20, 8)
    for more in (0, 1, 7, 20):
        assert futures.chance(more).sum(axis=1) == pytest.approx([1, 1, 1])
        assert (futures.chance(more) * futures.signal(more)).sum(axis=1) == pytest.approx(belief.signal(8))


def test_what_cannot_cross_the_bar_gains_nothing_and_what_can_gains():
    futures = build_futures([1.0, 100.0], [1.0, 0.1], horizon=8, group=8)
    now = np.array([float(signal) for signal in ZeroInflatedBeta.of([1.0, 100.0], [1.0, 0.1]).signal(8)])
    gain = crossing_gain(futures, 8, 0.8, now)
    assert gain[0] > 0.05
    assert gain[1] < 1e-6


def test_the_best_place_among_two_uncertain_problems_by_hand():
    assert expected_top_sum(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]), 1) == pytest.approx(0.5)
    assert expected_top_sum(np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([[0.5, 0.5], [0.5, 0.5]]), 1) == pytest.approx(
        1.0
    )


def test_one_attempt_halves_the_doubt_on_which_half_a_uniform_rate_lies():
    assert side_uncertainty(ZeroInflatedBeta.of(1, 1), 0.5, 1.0) == pytest.approx([0.5])
    assert settling_gain(build_futures(1, 1), 1, 0.5, 1.0) == pytest.approx(
        [0.25]
    )  # Beta(2, 1) lies above .5 with chance .75, Beta(1, 2) with .25


def test_the_chance_of_a_band_does_not_change_by_looking_and_more_looks_settle_more():
    belief = ZeroInflatedBeta.of([0.7, 3.0, 1.0], [0.4, 1.0, 1.0], [0.1, 0.0, 0.5])
    futures = Futures.of(belief, 20, 8)
    for low in (0.0, 0.2):
        for more in (0, 1, 7, 20):
            assert (futures.chance(more) * futures.inside(more, low, 0.8)).sum(axis=1) == pytest.approx(
                belief.inside(low, 0.8)
            )
    gains = np.array([settling_gain(futures, more, 0.2, 0.8) for more in (0, 1, 7, 20)])
    assert gains[0] == pytest.approx([0, 0, 0], abs=1e-12)
    assert (np.diff(gains, axis=0) >= -1e-12).all()
    assert (gains[-1] > 0.05).all()
