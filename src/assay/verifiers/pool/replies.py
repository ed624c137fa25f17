"""What a judging process says, as plain data: one line of JSON per row, checked field by field before anybody believes it.

A process that has seen given text may be no longer what it was. Nothing that it sends is unpickled, and what is not of one of the forms below
is a `Stop` of its row.
"""

import json
import math
from typing import Any, NamedTuple, get_args

from assay.core.types import Outcome, Verdict
from assay.verifiers.answers.verdicts import storable

LONGEST = 16_384  # bytes of one line; a verdict's texts have 500 characters each, of at most 12 bytes
TRACED = 2_000  # characters of a traceback
OUTCOMES = get_args(Outcome)
BUSY_MACHINE, IN_SANDBOX = "on a busy machine", "in the sandbox"  # after a time limit: whose doing it is, or may be
STOPS = ("cpu", "idle", "load", "memory", "deep", "died", "raised")


class Judged(NamedTuple):
    """What a verdict says beside whose it is."""

    outcome: Outcome
    reward: float
    extracted: str
    reason: str
    lenient: Outcome | None = None


class JudgingStop(NamedTuple):
    """A row without an answer: what ended its judging."""

    kind: str  # cpu, idle, load, late (nobody knows why), memory, deep, died, garbled, raised
    reason: str
    extracted: str = ""
    trace: str = ""  # where the verifier raised


def judged_line(verdict: Verdict) -> bytes:
    """A verdict as one line."""
    return _line(
        [
            "judged",
            verdict.outcome,
            float(verdict.reward),
            storable(verdict.extracted),
            storable(verdict.reason),
            verdict.lenient,
        ]
    )


def reads_line(readable: bool) -> bytes:
    """Whether a gold answer can be read, as one line."""
    return _line(["reads", bool(readable)])


def stop_line(kind: str, reason: str, trace: str = "") -> bytes:
    """Why there is no answer, as one line, with the end of the verifier's traceback."""
    plain = trace[-TRACED:].encode("ascii", "backslashreplace").decode()[-TRACED:]
    return _line(["stop", kind, storable(reason), *([plain] if plain else [])])


def read_line(verb: str, line: str) -> Judged | JudgingStop | bool:
    """The reply in a line of a process that is not trusted.

    >>> read_line("reads", '["reads", true]'), read_line("judge", '["judged", "correct", NaN, "", "", null]').kind
    (True, 'garbled')
    """
    try:
        fields: Any = json.loads(line)
        if isinstance(fields, list) and fields[:1] == ["stop"] and verb == "judge":
            return _stop(*fields[1:])
        if isinstance(fields, list) and fields[:1] == [{"judge": "judged", "reads": "reads"}[verb]]:
            return _judged(*fields[1:]) if verb == "judge" else _readable(*fields[1:])
        if isinstance(fields, list) and fields[:1] == ["stop"]:
            return False
    except (ValueError, TypeError, RecursionError):
        pass
    return JudgingStop("garbled", "the judging process sent no verdict")


def _line(fields: list[Any]) -> bytes:
    return json.dumps(fields).encode("ascii") + b"\n"


def _judged(outcome: Any, reward: Any, extracted: Any, reason: Any, lenient: Any) -> Judged:
    if outcome not in OUTCOMES or (lenient is not None and lenient not in OUTCOMES) or isinstance(reward, bool):
        raise ValueError("outcome")
    if (
        not isinstance(reward, int | float)
        or not math.isfinite(reward)
        or not isinstance(extracted, str)
        or not isinstance(reason, str)
    ):
        raise ValueError("reward or text")
    return Judged(outcome, float(reward), storable(extracted), storable(reason), lenient)


def _readable(readable: Any) -> bool:
    if not isinstance(readable, bool):
        raise ValueError("readable")
    return readable


def _stop(kind: Any, reason: Any, trace: Any = "") -> JudgingStop:
    if kind not in STOPS or not isinstance(reason, str) or not isinstance(trace, str):
        raise ValueError("stop")
    return JudgingStop(kind, storable(reason), trace=trace[-TRACED:].replace("\0", "?"))
