"""Serve any local engine at an OpenAI-compatible address: models, chat completions, token counts."""

import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler
from itertools import count
from queue import Empty
from typing import Any

from assay.core.errors import ConfigError
from assay.core.ports import Engine
from assay.core.types import Rollout
from assay.engines.server import fault_injection
from assay.engines.server.batcher import PendingRequest, RequestBatcher
from assay.engines.server.chat_request import CAP as CAP
from assay.engines.server.chat_request import InvalidRequest, read_request
from assay.engines.server.listener import CONNECTIONS, READ_S, BadHead, HeadReader, Listener, check_bind

KEEPALIVE_S = 10.0  # between comments in a stream while the engine works
MAX_REQUEST_BYTES = 1 << 23
DRAIN_BYTES, DRAIN_S = 1 << 16, 0.2  # of a refused body that are read, and the wait for them
MAX_LENGTH_DIGITS = 15  # of a Content-Length
STALLED_S = 30.0  # in which a client takes nothing of what it is sent


class RequestFailed(RuntimeError):
    """The engine behind the address failed; another try may succeed."""


@dataclass
class ModelServer:
    """An HTTP server that answers from one engine.

    `fault(i)` names the fault that is injected into the i-th completion; "" = none.
    """

    engine: Engine
    host: str = "127.0.0.1"
    port: int = 0  # 0 = any that is free
    key: str = ""  # "" = no key is required
    slots: int = 64  # how many samples at once it tells clients that it holds
    fault: Callable[[int], str] = lambda _: ""
    read_s: float = READ_S  # limit on the time from a connection to its first whole request
    connections: int = CONNECTIONS
    numbers: Iterator[int] = field(default_factory=count, repr=False)  # of completions
    closing: threading.Event = field(default_factory=threading.Event, repr=False)

    def __post_init__(self) -> None:
        check_bind(self.host, self.key)

    @property
    def url(self) -> str:
        """Return the base address."""
        return f"http://{self.host}:{self._server.server_address[1]}/v1"

    @cached_property
    def batcher(self) -> RequestBatcher:
        """Return the queue in front of the engine."""
        return RequestBatcher(self.engine)

    def start(self) -> "ModelServer":
        """Serve in threads of its own until `close`; return this server."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def serve(self) -> None:
        """Serve in this thread until it is interrupted."""
        self._server.serve_forever()

    def close(self) -> None:
        """Free the address and close the engine."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.cut()
        self.batcher.close()

    @cached_property
    def _server(self) -> Listener:
        handler = type("Bound", (_Handler,), {"service": self})
        try:
            return Listener((self.host, self.port), handler, read_s=self.read_s, max_connections=self.connections)
        except OSError as error:
            raise ConfigError(f"address {self.host}:{self.port}: {(error.strerror or str(error)).lower()}") from error


