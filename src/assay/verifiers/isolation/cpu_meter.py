"""Measure how much time a process has had for its work, however busy the machine is."""

import time
from typing import NamedTuple

BUSY_FACTOR = 10.0  # a row may take so many times its limit where the machine is slow, not the row


class CpuUsage(NamedTuple):
    """What a process has used since it started, in seconds."""

    computed_s: float  # CPU time
    queued_s: float  # time in which it was ready to compute, and other processes did


def read_cpu_usage(pid: int) -> CpuUsage:
    """Read what a living process has used; queueing is 0 where the kernel does not report it.

    Args:
        pid: The process id.
    """
    try:
        computed = time.clock_gettime((~pid << 3) | 2)  # the CPU clock of another process, as in clock_getcpuclockid(3)
    except OSError:
        computed = 0.0
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            queued = int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        queued = 0.0
    return CpuUsage(computed, queued)


def find_overrun(limit_s: float, wall_s: float, used: CpuUsage) -> str:
    """Return why the time of a row is up; "" while it has time left.

    `cpu`: it computed all the time; `idle`: it waited for something else than the machine; `load`: it waited for the
    machine.

    Args:
        limit_s: Seconds that a row may take.
        wall_s: Seconds since the row began.
        used: What its process has used since then.

    >>> [find_overrun(2.0, 2.1, CpuUsage(*used)) for used in ((2.0, 0.1), (0.1, 0.0), (1.0, 1.1))]
    ['cpu', 'idle', '']
    """
    if wall_s < limit_s:
        return ""
    if used.computed_s >= 0.9 * limit_s:
        return "cpu"
    if wall_s - used.queued_s >= limit_s:
        return "idle"
    return "load" if wall_s >= BUSY_FACTOR * limit_s else ""
