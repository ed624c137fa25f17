"""The chance that one rate is above another, against sampling and by symmetry."""

import numpy as np
import pytest

from assay.maths.beta.compare_rates import chance_above


@pytest.mark.parametrize("parameters", [(3, 5, 4, 4), (0.7, 9, 2, 30), (60, 3, 50, 9), (0.3, 0.3, 1, 1)])
def test_it_is_the_share_of_draws_in_which_the_first_is_larger(parameters: tuple[float, ...]) -> None:
    a, b, c, d = parameters
    rng = np.random.default_rng(0)
    drawn = (rng.beta(a, b, 400_000) > rng.beta(c, d, 400_000)).mean()
    assert chance_above(a, b, c, d)[0] == pytest.approx(drawn, abs=0.005)


def test_the_two_directions_add_up_to_one_and_equal_rates_are_even() -> None:
    a, b, c, d = (np.array(column) for column in ([2.0, 9.0], [5.0, 1.0], [3.0, 4.0], [3.0, 4.0]))
    assert chance_above(a, b, c, d) + chance_above(c, d, a, b) == pytest.approx([1, 1], abs=0.01)
    assert chance_above(a, b, a, b) == pytest.approx([0.5, 0.5], abs=0.005)
