import pytest

from assay.core.ports import FilterContext
from assay.core.types import Problem
from assay.filters.unparsable import Unparsable


def test_an_answer_that_the_verifier_cannot_read_drops_its_problem(sift):
    (drop,) = sift(Unparsable(), [("a", "4"), ("b", "four-ish")]).values()
    assert (drop.problem_id, drop.reason) == (Problem.of("b").id, "unparsable")
    assert drop.detail == "verifier 'math' cannot read 'four-ish'"


def test_one_unreadable_label_of_two_is_enough(sift):
    assert len(sift(Unparsable(), [("a", "4"), ("a", "x")])) == 1


def test_a_problem_without_a_label_cannot_be_graded():
    class Reads:
        def reads(self, labels):
            return [True for _ in labels]

    (drop,) = Unparsable().sift([Problem.of("a")], {}, FilterContext(judge=Reads()))
    assert drop.detail == "no label"


def test_without_a_judge_it_says_so():
    with pytest.raises(ValueError, match="this filter needs a verifier to read the gold answers of 1 problems"):
        Unparsable().sift([Problem.of("a")], {}, FilterContext())