class _Handler(BaseHTTPRequestHandler):
    service: ModelServer
    server: Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = STALLED_S  # of one read or write
    default_request_version = "HTTP/1.0"  # of what is no request, so that its answer has headers
    error_content_type = "application/json"
    error_message_format = '{"error": {"code": %(code)d, "message": "a request that cannot be read"}}'

    def log_message(self, *_: object) -> None:
        """Log nothing: requests hold problems, and their headers keys."""

    def do_GET(self) -> None:  # http.server calls it so
        policy = self.service.engine.policy
        model = {"id": policy.name, "object": "model", "owned_by": "assay", "root": f"{policy.name}@{policy.revision}"}
        paths: dict[str, Any] = {
            "/health": {},
            "/props": {"total_slots": self.service.slots},
            "/models": {"object": "list", "data": [model]},
        }
        self._handle(lambda _: paths.get(self._endpoint))

    def do_POST(self) -> None:  # http.server calls it so
        paths = {"/chat/completions": self._complete, "/tokenize": self._tokenize}
        self._handle(paths.get(self._endpoint, lambda _: None))

    @property
    def _endpoint(self) -> str:
        return self.path.partition("?")[0].removeprefix("/v1").rstrip("/")

    def parse_request(self) -> bool:
        """The line and headers of a request; one whose head is too long or ambiguous is refused."""
        whole = self.rfile
        self.rfile = HeadReader(whole)  # type: ignore[assignment]
        try:
            return super().parse_request()
        except BadHead:
            self._refuse(400, "the request's head is too long or ambiguous")
            return False
        finally:
            self.rfile = whole

    def handle_expect_100(self) -> bool:
        """Tell a client that asks before it sends its body whether the body will be read."""
        if refusal := self._check_head():
            self._refuse(*refusal)
            return False
        return super().handle_expect_100()

    def _check_head(self) -> tuple[int, str] | None:
        """Return why a request is not read, from its head alone: status and words; None where it is read."""
        if self.service.key:
            header = self.headers.get("Authorization", "").encode("utf-8", "replace")
            if not hmac.compare_digest(header, f"Bearer {self.service.key}".encode()):
                return 401, "the API key is missing or wrong"
        lengths = set(self.headers.get_all("Content-Length") or ())
        if self.headers.get("Transfer-Encoding") or (self.command == "POST" and not lengths):
            return 411, "a body needs a Content-Length"
        length = lengths.pop().strip() if lengths else "0"
        if lengths or not (length.isascii() and length.isdigit()):
            return 400, "Content-Length is not a number of bytes"
        if len(length) > MAX_LENGTH_DIGITS or int(length) > MAX_REQUEST_BYTES:
            return 413, f"a request may have at most {MAX_REQUEST_BYTES} bytes"
        return None

    def _refuse(self, status: int, words: str) -> None:
        """Refuse a request without reading its body, and close the connection.

        A small body is read away, or the reply could be lost with it.
        """
        self.close_connection = True
        self._send_json(status, _error_body(status, words), Connection="close")
        with suppress(OSError, ValueError):
            self.connection.settimeout(DRAIN_S)
            self.rfile.read1(DRAIN_BYTES)

    def _handle(self, answer: Callable[[Mapping[str, Any]], Any]) -> None:
        if refusal := self._check_head():
            return self._refuse(*refusal)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # cut, or gone
            self.close_connection = True
            return None
        self.server.mark_request(self.connection, complete=True)
        try:
            self._answer(body, answer)
        finally:
            self.server.mark_request(self.connection, complete=False)
        return None

    def _answer(self, body: bytes, answer: Callable[[Mapping[str, Any]], Any]) -> None:
        try:
            reply = answer(_read_object(body))
        except (ValueError, TypeError, RecursionError) as error:
            words = "the body is nested too deeply" if isinstance(error, RecursionError) else str(error)
            return self._send_json(400, _error_body(400, words))
        except RequestFailed as error:
            return self._send_json(500, _error_body(500, str(error)))
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever a request causes is its answer
            return self._send_json(500, _error_body(500, f"{type(error).__name__}: {error}"))
        if reply is None:
            return self._send_json(404, _error_body(404, "no such path"))
        return self._send_json(200, reply) if reply is not _SENT else None

    def _send_json(self, status: int, reply: Any, **headers: str) -> None:
        text = json.dumps(reply).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(text)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self._headers_buffer.append(b"\r\n" + text)  # type: ignore[attr-defined]  # one packet for head and body
        self.flush_headers()

    def _tokenize(self, body: Mapping[str, Any]) -> Any:
        tokens, prompt = self.service.batcher.render_prompt(read_request(body))
        return {"count": tokens, "prompt": prompt}

    def _complete(self, body: Mapping[str, Any]) -> Any:
        fault = self.service.fault(next(self.service.numbers))
        if fault in ("busy", "down"):
            status, hint = (429, {"Retry_After": str(fault_injection.RETRY_AFTER_S)}) if fault == "busy" else (503, {})
            self._send_json(status, _error_body(status, fault), **hint)
            return _SENT
        pending = self.service.batcher.submit(read_request(body))
        head = {
            "id": f"chat-{pending.problem_id}",
            "created": int(time.time()),
            "model": self.service.engine.policy.name,
        }
        if not body.get("stream"):
            return self._reply_whole(head, pending)
        self._reply_stream(head, pending, fault)
        return _SENT

    def _reply_whole(self, head: Mapping[str, Any], pending: PendingRequest) -> Any:
        rollouts = [unwrap_answer(pending.answers.get()) for _ in range(pending.n)]
        choices = [
            {"index": i, "message": {"role": "assistant", "content": rollout.text}, **_finish_fields(rollout)}
            for i, rollout in enumerate(rollouts)
        ]
        return {**head, "object": "chat.completion", "choices": choices, "usage": _count_usage(rollouts)}

    def _reply_stream(self, head: Mapping[str, Any], pending: PendingRequest, fault: str) -> None:
        rollouts: list[Rollout] = []
        has_started = False
        while len(rollouts) < pending.n:
            try:
                rollouts.append(unwrap_answer(pending.answers.get(timeout=KEEPALIVE_S)))
            except (InvalidRequest, RequestFailed) as error:
                if not has_started:
                    raise
                return self._send_chunk(
                    _encode_event(_error_body(400 if isinstance(error, InvalidRequest) else 500, str(error)))
                    + fault_injection.DONE,
                    last=True,
                )
            except Empty:
                has_started = has_started or self._begin_stream()
                self._send_chunk(b": the engine works\n\n")
        if not has_started:
            self._begin_stream()
        head = {**head, "object": "chat.completion.chunk"}
        frames = [frame for index, rollout in enumerate(rollouts) for frame in _stream_frames(head, index, rollout)]
        frames += [_encode_event({**head, "choices": [], "usage": _count_usage(rollouts)}), fault_injection.DONE]
        with suppress(OSError):
            fault_injection.send_with_fault(fault, frames, self._send_chunk, self.connection, self.service.closing)
            self._send_chunk(b"", last=True)
            return None
        self.close_connection = True
        self.connection.close()
        return None

    def _begin_stream(self) -> bool:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        return True

    def _send_chunk(self, text: bytes, *, last: bool = False) -> None:
        framed = b"%x\r\n%s\r\n" % (len(text), text) if text else b""
        self.wfile.write(framed + (b"0\r\n\r\n" if last else b""))


