"""`exact`: the same characters, after Unicode and whitespace normalisation."""

import unicodedata
from dataclasses import dataclass
from typing import ClassVar

from assay.core.types import GradingCase, Label, Verdict
from assay.maths.text.options import plain_option, unwrap_latex
from assay.verifiers.answers.extraction import find_final_answer
from assay.verifiers.answers.letters import strip_explanation
from assay.verifiers.answers.thinking import strip_thinking
from assay.verifiers.answers.verdicts import Grade, settle_verdict


@dataclass(frozen=True)
class Exact:
    """Judge by equal text: correct where the final answer, or the whole text, equals the gold answer.

    Both are compared after NFKC normalisation, with each run of white space as one space. Use it where gold answers are
    words, code or strings, so that no two spellings mean the same. Leniently correct is an answer that differs only in
    case, quotes, dollar signs, a final full stop or a clause after it, and an answer that no word marks as the final
    one.
    """

    casefold: bool = False  # True: A equals a

    version: ClassVar[str] = "3"
    bounded: ClassVar[bool] = True

    def judge(self, case: GradingCase) -> Verdict:
        """Judge one case, in time linear in the text."""
        return settle_verdict(case, self._grade, verifier="exact", version=self.version)

    def reads(self, label: Label) -> bool:
        """Return whether the gold answer holds a character."""
        return bool(self._normalize(label.answer))

    def _grade(self, case: GradingCase) -> Grade:
        text, is_finished = strip_thinking(case.rollout.text)[0], case.rollout.finish == "stop"
        gold, whole = self._normalize(case.label.answer), self._normalize(text)
        if not whole:
            return Grade(None, reason="empty text")
        if gold == whole:
            return Grade(True, whole, "exact")
        answer = find_final_answer(case.rollout.text, finished=is_finished)
        if answer is None:
            return Grade(False, whole, "exact", lenient=_normalize_loosely(gold) == _normalize_loosely(whole))
        strict = bool(gold) and gold in (
            self._normalize(answer.text),
            self._normalize(answer.text + "."),
            self._normalize(unwrap_latex(answer.text)),
        )
        lenient = strict or (
            bool(_normalize_loosely(gold))
            and _normalize_loosely(gold)
            in (_normalize_loosely(answer.text), _normalize_loosely(strip_explanation(answer.text)))
        )
        return Grade(strict and not answer.doubt, answer.text, answer.doubt or "exact", lenient=lenient)

    def _normalize(self, text: str) -> str:
        normal = " ".join(unicodedata.normalize("NFKC", text).split())
        return normal.casefold() if self.casefold else normal


def _normalize_loosely(text: str) -> str:
    """Normalise a text for lenient comparison: no case, quotes, dollar signs, bold marks or final stop."""
    return plain_option(text.translate({0x2019: "'", 0x2013: "-", 0x2014: "-", 0x2212: "-"})).rstrip("!")
