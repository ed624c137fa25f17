"""Give up rights of this process for good: what a forked child does before it meets text that nobody vouches for.

Standard library only. Linux only, on x86_64 and aarch64; elsewhere nothing is granted, and the report says so. A
mechanism that the kernel lacks is left out and reported as missing; one that the kernel has and refuses to apply is an
error.
"""

import contextlib
import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from assay.verifiers.isolation.call_filter import MACHINES, NEW_USER, compare_process, make_filter

NO_NEW_PRIVILEGES, DROP_BOUND = 38, 24  # prctl

# rights of Landlock, by the version that brought them
READS = (1 << 0) | (1 << 2) | (1 << 3)  # execute, read a file, list a folder
WRITES = ((1, (1 << 1) | sum(1 << bit for bit in range(4, 13))), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
OF_FILES = (1 << 0) | (1 << 1) | (1 << 2) | (1 << 14) | (1 << 15)
TCP, SCOPES = 0b11, 0b11  # bind and connect, since version 4; abstract sockets and signals, since version 6


@dataclass(frozen=True)
class Isolation:
    """What the kernel granted."""

    namespaces: bool = False  # own users, processes, network and IPC
    own_root: bool = False  # a file system of its own
    landlock: int = 0  # the version in force; 0 = none
    seccomp: bool = False


def confine(
    *,
    readable: Sequence[str] | None = None,
    writable: Sequence[str] = (),
    network: bool = False,
    signals: bool = False,
    metadata: bool = False,
    programs: bool = True,
    processes: bool = True,
) -> Isolation:
    """Give up every right of this process that is not named here; its children inherit the loss.

    Args:
        readable: Folders and files that stay readable; None = all of them.
        writable: Folders and files that stay writable.
        network: Whether sockets may be made. Socket pairs always may.
        signals: Whether signals may be sent to processes other than this one.
        metadata: Whether modes, owners, times and attributes of files may be changed.
        programs: Whether other programs may be executed.
        processes: Whether processes may be started. Threads always may.

    Returns:
        What is in force; `namespaces` and `own_root` are False, since they are not requested here.

    Raises:
        OSError: The kernel has a mechanism and refused to apply it.
    """
    prepared = prepare_confinement(
        readable=readable,
        writable=writable,
        network=network,
        signals=signals,
        metadata=metadata,
        programs=programs,
        processes=processes,
    )
    return prepared.apply()


@dataclass(frozen=True)
class Confinement:
    """What a process will give up, worked out beforehand, so that each of many children only has to apply it."""

    version: int  # of Landlock; 0 = none
    ruleset: int  # file of Landlock's rules; -1 = none
    # the filter of system calls, in parts between which the id of the process belongs; () = none
    program: tuple[bytes, ...]

    def apply(self) -> Isolation:
        """Give up the rights in this process, for good, and close the file of Landlock's rules; once per process.

        Raises:
            OSError: The kernel has a mechanism and refused to apply it.
        """
        forbid_new_privileges()
        if self.version:
            try:
                _check_result(_libc().syscall(446, self.ruleset, 0), "Landlock")
            finally:
                os.close(self.ruleset)
        if self.program:
            _install_filter(compare_process(os.getpid()).join(self.program))
        return Isolation(landlock=self.version, seccomp=bool(self.program))


def prepare_confinement(
    *,
    readable: Sequence[str] | None,
    writable: Sequence[str],
    network: bool,
    signals: bool,
    metadata: bool,
    programs: bool,
    processes: bool,
) -> Confinement:
    """Work out what `confine` would give up; the arguments are the same.

    Raises:
        OSError: The kernel refused.
    """
    version = landlock_version()
    ruleset = (
        _make_ruleset(version, readable=readable, writable=writable, network=network, signals=signals)
        if version
        else -1
    )
    program = (
        make_filter(network=network, signals=signals, metadata=metadata, programs=programs, processes=processes)
        if can_filter_calls()
        else ()
    )
    return Confinement(version, ruleset, program)


def forbid_new_privileges() -> bool:
    """Rule out set-user-id programs for this process and its children.

    Returns:
        Whether they are ruled out.
    """
    return sys.platform == "linux" and bool(_libc().prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0)


def _make_ruleset(
    version: int, *, readable: Sequence[str] | None, writable: Sequence[str], network: bool, signals: bool
) -> int:
    """Open a file of Landlock's rules on files, and on what else this version of Landlock covers."""
    writes = sum(rights for since, rights in WRITES if since <= version)
    handled = writes if readable is None else writes | READS
    tcp, scopes = 0 if network or version < 4 else TCP, 0 if signals or version < 6 else SCOPES
    attributes = struct.pack("QQQ", handled, tcp, scopes)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = _check_result(_libc().syscall(444, attributes, len(attributes), 0), "Landlock")
    try:
        for paths, rights in ((readable or (), READS), (writable, writes | READS)):
            for path in paths:
                _allow_path(ruleset, path, rights & handled)
    except BaseException:
        os.close(ruleset)
        raise
    return ruleset


def landlock_version() -> int:
    """Return the version of Landlock in this kernel; 0 = none, or switched off."""
    return max(0, int(_libc().syscall(444, None, 0, 1))) if sys.platform == "linux" else 0


def _install_filter(program: bytes) -> None:
    """Put a filter in force, in all threads of this process."""
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    _check_result(_libc().syscall(MACHINES[platform.machine()][2], 1, 1, header), "seccomp")


def can_filter_calls() -> bool:
    """Return whether this kernel filters system calls, and their numbers are known here."""
    return sys.platform == "linux" and platform.machine() in MACHINES and bool(_libc().prctl(21, 0, 0, 0, 0) >= 0)


def set_limits(limits: Mapping[int, int]) -> None:
    """Lower resource limits for good, each at most to its present value.

    Args:
        limits: {resource.RLIMIT_...: value}.
    """
    for name, value in limits.items():
        hard = resource.getrlimit(name)[1]
        lower = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (lower, lower))


