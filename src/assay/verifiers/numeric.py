"""`numeric`: a number within a tolerance of the gold number."""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import ClassVar

from assay.core.types import Case, Label, Verdict
from assay.verifiers._answers import final_answer, first_number, last_number
from assay.verifiers._numbers import Number, close, number
from assay.verifiers._rules import Grade, settle

SHORT = 32  # characters


@dataclass(frozen=True)
class Numeric:
    """Correct where the final number differs from the gold number by at most `tolerance` of the larger one.

    0 is close to 0 alone. Without a marked answer the last number of a finished text is read.

    Raises:
        ValueError: a negative tolerance.
    """

    tolerance: float = 1e-6  # relative; 0 = equal rationals, larger = more answers are correct

    version: ClassVar[str] = "1"
    bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"tolerance is {self.tolerance}, must lie in [0, 1)")

    def judge(self, case: Case) -> Verdict:
        """The verdict of one case; linear in the text."""
        return settle(case, self._grade, verifier="numeric", version=self.version)

    def reads(self, label: Label) -> bool:
        """Whether the gold answer is one number."""
        return _read(label.answer) is not None

    def _grade(self, case: Case) -> Grade:
        gold = _read(case.label.answer)
        if gold is None:
            return Grade(None, reason="the gold answer is no number", failed=True)
        text = _final(case)
        value = _read(text)
        if value is None:
            return Grade(None, text, "no number found")
        right = gold.value == value.value or close(gold.value, value.value, Fraction(self.tolerance))
        return Grade(right, text, "numeric")


def _final(case: Case) -> str:
    """The final number as written; a cut text must have marked it."""
    found = final_answer(case.rollout.text)
    if found is not None:
        return found.text if _read(found.text) else first_number(found.text)
    return last_number(case.rollout.text) if case.rollout.finish == "stop" else ""


def _read(text: str) -> Number | None:
    """The number of a text; short ones are remembered, since the samples of one problem give few different answers."""
    return _remembered(text) if len(text) <= SHORT else _parsed(text)


@lru_cache(maxsize=1 << 16)
def _remembered(text: str) -> Number | None:
    return _parsed(text)


def _parsed(text: str) -> Number | None:
    """A plain number, a percentage as its hundredth, or scientific notation with an exponent of at most 3 digits."""
    bare = text.strip().removesuffix(".")
    for mark in ("\\%", "%"):
        if bare.endswith(mark):
            inner = number(bare.removesuffix(mark))
            return None if inner is None else Number(inner.value / 100, inner.decimal)
    head, mark, exponent = bare.lower().partition("e")
    digits = exponent.lstrip("+-")
    if mark and digits.isascii() and digits.isdigit() and len(digits) <= 3 and exponent[: -len(digits)] in ("", "+", "-"):
        inner = number(head)
        return None if inner is None else Number(inner.value * Fraction(10) ** int(exponent), True)
    return number(bare)
