"""Parse numbers as people and models write them, exactly, and compare them without floating-point arithmetic."""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

_MAX_CHARS = 300  # a longer text is not read as a number: that takes quadratic time
_INTEGER = r"[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+"  # 0,111 has a decimal comma
_SCALAR = re.compile(rf"([-+]?)(?:({_INTEGER})(\.[0-9]*)?|(\.[0-9]+))")
_RATIO = re.compile(rf"([-+]?)\(?({_INTEGER})\)?/\(?({_INTEGER})\)?")
_FRAC = re.compile(r"([-+]?)([0-9]+(?=\\frac\{[0-9]))?\\frac(?:\{([-+]?[0-9]+)\}|([0-9]))(?:\{([-+]?[0-9]+)\}|([0-9]))")
_SIGN = re.compile(r"^([-+]?)\s*(?:\\?\$|[€£¥₹])\s*([-+]?)")
_SPACE = re.compile(r"(\\\\)|\\!|\\[,;: ]|~")  # a row of a matrix may end before a space
# "1 2" and "\sin h" stay apart
_GAP = re.compile(r"(\\[A-Za-z]+(?=\s+[A-Za-z])|\\approx)\s+|(?<![0-9])\s+|\s+(?![0-9])")
_ODD = re.compile(r"[^A-Za-z0-9+\-/,=^]")  # a text without these needs no tidying
_PLAIN = re.compile(r"-?[0-9]+")
_LISTED = re.compile(r"[0-9],(?!\\!)(?:\s|\\[,;: ])+[0-9]")  # "32, 349" is two numbers
_BLANKS = re.compile(r"([-+]?)([1-9][0-9]{0,2}(?:(?:\x1f[0-9]{3})+|(?:['’][0-9]{3})+))(\.[0-9]+)?")

_MIXED = re.compile(r"([-+]?)([0-9]+)\x1f([0-9]+)/([0-9]+)")
_SCIENTIFIC = re.compile(
    r"(?P<head>.+?)(?:[eE](?P<e>[-+]?[0-9]{1,3})|(?:\\times|\\cdot|[*×·]"
    r"|x)10\^(?:\{(?P<b>[-+]?[0-9]{1,3})\}|(?P<p>[-+]?[0-9]{1,3})))"
)
_TEN = re.compile(r"(?P<sign>[-+]?)10\^(?:\{(?P<b>[-+]?[0-9]{1,3})\}|(?P<p>[-+]?[0-9]{1,3}))")
_REPEATING = re.compile(r"([-+]?)([0-9]*)\.([0-9]*)(?:\\(?:overline|bar|dot)(?:\{([0-9]+)\}|([0-9]))|\(([0-9]+)\))")
_DOTS = re.compile(r"([-+]?)([0-9]*)\.([0-9]*?)([0-9])\4\4+(?:\.{1,3}|…|\\l?dots|\\cdots)")
PLACES = 6  # decimals are equal when they agree to 6 places, as in Math-Verify 0.9 ...
RELATIVE = Fraction(1, 10**5)  # ... and to 5 significant digits, which it does not require


class Number(NamedTuple):
    """A rational number, and whether it was written as a decimal and so may be rounded."""

    value: Fraction
    decimal: bool


def tidy(text: str) -> str:
    """Strip dollar signs, LaTeX spacing and a full stop from an answer, and unify equivalent spellings.

    >>> tidy("$\\\\dfrac{1}{2}$.")
    '\\\\frac{1}{2}'
    """
    if not _ODD.search(text):
        return text
    return _strip_marks(text) if len(text) <= _MAX_CHARS else _strip_marks.__wrapped__(text)


@lru_cache(8192)  # answers repeat
def _strip_marks(text: str) -> str:
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


def parse_number(text: str) -> Number | None:
    """Parse a text that is one number as a whole; None for anything else.

    Read are integers, decimals, a/b, \\frac{a}{b}, 1\\frac{a}{b}, 1 a/b, 1.2e3, 1.2 \\times 10^{3} and 0.\\overline{3}.
    Commas or blanks may separate thousands, and one currency sign is allowed.

    >>> parse_number("$1,234.50"), parse_number("x")
    (Number(value=Fraction(2469, 2), decimal=True), None)
    """
    return None if len(text) > _MAX_CHARS else _parse(text)


