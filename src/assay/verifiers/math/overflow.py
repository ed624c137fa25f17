"""How many digits evaluating an expression would need, told from its tree alone."""

import importlib
import math
from functools import lru_cache
from typing import Any, NamedTuple

DIGITS = 1_000_000  # an exact number longer than this is not worked out


class Size(NamedTuple):
    """A bound on a number: about how large it is, and how many digits its numerator and denominator have."""

    value: float  # absolute; inf where a float cannot say
    digits: float


def explodes(expression: Any) -> bool:
    """Whether some power, factorial or binomial in a sympy object of numbers would have more than a million digits.

    Symbols, sums and functions count as numbers of one digit, so False is no promise. Linear in the tree; one too deep to walk explodes.
    """
    try:
        return _size(expression).digits > DIGITS
    except RecursionError:
        return True


def _size(each: Any) -> Size:
    sympy = _sympy()
    if isinstance(each, sympy.Rational):
        return Size(_float(abs(each.p)) / _float(each.q), _digits(abs(each.p)) + _digits(each.q))
    if isinstance(each, sympy.Number):
        return Size(float(abs(each)) if each.is_finite else 1.0, 1.0)
    parts = [_size(part) for part in getattr(each, "args", ())]
    if not parts:
        return Size(1.0, 1.0)
    if max(part.digits for part in parts) > DIGITS:
        return Size(math.inf, math.inf)
    if isinstance(each, sympy.Pow):
        return power(*parts)
    if isinstance(each, (sympy.factorial, sympy.factorial2, sympy.subfactorial, sympy.gamma)):
        return factorial(parts[0].value)
    if isinstance(each, sympy.binomial):
        return binomial(*(part.value for part in parts))
    if isinstance(each, sympy.Add):
        return Size(sum(part.value for part in parts), sum(part.digits for part in parts))
    if isinstance(each, sympy.Mul):
        return Size(product(part.value for part in parts), sum(part.digits for part in parts))
    return Size(1.0 if len(parts) > 1 else parts[0].value, max(part.digits for part in parts))


def power(base: Size, exponent: Size) -> Size:
    digits = base.digits * max(exponent.value, 1.0)
    size = exponent.value * math.log10(base.value) if 0 < base.value < math.inf else 0.0
    return Size(10.0**size if abs(size) < 300 else math.inf, digits)


def factorial(of: float) -> Size:
    digits = math.lgamma(of + 1) / math.log(10) if of < 1e15 else math.inf
    return Size(10.0**digits if digits < 300 else math.inf, max(digits, 1.0))


def binomial(of: float, chosen: float) -> Size:
    """log10 C(n, k) is about n H(k / n); C(n, k) is 0 for k > n."""
    few = min(chosen, of - chosen)
    if few <= 0 or math.isnan(few):
        return Size(1.0, 1.0) if chosen < math.inf else Size(math.inf, math.inf)
    share = few / of
    digits = -few * math.log10(share) - (of - few) * math.log1p(-share) / math.log(10) if share > 0 else math.inf
    return Size(10.0**digits if digits < 300 else math.inf, max(digits, 1.0))


def product(values: Any) -> float:
    found = math.prod(values)
    return math.inf if math.isnan(found) else found


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _digits(value: int) -> float:
    return value.bit_length() * 0.30103 if value > 1 else 0.0  # 0 and 1 stay what they are in any power


@lru_cache(1)
def _sympy() -> Any:
    return importlib.import_module("sympy")
