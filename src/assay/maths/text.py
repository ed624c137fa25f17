"""When two texts, two problems or two answers count as the same, letter for letter."""

import re
import unicodedata
from fractions import Fraction
from itertools import groupby

from assay.core.types import Problem

INVISIBLE = dict.fromkeys((0x00AD, 0x200B, 0x2060, 0xFEFF))  # soft hyphen, zero-width space, word joiner, byte-order mark
_RAISED = ("<super>", "<sub>", "<fraction>")
_NUMBER = re.compile(r"([+-]?)\$?((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:/(\d+))?", re.ASCII)
_FRACTION = re.compile(r"([+-]?)\\[dt]?frac\{(\d+)\}\{(\d+)\}", re.ASCII)
MAX_DIGITS = 200  # longer answers compare as texts: a number of a million digits is no gold answer


def normal_form(text: str) -> str:
    """The text after NFKC and with every run of white space as one blank; no number, sign, letter case or punctuation is lost.

    Raised and lowered characters and fractions stay as they are, because NFKC alone makes x² into x2 and 2½ into 21⁄2, which are other
    problems. Characters that show nothing are removed. Applying it twice changes nothing. The empty text is "".
    Source: Unicode Standard Annex 15, form NFKC; the exception is ours.

    >>> normal_form(" Ｗhat\\u00a0is\\n5² + 3? ")
    'What is 5² + 3?'
    """
    seen = text
    if not text.isascii():
        seen = text.translate(INVISIBLE)
        seen = "".join(
            run if raised else unicodedata.normalize("NFKC", run)
            for raised, run in ((key, "".join(characters)) for key, characters in groupby(seen, key=_is_raised))
        )
    return " ".join(seen.split())


def _is_raised(character: str) -> bool:
    return character > "\x7f" and unicodedata.decomposition(character).startswith(_RAISED)


def normal_key(problem: Problem) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """What two duplicates share: each turn's role and normal form, and the media."""
    return tuple((turn.role, normal_form(turn.content)) for turn in problem.messages), problem.media


def answer_value(answer: str) -> Fraction | str:
    """The number that an answer is, exactly, or else its normal form.

    Read as numbers: digits with a sign, thousands commas, decimals, a leading $, a/b and \\frac{a}{b}. Units and % are not stripped,
    so "50%" and "0.5" differ.

    >>> answer_value("$1,000.0") == answer_value("1000")
    True
    >>> answer_value("\\\\frac{1}{2}") == answer_value("0.5")
    True
    >>> answer_value("x ²")
    'x ²'
    """
    text = normal_form(answer).replace("−", "-").strip("$ ") if len(answer) <= MAX_DIGITS else answer
    found = (_NUMBER.fullmatch(text) or _FRACTION.fullmatch(text)) if len(text) <= MAX_DIGITS else None
    if found is None or (found[3] and not int(found[3])):
        return normal_form(answer)
    value = Fraction(found[2].replace(",", "")) / int(found[3] or 1)
    return -value if found[1] == "-" else value
