"""Decide what a row without an answer amounts to: wrong where the answer caused it, else an error of the verifier."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from assay.core.types import GradingCase, Label
from assay.verifiers.answers.verdicts import Grade, decide_outcome
from assay.verifiers.pool.replies import BUSY_MACHINE, IN_SANDBOX, Judgement, JudgingStop

DETERMINISTIC = ("cpu", "deep")  # another try would end in the same way
MAX_RETRIES = 8  # rows of a batch that are tried again, at most: hostile answers must not hold it up
GIVE_UP_AFTER = 3  # retried rows that all stopped again: the machine is not the cause, so no more are tried


def settle_stops(
    stops: Mapping[bytes, tuple[GradingCase, JudgingStop]],
    judge_alone: Callable[[GradingCase], Judgement | JudgingStop],
    is_readable: Callable[[Label], bool],
) -> dict[bytes, Judgement]:
    """Give every stopped row a judgement.

    Args:
        stops: The rows by key, and what stopped each.
        judge_alone: Judges a row again, in a new process, while nothing else runs.
        is_readable: Whether reading a label's gold answer comes to an end.

    Returns:
        By key: the answer of the second try; `wrong` (or truncated) where the row stopped again; `verifier_error`
        where its gold answer stops as well, where the machine was busy in both tries, and where a row was not tried
        again, unless it is known to have waited idly.
    """
    settled: dict[bytes, Judgement] = {}
    stopped_again = recovered = 0
    for key, (case, stop) in stops.items():
        if stop.kind == "raised":
            settled[key] = Judgement("verifier_error", 0.0, stop.extracted, stop.reason)
            continue
        retries_used_up = stopped_again + recovered >= MAX_RETRIES
        if (
            stop.kind not in DETERMINISTIC
            and not (stopped_again >= GIVE_UP_AFTER and not recovered)
            and not (retries_used_up and stop.kind == "idle")
        ):
            if retries_used_up:
                settled[key] = Judgement("verifier_error", 0.0, stop.extracted, f"{stop.reason}; not tried again")
                continue
            second = judge_alone(case)
            if isinstance(second, Judgement):
                recovered += 1
                settled[key] = second
                continue
            stopped_again += 1
            stop = second
        settled[key] = _decide_blame(case, stop, judge_alone, is_readable)
    return settled


def _decide_blame(
    case: GradingCase,
    stop: JudgingStop,
    judge_alone: Callable[[GradingCase], Judgement | JudgingStop],
    is_readable: Callable[[Label], bool],
) -> Judgement:
    """Judge a row that stopped for good: an error where the machine or the gold answer is the cause, else wrong."""
    if stop.kind in ("load", "raised"):
        return Judgement("verifier_error", 0.0, stop.extracted, stop.reason)
    gold_case = replace(case, rollout=replace(case.rollout, text=case.label.answer, finish="stop"))
    if not is_readable(case.label) or isinstance(judge_alone(gold_case), JudgingStop):
        return Judgement("verifier_error", 0.0, stop.extracted, f"{stop.reason}; the gold answer stops as well")
    return Judgement(decide_outcome(case, Grade(False)), 0.0, stop.extracted, stop.reason)


def find_stop(answer: Any, *, retries: bool) -> JudgingStop | None:
    """Return the stop that an answer is, or that a verifier with time limits of its own reports as an error.

    Args:
        answer: A judgement or a stop.
        retries: Whether the verifier has time limits of its own (hook `retries`).
    """
    if isinstance(answer, JudgingStop):
        return answer
    if (
        retries
        and isinstance(answer, Judgement)
        and answer.outcome == "verifier_error"
        and answer.reason.startswith("time limit")
    ):
        kind = "load" if BUSY_MACHINE in answer.reason else "late" if IN_SANDBOX in answer.reason else "idle"
        return JudgingStop(kind, answer.reason, answer.extracted)
    return None
