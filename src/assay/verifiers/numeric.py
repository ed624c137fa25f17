"""`numeric`: a number within a tolerance of the gold number."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import ClassVar, NamedTuple

from assay.core.types import GradingCase, Label, Verdict
from assay.verifiers.answers.extraction import final_answer
from assay.verifiers.answers.meaning import QuantityValue, read
from assay.verifiers.answers.numbers import Number, close, number
from assay.verifiers.answers.phrase_values import value_at_end, value_of_phrase
from assay.verifiers.answers.verdicts import Grade, settle

LONGEST = 400  # characters of a number with what stands around it


class MarkedNumber(NamedTuple):
    """A number, how it was written, and whether it had a percent sign."""

    number: Number
    percent: bool


@dataclass(frozen=True)
class Numeric:
    """Correct where the final number differs from the gold number by at most `tolerance` of the larger one.

    0 is close to 0 alone. A percent sign never rescales: 20% is 20, strictly where the gold has the sign, leniently without. A phrase that
    names several numbers, or says what the answer is not, is none. Without a marked answer the last number of a finished text is read.

    Raises:
        ValueError: a negative tolerance.
    """

    tolerance: float = 1e-6  # relative; 0 = equal rationals, larger = more answers are correct

    version: ClassVar[str] = "2"
    bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"tolerance is {self.tolerance}, must lie in [0, 1)")

    def judge(self, case: GradingCase) -> Verdict:
        """The verdict of one case; linear in the text."""
        return settle(case, self._grade, verifier="numeric", version=self.version)

    def reads(self, label: Label) -> bool:
        """Whether the gold answer is one number."""
        return _read(label.answer) is not None

    def _grade(self, case: GradingCase) -> Grade:
        gold = _read(case.label.answer)
        if gold is None:
            return Grade(None, reason="the gold answer is no number", failed=True)
        text, certain = _final(case)
        answer = _read(text)
        if answer is None:
            return Grade(False if any(char.isdigit() for char in text) else None, text[-80:], "no number found")
        left, right = gold.number.value, answer.number.value
        equal = left == right or close(left, right, Fraction(self.tolerance))
        strict = equal and certain and (gold.percent or not answer.percent)
        return Grade(strict, text, "numeric", lenient=None if strict == equal else equal)


def _final(case: GradingCase) -> tuple[str, bool]:
    """The final number as written, and whether nothing else claims to be it; a cut text must have marked it."""
    found = final_answer(case.rollout.text)
    if found is not None and _read(found.text) is not None:
        return found.text, not found.doubt
    value = (
        value_of_phrase(found.text)
        if found
        else value_at_end(case.rollout.text)
        if case.rollout.finish == "stop"
        else None
    )
    return (
        (_last_side(value.text), value.certain and not (found and found.doubt))
        if value
        else (found.text if found else "", False)
    )


def _last_side(text: str) -> str:
    return text.rpartition("=")[2].strip() or text


@lru_cache(maxsize=1 << 14)
def _read(text: str) -> MarkedNumber | None:
    """A plain number, a percentage, powers of ten, a number with a unit; None for anything else."""
    if len(text) > LONGEST:
        return None
    plain = number(text)
    if plain is not None:
        return MarkedNumber(plain, False)
    meaning = read(text)
    value = number(meaning.latex) if isinstance(meaning, QuantityValue) else None
    if value is None or not isinstance(meaning, QuantityValue):
        return None
    return MarkedNumber(value, meaning.unit is not None and meaning.unit.factors == (("percent", 1),))
