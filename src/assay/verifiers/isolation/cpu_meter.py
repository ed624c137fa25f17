"""How long a process has had for its work, however busy the machine is."""

import time
from typing import NamedTuple

BUSY = 10.0  # times its limit that a row may take where the machine, not the row, is slow


class Spent(NamedTuple):
    """Seconds of one process since it started."""

    computed_s: float  # CPU time
    queued_s: float  # it could have computed, and other processes did


def spent(pid: int) -> Spent:
    """What a living process has used; queueing is 0 where the kernel does not tell."""
    try:
        computed = time.clock_gettime(
            (~pid << 3) | 2
        )  # the clock of another process, as clock_getcpuclockid(3) names it
    except OSError:
        computed = 0.0
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            queued = int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        queued = 0.0
    return Spent(computed, queued)


def overdrawn(limit_s: float, wall_s: float, used: Spent) -> str:
    """Why a row's time is up: `cpu`, it computed all the time; `idle`, it waited for something; `load`, for the machine; "" while it has time left.

    >>> overdrawn(2.0, 2.1, Spent(2.0, 0.1)), overdrawn(2.0, 2.1, Spent(0.1, 0.0)), overdrawn(2.0, 2.1, Spent(1.0, 1.1))
    ('cpu', 'idle', '')
    """
    if wall_s < limit_s:
        return ""
    if used.computed_s >= 0.9 * limit_s:
        return "cpu"
    if wall_s - used.queued_s >= limit_s:
        return "idle"
    return "load" if wall_s >= BUSY * limit_s else ""
