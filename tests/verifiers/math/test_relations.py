"""What equations and inequalities say of a name."""

import pytest

from assay.verifiers.answers.meaning import read_meaning
from assay.verifiers.math.comparison import MAYBE, NO, YES, Rules
from assay.verifiers.math.equality import compare_answers
from assay.verifiers.math.relations import read_assignment, read_interval


def test_one_name_alone_is_given_a_value():
    assert read_assignment(read_meaning("x = 5")) == ("x", "5")
    assert read_assignment(read_meaning("x+y=5")) is None
    assert read_assignment(read_meaning("f(x)=0")) is None


def test_an_inequality_of_one_name_is_an_interval_either_way_round():
    for text, ends in (("1<x\\leq 2", "(]"), ("2 \\geq x > 1", "(]"), ("x<2", "()"), ("3 \\leq x", "[)")):
        name, interval = read_interval(read_meaning(text))
        assert (name, interval.left + interval.right) == ("x", ends)
    assert read_interval(read_meaning("x<y")) is None
    assert read_interval(read_meaning("1<x>0")) is None


@pytest.mark.parametrize(
    ("gold", "answer", "opinion"),
    [
        ("37", "12+25=37", YES),
        ("37", "12+26=37", NO),
        ("2", "1=2", NO),
        ("1/3", "\\frac{1}{3} \\approx 0.333", YES),
        ("5", "x \\approx 5", MAYBE),
    ],
)
def test_working_counts_if_every_step_holds(gold, answer, opinion):
    assert compare_answers(gold, answer, Rules()) == opinion
