"""`exact`: the same characters, after Unicode and whitespace normalisation."""

import unicodedata
from dataclasses import dataclass
from typing import ClassVar

from assay.core.types import Case, Label, Verdict
from assay.verifiers._answers import final_answer
from assay.verifiers._rules import Grade, settle


@dataclass(frozen=True)
class Exact:
    """Correct where the final answer, or the whole text, equals the gold answer after NFKC and with runs of white space as one space.

    For golds that are words, code or strings, where no two spellings mean the same.
    """

    casefold: bool = False  # True: A equals a

    version: ClassVar[str] = "1"
    bounded: ClassVar[bool] = True

    def judge(self, case: Case) -> Verdict:
        """The verdict of one case; linear in the text."""
        return settle(case, self._grade, verifier="exact", version=self.version)

    def reads(self, label: Label) -> bool:
        """Whether the gold answer holds a character."""
        return bool(self._plain(label.answer))

    def _grade(self, case: Case) -> Grade:
        gold, whole = self._plain(case.label.answer), self._plain(case.rollout.text)
        if not whole:
            return Grade(None, reason="empty text")
        if gold == whole:
            return Grade(True, whole, "exact")
        found = final_answer(case.rollout.text)
        if found is None:
            return Grade(False, whole, "exact")
        return Grade(bool(gold) and gold == self._plain(found.text), found.text, "exact")

    def _plain(self, text: str) -> str:
        plain = " ".join(unicodedata.normalize("NFKC", text).split())
        return plain.casefold() if self.casefold else plain
