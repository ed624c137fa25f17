import pytest

from assay.core.ports import FilterContext
from assay.core.types import OPEN, Label, Problem, Verdict
from assay.filters.unverifiable import Unverifiable
from assay.verifiers.math.verifier import Math


def test_a_gold_answer_that_no_usual_form_meets_drops_its_problem(sift):
    (drop,) = sift(Unverifiable(), [("a", "4"), ("b", "four-ish")]).values()
    assert (drop.problem_id, drop.reason) == (Problem.of("b").id, "unverifiable")
    assert drop.detail == "verifier 'math' finds '\\\\boxed{four-ish}' wrong for the gold answer 'four-ish' (no number)"


class Characters:
    """A judge to whom equal characters alone are equal."""

    def judge(self, cases):
        return [Verdict.of(case, verifier="math", version="1", outcome=self._outcome(case)) for case in cases]

    def _outcome(self, case):
        self.said.append(case.rollout.text)
        return (
            "correct"
            if case.rollout.text in (f"\\boxed{{{case.label.answer}}}", f"The answer is {case.label.answer}.")
            else "wrong"
        )

    def __init__(self):
        self.said = []


@pytest.mark.parametrize(
    ("gold", "usual"),
    [
        ("9 (apples)", "9"),
        ("1,500 (miles)", "1,500"),
        ("She sold 24.\n#### 72", "72"),
        ('["4"]', "4"),
        ('{"answer": "4"}', "4"),
        ("so \\boxed{5}.", "5"),
    ],
)
def test_the_dress_of_a_gold_answer_is_no_part_of_what_is_said(pairs_of, gold, usual):
    judge = Characters()
    assert len(Unverifiable().sift(*pairs_of([("a", gold)]), FilterContext(judge=judge))) == 1
    assert judge.said == [f"\\boxed{{{usual}}}", f"The answer is {usual}."]


def test_one_usual_form_is_enough(pairs_of):
    class Sentences(Characters):
        def _outcome(self, case):
            return "correct" if case.rollout.text == "The answer is $\\frac{1}{2}$." else "wrong"

    assert Unverifiable().sift(*pairs_of([("a", "\\frac{1}{2}")]), FilterContext(judge=Sentences())) == []


@pytest.mark.parametrize(
    "gold",
    ["9", "\\frac{1}{2}", "x+1", "(3, 4)", "12 cm", "9 (apples)", "She sold 24.\n#### 72", '["4"]', "50\\%", "1,000"],
)
def test_a_real_verifier_accepts_the_usual_form_of_a_real_gold(pairs_of, judged, gold):
    assert Unverifiable().sift(*pairs_of([("a", gold)]), FilterContext(judge=judged)) == []


@pytest.fixture
def judged():
    """The verifier itself, in this process."""
    part = Math()

    class Here:
        def judge(self, cases):
            return [part.judge(case) for case in cases]

    return Here()


def test_tests_of_programs_are_not_judged_by_sentences(build_filter_context):
    problem = Problem.of("Add.")
    labels = {problem.id: [Label.of(problem.id, '{"asserts": ["assert add(1, 2) == 3"]}', verifier="code")]}
    assert Unverifiable().sift([problem], labels, build_filter_context()) == []


def test_one_label_of_two_is_enough(sift):
    assert len(sift(Unverifiable(), [("a", "4"), ("a", "x")])) == 1


def test_the_open_sentence_is_no_gold_answer(build_filter_context):
    problem = Problem.of("Solve the cube.")
    for verifier, dropped in (("reasoning_gym", 0), ("math", 1)):
        labels = {problem.id: [Label.of(problem.id, OPEN, verifier=verifier)]}
        assert len(Unverifiable().sift([problem], labels, build_filter_context())) == dropped


def test_a_problem_without_a_label_cannot_be_graded(build_filter_context):
    (drop,) = Unverifiable().sift([Problem.of("a")], {}, build_filter_context())
    assert drop.detail == "no label"


def test_without_a_judge_it_says_so():
    with pytest.raises(ValueError, match="this filter needs a verifier to grade the gold answers of 1 problems"):
        Unverifiable().sift([Problem.of("a")], {}, FilterContext())