@lru_cache(8192)  # gold answers and answers repeat
def _parse(text: str) -> Number | None:
    if _PLAIN.fullmatch(text):
        return Number(Fraction(int(text)), False)
    if _LISTED.search(text):
        return None
    bare = _SIGN.sub(r"\1\2", tidy(text)).replace(" ", "\x1f")  # a character that occurs in no spelling
    return _parse_scalar(bare) or _parse_ratio(bare) or _parse_rare(bare)


def is_same_number(gold: Number, answer: Number) -> bool:
    """Return whether two numbers are equal.

    Where one is a decimal, they are equal when they agree after rounding to 6 places and within a relative difference
    of 1e-5.

    >>> is_same_number(Number(Fraction(1, 3), False), Number(Fraction(333333, 10**6), True))
    True
    >>> is_same_number(Number(Fraction(1, 10**7), True), Number(Fraction(2, 10**7), True))
    False
    """
    (left, _), (right, _) = gold, answer
    # three times as fast as Fraction's comparison
    equal = left.numerator == right.numerator and left.denominator == right.denominator
    if equal or not (gold.decimal or answer.decimal):
        return equal
    gap = abs(left.numerator * right.denominator - right.numerator * left.denominator)
    if gap * 10**PLACES > left.denominator * right.denominator:
        return False  # further apart than rounding could bring together, told without fractions
    return round(gold.value, PLACES) == round(answer.value, PLACES) and is_close(gold.value, answer.value, RELATIVE)


def is_close(gold: Fraction, answer: Fraction, tolerance: Fraction) -> bool:
    """Return whether two rationals differ by at most `tolerance` of the larger one; only 0 is close to 0."""
    return abs(gold - answer) <= tolerance * max(abs(gold), abs(answer))


def _parse_scalar(bare: str) -> Number | None:
    match = _SCALAR.fullmatch(bare)
    if match is None:
        return None
    sign, whole, fraction, bare_fraction = match.groups()
    digits = (whole or "0").replace(",", "") + (bare_fraction or fraction or "")
    return Number(
        Fraction(("-" if sign == "-" else "") + digits.removesuffix(".")),
        bool((bare_fraction or fraction or "").strip(".")),
    )


def _parse_rare(bare: str) -> Number | None:
    """Parse thousands separated by blanks, mixed numbers, powers of ten, and repeating decimals."""
    if match := _BLANKS.fullmatch(bare):
        return _parse_scalar(match[1] + re.sub("[\x1f'’]", "", match[2]) + (match[3] or ""))
    if (match := _MIXED.fullmatch(bare)) and int(match[3]) < int(match[4]):
        return _apply_sign(match[1], int(match[2]) + Fraction(int(match[3]), int(match[4])))
    return _parse_repeating(bare) or _parse_scientific(bare)


def _parse_scientific(bare: str) -> Number | None:
    if match := _TEN.fullmatch(bare):
        return _apply_sign(match["sign"], Fraction(10) ** int(match["b"] or match["p"]))
    match = _SCIENTIFIC.fullmatch(bare)
    head = _parse_scalar(match["head"]) if match else None
    if match is None or head is None:
        return None
    value = head.value * Fraction(10) ** int(match["e"] or match["b"] or match["p"])
    return Number(value, head.decimal and value.denominator != 1)


def _parse_repeating(bare: str) -> Number | None:
    if match := _REPEATING.fullmatch(bare):
        sign, whole, fixed, period = match[1], match[2], match[3], match[4] or match[5] or match[6]
    elif match := _DOTS.fullmatch(bare):
        sign, whole, fixed, period = match[1], match[2], match[3], match[4]
    else:
        return None
    shift = 10 ** len(fixed)
    return _apply_sign(
        sign,
        int(whole or "0") + Fraction(int(fixed or "0"), shift) + Fraction(int(period), shift * (10 ** len(period) - 1)),
    )


def _apply_sign(sign: str, value: Fraction) -> Number:
    return Number(-value if sign == "-" else value, False)


def _parse_ratio(bare: str) -> Number | None:
    match = _RATIO.fullmatch(bare)
    parts = (match[1], "0", match[2], match[3]) if match else _match_frac(bare)
    if parts is None:
        return None
    sign, whole, numerator, denominator = (part.replace(",", "") for part in parts)
    if int(denominator) == 0:
        return None
    return Number((int(whole) + Fraction(int(numerator), int(denominator))) * (-1 if sign == "-" else 1), False)


def _match_frac(bare: str) -> tuple[str, str, str, str] | None:
    match = _FRAC.fullmatch(bare)
    if match is None:
        return None
    sign, whole, long_top, top, long_bottom, bottom = match.groups()
    return sign, whole or "0", long_top or top, long_bottom or bottom
