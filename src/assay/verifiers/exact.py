"""`exact`: the same characters, after Unicode and whitespace normalisation."""

import unicodedata
from dataclasses import dataclass
from typing import ClassVar

from assay.core.types import GradingCase, Label, Verdict
from assay.maths.text.options import plain, unwrapped
from assay.verifiers.answers.extraction import final_answer
from assay.verifiers.answers.letters import head
from assay.verifiers.answers.thinking import spoken
from assay.verifiers.answers.verdicts import Grade, settle


@dataclass(frozen=True)
class Exact:
    """Correct where the final answer, or the whole text, equals the gold answer after NFKC and with runs of white space as one space.

    For golds that are words, code or strings, where no two spellings mean the same. Leniently right is what differs in case, quotes,
    dollar signs, a final full stop or a clause behind it, and what no word marks as the answer.
    """

    casefold: bool = False  # True: A equals a

    version: ClassVar[str] = "2"
    bounded: ClassVar[bool] = True

    def judge(self, case: GradingCase) -> Verdict:
        """The verdict of one case; linear in the text."""
        return settle(case, self._grade, verifier="exact", version=self.version)

    def reads(self, label: Label) -> bool:
        """Whether the gold answer holds a character."""
        return bool(self._plain(label.answer))

    def _grade(self, case: GradingCase) -> Grade:
        text, finished = spoken(case.rollout.text)[0], case.rollout.finish == "stop"
        gold, whole = self._plain(case.label.answer), self._plain(text)
        if not whole:
            return Grade(None, reason="empty text")
        if gold == whole:
            return Grade(True, whole, "exact")
        answer = final_answer(case.rollout.text, finished=finished)
        if answer is None:
            return Grade(False, whole, "exact", lenient=_loose(gold) == _loose(whole))
        right = bool(gold) and gold in (
            self._plain(answer.text),
            self._plain(answer.text + "."),
            self._plain(unwrapped(answer.text)),
        )
        lenient = right or (bool(_loose(gold)) and _loose(gold) in (_loose(answer.text), _loose(head(answer.text))))
        return Grade(right and not answer.doubt, answer.text, answer.doubt or "exact", lenient=lenient)

    def _plain(self, text: str) -> str:
        normal = " ".join(unicodedata.normalize("NFKC", text).split())
        return normal.casefold() if self.casefold else normal


def _loose(text: str) -> str:
    """A text as a person compares it: no case, quotes, dollar signs, bold or final stop."""
    return plain(text.translate({0x2019: "'", 0x2013: "-", 0x2014: "-", 0x2212: "-"})).rstrip("!")
