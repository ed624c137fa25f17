"""Turn a grade into a verdict: one rule on errors, truncation and missing answers for every verifier."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from assay.core.types import GradingCase, Label, Outcome, Verdict
from assay.maths.text.golds import readings
from assay.verifiers.answers.thinking import ends_in_thought

SHOWN_CHARS = 500  # of an answer or a reason, that a verdict keeps


class Grade(NamedTuple):
    """What a verifier read, before the finish reason is taken into account."""

    right: bool | None  # None = no answer could be read
    extracted: str = ""
    reason: str = ""  # how it was decided: exact, numeric, symbolic, ...
    reward: float | None = None  # None = 1 where it is right, else 0
    failed: bool = False  # the verifier could not do its work
    lenient: bool | None = None  # whether a person would accept it; None = as `right` says


def settle_verdict(case: GradingCase, grade: Callable[[GradingCase], Grade], *, verifier: str, version: str) -> Verdict:
    """Return the verdict on one case.

    A correct answer counts even where the text was truncated; other truncated texts are `truncated`. A gold answer that
    stands for several, or whose text is more than the answer (`maths.text.text.golds.readings`), is judged by each of
    its readings, of which the best counts. An engine's error is not graded. An answer that cannot be read is
    `unparsable` only where the model stopped by itself.

    Args:
        case: The problem, label and rollout.
        grade: Grades the case under one reading of its gold answer.
        verifier: The verifier's name.
        version: The verifier's version.
    """
    if case.rollout.finish == "error":
        return build_verdict(
            case, verifier, version, "verifier_error", Grade(None, reason="the engine failed on this rollout")
        )
    best = max((grade(variant) for variant in expand_readings(case)), key=_rank_grade)  # the first of equal ones
    return build_verdict(case, verifier, version, decide_outcome(case, best), best)


def expand_readings(case: GradingCase) -> list[GradingCase]:
    """Return the case under each reading of its gold answer; as a rule that is the case itself alone."""
    label = case.label
    answers = readings(label.answer, label.verifier, united=label.verifier == "math")
    if len(answers) == 1 and answers[0] == label.answer:
        return [case]
    return [
        replace(case, label=Label.of(label.problem_id, answer, verifier=label.verifier, origin=label.origin))
        for answer in answers
    ]


def _rank_grade(grade: Grade) -> tuple[bool, bool, bool]:
    return bool(grade.right), bool(grade.lenient), grade.right is not None and not grade.failed


def build_verdict(case: GradingCase, verifier: str, version: str, outcome: Outcome, grade: Grade) -> Verdict:
    """Build a verdict whose texts can be stored: short and without lone surrogates."""
    _, extracted, reason, reward, _, lenient = grade
    return Verdict.of(
        case,
        verifier=verifier,
        version=version,
        outcome=outcome,
        reward=reward if outcome in ("correct", "wrong") else None,
        extracted=make_storable(extracted),
        reason=make_storable(reason),
        lenient=None if lenient is None else decide_outcome(case, grade._replace(right=lenient)),
    )


def make_storable(text: str) -> str:
    """Return at most 500 characters of a text, with lone surrogates and NUL characters replaced.

    >>> make_storable("a\\ud800\\x00b")
    'a??b'
    """
    excerpt = text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS]
    if excerpt.isascii() and "\x00" not in excerpt:
        return excerpt
    return excerpt.encode("utf-8", "replace").decode("utf-8").replace("\x00", "?")


def decide_outcome(case: GradingCase, grade: Grade) -> Outcome:
    """Return the outcome of a grade, taking the finish reason into account."""
    if grade.failed:
        return "verifier_error"
    if case.rollout.finish == "length" and ends_in_thought(case.rollout.text):
        return "truncated"  # a thought is not an answer, whatever it says
    if grade.right:
        return "correct"
    if case.rollout.finish == "length":
        return "truncated"
    return "unparsable" if grade.right is None else "wrong"
