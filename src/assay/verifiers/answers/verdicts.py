"""How a grade becomes a verdict: the same rule on errors, truncation and silence for every verifier."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from assay.core.types import GradingCase, Label, Outcome, Verdict
from assay.maths.text.golds import readings
from assay.verifiers.answers.thinking import unclosed

SHOWN = 500  # characters of an answer or a reason that a verdict keeps


class Grade(NamedTuple):
    """What a verifier read, before the finish reason has its say."""

    right: bool | None  # None = no answer could be read
    extracted: str = ""
    reason: str = ""  # the path taken: exact, numeric, symbolic, ...
    reward: float | None = None  # None = 1 for right, 0 otherwise
    failed: bool = False  # the verifier could not do its work
    lenient: bool | None = None  # whether a person would accept it; None = as `right` says


def settle(case: GradingCase, grade: Callable[[GradingCase], Grade], *, verifier: str, version: str) -> Verdict:
    """The verdict of one case: a right answer counts even where the text was cut, other cut texts are truncated.

    A gold answer that stands for several, or whose text is more than the answer (`maths.text.golds.readings`), is judged by each of its readings, of
    which the best counts. An engine's error is not graded. An answer that cannot be read is `unparsable` only where the model stopped by itself.
    """
    if case.rollout.finish == "error":
        return verdict(
            case, verifier, version, "verifier_error", Grade(None, reason="the engine failed on this rollout")
        )
    found = max((grade(each) for each in read(case)), key=_merit)  # of equals the first
    return verdict(case, verifier, version, outcome(case, found), found)


def read(case: GradingCase) -> list[GradingCase]:
    """The case under each reading of its gold answer: as a rule the case itself alone."""
    label = case.label
    answers = readings(label.answer, label.verifier, united=label.verifier == "math")
    if answers == (label.answer,):
        return [case]
    return [
        replace(case, label=Label.of(label.problem_id, answer, verifier=label.verifier, origin=label.origin))
        for answer in answers
    ]


def _merit(grade: Grade) -> tuple[bool, bool, bool]:
    return bool(grade.right), bool(grade.lenient), grade.right is not None and not grade.failed


def verdict(case: GradingCase, verifier: str, version: str, told: Outcome, grade: Grade) -> Verdict:
    """A verdict whose texts can be stored: short, without lone surrogates."""
    reward = grade.reward if told in ("correct", "wrong") else None
    lenient = None if grade.lenient is None else outcome(case, grade._replace(right=grade.lenient))
    return Verdict.of(
        case,
        verifier=verifier,
        version=version,
        outcome=told,
        reward=reward,
        extracted=storable(grade.extracted),
        reason=storable(grade.reason),
        lenient=lenient,
    )


def storable(text: str) -> str:
    """At most 500 characters of a text, lone surrogates and NUL bytes replaced.

    >>> storable("a\\ud800\\x00b")
    'a??b'
    """
    short = text[:SHOWN]
    if short.isascii() and "\x00" not in short:
        return short
    return short.encode("utf-8", "replace").decode("utf-8").replace("\x00", "?")


def outcome(case: GradingCase, grade: Grade) -> Outcome:
    """What a grade amounts to once the finish reason has had its say."""
    if grade.failed:
        return "verifier_error"
    if case.rollout.finish == "length" and unclosed(case.rollout.text):
        return "truncated"  # a thought is no answer, whatever it mutters
    if grade.right:
        return "correct"
    if case.rollout.finish == "length":
        return "truncated"
    return "unparsable" if grade.right is None else "wrong"
