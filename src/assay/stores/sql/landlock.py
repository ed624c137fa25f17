"""Threads that cannot write: Linux's Landlock, which confines the calling thread and all threads that it starts."""

import ctypes
import os
import struct
import sys
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # system calls, the same numbers on all of today's machines
WRITE_FILE, REFER, TRUNCATE = 1 << 1, 1 << 13, 1 << 14
MAKE_AND_REMOVE = sum(1 << bit for bit in range(4, 13))
NO_NEW_PRIVS, VERSION, PATH_BENEATH = 38, 1, 1


def available() -> int:
    """Return the version of Landlock that this kernel offers; 0 = none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc().syscall(CREATE_RULESET, None, 0, VERSION)))


def run_confined(work: Callable[[], T], *, writable: str) -> T:
    """Run a function in a thread that can write, create, rename and remove files in one folder only.

    Args:
        work: the function; threads that it starts are confined too, threads that were there before are not.
        writable: the folder.

    Returns:
        What the work returned. Where the kernel has no Landlock, the work runs unconfined.

    Raises:
        OSError: the kernel has Landlock and refuses to apply it.
    """
    answer: Future[T] = Future()
    thread = Thread(target=_fulfil, args=(answer, work, writable), daemon=True)
    thread.start()
    return answer.result()


def _fulfil(answer: "Future[T]", work: Callable[[], T], writable: str) -> None:
    try:
        if version := available():
            _confine(version, writable)
        answer.set_result(work())
    except BaseException as error:  # noqa: BLE001 - it is raised where the answer is asked for
        answer.set_exception(error)


def _confine(version: int, writable: str) -> None:
    libc = _libc()
    rights = WRITE_FILE | MAKE_AND_REMOVE | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    ruleset = libc.syscall(CREATE_RULESET, struct.pack("Q", rights), 8, 0)
    folder = os.open(writable, os.O_PATH | os.O_CLOEXEC)
    try:
        has_failed = ruleset < 0 or libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", rights, folder), 0)
        if has_failed or libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(RESTRICT_SELF, ruleset, 0):
            raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(folder)
        if ruleset >= 0:
            os.close(ruleset)


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)
