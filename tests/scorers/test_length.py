"""Tokens of right answers, with an interval that holds for one."""

import numpy as np
import pytest

from assay.core.types import Counts
from assay.scorers.length import Length, mean_interval


def test_right_answers_alone_make_the_mean_and_the_counts_tell_the_cut_ones(spoken, say):
    said = [say("4", tokens=10), say("4", tokens=20), say("5", "wrong", tokens=90), say("", "truncated", tokens=100)]
    (made,) = Length().score(["p"], spoken({"p": said}))
    assert (made.value, made.censored, made.direction) == (15.0, False, "harder")
    assert made.counts == Counts(correct=2, wrong=1, truncated=1)
    assert made.low < 15 < made.high


def test_without_a_right_answer_it_is_censored_at_the_mean_of_all(spoken, say):
    (made,) = Length().score(["p"], spoken({"p": [say("5", "wrong", tokens=30), say("", "truncated", tokens=50)]}))
    assert (made.value, made.censored) == (40.0, True)


def test_nothing_said_is_no_score(spoken):
    assert Length().score(["p"], spoken({})) == []


def test_the_interval_covers_exponential_means_exactly_and_steadier_lengths_nearly_always():
    rng = np.random.default_rng(0)
    for k in (1, 4):
        wild, steady = rng.exponential(100, (2000, k)).sum(axis=1), rng.gamma(4, 25, (2000, k)).sum(axis=1)
        held = [
            np.mean([low < 100 < high for low, high in (mean_interval(total, k, level=0.9) for total in sums)])
            for sums in (wild, steady)
        ]
        assert held[0] == pytest.approx(0.9, abs=0.025)
        assert held[1] > 0.97


def test_both_ends_of_the_level():
    wide, narrow = mean_interval(100, 4, level=0.999), mean_interval(100, 4, level=0.01)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
