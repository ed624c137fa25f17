"""The other side of a Grader: a process that has imported one verifier, and the child that it forks to judge.

A child that hangs, crashes or runs out of memory is replaced by another fork in milliseconds; nothing is imported again.
"""

import contextlib
import ctypes
import gc
import os
import resource
import select
import signal
import sys
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from assay.core.errors import PlanError
from assay.core.parts import build
from assay.core.ports import Verifier
from assay.core.types import Label
from assay.verifiers._outside import wrap
from assay.verifiers._rules import Grade, verdict

DONE, SPENT = 86, 87  # exit codes: the pipe closed; memory ran out, and the case has had its verdict
STOP = signal.SIGUSR1  # from the Grader: kill the child
PDEATHSIG = 1


def serve(file: int, parent: int, verifier: str, memory: int, settings: Mapping[str, Any]) -> None:
    """Keeps one judging child alive on the pipe until the pipe closes or the parent is gone.

    Sends ("refused", why) where the verifier cannot be loaded; ("ready", pid) for each child, (index, answer) for each case, and
    ("died", why) for a child that ended, "" where no case is to blame.
    """
    bell = _bell()
    pipe = Connection(file)
    try:
        part = _load(verifier, settings)
    except PlanError as error:
        pipe.send(("refused", str(error)))
        return
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page of what was imported
    first = True
    while (child := os.fork()) != 0:
        first = False
        code = _watch(child, parent, bell)
        if code == DONE:
            return
        pipe.send(("died", "" if code == SPENT else f"worker died ({f'signal {-code}' if code < 0 else f'exit {code}'})"))
    _judge(pipe, part, verifier, memory, warm=first)


def _bell() -> int:
    """A file that becomes readable when a signal arrives; Ctrl-C and SIGTERM are left to the parent, which closes the pipe."""
    ear, mouth = os.pipe()
    os.set_blocking(ear, False)
    os.set_blocking(mouth, False)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, STOP):
        signal.signal(signum, lambda *_: None)  # not SIG_IGN, which programs started by a verifier would inherit
    signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    return ear


def _load(verifier: str, settings: Mapping[str, Any]) -> Verifier:
    try:
        part = wrap(verifier, build("verifier", verifier, settings))
        _warm(part)
        return part
    except PlanError:
        raise
    except Exception as error:  # an outside module may raise anything while it is imported
        raise PlanError(f"verifier {verifier!r}: {type(error).__name__}: {error}") from error


def _warm(part: Verifier) -> None:
    getattr(part, "warm", lambda: None)()


def _watch(child: int, parent: int, bell: int) -> int:
    """The exit code of the child, negative for a signal; kills it when asked to and when the parent is gone."""
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        select.select([bell], [], [], 0.5)
        with contextlib.suppress(BlockingIOError):
            if STOP in os.read(bell, 4096):
                os.kill(child, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(child, signal.SIGKILL)
            os._exit(1)


def _judge(pipe: Connection, part: Verifier, verifier: str, memory: int, *, warm: bool) -> NoReturn:
    _bind(memory)
    if warm:
        _warm(part)  # again: a fork's first pass copies the pages that it writes to, which is no case's time; one that follows a kill is in a hurry
    pipe.send(("ready", os.getpid()))
    while True:
        try:
            addressee, verb, rows = pipe.recv()
        except (EOFError, OSError):
            os._exit(DONE)
        if addressee != os.getpid():
            continue  # sent to a child that had died without reading it; the Grader sends those rows again
        for index, row in rows:
            answer, spent = _answer(getattr(part, verb), verifier, row)
            try:
                pipe.send((index, answer))
            except OSError:
                os._exit(DONE)
            if spent:
                os._exit(SPENT)  # what a failed allocation left behind is not trusted with the next case


def _answer(judge: Callable[[Any], Any], verifier: str, row: Any) -> tuple[Any, bool]:
    """(the answer, whether memory ran out)."""
    try:
        return judge(row), False
    except MemoryError:
        reason, spent = "memory limit", True
    except BaseException as error:  # noqa: BLE001  # verifiers are an edge: what they raise, sys.exit included, is a verdict about them
        reason, spent = f"{type(error).__name__}: {str(error)[:200]}", False
    if isinstance(row, Label):
        return False, spent
    return verdict(row, verifier, "", "verifier_error", Grade(None, reason=reason)), spent


def _bind(memory: int) -> None:
    """The child may map `memory` bytes more than it has now, and dies with its parent (both on Linux alone)."""
    signal.set_wakeup_fd(-1)
    for signum in (signal.SIGCHLD, STOP):
        signal.signal(signum, signal.SIG_DFL)
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGKILL)  # the parent forks in its only thread, so its thread's death is its own
    with open("/proc/self/statm", encoding="ascii") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = mapped + memory if hard == resource.RLIM_INFINITY else min(mapped + memory, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
