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
from dataclasses import dataclass, field
from typing import NamedTuple

from assay.verifiers.isolation.idleness import Idleness

LOOK_S = 0.02  # between two looks, and at least ten times what a look takes
PAGE, TICK = resource.getpagesize(), os.sysconf("SC_CLK_TCK")


class ProcessRow(NamedTuple):
    """What the kernel says of one process."""

    parent: int
    began: int  # ticks since the machine's start: with the process id a name that no other process has
    ended: bool
    own_s: float  # CPU seconds of its threads
    waited_s: float  # and of children that were waited for
    memory: int  # resident bytes
    living: int  # a thread that has not ended: the first one can have, while others run on


@dataclass(frozen=True)
class Usage:
    """What the descendants of a process use together."""

    pids: tuple[int, ...] = ()  # without those that have ended
    memory: int = 0  # bytes that are resident; what processes share counts once for each
    cpu_s: float = 0.0  # with that of children that were waited for
    own_s: dict[tuple[int, int], float] = field(default_factory=dict)  # CPU seconds of each, by process id and start


@dataclass(frozen=True)
class Bounds:
    """What they may use together."""

    processes: int
    memory: int
    cpu_s: float


def watch(child: int, stop: int, bounds: Bounds, *, processes: int, idleness: Idleness | None = None) -> str:
    """Wait until a child ends; kill it where it and its own have used too much, or when nobody waits for it any more.

    Args:
        child: its process id.
        stop: a socket; the other end closes it, or its writing half, to have the child killed.
        bounds: limits of the sum.
        processes: an open folder: /proc.
        idleness: is shown now and then, and at an ordered end, what they do.

    Returns:
        "" where it ended by itself, else what was used up: "processes", "memory", "CPU time", or "stopped".
    """
    ear, pause, spent = os.pidfd_open(child), LOOK_S, dict[tuple[int, int], float]()
    try:
        while True:
            ready = select.select([ear, stop], [], [], pause)[0]
            if ear in ready:
                return ""
            began = time.monotonic()
            reason = "stopped" if ready else excess(child, bounds, processes, spent)
            if idleness and (ready or idleness.due):
                used = usage(os.getpid(), processes)
                idleness.look(used.pids, max(used.cpu_s, sum((spent | used.own_s).values())), processes)
            pause = max(LOOK_S, 10 * (time.monotonic() - began))
            if reason:
                os.kill(child, signal.SIGKILL)
                return reason
    finally:
        os.close(ear)


def excess(child: int, bounds: Bounds, processes: int, spent: dict[tuple[int, int], float]) -> str:
    """What a child and its own use too much of, "" for nothing; arguments as `watch`.

    `spent` keeps what every process had used when it was last seen: nobody is told of it once a parent has let the kernel bury its children.
    """
    used = usage(os.getpid(), processes)
    spent.update(used.own_s)
    if len(used.pids) > bounds.processes:
        return "processes"
    if max(used.cpu_s, sum(spent.values())) > bounds.cpu_s:
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
        more = {pid for pid, row in rows.items() if row.parent in within} - within
        within |= more
        grown = bool(more)
    mine = {pid: rows[pid] for pid in within - {root} if pid in rows}
    alive = tuple(sorted(pid for pid, row in mine.items() if not row.ended))
    cpu_s = sum(row.own_s + row.waited_s for row in mine.values())
    return Usage(
        alive,
        sum(row.memory for row in mine.values()),
        cpu_s,
        {(pid, row.began): row.own_s for pid, row in mine.items()},
    )


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


def _row(name: str, processes: int) -> ProcessRow | None:
    """What the kernel says of a process; None where it has gone."""
    fields = _fields(name, processes)
    if not fields:
        return None
    ended, living, resident = fields[0] in "ZX", int(name), fields[21]
    if ended and int(fields[17]) > 1:  # its first thread has ended, and took the memory out of this sight
        threads = [
            (int(thread), state)
            for thread in _threads(name, processes)
            if (state := _fields(f"{name}/task/{thread}", processes))
        ]
        running = [(thread, state) for thread, state in threads if state[0] not in "ZX"]
        ended, living, resident = not running, *((running[0][0], running[0][1][21]) if running else (living, resident))
    own_s, waited_s = sum(map(int, fields[11:13])) / TICK, sum(map(int, fields[13:15])) / TICK
    return ProcessRow(int(fields[1]), int(fields[19]), ended, own_s, waited_s, int(resident) * PAGE, living)


def _fields(path: str, processes: int) -> list[str]:
    """Fields of a process or thread from the third on, since the second, a name, may hold anything; [] where it has gone."""
    fields = _text(f"{path}/stat", processes).rpartition(")")[2].split()
    return fields if len(fields) >= 22 else []


def _threads(name: str, processes: int) -> list[str]:
    with contextlib.suppress(OSError):
        folder = os.open(f"{name}/task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=processes)
        try:
            return os.listdir(folder)
        finally:
            os.close(folder)
    return []


def _share(pid: int, processes: int) -> int:
    """Resident bytes of a process, each shared page divided among its owners."""
    row = _row(str(pid), processes)
    for line in _text(f"{row.living if row else pid}/smaps_rollup", processes).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) << 10
    return row.memory if row else 0


def _text(path: str, processes: int) -> str:
    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, dir_fd=processes)

    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace", opener=opener) as file:
        return file.read()
    return ""
