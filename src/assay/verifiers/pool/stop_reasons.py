"""What a row without an answer amounts to: a wrong answer where the answer itself is the cause, an error of the verifier where anything else is."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from assay.core.types import GradingCase, Label
from assay.verifiers.answers.verdicts import Grade, outcome
from assay.verifiers.pool.replies import BUSY_MACHINE, IN_SANDBOX, Judged, JudgingStop

CERTAIN = ("cpu", "deep")  # these come out alike however often they are tried
RETRIED = 8  # rows of a batch that are tried again, at most: a batch of hostile answers must not take long
ALIKE = 3  # retried rows that all stopped again: the machine is not the cause, and the rest is believed


def settle_stops(
    stops: Mapping[bytes, tuple[GradingCase, JudgingStop]],
    alone: Callable[[GradingCase], Judged | JudgingStop],
    readable: Callable[[Label], bool],
) -> dict[bytes, Judged]:
    """Judges every stopped row.

    Args:
        stops: Rows by key, and what stopped them.
        alone: Judges a row again, in a new process and with nothing beside it.
        readable: Whether reading a label's gold answer comes to an end.

    Returns:
        By key: the answer of the second try; `wrong` (or truncated) where the row stopped again; `verifier_error` where its gold answer
        stops as well, where the machine was busy in both tries, and where nobody tried twice, unless it is known to have waited for itself.
    """
    settled: dict[bytes, Judged] = {}
    again = recovered = 0
    for key, (case, stop) in stops.items():
        if stop.kind == "raised":
            settled[key] = Judged("verifier_error", 0.0, stop.extracted, stop.reason)
            continue
        enough = again + recovered >= RETRIED
        if stop.kind not in CERTAIN and not (again >= ALIKE and not recovered) and not (enough and stop.kind == "idle"):
            if enough:
                settled[key] = Judged("verifier_error", 0.0, stop.extracted, f"{stop.reason}; not tried again")
                continue
            second = alone(case)
            if isinstance(second, Judged):
                recovered += 1
                settled[key] = second
                continue
            again += 1
            stop = second
        settled[key] = _blamed(case, stop, alone, readable)
    return settled


def _blamed(
    case: GradingCase,
    stop: JudgingStop,
    alone: Callable[[GradingCase], Judged | JudgingStop],
    readable: Callable[[Label], bool],
) -> Judged:
    if stop.kind in ("load", "raised"):
        return Judged("verifier_error", 0.0, stop.extracted, stop.reason)
    gold = replace(case, rollout=replace(case.rollout, text=case.label.answer, finish="stop"))
    if not readable(case.label) or isinstance(alone(gold), JudgingStop):
        return Judged("verifier_error", 0.0, stop.extracted, f"{stop.reason}; the gold answer stops as well")
    return Judged(outcome(case, Grade(False)), 0.0, stop.extracted, stop.reason)


def as_stop(answer: Any, *, retries: bool) -> JudgingStop | None:
    """The stop that an answer is, or that a verifier with limits of its own (`retries`) reports as an error."""
    if isinstance(answer, JudgingStop):
        return answer
    if (
        retries
        and isinstance(answer, Judged)
        and answer.outcome == "verifier_error"
        and answer.reason.startswith("time limit")
    ):
        kind = "load" if BUSY_MACHINE in answer.reason else "late" if IN_SANDBOX in answer.reason else "idle"
        return JudgingStop(kind, answer.reason, answer.extracted)
    return None
