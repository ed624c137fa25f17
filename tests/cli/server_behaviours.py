"""What OpenAI-compatible servers were seen to send, one behaviour per name, and how a run must end with each.

The server itself is `tests/engines/stub_server.py`. `DIALECTS` are read right, a `FAULTS` answer is asked for again,
`REFUSALS` are no attempts, and with one of `ENDS` the run ends with a sentence.
"""

import importlib.util
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

_spec = importlib.util.spec_from_file_location("stub_server", Path(__file__).parents[1] / "engines" / "stub_server.py")
assert _spec is not None
assert _spec.loader is not None
stub_server = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stub_server)
GOOD, STREAM, Stub, event, frames, usage = (
    getattr(stub_server, name) for name in ("GOOD", "STREAM", "Stub", "event", "frames", "usage")
)
KEY = "sk-behaviours-0123456789"
Reply = Any  # bytes of a stream, or (status, headers, body)


def document(content: Any, finish: Any = "stop", **message: Any) -> Reply:
    """A server that does not stream."""
    choice = {"message": {"content": content, **message}, "finish_reason": finish}
    return 200, {}, json.dumps({"choices": [choice], "usage": {"completion_tokens": 3, "prompt_tokens": 5}}).encode()


def ended(reason: Any) -> Callable[[str], Reply]:
    return lambda text: frames(event({"content": text}), event(finish=reason), usage())


def parts(*before: Any) -> Callable[[str], Reply]:
    return lambda text: frames(event({"content": [*before, {"type": "text", "text": text}]}, "stop"), usage())


def counted(**counts: Any) -> Callable[[str], Reply]:
    return lambda text: frames(event({"content": text}, "stop"), {"choices": [], "usage": counts})


