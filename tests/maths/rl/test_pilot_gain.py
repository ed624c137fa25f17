import numpy as np
import pytest

from assay.maths.rl.pilot_gain import cost_per_mixed, pilot_gain


@pytest.mark.parametrize(
    ("rate", "alive", "group_size", "pilot", "gain"),
    [
        (0.5, 1e-9, 8, 2, 2.0),
        (0.1, 1e-9, 8, 2, 1.26),
        (0.02, 1e-9, 8, 2, 1.05),
        (0.5, 0.15, 64, 8, 3.9),
        (0.1, 0.15, 64, 8, 2.9),
    ],
)
def test_the_gains_are_those_of_the_arithmetic(rate, alive, group_size, pilot, gain):
    assert pilot_gain(rate, alive, group_size, pilot) == pytest.approx(gain, rel=0.02)


def test_where_every_problem_is_alive_a_small_pilot_costs_more_than_it_saves():
    assert pilot_gain(0.5, 1.0, 8, 2) < 1


def test_a_fresh_group_behind_the_gate_costs_more_than_completing_the_pilot():
    assert pilot_gain(0.1, 0.15, 8, 2, fresh=True) < pilot_gain(0.1, 0.15, 8, 2)


@pytest.mark.parametrize("fresh", [False, True])
def test_drawn_pilots_cost_what_the_formula_says(fresh):
    """200,000 problems, 15% alive at .1, groups of 8 behind pilots of 2."""
    rng = np.random.default_rng(0)
    rate = np.where(rng.random(200_000) < 0.15, 0.1, 0.0)
    first = rng.binomial(2, rate)
    passed = first == 1
    rest = rng.binomial(8 if fresh else 6, rate) + (0 if fresh else first)
    mixed = passed & (rest > 0) & (rest < 8)
    rollouts = 2 * len(rate) + (8 if fresh else 6) * passed.sum()
    assert cost_per_mixed(0.1, 0.15, 8, 2, fresh=fresh) == pytest.approx(rollouts / mixed.sum(), rel=0.03)


def test_a_pilot_of_one_or_of_the_whole_group_is_refused():
    for pilot in (1, 8):
        with pytest.raises(ValueError, match=f"a pilot of {pilot} for a group of 8"):
            cost_per_mixed(0.5, 1.0, 8, pilot)
    assert cost_per_mixed(0.0, 1.0, 8, 2) == float("inf")
