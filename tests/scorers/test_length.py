"""Tokens of right answers, with an interval that holds for one."""

import numpy as np
import pytest

from assay.core.types import Counts
from assay.scorers.length import Length, mean_interval


def test_right_answers_alone_make_the_mean_and_the_counts_tell_the_cut_ones(store_of, attempt):
    attempts = [
        attempt("4", tokens=10),
        attempt("4", tokens=20),
        attempt("5", "wrong", tokens=90),
        attempt("", "truncated", tokens=100),
    ]
    (score,) = Length().score(["p"], store_of({"p": attempts}))
    assert (score.value, score.censored, score.direction) == (15.0, False, "harder")
    assert score.counts == Counts(correct=2, wrong=1, truncated=1)
    assert score.low < 15 < score.high


def test_without_a_right_answer_it_is_censored_at_the_mean_of_all(store_of, attempt):
    (score,) = Length().score(
        ["p"], store_of({"p": [attempt("5", "wrong", tokens=30), attempt("", "truncated", tokens=50)]})
    )
    assert (score.value, score.censored) == (40.0, True)


def test_no_attempt_is_no_score(store_of):
    assert Length().score(["p"], store_of({})) == []


def test_the_interval_covers_exponential_means_exactly():
    rng = np.random.default_rng(0)
    for k in (1, 4):
        wild, steady = rng.exponential(100, (2000, k)).sum(axis=1), rng.gamma(4, 25, (2000, k)).sum(axis=1)
        coverage = [
            np.mean([low < 100 < high for low, high in (mean_interval(total, k, level=0.9) for total in sums)])
            for sums in (wild, steady)
        ]
        assert coverage[0] == pytest.approx(0.9, abs=0.025)
        assert coverage[1] > 0.97


def test_both_ends_of_the_level():
    wide, narrow = mean_interval(100, 4, level=0.999), mean_interval(100, 4, level=0.01)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
