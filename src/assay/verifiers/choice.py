"""`choice`: multiple choice, answered by a letter, several letters, or the text of an option."""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from assay.core.types import GradingCase, Label, Verdict
from assay.maths.text.options import plain_option, question_options
from assay.verifiers.answers.extraction import find_final_answer
from assay.verifiers.answers.letters import (
    OptionChoice,
    match_option,
    read_letters,
    read_prose_choice,
    strip_explanation,
)
from assay.verifiers.answers.numbers import is_same_number, parse_number
from assay.verifiers.answers.thinking import strip_thinking
from assay.verifiers.answers.verdicts import Grade, settle_verdict

SHORT_CHARS = 200  # a text up to this long may be an option by itself


@dataclass(frozen=True)
class Choice:
    """Judge a multiple-choice answer: correct where the chosen letters, or the chosen text, are the gold ones.

    A gold answer is one letter, several (`ACD`), a letter with its text (`C. 12`), an option's text, an option's index,
    or a value where the question has no options; one pool may mix them. Options are read from the problem's metadata
    (`choices`, `options`, ... in any usual shape), else from the problem's text. Strictly correct is a letter or an
    option's text that is marked as the answer. An answer that has to be read from prose, or that contradicts the text
    of its own letter, is at most leniently correct.

    Raises:
        ValueError: `index_from` is neither 0 nor 1, or `letters` are not capitals.
    """

    letters: str = "ABCDEFGHIJ"  # the letters that can be answers
    index_from: int = 0  # 0 or 1: the index of the first option, for gold answers that are indices

    version: ClassVar[str] = "5"
    bounded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.index_from not in (0, 1) or not self.letters.isupper():
            raise ValueError(
                f"index_from must be 0 or 1, found {self.index_from}; letters must be capitals, found {self.letters!r}"
            )

    def judge(self, case: GradingCase) -> Verdict:
        """Judge one case, in time linear in the text."""
        return settle_verdict(case, self._grade, verifier="choice", version=self.version)

    def reads(self, label: Label) -> bool:
        """Return whether the gold answer holds a letter or a digit."""
        return any(char.isalnum() for char in label.answer)

    def _grade(self, case: GradingCase) -> Grade:
        options = _read_options(case.problem.text, case.problem.metadata, self.letters)
        gold = gold_choice(case.label.answer, options, self.letters, self.index_from)
        if not options and gold.text and len(gold.letters) == 1:
            options = {next(iter(gold.letters)): plain_option(gold.text)}  # the gold answer's own text
        choice, excerpt, doubt = self._extract_choice(case, options)
        if not gold.letters:
            return _grade_by_value(case.label.answer, choice, excerpt, doubt)
        if not choice.letters:
            return Grade(None, excerpt, "no choice found" if options else "no letter found")
        right = choice.letters == gold.letters
        text_letters = match_option(choice.text, options) if choice.text else ""
        contradicts = bool(text_letters) and frozenset(text_letters) != choice.letters
        strict = right and not doubt and not choice.doubt and not contradicts
        return Grade(
            strict,
            excerpt,
            doubt or choice.doubt or ("letter and text disagree" if contradicts else "letter"),
            lenient=right,
        )

    def _extract_choice(self, case: GradingCase, options: dict[str, str]) -> tuple[OptionChoice, str, str]:
        """Return what was chosen, the words that say so, and why that is in doubt ("" where it is not)."""
        text, _ = strip_thinking(case.rollout.text)
        is_finished = case.rollout.finish == "stop"
        if (
            is_finished
            and len(text) <= SHORT_CHARS
            and "\n" not in text.strip()
            and _starts_with_option(text, self.letters)
        ):
            return read_letters(text, self.letters), text.strip(), ""  # A: the capital of France
        answer = find_final_answer(case.rollout.text, finished=is_finished)
        if answer:
            return self._read_marked(answer.text, options), answer.text, answer.doubt if answer.how != "last" else ""
        return self._read_unmarked(text, options) if is_finished else (OptionChoice(), "", "")

    def _read_marked(self, answer: str, options: dict[str, str]) -> OptionChoice:
        """Return the choice in a marked answer: letters, an option's text, or the option that its words refer to."""
        choice = read_letters(answer, self.letters)
        letter = match_option(answer, options) or match_option(strip_explanation(answer), options)
        if letter and (not choice.letters or choice.doubt):
            return OptionChoice(frozenset(letter), answer)
        if choice.letters:
            return choice
        prose = read_prose_choice(answer, options, self.letters)
        return prose if prose.letters else OptionChoice(text=answer)

    def _read_unmarked(self, text: str, options: dict[str, str]) -> tuple[OptionChoice, str, str]:
        """Return the choice of a finished text without a marked answer.

        It is a letter on a line of its own, a short text, or the last sentence.
        """
        letter = ""
        for match in re.finditer(rf"^\W{{0,3}}([{re.escape(self.letters)}])\W{{0,3}}$", text[-4000:], re.M):
            letter = match.group(1)
        if letter:
            return OptionChoice(frozenset(letter)), letter, ""
        if len(text) <= SHORT_CHARS and (choice := self._read_short(text, options)).letters:
            return choice, text.strip(), ""
        prose = read_prose_choice(text, options, self.letters)
        return prose, text.strip()[-SHORT_CHARS:] if prose.letters or len(text) <= SHORT_CHARS else "", ""

    def _read_short(self, text: str, options: dict[str, str]) -> OptionChoice:
        letter = match_option(text, options)
        choice = OptionChoice(frozenset(letter)) if letter else read_letters(text, self.letters)
        return choice if letter or not choice.letters else choice._replace(doubt=choice.doubt or "not marked")


