"""Watch a program from outside, and bound the sum of all that it starts: processes, memory and CPU time.

Standard library only. The processes counted are the descendants of the watching one. A control group would do the same,
but needs permission to create one; looking needs none, and between two checks the limits of each single process hold.
"""

import contextlib
import os
import resource
import select
import signal
import time
from dataclasses import dataclass, field
from typing import NamedTuple

from assay.verifiers.isolation.idleness import IdleTracker

CHECK_INTERVAL_S = 0.02  # between two checks, or ten times what a check takes where that is longer
PAGE, TICK = resource.getpagesize(), os.sysconf("SC_CLK_TCK")


class ProcessStat(NamedTuple):
    """What the kernel reports of one process."""

    parent: int
    began: int  # ticks since the machine's start: with the process id it identifies the process
    ended: bool  # with all of its threads
    own_s: float  # CPU time of its threads
    waited_s: float  # CPU time of its children that were waited for
    memory: int  # resident bytes
    living: int  # a thread that has not ended; the first one may have


@dataclass(frozen=True)
class ProcessTreeUsage:
    """What the descendants of a process use together."""

    pids: tuple[int, ...] = ()  # without processes that have ended
    memory: int = 0  # resident bytes; shared pages count once per process
    cpu_s: float = 0.0  # including children that were waited for
    own_s: dict[tuple[int, int], float] = field(default_factory=dict)  # CPU time by process id and start


@dataclass(frozen=True)
class ProcessTreeLimits:
    """What the descendants of a process may use together."""

    processes: int
    memory: int
    cpu_s: float


def watch_child(
    child: int, stop: int, limits: ProcessTreeLimits, *, processes: int, idle_tracker: IdleTracker | None = None
) -> str:
    """Wait until a child ends; kill it when its process tree has used too much, or when nobody waits for it any more.

    Args:
        child: Its process id.
        stop: A socket; the other end closes it, or its writing half, to have the child killed.
        limits: The limits of the sum.
        processes: The file number of the open folder /proc.
        idle_tracker: Samples what the processes do, now and then and when the end is ordered.

    Returns:
        "" where the child ended by itself, else what was used up ("processes", "memory", "CPU time"), or "stopped".
    """
    child_pidfd, wait_s, cpu_by_process = os.pidfd_open(child), CHECK_INTERVAL_S, dict[tuple[int, int], float]()
    try:
        while True:
            ready = select.select([child_pidfd, stop], [], [], wait_s)[0]
            if child_pidfd in ready:
                return ""
            check_start = time.monotonic()
            reason = "stopped" if ready else find_excess(child, limits, processes, cpu_by_process)
            if idle_tracker and (ready or idle_tracker.due):
                usage_now = measure_usage(os.getpid(), processes)
                idle_tracker.sample(
                    usage_now.pids, max(usage_now.cpu_s, sum((cpu_by_process | usage_now.own_s).values())), processes
                )
            wait_s = max(CHECK_INTERVAL_S, 10 * (time.monotonic() - check_start))
            if reason:
                os.kill(child, signal.SIGKILL)
                return reason
    finally:
        os.close(child_pidfd)


def find_excess(
    child: int, limits: ProcessTreeLimits, processes: int, cpu_by_process: dict[tuple[int, int], float]
) -> str:
    """Return what the child's process tree uses too much of; "" for nothing. The arguments are those of `watch_child`.

    `cpu_by_process` keeps the CPU time that each process had used when it was last seen: once a parent lets the kernel
    reap its children, nobody else is told of it.
    """
    usage_now = measure_usage(os.getpid(), processes)
    cpu_by_process.update(usage_now.own_s)
    if len(usage_now.pids) > limits.processes:
        return "processes"
    if max(usage_now.cpu_s, sum(cpu_by_process.values())) > limits.cpu_s:
        return "CPU time"
    if (
        usage_now.memory > limits.memory
        and sum(_read_shared_bytes(pid, processes) for pid in usage_now.pids) > limits.memory
    ):
        return "memory"
    return ""


def measure_usage(root: int, processes: int) -> ProcessTreeUsage:
    """Measure what the descendants of a process use now.

    Args:
        root: Its process id; the process itself does not count.
        processes: The file number of the open folder /proc.
    """
    stats = {
        int(name): stat
        for name in os.listdir(processes)
        if name.isdecimal() and (stat := _read_process(name, processes))
    }
    tree = {root}
    has_grown = True
    while has_grown:
        children = {pid for pid, stat in stats.items() if stat.parent in tree} - tree
        tree |= children
        has_grown = bool(children)
    descendants = {pid: stats[pid] for pid in tree - {root} if pid in stats}
    alive = tuple(sorted(pid for pid, stat in descendants.items() if not stat.ended))
    cpu_s = sum(stat.own_s + stat.waited_s for stat in descendants.values())
    return ProcessTreeUsage(
        alive,
        sum(stat.memory for stat in descendants.values()),
        cpu_s,
        {(pid, stat.began): stat.own_s for pid, stat in descendants.items()},
    )


def kill_all(processes: int, *, within_s: float = 5.0) -> None:
    """Kill every descendant of this process, repeatedly until none is left; this process must be their reaper.

    Args:
        processes: The file number of the open folder /proc.
        within_s: Seconds after which to give up.
    """
    end = time.monotonic() + within_s
    while (pids := measure_usage(os.getpid(), processes).pids) and time.monotonic() < end:
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        _reap()
    _reap()


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _read_process(name: str, processes: int) -> ProcessStat | None:
    """Read what the kernel reports of a process; None where it has gone."""
    fields = _read_stat(name, processes)
    if not fields:
        return None
    has_ended, living, resident = fields[0] in "ZX", int(name), fields[21]
    if has_ended and int(fields[17]) > 1:  # its first thread has ended, and no longer reports the memory
        threads = [
            (int(thread), state)
            for thread in _list_threads(name, processes)
            if (state := _read_stat(f"{name}/task/{thread}", processes))
        ]
        running = [(thread, state) for thread, state in threads if state[0] not in "ZX"]
        has_ended, living, resident = (
            not running,
            *((running[0][0], running[0][1][21]) if running else (living, resident)),
        )
    own_s, waited_s = sum(map(int, fields[11:13])) / TICK, sum(map(int, fields[13:15])) / TICK
    return ProcessStat(int(fields[1]), int(fields[19]), has_ended, own_s, waited_s, int(resident) * PAGE, living)


def _read_stat(path: str, processes: int) -> list[str]:
    """Read the fields of a process or thread from the third on; [] where it has gone.

    The second field, a name, may hold anything.
    """
    fields = _read_text(f"{path}/stat", processes).rpartition(")")[2].split()
    return fields if len(fields) >= 22 else []


def _list_threads(name: str, processes: int) -> list[str]:
    with contextlib.suppress(OSError):
        folder = os.open(f"{name}/task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=processes)
        try:
            return os.listdir(folder)
        finally:
            os.close(folder)
    return []


def _read_shared_bytes(pid: int, processes: int) -> int:
    """Read the resident bytes of a process, each shared page divided among its owners."""
    stat = _read_process(str(pid), processes)
    for line in _read_text(f"{stat.living if stat else pid}/smaps_rollup", processes).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) << 10
    return stat.memory if stat else 0


def _read_text(path: str, processes: int) -> str:
    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, dir_fd=processes)

    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace", opener=opener) as file:
        return file.read()
    return ""
