import subprocess
import sys

import pytest
import sympy
from sympy import FiniteSet, Interval, Rational, Symbol, Tuple, UnevaluatedExpr, Union, oo, pi, sqrt

from assay.verifiers.math import fast_reject

x, y = Symbol("x"), Symbol("y")
PERCENT = sympy.Mul(70, UnevaluatedExpr(Rational(1, 100)), evaluate=False)


EXPRESSIONS = [
    (2 * sqrt(65), x**2 + 2 * x + 9, True),
    (164 * pi, 164 * pi * x, True),
    ((x**2 - 1) / (x - 1), x + 1, False),
    (x + y, y + x, False),
    (Rational(1, 3), sympy.Float("0.3333333"), False),
    (sympy.Eq(x, 1), x, False),  # no value
    (oo, x, False),
]
SETS = [
    (10 * pi, Interval.open(4, 12), True),
    (Union(Interval.open(-4, -3), Interval.open(1, 2)), FiniteSet(1, 2), True),
    (Interval.open(1, 2), FiniteSet(1, 2), False),  # Math-Verify takes both for a pair
    (Interval(x, y), FiniteSet(1), False),  # perhaps a single point
    (FiniteSet(1, 2), FiniteSet(1, 3), True),
    (FiniteSet(1, 2), FiniteSet(1, Rational(2000001, 1000000)), False),  # within what is rounded
    (FiniteSet(1, 2), FiniteSet(1), True),
    (FiniteSet(7), sympy.Integer(7), False),
    (FiniteSet(x, 1), FiniteSet(y, 1), False),  # as many, and Math-Verify may take one symbol for the other
    (6 * x**2 + 4 * x - 5, FiniteSet(-12, -2), True),
    (PERCENT, FiniteSet(70, 1), False),
    (Tuple(1, 2), FiniteSet(3, 4), False),
    (FiniteSet(sympy.Eq(x, 1)), FiniteSet(2), False),
]


@pytest.mark.parametrize(("gold", "answer", "differs"), EXPRESSIONS)
def test_expressions_are_apart_where_their_values_at_one_point_are(gold, answer, differs):
    assert fast_reject.expressions_differ(gold, answer) == fast_reject.expressions_differ(answer, gold) == differs


@pytest.mark.parametrize(("gold", "answer", "differs"), SETS)
def test_sets_are_apart_where_one_is_finite_alone_or_an_element_has_no_fellow(gold, answer, differs):
    assert fast_reject.sets_differ(gold, answer) == fast_reject.sets_differ(answer, gold) == differs


def test_what_is_plainly_apart_is_unequal_to_math_verify_alone():
    pairs = [(gold, answer) for gold, answer, differs in EXPRESSIONS + SETS if differs]
    words = ", ".join(f"({sympy.srepr(gold)}, {sympy.srepr(answer)})" for gold, answer in pairs)
    script = f"from sympy import *; from math_verify import verify; print([verify(*each) or verify(*each[::-1]) for each in [{words}]])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([False] * len(pairs))
