"""`choice`: a letter, or the text that stands behind it."""

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, ClassVar

from assay.core.types import Case, Label, Problem, Verdict
from assay.verifiers._answers import final_answer
from assay.verifiers._rules import Grade, settle

_WRAP = re.compile(r"\\(?:text|textbf|mathrm|mathbf|rm)\s*\{([^{}]*)\}")
_OPTION = re.compile(r"^[(\[]?([A-Z])(?:[)\]]|[.:](?=\s|$)|$)[.:]?\s*(.*)$", re.DOTALL)


@dataclass(frozen=True)
class Choice:
    """Correct where the chosen letter is the gold letter, or the chosen text is the gold option's text.

    Options are read from the problem's metadata (`choices` or `options`: a list, or a mapping of letters) or from lines such as
    `(B) 12` of the problem itself. A gold text without a letter is looked up there too.
    """

    letters: str = "ABCDEFGHIJ"  # which letters are answers

    version: ClassVar[str] = "1"
    bounded: ClassVar[bool] = True

    def judge(self, case: Case) -> Verdict:
        """The verdict of one case; linear in the text."""
        return settle(case, self._grade, verifier="choice", version=self.version)

    def reads(self, label: Label) -> bool:
        """Whether the gold answer holds a letter or a digit."""
        return any(char.isalnum() for char in label.answer)

    def _grade(self, case: Case) -> Grade:
        options = self._options(case.problem)
        gold, gold_text = self._choice(case.label.answer, options)
        found = final_answer(case.rollout.text)
        said = found.text if found else self._last_letter(case) or self._short(case)
        letter, text = self._choice(said, options)
        if not letter and (options or not text):
            return Grade(None, said, "no choice found")
        if gold and letter:
            return Grade(gold == letter, said, "letter")
        if gold and not options:
            return Grade(None, said, "no letter found")
        return Grade(bool(text) and text == gold_text, said, "text")

    def _choice(self, said: str, options: dict[str, str]) -> tuple[str, str]:
        """(letter, text) of an answer, "" for what cannot be told."""
        bare = _WRAP.sub(r"\1", said).strip().strip("$*").strip().removesuffix(".").strip()
        match = _OPTION.match(bare)
        if match and match.group(1) in self.letters:
            letter = match.group(1)
            return letter, options.get(letter, _plain(match.group(2)))
        text = _plain(bare)
        named = [letter for letter, option in options.items() if option == text]
        return (named[0], text) if len(named) == 1 else ("", text)

    def _short(self, case: Case) -> str:
        text = case.rollout.text.strip()
        return text if case.rollout.finish == "stop" and len(text) <= 200 else ""

    def _last_letter(self, case: Case) -> str:
        if case.rollout.finish != "stop":
            return ""  # a letter in unfinished prose is no answer
        last = ""
        for match in re.finditer(
            rf"(?<!\w)[(\[]([{re.escape(self.letters)}])[)\]]|^\W{{0,3}}([{re.escape(self.letters)}])\W{{0,3}}$", case.rollout.text, re.M
        ):
            last = match.group(1) or match.group(2)
        return last

    def _options(self, problem: Problem) -> dict[str, str]:
        stored: Any = json.loads(problem.metadata)
        stored = stored.get("choices", stored.get("options")) if isinstance(stored, dict) else None
        if isinstance(stored, dict) and isinstance(stored.get("text"), list):  # the hub's {"label": [...], "text": [...]}
            stored = stored["text"]
        if isinstance(stored, dict):
            return {str(letter): _plain(str(text)) for letter, text in stored.items()}
        if isinstance(stored, list):
            return {letter: _plain(str(text)) for letter, text in zip(self.letters, stored)}
        lines = re.findall(rf"^\s*[(\[]?([{re.escape(self.letters)}])[)\].:]\s+(\S.*)$", problem.text, re.M)
        return {letter: _plain(text) for letter, text in lines}


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().strip(" .$*").split())
