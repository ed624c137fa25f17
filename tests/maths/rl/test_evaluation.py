import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assay.maths.rl.evaluation import (
    count_moves,
    detectable_difference,
    lower_bound,
    mean_interval,
    paired_difference,
    pass_at,
)


@given(n=st.integers(1, 8), data=st.data())
def test_pass_at_k_is_the_share_of_all_choices_of_k_that_hold_a_right_one(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    outcomes = [True] * c + [False] * (n - c)
    choices = [any(choice) for choice in combinations(outcomes, k)]
    assert pass_at(k, [c], [n])[0] == pytest.approx(np.mean(choices))


def test_fewer_attempts_than_k_say_nothing() -> None:
    assert math.isnan(pass_at(5, [4], [4])[0])
    with pytest.raises(ValueError, match="pass@0"):
        pass_at(0, [1], [1])


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        _, low, high = mean_interval(rng.binomial(8, rng.beta(1, 1, 60)) / 8)
        covered.append(low <= 0.5 <= high)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)


def test_what_two_policies_share_cancels() -> None:
    before = np.linspace(0, 0.9, 10)
    mean, low, high = paired_difference(before, before + 0.1)
    assert mean == pytest.approx(0.1)
    assert 0 < high - low < 0.4  # ten problems, all of which moved by .1, bear an interval of some width
    with pytest.raises(ValueError, match="2 problems before and 1 after"):
        paired_difference([0, 1], [1])


def test_one_problem_has_no_interval_and_none_has_no_mean() -> None:
    mean, low, _ = mean_interval([0.5])
    assert mean == 0.5
    assert math.isnan(low)
    assert math.isnan(mean_interval([])[0])


def test_a_policy_that_did_not_change_moves_nothing() -> None:
    assert count_moves([0.5, 0.1], [0.5, 0.1], 0.1, 0.9) == {
        "before": 2,
        "stayed": 2,
        "above": 0,
        "below": 0,
        "entered": 0,
    }


def test_the_detectable_difference_is_shown_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    least = detectable_difference(
        np.repeat([-1.0, 1.0], 5) * np.sqrt(0.9)
    )  # 10 differences whose standard deviation is 1
    shown = [mean_interval(rng.normal(least, 1, 10), bounds=None)[1] > 0 for _ in range(2000)]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.03)


def test_one_difference_and_equal_ones_tell_nothing_of_what_could_be_detected() -> None:
    assert math.isnan(detectable_difference([0.2]))
    assert math.isnan(detectable_difference([0.0, 0.0, 0.0]))


def test_pools_that_were_all_or_never_solved_have_an_interval_inside_0_and_1() -> None:
    mean, low, high = mean_interval(np.zeros(30))
    assert (mean, low) == (0, 0)
    assert 0.04 < high < 0.1  # the rule of three says .1
    assert mean_interval(np.ones(30)) == (1, pytest.approx(1 - high), 1)
    _, low, high = paired_difference(np.zeros(30), np.zeros(30))
    assert low == -high
    assert high > 0.02
    assert mean_interval([0.0, 1.0])[1:] == (0, 1)


@pytest.mark.parametrize("n", [10, 30, 100])
def test_pools_of_which_most_are_never_solved_are_covered_at_little_width(n: int) -> None:
    rng = np.random.default_rng(n)
    covered, width, exact = [], [], []
    for _ in range(400):
        rates = rng.binomial(4, np.where(rng.random(n) < 0.9, 0.0, rng.random(n))) / 4
        _, low, high = mean_interval(rates)
        covered.append(low <= 0.05 <= high)
        width.append(high - low)
        solved = rates.sum()
        exact.append(
            stats.beta.ppf(0.975, solved + 1, n - solved)
            - (stats.beta.ppf(0.025, solved, n - solved + 1) if solved else 0)
        )
    assert np.mean(covered) >= 0.93
    assert np.mean(width) <= 1.5 * np.mean(exact)


def test_the_lower_bound_of_few_values_is_0_and_rises_with_the_error_allowed() -> None:
    assert lower_bound([1.0], error=0.05) == 0
    assert lower_bound([1.0, 0.5] * 8, error=0.05) > lower_bound([1.0, 0.5] * 8, error=0.001) > 0
