"""Accept connections from untrusted clients: how many at once, for how long, and who may be let in without a key."""

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
CONNECTIONS = 512  # at once, a thread each; above it the oldest that never asked a whole question is let go
HEAD_BYTES = 1 << 15  # of a request's head: the library would take 6 MiB of each connection before it asks for a key
HEADER_LINE = re.compile(
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\0\r\n]*\r?\n|\r?\n|"
)  # as RFC 9112 has it, "" where the connection ends
FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def check_bind(host: str, key: str) -> None:
    """Refuse an address that other machines reach where no key is asked for.

    Raises:
        ConfigError: the host is not of this machine alone and there is no key; an unknown host; a key that no
            header can hold.
    """
    if not all("!" <= letter <= "~" for letter in key):
        raise ConfigError(
            "the key of --key-env holds blanks, line breaks or letters beyond ASCII, which no client can send"
        )
    try:
        places = {
            str(place[4][0]) for place in socket.getaddrinfo(host or "0.0.0.0", None, socket.AF_INET)
        }  # as bind reads ""
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"--host {host!r}: {str(error).lower()}") from error
    if not key and not all(ipaddress.ip_address(place).is_loopback for place in places):
        raise ConfigError(
            f"--host {host or '0.0.0.0'} lets other machines in: --key-env VARIABLE names the key to ask of them"
        )


@dataclass(slots=True)
class Connection:
    """What the server knows of an open connection."""

    until: float  # when it is cut unless a whole request has come, time.monotonic()
    proven: bool = False  # it has asked a whole question, with the key where there is one


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
            BadHead: the head has too many bytes, or the line is no header: it lacks a colon, has a blank before it, is the continuation of another,
                or holds a carriage return that ends no line, which mail parsers take for one.
        """
        line: bytes = self.file.readline(min(most, self.left + 1))
        self.left -= len(line)
        if self.left < 0 or not HEADER_LINE.fullmatch(line):
            raise BadHead
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], *, read_s: float, most: int
    ) -> None:
        super().__init__(address, handler)
        self.read_s, self.most = read_s, most
        self._open: dict[socket.socket, Connection] = {}
        self._guard = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for the connection, where there is room for one."""
        with self._guard:
            if len(self._open) >= self.most and not self._made_room():
                with suppress(OSError):
                    request.setblocking(False)
                    request.send(FULL)
                return super().shutdown_request(request)
            self._open[request] = Connection(time.monotonic() + self.read_s)
        return super().process_request(request, client_address)

    def _made_room(self) -> bool:
        """Whether a connection that never asked a whole question could be let go, the oldest first."""
        for line, known in self._open.items():
            if not known.proven:
                del self._open[line]
                _shut_down(line)
                return True
        return False

    def service_actions(self) -> None:
        """Cuts connections whose request is overdue; `serve_forever` calls it at every turn."""
        now = time.monotonic()
        with self._guard:
            for line, known in self._open.items():
                if now > known.until:
                    _shut_down(line)

    def reading(self, line: Any, *, done: bool) -> None:
        """A whole request has come and is being answered; or its answer is done and the next may come."""
        with self._guard:
            if known := self._open.get(line):
                known.proven, known.until = True, math.inf if done else time.monotonic() + IDLE_S

    def shutdown_request(self, request: Any) -> None:
        """One connection is over."""
        with self._guard:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def cut(self) -> None:
        """All connections are over, as when a process dies."""
        with self._guard:
            for line in self._open:
                _shut_down(line)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no event."""


def _shut_down(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
