"""Any local engine behind an OpenAI-compatible address: models, chat completions (streamed or not, n choices), token counts."""

import hmac
import ipaddress
import json
import math
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
LARGEST = 1 << 23  # bytes of a request
DRY, DRY_S = 1 << 16, 0.2  # bytes of a refused body, and the wait for them
DIGITS = 15  # of a Content-Length
READ_S = 30.0  # from an open connection to its first whole request
IDLE_S = 120.0  # from an answer to the end of the next request on its connection
STALLED_S = 30.0  # in which a client takes nothing of what it is sent
CONNECTIONS = 512  # at once, a thread each; above it the oldest that never asked a whole question is let go
CAP = 256  # tokens where the client names no cap
MOST_TOKENS, MOST_STOPS, MOST_CHOICES = 1 << 20, 64, 1024
FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


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
    read_s: float = READ_S  # limit on the time from a connection to its first whole request
    connections: int = CONNECTIONS
    asked: Iterator[int] = field(default_factory=count, repr=False)
    closing: threading.Event = field(default_factory=threading.Event, repr=False)

    def __post_init__(self) -> None:
        check_bind(self.host, self.key)

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
            return _Server((self.host, self.port), handler, read_s=self.read_s, most=self.connections)
        except OSError as error:
            raise PlanError(f"address {self.host}:{self.port}: {(error.strerror or str(error)).lower()}") from error


def check_bind(host: str, key: str) -> None:
    """Refuse an address that other machines reach where no key is asked for.

    Raises:
        PlanError: the host is not of this machine alone and there is no key; an unknown host; a key that no header can hold.
    """
    if not all("!" <= letter <= "~" for letter in key):
        raise PlanError("the key of --key-env holds blanks, line breaks or letters beyond ASCII, which no client can send")
    try:
        places = {str(place[4][0]) for place in socket.getaddrinfo(host or "0.0.0.0", None, socket.AF_INET)}  # as bind reads ""
    except (OSError, UnicodeError) as error:
        raise PlanError(f"--host {host!r}: {str(error).lower()}") from error
    if not key and not all(ipaddress.ip_address(place).is_loopback for place in places):
        raise PlanError(f"--host {host or '0.0.0.0'} lets other machines in: --key-env VARIABLE names the key to ask of them")


@dataclass(slots=True)
class _Connection:
    """What the server knows of an open connection."""

    until: float  # when it is cut unless a whole request has come, time.monotonic()
    proven: bool = False  # it has asked a whole question, with the key where there is one


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], *, read_s: float, most: int) -> None:
        super().__init__(address, handler)
        self.read_s, self.most = read_s, most
        self._open: dict[socket.socket, _Connection] = {}
        self._guard = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for the connection, where there is room for one."""
        with self._guard:
            if len(self._open) >= self.most and not self._made_room():
                with suppress(OSError):
                    request.setblocking(False)
                    request.send(FULL)
                return super().shutdown_request(request)
            self._open[request] = _Connection(time.monotonic() + self.read_s)
        return super().process_request(request, client_address)

    def _made_room(self) -> bool:
        """Whether a connection that never asked a whole question could be let go, the oldest first."""
        for line, known in self._open.items():
            if not known.proven:
                del self._open[line]
                _end(line)
                return True
        return False

    def service_actions(self) -> None:
        """Cuts connections whose request is overdue; `serve_forever` calls it at every turn."""
        now = time.monotonic()
        with self._guard:
            for line, known in self._open.items():
                if now > known.until:
                    _end(line)

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
                _end(line)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no event."""


