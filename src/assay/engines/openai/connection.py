"""Keep one HTTP connection to one server, with limits on silence, on the bytes of an answer and on its time.

What a server sends is as untrusted as what its model writes: every body is read in pieces up to a number of bytes,
redirects are never followed, nothing is unpacked, and no text that leaves this file holds the key, even where the
server repeats it.
"""

import http.client
import json
import math
import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

PIECE_BYTES = 1 << 16  # read at once
SHOWN_CHARS = 200  # of a server's own words in a message
BODY_BYTES = 1 << 24  # of a whole answer, or of one event of a stream
ERROR_BYTES = 1 << 16  # of an error's body
LONGEST_WAIT_S = 300.0  # a longer Retry-After is cut to this
SETTLE_S = 2.0  # wait for the end of a response whose last event has come
HIDDEN = "[the key]"


class RetryableError(Exception):
    """The call failed in a way that another try may cure."""

    def __init__(
        self,
        reason: str,
        *,
        busy: bool = False,
        limited: bool = False,
        dead: bool = False,
        after_s: float = 0.0,
        unclosed: bool = False,
        answered: bool = True,
    ) -> None:
        super().__init__(reason)
        self.answered = answered  # a server of the protocol did answer, and may do better the next time
        self.busy = busy  # the server is alive and asks clients to wait
        self.limited = limited  # it limits the rate of requests: status 429
        self.dead = dead  # the connection broke: another server may answer there the next time
        self.after_s = after_s  # seconds that it asks clients to wait
        self.unclosed = unclosed  # the stream ended without [DONE]; all that came before was valid