# How one answer may come; each is called with the text that the model wrote.
DIALECTS: dict[str, Callable[[str], Reply]] = {
    **{name: ended(name) for name in ("stop", "eos", "eos_token", "stop_sequence", "end_turn", "STOP")},
    "finish as an object": ended({"type": "stop", "matched": 2}),
    "text parts": parts(),
    "a part that is a text": parts("so "),
    "thinking as parts": parts({"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}),
    "an empty reasoning part": parts({"type": "reasoning", "summary": []}),
    "reasoning_content": lambda text: frames(
        event({"reasoning_content": "hm"}), event({"content": text}, "stop"), usage()
    ),
    "reasoning": lambda text: frames(event({"reasoning": "hm"}), event({"content": text}, "stop"), usage()),
    "reasoning as a list": lambda text: frames(
        event({"reasoning": [{"text": "hm"}]}), event({"content": text}, "stop"), usage()
    ),
    "a role first": lambda text: frames(
        event({"role": "assistant", "content": ""}), event({"content": text}, "stop"), usage()
    ),
    "no [DONE]": lambda text: frames(event({"content": text}, "stop"), usage(), done=False),
    "usage with the finish": lambda text: frames(
        event({"content": text}, "stop", usage={"completion_tokens": 3, "prompt_tokens": 5})
    ),
    "null counts": counted(completion_tokens=None, prompt_tokens=None),
    "no counts": lambda text: frames(event({"content": text}, "stop")),
    "no tokens for a text": counted(completion_tokens=0, prompt_tokens=5),
    "whole float counts": counted(completion_tokens=3.0, prompt_tokens=5.0),
    "comments between events": lambda text: b": alive\n\n" + frames(event({"content": text}, "stop"), usage()),
    "CRLF": lambda text: frames(event({"content": text}, "stop"), usage()).replace(b"\n", b"\r\n"),
    "log-probabilities as a list": lambda text: frames(
        {"choices": [{"delta": {"content": text}, "logprobs": [{"logprob": -0.1}], "finish_reason": "stop"}]}, usage()
    ),
    "another choice": lambda text: frames(
        {"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "stop"}]},
        event({"content": text}, "stop"),
        usage(),
    ),
    "a document": document,
    "a document of parts": lambda text: document([{"type": "text", "text": text}]),
    "a document with reasoning": lambda text: document(text, reasoning_content="hm"),
}
CUT: dict[str, Callable[[str], Reply]] = {
    "length": ended("length"),
    "max_tokens": ended("max_tokens"),
    "a length as an object": ended({"type": "length", "length": 12}),
    "a document that was cut": lambda text: document(text, "length"),
}


def closed(handler: Any) -> None:
    """The connection breaks before a byte of the answer."""
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def broken_off(handler: Any) -> None:
    """The answer is shorter than its length says."""
    handler.send_response(200)
    handler.send_header("Content-Type", STREAM)
    handler.send_header("Content-Length", "4096")
    handler.end_headers()
    handler.wfile.write(frames(event({"content": "4"}), done=False))
    handler.wfile.flush()
    closed(handler)


# Answers of which a second request brings a good one; a function writes to the connection itself.
FAULTS: dict[str, Reply | Callable[[Any], None]] = {
    "content that is a number": frames(event({"content": 5}, "stop")),
    "choices that are a text": frames({"choices": "abc"}),
    "usage that is a list": frames(event({"content": "4"}, "stop"), {"choices": [], "usage": [1]}),
    "a finish that is an empty object": frames(event({"content": "4"}, {})),
    "an unknown finish": frames(event({"content": "4"}, "weariness")),
    "JSON that is too deep": frames(b"[" * 50_000 + b"]" * 50_000),
    "no JSON": frames(b'{"choices": [{"del\xff'),
    **{
        f"{value} tokens": frames(
            event({"content": "4"}, "stop"),
            b'{"choices": [], "usage": {"completion_tokens": %s}}' % value.encode(),
        )
        for value in ("-1000000", "NaN", "1e30", '"many"', "true")
    },
    "a stream that ends before its finish": frames(event({"content": "4"}), done=False),
    "an error object in the stream": frames(event({"content": "4"}), {"error": {"message": "died", "code": 500}}),
    "an overload in the stream": frames({"error": {"message": "busy", "code": 503}}),
    "a body of nothing": (200, {}, b""),
    "no content": (204, {}, b""),
    "a redirect": (302, {"Location": "http://127.0.0.1:9/v1"}, b""),
    "another redirect": (307, {"Location": "https://elsewhere.invalid/"}, b"moved"),
    "500": (500, {}, b"out of memory"),
    "502": (502, {}, b"<html>bad gateway</html>"),
    "503": (503, {"Retry-After": "0"}, b"warming up"),
    "429": (429, {}, b"slow down"),
    "429 with a time": (429, {"Retry-After": "0"}, b"slow down"),
    "packed bytes": (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08\x00" + b"\x00" * 64),
    "the key repeated": frames(event({"content": f"Bearer {KEY}"}, "stop"), usage()),
    "a closed connection": closed,
    "an answer that breaks off": broken_off,
}
# Requests that a server will never answer, with words that must be kept.
REFUSALS: dict[str, tuple[Reply, str]] = {
    "context": ((400, {}, b'{"error": {"message": "maximum context length is 4096"}}'), "maximum context length"),
    "missing": ((404, {}, b"no such path"), "no such path"),
    "too large": ((413, {}, b"payload too large"), "payload too large"),
    "unprocessable": ((422, {}, b"bad field"), "bad field"),
    "in the stream": (
        frames({"object": "error", "message": "prompt is too long", "code": 400}),
        "prompt is too long",
    ),
    "by its type": (
        frames({"error": {"type": "invalid_request_error", "message": "not allowed", "code": None}}),
        "not allowed",
    ),
    "a policy": (frames(event({"content": "I"}), event(finish="content_filter"), usage()), "filter ended the answer"),
}


class Ending(NamedTuple):
    """A behaviour with which no run goes on: what the server sends, and what the run says."""

    answer: Callable[..., Reply]
    message: str
    code: int = 1
    sets: tuple[str, ...] = ()
    probe: Callable[[int], Reply] = lambda _: None
    kept: int = 0  # attempts that had been paid for


def after(good: int, reply: Reply) -> Callable[..., Reply]:
    return lambda n, *_: GOOD if n <= good else reply


ENDS = {
    "401": Ending(after(3, (401, {}, b"invalid key")), "status 401: invalid key", kept=3),
    "402": Ending(after(3, (402, {}, b"Insufficient credits")), "status 402: Insufficient credits", kept=3),
    "403": Ending(after(3, (403, {}, b"not yours")), "status 403: not yours", kept=3),
    "500 for good": Ending(after(3, (500, {}, b"out of memory")), "status 500: out of memory", kept=3),
    "429 for good": Ending(
        after(3, (429, {}, b"slow down")), "status 429: slow down", sets=("policy.retry_for_s=0.3",), kept=3
    ),
    "a context below the cap": Ending(
        lambda *_: (400, {}, b"maximum context length is 16"), "none was answered: 8 x http"
    ),
    "an unknown parameter": Ending(
        lambda n, body, _: GOOD if "min_p" not in body else (400, {}, b"unknown parameter min_p"),
        "unknown parameter min_p",
    ),
    "500 at the fixed prompts": Ending(
        lambda *_: GOOD,
        "status 500: not yet",
        sets=('policy.revision=""', "policy.retries=1"),
        probe=lambda _: (500, {}, b"not yet"),
    ),
    "another model": Ending(
        lambda *_: GOOD, "does not serve a model 'n'; known: 'm'", 2, ('policy.revision=""', "policy.model=n")
    ),
}