def enter_namespaces(kinds: int, *, processes: int | None = None) -> str:
    """Move this single-threaded process into new namespaces, keeping its user and group ids.

    Args:
        kinds: The sum of `NEW_USER`, `NEW_MOUNTS` and so on; a new process namespace begins with the next fork.
        processes: The file number of the open folder /proc, for a process whose root has none.

    Returns:
        "" where that worked, else why not.
    """
    uid, gid = os.getuid(), os.getgid()
    if sys.platform != "linux":
        return f"{sys.platform} has no namespaces"
    if _libc().unshare(kinds) != 0:
        return f"unshare: {os.strerror(ctypes.get_errno())}"
    if not kinds & NEW_USER:
        return ""
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            file = os.open(f"/proc/self/{name}" if processes is None else f"self/{name}", os.O_WRONLY, dir_fd=processes)
            try:
                os.write(file, text.encode("ascii"))
            finally:
                os.close(file)
    except OSError as error:
        return f"{error.filename or 'id map'}: {error.strerror}"
    return ""


def drop_capabilities() -> None:
    """Give up every capability of this process, and of what it executes.

    Raises:
        OSError: The kernel refused.
    """
    libc = _libc()
    for number in range(64):
        if libc.prctl(DROP_BOUND, number, 0, 0, 0) != 0:
            break
    forbid_new_privileges()
    header, no_capabilities = struct.pack("Ii", 0x20080522, 0), bytes(24)
    _check_result(libc.capset(header, no_capabilities), "capabilities")


def close_files(keep: Iterable[int]) -> None:
    """Close every open file of this process except those named.

    Args:
        keep: The file numbers that stay open.
    """
    next_number = 0
    for number in sorted(set(keep)):
        if next_number < number:  # `closerange` with an empty range would close everything
            os.closerange(next_number, number)
        next_number = number + 1
    os.closerange(next_number, 1 << 16)


def _allow_path(ruleset: int, path: str, rights: int) -> None:
    file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights &= -1 if os.path.isdir(path) else OF_FILES
        if rights:
            _check_result(_libc().syscall(445, ruleset, 1, struct.pack("=Qi", rights, file), 0), f"Landlock: {path}")
    finally:
        os.close(file)


def _check_result(result: int, what: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
    return int(result)


@lru_cache(1)
def _libc() -> Any:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


with contextlib.suppress(OSError, AttributeError):
    _libc()  # load it before any right is given up