class RequestRejected(Exception):
    """The server will not answer this request, now or later."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"status {status}: {reason}")
        self.status = status


class HttpConnection:
    """An HTTP connection for one thread at a time: opened at first use, kept between calls, reopened after a failure.

    `silence_s` limits the time without a single byte, `timeout_s` the time for a whole answer.
    """

    def __init__(self, url: str, *, key: str = "", silence_s: float, timeout_s: float = math.inf) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._http = kind(parts.hostname or "", parts.port, timeout=silence_s)
        self.used = 0.0  # when it was last used, time.monotonic()
        self.deadline = math.inf  # of the current call, time.monotonic()
        self._key, self._timeout_s = key, timeout_s
        self._headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}

    def get(self, path: str) -> Any:
        """Return the JSON at a path."""
        return self._call_json("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the JSON with which a path answers."""
        return self._call_json("POST", path, body)

    def stream_events(self, path: str, body: Mapping[str, Any], *, max_bytes: int = BODY_BYTES) -> Iterator[Any]:
        """Yield the JSON of each server-sent event up to [DONE]; a server that does not stream gives its one document.

        Args:
            path: on the server.
            body: of the request.
            max_bytes: of the whole answer; one event has at most BODY_BYTES.

        Raises:
            RetryableError: no connection, silence, a redirect, 429, 5xx, an answer that is no JSON, is too large,
                breaks off or repeats the key.
            RequestRejected: any other status that is not 200.
        """
        with self._translate_errors():
            response = self._send_request("POST", path, body)
            if "text/event-stream" not in response.headers.get("Content-Type", ""):
                yield self._parse_document(self._read_body(response, min(max_bytes, BODY_BYTES)))
                return
            for text in _read_events(self._read_pieces(response, max_bytes)):
                if text == b"[DONE]":
                    self._finish_response(response)
                    return
                yield self._parse_document(text)
            raise RetryableError("the stream ended without [DONE]", dead=True, unclosed=True)

    @property
    def dropped(self) -> bool:
        """Return whether the server has closed the idle connection."""
        return self._http.sock is not None and bool(select.select([self._http.sock], [], [], 0)[0])

    def hide(self, text: str) -> str:
        """Return a text without the key."""
        return text.replace(self._key, HIDDEN) if self._key else text

    def repeats_key(self, text: str) -> bool:
        """Return whether a text holds the key."""
        return bool(self._key) and self._key in text

    def cut(self) -> None:
        """Cut off a call in which another thread waits."""
        if (open_socket := self._http.sock) is not None:
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _call_json(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        with self._translate_errors():
            return self._parse_document(self._read_body(self._send_request(method, path, body), BODY_BYTES))

    def _translate_errors(self) -> "_ErrorTranslation":
        return _ErrorTranslation(self)

    def _send_request(self, method: str, path: str, body: Mapping[str, Any] | None) -> http.client.HTTPResponse:
        text = None if body is None else json.dumps(body)
        self.deadline = time.monotonic() + self._timeout_s
        self._http.request(method, path, text, self._headers)
        response = self._http.getresponse()
        if response.status != http.client.OK:
            words = _read_start(response)
            if not response.isclosed():  # more is on its way
                self._http.close()
            raise classify_status(
                response.status,
                response.headers.get("Retry-After", ""),
                words,
                target=response.headers.get("Location", ""),
                hide=self.hide,
            )
        return response

    def _read_pieces(self, response: http.client.HTTPResponse, max_bytes: int) -> Iterator[bytes]:
        """Yield a body as it comes; only `read1` keeps to the limits whatever length the server claims."""
        size = 0
        while piece := response.read1(PIECE_BYTES):
            size += len(piece)
            if size > max_bytes:
                raise RetryableError(f"the response is longer than {max_bytes} bytes")
            if time.monotonic() > self.deadline:
                raise RetryableError(f"the response did not end within {self._timeout_s:.0f} s")
            yield piece
        if response.length:
            raise RetryableError(f"the response broke off {response.length} bytes before its end", dead=True)
        _release_if_read(response)

    def _read_body(self, response: http.client.HTTPResponse, max_bytes: int) -> bytes:
        return b"".join(self._read_pieces(response, max_bytes))

    def _parse_document(self, text: bytes) -> Any:
        value = parse_json(text, self.hide)
        if self._key and (
            self._key.encode() in text or (b"\\" in text and self._key in json.dumps(value, ensure_ascii=False))
        ):
            raise RetryableError("the response repeats the API key")
        return value

    def _finish_response(self, response: http.client.HTTPResponse) -> None:
        """Leave the connection clean for the next call, or close it where the response does not end soon."""
        try:
            if self._http.sock is not None:
                before = self._http.sock.gettimeout()
                self._http.sock.settimeout(SETTLE_S)
                _read_start(response)
                self._http.sock.settimeout(before)
        except (OSError, ValueError, http.client.HTTPException):
            self._http.close()
            return
        if not response.isclosed():
            self._http.close()


class _ErrorTranslation:
    """Raise whatever breaks inside as a `RetryableError`, and close the connection."""

    def __init__(self, connection: HttpConnection) -> None:
        self.connection = connection

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self.connection.used, self.connection.deadline = time.monotonic(), math.inf
        if kind is None:
            return
        if not isinstance(error, RequestRejected):
            self.connection.close()
        if isinstance(error, TimeoutError):
            raise RetryableError("no progress within the limit", answered=False) from error
        if isinstance(error, OSError | http.client.HTTPException):
            raise RetryableError(
                f"{type(error).__name__}: {self.connection.hide(str(error))[:SHOWN_CHARS]}", dead=True, answered=False
            ) from None
        if isinstance(error, ValueError | OverflowError | MemoryError):  # what http.client raises on malformed answers
            raise RetryableError(f"the response is not valid HTTP ({type(error).__name__})", dead=True) from None


def classify_status(
    status: int, retry_after: str, body: bytes, *, target: str = "", hide: Callable[[str], str] = str
) -> RetryableError | RequestRejected:
    """Return the error that a status other than 200 means.

    Args:
        status: of the response.
        retry_after: the header Retry-After, "" where there is none.
        body: the server's own words, of which the message shows the beginning.
        target: where a redirect leads.
        hide: takes the key out of every text that is shown.
    """
    words = " ".join(hide(body.decode("utf-8", "replace")).split())[:SHOWN_CHARS]
    if 300 <= status < 400:
        place = hide(target)[:SHOWN_CHARS] or "nowhere"
        words = f"it redirects to {place}, which is not followed; put that address into `urls`"
    if status < 400:
        return RetryableError(f"status {status}: {words}", answered=False)
    if status in (408, 409, 425, 429) or status >= http.client.INTERNAL_SERVER_ERROR:
        return RetryableError(
            f"status {status}: {words}",
            busy=status in (429, 503),
            limited=status == 429,
            after_s=parse_retry_after(retry_after),
        )
    return RequestRejected(status, words)


def parse_retry_after(retry_after: str) -> float:
    """Return the seconds of a Retry-After header, a number or a date, at most LONGEST_WAIT_S; 0 where it is neither.

    >>> [parse_retry_after(text) for text in ("2", "", "Thu, 01 Jan 1970 00:00:00 GMT", "soon", "nan", "inf")]
    [2.0, 0.0, 0.0, 0.0, 0.0, 300.0]
    """
    with suppress(ValueError):
        wait_s = float(retry_after)
        return 0.0 if math.isnan(wait_s) else min(LONGEST_WAIT_S, max(0.0, wait_s))
    with suppress(ValueError, TypeError, OverflowError):
        ahead_s = (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
        return min(LONGEST_WAIT_S, max(0.0, ahead_s))
    return 0.0


def parse_json(text: bytes, hide: Callable[[str], str] = str) -> Any:
    """Parse a text as JSON.

    Raises:
        RetryableError: it is not JSON, or nested too deep to be read.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise RetryableError("the response is JSON nested too deeply") from None
    except ValueError:
        raise RetryableError(
            f"the response is not JSON: {hide(text.decode('utf-8', 'replace'))[:40].encode()!r}"
        ) from None


def _read_start(response: http.client.HTTPResponse) -> bytes:
    """Read the first bytes of a body, all of it where it is small."""
    pieces, size = list[bytes](), 0
    while size < ERROR_BYTES and (piece := response.read1(PIECE_BYTES)):
        pieces.append(piece)
        size += len(piece)
    _release_if_read(response)
    return b"".join(pieces)


def _release_if_read(response: http.client.HTTPResponse) -> None:
    """Free the connection for the next call once a body of known length is read, which `read1` leaves open."""
    if response.length == 0:
        response.close()


def _read_events(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the text after each `data:`.

    Raises:
        RetryableError: a line of more than BODY_BYTES.
    """
    rest = bytearray()
    for piece in pieces:
        *lines, last = piece.split(b"\n")
        if lines:
            lines[0] = bytes(rest) + lines[0]
            rest.clear()
        rest += last
        if len(rest) > BODY_BYTES:
            raise RetryableError(f"a stream event is longer than {BODY_BYTES} bytes")
        yield from (line[5:].strip() for line in lines if line.startswith(b"data:"))
    if rest.startswith(b"data:"):
        yield bytes(rest[5:]).strip()


def list_models(listing: Any) -> dict[str, Mapping[str, Any]]:
    """Return a server's list of models by name.

    Raises:
        RetryableError: it is no such list.
    """
    data = listing.get("data") if isinstance(listing, Mapping) else None
    if data is None and isinstance(listing, Mapping):
        return {}
    if not isinstance(data, list) or not all(
        isinstance(model, Mapping) and isinstance(model.get("id"), str) for model in data
    ):
        raise RetryableError("its list of models is not a list of objects with an id", answered=False)
    return {model["id"]: model for model in data}


def ask_optional(connection: HttpConnection, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """Return what a server answers at a path that not every server has; {} where it has none."""
    with suppress(RetryableError, RequestRejected):
        reply = connection.get(path) if body is None else connection.post(path, body)
        return reply if isinstance(reply, Mapping) else {}
    return {}
