"""Any local engine behind an OpenAI-compatible address: models, chat completions (streamed or not, n choices), token counts."""

import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from queue import Empty
from typing import Any

from assay.core.errors import PlanError
from assay.core.identity import canonical
from assay.core.ports import Engine
from assay.core.types import Message, Rollout, Sampler
from assay.engines import _faults
from assay.engines._desk import Desk, Question

WAITING_S = 10.0  # between signs of life while the engine works
LARGEST = 1 << 26  # bytes of a request
CAP = 256  # tokens where the client names no cap


class Wrong(ValueError):
    """The client asked for what this server cannot do."""


class Failed(RuntimeError):
    """The engine behind the address failed; another try may succeed."""


@dataclass
class Service:
    """An address that answers from one engine. `fault(i)` names the fault of `_faults` for the i-th completion; "" = none."""

    engine: Engine
    host: str = "127.0.0.1"
    port: int = 0  # 0 = any that is free
    key: str = ""  # "" = everyone may ask
    slots: int = 64  # what it tells clients that it holds
    fault: Callable[[int], str] = lambda _: ""
    asked: Iterator[int] = field(default_factory=count, repr=False)
    closing: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://{self.host}:{self._server.server_address[1]}/v1"

    @cached_property
    def desk(self) -> Desk:
        """Where questions wait."""
        return Desk(self.engine)

    def start(self) -> "Service":
        """Answers in threads of its own until `close`."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def serve(self) -> None:
        """Answers in this thread until it is interrupted."""
        self._server.serve_forever()

    def close(self) -> None:
        """The address is free again, and the engine closed."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.cut()
        self.desk.close()

    @cached_property
    def _server(self) -> "_Server":
        handler = type("Bound", (_Handler,), {"service": self})
        try:
            return _Server((self.host, self.port), handler)
        except OSError as error:
            raise PlanError(f"address {self.host}:{self.port}: {(error.strerror or str(error)).lower()}") from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, Any]:
        """The next connection."""
        line, client = super().get_request()
        self._open.add(line)
        return line, client

    def shutdown_request(self, request: Any) -> None:
        """One connection is over."""
        self._open.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        """All connections are over, as when a process dies."""
        for line in list(self._open):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no event."""


class _Handler(BaseHTTPRequestHandler):
    service: Service
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Requests are not logged: they hold problems, and their headers keys."""

    def do_GET(self) -> None:  # http.server calls it so
        policy = self.service.engine.policy
        model = {"id": policy.name, "object": "model", "owned_by": "assay", "root": f"{policy.name}@{policy.revision}"}
        paths: dict[str, Any] = {"/health": {}, "/props": {"total_slots": self.service.slots}, "/models": {"object": "list", "data": [model]}}
        self._guarded(lambda _: paths.get(self._place))

    def do_POST(self) -> None:  # http.server calls it so
        paths = {"/chat/completions": self._complete, "/tokenize": self._tokenize}
        self._guarded(paths.get(self._place, lambda _: None))

    @property
    def _place(self) -> str:
        return self.path.partition("?")[0].removeprefix("/v1").rstrip("/")

    def _guarded(self, answer: Callable[[Mapping[str, Any]], Any]) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LARGEST))
        if self.service.key and not hmac.compare_digest(self.headers.get("Authorization", ""), f"Bearer {self.service.key}"):
            return self._say(401, _error(401, "no key, or a wrong one"))
        try:
            asked = json.loads(body or b"{}")
            if not isinstance(asked, dict):
                raise Wrong("the body is no JSON object")
            told = answer(asked)
        except (ValueError, TypeError) as error:
            return self._say(400, _error(400, str(error)))
        except Failed as error:
            return self._say(500, _error(500, str(error)))
        if told is None:
            return self._say(404, _error(404, f"no {self.path}"))
        return self._say(200, told) if told is not _SAID else None

    def _say(self, status: int, told: Any, **headers: str) -> None:
        text = json.dumps(told).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(text)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self._headers_buffer.append(b"\r\n" + text)  # type: ignore[attr-defined]  # one packet for head and body
        self.flush_headers()

    def _tokenize(self, asked: Mapping[str, Any]) -> Any:
        tokens, prompt = self.service.desk.prompt(question(asked))
        return {"count": tokens, "prompt": prompt}

    def _complete(self, asked: Mapping[str, Any]) -> Any:
        fault = self.service.fault(next(self.service.asked))
        if fault in ("busy", "down"):
            status, hint = (429, {"Retry_After": str(_faults.RETRY_AFTER_S)}) if fault == "busy" else (503, {})
            self._say(status, _error(status, fault), **hint)
            return _SAID
        waiting = self.service.desk.ask(question(asked))
        head = {"id": f"chat-{waiting.problem_id}", "created": int(time.time()), "model": self.service.engine.policy.name}
        if not asked.get("stream"):
            return self._whole(head, waiting)
        self._stream(head, waiting, fault)
        return _SAID

    def _whole(self, head: Mapping[str, Any], waiting: Question) -> Any:
        found = [answered(waiting.answers.get()) for _ in range(waiting.n)]
        choices = [{"index": i, "message": {"role": "assistant", "content": each.text}, **_ended(each)} for i, each in enumerate(found)]
        return {**head, "object": "chat.completion", "choices": choices, "usage": _usage(found)}

    def _stream(self, head: Mapping[str, Any], waiting: Question, fault: str) -> None:
        found: list[Rollout] = []
        started = False
        while len(found) < waiting.n:
            try:
                found.append(answered(waiting.answers.get(timeout=WAITING_S)))
            except (Wrong, Failed) as error:
                if not started:
                    raise
                return self._chunk(_frame(_error(400 if isinstance(error, Wrong) else 500, str(error))) + _faults.DONE, last=True)
            except Empty:
                started = started or self._begin_stream()
                self._chunk(b": the engine works\n\n")
        if not started:
            self._begin_stream()
        head = {**head, "object": "chat.completion.chunk"}
        frames = [frame for index, rollout in enumerate(found) for frame in _pieces(head, index, rollout)]
        frames += [_frame({**head, "choices": [], "usage": _usage(found)}), _faults.DONE]
        with suppress(OSError):
            _faults.deform(fault, frames, self._chunk, self.connection, self.service.closing)
            self._chunk(b"", last=True)
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

    def _chunk(self, text: bytes, *, last: bool = False) -> None:
        framed = b"%x\r\n%s\r\n" % (len(text), text) if text else b""
        self.wfile.write(framed + (b"0\r\n\r\n" if last else b""))


