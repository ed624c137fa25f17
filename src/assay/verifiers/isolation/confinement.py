"""Give up rights in this process, for good: what a forked child calls on itself before it meets text that nobody vouches for.

Standard library only, Linux only (elsewhere nothing is granted, and the report says so), x86_64 and aarch64. What a kernel does not have
is left out and reported as missing; what it has and refuses to apply is an error.
"""

import contextlib
import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

NEW_MOUNTS, NEW_NAMES, NEW_IPC, NEW_USER, NEW_PROCESSES, NEW_NETWORK = (
    0x00020000,
    0x04000000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
NEW_ANY = NEW_MOUNTS | NEW_NAMES | NEW_IPC | NEW_USER | NEW_PROCESSES | NEW_NETWORK | 0x02000000  # with control groups
NO_NEW_PRIVILEGES, DROP_BOUND = 38, 24  # prctl

# --- seccomp: names -> numbers on (x86_64, aarch64), None where there is no such call
Numbers = tuple[int | None, int | None]
NETWORK: Mapping[str, Numbers] = {
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242), "bind": (49, 200), "listen": (50, 201),
}  # fmt: skip
OTHERS: Mapping[str, Numbers] = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440), "kcmp": (312, 272),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "process_mrelease": (448, 448),
}  # fmt: skip
SIGNALS: Mapping[str, Numbers] = {"tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240)}
MOUNTS: Mapping[str, Numbers] = {
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "unshare": (272, 97),
    "setns": (308, 268), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "mknod": (133, None), "mknodat": (259, 33),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "landlock_create": (444, 444),
}  # fmt: skip
METADATA: Mapping[str, Numbers] = {
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None), "fchown": (93, 55),
    "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16), "setxattrat": (463, 463), "removexattrat": (466, 466), "file_setattr": (469, 469),
}  # fmt: skip
KERNEL: Mapping[str, Numbers] = {
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "reboot": (169, 142), "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "sethostname": (170, 161), "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None), "syslog": (103, 116),
    "personality": (135, 92), "vhangup": (153, 58), "fanotify_init": (300, 262), "lookup_dcookie": (212, 18),
    "inotify_init": (253, None), "inotify_init1": (294, 26), "sync": (162, 81), "syncfs": (306, 267), "modify_ldt": (154, None),
    "io_setup": (206, 0),
}  # fmt: skip
SHARED_MEMORY: Mapping[str, Numbers] = {  # memory that no process's own count shows; mmap of anonymous shared memory besides
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "vmsplice": (278, 75),
}  # fmt: skip
SCHEDULING: Mapping[str, Numbers] = {  # a program that lets all others go first could blame the machine for its waiting
    "setpriority": (141, 140), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119), "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274), "ioprio_set": (251, 30),
}  # fmt: skip
PROGRAMS: Mapping[str, Numbers] = {"execve": (59, 221), "execveat": (322, 281)}
PROCESSES: Mapping[str, Numbers] = {"fork": (57, None), "vfork": (58, None)}
CLONE, CLONE3, KILL, TGKILL, PRLIMIT, SETRLIMIT, MMAP, FCNTL = (
    (56, 220),
    (435, 435),
    (62, 129),
    (234, 131),
    (302, 261),
    (160, 164),
    (9, 222),
    (72, 25),
)
THREAD = 0x00010000  # the flag of clone that makes a thread
SHARED, ANONYMOUS = 0x01, 0x20  # flags of mmap
CORE = resource.RLIMIT_CORE  # of core dumps, a piped one of which is written outside whatever the limit but 1
LEASES = (1024, 1026)  # of fcntl: a lease or a watch on a file, which others who open it wait for or are seen by
MACHINES = {
    "x86_64": (0, 0xC000003E, 317),
    "aarch64": (1, 0xC00000B7, 277),
}  # column of a table, the kernel's name for it, seccomp's number
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # instructions of the filter
ALLOW, REFUSE = 0x7FFF0000, 0x00050000

