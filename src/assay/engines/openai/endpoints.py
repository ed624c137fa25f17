"""Balance samples over several servers of one model.

The least loaded server is asked first. One that fails rests for a while; one whose connection broke must prove its
identity again.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from assay.core.errors import EngineError
from assay.engines.openai.connection import HttpConnection, RequestRejected, RetryableError

FIRST_REST_S, LONGEST_REST_S = 0.25, 30.0
LONGEST_POLL_S = 1.0  # between two checks whether a server is free
FIRST_REFUSALS = 64  # refused requests without any answer after which a run ends: the cause is common to all of them
ACCOUNT_STATUSES = (401, 402, 403)  # they concern the account, not the request
RECHECK_S = 60.0  # without an answer, after which a server must prove its identity again


@dataclass
class Endpoint:
    """One server's address and its state; times are those of the clock of `Endpoints`."""

    url: str
    size: int  # samples that it holds at once
    load: int = 0  # samples under way
    failures: int = 0  # in a row
    waits: int = 0  # 429 in a row
    busy_since: float | None = None  # when it began to answer nothing but 429
    cause: str = ""  # of its last failure, as text
    rest_started: float = 0.0
    rest_ends: float = 0.0
    is_verified: bool = False  # it serves what the others serve
    last_answer: float = 0.0
    last_check: float = 0.0  # of its identity
    idle_connections: list[HttpConnection] = field(default_factory=list)
    identity_lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def room(self) -> int:
        """Return how many samples it may be asked for at once: one to try whether it is back, where it did not connect."""
        return 1 if self.failures and not self.is_verified else self.size


