"""The filter of system calls (seccomp) by which a process gives up rights: which calls it refuses, and its program.

To forbid another call, add its name and numbers to a table. `confinement` puts the assembled program in force.
"""

import errno
import platform
import resource
import struct
from collections.abc import Mapping, Sequence

NEW_MOUNTS, NEW_NAMES, NEW_IPC, NEW_USER, NEW_PROCESSES, NEW_NETWORK = (
    0x00020000,
    0x04000000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
NEW_ANY = NEW_MOUNTS | NEW_NAMES | NEW_IPC | NEW_USER | NEW_PROCESSES | NEW_NETWORK | 0x02000000  # with control groups

# numbers of system calls by name, on (x86_64, aarch64); None where there is no such call
Numbers = tuple[int | None, int | None]
NETWORK: Mapping[str, Numbers] = {
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242), "bind": (49, 200),
    "listen": (50, 201),
}  # fmt: skip
OTHER_PROCESSES: Mapping[str, Numbers] = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "kcmp": (312, 272), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "process_mrelease": (448, 448),
}  # fmt: skip
SIGNALS: Mapping[str, Numbers] = {"tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240)}
MOUNTS: Mapping[str, Numbers] = {
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "unshare": (272, 97), "setns": (308, 268),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "mknod": (133, None), "mknodat": (259, 33),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "swapon": (167, 224), "swapoff": (168, 225),
    "acct": (163, 89), "landlock_create": (444, 444),
}  # fmt: skip
METADATA: Mapping[str, Numbers] = {
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "setxattrat": (463, 463), "removexattrat": (466, 466), "file_setattr": (469, 469),
}  # fmt: skip
KERNEL: Mapping[str, Numbers] = {
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "reboot": (169, 142), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "clock_adjtime": (305, 266), "adjtimex": (159, 171), "sethostname": (170, 161), "setdomainname": (171, 162),
    "iopl": (172, None), "ioperm": (173, None), "syslog": (103, 116), "personality": (135, 92),
    "vhangup": (153, 58), "fanotify_init": (300, 262), "lookup_dcookie": (212, 18), "inotify_init": (253, None),
    "inotify_init1": (294, 26), "sync": (162, 81), "syncfs": (306, 267),
    "modify_ldt": (154, None), "io_setup": (206, 0),
}  # fmt: skip
SHARED_MEMORY: Mapping[str, Numbers] = {  # that no process's own count shows; shared anonymous mmap is refused below
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "msgget": (68, 186),
    "semget": (64, 190), "mq_open": (240, 180), "vmsplice": (278, 75),
}  # fmt: skip
SCHEDULING: Mapping[str, Numbers] = {  # a program that yields to all others could blame the machine for its waiting
    "setpriority": (141, 140), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122), "sched_setattr": (314, 274), "ioprio_set": (251, 30),
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
CORE = resource.RLIMIT_CORE  # a core dump that is piped to a program is limited by the value 1 only
LEASES = (1024, 1026)  # of fcntl: a lease or a watch on a file, by which others who open it wait or are observed
MACHINES = {
    "x86_64": (0, 0xC000003E, 317),
    "aarch64": (1, 0xC00000B7, 277),
}  # machine: column in the tables, the kernel's number of the machine, number of the call `seccomp`
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # instructions of the filter
ALLOW, REFUSE = 0x7FFF0000, 0x00050000


def make_filter(*, network: bool, signals: bool, metadata: bool, programs: bool, processes: bool) -> tuple[bytes, ...]:
    """Return the filter that refuses system calls with EPERM, in parts between which the id of the process belongs."""
    machine = MACHINES[platform.machine()]
    tables = [OTHER_PROCESSES, MOUNTS, KERNEL, SHARED_MEMORY, SCHEDULING]
    optional_tables = (
        (network, NETWORK),
        (signals, SIGNALS),
        (metadata, METADATA),
        (programs, PROGRAMS),
        (processes, PROCESSES),
    )
    tables += [table for is_allowed, table in optional_tables if not is_allowed]
    return _assemble_filter(machine[0], machine[1], tables, signals=signals, processes=processes)


def compare_process(pid: int) -> bytes:
    """Return the instruction that compares a signal's target with a process; it belongs between the filter's parts."""
    return _bpf(EQUAL, pid, 1, 0)


def _assemble_filter(
    column: int, machine: int, tables: Sequence[Mapping[str, Numbers]], *, signals: bool, processes: bool
) -> tuple[bytes, ...]:
    """Assemble the filter, in parts between which an instruction with the id of the calling process belongs.

    Calls of 32-bit programs and those in the tables are refused; nearly all others are allowed.
    """
    refusal_code, parts = REFUSE | errno.EPERM, list[bytes]()
    code = [_bpf(LOAD, 4), _bpf(EQUAL, machine, 1, 0), _bpf(RETURN, refusal_code), _bpf(LOAD, 0)]
    if column == 0:
        code += [_bpf(AT_LEAST, 0x40000000, 0, 1), _bpf(RETURN, refusal_code)]  # x32
    for call_number in (numbers_by_machine[column] for table in tables for numbers_by_machine in table.values()):
        if call_number is not None:
            code += [_bpf(EQUAL, call_number, 0, 1), _bpf(RETURN, refusal_code)]
    code += [
        _bpf(EQUAL, CLONE3[column], 0, 1),
        _bpf(RETURN, REFUSE | errno.ENOSYS),
    ]  # its flags lie in memory, out of the filter's sight; the C library then calls clone
    code += _for_call(CLONE[column], [_bpf(LOAD, 16), _bpf(ANY_BIT, NEW_ANY, 0, 1), _bpf(RETURN, refusal_code)])
    if not processes:
        code += _for_call(CLONE[column], [_bpf(LOAD, 16), _bpf(ANY_BIT, THREAD, 1, 0), _bpf(RETURN, refusal_code)])
    code += _for_call(PRLIMIT[column], [_bpf(LOAD, 16), _bpf(EQUAL, 0, 1, 0), _bpf(RETURN, refusal_code)])
    set_core = [
        _bpf(LOAD, 24),
        _bpf(EQUAL, CORE, 0, 5),
        _bpf(LOAD, 32),
        _bpf(EQUAL, 0, 0, 2),
        _bpf(LOAD, 36),
        _bpf(EQUAL, 0, 1, 0),
    ]
    # where the pointer to a new limit is not null
    code += _for_call(PRLIMIT[column], [*set_core, _bpf(RETURN, refusal_code)])
    code += _for_call(SETRLIMIT[column], _refuse_values(16, [CORE], refusal_code))
    code += _for_call(FCNTL[column], _refuse_values(24, LEASES, refusal_code))
    code += _for_call(
        MMAP[column],
        [_bpf(LOAD, 40), _bpf(ANY_BIT, ANONYMOUS, 0, 2), _bpf(ANY_BIT, SHARED, 0, 1), _bpf(RETURN, refusal_code)],
    )
    if not signals:
        for number in (KILL[column], TGKILL[column]):
            # b"" is where the process id is compared
            instructions = _for_call(number, [_bpf(LOAD, 16), b"", _bpf(RETURN, refusal_code)])
            parts.append(b"".join([*code, *instructions[:2]]))
            code = instructions[3:]
    return (*parts, b"".join([*code, _bpf(RETURN, ALLOW)]))


def _for_call(number: int, instructions: Sequence[bytes]) -> list[bytes]:
    """Return instructions that run for one system call only; afterwards its number is loaded again."""
    return [_bpf(EQUAL, number, 0, len(instructions)), *instructions, _bpf(LOAD, 0)]


def _refuse_values(offset: int, values: Sequence[int], refusal_code: int) -> list[bytes]:
    """Return instructions that refuse a call where one of its arguments has one of some values.

    Args:
        offset: Where the argument lies in the kernel's record of the call.
        values: The values.
        refusal_code: The filter's result for a refused call.
    """
    return [
        _bpf(LOAD, offset),
        *(step for value in values for step in (_bpf(EQUAL, value, 0, 1), _bpf(RETURN, refusal_code))),
    ]


def _bpf(code: int, value: int, jump_if_true: int = 0, jump_if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, jump_if_true, jump_if_false, value)
