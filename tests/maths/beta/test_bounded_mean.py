import numpy as np
import pytest

from assay.maths.beta.bounded_mean import betting_interval

DRAWS = {
    "rarely right": lambda rng, shape: (rng.random(shape) < 0.05).astype(float),
    "half right": lambda rng, shape: (rng.random(shape) < 0.5).astype(float),
    "three parts": lambda rng, shape: rng.binomial(3, 0.6, shape) / 3,
    "mostly at the ends": lambda rng, shape: rng.beta(0.2, 0.8, shape),
}
MEANS = {"rarely right": 0.05, "half right": 0.5, "three parts": 0.6, "mostly at the ends": 0.2}


@pytest.mark.parametrize("n", [2, 8, 32])
@pytest.mark.parametrize("name", list(DRAWS))
def test_the_mean_is_inside_as_often_as_promised_at_every_n(name, n):
    low, high = betting_interval(DRAWS[name](np.random.default_rng(n), (1000, n)))
    assert ((low <= MEANS[name]) & (MEANS[name] <= high)).mean() >= 0.95


def test_more_attempts_and_less_spread_narrow_it():
    rng = np.random.default_rng(0)
    few, many = (np.subtract(*betting_interval(rng.random((200, n)))[::-1]).mean() for n in (8, 64))
    assert many < 0.5 * few
    steady = float(np.subtract(*betting_interval([[0.5] * 32])[::-1])[0])
    assert steady < float(np.subtract(*betting_interval([[0.0, 1.0] * 16])[::-1])[0])


def test_other_bounds_scale_it_and_rewards_outside_are_refused():
    low, high = betting_interval([[0.0] * 8])
    below, above = betting_interval([[-1.0] * 8], bounds=(-1.0, 1.0))
    assert (float(below[0]), float(above[0])) == pytest.approx((2 * low[0] - 1, 2 * high[0] - 1))
    with pytest.raises(ValueError, match=r"1\.5 is outside"):
        betting_interval([[1.5]])
    with pytest.raises(ValueError, match="empty"):
        betting_interval([[0.5]], bounds=(1.0, 1.0))


def test_without_rewards_nothing_is_known():
    low, high = betting_interval(np.zeros((2, 4)), [0, 4])
    assert (low.tolist(), float(high[0])) == ([0, 0], 1.0)
    assert float(high[1]) < 1
