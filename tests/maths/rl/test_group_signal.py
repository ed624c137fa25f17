import itertools

import numpy as np
import pytest
from scipy import integrate, stats

from assay.maths.rl.group_signal import expected_signal, group_signal, observed_signal, reward_signal, signal_band


def test_a_group_of_eight_keeps_the_published_shares():
    assert group_signal([0.02, 0.1, 0.5], 8).round(3).tolist() == [0.149, 0.570, 0.992]


def test_the_signal_is_nothing_at_both_ends_and_symmetric():
    rates = np.linspace(0, 1, 11)
    assert group_signal([0, 1], 16).tolist() == [0, 0]
    np.testing.assert_allclose(group_signal(rates, 4), group_signal(1 - rates, 4))


def test_a_group_of_two_has_twice_the_variance():
    assert float(group_signal(0.3, 2)) == pytest.approx(2 * 0.3 * 0.7)


def test_a_group_of_one_never_differs_from_itself():
    assert group_signal([0.2, 0.5], 1).tolist() == [0, 0]
    assert expected_signal([1.0, 2.0], 3.0, 1).tolist() == [0, 0]


@pytest.mark.parametrize("counts", [1e9, 1e12, 1e15])
def test_at_large_counts_the_expected_signal_is_that_of_the_known_rate(counts):
    np.testing.assert_allclose(expected_signal(counts, 3 * counts, 8), group_signal(0.25, 8), atol=2e-9)
    np.testing.assert_allclose(expected_signal(counts, counts, 2), 0.5, atol=1e-9)


def test_under_the_uniform_posterior_a_group_of_eight_keeps_seven_ninths():
    assert float(expected_signal(1, 1, 8)) == pytest.approx(7 / 9)


@pytest.mark.parametrize(("a", "b", "size"), [(0.5, 8.5, 8), (3.5, 1.5, 4), (40.5, 24.5, 16), (0.5, 0.5, 2)])
def test_the_closed_form_is_the_integral(a, b, size):
    by_hand, _ = integrate.quad(lambda p: float(group_signal(p, size)) * stats.beta.pdf(p, a, b), 0, 1, limit=200)
    assert float(expected_signal(a, b, size)) == pytest.approx(by_hand, abs=1e-7)


def test_doubt_costs_signal_and_vanishes_with_evidence():
    counts = np.array([1.0, 10.0, 1e3, 1e6, 1e9])
    signal = expected_signal(0.3 * counts, 0.7 * counts, 8)
    assert (np.diff(signal) > 0).all()
    assert signal[-1] == pytest.approx(float(group_signal(0.3, 8)), abs=1e-6)


def test_a_group_below_one_is_named():
    with pytest.raises(ValueError, match="at least 1, found 0"):
        group_signal(0.5, 0)
    with pytest.raises(ValueError, match="at least 1, found -1"):
        expected_signal(1, 1, -1)


def test_the_observed_signal_is_the_share_of_mixed_groups_among_all_subsets():
    groups = list(itertools.combinations([1, 1, 1, 0, 0, 1], 3))
    mixed = sum(0 < sum(group) < 3 for group in groups) / len(groups)
    assert float(observed_signal(4, 6, 3)) == pytest.approx(mixed)


def test_fewer_attempts_than_a_group_tell_nothing():
    assert np.isnan(observed_signal([0, 3], [0, 7], 8)).all()
    assert observed_signal([0, 8, 1], [8, 8, 8], 8).tolist() == [0, 0, 1]
    assert observed_signal([2], [4], 1).tolist() == [0]


def test_the_signal_of_rewards_is_the_share_of_groups_with_unequal_ones():
    rewards = [0.0, 0.0, 0.5, 0.5, 0.5, 1.0]
    groups = list(itertools.combinations(rewards, 3))
    mixed = sum(len(set(group)) > 1 for group in groups) / len(groups)
    assert reward_signal([2, 3, 1], 3) == pytest.approx(mixed)
    assert np.isnan(reward_signal([1, 1, 0], 3))


def test_two_rewards_are_the_binary_case():
    tally = np.array([[4, 4], [8, 0], [7, 1]])
    np.testing.assert_allclose(reward_signal(tally, 4), observed_signal(tally[:, 0], 8, 4))


def test_the_band_of_a_group_ends_where_it_is_mixed_half_as_often_as_at_one_half():
    for size in (2, 8, 64):
        low, high = signal_band(size)
        assert group_signal([low, high], size) == pytest.approx([group_signal(0.5, size) / 2] * 2)
        assert low + high == pytest.approx(1)
    assert signal_band(2)[0] > signal_band(8)[0] > signal_band(64)[0] > 0
    with pytest.raises(ValueError, match="no group of 1"):
        signal_band(1)
