import pytest

from assay.core.types import Message, Problem
from assay.filters.exact import Exact


def test_the_smallest_id_stays_and_the_drop_names_it(sift):
    copies = sorted((Problem.of(text) for text in ("1 + 1?", "1  + 1?", "1 + 1?\n")), key=lambda problem: problem.id)
    drops = sift(Exact(), [(copy, "2") for copy in copies])
    assert sorted(drops) == [copy.id for copy in copies[1:]]
    assert {(drop.reason, drop.detail) for drop in drops.values()} == {("duplicate", f"same text as {copies[0].id}")}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5 apples at 3?", "5 apples at 4?"),
        ("5 + 3?", "5 - 3?"),
        ("Is 3 > 2?", "Is 3 ≥ 2?"),
        ("A train leaves at 3:15 going 60 mph.", "A train leaves at 9:40 going 45 mph."),
        ("x² = 4", "x2 = 4"),
        ("Find X.", "Find x."),
        ("1,5", "1.5"),
        ("ab", "a b"),
    ],
)
def test_a_number_an_operator_a_case_or_a_comma_is_another_problem(sift, one, other):
    assert not sift(Exact(), [(one, "1"), (other, "1")])


def test_media_and_roles_count(sift):
    pairs = [
        (Problem.of("Find x.", media=("a",)), "1"),
        (Problem.of("Find x.", media=("b",)), "1"),
        (Problem.of("Find x."), "1"),
        (Problem.of((Message("system", "Find x."),)), "1"),
    ]
    assert not sift(Exact(), pairs)
    assert len(sift(Exact(), [*pairs, (Problem.of("Find  x.", media=("a",)), "1")])) == 1


NATALIA = "Natalia sold clips to 48 of her friends. How many did she sell?"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Find $\\dfrac{1}{2}x^{2}.$", "Find \\(\\frac12 x^2\\)."),
        (NATALIA, NATALIA + ' Let\'s think step by step and output the final answer after "####".'),
        (NATALIA, "Question: " + NATALIA + "\nAnswer:"),
        ("Is $5 − 3$ even?", "Is $5-3$ even?"),
        ("Let \\[x=2.\\]Find $x$.", "Let \\[x=2.\\]**Find** $x$."),
    ],
)
def test_typesetting_and_instructions_make_no_other_problem(sift, one, other):
    assert len(sift(Exact(), [(one, "1"), (other, "1")])) == 1


def test_a_system_turn_of_instructions_makes_no_other_problem(sift):
    told = Problem.of(
        (
            Message("system", "Please reason step by step, and put your final answer within \\boxed{}."),
            Message("user", NATALIA),
        )
    )
    assert len(sift(Exact(), [(told, "1"), (NATALIA, "1")])) == 1
