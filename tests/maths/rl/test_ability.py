import numpy as np
import pytest
from scipy.special import expit

from assay.maths.rl.ability import ability


def test_without_attempts_it_is_the_prior():
    assert ability([], [], []) == (0.0, 1.0)
    assert ability([], [], [], mean=2.0, deviation=3.0) == (2.0, 3.0)


def test_all_right_and_all_wrong_stay_finite_and_mirror_each_other():
    high, low = ability([50], [50], [0.0])[0], ability([0], [50], [0.0])[0]
    assert high == pytest.approx(-low)
    assert 2 < high < 4


def test_the_slope_of_the_log_posterior_is_zero_there():
    k, n, b = np.array([3, 1, 0]), np.array([4, 4, 4]), np.array([-1.0, 0.0, 2.0])
    theta, error = ability(k, n, b)
    assert (k - n * expit(theta - b)).sum() == pytest.approx(theta, abs=1e-8)
    assert error == pytest.approx(((n * expit(theta - b) * expit(b - theta)).sum() + 1) ** -0.5)


def test_far_away_the_search_still_arrives():
    assert ability([1000], [1000], [30.0], deviation=10.0)[0] > 30


def test_a_difficulty_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="1 of them not finite"):
        ability([1], [1], [np.inf])