_SENT = object()  # marks an answer that has already been sent


def _read_object(body: bytes) -> Mapping[str, Any]:
    value = json.loads(body or b"{}", parse_constant=_reject_constant)
    if not isinstance(value, dict):
        raise InvalidRequest("the body is not a JSON object")
    return value


def _reject_constant(name: str) -> Any:
    raise InvalidRequest(f"{name} is not JSON")


def unwrap_answer(answer: Rollout | Exception) -> Rollout:
    """Return the answer where it is a rollout.

    Raises:
        InvalidRequest: the engine could not answer, or the request does not suit it.
        RequestFailed: the engine raised.
    """
    if isinstance(answer, ConfigError):  # such as a cap beyond its context: another try would fail as well
        raise InvalidRequest(str(answer))
    if isinstance(answer, Exception):
        raise RequestFailed(f"the engine failed: {answer}")
    if answer.finish == "error":
        raise InvalidRequest(
            f"the engine returned no answer to a prompt of {answer.prompt_tokens} tokens; "
            "prompt and max_tokens may exceed the context"
        )
    return answer


def _stream_frames(head: Mapping[str, Any], index: int, rollout: Rollout) -> Iterator[bytes]:
    """Yield the frames of a choice, word by word, then its finish."""
    words = rollout.text.split(" ")
    for i, word in enumerate(words):
        text = word if i + 1 == len(words) else f"{word} "
        yield _encode_event(
            {
                **head,
                "choices": [{"index": index, "delta": {"role": "assistant", "content": text}, "finish_reason": None}],
            }
        )
    yield _encode_event({**head, "choices": [{"index": index, "delta": {}, **_finish_fields(rollout)}]})


def _finish_fields(rollout: Rollout) -> dict[str, Any]:
    """Return why an answer ended, and in vLLM's form by which stop string.

    Null where the model ended it itself, nothing where the engine does not say.
    """
    return {
        "finish_reason": rollout.finish,
        **({} if rollout.stopped is None else {"stop_reason": rollout.stopped or None}),
    }


def _count_usage(rollouts: list[Rollout]) -> dict[str, int]:
    prompt, tokens = rollouts[0].prompt_tokens, sum(rollout.tokens for rollout in rollouts)
    return {"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens}


def _encode_event(event: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def _error_body(status: int, words: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": words}}