_SAID = object()  # the answer has been sent


def question(asked: Mapping[str, Any]) -> Question:
    """A chat completion's body as a question.

    Raises:
        Wrong: no messages, tools, images, numbers out of range.
    """
    messages = asked.get("messages")
    if not messages or not isinstance(messages, list):
        raise Wrong("messages: at least one is needed")
    if asked.get("tools"):
        raise Wrong("tools are not supported")
    stop, n = asked.get("stop") or (), int(asked.get("n") or 1)
    sampler = Sampler(
        temperature=float(asked.get("temperature", 1.0)),
        top_p=float(asked.get("top_p", 1.0)),
        top_k=max(0, int(asked.get("top_k", 0))),
        max_tokens=int(asked.get("max_completion_tokens") or asked.get("max_tokens") or CAP),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        chat_template_args=canonical(asked.get("chat_template_kwargs") or {}),
    )
    if sampler.temperature < 0 or not 0 < sampler.top_p <= 1 or sampler.max_tokens < 1 or not 1 <= n <= 1024:
        raise Wrong(f"temperature {sampler.temperature}, top_p {sampler.top_p}, max_tokens {sampler.max_tokens} or n {n} is out of range")
    seed = asked.get("seed")
    turns = tuple(_message(each) for each in messages)
    begun = turns[-1].content if asked.get("continue_final_message") and turns[-1].role == "assistant" else ""
    return Question(turns[:-1] if begun else turns, sampler, n, None if seed is None else int(seed), begun)


def answered(answer: Rollout | Exception) -> Rollout:
    """The rollout.

    Raises:
        Wrong: the engine could not answer.
        Failed: it raised.
    """
    if isinstance(answer, Exception):
        raise Failed(f"the engine failed: {answer}")
    if answer.finish == "error":
        raise Wrong(f"the engine gave no answer to a prompt of {answer.prompt_tokens} tokens; with its cap it may exceed the context")
    return answer


def _message(given: Any) -> Message:
    content = given.get("content") if isinstance(given, dict) else None
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        content = "".join(part["text"] for part in content)
    if not isinstance(content, str) or not isinstance(given.get("role"), str):
        raise Wrong("messages: each needs a role and a text")
    return Message(given["role"], content)


def _pieces(head: Mapping[str, Any], index: int, rollout: Rollout) -> Iterator[bytes]:
    """A choice word by word, then its finish."""
    words = rollout.text.split(" ")
    for place, word in enumerate(words):
        text = word if place + 1 == len(words) else f"{word} "
        yield _frame({**head, "choices": [{"index": index, "delta": {"role": "assistant", "content": text}, "finish_reason": None}]})
    yield _frame({**head, "choices": [{"index": index, "delta": {}, **_ended(rollout)}]})


def _ended(rollout: Rollout) -> dict[str, Any]:
    """Why it ended, and as vLLM does by which stop string; null where the model closed it, nothing where the engine does not say."""
    return {"finish_reason": rollout.finish, **({} if rollout.stopped is None else {"stop_reason": rollout.stopped or None})}


def _usage(found: list[Rollout]) -> dict[str, int]:
    prompt, tokens = found[0].prompt_tokens, sum(rollout.tokens for rollout in found)
    return {"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens}


def _frame(event: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def _error(status: int, words: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": words}}
