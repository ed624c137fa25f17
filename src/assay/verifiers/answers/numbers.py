"""Numbers as people and models write them, read exactly and compared without a floating-point unit."""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

_DIGITS = 300  # more digits than this are no number here: reading them is quadratic
_INTEGER = r"[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+"  # 0,111 is a decimal comma
_SCALAR = re.compile(rf"([-+]?)(?:({_INTEGER})(\.[0-9]*)?|(\.[0-9]+))")
_RATIO = re.compile(rf"([-+]?)\(?({_INTEGER})\)?/\(?({_INTEGER})\)?")
_FRAC = re.compile(r"([-+]?)([0-9]+(?=\\frac\{[0-9]))?\\frac(?:\{([-+]?[0-9]+)\}|([0-9]))(?:\{([-+]?[0-9]+)\}|([0-9]))")
_SIGN = re.compile(r"^([-+]?)\s*(?:\\?\$|[€£¥₹])\s*([-+]?)")
_SPACE = re.compile(r"(\\\\)|\\!|\\[,;: ]|~")  # a row of a matrix may end before a space
_GAP = re.compile(
    r"(\\[A-Za-z]+(?=\s+[A-Za-z])|\\approx)\s+|(?<![0-9])\s+|\s+(?![0-9])"
)  # "1 2" and "\sin h" stay two things
_ODD = re.compile(r"[^A-Za-z0-9+\-/,=^]")  # a text without these is tidy
_PLAIN = re.compile(r"-?[0-9]+")
_LISTED = re.compile(r"[0-9],(?!\\!)(?:\s|\\[,;: ])+[0-9]")  # "32, 349" is two numbers
_BLANKS = re.compile(r"([-+]?)([1-9][0-9]{0,2}(?:(?:\x1f[0-9]{3})+|(?:['’][0-9]{3})+))(\.[0-9]+)?")

_MIXED = re.compile(r"([-+]?)([0-9]+)\x1f([0-9]+)/([0-9]+)")
_SCIENTIFIC = re.compile(
    r"(?P<head>.+?)(?:[eE](?P<e>[-+]?[0-9]{1,3})|(?:\\times|\\cdot|[*×·]|x)10\^(?:\{(?P<b>[-+]?[0-9]{1,3})\}|(?P<p>[-+]?[0-9]{1,3})))"
)
_TEN = re.compile(r"(?P<sign>[-+]?)10\^(?:\{(?P<b>[-+]?[0-9]{1,3})\}|(?P<p>[-+]?[0-9]{1,3}))")
_REPEATING = re.compile(r"([-+]?)([0-9]*)\.([0-9]*)(?:\\(?:overline|bar|dot)(?:\{([0-9]+)\}|([0-9]))|\(([0-9]+)\))")
_DOTS = re.compile(r"([-+]?)([0-9]*)\.([0-9]*?)([0-9])\4\4+(?:\.{1,3}|…|\\l?dots|\\cdots)")
PLACES = 6  # decimals agree when they agree to 6 places, as in Math-Verify 0.9 ...
RELATIVE = Fraction(1, 10**5)  # ... and to 5 significant digits, which it does not ask


class Number(NamedTuple):
    """A rational and whether it was written as a decimal, hence perhaps rounded."""

    value: Fraction
    decimal: bool


