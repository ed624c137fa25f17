r"""Work out expressions of numbers and letters at one point in floating point, to tell unequal ones without algebra.

Read are +, -, products, `/`, `\frac`, powers in braces, roots, `\pi`, brackets and small letters that are no constants,
and only where each reader would read the same: neither mixed numbers such as `1(2/3)` nor `1/2\pi`. What is left out,
or cannot be trusted to a few digits, has no value here, and algebra decides. Nothing here ever says "equal".
"""

import math
import re
from functools import lru_cache

MAX_CHARS = 1_000
MAX_BRACKETS = 30  # that open
MAX_VALUE = 1e9  # of every intermediate value: rounding errors stay far below the tolerance ...
MIN_VALUE = 1e-3  # ... also behind a division, a root or a power, where an operand may not be smaller
TOLERANCE = 1e-4  # relative difference, or absolute below 1, beyond which two values are unequal in any form
LETTERS = {  # neither e, i, j nor names of functions or of a differential
    letter: 1.1 + math.sqrt(prime) / 4
    for letter, prime in zip("abckmnpqrstuvwxyz", (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59))
}
MOVED = 1.75  # times a letter's number: where it moves to
_INTEGRAL = re.compile(r"\\int\s*(_\s*(?:\{[^{}]*\}|\w)\s*\^\s*(?:\{[^{}]*\}|\w))([^d]*)d\s*([a-z])")
_COMMANDS = re.compile(r"\\(?:sum|int|prod|[dt]?frac|sqrt|[dt]?binom|cdot|times|pi|infty)(?![A-Za-z])")  # no letters
_TOKEN = re.compile(rf"[0-9]+(?:\.[0-9]+)?|\.[0-9]+|\\[A-Za-z]+|[-+*/^(){{}}\[\]{''.join(LETTERS)}]")
_OVER = frozenset(("/", r"\div"))
_SIGNS = _OVER | {r"\cdot", r"\times", "*"}
_FACTORS = frozenset(("(", r"\pi", r"\sqrt", r"\frac", *LETTERS))  # what may follow a factor without a sign
_ENDS = frozenset(("+", "-", ")", "}", "]", ""))  # what ends a product


def are_far_apart(gold: str, answer: str) -> bool:
    r"""Return whether two expressions have clearly different values at one point of their letters.

    >>> are_far_apart("28", r"\sqrt{34} + 3\sqrt{10}"), are_far_apart(r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}")
    (True, False)
    >>> are_far_apart("x+1", "x+2"), are_far_apart("(x+1)^{2}", "x^{2}+2x+1")
    (True, False)
    """
    left = evaluate_at_letters(gold)
    right = evaluate_at_letters(answer) if left is not None else None
    return left is not None and right is not None and abs(left - right) > TOLERANCE * max(abs(left), abs(right), 1.0)


def lacks_letter(gold: str, answer: str) -> bool:
    r"""Return whether the value of one expression changes with a letter that does not occur in the other one.

    The variable of an answer that is one integral with limits does not occur in it.

    >>> lacks_letter("x+1", r"\int_0^{2} e^{e^{x}} dx"), lacks_letter("x+1", r"\int_0^{x} 1 dt"), lacks_letter("x-x", "0")
    (True, False, False)
    """
    return _depends_on_more(gold, answer) or _depends_on_more(answer, gold)


def _depends_on_more(latex: str, other: str) -> bool:
    value = evaluate_at_letters(latex) if other.isascii() and len(other) <= MAX_CHARS else None
    if value is None:
        return False
    integral = _INTEGRAL.fullmatch(other)
    rest = _COMMANDS.sub(" ", integral[1] if integral and integral[3] not in integral[1] else other).lower()
    body = integral[2].lower().replace(integral[3], "") if integral and integral[3] not in integral[1] else ""
    for letter in sorted(set(latex).intersection(LETTERS).difference(rest, body)):
        value_elsewhere = evaluate_at_letters(latex, letter)
        if value_elsewhere is not None and abs(value_elsewhere - value) > TOLERANCE * max(
            abs(value_elsewhere), abs(value), 1.0
        ):
            return True
    return False


@lru_cache(8192)  # golds and answers repeat
def evaluate_at_letters(latex: str, moved: str = "") -> float | None:
    r"""Return the value of an expression, its letters set to fixed numbers; None where it is not worked out.

    Args:
        latex: The expression.
        moved: A letter that is set to another number.

    >>> evaluate_at_letters(r"2\sqrt{9} - 1"), evaluate_at_letters("x - x"), evaluate_at_letters(r"1\frac{1}{2}")
    (5.0, 0.0, None)
    """
    if len(latex) > MAX_CHARS or sum(map(latex.count, "({[")) > MAX_BRACKETS:
        return None
    tokens = _TOKEN.findall(latex)
    if "".join(tokens) != "".join(latex.split()):
        return None
    reader = _PointReader(tokens, moved)
    try:
        value = reader.read_sum()
    except (_NotRead, OverflowError):
        return None
    return value if not reader.tokens else None


class _NotRead(Exception):
    """Something that is not worked out here."""


class _PointReader:
    """A recursive-descent reader of tokens, the next one last."""

    def __init__(self, tokens: list[str], moved: str) -> None:
        self.tokens, self.moved = tokens[::-1], moved

    def read_sum(self) -> float:
        """Read a sum, up to the bracket that closes it or the end."""
        total = self.read_product() if self.next_token not in ("+", "-") else 0.0
        while self.next_token in ("+", "-"):
            total += self.read_product() if self.take_token() == "+" else -self.read_product()
        return _check(total)

    def read_product(self) -> float:
        """Read factors, with signs between them or side by side."""
        value, divided, numeral = 1.0, False, False
        sign = "*"
        while True:
            if sign == "" and (divided or (numeral and self.next_token in (r"\frac", "("))):
                raise _NotRead
            numeral = self.next_token[:1].isdigit() or self.next_token[:1] == "."
            factor = self.read_power()
            divided = divided or sign in _OVER
            value = _check(value / _check_divisor(factor) if sign in _OVER else value * factor)
            if self.next_token in _ENDS:
                return value
            if self.next_token not in _FACTORS and self.next_token not in _SIGNS:
                raise _NotRead
            sign = self.take_token() if self.next_token in _SIGNS else ""

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
        if token in LETTERS:
            return LETTERS[token] * (MOVED if token == self.moved else 1.0)
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
