import numpy as np
import pytest

from assay.maths.rl.boltzmann import boltzmann


def test_chances_sum_to_one_and_follow_the_exponential():
    assert boltzmann([0.0, np.log(3.0)], 1.0).round(12).tolist() == [0.25, 0.75]


def test_temperature_zero_is_greedy_and_a_high_one_is_even():
    assert boltzmann([0.1, 0.9, 0.9], 0.0).tolist() == [0, 0.5, 0.5]
    assert np.allclose(boltzmann([0.1, 0.9], 1e9), 0.5)


def test_huge_values_do_not_overflow_and_nan_is_refused():
    assert boltzmann([1e300, 0.0], 1.0).tolist() == [1, 0]
    with pytest.raises(ValueError, match="finite"):
        boltzmann([np.nan], 1.0)
