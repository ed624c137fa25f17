"""Tell whether a program that ran out of time waited for the machine or for itself. Standard library only.

The kernel reports for each thread how long it computed, and how long it was ready to while others computed. The rest of
the time is an idle wait, which is the program's own choice. Only the busiest thread counts, so that threads that hold
each other up are not taken for a busy machine: together they may compute no longer than the limit of CPU time.
"""

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

SAMPLE_INTERVAL_S = 0.25


class RecentUsage(NamedTuple):
    """What a program did in its last seconds."""

    idle_s: float  # in which no thread computed or waited for a core; 0 where the kernel does not report it
    computed_s: float  # CPU time of all its processes
    observed_s: float = 0.0  # how long it was sampled


NO_USAGE = RecentUsage(0.0, 0.0)


class IdleTracker:
    """Samples the threads of a program now and then, and keeps the last seconds.

    Args:
        window_s: How many seconds to keep.
    """

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self.samples: deque[tuple[float, float, dict[str, float]]] = deque([(time.monotonic(), 0.0, {})])

    @property
    def due(self) -> bool:
        """Return whether the last sample is old enough for another."""
        return time.monotonic() - self.samples[-1][0] >= SAMPLE_INTERVAL_S

    def sample(self, pids: Iterable[int], computed_s: float, processes: int) -> None:
        """Record what the program has used by now.

        Args:
            pids: Its processes.
            computed_s: CPU seconds of all of them, including those that have ended.
            processes: The file number of the open folder /proc.
        """
        now = time.monotonic()
        self.samples.append((now, computed_s, read_busy_s(pids, processes)))
        while len(self.samples) > 2 and self.samples[1][0] <= now - self.window_s:
            self.samples.popleft()

    def recent_usage(self) -> RecentUsage:
        """Return what the program did from the beginning of the window to the last sample."""
        (start_s, computed_before_s, busy_before), (end_s, computed_after_s, busy_now) = (
            self.samples[0],
            self.samples[-1],
        )
        if not busy_now:
            return RecentUsage(0.0, computed_after_s - computed_before_s, end_s - start_s)
        busiest = max(busy - busy_before.get(thread, 0.0) for thread, busy in busy_now.items())
        return RecentUsage(max(0.0, end_s - start_s - busiest), computed_after_s - computed_before_s, end_s - start_s)


def read_busy_s(pids: Iterable[int], processes: int) -> dict[str, float]:
    """Read for each thread the seconds in which it computed or was ready to; {} where the kernel does not report them.

    Args:
        pids: The processes.
        processes: The file number of the open folder /proc.
    """
    busy: dict[str, float] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            folder = os.open(f"{pid}/task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=processes)
            try:
                for thread in os.listdir(folder):
                    busy.update(_read_thread_busy_s(f"{pid}/{thread}", f"{thread}/schedstat", folder))
            finally:
                os.close(folder)
    return busy


def _read_thread_busy_s(name: str, path: str, folder: int) -> dict[str, float]:
    with contextlib.suppress(OSError, ValueError):
        file = os.open(path, os.O_RDONLY, dir_fd=folder)
        try:
            computed, queued, _ = os.read(file, 100).split()
            return {name: (int(computed) + int(queued)) / 1e9}
        finally:
            os.close(file)
    return {}