def _end(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    service: Service
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = STALLED_S  # of one read or write
    default_request_version = "HTTP/1.0"  # of what is no request: the answer has a head
    error_content_type = "application/json"
    error_message_format = '{"error": {"code": %(code)d, "message": "a request that cannot be read"}}'

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

    def handle_expect_100(self) -> bool:
        """A client that asks before it sends its body hears at once whether it is wanted."""
        if refusal := self._refusal():
            self._refuse(*refusal)
            return False
        return super().handle_expect_100()

    def _refusal(self) -> tuple[int, str] | None:
        """Why a request is not read, from its head alone: status and words."""
        if self.service.key:
            given = self.headers.get("Authorization", "").encode("utf-8", "replace")
            if not hmac.compare_digest(given, f"Bearer {self.service.key}".encode()):
                return 401, "no key, or a wrong one"
        lengths = set(self.headers.get_all("Content-Length") or ())
        if self.headers.get("Transfer-Encoding") or (self.command == "POST" and not lengths):
            return 411, "a body needs a Content-Length"
        length = lengths.pop().strip() if lengths else "0"
        if lengths or not (length.isascii() and length.isdigit()):
            return 400, "Content-Length is no number of bytes"
        if len(length) > DIGITS or int(length) > LARGEST:
            return 413, f"a request has at most {LARGEST} bytes"
        return None

    def _refuse(self, status: int, words: str) -> None:
        """The body is not read, so nothing more can be read on this connection; a small one is let run dry, or the answer could be lost with it."""
        self.close_connection = True
        self._say(status, _error(status, words), Connection="close")
        with suppress(OSError, ValueError):
            self.connection.settimeout(DRY_S)
            self.rfile.read1(DRY)

    def _guarded(self, answer: Callable[[Mapping[str, Any]], Any]) -> None:
        if refusal := self._refusal():
            return self._refuse(*refusal)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # cut, or gone
            self.close_connection = True
            return None
        self.server.reading(self.connection, done=True)
        try:
            self._answer(body, answer)
        finally:
            self.server.reading(self.connection, done=False)
        return None

    def _answer(self, body: bytes, answer: Callable[[Mapping[str, Any]], Any]) -> None:
        try:
            told = answer(_object(body))
        except (ValueError, TypeError, RecursionError) as error:
            words = "the body is nested too deep" if isinstance(error, RecursionError) else str(error)
            return self._say(400, _error(400, words))
        except Failed as error:
            return self._say(500, _error(500, str(error)))
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever one request causes is that request's answer
            return self._say(500, _error(500, f"{type(error).__name__}: {error}"))
        if told is None:
            return self._say(404, _error(404, "no such path"))
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
    """A chat completion's body as a question; all of it is looked over here, before it waits beside others.

    Raises:
        Wrong: no messages, tools, images, texts that cannot be encoded, numbers that are none or out of range.
    """
    messages = asked.get("messages")
    if not messages or not isinstance(messages, list):
        raise Wrong("messages: at least one is needed")
    if asked.get("tools"):
        raise Wrong("tools are not supported")
    arguments = asked.get("chat_template_kwargs") or {}
    if not isinstance(arguments, dict):
        raise Wrong("chat_template_kwargs: an object is needed")
    cap = "max_tokens" if asked.get("max_completion_tokens") is None else "max_completion_tokens"
    sampler = Sampler(
        temperature=_number(asked, "temperature", 1.0, least=0, most=100),
        top_p=_number(asked, "top_p", 1.0, least=1e-9, most=1),
        top_k=max(0, _whole(asked, "top_k", 0, least=-1, most=1 << 31)),
        max_tokens=_whole(asked, cap, CAP, least=1, most=MOST_TOKENS),
        stop=_stops(asked.get("stop")),
        chat_template_args=canonical(arguments),
    )
    _text(sampler.chat_template_args, "chat_template_kwargs")
    n = _whole(asked, "n", 1, least=1, most=MOST_CHOICES)
    seed = None if asked.get("seed") is None else _whole(asked, "seed", 0, least=-1, most=(1 << 63) - 1 - MOST_CHOICES)
    turns = tuple(_message(message) for message in messages)
    begun = turns[-1].content if asked.get("continue_final_message") and turns[-1].role == "assistant" else ""
    return Question(turns[:-1] if begun else turns, sampler, n, None if seed == -1 else seed, begun)


def _number(asked: Mapping[str, Any], name: str, default: float, *, least: float, most: float) -> float:
    value = default if asked.get(name) is None else asked[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong(f"{name}: a number is needed")
    if (isinstance(value, float) and not math.isfinite(value)) or not least <= value <= most:
        raise Wrong(f"{name} {str(value)[:40]} is out of range, {least:g} to {most:g}")
    return float(value)


def _whole(asked: Mapping[str, Any], name: str, default: int, *, least: int, most: int) -> int:
    value = default if asked.get(name) is None else asked[name]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Wrong(f"{name}: a whole number is needed")
    if not least <= value <= most:
        raise Wrong(f"{name} {value if abs(value) < 1 << 63 else 'of more than 64 bits'} is out of range, {least} to {most}")
    return value


def _stops(given: Any) -> tuple[str, ...]:
    stops = [given] if isinstance(given, str) else [] if given is None else given
    if not isinstance(stops, list) or len(stops) > MOST_STOPS or not all(isinstance(stop, str) for stop in stops):
        raise Wrong(f"stop: a text or a list of at most {MOST_STOPS} texts is needed")
    return tuple(_text(stop, "stop") for stop in stops if stop)


def _text(text: str, name: str) -> str:
    """The text itself, where UTF-8 can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Wrong(f"{name}: half of a surrogate pair at character {error.start}") from None
    return text


def _object(body: bytes) -> Mapping[str, Any]:
    asked = json.loads(body or b"{}", parse_constant=_no_constant)
    if not isinstance(asked, dict):
        raise Wrong("the body is no JSON object")
    return asked


def _no_constant(name: str) -> Any:
    raise Wrong(f"{name} is no JSON")


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
        texts = [part.get("text") for part in content]
        content = "".join(texts) if all(isinstance(text, str) for text in texts) else None
    if not isinstance(content, str) or not isinstance(given.get("role"), str):
        raise Wrong("messages: each needs a role and a text")
    return Message(_text(given["role"], "messages: role"), _text(content, "messages"))


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
