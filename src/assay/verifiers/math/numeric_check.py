"""A second opinion on two expressions that Math-Verify holds for equal."""

import importlib
from itertools import islice
from typing import Any

from assay.verifiers.math.overflow import explodes

DIGITS = 30  # precision of the evaluation
TIGHT = 1e-9  # relative difference of exact values
LOOSE = 1e-5  # where one side was written as a decimal, hence perhaps rounded
_POINTS = (7, 11, 13, 17, 19, 23, 29, 31)  # symbols are set to p/5: positive and in no special relation


def agree(gold: Any, answer: Any) -> bool:
    """Whether two sympy objects still look equal at 30 digits, relative to their size; True where that cannot be told.

    Math-Verify compares absolutely (a difference below 1e-15 is none), so small values are all equal to it. Sets, tuples, intervals
    and matrices are compared element by element; expressions with symbols at one point.
    """
    if gold == answer or is_percent(gold) or is_percent(answer):
        return True
    pairs = _elements(gold, answer)
    if pairs is not None:
        return all(agree(left, right) for left, right in pairs)
    return _scalars_agree(gold, answer)


def evaluate(gold: Any, answer: Any) -> None:
    """Evaluates the difference of two expressions, which Math-Verify tried before it called them unequal.

    Raises:
        OverflowError, MemoryError, RecursionError: numbers too large for this machine; Math-Verify hides it behind "unequal".
    """
    if explodes(gold) or explodes(answer):
        raise OverflowError("a number of more than a million digits")
    try:
        (gold - answer).evalf(DIGITS)
    except (OverflowError, MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001  # sets, relations and the like have no difference, and sympy raises anything
        return


def _elements(gold: Any, answer: Any) -> list[tuple[Any, Any]] | None:
    sympy: Any = importlib.import_module("sympy")
    if isinstance(gold, sympy.MatrixBase) and isinstance(answer, sympy.MatrixBase) and gold.shape == answer.shape:
        return list(zip(gold.flat(), answer.flat()))
    if isinstance(gold, sympy.Interval) and isinstance(answer, sympy.Interval):
        return [(gold.start, answer.start), (gold.end, answer.end)]
    if isinstance(gold, sympy.Tuple) and isinstance(answer, sympy.Tuple) and len(gold) == len(answer):
        return list(zip(gold.args, answer.args))
    if isinstance(gold, sympy.FiniteSet) and isinstance(answer, sympy.FiniteSet) and len(gold) == len(answer):
        return _matched(gold, answer)
    return None


def _matched(gold: Any, answer: Any) -> list[tuple[Any, Any]]:
    """Elements in the order of their values; no pairs where one has none."""
    sides = [
        sorted(
            ((_value(each), index) for index, each in enumerate(side.args)), key=lambda pair: (pair[0] is None, pair)
        )
        for side in (gold, answer)
    ]
    if any(value is None for side in sides for value, _ in side):
        return []
    return [(gold.args[i], answer.args[j]) for (_, i), (_, j) in zip(*sides)]


def _value(each: Any) -> float | None:
    try:
        return float(each.evalf(DIGITS))
    except (TypeError, ValueError, AttributeError, OverflowError):
        return None


def values(*expressions: Any, shift: int = 0) -> list[Any] | None:
    """Expressions at 30 digits, their symbols together set to one point of positive numbers (`shift` gives another); None where any has no finite
    value there."""
    sympy: Any = importlib.import_module("sympy")
    if not all(isinstance(each, sympy.Expr) for each in expressions):
        return None
    symbols = sorted(set().union(*(each.free_symbols for each in expressions)), key=str)
    if len(symbols) > len(_POINTS):
        return None
    point = {symbol: _fraction(prime + 3 * shift) for symbol, prime in zip(symbols, islice(_POINTS, len(symbols)))}
    try:
        found = [each.subs(point).evalf(DIGITS) for each in expressions]
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return None
    return found if all(each.is_number and each.is_finite for each in found) else None


def _scalars_agree(gold: Any, answer: Any) -> bool:
    sympy: Any = importlib.import_module("sympy")
    alike = isinstance(gold, sympy.Expr) and isinstance(answer, sympy.Expr) and gold.free_symbols == answer.free_symbols
    found = values(gold, answer) if alike else None
    if found is None:
        return True
    size = max(abs(found[0]), abs(found[1]))
    try:
        if abs(found[0] - found[1]) <= (LOOSE if gold.has(sympy.Float) or answer.has(sympy.Float) else TIGHT) * size:
            return True
        return bool(sympy.simplify(gold - answer).is_zero)
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return True


def _fraction(prime: int) -> Any:
    return importlib.import_module("sympy").Rational(prime, 5)


def is_percent(value: Any) -> bool:
    """Whether Math-Verify read `9%`, which it lets equal 9 as well as 0.09."""
    from math_verify.grader import get_pct_val

    return get_pct_val(value) is not None
