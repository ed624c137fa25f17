"""Bound how many digits evaluating an expression would need, from its tree alone."""

import importlib
import math
from functools import lru_cache
from typing import Any, NamedTuple

MAX_DIGITS = 1_000_000  # an exact number with more digits is not worked out


class Size(NamedTuple):
    """A bound on a number: about how large it is, and how many digits its numerator and denominator have together."""

    value: float  # absolute; inf where a float cannot hold it
    digits: float


def explodes(expression: Any) -> bool:
    """Return whether some number in a sympy object would have more than a million digits once it is evaluated.

    Examined are powers, factorials and binomials. Symbols, sums and functions count as numbers of one digit, so False
    is no promise. Takes time linear in the tree; a tree too deep to walk explodes.
    """
    try:
        return _bound_size(expression).digits > MAX_DIGITS
    except RecursionError:
        return True


def _bound_size(expression: Any) -> Size:
    sympy = _load_sympy()
    if isinstance(expression, sympy.Rational):
        return Size(
            _to_float(abs(expression.p)) / _to_float(expression.q),
            _count_digits(abs(expression.p)) + _count_digits(expression.q),
        )
    if isinstance(expression, sympy.Number):
        return Size(float(abs(expression)) if expression.is_finite else 1.0, 1.0)
    parts = [_bound_size(part) for part in getattr(expression, "args", ())]
    if not parts:
        return Size(1.0, 1.0)
    if max(part.digits for part in parts) > MAX_DIGITS:
        return Size(math.inf, math.inf)
    if isinstance(expression, sympy.Pow):
        return bound_power(*parts)
    if isinstance(expression, (sympy.factorial, sympy.factorial2, sympy.subfactorial, sympy.gamma)):
        return bound_factorial(parts[0].value)
    if isinstance(expression, sympy.binomial):
        return bound_binomial(*(part.value for part in parts))
    if isinstance(expression, sympy.Add):
        return Size(sum(part.value for part in parts), sum(part.digits for part in parts))
    if isinstance(expression, sympy.Mul):
        return Size(multiply_bounds(part.value for part in parts), sum(part.digits for part in parts))
    return Size(1.0 if len(parts) > 1 else parts[0].value, max(part.digits for part in parts))


def bound_power(base: Size, exponent: Size) -> Size:
    """Bound a power."""
    digits = base.digits * max(exponent.value, 1.0)
    size = exponent.value * math.log10(base.value) if 0 < base.value < math.inf else 0.0
    return Size(10.0**size if abs(size) < 300 else math.inf, digits)


def bound_factorial(number: float) -> Size:
    """Bound a factorial."""
    digits = math.lgamma(number + 1) / math.log(10) if number < 1e15 else math.inf
    return Size(10.0**digits if digits < 300 else math.inf, max(digits, 1.0))


def bound_binomial(total: float, selected: float) -> Size:
    """Bound a binomial: log10 C(n, k) is about n H(k / n), and C(n, k) is 0 for k > n."""
    smaller = min(selected, total - selected)
    if smaller <= 0 or math.isnan(smaller):
        return Size(1.0, 1.0) if selected < math.inf else Size(math.inf, math.inf)
    fraction = smaller / total
    digits = (
        -smaller * math.log10(fraction) - (total - smaller) * math.log1p(-fraction) / math.log(10)
        if fraction > 0
        else math.inf
    )
    return Size(10.0**digits if digits < 300 else math.inf, max(digits, 1.0))


def multiply_bounds(values: Any) -> float:
    """Multiply values; infinity where the product is undefined."""
    result = math.prod(values)
    return math.inf if math.isnan(result) else result


def _to_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _count_digits(value: int) -> float:
    return value.bit_length() * 0.30103 if value > 1 else 0.0  # no power of 0 or 1 has more digits


@lru_cache(1)
def _load_sympy() -> Any:
    return importlib.import_module("sympy")
