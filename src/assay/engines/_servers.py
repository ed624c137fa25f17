"""Several servers of one model: the least loaded is asked first, one that fails rests, one that broke is asked who it is before it works again."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from assay.engines._http import Broken, Line

FIRST_REST_S, LONGEST_REST_S = 0.25, 30.0
STRANGE_S = 60.0  # without an answer, after which a server may be another


@dataclass
class Server:
    """One address and what is known of it."""

    url: str
    size: int  # samples that it holds at once
    load: int = 0
    failures: int = 0  # in a row
    rested: float = 0.0  # when its last rest began
    until: float = 0.0  # when its rest ends
    known: bool = False  # it serves what the others serve
    answered: float = 0.0  # when it last did
    verified: float = 0.0  # when it last said who it is
    lines: list[Line] = field(default_factory=list)  # idle connections
    asking: threading.Lock = field(default_factory=threading.Lock)


class Servers:
    """Hands out servers and takes them back; safe between threads."""

    def __init__(
        self, servers: Sequence[Server], *, patience: int, open_line: Callable[[str], Line], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.all, self.patience, self._open, self._clock = tuple(servers), patience, open_line, clock
        self._changed = threading.Condition()
        self._busy: set[Line] = set()
        self._closed = threading.Event()

    @property
    def size(self) -> int:
        """Samples that all of them hold at once."""
        return sum(server.size for server in self.all)

    @property
    def lost(self) -> bool:
        """Whether every server has failed more than `patience` times in a row."""
        return all(server.failures > self.patience for server in self.all)

    def take(self) -> tuple[Server, Line] | None:
        """The least loaded server that is not resting, with a connection to it; None once all are lost or the engine is closed."""
        with self._changed:
            while not (self.lost or self._closed.is_set()):
                now = self._clock()
                free = [server for server in self.all if server.until <= now and server.load < server.size]
                if free:
                    server = min(free, key=lambda each: each.load / each.size)
                    server.load += 1
                    line = self._kept(server)
                    self._busy.add(line)
                    return server, line
                self._changed.wait(min([server.until - now for server in self.all if server.until > now], default=1.0))
        return None

    def _kept(self, server: Server) -> Line:
        """An idle connection, or a new one; where the server dropped one after it last said who it is, it may be another now."""
        if not server.lines:
            return self._open(server.url)
        line = server.lines.pop()
        if line.dropped:
            line.close()
            server.known = server.known and line.used < server.verified
        return line

    def give(self, server: Server, line: Line) -> None:
        """The sample is over, well or not."""
        with self._changed:
            server.load -= 1
            self._busy.discard(line)
            server.lines.append(line)
            self._changed.notify()

    def well(self, server: Server) -> None:
        """It answered."""
        server.failures, server.answered = 0, self._clock()

    def strange(self, server: Server) -> bool:
        """Whether it must say again who it is: it is new, its connection broke, or it has not answered for a minute."""
        return not server.known or self._clock() - server.answered > STRANGE_S

    def recognised(self, server: Server) -> None:
        """It serves what the others serve."""
        server.known, server.answered, server.verified = True, self._clock(), self._clock()

    def rest(self, server: Server, failure: Broken, began: float) -> None:
        """It failed a call that began then: nobody asks it for a while, twice as long after each failure in a row, or as long as it says.

        The calls that were under way when it failed are one failure, not one each.
        """
        with self._changed:
            server.known = server.known and not failure.dead
            now = self._clock()
            if began >= server.rested or not server.rested:
                server.failures += 1
                server.rested = now
                server.until = now + pause(server.failures)
            if failure.after_s:
                server.until = max(server.until, now + failure.after_s)
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Lets so much time pass, or less where the engine is closed meanwhile."""
        self._closed.wait(seconds)

    def close(self) -> None:
        """Whoever waits is let go, and calls under way are cut."""
        with self._changed:
            self._closed.set()
            for line in [*self._busy, *(line for server in self.all for line in server.lines)]:
                line.cut()
            self._changed.notify_all()


def pause(failures: int) -> float:
    """Seconds of rest after so many failures in a row: doubling, at most 30, between half and all of it by chance.

    >>> 0.125 <= pause(1) <= 0.25 and 15 <= pause(99) <= 30
    True
    """
    whole = min(LONGEST_REST_S, FIRST_REST_S * 2.0 ** min(failures - 1, 16))
    return random.uniform(whole / 2, whole)
