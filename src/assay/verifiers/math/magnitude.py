"""Bound the numbers of a formula from its LaTeX alone, before a grammar parses it."""

import contextlib
import re
from collections.abc import Callable

from assay.verifiers.math.overflow import (
    MAX_DIGITS,
    Size,
    bound_binomial,
    bound_factorial,
    bound_power,
    multiply_bounds,
)

MAX_TERMS = 10_000  # a sum of more terms is worked out only where it has a closed form
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+(?:\.[0-9]+)?|\S")
_FORMULA = re.compile(r"\$\$?(.+?)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_RISKY = re.compile(r"[!^]|\\(?:[dt]?binom|sum|prod)")
_TIMES, _OVER = {r"\cdot", r"\times", "*"}, {"/", r"\div"}
_SPACING = {r"\left", r"\right", r"\,", r"\!", r"\;", r"\:", r"\ ", r"\displaystyle", r"\limits"}
_GEOMETRIC = re.compile(r"[0-9]+\^(?:\{[^{}]*\}|\w)")
_UNLIKE = (
    r"{0}\^(?:\{{[^{{}}]*)?{0}|{0}[)}}]*!|\\(?:sin|cos|tan|log|ln|sqrt|lfloor|lceil)\b.*{0}"
    r"|\\frac \{{[^{{}}]*\}}\{{[^{{}}]*{0}|/\(?{0}"
)
_UNKNOWN = Size(1.0, 1.0)  # of a symbol


def overflows(text: str) -> bool:
    """Return whether a text holds a number that is too large to work out.

    Examined is the last formula of the text, or the whole text where it has none. Too large is a power, factorial or
    binomial of more than a million digits, and a sum or product of more than 10,000 terms without a closed form. False
    is no promise, since only arithmetic is read. Takes time linear in the text.

    >>> overflows("2^{2^{2^{99}}}"), overflows("2^{100}"), overflows("$10!!$")
    (True, False, False)
    """
    if not _RISKY.search(text):
        return False
    formulas = list(_FORMULA.finditer(text))
    body = next(filter(None, formulas[-1].groups())) if formulas else text
    parser = _SizeParser([token for token in _TOKEN.findall(body) if token not in _SPACING])
    with contextlib.suppress(_NotArithmetic, RecursionError):
        parser.bound_sum()
    return parser.large


class _NotArithmetic(Exception):
    """Something that is not arithmetic."""


class _SizeParser:
    """A recursive-descent parser of tokens; `large` is True once some number was too large."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.position, self.large = tokens, 0, False

    def bound_sum(self) -> Size:
        """Bound a sum, up to the bracket that closes it or the end."""
        parts = [self.bound_product()]
        while self.next_token in ("+", "-"):
            self.take_token()
            parts.append(self.bound_product())
        return Size(sum(part.value for part in parts), sum(part.digits for part in parts))

    def bound_product(self) -> Size:
        """Bound a product of adjacent factors."""
        if self.next_token in ("+", "-"):
            self.take_token()
        parts = [self.bound_factor()]
        while self.next_token and self.next_token not in "+-)}],=<>":
            is_divisor = self.next_token in _OVER
            if is_divisor or self.next_token in _TIMES:
                self.take_token()
            factor = self.bound_factor()
            parts.append(_invert(factor) if is_divisor else factor)
        return Size(multiply_bounds(part.value for part in parts), sum(part.digits for part in parts))

    def bound_factor(self) -> Size:
        """Bound one operand with the exponents and exclamation marks after it."""
        size = self.bound_atom()
        while self.next_token in ("^", "!"):
            if self.take_token() == "!":
                size = self.bound_factorial(size)
            elif len(self.next_token) > 1 and self.next_token.isdecimal():
                raise _NotArithmetic  # TeX reads 2^10 as 2^1 0, its author meant 2 to the 10
            else:
                size = bound_power(size, self.bound_atom())
            self.large |= size.digits > MAX_DIGITS
        return size

    def bound_factorial(self, operand: Size) -> Size:
        """Bound n! or n!!, which has half the digits of n!."""
        double = self.next_token == "!"
        if double:
            self.take_token()
        size = bound_factorial(operand.value) if operand != _UNKNOWN else _UNKNOWN
        return Size(size.value**0.5, size.digits / 2) if double else size

    def bound_atom(self) -> Size:
        """Bound a number, a letter, a group, or a command with its arguments."""
        token = self.take_token()
        if token[0] in "0123456789":
            return Size(float(token), float(len(token)) if token not in ("0", "1") else 0.0)
        if token in ("(", "{", "["):
            return self.bound_group()
        if token.isalpha() and token.isascii():
            return _UNKNOWN
        if token in (r"\frac", r"\tfrac", r"\dfrac"):
            return self.bound_pair(
                lambda top, bottom: Size(
                    multiply_bounds((top.value, _invert(bottom).value)), top.digits + bottom.digits
                )
            )
        if token in (r"\binom", r"\tbinom", r"\dbinom"):
            return self.bound_pair(lambda total, selected: bound_binomial(total.value, selected.value))
        if token == r"\sqrt":
            return self.bound_root()
        if token in (r"\sum", r"\prod"):
            return self.bound_series(token)
        raise _NotArithmetic

    def bound_group(self) -> Size:
        """Bound what stands before the closing bracket."""
        size = self.bound_sum()
        if self.take_token() not in (")", "}", "]"):
            raise _NotArithmetic
        return size

    def bound_pair(self, combine: Callable[[Size, Size], Size]) -> Size:
        """Bound a command with two arguments."""
        size = combine(self.bound_atom(), self.bound_atom())
        self.large |= size.digits > MAX_DIGITS
        return size

    def bound_root(self) -> Size:
        """Bound a root by what stands under it."""
        if self.next_token == "[":
            self.bound_atom()
        return self.bound_atom()

    def bound_series(self, token: str) -> Size:
        """Bound a sum or product over a range of numbers; all that follows belongs to it."""
        if self.take_token() != "_" or self.take_token() != "{":
            raise _NotArithmetic
        name = self.take_token()
        if self.take_token() != "=":
            raise _NotArithmetic
        first = self.bound_group()
        if self.take_token() != "^":
            raise _NotArithmetic
        terms = self.bound_atom().value - first.value
        body = "".join(f"{token} " if token[0] == "\\" else token for token in self.tokens[self.position :])
        if terms > MAX_TERMS and (name in body if token == r"\prod" else _lacks_closed_form(body, name)):
            self.large = True
        raise _NotArithmetic

    @property
    def next_token(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def take_token(self) -> str:
        if not self.next_token:
            raise _NotArithmetic
        self.position += 1
        return self.tokens[self.position - 1]


def _invert(size: Size) -> Size:
    return Size(1.0 / size.value if size.value else float("inf"), size.digits)


def _lacks_closed_form(body: str, name: str) -> bool:
    """Return whether the terms of a sum are neither polynomial nor geometric in its index."""
    return bool(re.search(_UNLIKE.format(re.escape(name)), _GEOMETRIC.sub("1", body)))
