import pytest

from assay.core.ports import Bench
from assay.core.types import OPEN, Label, Problem, Verdict
from assay.filters.unverifiable import Unverifiable


def test_a_gold_answer_that_does_not_grade_itself_drops_its_problem(sift):
    (drop,) = sift(Unverifiable(), [("a", "4"), ("b", "four-ish")]).values()
    assert (drop.problem_id, drop.reason) == (Problem.of("b").id, "unverifiable")
    assert drop.detail == "verifier 'math' finds 'four-ish' wrong against itself (no number)"


def test_an_answer_that_only_a_box_makes_final_is_verifiable(pairs_of):
    class Boxed:
        def judge(self, cases):
            outcomes = ["correct" if case.rollout.text == "\\boxed{x+1}" else "wrong" for case in cases]
            return [Verdict.of(case, verifier="math", version="1", outcome=each) for case, each in zip(cases, outcomes, strict=True)]

    assert Unverifiable().sift(*pairs_of([("a", "x+1")]), Bench(judge=Boxed())) == []
    assert len(Unverifiable().sift(*pairs_of([("a", "x+2")]), Bench(judge=Boxed()))) == 1


def test_one_label_of_two_is_enough(sift):
    assert len(sift(Unverifiable(), [("a", "4"), ("a", "x")])) == 1


def test_the_open_sentence_is_no_gold_answer(rooms):
    problem = Problem.of("Solve the cube.")
    for verifier, dropped in (("reasoning_gym", 0), ("math", 1)):
        labels = {problem.id: [Label.of(problem.id, OPEN, verifier=verifier)]}
        assert len(Unverifiable().sift([problem], labels, rooms())) == dropped


def test_a_problem_without_a_label_cannot_be_graded(rooms):
    (drop,) = Unverifiable().sift([Problem.of("a")], {}, rooms())
    assert drop.detail == "no label"


def test_without_a_judge_it_says_so():
    with pytest.raises(ValueError, match="no judge to grade the labels of 1 problems"):
        Unverifiable().sift([Problem.of("a")], {}, Bench())
