"""When two texts, two problems or two answers are equal letter by letter."""

import re
import unicodedata
from fractions import Fraction
from itertools import groupby

from assay.core.types import Problem

# soft hyphen, zero-width space, word joiner, byte-order mark
INVISIBLE = dict.fromkeys((0x00AD, 0x200B, 0x2060, 0xFEFF))
_RAISED = ("<super>", "<sub>", "<fraction>")
_NUMBER = re.compile(r"([+-]?)\$?((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:/(\d+))?", re.ASCII)
_FRACTION = re.compile(r"([+-]?)\\[dt]?frac\{(\d+)\}\{(\d+)\}", re.ASCII)
MAX_DIGITS = 200  # longer answers are compared as texts


def normal_form(text: str) -> str:
    """The text after NFKC with every run of white space as one blank; nothing else is changed.

    Raised and lowered characters and fractions stay as they are, because NFKC turns x² into x2 and 2½ into 21⁄2, which
    are other problems. Invisible characters are removed. Applying it twice changes nothing. The empty text is "".

    Source: Unicode Standard Annex 15, form NFKC; the exception is ours.

    >>> normal_form(" Ｗhat\\u00a0is\\n5² + 3? ")
    'What is 5² + 3?'
    """
    normal = text
    if text.isascii():
        if text.isprintable() and "  " not in text:  # blanks are its only white space, and they stand alone
            return text.strip(" ")
    else:
        normal = text.translate(INVISIBLE)
        normal = "".join(
            run if raised else unicodedata.normalize("NFKC", run)
            for raised, run in ((key, "".join(characters)) for key, characters in groupby(normal, key=_is_raised))
        )
    return " ".join(normal.split())


def _is_raised(character: str) -> bool:
    return character > "\x7f" and unicodedata.decomposition(character).startswith(_RAISED)


def normal_key(problem: Problem) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """A key of duplicates: each turn's role and normal form, and the media."""
    return tuple((turn.role, normal_form(turn.content)) for turn in problem.messages), problem.media


def answer_value(answer: str) -> Fraction | str:
    """The exact number that an answer spells, else its normal form.

    Numbers are digits with a sign, thousands commas, decimals, a leading $, a/b and \\frac{a}{b}. Units and % are not
    stripped, so "50%" and "0.5" differ.

    >>> answer_value("$1,000.0") == answer_value("1000")
    True
    >>> answer_value("\\\\frac{1}{2}") == answer_value("0.5")
    True
    >>> answer_value("x ²")
    'x ²'
    """
    text = normal_form(answer).replace("−", "-").strip("$ ") if len(answer) <= MAX_DIGITS else answer
    match = (_NUMBER.fullmatch(text) or _FRACTION.fullmatch(text)) if len(text) <= MAX_DIGITS else None
    if match is None or (match[3] and not int(match[3])):
        return normal_form(answer)
    value = Fraction(match[2].replace(",", "")) / int(match[3] or 1)
    return -value if match[1] == "-" else value
