"""Accept connections from untrusted clients: how many at once, for how long, and which of them without a key."""

import ipaddress
import math
import re
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from assay.core.errors import ConfigError

READ_S = 30.0  # from an open connection to its first whole request
IDLE_S = 120.0  # from an answer to the end of the next request on its connection
CONNECTIONS = 512  # at once, a thread each; above it the oldest that never sent a whole request is cut off
HEAD_BYTES = 1 << 15  # of a request's head: the library would take 6 MiB of each connection before it asks for a key
# as RFC 9112 has it, "" where the connection ends
HEADER_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\0\r\n]*\r?\n|\r?\n|")
FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def check_bind(host: str, key: str) -> None:
    """Refuse an address that other machines reach where no key is required.

    Raises:
        ConfigError: the host is reached from other machines and there is no key; an unknown host; a key that no header
            can hold.
    """
    if not all("!" <= letter <= "~" for letter in key):
        raise ConfigError(
            "the key in --key-env holds blanks, line breaks or characters beyond ASCII, which clients cannot send"
        )
    try:
        infos = socket.getaddrinfo(host or "0.0.0.0", None, socket.AF_INET)  # bind reads "" in the same way
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"--host {host!r}: {str(error).lower()}") from error
    if not key and not all(ipaddress.ip_address(info[4][0]).is_loopback for info in infos):
        raise ConfigError(
            f"--host {host or '0.0.0.0'} accepts other machines; name the environment variable of the API key that "
            "they must send with --key-env"
        )


@dataclass(slots=True)
class Connection:
    """The state of an open connection."""

    deadline: float  # when it is cut off unless a whole request has come, time.monotonic()
    is_proven: bool = False  # it has sent a whole request, with the key where there is one


class BadHead(ValueError):
    """A request's head that is too long, or that two readers could read in two ways."""


class HeadReader:
    """Reads a request's header lines, for as long as they are well formed and short; all else is the file's own."""

    def __init__(self, file: Any) -> None:
        self.file, self.left = file, HEAD_BYTES

    def readline(self, most: int) -> bytes:
        """One header line.

        Args:
            most: its bytes at most.

        Returns:
            The line with its end; b"" where nothing comes any more.

        Raises:
            BadHead: the head has too many bytes, or the line is no header: it lacks a colon, has a blank before it, is
                the continuation of another, or holds a carriage return that ends no line, which mail parsers take for
                one.
        """
        line: bytes = self.file.readline(min(most, self.left + 1))
        self.left -= len(line)
        if self.left < 0 or not HEADER_LINE.fullmatch(line):
            raise BadHead
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class Listener(ThreadingHTTPServer):
    """An HTTP server with a limit on its open connections and on the time in which a request must come."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], *, read_s: float, max_connections: int
    ) -> None:
        super().__init__(address, handler)
        self.read_s, self.max_connections = read_s, max_connections
        self._open: dict[socket.socket, Connection] = {}
        self._guard = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for the connection, where there is room for one."""
        with self._guard:
            if len(self._open) >= self.max_connections and not self._make_room():
                with suppress(OSError):
                    request.setblocking(False)
                    request.send(FULL)
                return super().shutdown_request(request)
            self._open[request] = Connection(time.monotonic() + self.read_s)
        return super().process_request(request, client_address)

    def _make_room(self) -> bool:
        """Cut off the oldest connection that never sent a whole request; return whether there was one."""
        for connection, state in self._open.items():
            if not state.is_proven:
                del self._open[connection]
                _shut_down(connection)
                return True
        return False

    def service_actions(self) -> None:
        """Cut off connections whose request is overdue; `serve_forever` calls this on every turn."""
        now = time.monotonic()
        with self._guard:
            for connection, state in self._open.items():
                if now > state.deadline:
                    _shut_down(connection)

    def mark_request(self, connection: Any, *, complete: bool) -> None:
        """Record that a whole request has come (`complete`), or that its answer is sent and the next may come."""
        with self._guard:
            if state := self._open.get(connection):
                state.is_proven, state.deadline = True, math.inf if complete else time.monotonic() + IDLE_S

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that is over."""
        with self._guard:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def cut(self) -> None:
        """Cut off all connections, as when a process dies."""
        with self._guard:
            for connection in self._open:
                _shut_down(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that went away."""


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
