import pytest

from assay.core.ports import FilterContext
from assay.core.types import Problem, Verdict
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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,000", "1000.0"),
        ("1/2", "0.5"),
        ("\\frac{1}{2}", ".5"),
        ("$5", "5"),
        ("x + 1", "x  + 1"),
        ("$h=4$", "$h=4$."),
        ("$\\dfrac{x}{2}$", "$\\frac{x}{2}$"),
        ("y^{2}=2 x+1", "$y^2=2x+1$"),
        ("9 (apples)", "9"),
    ],
)
def test_one_value_in_two_spellings_is_no_conflict(sift, one, other):
    assert not sift(ConflictingLabels(), [("q", one), ("q", other)])


@pytest.mark.parametrize(("one", "other"), [("5", "-5"), ("50%", "0.5"), ("A", "a"), ("1,5", "1.5"), ("x²", "x2")])
def test_other_answers_are_a_conflict(sift, one, other):
    assert len(sift(ConflictingLabels(), [("q", one), ("q", other)])) == 1


def test_the_same_words_about_another_picture_may_have_another_answer(sift):
    assert not sift(
        ConflictingLabels(), [(Problem.of("Find x.", media=("a",)), "1"), (Problem.of("Find x.", media=("b",)), "2")]
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1 + 1?", "**1 + 1?**"),
        ("Find $\\dfrac12$.", "Find \\(\\frac{1}{2}\\)."),
        ("1 + 1?", "1 + 1? Think step by step."),
    ],
)
def test_another_typesetting_of_the_question_is_the_same_question(sift, one, other):
    assert len(sift(ConflictingLabels(), [(one, "2"), (other, "3")])) == 2
    assert not sift(ConflictingLabels(), [(one, "2"), (other, "2.0")])


def test_the_strict_verdict_decides_what_forms_leave_open(pairs_of):
    class Strict:
        def judge(self, cases):
            return [self._told(case) for case in cases]

        def _told(self, case):
            same = {case.rollout.text, case.label.answer} in ({"\\boxed{x+1}", "1+x"}, {"\\boxed{1+x}", "x+1"})
            return Verdict.of(
                case, verifier="math", version="1", outcome="correct" if same else "wrong", lenient="correct"
            )

    assert ConflictingLabels().sift(*pairs_of([("q", "x+1"), ("q", "1+x")]), FilterContext(judge=Strict())) == []
    assert (
        len(
            ConflictingLabels().sift(
                *pairs_of([("q", "x+1"), ("q", "1+x"), ("q", "x+2")]), FilterContext(judge=Strict())
            )
        )
        == 1
    )


def test_a_question_with_hundreds_of_answers_is_a_conflict_at_once(sift):
    assert len(sift(ConflictingLabels(), [("q", str(n)) for n in range(400)])) == 1
