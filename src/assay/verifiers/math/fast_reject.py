"""What is plainly unequal, told by values before Math-Verify tries to prove that it is equal: a proof that fails is what comparing mostly costs.

An expression that equals another does so wherever its symbols are set; a set that equals another has its elements. So values that are far apart
at one point settle both, and nothing here ever says "equal".
"""

import importlib
from typing import Any

from assay.verifiers.math.numeric_check import is_percent, values

APART = 1e-6  # relative difference from which two values are unequal whatever simplifying would say
ROUNDED = 4e-6  # the same of a set's elements, which Math-Verify rounds to six decimals


def expressions(gold: Any, answer: Any) -> bool:
    """Whether two sympy expressions have values far apart at one point of their symbols."""
    found = values(gold, answer)
    return found is not None and _far(found[0], found[1], APART)


def sets(gold: Any, answer: Any) -> bool:
    """Whether two sets cannot be equal: one alone is finite, or a value of one is far from all of the other. An expression is the set of itself.

    An open interval and two numbers may both be a pair, and percentages have two values: these are left alone.
    """
    sympy: Any = importlib.import_module("sympy")
    if isinstance(gold, sympy.Tuple) or isinstance(answer, sympy.Tuple):
        return False
    left, right = (each if isinstance(each, sympy.Set) else sympy.FiniteSet(each) for each in (gold, answer))
    if isinstance(left, sympy.FiniteSet) and isinstance(right, sympy.FiniteSet):
        return _elements_far(left.args, right.args)
    finite, other = (left, right) if isinstance(left, sympy.FiniteSet) else (right, left)
    pair = isinstance(other, sympy.Interval) and len(finite.args) == 2
    return isinstance(finite, sympy.FiniteSet) and other.is_finite_set is False and not pair


def _elements_far(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    sympy: Any = importlib.import_module("sympy")
    both = (*left, *right)
    if any(not isinstance(each, sympy.Expr) or is_percent(each) for each in both):
        return False
    if len(left) == len(right) and any(each.free_symbols for each in both):
        return False  # Math-Verify knows symbols that are as good as others
    found = values(*both)
    if found is None:
        return False
    mine, others = found[: len(left)], found[len(left) :]
    return any(
        all(_far(one, other, ROUNDED) for other in there)
        for here, there in ((mine, others), (others, mine))
        for one in here
    )


def _far(one: Any, other: Any, share: float) -> bool:
    return bool(abs(one - other) > share * max(abs(one), abs(other), 1))
