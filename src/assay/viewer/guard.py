"""Who may ask what of the page: one host, one origin, one token per run, few methods, small bodies."""

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN_HEADER = b"x-assay-token"
MOST_REQUESTS = 64  # with the token that are worked on at once
MAX_BODY = 4_096  # bytes of a POST: a verdict's id and a mark
MAX_QUERY = 24_000  # bytes of a query string
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Mapping[bytes, bytes] = {
    b"content-security-policy": CSP.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-embedder-policy": b"require-corp",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=(), clipboard-read=()",
    b"cache-control": b"no-store",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    words: str


class Guard:
    """An ASGI application in front of another, which only sees requests that may be answered.

    What lies under `/api/` needs the token in a header, which no other page can set; the page's own files hold nothing
    of the lake and need none.

    Args:
        app: the application behind it.
        port: of this server; None = any, as in tests of the application alone.
        token: of this run.
    """

    def __init__(self, app: App, *, port: int | None, token: str) -> None:
        self.app, self.port, self.token, self.running = app, port, token.encode(), 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse before a byte of the body is read."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # a web socket is closed without an answer

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = [(name, value) for name, value in message["headers"] if name.lower() not in HEADERS]
                message = {**message, "headers": [*headers, *HEADERS.items()]}
            await send(message)

        if refusal := self.refuse(scope):
            await _answer(guarded, refusal)
            return
        if not scope["path"].startswith("/api/"):
            await self.app(scope, _limited(receive), guarded)
            return
        if self.running >= MOST_REQUESTS:
            await _answer(guarded, Refusal(503, f"{MOST_REQUESTS} requests are being answered; try again"))
            return
        self.running += 1
        try:
            await self.app(scope, _limited(receive), guarded)
        finally:
            self.running -= 1

    def refuse(self, scope: Scope) -> Refusal | None:
        """Return why a request is not answered; None where it is."""
        headers = _headers(scope)
        hosts = headers.get(b"host", [])
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return Refusal(421, "this server only answers at its own address")
        posts = scope["path"] == "/api/audit"
        if scope["method"] not in (("GET", "HEAD", "POST") if posts else ("GET", "HEAD")):
            return Refusal(405, "this page is read-only; marks of an audit are the only POST")
        if len(scope.get("query_string", b"")) > MAX_QUERY:
            return Refusal(414, f"a query may have at most {MAX_QUERY} bytes")
        origin = b"http://" + hosts[0]
        origins = headers.get(b"origin", [])
        if any(value != origin for value in origins) or (scope["method"] == "POST" and len(origins) != 1):
            return Refusal(403, "the request came from another page")
        if not scope["path"].startswith("/api/"):
            return None
        if any(site not in (b"same-origin", b"none") for site in headers.get(b"sec-fetch-site", [])):
            return Refusal(403, "the request came from another page")
        tokens = headers.get(TOKEN_HEADER, [])
        if len(tokens) != 1 or not hmac.compare_digest(tokens[0], self.token):
            return Refusal(
                401, "the token is missing or belongs to another run: open the address that `curate view` printed"
            )
        return _body_refusal(headers) if scope["method"] == "POST" else None

    def _is_ours(self, host: bytes) -> bool:
        name, _, port = host.rpartition(b":")
        return name in (b"127.0.0.1", b"localhost", b"[::1]") and (self.port is None or port == str(self.port).encode())


def _headers(scope: Scope) -> dict[bytes, list[bytes]]:
    headers: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.lower(), []).append(value)
    return headers


def _body_refusal(headers: Mapping[bytes, list[bytes]]) -> Refusal | None:
    if headers.get(b"content-type", [b""])[0].partition(b";")[0].strip() != b"application/json":
        return Refusal(415, "a mark must be JSON")
    lengths = headers.get(b"content-length", [])
    if len(lengths) != 1 or not lengths[0].isdigit() or int(lengths[0]) > MAX_BODY:
        return Refusal(413, f"a mark may have at most {MAX_BODY} bytes")
    return None


def _limited(receive: Receive) -> Receive:
    """Stop handing on a body that is longer than a mark; its length was checked, so this is for one that lied."""
    size = 0

    async def limited() -> MutableMapping[str, Any]:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY:
            return {"type": "http.disconnect"}
        return message

    return limited


async def _answer(send: Send, refusal: Refusal) -> None:
    body = json.dumps({"error": refusal.words}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
