"""`math`: exact paths first, Math-Verify 0.9 behind them, and a second opinion on what it calls equal."""

import logging
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from assay.core.types import Case, Label, Verdict
from assay.verifiers._answers import Answer, balanced, depth, final_answer, first_number, last_number
from assay.verifiers._latex import math_verify
from assay.verifiers._magnitude import overflows
from assay.verifiers._numbers import Number, number, same, tidy
from assay.verifiers._opinion import agree, evaluate
from assay.verifiers._rules import Grade, outcome, settle, verdict

LONGEST = 2_000  # characters of one answer, of which MATH's golds have 159 at most; reading 3,000 takes a third of a second
DEEPEST = 20  # nested brackets, of which MATH's golds have 3 at most; reading 20 for the first time takes a third of a second
LONGEST_TEXT = 500_000  # characters of a text without any marked answer
TAIL = 600  # characters at the end of a text that are searched for mathematics where no answer is marked
_CONSTANT = re.compile(r"\\(?:mathrm|operatorname|mathit|mathsf|text|textrm)\s*\{\s*([ei])\s*\}|\{\\rm\s+([ei])\s*\}")
_HEAVY = re.compile(r"\\(?:sum|prod|int|lim|binom)|!|\^\{?[^{}]*\^")
_WARM = (  # one of each common kind; the first one needs simplifying
    (r"\frac{x^2-1}{x-1}", "x+1"),
    ("x^2+1", "1+x^2"),
    (r"\frac{\sqrt{2}}{2}", r"\sin 45"),
    ("(1,2]", "(1,3]"),
    (r"\text{east}", "west"),
    ("x=1", "1"),
    (r"\{1,2\}", "1,2"),
    (r"1\frac{2}{3}, -0.5", r"\sqrt{34}+3\sqrt{10}"),
    (r"4:30 \text{ p.m.}", r"2\pi r^2"),
    (r"\begin{pmatrix} 1 \\ -2 \end{pmatrix}", r"x \in [-2,7]"),
    (r"(-\infty,2)\cup(3,\infty)", "50\\%"),
    ("(2,-3)", r"90^\circ"),
    ("y=2x-3", r"(x+5)(x-5)"),
    (r"\frac{3+\sqrt{5}}{2}", r"-\frac{7}{12}"),
    ("x<-4", r"\log_2 3"),
    (r"\binom{10^{3}}{3}", "(4!)!"),
    (r"\sqrt[3]{5}", r"2^{2^{3}}"),
)


@dataclass(frozen=True)
class Math:
    """Correct where the final answer means the same as the gold answer.

    Paths, in order: the same characters (`exact`), two numbers (`numeric`), Math-Verify (`symbolic`). The first two never evaluate
    a power or a factorial. Math-Verify holds 1/2^99 and 1/2^98 for equal (differences below 1e-15 vanish) and drops the rest of an
    answer after some commands; both are caught here: equal values must agree to 1e-9 of their size, and a parse that lost a brace
    does not count. Its own time-outs are off (they need signals and the main thread): call this inside a `Grader`.

    A cut text counts only where it marks its final answer; the last number of unfinished prose is no answer.
    Source: Math-Verify 0.9.0, github.com/huggingface/Math-Verify.
    """

    version: ClassVar[str] = "3"

    def warm(self) -> None:
        """Imports Math-Verify and walks its common paths once, so that no case pays for that."""
        for gold, answer in _WARM:
            _equal(_gold(gold), _gold(answer))

    def judge(self, case: Case) -> Verdict:
        """The verdict of one case; may hang on hostile input."""
        return settle(case, _grade, verifier="math", version=self.version)

    def glance(self, case: Case) -> Verdict | None:
        """The verdict where exact paths decide it, in time linear in the text; None where Math-Verify must be asked."""
        if case.rollout.finish == "error":
            return self.judge(case)
        quick = _quick(case)
        return None if quick is None else verdict(case, "math", self.version, outcome(case, quick), quick)

    def essence(self, case: Case) -> str:
        """All that the symbolic path reads of a text: equal answers to equal golds are worked out once, whatever led to them."""
        found = final_answer(case.rollout.text)
        return f"{found.how} {found.text}" if found else f"tail {case.rollout.text[-TAIL:]}"

    def suspect(self, row: Case | Label) -> bool:
        """Whether working it out may take long; such rows go first, so that they hang side by side and not at the end."""
        return bool(_HEAVY.search(row.answer if isinstance(row, Label) else self.essence(row)))

    def reads(self, label: Label) -> bool:
        """Whether the gold answer can be parsed and evaluated; may hang on hostile input."""
        quick = self.glance_label(label)
        return _evaluates(label.answer) if quick is None else quick

    def glance_label(self, label: Label) -> bool | None:
        """Whether a gold answer is readable, where that can be told without Math-Verify."""
        if number(label.answer) is not None:
            return True
        gold = tidy(label.answer)
        if len(gold) > LONGEST or depth(gold) > DEEPEST or not any(char.isalnum() for char in gold):
            return False
        return None


def _grade(case: Case) -> Grade:
    return _quick(case) or _symbolic(case)


