"""One kept HTTP connection to one server: a limit on silence, none on the whole call."""

import http.client
import json
import select
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

PIECE = 1 << 16  # bytes
SHOWN = 200  # characters of a server's own words


class Broken(Exception):
    """The call failed in a way that another try may cure."""

    def __init__(self, reason: str, *, busy: bool = False, dead: bool = False, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.busy = busy  # the server lives and asks for patience
        self.dead = dead  # the connection broke: whoever answers there next may be another
        self.after_s = after_s  # seconds that it asked for


class Refused(Exception):
    """The server will not answer this request, now or later."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"status {status}: {reason}")
        self.status = status


class Line:
    """A connection that is opened at first use, kept between calls and opened anew after a failure. Not for two threads at once.

    `silence_s` bounds the time without a single byte. A server may send for as long as it likes.
    """

    def __init__(self, url: str, *, key: str = "", silence_s: float) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._line = kind(parts.hostname or "", parts.port, timeout=silence_s)
        self.used = 0.0  # when it was last needed, time.monotonic()
        self._headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        return self._json("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that a path answers."""
        return self._json("POST", path, body)

    def events(self, path: str, body: Mapping[str, Any]) -> Iterator[Any]:
        """The JSON of each server-sent event up to [DONE]; a server that does not stream gives its one document.

        Raises:
            Broken: no connection, silence, 429, 5xx, an answer that is no JSON or that breaks off.
            Refused: any other status that is not 200.
        """
        with self._speaking():
            answer = self._answer("POST", path, body)
            if "text/event-stream" not in answer.headers.get("Content-Type", ""):
                yield parsed(answer.read())
                return
            for text in _data(answer):
                if text == b"[DONE]":
                    answer.read()  # leaves the connection clean for the next call
                    return
                yield parsed(text)
            raise Broken("the stream ended without [DONE]", dead=True)

    @property
    def dropped(self) -> bool:
        """Whether the server has let the idle connection go."""
        return self._line.sock is not None and bool(select.select([self._line.sock], [], [], 0)[0])

    def cut(self) -> None:
        """Ends a call that another thread is waiting in."""
        if (open_socket := self._line.sock) is not None:
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Lets the connection go."""
        self._line.close()

    def _json(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        with self._speaking():
            return parsed(self._answer(method, path, body).read())

    def _speaking(self) -> "_Speaking":
        return _Speaking(self)

    def _answer(self, method: str, path: str, body: Mapping[str, Any] | None) -> http.client.HTTPResponse:
        text = None if body is None else json.dumps(body)
        self._line.request(method, path, text, self._headers)
        answer = self._line.getresponse()
        if answer.status != http.client.OK:
            raise failure(answer.status, answer.headers.get("Retry-After", ""), answer.read())
        return answer


class _Speaking:
    """Whatever breaks inside is `Broken`, and breaks the connection too."""

    def __init__(self, line: Line) -> None:
        self.line = line

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self.line.used = time.monotonic()
        if kind is None:
            return
        if not isinstance(error, Refused):
            self.line.close()
        if isinstance(error, TimeoutError):
            raise Broken("no progress within the limit") from error
        if isinstance(error, OSError | http.client.HTTPException):
            raise Broken(f"{type(error).__name__}: {error}", dead=True) from error


def failure(status: int, retry_after: str, body: bytes) -> Broken | Refused:
    """What a status other than 200 means; the server's own words are kept short."""
    words = " ".join(body.decode("utf-8", "replace").split())[:SHOWN]
    if status == http.client.TOO_MANY_REQUESTS or status >= http.client.INTERNAL_SERVER_ERROR or status == http.client.REQUEST_TIMEOUT:
        return Broken(f"status {status}: {words}", busy=status in (429, 503), after_s=seconds(retry_after))
    return Refused(status, words)


def seconds(retry_after: str) -> float:
    """The seconds of a Retry-After header, which holds a number or a date; 0 where it holds neither.

    >>> seconds("2"), seconds(""), seconds("Thu, 01 Jan 1970 00:00:00 GMT"), seconds("soon")
    (2.0, 0.0, 0.0, 0.0)
    """
    with suppress(ValueError):
        return max(0.0, float(retry_after))
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    return 0.0


def parsed(text: bytes) -> Any:
    """The JSON of a text.

    Raises:
        Broken: it is none.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise Broken(f"no JSON: {text[:40]!r}") from error


def _data(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """The text behind each `data:`."""
    rest = b""
    while piece := answer.read1(PIECE):
        *lines, rest = (rest + piece).split(b"\n")
        yield from (line[5:].strip() for line in lines if line.startswith(b"data:"))
    if rest.startswith(b"data:"):
        yield rest[5:].strip()
