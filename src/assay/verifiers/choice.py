"""`choice`: a letter, several letters, or the text that stands behind one."""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from assay.core.types import GradingCase, Label, Verdict
from assay.maths.text.options import options_of, plain
from assay.verifiers.answers.extraction import final_answer
from assay.verifiers.answers.letters import Named, by_text, head, in_prose, named
from assay.verifiers.answers.numbers import number, same
from assay.verifiers.answers.thinking import spoken
from assay.verifiers.answers.verdicts import Grade, settle

SHORT = 200  # characters of a text that may be an option by itself


@dataclass(frozen=True)
class Choice:
    """Correct where the chosen letters are the gold letters, or the chosen text is the gold option's text.

    A gold answer is one letter, several (`ACD`), a letter with its text (`C. 12`), an option's text, an option's index, or a value where a
    question has no options, so that a pool may mix them. Options are read from the problem's metadata (`choices`, `options`, ... in any
    usual shape) or from the problem itself. Strictly right is a letter or an option's text that is marked as the answer; what has to be
    read from prose, or contradicts the text behind its letter, is right leniently at most.
    """

    letters: str = "ABCDEFGHIJ"  # which letters are answers
    index_from: int = 0  # a gold answer that is a whole number counts the options from here: 0 or 1

    version: ClassVar[str] = "2"
    bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.index_from not in (0, 1) or not self.letters.isupper():
            raise ValueError(
                f"index_from is {self.index_from}, must be 0 or 1; letters are {self.letters!r}, must be capitals"
            )

    def judge(self, case: GradingCase) -> Verdict:
        """The verdict of one case; linear in the text."""
        return settle(case, self._grade, verifier="choice", version=self.version)

    def reads(self, label: Label) -> bool:
        """Whether the gold answer holds a letter or a digit."""
        return any(char.isalnum() for char in label.answer)

    def _grade(self, case: GradingCase) -> Grade:
        options = _options(case.problem.text, case.problem.metadata, self.letters)
        gold = gold_choice(case.label.answer, options, self.letters, self.index_from)
        if not options and gold.text and len(gold.letters) == 1:
            options = {next(iter(gold.letters)): plain(gold.text)}  # the gold's own text
        said, shown, doubt = self._said(case, options)
        if not gold.letters:
            return _by_value(case.label.answer, said, shown, doubt)
        if not said.letters:
            return Grade(None, shown, "no choice found" if options else "no letter found")
        right = said.letters == gold.letters
        other = by_text(said.text, options) if said.text else ""
        contradicts = bool(other) and frozenset(other) != said.letters
        sure = right and not doubt and not said.doubt and not contradicts
        return Grade(
            sure, shown, doubt or said.doubt or ("letter and text disagree" if contradicts else "letter"), lenient=right
        )

    def _said(self, case: GradingCase, options: dict[str, str]) -> tuple[Named, str, str]:
        """(what was chosen, the words that say so, why that is in doubt)."""
        text, _ = spoken(case.rollout.text)
        finished = case.rollout.finish == "stop"
        if finished and len(text) <= SHORT and "\n" not in text.strip() and _starts_as_option(text, self.letters):
            return named(text, self.letters), text.strip(), ""  # A: the capital of France
        found = final_answer(case.rollout.text, finished=finished)
        if found:
            return self._read(found.text, options), found.text, found.doubt if found.how != "last" else ""
        return self._unmarked(text, options) if finished else (Named(), "", "")

    def _read(self, answer: str, options: dict[str, str]) -> Named:
        """The choice that a marked answer is: its letters, an option's text, or the option that its words speak of."""
        said = named(answer, self.letters)
        letter = by_text(answer, options) or by_text(head(answer), options)
        if letter and (not said.letters or said.doubt):
            return Named(frozenset(letter), answer)
        if said.letters:
            return said
        prose = in_prose(answer, options, self.letters)
        return prose if prose.letters else Named(text=answer)

    def _unmarked(self, text: str, options: dict[str, str]) -> tuple[Named, str, str]:
        """What a finished text without a marked answer chooses: a letter on a line of its own, a short text, or its last sentence."""
        alone = ""
        for match in re.finditer(rf"^\W{{0,3}}([{re.escape(self.letters)}])\W{{0,3}}$", text[-4000:], re.M):
            alone = match.group(1)
        if alone:
            return Named(frozenset(alone)), alone, ""
        if len(text) <= SHORT and (said := self._read_short(text, options)).letters:
            return said, text.strip(), ""
        prose = in_prose(text, options, self.letters)
        return prose, text.strip()[-SHORT:] if prose.letters or len(text) <= SHORT else "", ""

    def _read_short(self, text: str, options: dict[str, str]) -> Named:
        letter = by_text(text, options)
        said = Named(frozenset(letter)) if letter else named(text, self.letters)
        return said if letter or not said.letters else said._replace(doubt=said.doubt or "not marked")


def gold_choice(gold: str, options: dict[str, str], letters: str, index_from: int) -> Named:
    """The letters of a gold answer, none where it is a value of a question without options.

    >>> sorted(gold_choice("A B D", {}, "ABCD", 0).letters), sorted(gold_choice("2", {"A": "1", "B": "2", "C": "4"}, "ABC", 0).letters)
    (['A', 'B', 'D'], ['C'])
    """
    bare = gold.strip()
    if bare.startswith(('["', "['")):
        bare = bare.strip("[]").replace('"', "").replace("'", "")  # a list of letters, as JSON or Python
    if options and bare.isascii() and bare.isdecimal() and index_from <= int(bare[:9]) < len(options) + index_from:
        return Named(frozenset(list(options)[int(bare) - index_from]))
    said = named(bare, letters)
    if said.letters and not said.doubt and (not options or said.letters <= set(options)):
        return said
    letter = by_text(bare, options)
    return Named(frozenset(letter)) if letter else Named(text=bare)


@lru_cache(2048)  # a problem has many attempts
def _options(text: str, metadata: str, letters: str) -> dict[str, str]:
    return options_of(text, json.loads(metadata), letters)


def _starts_as_option(text: str, letters: str) -> bool:
    """Whether a short text is an option, its letter first: no sentence about an option, and no second sentence."""
    match = re.match(rf"[\s*]*[(\[]?[{re.escape(letters)}](?:[)\]]\*{{0,2}}|[.:]\*{{0,2}}(?=\s|$)|\s[-–—]\s)", text)
    rest = text[match.end() :] if match else ""
    return (
        bool(match)
        and not re.match(r"\s*(?:is|are|was|and|or|seems|can)\b", rest)
        and not re.search(r"[.!?]\s+\S", rest)
    )


def _by_value(gold: str, said: Named, shown: str, doubt: str) -> Grade:
    """The verdict on a question without options: equal text, or an equal number."""
    answer = shown if not said.text else said.text
    if not plain(answer):
        return Grade(None, shown, "no answer found")
    left, right = number(gold), number(answer)
    equal = plain(gold) == plain(answer) or bool(left and right and same(left, right))
    return Grade(equal and not doubt, shown, doubt or "text", lenient=equal)
