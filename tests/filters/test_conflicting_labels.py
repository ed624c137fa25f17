import pytest

from assay.core.types import Problem
from assay.filters.conflicting_labels import ConflictingLabels


def test_one_problem_with_two_gold_answers_goes_and_both_are_named(sift):
    (drop,) = sift(ConflictingLabels(), [("1 + 1?", "2"), ("1 + 1?", "3"), ("2 + 2?", "4")]).values()
    id_ = Problem.of("1 + 1?").id
    assert (drop.problem_id, drop.reason, drop.detail) == (id_, "conflicting_labels", f"'2' on {id_}, but '3' on {id_}")


def test_copies_with_different_answers_all_go_and_name_each_other(sift):
    one, other, third = (Problem.of(text) for text in ("1 + 1?", "1  + 1?", "1 + 1? "))
    drops = sift(ConflictingLabels(), [(one, "2"), (other, "3"), (third, "2")])
    assert set(drops) == {one.id, other.id, third.id}
    assert drops[one.id].detail == f"'2' on {one.id}, but '3' on {other.id}"
    assert drops[other.id].detail.startswith(f"'3' on {other.id}, but '2' on ")


@pytest.mark.parametrize(("one", "other"), [("1,000", "1000.0"), ("1/2", "0.5"), ("\\frac{1}{2}", ".5"), ("$5", "5"), ("x + 1", "x  + 1")])
def test_one_value_in_two_spellings_is_no_conflict(sift, one, other):
    assert not sift(ConflictingLabels(), [("q", one), ("q", other)])


@pytest.mark.parametrize(("one", "other"), [("5", "-5"), ("50%", "0.5"), ("A", "a"), ("1,5", "1.5"), ("x²", "x2")])
def test_other_answers_are_a_conflict(sift, one, other):
    assert len(sift(ConflictingLabels(), [("q", one), ("q", other)])) == 1


def test_the_same_words_about_another_picture_may_have_another_answer(sift):
    assert not sift(ConflictingLabels(), [(Problem.of("Find x.", media=("a",)), "1"), (Problem.of("Find x.", media=("b",)), "2")])
