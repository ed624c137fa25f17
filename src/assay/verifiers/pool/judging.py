"""The process that judges: forked from a loaded parent that has seen no text, it gets rows one by one and answers each with one line.

It never writes to the Grader's pipe, which it does not hold: its parent passes lines on, for the row at work alone.
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
from assay.verifiers.answers.verdicts import Grade, settle
from assay.verifiers.isolation.worker_rights import shut_in
from assay.verifiers.pool.replies import judged_line, reads_line, stop_line

READY = b"ready\n"
HEADER = struct.Struct("<16sQ")  # the row's own token, with which its reply begins; bytes of the request that follows
PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def serve_rows(
    requests: int, replies: int, part: Verifier, memory: int, *, warm: bool = False, shut: bool = False
) -> NoReturn:
    """Answers rows until the requests end; anything that goes wrong outside a row ends the process.

    Args:
        requests: File of requests, each a pickled (verb, row) from the Grader behind its token and its length.
        replies: File for one line per row, which begins with the row's token.
        part: The verifier, loaded.
        memory: Bytes that the process may map beyond what it has now.
        warm: Whether to warm the part again: a fork's first pass copies the pages that it writes to, which is no row's time.
        shut: Whether to give up all rights but to compute, import and reply.
    """
    quiet = os.open(os.devnull, os.O_RDWR)
    _bind(memory)
    if shut:
        shut_in((requests, replies, quiet))
    if warm:
        getattr(part, "warm", lambda: None)()
    for file in (0, 1, 2):  # what is written from here on is the text's doing
        os.dup2(quiet, file)
    _say(replies, READY)
    with os.fdopen(requests, "rb", buffering=0) as inbox:
        while (head := _exactly(inbox, HEADER.size)) is not None:
            token, size = HEADER.unpack(head)
            body = _exactly(inbox, size)
            if body is None:
                break
            verb, row = pickle.loads(body)  # from the Grader, through a parent that only passes bytes on
            _say(replies, token + answer_line(getattr(part, verb), row))
    os._exit(0)


def answer_line(judge: Callable[[Any], Any], row: Any) -> bytes:
    """The reply to one row, whatever judging it raises."""
    try:
        answer = judge(row)
        return reads_line(answer) if isinstance(row, Label) else judged_line(answer)
    except MemoryError:
        return stop_line("memory", "memory limit")
    except RecursionError:
        return stop_line("deep", "nested too deep")
    except BaseException as error:  # noqa: BLE001  # verifiers are an edge: what they raise, sys.exit included, is a verdict about them
        return stop_line("raised", f"{type(error).__name__}: {str(error)[:200]}", traceback.format_exc(limit=-4))


def rehearse(times: int = 20) -> None:
    """Walk a row's whole way with a verdict that is settled beforehand: what a first pass writes to memory, each child would copy and write again."""
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
            lambda case: settle(case, lambda _: Grade(True, "2", "rehearsal"), verifier="math", version="0"),
            pickle.loads(body)[1],
        )


def _exactly(inbox: Any, size: int) -> bytes | None:
    """So many bytes; None where the file ends before."""
    parts: list[bytes] = []
    while size:
        part = inbox.read(min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _say(replies: int, line: bytes) -> None:
    while line:
        line = line[os.write(replies, line) :]


@lru_cache(1)  # asked for by the parent, before it forks
def mapped_bytes() -> int:
    """Bytes of address space of this process."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _bind(memory: int) -> None:
    """The process may map `memory` bytes more than it has now, and dies with its parent (both on Linux alone)."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)  # what it starts is ended with it
    if sys.platform != "linux":
        return
    _LIBC.prctl(PDEATHSIG, signal.SIGKILL)  # the parent forks in its only thread, so its thread's death is its own
    mapped = mapped_bytes()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = mapped + memory if hard == resource.RLIM_INFINITY else min(mapped + memory, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