def tidy(text: str) -> str:
    """An answer without dollar signs around it, LaTeX spacing, a full stop, or spellings that mean the same.

    >>> tidy("$\\\\dfrac{1}{2}$.")
    '\\\\frac{1}{2}'
    """
    if not _ODD.search(text):
        return text
    bare = text.strip().removesuffix(".").strip()
    for left, right in (("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("**", "**")):
        if len(bare) > len(left + right) and bare.startswith(left) and bare.endswith(right):
            bare = bare[len(left) : -len(right)].strip()
    bare = _SPACE.sub(lambda match: match[1] or ("" if match[0] == r"\!" else " "), bare)
    for old, new in (
        (r"\dfrac", r"\frac"),
        (r"\tfrac", r"\frac"),
        ("−", "-"),
        ("{,}", ","),
        (r"\left", ""),
        (r"\right", ""),
    ):
        bare = bare.replace(old, new)
    return _GAP.sub(lambda match: f"{match[1]} " if match[1] else "", bare).removesuffix(".")


def number(text: str) -> Number | None:
    """The number that a text is as a whole: integer, decimal, a/b, \\frac{a}{b}, 1\\frac{a}{b}, 1 a/b, 1.2e3, 1.2 \\times 10^{3},
    0.\\overline{3}; None otherwise.

    Thousands may be set apart by commas or blanks, and one currency sign is allowed.

    >>> number("$1,234.50"), number("x")
    (Number(value=Fraction(2469, 2), decimal=True), None)
    """
    return None if len(text) > _DIGITS else _number(text)


@lru_cache(8192)  # golds and answers repeat each other
def _number(text: str) -> Number | None:
    if _PLAIN.fullmatch(text):
        return Number(Fraction(int(text)), False)
    if _LISTED.search(text):
        return None
    bare = _SIGN.sub(r"\1\2", tidy(text)).replace(" ", "\x1f")  # a mark that no spelling holds
    return _scalar(bare) or _ratio(bare) or _rarer(bare)


def same(gold: Number, answer: Number) -> bool:
    """Whether two numbers are equal; where one is a decimal, equal when rounded to 6 places and within 1e-5 of each other, relatively.

    >>> same(Number(Fraction(1, 3), False), Number(Fraction(333333, 10**6), True))
    True
    >>> same(Number(Fraction(1, 10**7), True), Number(Fraction(2, 10**7), True))
    False
    """
    (left, _), (right, _) = gold, answer
    equal = (
        left.numerator == right.numerator and left.denominator == right.denominator
    )  # three times as fast as Fraction's own
    if equal or not (gold.decimal or answer.decimal):
        return equal
    return round(gold.value, PLACES) == round(answer.value, PLACES) and close(gold.value, answer.value, RELATIVE)


def close(gold: Fraction, answer: Fraction, tolerance: Fraction) -> bool:
    """Whether two rationals differ by at most `tolerance` of the larger one; 0 is close to 0 alone."""
    return abs(gold - answer) <= tolerance * max(abs(gold), abs(answer))


def _scalar(bare: str) -> Number | None:
    match = _SCALAR.fullmatch(bare)
    if match is None:
        return None
    sign, whole, tail, only = match.groups()
    digits = (whole or "0").replace(",", "") + (only or tail or "")
    return Number(
        Fraction(("-" if sign == "-" else "") + digits.removesuffix(".")), bool((only or tail or "").strip("."))
    )


def _rarer(bare: str) -> Number | None:
    """Thousands set apart by blanks, mixed numbers, powers of ten, repeating decimals."""
    if match := _BLANKS.fullmatch(bare):
        return _scalar(match[1] + re.sub("[\x1f'’]", "", match[2]) + (match[3] or ""))
    if (match := _MIXED.fullmatch(bare)) and int(match[3]) < int(match[4]):
        return _signed(match[1], int(match[2]) + Fraction(int(match[3]), int(match[4])))
    return _repeating(bare) or _scientific(bare)


def _scientific(bare: str) -> Number | None:
    if match := _TEN.fullmatch(bare):
        return _signed(match["sign"], Fraction(10) ** int(match["b"] or match["p"]))
    match = _SCIENTIFIC.fullmatch(bare)
    head = _scalar(match["head"]) if match else None
    if match is None or head is None:
        return None
    value = head.value * Fraction(10) ** int(match["e"] or match["b"] or match["p"])
    return Number(value, head.decimal and value.denominator != 1)


def _repeating(bare: str) -> Number | None:
    if match := _REPEATING.fullmatch(bare):
        sign, whole, fixed, period = match[1], match[2], match[3], match[4] or match[5] or match[6]
    elif match := _DOTS.fullmatch(bare):
        sign, whole, fixed, period = match[1], match[2], match[3], match[4]
    else:
        return None
    shift = 10 ** len(fixed)
    return _signed(
        sign,
        int(whole or "0") + Fraction(int(fixed or "0"), shift) + Fraction(int(period), shift * (10 ** len(period) - 1)),
    )


def _signed(sign: str, value: Fraction) -> Number:
    return Number(-value if sign == "-" else value, False)


def _ratio(bare: str) -> Number | None:
    match = _RATIO.fullmatch(bare)
    parts = (match[1], "0", match[2], match[3]) if match else _frac(bare)
    if parts is None:
        return None
    sign, whole, top, bottom = (each.replace(",", "") for each in parts)
    if int(bottom) == 0:
        return None
    return Number((int(whole) + Fraction(int(top), int(bottom))) * (-1 if sign == "-" else 1), False)


def _frac(bare: str) -> tuple[str, str, str, str] | None:
    match = _FRAC.fullmatch(bare)
    if match is None:
        return None
    sign, whole, long_top, top, long_bottom, bottom = match.groups()
    return sign, whole or "0", long_top or top, long_bottom or bottom
