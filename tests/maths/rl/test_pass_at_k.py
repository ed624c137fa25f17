import math

import numpy as np
import pytest

from assay.maths.rl.pass_at_k import majority_at_k, pass_all_k, pass_at_k


def test_two_of_four_right_by_hand():
    assert float(pass_at_k(2, 4, 2)) == pytest.approx(5 / 6)  # of six pairs one is all wrong
    assert float(pass_all_k(2, 4, 2)) == pytest.approx(1 / 6)


def test_fewer_attempts_than_k_tell_nothing():
    assert np.isnan(pass_at_k([3, 4], [3, 4], 4)).tolist() == [True, False]
    assert math.isnan(float(pass_all_k(3, 3, 4)))
    assert math.isnan(majority_at_k(["a"], "a", 2))


def test_both_are_unbiased_where_the_share_of_the_rate_is_not():
    from scipy import stats

    c = np.arange(9)
    chance = stats.binom.pmf(c, 8, 0.3)
    assert float((chance * pass_at_k(c, 8, 4)).sum()) == pytest.approx(1 - 0.7**4)
    assert float((chance * pass_all_k(c, 8, 4)).sum()) == pytest.approx(0.3**4)
    assert float((chance * (1 - (1 - c / 8) ** 4)).sum()) < 1 - 0.7**4 - 0.02


def test_attempts_stopped_at_the_first_success_bias_it_which_is_why_a_fixed_design_is_asked_for():
    rng = np.random.default_rng(0)
    first = np.minimum(rng.geometric(0.3, 20_000), 8)  # stop at the first right attempt, at most 8
    right = (rng.random(20_000) < 1) & (first < 8)
    assert float(np.mean(right / first)) > 0.3 + 0.1


def test_a_majority_by_hand_and_ties_are_drawn_fairly():
    assert majority_at_k(["4", "4", "5"], "4", 3) == 1
    assert majority_at_k(["4", "4", "5"], "4", 1) == pytest.approx(2 / 3)
    assert majority_at_k(["4", "5"], "4", 2) == 0.5
    assert majority_at_k(["5", "5"], "4", 2) == 0


def test_no_answer_votes_for_nothing():
    assert majority_at_k(["", "", "4"], "4", 3) == 1
    assert majority_at_k(["", "", ""], "4", 3) == 0


def test_a_majority_over_many_groups_is_drawn_and_close():
    answers = ["4"] * 30 + ["5"] * 20
    assert majority_at_k(answers, "4", 9) == majority_at_k(answers, "4", 9)
    assert majority_at_k(answers, "4", 9) == pytest.approx(0.75, abs=0.05)  # hypergeometric: P(at least 5 of 9) = .755


def test_impossible_counts_are_named():
    with pytest.raises(ValueError, match="5 right of 4"):
        pass_at_k(5, 4, 1)
    with pytest.raises(ValueError, match="0"):
        pass_at_k(1, 4, 0)
    with pytest.raises(ValueError, match="0"):
        majority_at_k(["a"], "a", 0)
