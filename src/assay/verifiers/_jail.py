"""The inside of a sandbox: limits are set, the world outside the folder is closed, and then the program runs. Standard library only.

What the kernel grants is used: user, process, network and IPC namespaces (all processes die with the first, no network) and Landlock
(no writing outside the folder). Where it grants neither, the limits and the process group remain. Reading files is not prevented.
"""

import contextlib
import ctypes
import json
import os
import resource
import runpy
import select
import signal
import struct
import sys
from typing import Any

CPU_OUT, CROWD = 201, 202  # exit codes: CPU time is used up; more processes than allowed
NAMESPACES = 0x10000000 | 0x20000000 | 0x40000000 | 0x08000000  # user, process, network, IPC
WRITES = [0, (1 << 1) | sum(1 << bit for bit in range(4, 13)), 1 << 13, 1 << 14]  # Landlock's rights by the version that brought them
PDEATHSIG, NO_NEW_PRIVS = 1, 38
LOOK_S = 0.02  # between two counts of processes


def main() -> None:
    """Runs `main.py` of the folder under the limits that the first argument holds as JSON."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PDEATHSIG, signal.SIGKILL)
    if os.getppid() != given["parent"]:
        os._exit(1)
    if _unshare(libc):
        child = os.fork()
        if child:
            os._exit(_watch(child, given["processes"], given["cpu_s"]))
        libc.prctl(PDEATHSIG, signal.SIGKILL)
        os.nice(5)  # the one who watches comes first, whatever the program starts
    os.chdir(given["folder"])
    _landlock(libc, given["folder"])
    _limit(given)
    sys.argv = ["main.py"]
    runpy.run_path("main.py", run_name="__main__")


def _unshare(libc: Any) -> bool:
    uid, gid = os.getuid(), os.getgid()
    if sys.platform != "linux" or libc.unshare(NAMESPACES) != 0:
        return False
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with contextlib.suppress(OSError), open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    return True


def _watch(child: int, processes: int, cpu_s: int) -> int:
    """The child's exit code; it and all that it started are killed where they have become too many."""
    home, crowd, ear = os.readlink(f"/proc/{child}/ns/pid"), False, os.pidfd_open(child)
    while not select.select([ear], [], [], LOOK_S)[0]:
        if _census(home) > processes:
            crowd = True
            os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if crowd:
        return CROWD
    return CPU_OUT if code < 0 and used.ru_utime + used.ru_stime >= 0.5 * cpu_s else code if code >= 0 else 128 - code


def _census(home: str) -> int:
    """How many processes live in a process namespace; RLIMIT_NPROC does not bind the superuser."""
    count = 0
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError):
                count += os.readlink(f"/proc/{name}/ns/pid") == home
    return count


def _landlock(libc: Any, folder: str) -> None:
    """From here on nothing outside the folder can be written, made, renamed or removed."""
    version = libc.syscall(444, None, 0, 1) if sys.platform == "linux" else 0
    if version < 1:
        return
    rights = sum(WRITES[: min(version, 3) + 1])
    ruleset = libc.syscall(444, struct.pack("Q", rights), 8, 0)
    for path, allowed in ((folder, rights), ("/dev/null", 1 << 1)):
        libc.syscall(445, ruleset, 1, struct.pack("=Qi", allowed, os.open(path, os.O_PATH)), 0)
    libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.syscall(446, ruleset, 0) != 0:
        raise OSError(ctypes.get_errno(), "Landlock")


def _limit(given: dict[str, Any]) -> None:
    for name, value in (
        (resource.RLIMIT_CPU, given["cpu_s"]),
        (resource.RLIMIT_AS, given["memory"]),
        (resource.RLIMIT_FSIZE, given["file"]),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_NPROC, 2 * given["processes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(name)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (bound, bound))
