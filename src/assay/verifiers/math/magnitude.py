"""How large the numbers of a formula are, told from its LaTeX alone, before a grammar is asked."""

import contextlib
import re
from collections.abc import Callable

from assay.verifiers.math.overflow import DIGITS, Size, binomial, factorial, power, product

TERMS = 10_000  # a sum of more terms than this is worked out only where it has a closed form
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+(?:\.[0-9]+)?|\S")
_FORMULA = re.compile(r"\$\$?(.+?)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_RISKY = re.compile(r"[!^]|\\(?:[dt]?binom|sum|prod)")
_TIMES, _OVER = {r"\cdot", r"\times", "*"}, {"/", r"\div"}
_SPACING = {r"\left", r"\right", r"\,", r"\!", r"\;", r"\:", r"\ ", r"\displaystyle", r"\limits"}
_GEOMETRIC = re.compile(r"[0-9]+\^(?:\{[^{}]*\}|\w)")
_UNLIKE = r"{0}\^(?:\{{[^{{}}]*)?{0}|{0}[)}}]*!|\\(?:sin|cos|tan|log|ln|sqrt|lfloor|lceil)\b.*{0}|\\frac \{{[^{{}}]*\}}\{{[^{{}}]*{0}|/\(?{0}"
_NONE = Size(1.0, 1.0)  # of a symbol: nothing is known


def overflows(text: str) -> bool:
    """Whether the last formula of a text, or the whole text, holds a power, factorial or binomial of more than a million digits, or a sum or
    product of more than 10,000 terms for which there is no closed form.

    False is no promise: what is not arithmetic is not read. Linear in the text.

    >>> overflows("2^{2^{2^{99}}}"), overflows("2^{100}"), overflows("$10!!$")
    (True, False, False)
    """
    if not _RISKY.search(text):
        return False
    formulas = list(_FORMULA.finditer(text))
    body = next(filter(None, formulas[-1].groups())) if formulas else text
    reader = _Reader([token for token in _TOKEN.findall(body) if token not in _SPACING])
    with contextlib.suppress(_Unread, RecursionError):
        reader.sum_of_products()
    return reader.large


class _Unread(Exception):
    """Something that is not arithmetic."""


class _Reader:
    """Recursive descent over tokens; `large` once some number was."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at, self.large = tokens, 0, False

    def sum_of_products(self) -> Size:
        """Up to the bracket that closes it, or the end."""
        parts = [self.product()]
        while self.next in ("+", "-"):
            self.take()
            parts.append(self.product())
        return Size(sum(part.value for part in parts), sum(part.digits for part in parts))

    def product(self) -> Size:
        """Factors beside each other."""
        if self.next in ("+", "-"):
            self.take()
        parts = [self.factor()]
        while self.next and self.next not in "+-)}],=<>":
            over = self.next in _OVER
            if over or self.next in _TIMES:
                self.take()
            each = self.factor()
            parts.append(_inverse(each) if over else each)
        return Size(product(part.value for part in parts), sum(part.digits for part in parts))

    def factor(self) -> Size:
        """One thing with the exponents and exclamation marks behind it."""
        found = self.atom()
        while self.next in ("^", "!"):
            if self.take() == "!":
                found = self.factorial(found)
            elif len(self.next) > 1 and self.next.isdecimal():
                raise _Unread  # 2^10 is 2^1 0 to TeX and 2 to the 10 to its author
            else:
                found = power(found, self.atom())
            self.large |= found.digits > DIGITS
        return found

    def factorial(self, of: Size) -> Size:
        """n! or n!!, which has half the digits of n!."""
        double = self.next == "!"
        if double:
            self.take()
        found = factorial(of.value) if of != _NONE else _NONE
        return Size(found.value**0.5, found.digits / 2) if double else found

    def atom(self) -> Size:
        """A number, a letter, a group, or a command with its arguments."""
        token = self.take()
        if token[0] in "0123456789":
            return Size(float(token), float(len(token)) if token not in ("0", "1") else 0.0)
        if token in ("(", "{", "["):
            return self.group()
        if token.isalpha() and token.isascii():
            return _NONE
        if token in (r"\frac", r"\tfrac", r"\dfrac"):
            return self.pair(
                lambda top, bottom: Size(product((top.value, _inverse(bottom).value)), top.digits + bottom.digits)
            )
        if token in (r"\binom", r"\tbinom", r"\dbinom"):
            return self.pair(lambda of, chosen: binomial(of.value, chosen.value))
        if token == r"\sqrt":
            return self.root()
        if token in (r"\sum", r"\prod"):
            return self.series(token)
        raise _Unread

    def group(self) -> Size:
        """What stands before the bracket that closes."""
        found = self.sum_of_products()
        if self.take() not in (")", "}", "]"):
            raise _Unread
        return found

    def pair(self, of: Callable[[Size, Size], Size]) -> Size:
        """A command of two arguments."""
        found = of(self.atom(), self.atom())
        self.large |= found.digits > DIGITS
        return found

    def root(self) -> Size:
        """A root is no larger than what stands under it."""
        if self.next == "[":
            self.atom()
        return self.atom()

    def series(self, token: str) -> Size:
        """A sum or product over a range of numbers; all that follows belongs to it."""
        if self.take() != "_" or self.take() != "{":
            raise _Unread
        name = self.take()
        if self.take() != "=":
            raise _Unread
        first = self.group()
        if self.take() != "^":
            raise _Unread
        terms = self.atom().value - first.value
        body = "".join(f"{token} " if token[0] == "\\" else token for token in self.tokens[self.at :])
        if terms > TERMS and (name in body if token == r"\prod" else _unlike(body, name)):
            self.large = True
        raise _Unread

    @property
    def next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        if not self.next:
            raise _Unread
        self.at += 1
        return self.tokens[self.at - 1]


def _inverse(of: Size) -> Size:
    return Size(1.0 / of.value if of.value else float("inf"), of.digits)


def _unlike(body: str, name: str) -> bool:
    """Whether a sum's terms are neither polynomial nor geometric in its index."""
    return bool(re.search(_UNLIKE.format(re.escape(name)), _GEOMETRIC.sub("1", body)))