# --- Landlock: rights by the version that brought them
READS = (1 << 0) | (1 << 2) | (1 << 3)  # execute, read a file, read a folder
WRITES = ((1, (1 << 1) | sum(1 << bit for bit in range(4, 13))), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
OF_FILES = (1 << 0) | (1 << 1) | (1 << 2) | (1 << 14) | (1 << 15)
TCP, SCOPES = 0b11, 0b11  # bind and connect, since 4; abstract sockets and signals, since 6


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
    """Give up every right of this process that is not named here; children inherit the loss.

    Args:
        readable: folders and files that stay readable; None = all of them.
        writable: folders and files that stay writable.
        network: whether sockets may be made. Socket pairs always may.
        signals: whether processes other than this one may be sent signals.
        metadata: whether modes, owners, times and attributes of files may be changed.
        programs: whether other programs may be executed.
        processes: whether processes may be started. Threads always may.

    Returns:
        What is in force: `namespaces` and `own_root` are False, since they are not asked for here.

    Raises:
        OSError: the kernel has a means and refused to apply it.
    """
    prepared = prepare(
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
    """What a process will give up, worked out beforehand, so that each of many children only asks for it."""

    version: int  # of Landlock; 0 = none
    ruleset: int  # file of Landlock's rules; -1 = none
    program: tuple[
        bytes, ...
    ]  # the filter of system calls, in parts between which one names the process that asks; () = none

    def apply(self) -> Isolation:
        """Give it up in this process, for good, and close its file of rules here; once per process.

        Raises:
            OSError: the kernel has a means and refused to apply it.
        """
        forbid_new_privileges()
        if self.version:
            try:
                _checked(_libc().syscall(446, self.ruleset, 0), "Landlock")
            finally:
                os.close(self.ruleset)
        if self.program:
            _install(_step(EQUAL, os.getpid(), 1, 0).join(self.program))
        return Isolation(landlock=self.version, seccomp=bool(self.program))


def prepare(
    *,
    readable: Sequence[str] | None,
    writable: Sequence[str],
    network: bool,
    signals: bool,
    metadata: bool,
    programs: bool,
    processes: bool,
) -> Confinement:
    """Work out what `confine` would give up; arguments as there.

    Raises:
        OSError: refused.
    """
    version = landlock_version()
    ruleset = (
        _ruleset(version, readable=readable, writable=writable, network=network, signals=signals) if version else -1
    )
    program = (
        _filter(network=network, signals=signals, metadata=metadata, programs=programs, processes=processes)
        if can_filter_calls()
        else ()
    )
    return Confinement(version, ruleset, program)


def forbid_new_privileges() -> bool:
    """Rule out set-user-id programs for this process and its children; whether that is so."""
    return sys.platform == "linux" and bool(_libc().prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0)


def _ruleset(
    version: int, *, readable: Sequence[str] | None, writable: Sequence[str], network: bool, signals: bool
) -> int:
    """A file of rules on files, and on what else this version of Landlock knows."""
    writes = sum(rights for since, rights in WRITES if since <= version)
    handled = writes if readable is None else writes | READS
    tcp, scopes = 0 if network or version < 4 else TCP, 0 if signals or version < 6 else SCOPES
    attributes = struct.pack("QQQ", handled, tcp, scopes)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = _checked(_libc().syscall(444, attributes, len(attributes), 0), "Landlock")
    try:
        for paths, rights in ((readable or (), READS), (writable, writes | READS)):
            for path in paths:
                _allow(ruleset, path, rights & handled)
    except BaseException:
        os.close(ruleset)
        raise
    return ruleset


def landlock_version() -> int:
    """The version of Landlock in this kernel; 0 = none, or switched off."""
    return max(0, int(_libc().syscall(444, None, 0, 1))) if sys.platform == "linux" else 0


def _filter(*, network: bool, signals: bool, metadata: bool, programs: bool, processes: bool) -> tuple[bytes, ...]:
    """The filter that refuses system calls with EPERM, without the number of the process."""
    machine = MACHINES[platform.machine()]
    tables = [OTHERS, MOUNTS, KERNEL, SHARED_MEMORY, SCHEDULING]
    asked = ((network, NETWORK), (signals, SIGNALS), (metadata, METADATA), (programs, PROGRAMS), (processes, PROCESSES))
    tables += [table for allowed, table in asked if not allowed]
    return _program(machine[0], machine[1], tables, signals=signals, processes=processes)


def _install(program: bytes) -> None:
    """Put a filter in force, in all threads of this process."""
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    _checked(_libc().syscall(MACHINES[platform.machine()][2], 1, 1, header), "seccomp")


def can_filter_calls() -> bool:
    """Whether this kernel filters system calls, and their numbers are known here."""
    return sys.platform == "linux" and platform.machine() in MACHINES and bool(_libc().prctl(21, 0, 0, 0, 0) >= 0)


def limit(limits: Mapping[int, int]) -> None:
    """Lower resource limits for good, each at most to what it is now.

    Args:
        limits: {resource.RLIMIT_...: value}.
    """
    for name, value in limits.items():
        hard = resource.getrlimit(name)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (bound, bound))


def enter_namespaces(kinds: int, *, processes: int | None = None) -> str:
    """Move this single-threaded process into new namespaces, keeping its user and group ids.

    Args:
        kinds: the sum of `NEW_USER`, `NEW_MOUNTS` and so on; a new process namespace begins with the next fork.
        processes: an open folder: /proc, for a process whose root has none.

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
        OSError: refused.
    """
    libc = _libc()
    for number in range(64):
        if libc.prctl(DROP_BOUND, number, 0, 0, 0) != 0:
            break
    forbid_new_privileges()
    header, none = struct.pack("Ii", 0x20080522, 0), bytes(24)
    _checked(libc.capset(header, none), "capabilities")


def close_files(keep: Iterable[int]) -> None:
    """Close every open file of this process but those named."""
    low = 0
    for number in sorted(set(keep)):
        if low < number:  # an empty range from 0 on would close everything
            os.closerange(low, number)
        low = number + 1
    os.closerange(low, 1 << 16)


def _allow(ruleset: int, path: str, rights: int) -> None:
    file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights &= -1 if os.path.isdir(path) else OF_FILES
        if rights:
            _checked(_libc().syscall(445, ruleset, 1, struct.pack("=Qi", rights, file), 0), f"Landlock: {path}")
    finally:
        os.close(file)


def _program(
    column: int, machine: int, tables: Sequence[Mapping[str, Numbers]], *, signals: bool, processes: bool
) -> tuple[bytes, ...]:
    """The filter, in parts between which a step that tells this process belongs: 32-bit and named calls are refused, nearly all others allowed."""
    refused, parts = REFUSE | errno.EPERM, list[bytes]()
    code = [_step(LOAD, 4), _step(EQUAL, machine, 1, 0), _step(RETURN, refused), _step(LOAD, 0)]
    if column == 0:
        code += [_step(AT_LEAST, 0x40000000, 0, 1), _step(RETURN, refused)]  # x32
    for numbers in (each[column] for table in tables for each in table.values()):
        if numbers is not None:
            code += [_step(EQUAL, numbers, 0, 1), _step(RETURN, refused)]
    code += [
        _step(EQUAL, CLONE3[column], 0, 1),
        _step(RETURN, REFUSE | errno.ENOSYS),
    ]  # its flags lie in memory; the C library then calls clone
    code += _looked_at(CLONE[column], [_step(LOAD, 16), _step(ANY_BIT, NEW_ANY, 0, 1), _step(RETURN, refused)])
    if not processes:
        code += _looked_at(CLONE[column], [_step(LOAD, 16), _step(ANY_BIT, THREAD, 1, 0), _step(RETURN, refused)])
    code += _looked_at(PRLIMIT[column], [_step(LOAD, 16), _step(EQUAL, 0, 1, 0), _step(RETURN, refused)])
    set_core = [
        _step(LOAD, 24),
        _step(EQUAL, CORE, 0, 5),
        _step(LOAD, 32),
        _step(EQUAL, 0, 0, 2),
        _step(LOAD, 36),
        _step(EQUAL, 0, 1, 0),
    ]
    code += _looked_at(PRLIMIT[column], [*set_core, _step(RETURN, refused)])  # by a pointer that is not null
    code += _looked_at(SETRLIMIT[column], _refused_at(16, [CORE], refused))
    code += _looked_at(FCNTL[column], _refused_at(24, LEASES, refused))
    code += _looked_at(
        MMAP[column],
        [_step(LOAD, 40), _step(ANY_BIT, ANONYMOUS, 0, 2), _step(ANY_BIT, SHARED, 0, 1), _step(RETURN, refused)],
    )
    if not signals:
        for number in (KILL[column], TGKILL[column]):
            looked = _looked_at(number, [_step(LOAD, 16), b"", _step(RETURN, refused)])  # b"": is it this process?
            parts.append(b"".join([*code, *looked[:2]]))
            code = looked[3:]
    return (*parts, b"".join([*code, _step(RETURN, ALLOW)]))


def _looked_at(number: int, steps: Sequence[bytes]) -> list[bytes]:
    """Steps for one call alone; then its number is loaded again."""
    return [_step(EQUAL, number, 0, len(steps)), *steps, _step(LOAD, 0)]


def _refused_at(place: int, values: Sequence[int], refused: int) -> list[bytes]:
    """Steps that refuse a call where an argument, at its place in the kernel's record of the call, is one of some values."""
    return [
        _step(LOAD, place),
        *(step for value in values for step in (_step(EQUAL, value, 0, 1), _step(RETURN, refused))),
    ]


def _step(code: int, value: int, when: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("HBBI", code, when, otherwise, value)


def _checked(result: int, what: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
    return int(result)


@lru_cache(1)
def _libc() -> Any:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


with contextlib.suppress(OSError, AttributeError):
    _libc()  # loaded before any right is given up
