"""The process that judges: it receives rows one by one, and answers each with one line.

It is forked from a loaded parent that has seen no text. It does not hold the Grader's pipe: its parent passes on its
lines, and only those for the row at work.
"""

import contextlib
import ctypes
import os
import pickle
import resource
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NoReturn

from assay.core.ports import Verifier
from assay.core.types import GradingCase, Label, Policy, Problem, Request, Rollout, SamplingConfig
from assay.verifiers.answers.verdicts import Grade, settle_verdict
from assay.verifiers.isolation.worker_rights import confine_worker
from assay.verifiers.pool.replies import encode_judgement, encode_judgements, encode_readable, encode_stop

READY = b"ready\n"
HEADER = struct.Struct("<16sQ")  # the row's token, with which its reply must begin; length of the request in bytes
PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def serve_rows(
    requests: int, replies: int, part: Verifier, memory: int, *, warm: bool = False, confined: bool = False
) -> NoReturn:
    """Answer rows until the requests end; anything that goes wrong outside a row ends the process.

    Args:
        requests: File of requests, each a pickled (method, row) from the Grader after its token and its length.
        replies: File for one line per row, which begins with the row's token.
        part: The verifier, loaded.
        memory: Bytes that the process may map beyond what it has now.
        warm: Whether to warm the verifier again: the first pass in a fork copies the pages that it writes to, which
            no row should pay for.
        confined: Whether to give up all rights but to compute, import and reply.
    """
    null_file = os.open(os.devnull, os.O_RDWR)
    _limit_process(memory)
    if confined:
        confine_worker((requests, replies, null_file))
    if warm:
        getattr(part, "warm", lambda: None)()
    for file in (0, 1, 2):  # whatever is written from here on is discarded
        os.dup2(null_file, file)
    _write_all(replies, READY)
    with os.fdopen(requests, "rb", buffering=0) as inbox:
        while (header := _read_exactly(inbox, HEADER.size)) is not None:
            token, size = HEADER.unpack(header)
            body = _read_exactly(inbox, size)
            if body is None:
                break
            method, row = pickle.loads(body)  # from the Grader, through a parent that only passes bytes on
            _write_all(replies, token + answer_line(_find_method(part, method), row))
    os._exit(0)


def _find_method(part: Verifier, method: str) -> Callable[[Any], Any]:
    """Return a verifier's method; one that lacks `judge_many` judges the cases of a call one by one."""
    default = (lambda cases: [part.judge(case) for case in cases]) if method == "judge_many" else None
    return getattr(part, method, default)  # type: ignore[return-value]  # the others are of its Protocol


def answer_line(judge: Callable[[Any], Any], row: Any) -> bytes:
    """Return the reply to one row, whatever judging it raises."""
    try:
        answer = judge(row)
        if isinstance(row, tuple):
            return encode_judgements(answer)
        return encode_readable(answer) if isinstance(row, Label) else encode_judgement(answer)
    except MemoryError:
        return encode_stop("memory", "memory limit")
    except RecursionError:
        return encode_stop("deep", "nested too deep")
    except BaseException as error:  # noqa: BLE001  # anything that a verifier raises, sys.exit included, is its error
        return encode_stop("raised", f"{type(error).__name__}: {str(error)[:200]}", traceback.format_exc(limit=-4))


def warm_up_pages(times: int = 20) -> None:
    """Send one finished verdict through all the steps of a row, several times.

    What a first pass writes to memory every child would otherwise copy and write again.
    """
    problem = Problem.of("1 + 1?")
    request = Request(problem.id, problem.messages, SamplingConfig(), (0,), 0)
    rollout = Rollout.of(
        request, 0, policy=Policy("rehearsal", "0"), engine="rehearsal", text="2", tokens=1, finish="stop"
    )
    body = pickle.dumps(
        ("judge", GradingCase(problem, Label.of(problem.id, "2", verifier="math"), rollout)), pickle.HIGHEST_PROTOCOL
    )
    for _ in range(times):
        answer_line(
            lambda case: settle_verdict(case, lambda _: Grade(True, "2", "rehearsal"), verifier="math", version="0"),
            pickle.loads(body)[1],
        )


def _read_exactly(inbox: Any, size: int) -> bytes | None:
    """Read so many bytes; None where the file ends before."""
    parts: list[bytes] = []
    while size:
        piece = inbox.read(min(size, 1 << 20))
        if not piece:
            return None
        parts.append(piece)
        size -= len(piece)
    return b"".join(parts)


def _write_all(replies: int, line: bytes) -> None:
    while line:
        line = line[os.write(replies, line) :]


@lru_cache(1)  # called by the parent first, before it forks
def mapped_bytes() -> int:
    """Return the bytes of address space that this process maps."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _limit_process(memory: int) -> None:
    """Let the process map `memory` bytes more than now, and die with its parent (both on Linux only)."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)  # so that whatever it starts is killed with it
    if sys.platform != "linux":
        return
    _LIBC.prctl(PDEATHSIG, signal.SIGKILL)  # on the death of the thread that forked: the parent's only one
    mapped = mapped_bytes()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = mapped + memory if hard == resource.RLIM_INFINITY else min(mapped + memory, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
