"""What a comparison of two answers is asked for, and what it says."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from assay.verifiers import _units
from assay.verifiers._meaning import BracketedValues, Meaning, clean
from assay.verifiers._plain_text import END, TEXT


class Opinion(NamedTuple):
    """Two readings of one comparison; strict implies lenient."""

    strict: bool
    lenient: bool

    def also(self, other: "Opinion") -> "Opinion":
        """Right only where both are."""
        return Opinion(self.strict and other.strict, self.lenient and other.lenient)

    def either(self, other: "Opinion") -> "Opinion":
        """Right where one is."""
        return Opinion(self.strict or other.strict, self.lenient or other.lenient)


_FORM = re.compile(r"\b(?:factor(?!ial|s? of)\w*|expand|expanded|multiply out|simplify)\b", re.IGNORECASE)
_DIGITS_OVER = re.compile(r"\\[dt]?frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}")
YES, NO, MAYBE = Opinion(True, True), Opinion(False, False), Opinion(False, True)


@dataclass(frozen=True)
class QuestionFacts:
    """What a verdict asks of the question: the units that it names, its characters (an answer may be a copy of them), whether order counts."""

    units: frozenset[str] = frozenset()
    squeezed: str = ""
    ordered: bool = False
    form: str = ""  # factor, expand: the form that the question asks for

    @classmethod
    def of(cls, question: str) -> "QuestionFacts":
        """The facts of a question's text."""
        return _facts(question[:20_000])


@dataclass(frozen=True)
class Rules:
    """How to compare: the question's facts, and whether working counts as an answer where the gold is a number."""

    facts: QuestionFacts = QuestionFacts()
    unevaluated: bool = False
    comma: bool = False  # whether the text is in a language that writes 1.234,5


class NeedsProof(Exception):
    """Only a computer algebra system can tell."""


@lru_cache(4096)
def _facts(question: str) -> QuestionFacts:
    ordered = bool(
        re.search(r"\border\b|ascending|descending|smallest to|least to|greatest to|largest to|respectively|ordered", question, re.IGNORECASE)
    )
    asked = _FORM.search(question)
    form = "" if asked is None else "factor" if asked[0].lower().startswith("factor") else "expand"
    return QuestionFacts(_units.named_in(question), squeeze(flat(clean(question[:4000]))), ordered, form)


def flat(text: str) -> str:
    """A text whose fractions of digits are written with a slash.

    >>> flat("\\\\frac{6}{8}")
    '6/8'
    """
    return _DIGITS_OVER.sub(r"\1/\2", text)


def squeeze(text: str) -> str:
    """A text without blanks and braces, for finding copies.

    >>> squeeze("x^{2} + 1")
    'x^2+1'
    """
    return re.sub(rf"\\cdot|\\times|[\s{{}}{TEXT}{END}*]|\\(?=[a-z])", "", text).lower()


def grouped(text: str) -> str:
    """A text without blanks and without braces around one character, so that what belongs together stays so.

    >>> grouped("x^{2} 3") == grouped("x^2 3"), grouped("x^{23}") == grouped("x^{2}3")
    (True, False)
    """
    return squeeze(re.sub(r"\{\s*(\w)\s*\}", r"\1", text).replace("{", "\x04").replace("}", "\x05"))


def all_of(opinions: list[Opinion]) -> Opinion:
    return Opinion(all(opinion.strict for opinion in opinions), all(opinion.lenient for opinion in opinions))


@dataclass(frozen=True)
class Comparison(ABC):
    """One comparison under one set of rules; `prove` = whether expressions may be worked out here."""

    rules: Rules
    prove: bool

    @abstractmethod
    def cleaned(self, gold: str, answer: str) -> Opinion:
        """Two cleaned texts."""

    @abstractmethod
    def meanings(self, gold: Meaning, answer: Meaning) -> Opinion:
        """Two readings, of one form or of forms that may say the same."""

    @abstractmethod
    def brackets(self, gold: BracketedValues, answer: BracketedValues) -> Opinion:
        """Tuples, intervals, sets and vectors."""
