"""What stands outside a program and bounds the sum of all that it starts: processes, memory and CPU time. Standard library only.

The processes counted are the descendants of the one that watches. A control group would do the same where one may be made; looking needs no
such grant, and between two looks the limits of each process hold.
"""

import contextlib
import os
import resource
import select
import signal
import time
from dataclasses import dataclass

LOOK_S = 0.02  # between two looks, and at least ten times what a look takes
PAGE, TICK = resource.getpagesize(), os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What the descendants of a process use together."""

    pids: tuple[int, ...] = ()  # without those that have ended
    memory: int = 0  # bytes that are resident; what processes share counts once for each
    cpu_s: float = 0.0  # with that of children that were waited for


@dataclass(frozen=True)
class Bounds:
    """What they may use together."""

    processes: int
    memory: int
    cpu_s: float


def watch(child: int, stop: int, bounds: Bounds, *, processes: int) -> str:
    """Wait until a child ends; kill it where it and its own have used too much, or when nobody waits for it any more.

    Args:
        child: its process id.
        stop: a socket; the other end closes it, or its writing half, to have the child killed.
        bounds: limits of the sum.
        processes: an open folder: /proc.

    Returns:
        "" where it ended by itself, else what was used up: "processes", "memory", "CPU time", or "stopped".
    """
    ear, pause = os.pidfd_open(child), LOOK_S
    try:
        while True:
            ready = select.select([ear, stop], [], [], pause)[0]
            if ear in ready:
                return ""
            began = time.monotonic()
            reason = "stopped" if ready else excess(child, bounds, processes)
            pause = max(LOOK_S, 10 * (time.monotonic() - began))
            if reason:
                os.kill(child, signal.SIGKILL)
                return reason
    finally:
        os.close(ear)


def excess(child: int, bounds: Bounds, processes: int) -> str:
    """What a child and its own use too much of, "" for nothing; arguments as `watch`."""
    used = usage(os.getpid(), processes)
    if len(used.pids) > bounds.processes:
        return "processes"
    if used.cpu_s > bounds.cpu_s:
        return "CPU time"
    if used.memory > bounds.memory and sum(_share(pid, processes) for pid in used.pids) > bounds.memory:
        return "memory"
    return ""


def usage(root: int, processes: int) -> Usage:
    """What the descendants of a process use now.

    Args:
        root: its process id; it does not count itself.
        processes: an open folder: /proc.
    """
    rows = {int(name): row for name in os.listdir(processes) if name.isdecimal() and (row := _row(name, processes))}
    within = {root}
    grown = True
    while grown:
        more = {pid for pid, row in rows.items() if row[0] in within} - within
        within |= more
        grown = bool(more)
    mine = {pid: rows[pid] for pid in within - {root} if pid in rows}
    alive = tuple(sorted(pid for pid, row in mine.items() if not row[1]))
    return Usage(alive, sum(row[3] for row in mine.values()), sum(row[2] for row in mine.values()))


def kill_all(processes: int, *, within_s: float = 5.0) -> None:
    """Kill every descendant of this process, again until none is left; it must be their reaper."""
    end = time.monotonic() + within_s
    while (pids := usage(os.getpid(), processes).pids) and time.monotonic() < end:
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        _reap()
    _reap()


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _row(name: str, processes: int) -> tuple[int, bool, float, int] | None:
    """(parent, whether it has ended, CPU seconds, resident bytes) of a process; None where it has gone."""
    text = _text(f"{name}/stat", processes)
    fields = text.rpartition(")")[2].split()  # from the third field on: the second, a name, may hold anything
    if len(fields) < 22:
        return None
    return int(fields[1]), fields[0] in "ZX", sum(map(int, fields[11:15])) / TICK, int(fields[21]) * PAGE


def _share(pid: int, processes: int) -> int:
    """Resident bytes of a process, each shared page divided among its owners."""
    for line in _text(f"{pid}/smaps_rollup", processes).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) << 10
    row = _row(str(pid), processes)
    return row[3] if row else 0


def _text(path: str, processes: int) -> str:
    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, dir_fd=processes)

    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace", opener=opener) as file:
        return file.read()
    return ""
