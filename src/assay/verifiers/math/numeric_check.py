"""Check two expressions that Math-Verify takes for equal, by their values."""

import importlib
from itertools import islice
from typing import Any

from assay.verifiers.math.overflow import explodes

DIGITS = 30  # decimal digits of precision
TIGHT = 1e-9  # relative difference of exact values
LOOSE = 1e-5  # where one side was written as a decimal, hence perhaps rounded
_POINTS = (7, 11, 13, 17, 19, 23, 29, 31)  # symbols are set to p/5: positive, without a special relation


def values_agree(gold: Any, answer: Any) -> bool:
    """Return whether two sympy objects still look equal at 30 digits; True where that cannot be told.

    Differences are relative to the values' size. Math-Verify compares absolutely (a difference below 1e-15 is none), so
    that all small values are equal to it. Sets, tuples, intervals and matrices are compared element by element,
    expressions with symbols at one point.
    """
    if gold == answer or is_percent(gold) or is_percent(answer):
        return True
    pairs = _pair_elements(gold, answer)
    if pairs is not None:
        return all(values_agree(left, right) for left, right in pairs)
    return _scalars_agree(gold, answer)


def evaluate_difference(gold: Any, answer: Any) -> None:
    """Evaluate the difference of two expressions, as Math-Verify does before it calls them unequal.

    Raises:
        OverflowError, MemoryError, RecursionError: A number is too large for this machine; Math-Verify hides that
        behind "unequal".
    """
    if explodes(gold) or explodes(answer):
        raise OverflowError("a number of more than a million digits")
    try:
        (gold - answer).evalf(DIGITS)
    except (OverflowError, MemoryError, RecursionError):
        raise
    except Exception:  # noqa: BLE001  # sets, relations and the like have no difference, and sympy raises anything
        return


def _pair_elements(gold: Any, answer: Any) -> list[tuple[Any, Any]] | None:
    sympy: Any = importlib.import_module("sympy")
    if isinstance(gold, sympy.MatrixBase) and isinstance(answer, sympy.MatrixBase) and gold.shape == answer.shape:
        return list(zip(gold.flat(), answer.flat()))
    if isinstance(gold, sympy.Interval) and isinstance(answer, sympy.Interval):
        return [(gold.start, answer.start), (gold.end, answer.end)]
    if isinstance(gold, sympy.Tuple) and isinstance(answer, sympy.Tuple) and len(gold) == len(answer):
        return list(zip(gold.args, answer.args))
    if isinstance(gold, sympy.FiniteSet) and isinstance(answer, sympy.FiniteSet) and len(gold) == len(answer):
        return _match_by_value(gold, answer)
    return None


def _match_by_value(gold: Any, answer: Any) -> list[tuple[Any, Any]]:
    """Pair elements in the order of their values; no pairs where one has none."""
    sides = [
        sorted(
            ((_evaluate(element), index) for index, element in enumerate(side.args)),
            key=lambda pair: (pair[0] is None, pair),
        )
        for side in (gold, answer)
    ]
    if any(value is None for side in sides for value, _ in side):
        return []
    return [(gold.args[i], answer.args[j]) for (_, i), (_, j) in zip(*sides)]


def _evaluate(expression: Any) -> float | None:
    try:
        return float(expression.evalf(DIGITS))
    except (TypeError, ValueError, AttributeError, OverflowError):
        return None


def evaluate_at_point(*expressions: Any, shift: int = 0) -> list[Any] | None:
    """Evaluate expressions at 30 digits, with their symbols set to one point of positive numbers.

    Args:
        expressions: Expressions whose symbols are set together.
        shift: Selects another point.

    Returns:
        The values; None where one of them is not finite.
    """
    sympy: Any = importlib.import_module("sympy")
    if not all(isinstance(expression, sympy.Expr) for expression in expressions):
        return None
    symbols = sorted(set().union(*(expression.free_symbols for expression in expressions)), key=str)
    if len(symbols) > len(_POINTS):
        return None
    point = {symbol: _make_fraction(prime + 3 * shift) for symbol, prime in zip(symbols, islice(_POINTS, len(symbols)))}
    try:
        numbers = [expression.subs(point).evalf(DIGITS) for expression in expressions]
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return None
    return numbers if all(expression.is_number and expression.is_finite for expression in numbers) else None


def _scalars_agree(gold: Any, answer: Any) -> bool:
    sympy: Any = importlib.import_module("sympy")
    have_same_symbols = (
        isinstance(gold, sympy.Expr) and isinstance(answer, sympy.Expr) and gold.free_symbols == answer.free_symbols
    )
    numbers = evaluate_at_point(gold, answer) if have_same_symbols else None
    if numbers is None:
        return True
    size = max(abs(numbers[0]), abs(numbers[1]))
    try:
        if (
            abs(numbers[0] - numbers[1])
            <= (LOOSE if gold.has(sympy.Float) or answer.has(sympy.Float) else TIGHT) * size
        ):
            return True
        return bool(sympy.simplify(gold - answer).is_zero)
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return True


def _make_fraction(prime: int) -> Any:
    return importlib.import_module("sympy").Rational(prime, 5)


def is_percent(value: Any) -> bool:
    """Return whether Math-Verify read `9%`, which it lets equal both 9 and 0.09."""
    from math_verify.grader import get_pct_val

    return get_pct_val(value) is not None
