"""Clusters of equal answers: equal by value, ties by text, weights that may overrule numbers."""

import numpy as np
import pytest

from assay.maths.text.votes import answer_clusters, answers_agree


def test_numbers_are_equal_by_value_and_empty_answers_are_no_votes():
    found = answer_clusters(["1,000", "1000.0", "x ²", "", "  ", "x  ²"])
    assert [(each.answer, each.votes) for each in found] == [("1,000", 2), ("x  ²", 2)]


def test_equal_weights_choose_the_majority_whatever_they_are():
    rng = np.random.default_rng(0)
    for _ in range(50):
        answers = [str(value) for value in rng.integers(0, 4, 9)]
        plain, weighed = answer_clusters(answers), answer_clusters(answers, [0.3] * 9)
        assert [each.answer for each in plain] == [each.answer for each in weighed]


def test_ties_have_one_answer_in_every_order_of_votes():
    answers = ["b", "a", "b", "a", "c"]
    rng = np.random.default_rng(1)
    assert {answer_clusters([answers[i] for i in rng.permutation(5)])[0].answer for _ in range(30)} == {"a"}


def test_weights_may_overrule_numbers_but_only_inside_the_top():
    answers, weights = ["4", "4", "4", "5", "5", "6"], [0.1, 0.1, 0.1, 0.2, 0.2, 0.9]
    assert answer_clusters(answers, weights)[0].answer == "6"
    assert answer_clusters(answers, weights, top=2)[0].answer == "5"
    assert answer_clusters(answers, weights, top=1)[0].answer == "4"


def test_nothing_said_is_no_cluster():
    assert answer_clusters([]) == answer_clusters(["", " "]) == []


def test_wrong_weights_are_refused():
    with pytest.raises(ValueError, match="1 weights for 2 answers"):
        answer_clusters(["a", "b"], [1.0])
    with pytest.raises(ValueError, match=r"weights must not be negative, found -1\.0"):
        answer_clusters(["a", "b"], [1.0, -1.0])


def test_agreement_needs_an_answer():
    assert answers_agree("2/4", "0.5")
    assert not answers_agree("", "")
    assert not answers_agree("1", "2")
