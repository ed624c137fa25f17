"""What a judging process replies: one line of JSON per row, checked field by field before it is believed.

A process that has seen a model's text may have been changed by it. Nothing that it sends is unpickled, and a line of
any other form is a `JudgingStop` of its row.
"""

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

from assay.core.types import Outcome, Verdict
from assay.verifiers.answers.verdicts import make_storable

MAX_LINE_BYTES = 16_384  # a verdict's texts have 500 characters each, of at most 12 bytes
SHORT_TEXT = 100  # characters of a text in the reply to a call of several cases
MAX_TRACEBACK = 2_000  # characters
OUTCOMES = get_args(Outcome)
BUSY_MACHINE, IN_SANDBOX = "on a busy machine", "in the sandbox"  # follows a time limit: what caused it
STOP_KINDS = ("cpu", "idle", "load", "memory", "deep", "died", "raised")


class Judgement(NamedTuple):
    """The content of a verdict, without the ids of what was judged."""

    outcome: Outcome
    reward: float
    extracted: str
    reason: str
    lenient: Outcome | None = None


class JudgingStop(NamedTuple):
    """Why a row has no answer: what ended its judging."""

    kind: str  # cpu, idle, load, late (cause unknown), memory, deep, died, garbled, raised
    reason: str
    extracted: str = ""
    trace: str = ""  # where the verifier raised


def encode_judgement(verdict: Verdict) -> bytes:
    """Encode a verdict as one line."""
    return _encode(
        [
            "judged",
            verdict.outcome,
            float(verdict.reward),
            make_storable(verdict.extracted),
            make_storable(verdict.reason),
            verdict.lenient,
        ]
    )


def encode_judgements(verdicts: Sequence[Verdict]) -> bytes:
    """Encode the verdicts of one call as one line, with short texts so that many fit."""
    rows = [json.loads(encode_judgement(verdict))[1:] for verdict in verdicts]
    return _encode(["many", *([*row[:2], row[2][:SHORT_TEXT], row[3][:SHORT_TEXT], row[4]] for row in rows)])


def encode_readable(readable: bool) -> bytes:
    """Encode whether a gold answer can be read, as one line."""
    return _encode(["reads", bool(readable)])


def encode_stop(kind: str, reason: str, trace: str = "") -> bytes:
    """Encode why there is no answer, as one line, with the end of the verifier's traceback."""
    ascii_trace = trace[-MAX_TRACEBACK:].encode("ascii", "backslashreplace").decode()[-MAX_TRACEBACK:]
    return _encode(["stop", kind, make_storable(reason), *([ascii_trace] if ascii_trace else [])])


def parse_reply(method: str, line: str) -> Judgement | JudgingStop | bool | list[Judgement]:
    """Parse a line from a process that is not trusted.

    Args:
        method: What was asked: "judge", "judge_many" or "reads".
        line: The line, whatever it holds.

    Returns:
        The judgement, a list of them, or whether a gold answer can be read; a `JudgingStop` where the line has another
        form.

    >>> parse_reply("reads", '["reads", true]'), parse_reply("judge", '["judged", "correct", NaN, "", "", null]').kind
    (True, 'garbled')
    """
    try:
        fields: Any = json.loads(line)
        if isinstance(fields, list) and fields[:1] == ["stop"] and method != "reads":
            return _parse_stop(*fields[1:])
        if method == "judge_many":
            return _parse_judgements(fields)
        if isinstance(fields, list) and fields[:1] == [{"judge": "judged", "reads": "reads"}[method]]:
            return _parse_judgement(*fields[1:]) if method == "judge" else _parse_readable(*fields[1:])
        if isinstance(fields, list) and fields[:1] == ["stop"]:
            return False
    except (ValueError, TypeError, RecursionError, OverflowError):  # the last: a reward of 400 digits
        pass
    return JudgingStop("garbled", "the judging process sent no verdict")


def _encode(fields: list[Any]) -> bytes:
    return json.dumps(fields).encode("ascii") + b"\n"


def _parse_judgement(outcome: Any, reward: Any, extracted: Any, reason: Any, lenient: Any) -> Judgement:
    if outcome not in OUTCOMES or (lenient is not None and lenient not in OUTCOMES) or isinstance(reward, bool):
        raise ValueError("outcome")
    if (
        not isinstance(reward, int | float)
        or not math.isfinite(reward)
        or not isinstance(extracted, str)
        or not isinstance(reason, str)
    ):
        raise ValueError("reward or text")
    return Judgement(outcome, float(reward), make_storable(extracted), make_storable(reason), lenient)


def _parse_judgements(fields: Any) -> list[Judgement]:
    if not isinstance(fields, list) or fields[:1] != ["many"]:
        raise ValueError("judgements")
    return [_parse_judgement(*row) for row in fields[1:]]


def _parse_readable(readable: Any) -> bool:
    if not isinstance(readable, bool):
        raise ValueError("readable")
    return readable


def _parse_stop(kind: Any, reason: Any, trace: Any = "") -> JudgingStop:
    if kind not in STOP_KINDS or not isinstance(reason, str) or not isinstance(trace, str):
        raise ValueError("stop")
    return JudgingStop(kind, make_storable(reason), trace=trace[-MAX_TRACEBACK:].replace("\0", "?"))
