"""`numeric`: a number within a relative tolerance of the gold number."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import ClassVar, NamedTuple

from assay.core.types import GradingCase, Label, Verdict
from assay.verifiers.answers.extraction import find_final_answer
from assay.verifiers.answers.meaning import QuantityValue, read_meaning
from assay.verifiers.answers.numbers import Number, is_close, parse_number
from assay.verifiers.answers.phrase_values import find_value_at_end, read_phrase_value
from assay.verifiers.answers.verdicts import Grade, settle_verdict

MAX_CHARS = 400  # of a number with its unit and marks


class MarkedNumber(NamedTuple):
    """A number, whether it was written with a percent sign, and whether a letter behind it may be its unit."""

    number: Number
    percent: bool
    loose: bool = False


@dataclass(frozen=True)
class Numeric:
    """Judge a number: correct where it differs from the gold number by at most `tolerance` of the larger of the two.

    Only 0 is close to 0. A percent sign never rescales: 20% is 20, strictly correct where the gold answer has the sign
    too, leniently otherwise. A phrase that names several numbers, or that says what the answer is not, gives no number.
    Where no answer is marked, the last number of a finished text is read.

    Raises:
        ValueError: The tolerance lies outside [0, 1).
    """

    tolerance: float = 1e-6  # relative; 0 = equal as rationals, larger = more answers are correct

    version: ClassVar[str] = "4"
    bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"tolerance must lie in [0, 1), found {self.tolerance}")

    def judge(self, case: GradingCase) -> Verdict:
        """Judge one case, in time linear in the text."""
        return settle_verdict(case, self._grade, verifier="numeric", version=self.version)

    def reads(self, label: Label) -> bool:
        """Return whether the gold answer is one number."""
        return _parse_marked_number(label.answer) is not None

    def _grade(self, case: GradingCase) -> Grade:
        gold = _parse_marked_number(case.label.answer)
        if gold is None:
            return Grade(None, reason="the gold answer is no number", failed=True)
        text, certain = _find_final_number(case)
        answer = _parse_marked_number(text)
        if answer is None:
            return Grade(False if any(char.isdigit() for char in text) else None, text[-80:], "no number found")
        left, right = gold.number.value, answer.number.value
        equal = left == right or is_close(left, right, Fraction(self.tolerance))
        same_marks = gold.percent or not answer.percent, gold.loose == answer.loose  # 5 m may be metres
        strict = equal and certain and all(same_marks)
        return Grade(strict, text, "numeric", lenient=None if strict == equal else equal)


def _find_final_number(case: GradingCase) -> tuple[str, bool]:
    """Return the final number as written, and whether it is certain; a truncated text must have marked it."""
    answer = find_final_answer(case.rollout.text)
    if answer is not None and _parse_marked_number(answer.text) is not None:
        return answer.text, not answer.doubt
    value = (
        read_phrase_value(answer.text)
        if answer
        else find_value_at_end(case.rollout.text)
        if case.rollout.finish == "stop"
        else None
    )
    return (
        (_take_last_side(value.text), value.certain and not (answer and answer.doubt))
        if value
        else (answer.text if answer else "", False)
    )


def _take_last_side(text: str) -> str:
    return text.rpartition("=")[2].strip() or text


@lru_cache(maxsize=1 << 14)
def _parse_marked_number(text: str) -> MarkedNumber | None:
    """Parse a plain number, a percentage, powers of ten, or a number with a unit; None for anything else."""
    if len(text) > MAX_CHARS:
        return None
    bare_number = parse_number(text)
    if bare_number is not None:
        return MarkedNumber(bare_number, False)
    meaning = read_meaning(text)
    if not isinstance(meaning, QuantityValue):
        return None
    number_of_unit = parse_number(meaning.latex)
    if number_of_unit is None:
        number = parse_number(meaning.latex.split(" ")[0]) if meaning.loose else None
        return MarkedNumber(number, percent=False, loose=True) if number else None
    return MarkedNumber(number_of_unit, meaning.unit is not None and meaning.unit.factors == (("percent", 1),))
