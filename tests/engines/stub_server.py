"""A server that answers chat completions as a test wants: right, malformed, endless, refusing.

Lists of models and fixed prompts are answered as they should be.
"""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from assay.engines.openai.engine import PROBES

STREAM = "text/event-stream"


def event(delta: Any = None, finish: Any = None, **more: Any) -> dict[str, Any]:
    """Build one event of a stream."""
    return {"choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}], **more}


def usage(tokens: Any = 3, prompt: Any = 5) -> dict[str, Any]:
    """Build the event with the token counts."""
    return {"choices": [], "usage": {"completion_tokens": tokens, "prompt_tokens": prompt}}


def frames(*events: Any, done: bool = True) -> bytes:
    """Encode events as the bytes of a stream."""
    return b"".join(
        b"data: " + (item if isinstance(item, bytes) else json.dumps(item).encode()) + b"\n\n" for item in events
    ) + (b"data: [DONE]\n\n" if done else b"")


GOOD = frames(event({"content": "42"}), event(finish="stop"), usage())


class Stub:
    """`answer(n, body, handler)` returns the bytes of the n-th completion, or (status, headers, bytes); None: it wrote
    them.
    """

    def __init__(
        self,
        answer: Callable[[int, dict[str, Any], Any], Any],
        *,
        probe: Callable[[int], Any] = lambda _: None,
        model: str = "m",
    ) -> None:
        self.completions: list[dict[str, Any]] = []
        self.probed = 0
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None: ...

            def do_GET(self) -> None:
                self.send_reply(
                    (200, {}, json.dumps({"data": [{"id": model}]}).encode())
                    if self.path.endswith("/models")
                    else (404, {}, b"{}")
                )

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not self.path.endswith("/chat/completions"):
                    return self.send_reply((404, {}, b"{}"))
                if body["messages"][-1]["content"] in PROBES:
                    stub.probed += 1
                    return self.send_reply(probe(stub.probed) or GOOD)
                stub.completions.append(body)
                with suppress(OSError):
                    if (reply := answer(len(stub.completions), body, self)) is not None:
                        self.send_reply(reply)
                return None

            def send_reply(self, reply: Any) -> None:
                status, headers, text = reply if isinstance(reply, tuple) else (200, {"Content-Type": STREAM}, reply)
                self.send_response(status)
                for name, value in {
                    "Content-Type": "application/json",
                    **headers,
                    "Content-Length": str(len(text)),
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that goes is no news
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Free the address."""
        self.server.shutdown()
        self.server.server_close()