class Endpoints:
    """Lend servers and connections to samples and take them back; safe between threads."""

    def __init__(
        self,
        servers: Sequence[Endpoint],
        *,
        patience: int,
        open_connection: Callable[[str], HttpConnection],
        retry_for_s: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.servers, self.patience, self.retry_for_s = tuple(servers), patience, retry_for_s
        self._open, self._clock = open_connection, clock
        self._changed = threading.Condition()
        self._busy: set[HttpConnection] = set()
        self.answers, self.refusals = 0, 0  # samples of this run
        self._closed = threading.Event()

    @property
    def size(self) -> int:
        """Return how many samples all servers hold at once."""
        return sum(server.size for server in self.servers)

    @property
    def lost(self) -> bool:
        """Return whether every server failed more than `patience` times in a row or was busy beyond `retry_for_s`."""
        return all(
            server.failures > self.patience or self._busy_for_s(server) > self.retry_for_s for server in self.servers
        )

    @property
    def causes(self) -> str:
        """Return why all servers are lost, with each one's address and last failure, in one line."""
        all_failed = all(server.failures > self.patience for server in self.servers)
        summary = (
            f"all {len(self.servers)} servers failed more than {self.patience} times in a row"
            if all_failed
            else "no server responds any more"
        )
        return f"{summary}: " + "; ".join(
            f"{server.url}: {server.cause or 'no answer'} ({self._describe_failures(server)})"
            for server in self.servers
        )

    def _describe_failures(self, server: Endpoint) -> str:
        busy_s = self._busy_for_s(server)
        return f"asked clients to wait for {busy_s:.0f} s" if busy_s > 0 else f"{server.failures} failures in a row"

    def _busy_for_s(self, server: Endpoint) -> float:
        return 0.0 if server.busy_since is None else self._clock() - server.busy_since

    def cut_overdue(self) -> None:
        """Cut off calls that exceed their time limit, even where the server still sends a byte now and then."""
        now = time.monotonic()
        with self._changed:
            for connection in self._busy:
                if now > connection.deadline:
                    connection.cut()

    def acquire(self) -> tuple[Endpoint, HttpConnection] | None:
        """Return the least loaded server that is not resting, and a connection to it; wait until there is one.

        None once all servers are lost or the engine is closed.
        """
        with self._changed:
            while not (self.lost or self._closed.is_set()):
                now = self._clock()
                free = [server for server in self.servers if server.rest_ends <= now and server.load < server.room]
                if free:
                    server = min(free, key=lambda endpoint: endpoint.load / endpoint.size)
                    server.load += 1
                    connection = self._take_connection(server)
                    self._busy.add(connection)
                    return server, connection
                self._changed.wait(
                    min(
                        [LONGEST_POLL_S, *(server.rest_ends - now for server in self.servers if server.rest_ends > now)]
                    )
                )
        return None

    def _take_connection(self, server: Endpoint) -> HttpConnection:
        """Return an idle connection or a new one.

        A server that dropped an idle connection since its last identity check may be another one by now.
        """
        if not server.idle_connections:
            return self._open(server.url)
        connection = server.idle_connections.pop()
        if connection.dropped:
            connection.close()
            server.is_verified = server.is_verified and connection.used < server.last_check
        return connection

    def release(self, server: Endpoint, connection: HttpConnection) -> None:
        """Take a server and its connection back once the sample is over, with or without an answer."""
        with self._changed:
            server.load -= 1
            self._busy.discard(connection)
            server.idle_connections.append(connection)
            self._changed.notify()

    def record_answer(self, server: Endpoint) -> None:
        """Record that a server answered a sample."""
        self.answers += 1
        is_back = server.failures > 0
        server.failures, server.waits, server.busy_since, server.last_answer = 0, 0, None, self._clock()
        if is_back:
            with self._changed:
                self._changed.notify_all()  # all its places are free again

    def record_refusal(self, server: Endpoint, refusal: RequestRejected) -> None:
        """Record that a server refused a sample's request, which does not count against the server.

        Raises:
            EngineError: it refuses the account, or the first requests altogether: no later one will fare better.
        """
        self.refusals += 1
        server.failures, server.waits, server.busy_since, server.last_answer = 0, 0, None, self._clock()
        if refusal.status in ACCOUNT_STATUSES:
            raise EngineError(
                f"{server.url}: {refusal}; check the API key or the account. What arrived is kept; run the same "
                "command again to continue"
            )
        if not self.answers and self.refusals >= FIRST_REFUSALS:
            raise EngineError(
                f"{server.url}: the first {self.refusals} requests were all refused; the last refusal: {refusal}"
            )

    def needs_identity_check(self, server: Endpoint) -> bool:
        """Return whether a server must prove its identity before it is used.

        It is new, its connection broke, or it has not answered for a minute.
        """
        return not server.is_verified or self._clock() - server.last_answer > RECHECK_S

    def record_identity(self, server: Endpoint) -> None:
        """Record that a server serves what the others serve."""
        server.is_verified, server.last_answer, server.last_check = True, self._clock(), self._clock()

    def record_failure(self, server: Endpoint, failure: RetryableError, started_s: float) -> None:
        """Record a failed call: the server rests, twice as long after each failure in a row, or as long as it asks for.

        Calls that were under way when a server failed count as one failure, not one each. A 429 is no failure: it is
        waited out for up to `retry_for_s`.

        Args:
            server: that failed.
            failure: what happened.
            started_s: when the call began, by the clock of this object.
        """
        with self._changed:
            server.is_verified = server.is_verified and not failure.dead
            now, server.cause = self._clock(), str(failure)
            if failure.limited and server.busy_since is None:
                server.busy_since = now
            if started_s >= server.rest_started or not server.rest_started:
                server.failures, server.waits = server.failures + (not failure.limited), server.waits + failure.limited
                server.busy_since = server.busy_since if failure.limited else None
                server.rest_started = now
                server.rest_ends = now + draw_backoff_s(server.waits if failure.limited else server.failures)
            if failure.after_s:
                server.rest_ends = max(server.rest_ends, now + failure.after_s)
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait for some seconds, or less where the engine is closed meanwhile."""
        self._closed.wait(seconds)

    def close(self) -> None:
        """Release all waiting threads and cut off calls under way."""
        with self._changed:
            self._closed.set()
            for connection in [
                *self._busy,
                *(connection for server in self.servers for connection in server.idle_connections),
            ]:
                connection.cut()
            self._changed.notify_all()


def draw_backoff_s(failures: int) -> float:
    """Draw the seconds of rest after some failures in a row: doubling, at most 30, from half to all of it.

    >>> 0.125 <= draw_backoff_s(1) <= 0.25 and 15 <= draw_backoff_s(99) <= 30
    True
    """
    whole = min(LONGEST_REST_S, FIRST_REST_S * 2.0 ** min(failures - 1, 16))
    return random.uniform(whole / 2, whole)
