import pytest
import sympy
from sympy import FiniteSet, Float, Interval, Matrix, Rational, Symbol, Tuple, UnevaluatedExpr, oo, pi, sqrt

from assay.verifiers.math.numeric_check import evaluate_at_point, evaluate_difference, is_percent, values_agree

x, y = Symbol("x"), Symbol("y")
SMALL = (Rational(1, 2**99), Rational(1, 2**98))  # Math-Verify: their difference is none


@pytest.mark.parametrize(
    ("gold", "answer", "told"),
    [
        (*SMALL, False),
        (SMALL[0], SMALL[0], True),
        (Rational(1, 3), Float("0.333333"), True),  # a decimal may be rounded
        (Rational(1, 3), Rational(333333, 1000000), False),  # a fraction is not
        (x * SMALL[0], x * SMALL[1], False),
        ((x**2 - 1) / (x - 1), x + 1, True),
        (x + 1, y + 1, True),  # nothing can be told
        (FiniteSet(1, SMALL[0]), FiniteSet(1, SMALL[1]), False),
        (FiniteSet(2, 1), FiniteSet(1, 2), True),
        (Tuple(1, SMALL[0]), Tuple(1, SMALL[1]), False),
        (Matrix([[1, SMALL[0]]]), Matrix([[1, SMALL[1]]]), False),
        (Interval(0, SMALL[0]), Interval(0, SMALL[1]), False),
        (oo, x, True),
    ],
)
def test_small_differences_count_by_their_size_and_what_cannot_be_told_passes(gold, answer, told):
    assert values_agree(gold, answer) == values_agree(answer, gold) == told


def test_a_percentage_is_left_to_math_verify():
    percent = sympy.Mul(9, UnevaluatedExpr(Rational(1, 100)), evaluate=False)
    assert is_percent(percent)
    assert not is_percent(Rational(9, 100))
    assert values_agree(percent, sympy.Integer(9))


def test_values_are_those_at_one_point_of_all_symbols_together():
    both = evaluate_at_point(x + y, y + x)
    assert both is not None
    assert both[0] == both[1]
    one = evaluate_at_point(x, y)
    assert one is not None
    assert one[0] != one[1]
    assert [float(each) for each in evaluate_at_point(sqrt(2) * pi) or ()] == pytest.approx([4.442882938158366])


@pytest.mark.parametrize(
    "expressions", [(oo, x), (sympy.Eq(x, 1), x), (sympy.zoo,), (sympy.Function("f")(x),), tuple(sympy.symbols("a:k"))]
)
def test_what_has_no_finite_value_has_none(expressions):
    assert evaluate_at_point(*expressions) is None


def test_evaluating_is_refused_where_it_would_explode():
    with pytest.raises(OverflowError, match="million digits"):
        evaluate_difference(sympy.Pow(9, sympy.Pow(9, 9, evaluate=False), evaluate=False), sympy.Integer(1))
    evaluate_difference(Interval(0, 1), x)
