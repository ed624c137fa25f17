"""What a comparison of two answers needs to know, and what it returns."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from assay.verifiers.answers import units as units_module
from assay.verifiers.answers.meaning import BracketedValues, Meaning
from assay.verifiers.answers.plain_text import END, TEXT, clean_answer


class Agreement(NamedTuple):
    """Whether two answers agree, by two readings; strict agreement implies lenient."""

    strict: bool
    lenient: bool

    def also(self, other: "Agreement") -> "Agreement":
        """Return the agreement that holds only where both do."""
        return Agreement(self.strict and other.strict, self.lenient and other.lenient)

    def either(self, other: "Agreement") -> "Agreement":
        """Return the agreement that holds where one of the two does."""
        return Agreement(self.strict or other.strict, self.lenient or other.lenient)


_FORM = re.compile(r"\b(?:factor(?!ial|s? of)\w*|expand|expanded|multiply out|simplify)\b", re.IGNORECASE)
_DIGITS_OVER = re.compile(r"\\[dt]?frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}")
YES, NO, MAYBE = Agreement(True, True), Agreement(False, False), Agreement(False, True)


@dataclass(frozen=True)
class QuestionFacts:
    """What a verdict needs of the question: its units, its text (which an answer may copy), whether order counts."""

    units: frozenset[str] = frozenset()
    squeezed: str = ""
    ordered: bool = False
    form: str = ""  # factor, expand: the form that the question asks for

    @classmethod
    def from_text(cls, question: str) -> "QuestionFacts":
        """Read the facts of a question's text."""
        return _read_facts(question[:20_000])


@dataclass(frozen=True)
class Rules:
    """How to compare: the question's facts, and whether working counts as an answer to a number."""

    facts: QuestionFacts = QuestionFacts()
    # whether working, such as 12 + 25, is strictly an answer where the gold answer is a number
    unevaluated: bool = False
    comma: bool = False  # whether the text is in a language that writes 1.234,5


class NeedsProof(Exception):
    """Only a computer algebra system can decide."""


@lru_cache(4096)
def _read_facts(question: str) -> QuestionFacts:
    is_ordered = bool(
        re.search(
            r"\border\b|ascending|descending|smallest to|least to|greatest to|largest to|respectively|ordered",
            question,
            re.IGNORECASE,
        )
    )
    form_word = _FORM.search(question)
    form = "" if form_word is None else "factor" if form_word[0].lower().startswith("factor") else "expand"
    return QuestionFacts(
        units_module.find_units(question), squeeze(flatten_fractions(clean_answer(question[:4000]))), is_ordered, form
    )


def flatten_fractions(text: str) -> str:
    """Write fractions of digits with a slash.

    >>> flatten_fractions("\\\\frac{6}{8}")
    '6/8'
    """
    return _DIGITS_OVER.sub(r"\1/\2", text)


def squeeze(text: str) -> str:
    """Remove blanks and braces from a text, so that copies can be found.

    >>> squeeze("x^{2} + 1")
    'x^2+1'
    """
    return re.sub(rf"\\cdot|\\times|[\s{{}}{TEXT}{END}*]|\\(?=[a-z])", "", text).lower()


def squeeze_grouped(text: str) -> str:
    """Remove blanks, and braces around one character, so that groups stay together.

    >>> squeeze_grouped("x^{2} 3") == squeeze_grouped("x^2 3"), squeeze_grouped("x^{23}") == squeeze_grouped("x^{2}3")
    (True, False)
    """
    return squeeze(re.sub(r"\{\s*(\w)\s*\}", r"\1", text).replace("{", "\x04").replace("}", "\x05"))


def combine_all(agreements: list[Agreement]) -> Agreement:
    """Return the agreement that holds only where all do."""
    return Agreement(
        all(agreement.strict for agreement in agreements), all(agreement.lenient for agreement in agreements)
    )


@dataclass(frozen=True)
class Comparison(ABC):
    """One comparison under one set of rules; `prove` says whether expressions may be compared by algebra here."""

    rules: Rules
    prove: bool

    @abstractmethod
    def compare_texts(self, gold: str, answer: str) -> Agreement:
        """Compare two cleaned texts."""

    @abstractmethod
    def compare_meanings(self, gold: Meaning, answer: Meaning) -> Agreement:
        """Compare two meanings, of one form or of forms that may say the same."""

    @abstractmethod
    def compare_brackets(self, gold: BracketedValues, answer: BracketedValues) -> Agreement:
        """Compare tuples, intervals, sets and vectors."""