def gold_choice(gold: str, options: dict[str, str], letters: str, index_from: int) -> OptionChoice:
    """Read the letters of a gold answer; there are none where it is the value of a question without options.

    Args:
        gold: The gold answer.
        options: The question's options by letter, in order.
        letters: The letters that can be answers.
        index_from: The index of the first option, where the gold answer is an index.

    >>> sorted(gold_choice("A B D", {}, "ABCD", 0).letters)
    ['A', 'B', 'D']
    >>> sorted(gold_choice("2", {"A": "1", "B": "2", "C": "4"}, "ABC", 0).letters)
    ['C']
    """
    bare = gold.strip()
    if bare.startswith(('["', "['")):
        bare = bare.strip("[]").replace('"', "").replace("'", "")  # a list of letters, as JSON or Python
    if options and bare.isascii() and bare.isdecimal() and index_from <= int(bare[:9]) < len(options) + index_from:
        return OptionChoice(frozenset(list(options)[int(bare) - index_from]))
    choice = read_letters(bare, letters)
    if choice.letters and not choice.doubt and (not options or choice.letters <= set(options)):
        return choice
    letter = match_option(bare, options)
    return OptionChoice(frozenset(letter)) if letter else OptionChoice(text=bare)


@lru_cache(2048)  # a problem has many rollouts
def _read_options(text: str, metadata: str, letters: str) -> dict[str, str]:
    return question_options(text, json.loads(metadata), letters)


def _starts_with_option(text: str, letters: str) -> bool:
    """Return whether a short text is a letter and its option, rather than prose about an option."""
    match = re.match(rf"[\s*]*[(\[]?[{re.escape(letters)}](?:[)\]]\*{{0,2}}|[.:]\*{{0,2}}(?=\s|$)|\s[-–—]\s)", text)
    rest = text[match.end() :] if match else ""
    return (
        bool(match)
        and not re.match(r"\s*(?:is|are|was|and|or|seems|can)\b", rest)
        and not re.search(r"[.!?]\s+\S", rest)
    )


def _grade_by_value(gold: str, choice: OptionChoice, excerpt: str, doubt: str) -> Grade:
    """Grade a question without options: correct where the texts or the numbers are equal."""
    answer = excerpt if not choice.text else choice.text
    if not plain_option(answer):
        return Grade(None, excerpt, "no answer found")
    left, right = parse_number(gold), parse_number(answer)
    equal = plain_option(gold) == plain_option(answer) or bool(left and right and is_same_number(left, right))
    return Grade(equal and not doubt, excerpt, doubt or "text", lenient=equal)
