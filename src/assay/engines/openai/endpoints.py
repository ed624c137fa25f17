"""Balance samples over several servers of one model.

The least loaded is asked first; one that fails rests for a while; one whose connection broke must prove its identity
again.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from assay.core.errors import EngineError
from assay.engines.openai.connection import HttpConnection, RequestRejected, RetryableError

FIRST_REST_S, LONGEST_REST_S = 0.25, 30.0
LONGEST_LOOK_S = 1.0  # between two looks whether a server is free
FIRST_REFUSALS = 64  # refused requests before any answer, after which a run ends: what all have in common is refused
ACCOUNT = (401, 402, 403)  # statuses that speak of the account, not of the request
STRANGE_S = 60.0  # without an answer, after which a server may be another


@dataclass
class Endpoint:
    """One address and what is known of it."""

    url: str
    size: int  # samples that it holds at once
    load: int = 0
    failures: int = 0  # in a row
    waits: int = 0  # 429 in a row
    busy_since: float | None = None  # when it began to answer nothing but 429
    cause: str = ""  # of its last failure, as words
    rested: float = 0.0  # when its last rest began
    until: float = 0.0  # when its rest ends
    known: bool = False  # it serves what the others serve
    answered: float = 0.0  # when it last did
    verified: float = 0.0  # when it last said who it is
    lines: list[HttpConnection] = field(default_factory=list)  # idle connections
    identity_lock: threading.Lock = field(default_factory=threading.Lock)


class Endpoints:
    """Hand out servers and take them back; safe between threads."""

    def __init__(
        self,
        servers: Sequence[Endpoint],
        *,
        patience: int,
        open_line: Callable[[str], HttpConnection],
        retry_for_s: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.all, self.patience, self.retry_for_s, self._open, self._clock = (
            tuple(servers),
            patience,
            retry_for_s,
            open_line,
            clock,
        )
        self._changed = threading.Condition()
        self._busy: set[HttpConnection] = set()
        self.answers, self.refusals = 0, 0  # samples of this run
        self._closed = threading.Event()

    @property
    def size(self) -> int:
        """Samples that all of them hold at once."""
        return sum(server.size for server in self.all)

    @property
    def lost(self) -> bool:
        """Whether every server has failed more than `patience` times in a row, or asked for patience for longer than
        `retry_for_s`.
        """
        return all(
            server.failures > self.patience or self._busy_for_s(server) > self.retry_for_s for server in self.all
        )

    @property
    def causes(self) -> str:
        """Why all are lost, with each server's address and what it last failed of, in one line."""
        failed = all(server.failures > self.patience for server in self.all)
        why = (
            f"all {len(self.all)} servers failed more than {self.patience} times in a row"
            if failed
            else "no server answers any more"
        )
        return f"{why}: " + "; ".join(
            f"{server.url}: {server.cause or 'no answer'} ({self._describe_failures(server)})" for server in self.all
        )

    def _describe_failures(self, server: Endpoint) -> str:
        busy_s = self._busy_for_s(server)
        return f"asked for patience for {busy_s:.0f} s" if busy_s > 0 else f"{server.failures} failures in a row"

    def _busy_for_s(self, server: Endpoint) -> float:
        return 0.0 if server.busy_since is None else self._clock() - server.busy_since

    def cut_overdue(self) -> None:
        """Cut calls that exceed their connection's time limit, also where the server sends a byte now and then."""
        now = time.monotonic()
        with self._changed:
            for line in self._busy:
                if now > line.deadline:
                    line.cut()

    def acquire(self) -> tuple[Endpoint, HttpConnection] | None:
        """Return the least loaded server that is not resting and a connection to it.

        None once all are lost or the engine is closed.
        """
        with self._changed:
            while not (self.lost or self._closed.is_set()):
                now = self._clock()
                free = [server for server in self.all if server.until <= now and server.load < server.size]
                if free:
                    server = min(free, key=lambda endpoint: endpoint.load / endpoint.size)
                    server.load += 1
                    line = self._idle_or_new(server)
                    self._busy.add(line)
                    return server, line
                self._changed.wait(
                    min([LONGEST_LOOK_S, *(server.until - now for server in self.all if server.until > now)])
                )
        return None

    def _idle_or_new(self, server: Endpoint) -> HttpConnection:
        """Return an idle connection or a new one.

        A server that dropped one since its last identity check may be another by now.
        """
        if not server.lines:
            return self._open(server.url)
        line = server.lines.pop()
        if line.dropped:
            line.close()
            server.known = server.known and line.used < server.verified
        return line

    def release(self, server: Endpoint, line: HttpConnection) -> None:
        """Take a server and its connection back once the sample is over, with or without an answer."""
        with self._changed:
            server.load -= 1
            self._busy.discard(line)
            server.lines.append(line)
            self._changed.notify()

    def record_answer(self, server: Endpoint) -> None:
        """Record that a server answered a sample."""
        self.answers += 1
        server.failures, server.waits, server.busy_since, server.answered = 0, 0, None, self._clock()

    def record_refusal(self, server: Endpoint, refusal: RequestRejected) -> None:
        """Record that a server refused a sample's request, which says nothing against the server.

        Raises:
            EngineError: it refuses the account, or the first requests altogether: no further one will fare better.
        """
        self.refusals += 1
        server.failures, server.waits, server.busy_since, server.answered = 0, 0, None, self._clock()
        if refusal.status in ACCOUNT:
            raise EngineError(
                f"{server.url}: {refusal}; key or account; what had arrived is kept, the same command goes on"
            )
        if not self.answers and self.refusals >= FIRST_REFUSALS:
            raise EngineError(
                f"{server.url}: the first {self.refusals} requests were all refused and nothing was answered; the last: {refusal}"
            )

    def needs_identity_check(self, server: Endpoint) -> bool:
        """Whether a server must prove its identity before it works:

        It is new, its connection broke, or it has not answered for a minute.
        """
        return not server.known or self._clock() - server.answered > STRANGE_S

    def record_identity(self, server: Endpoint) -> None:
        """Record that a server serves what the others serve."""
        server.known, server.answered, server.verified = True, self._clock(), self._clock()

    def record_failure(self, server: Endpoint, failure: RetryableError, began: float) -> None:
        """Record a failed call: the server rests, twice as long after each failure in a row, or as long as it asks for.

        The calls that were under way when it failed are one failure, not one each. 429 is no failure: it is waited
        out for as long as `retry_for_s` says.
        """
        with self._changed:
            server.known = server.known and not failure.dead
            now, server.cause = self._clock(), str(failure)
            if failure.limited and server.busy_since is None:
                server.busy_since = now
            if began >= server.rested or not server.rested:
                server.failures, server.waits = server.failures + (not failure.limited), server.waits + failure.limited
                server.busy_since = server.busy_since if failure.limited else None
                server.rested = now
                server.until = now + draw_backoff_s(server.waits if failure.limited else server.failures)
            if failure.after_s:
                server.until = max(server.until, now + failure.after_s)
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait for some seconds, or less where the engine is closed meanwhile."""
        self._closed.wait(seconds)

    def close(self) -> None:
        """Release all waiting threads and cut calls under way."""
        with self._changed:
            self._closed.set()
            for line in [*self._busy, *(line for server in self.all for line in server.lines)]:
                line.cut()
            self._changed.notify_all()


def draw_backoff_s(failures: int) -> float:
    """Draw the seconds of rest after some failures in a row.

    Doubling, at most 30, between half and all of it by chance.

    >>> 0.125 <= draw_backoff_s(1) <= 0.25 and 15 <= draw_backoff_s(99) <= 30
    True
    """
    whole = min(LONGEST_REST_S, FIRST_REST_S * 2.0 ** min(failures - 1, 16))
    return random.uniform(whole / 2, whole)
