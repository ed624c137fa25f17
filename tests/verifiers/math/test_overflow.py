"""Which expressions are too large to be worked out, told without working them out."""

import pytest
from sympy import Float, Integer, Pow, Symbol, binomial, factorial, oo

from assay.verifiers.math.overflow import explodes


def power(base, exponent):
    return Pow(base, exponent, evaluate=False)


def tower(*levels):
    result = Integer(levels[-1])
    for level in reversed(levels[:-1]):
        result = power(Integer(level), result)
    return result


@pytest.mark.parametrize(
    "expression",
    [
        tower(2, 2, 2, 99),
        power(tower(4, 10, 12), Integer(1) / 4),
        factorial(Integer(10) ** 9, evaluate=False),
        factorial(factorial(12), evaluate=False),
        power(Integer(2), -(Integer(10) ** 9)),
        Symbol("x") + tower(10, 10, 7),
        binomial(Integer(10) ** 17, 10**9, evaluate=False),
        binomial(Integer(10) ** 17, Integer(10) ** 17 - 10**9, evaluate=False),
    ],
)
def test_powers_and_factorials_of_millions_of_digits_explode(expression):
    assert explodes(expression)


@pytest.mark.parametrize(
    "expression",
    [
        tower(2, 2, 2, 2, 2),  # 19,729 digits
        power(factorial(2004, evaluate=False), Integer(-1)),  # 5,752 digits
        power(Integer(1), Integer(10) ** 9),
        power(Integer(-1), Integer(10) ** 9),
        power(Integer(0), Integer(10) ** 9),
        power(Integer(2), oo),
        power(Float("1.5"), Integer(100)),
        Symbol("x") ** 2023,
        binomial(Integer(10) ** 6, 5 * 10**5, evaluate=False),  # 301,027 digits
        binomial(Integer(10) ** 17, 3, evaluate=False),
        binomial(Integer(10) ** 8, 10**9, evaluate=False),  # 0
        Integer(10) ** 300,
    ],
)
def test_what_can_be_worked_out_does_not(expression):
    assert not explodes(expression)
