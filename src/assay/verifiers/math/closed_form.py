r"""Work out expressions of plain numbers in floating point, to tell far values apart without algebra.

Read are +, -, products, `/`, `\frac`, powers in braces, roots, `\pi` and brackets, and only where each reader would read
the same: neither mixed numbers such as `1(2/3)` nor `1/2\pi`. What is left out, or cannot be trusted to a few digits, has no value here,
and algebra decides. Nothing here ever says "equal".
"""

import math
import re
from functools import lru_cache

MAX_CHARS = 1_000
MAX_BRACKETS = 30  # that open
MAX_VALUE = 1e9  # of every intermediate value: rounding errors stay far below the tolerance ...
MIN_VALUE = 1e-3  # ... also behind a division, a root or a power, where an operand may not be smaller
TOLERANCE = 1e-4  # relative difference, or absolute below 1, beyond which two values are unequal in any form
_TOKEN = re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+|\\[A-Za-z]+|[-+*/^(){}\[\]]")
_FOREIGN = re.compile(r"[^-+*/^(){}\[\]0-9.\\A-Za-z\s]|(?<![\\A-Za-z])[A-Za-z]")  # in no expression that is read
_TIMES, _OVER = frozenset((r"\cdot", r"\times", "*")), frozenset(("/", r"\div"))
_OPENINGS = frozenset(("(", r"\pi", r"\sqrt", r"\frac"))  # what may follow a factor without a sign


def are_far_apart(gold: str, answer: str) -> bool:
    r"""Return whether two expressions of plain numbers have clearly different values.

    >>> are_far_apart("28", r"\sqrt{34} + 3\sqrt{10}"), are_far_apart(r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}")
    (True, False)
    """
    left = evaluate_closed_form(gold)
    right = evaluate_closed_form(answer) if left is not None else None
    return left is not None and right is not None and abs(left - right) > TOLERANCE * max(abs(left), abs(right), 1.0)


@lru_cache(8192)  # golds and answers repeat
def evaluate_closed_form(latex: str) -> float | None:
    r"""Return the value of an expression of plain numbers; None for anything else.

    >>> evaluate_closed_form(r"2\sqrt{9} - 1"), evaluate_closed_form("x + 1"), evaluate_closed_form(r"1\frac{1}{2}")
    (5.0, None, None)
    """
    if len(latex) > MAX_CHARS or _FOREIGN.search(latex) or sum(map(latex.count, "({[")) > MAX_BRACKETS:
        return None
    tokens = _TOKEN.findall(latex)
    if "".join(tokens) != "".join(latex.split()):
        return None
    reader = _Reader(tokens)
    try:
        value = reader.read_sum()
    except (_NotRead, OverflowError):
        return None
    return value if not reader.tokens else None


class _NotRead(Exception):
    """Something that is not worked out here."""


class _Reader:
    """A recursive-descent reader of tokens, the next one last."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens[::-1]

    def read_sum(self) -> float:
        """Read a sum, up to the bracket that closes it or the end."""
        total = self.read_product() if self.next_token not in ("+", "-") else 0.0
        while self.next_token in ("+", "-"):
            total += self.read_product() if self.take_token() == "+" else -self.read_product()
        return _check(total)

    def read_product(self) -> float:
        """Read factors, with signs between them or side by side."""
        is_number = self.next_token[:1].isdigit()
        value, divided = self.read_power(), False
        while self.next_token and self.next_token not in ("+", "-", ")", "}", "]"):
            token = self.next_token
            if token in _OVER:
                self.take_token()
                value, divided = _check(value / _check_divisor(self.read_power())), True
            elif token in _TIMES:
                self.take_token()
                value = _check(value * self.read_power())
            elif token in _OPENINGS and not divided and not (is_number and token in (r"\frac", "(")):
                value = _check(value * self.read_power())
            else:
                raise _NotRead
            is_number = False
        return value

    def read_power(self) -> float:
        """Read one operand with its exponent in braces."""
        base = self.read_atom()
        if self.next_token != "^":
            return base
        self.take_token()
        exponent = self.read_group("{", "}")
        if base < MIN_VALUE or self.next_token == "^":
            raise _NotRead
        return _check(base**exponent)

    def read_atom(self) -> float:
        """Read a number, a bracket, a fraction or a root."""
        token = self.next_token
        if token in ("(", "{"):
            return self.read_group(token, ")" if token == "(" else "}")
        self.take_token()
        if token[:1].isdigit() or token[:1] == ".":
            return _check(float(token))
        if token == r"\pi":
            return math.pi
        if token == r"\frac":
            numerator = self.read_group("{", "}")
            return _check(numerator / _check_divisor(self.read_group("{", "}")))
        if token == r"\sqrt":
            degree = self.read_group("[", "]") if self.next_token == "[" else 2.0
            radicand = self.read_group("{", "}")
            if radicand < MIN_VALUE or degree not in (2.0, 3.0, 4.0, 5.0, 6.0):
                raise _NotRead
            return float(radicand ** (1.0 / degree))
        raise _NotRead

    def read_group(self, opening: str, closing: str) -> float:
        """Read a sum in brackets of one kind."""
        if self.take_token() != opening:
            raise _NotRead
        value = self.read_sum()
        if self.take_token() != closing:
            raise _NotRead
        return value

    @property
    def next_token(self) -> str:
        return self.tokens[-1] if self.tokens else ""

    def take_token(self) -> str:
        if not self.tokens:
            raise _NotRead
        return self.tokens.pop()


def _check(value: float) -> float:
    if not abs(value) <= MAX_VALUE:
        raise _NotRead
    return value


def _check_divisor(value: float) -> float:
    if abs(value) < MIN_VALUE:
        raise _NotRead
    return value
