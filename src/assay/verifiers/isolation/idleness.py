"""Whether a program that has run out of time waited for the machine or for itself. Standard library only.

The kernel says of each thread how long it computed and how long it could have computed while others did. What is left of the time is an idle
wait, which is the program's own choice. The busiest thread counts, so that threads that hold each other up are not taken for a busy
machine: together they may compute no longer than the limit of CPU time.
"""

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

LOOK_S = 0.25  # between two looks


class Spending(NamedTuple):
    """What a program did in the last seconds before its end."""

    idle_s: float  # none of its threads computed, or waited for a core; 0 where the kernel does not tell
    computed_s: float  # CPU seconds of all that it started
    seen_s: float = 0.0  # how long it was looked at


NOTHING = Spending(0.0, 0.0)


class Idleness:
    """Looks at the threads of a program now and then, and remembers the last seconds."""

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self.looks: deque[tuple[float, float, dict[str, float]]] = deque([(time.monotonic(), 0.0, {})])

    @property
    def due(self) -> bool:
        """Whether the last look is old enough for another."""
        return time.monotonic() - self.looks[-1][0] >= LOOK_S

    def look(self, pids: Iterable[int], computed_s: float, processes: int) -> None:
        """Note what the program has used.

        Args:
            pids: its processes.
            computed_s: CPU seconds of all of them, those included that have ended.
            processes: an open folder: /proc.
        """
        now = time.monotonic()
        self.looks.append((now, computed_s, busy_s(pids, processes)))
        while len(self.looks) > 2 and self.looks[1][0] <= now - self.window_s:
            self.looks.popleft()

    def spending(self) -> Spending:
        """What it did from the beginning of the window to the last look."""
        (began, before_s, then), (ended, after_s, now) = self.looks[0], self.looks[-1]
        if not now:
            return Spending(0.0, after_s - before_s, ended - began)
        busiest = max(busy - then.get(thread, 0.0) for thread, busy in now.items())
        return Spending(max(0.0, ended - began - busiest), after_s - before_s, ended - began)


def busy_s(pids: Iterable[int], processes: int) -> dict[str, float]:
    """By thread: seconds in which it computed or waited for a core; {} where the kernel does not tell."""
    found: dict[str, float] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            folder = os.open(f"{pid}/task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=processes)
            try:
                for thread in os.listdir(folder):
                    found.update(_busy(f"{pid}/{thread}", f"{thread}/schedstat", folder))
            finally:
                os.close(folder)
    return found


def _busy(name: str, path: str, folder: int) -> dict[str, float]:
    with contextlib.suppress(OSError, ValueError):
        file = os.open(path, os.O_RDONLY, dir_fd=folder)
        try:
            computed, queued, _ = os.read(file, 100).split()
            return {name: (int(computed) + int(queued)) / 1e9}
        finally:
            os.close(file)
    return {}
