import numpy as np
import pytest
from scipy import stats

from assay.maths.beta.posterior import beyond, interval, mass_between, mean, posterior


def test_three_of_four_solved_under_jeffreys_is_beta_three_and_a_half_one_and_a_half():
    a, b = posterior(3, 1)
    assert (float(a), float(b)) == (3.5, 1.5)
    assert float(mean(a, b)) == pytest.approx(0.7)


def test_no_attempt_gives_the_prior_and_the_whole_range():
    a, b = posterior(0, 0)
    low, high = interval(0, 0)
    assert (float(a), float(b), float(low), float(high)) == (0.5, 0.5, 0.0, 1.0)


def test_one_success_under_the_uniform_prior_has_the_square_root_as_its_lower_end():
    low, high = interval(1, 0, prior="uniform", level=0.95)  # Beta(2, 1) has the distribution function p squared
    assert float(low) == pytest.approx(0.025**0.5)
    assert float(high) == 1.0


def test_two_of_four_is_symmetric_about_one_half():
    low, high = interval(2, 2)
    assert float(low) + float(high) == pytest.approx(1.0)
    assert float(mass_between(2.5, 2.5, float(low), float(high))) == pytest.approx(0.95)


@pytest.mark.parametrize("solved", range(9))
def test_the_interval_lies_inside_clopper_and_pearsons(solved):
    low, high = interval(solved, 8 - solved)
    exact = stats.binomtest(solved, 8).proportion_ci(0.95, method="exact")
    assert exact.low <= float(low) <= solved / 8 <= float(high) <= exact.high or solved in (0, 8)
    assert (float(low) == 0) == (solved == 0)
    assert (float(high) == 1) == (solved == 8)


def test_a_higher_level_is_a_wider_interval():
    widths = [float(np.subtract(*interval(3, 5, level=level)[::-1])) for level in (0.5, 0.8, 0.95, 0.99)]
    assert widths == sorted(widths)


@pytest.mark.parametrize("n", [4, 8, 16, 64])
def test_intervals_cover_about_95_percent_averaged_over_true_rates(n):
    rates = (np.arange(2000) + 0.5) / 2000
    solved = np.arange(n + 1)
    low, high = interval(solved, n - solved)
    chance = stats.binom.pmf(solved[:, None], n, rates)  # (n + 1, 2000)
    covered = (low[:, None] <= rates) & (rates <= high[:, None])
    assert 0.94 <= float((chance * covered).sum(axis=0).mean()) <= 0.98
    assert low[0] == 0
    assert high[-1] == 1


def test_a_large_number_of_attempts_stays_finite():
    low, high = interval(10**9, 10**9)
    assert 0.4999 < float(low) < 0.5 < float(high) < 0.5001


def test_arrays_keep_their_shape_and_agree_with_single_counts():
    solved = np.array([[0, 1], [2, 8]])
    low, high = interval(solved, 8 - solved)
    assert low.shape == high.shape == (2, 2)
    assert float(low[0, 1]) == float(interval(1, 7)[0])


def test_bad_values_are_named():
    with pytest.raises(LookupError, match="jeffrey'"):
        posterior(1, 1, prior="jeffrey")
    with pytest.raises(ValueError, match="-1"):
        posterior([2, -1], [0, 0])
    for level in (0, 1):
        with pytest.raises(ValueError, match="level"):
            interval(1, 1, level=level)
    with pytest.raises(ValueError, match="band"):
        mass_between(1, 1, 0.8, 0.2)


def test_beyond_is_the_interval_on_the_other_side_of_the_band():
    counts = np.array([[0, 64], [1, 63], [32, 32], [63, 1], [64, 0], [0, 8]])
    low, high = interval(counts[:, 0], counts[:, 1])
    a, b = posterior(counts[:, 0], counts[:, 1])
    below, above = beyond(a, b, 0.15, 0.85)
    assert below.tolist() == (high < 0.15).tolist() == [True, True, False, False, False, False]
    assert above.tolist() == (low > 0.85).tolist() == [False, False, False, True, True, False]
    assert not any(side.any() for side in beyond(a, b, 0, 1)), "nothing lies outside [0, 1]"
    for band, level in (((0.5, 0.5), 0.95), ((0.1, 0.9), 1.0)):
        with pytest.raises(ValueError, match=r"band|level"):
            beyond(a, b, *band, level=level)
