"""Reject what is plainly unequal by its values, before Math-Verify tries to prove it equal.

Failed proofs are most of the cost of comparing. An expression that equals another does so wherever its symbols are set,
and a set that equals another has its elements; so values that are far apart at one point decide. Nothing here ever says
"equal".
"""

import importlib
from typing import Any

from assay.verifiers.math.numeric_check import evaluate_at_point, is_percent

EXPRESSION_TOLERANCE = 1e-6  # relative difference beyond which two values are unequal in any form
ELEMENT_TOLERANCE = 4e-6  # the same for elements of sets, which Math-Verify rounds to six decimals


def expressions_differ(gold: Any, answer: Any) -> bool:
    """Return whether two sympy expressions have values far apart at one point of their symbols."""
    numbers = evaluate_at_point(gold, answer)
    return numbers is not None and is_far(numbers[0], numbers[1], EXPRESSION_TOLERANCE)


def sets_differ(gold: Any, answer: Any) -> bool:
    """Return whether two sets cannot be equal; an expression counts as the set of itself.

    They cannot where exactly one is finite, or where a value of one is far from all values of the other. An open
    interval and two numbers may both be a pair, and percentages have two values: these are left to Math-Verify.
    """
    sympy: Any = importlib.import_module("sympy")
    if isinstance(gold, sympy.Tuple) or isinstance(answer, sympy.Tuple):
        return False
    left, right = (side if isinstance(side, sympy.Set) else sympy.FiniteSet(side) for side in (gold, answer))
    if isinstance(left, sympy.FiniteSet) and isinstance(right, sympy.FiniteSet):
        return _elements_differ(left.args, right.args)
    finite, other = (left, right) if isinstance(left, sympy.FiniteSet) else (right, left)
    pair = isinstance(other, sympy.Interval) and len(finite.args) == 2
    return isinstance(finite, sympy.FiniteSet) and other.is_finite_set is False and not pair


def _elements_differ(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    sympy: Any = importlib.import_module("sympy")
    elements = (*left, *right)
    if any(not isinstance(element, sympy.Expr) or is_percent(element) for element in elements):
        return False
    if len(left) == len(right) and any(element.free_symbols for element in elements):
        return False  # Math-Verify treats some symbols as interchangeable
    numbers = evaluate_at_point(*elements)
    if numbers is None:
        return False
    left_numbers, right_numbers = numbers[: len(left)], numbers[len(left) :]
    return any(
        all(is_far(number, other, ELEMENT_TOLERANCE) for other in other_side)
        for side, other_side in ((left_numbers, right_numbers), (right_numbers, left_numbers))
        for number in side
    )


def is_far(left: Any, right: Any, tolerance: float) -> bool:
    """Return whether two values differ by more than a share of their size, or of 1 where both are smaller."""
    return bool(abs(left - right) > tolerance * max(abs(left), abs(right), 1))