def _quick(case: Case) -> Grade | None:
    text, gold = case.rollout.text, case.label.answer
    if not text.strip():
        return Grade(None, reason="empty text")
    found = final_answer(text)
    if found is None:
        return _unmarked(text, gold, finished=case.rollout.finish == "stop")
    (bare, target), said = _read_gold(gold), tidy(found.text)
    if said and said == bare:
        return Grade(True, found.text, "exact")
    value = number(found.text) if target else None
    if target and value:
        return Grade(same(target, value), found.text, "numeric")
    if target and found.how == "marked" and not re.search(r"[\\$^%/]", found.text):
        said = first_number(found.text)
        if value := number(said):
            return Grade(same(target, value), said, "numeric")
    return _refusal(found.text) or _refusal(gold) or _overflow(found.text, gold)


@lru_cache(4096)  # a gold has many attempts
def _read_gold(gold: str) -> tuple[str, Number | None]:
    return tidy(gold), number(gold)


def _unmarked(text: str, gold: str, *, finished: bool) -> Grade | None:
    if not finished:
        return Grade(None, reason="cut before a final answer")
    if len(text) > LONGEST_TEXT:
        return Grade(None, reason=f"no final answer marked in {len(text)} characters, at most {LONGEST_TEXT} are searched", failed=True)
    tail, (_, target) = text[-TAIL:], _read_gold(gold)
    if re.search(r"[\\$]", tail) or (target is None and any(char.isdigit() for char in tail)):
        return _refusal(tail) or _overflow(tail, gold)
    said = last_number(text)
    value = number(said)
    if value is None:
        return Grade(None, reason="no final answer")
    return Grade(target is not None and same(target, value), said, "last number")


def _refusal(answer: str) -> Grade | None:
    """Refusing is an error of the verifier, never a wrong answer."""
    if len(answer) > LONGEST:
        return Grade(None, answer, f"answer of {len(answer)} characters, at most {LONGEST} are read", failed=True)
    nested = depth(answer)
    if nested > DEEPEST:
        return Grade(None, answer, f"answer nested {nested} deep, at most {DEEPEST} are read", failed=True)
    return None


def _overflow(answer: str, gold: str) -> Grade | None:
    """An answer too large to work out, beside a gold answer that is not."""
    if not overflows(answer) or overflows(gold):
        return None
    return Grade(None, answer[-80:], "a number of more than a million digits, or a sum of more than 10,000 terms", failed=True)


def _symbolic(case: Case) -> Grade:
    found = final_answer(case.rollout.text)
    target, said = _gold(case.label.answer), found.text if found else case.rollout.text[-TAIL:]
    answers = _attempt(found) if found else _parse(said)
    if not answers:
        return _fallback(case, said)
    shown = found.text if found else str(answers[-1])
    try:
        right = _equal(target, answers)
    except (OverflowError, RecursionError) as error:
        return Grade(None, shown, f"{type(error).__name__} while comparing", failed=True)
    if not right and isinstance(answers[0], str) and found is None:
        return Grade(None, shown, "no final answer")
    return Grade(right, shown, "symbolic")


def _fallback(case: Case, said: str) -> Grade:
    """The last number, where the phrase that should hold the answer cannot be parsed."""
    target, text = number(case.label.answer), last_number(said)
    value = number(text)
    if target is None or value is None:
        return Grade(None, said[-80:], "the final answer cannot be parsed")
    return Grade(same(target, value), text, "last number")


def _attempt(found: Answer) -> list[Any]:
    if found.how == "boxed" or not re.search(r"\$|\\\(|\\\[", found.text):
        wrapped = _parse(f"\\boxed{{{tidy(found.text)}}}" if found.how == "boxed" else f"${tidy(found.text)}$")
        if found.how != "marked" or not re.search(r"(?<!\\)\b[A-Za-z]{3,}", found.text):
            return wrapped
    return _parse(found.text)  # a phrase that holds mathematics somewhere


def _gold(answer: str) -> list[Any]:
    return _parse(f"${tidy(answer)}$")


def _parse(text: str) -> list[Any]:
    """Math-Verify's readings of a text: expressions first, the string that they came from last."""
    return list(_readings(text))


@lru_cache(2048)  # reading is nine tenths of the symbolic path, and a gold has many attempts
def _readings(text: str) -> tuple[Any, ...]:
    parse = math_verify().parse
    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its time-outs are off
    spelled = _CONSTANT.sub(lambda match: f"{{{match.group(1) or match.group(2)}}}", text)
    readings: list[Any] = parse(spelled, parsing_timeout=None)
    if balanced(spelled) and readings and isinstance(readings[-1], str) and not balanced(readings[-1]):
        return (tidy(text),)  # a part of the answer was lost: only its characters can be compared
    return tuple(readings)


def _equal(gold: list[Any], answers: list[Any]) -> bool:
    """Math-Verify's opinion, and ours where it says equal.

    Raises:
        OverflowError, MemoryError, RecursionError: comparing explodes.
    """
    left, right = ([each for each in side if not isinstance(each, str)] for side in (gold, answers))
    if math_verify().verify(gold, answers, timeout_seconds=None):
        return not (left and right) or agree(left[0], right[0])  # else two strings, equal as such
    if left and right:
        evaluate(left[0], right[0])
    return False


def _evaluates(answer: str) -> bool:
    """Whether comparing the gold with another number comes to a good end."""
    readings = _gold(answer)
    if not readings:
        return False
    try:
        _equal(readings, _parse("$7919$"))
    except (OverflowError, RecursionError):
        return False
    return True
