import json
import socket
import threading
import time
import tracemalloc
from contextlib import suppress

import pytest

from assay.core.errors import ConfigError
from assay.core.types import Policy, Problem, Request, Rollout, SamplingConfig
from assay.engines.scripted import Scripted
from assay.engines.server.app import MAX_REQUEST_BYTES, ModelServer, RequestFailed, unwrap_answer
from assay.engines.server.chat_request import InvalidRequest
from assay.engines.server.listener import HEAD_BYTES

TURN = {"role": "user", "content": "2+2"}


def rollout(**fields):
    problem = Problem.of("2+2")
    request = Request(problem.id, problem.messages, SamplingConfig(), (0,), 0)
    return Rollout.of(
        request,
        0,
        **{"policy": Policy("m", "r"), "engine": "scripted", "text": "4", "tokens": 1, "finish": "stop", **fields},
    )


def test_an_engine_that_failed_may_be_asked_again_and_one_that_could_not_may_not():
    assert unwrap_answer(rollout()).text == "4"
    with pytest.raises(RequestFailed, match="boom"):
        unwrap_answer(ValueError("boom"))
    with pytest.raises(InvalidRequest, match="9 tokens"):
        unwrap_answer(rollout(finish="error", prompt_tokens=9))
    with pytest.raises(InvalidRequest, match="does not fit"):
        unwrap_answer(ConfigError("max_tokens 9 does not fit into a context of 8 tokens"))


@pytest.fixture
def serve():
    services = []

    def start(engine=None, **settings):
        services.append(ModelServer(engine or Scripted(), **settings).start())
        return services[-1]

    yield start
    for service in services:
        service.close()


def connect(service, timeout=5.0):
    return socket.create_connection(("127.0.0.1", int(service.url.split(":")[2].split("/")[0])), timeout=timeout)


def send_bytes(service, raw):
    """Return the status and body of what a server answers to these bytes, on a connection of its own."""
    with connect(service) as connection:
        connection.sendall(raw)
        return read_reply(connection)


def read_reply(connection):
    text = b""
    while b"\r\n\r\n" not in text or (
        b"chunked" not in text.lower() and len(text.partition(b"\r\n\r\n")[2]) < content_length(text)
    ):
        if not (piece := connection.recv(1 << 16)):
            break
        text += piece
    head, _, body = text.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body or b"{}")


def content_length(text):
    values = [
        row.split(b":")[1]
        for row in text.partition(b"\r\n\r\n")[0].split(b"\r\n")
        if row.lower().startswith(b"content-length")
    ]
    return int(values[0]) if values else 0


def post(body, *, head=b"", size=None, path=b"/v1/chat/completions"):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    size = b"%d" % len(text) if size is None else size
    return b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: " + size + b"\r\n" + head + b"\r\n" + text


GOOD = {"messages": [{"role": "user", "content": "What is 3 + 4?"}]}


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages": [{"role": "user", "content": "x"}], "temperature": NaN}',
        b'{"messages": [{"role": "user", "content": "x"}], "temperature": 1e999}',
        b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": {"a": '
        + b"[" * 900
        + b"]" * 900
        + b"}}",
        b'{"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": {"a": ' + b"9" * 20_000 + b"}}",
        b'{"messages": [{"role": "user", "content": "' + b"word " * 300_000 + b'"}]}',
        b'{"messages": [{"role": "assistant", "content": "x"}], "continue_final_message": true}',
        b'{"messages": [{"role": "user", "content": "x"}], "stop": [["a"]]}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"[]",
        b"\xff\xfe",
        b"nothing",
    ],
)
def test_a_poisoned_request_is_400_and_the_server_answers_on(serve, body):
    service = serve()
    for path in (b"/v1/chat/completions", b"/tokenize"):
        status, reply = send_bytes(service, post(body, path=path))
        assert (status, reply["error"]["code"]) == (400, 400)
    assert send_bytes(service, post(GOOD))[0] == 200


@pytest.mark.parametrize(
    ("size", "status"),
    [
        (b"-1", 400),
        (b"abc", 400),
        (b"1_0", 400),
        (b"+5", 400),
        (b"99999999999999999999", 413),
        (b"%d" % (MAX_REQUEST_BYTES + 1), 413),
        (b"9" * 5000, 413),
    ],
)
def test_a_length_that_is_none_or_too_much_is_refused_and_nothing_is_read(serve, size, status):
    assert send_bytes(serve(), post(b"", size=size))[0] == status


@pytest.mark.parametrize(
    "line",
    [
        b"X: a\rContent-Length: 5",
        b"X: a\rAuthorization: Bearer right",
        b"Transfer-Encoding : chunked",
        b"Content-Length : 9",
        b"X: a\r\n Transfer-Encoding: chunked",
        b"no colon",
        b": no name",
        b"X\x0b: y",
        b"X: \0",
        b"X: " + b"y" * HEAD_BYTES,
        b"\r\n".join(b"X: " + b"y" * 1000 for _ in range(40)),
    ],
)
def test_a_head_that_is_long_or_could_be_read_in_two_ways_is_refused(serve, line):
    service = serve(key="right")
    given = post(GOOD, head=line + b"\r\nAuthorization: Bearer right\r\n")
    status, told = send_bytes(service, given)
    assert (status, told["error"]["message"]) == (400, "the request's head is too long or ambiguous")
    assert send_bytes(service, post(GOOD, head=b"X: \xe9\tz\r\nY:\r\nAuthorization: Bearer right\r\n"))[0] == 200


def test_heads_without_end_cost_no_memory(serve):
    """The library reads 100 headers of 64 KiB before it asks for anything, and parses them in several times that."""
    service = serve(key="right")
    lines = [connect(service) for _ in range(20)]
    tracemalloc.start()
    try:
        for line in lines:
            with suppress(OSError):
                line.sendall(b"GET /models HTTP/1.1\r\n" + (b"X: " + b"y" * 60_000 + b"\r\n") * 90)
        assert send_bytes(service, post(GOOD, head=b"Authorization: Bearer right\r\n"))[0] == 200
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()
        for line in lines:
            line.close()


def test_a_body_without_a_length_and_a_line_that_is_no_request_are_answered(serve):
    service = serve()
    assert (
        send_bytes(service, b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")[0]
        == 411
    )
    assert send_bytes(service, b"what is this\r\n\r\n") == (
        400,
        {"error": {"code": 400, "message": "a request that cannot be read"}},
    )
    assert send_bytes(service, b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n")[0] == 501


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"Authorization: Bearer wrong\r\n",
        "Authorization: Bearer schlüssel\r\n".encode(),
        b"Authorization: \xff\r\n",
    ],
)
def test_who_has_no_key_is_told_before_a_body_is_sent(serve, head):
    service = serve(key="right")
    assert send_bytes(service, post(b"", head=head, size=b"4000000"))[0] == 401  # no byte of the body is on its way
    assert send_bytes(service, post(b"", head=head + b"Expect: 100-continue\r\n", size=b"4000000"))[0] == 401
    assert send_bytes(service, post(GOOD, head=b"Authorization: Bearer right\r\n"))[0] == 200


def test_half_a_request_and_a_slow_body_have_their_time(serve):
    service = serve(read_s=0.3)
    with connect(service) as silent, connect(service) as half, connect(service) as slow:
        half.sendall(b"POST /v1/chat")
        slow.sendall(post(b"{", size=b"1000"))
        deadline = time.monotonic() + 5

        def drip():
            while time.monotonic() < deadline:
                try:
                    slow.sendall(b" ")
                except OSError:
                    return
                time.sleep(0.02)

        threading.Thread(target=drip, daemon=True).start()
        for connection in (silent, half, slow):
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
        assert time.monotonic() < deadline - 2
    assert send_bytes(service, post(GOOD))[0] == 200


def test_a_crowd_of_open_connections_makes_room_for_who_asks(serve):
    service = serve(connections=8)
    before, crowd = threading.active_count(), [connect(service) for _ in range(40)]
    assert send_bytes(service, post(GOOD))[0] == 200
    assert threading.active_count() - before <= 12
    for connection in crowd:
        connection.close()


def test_one_request_at_which_the_engine_fails_fails_no_other(serve):
    class Choosy(Scripted):
        def generate(self, requests):
            if any("poison" in request.messages[-1].content for request in requests):
                raise RuntimeError("no such token")
            return super().generate(requests)

    service, statuses = serve(Choosy(delay_s=0.005)), []

    def ask(text):
        statuses.append((text, send_bytes(service, post({"messages": [{"role": "user", "content": text}]}))[0]))

    crowd = [threading.Thread(target=ask, args=("poison" if n == 10 else f"What is {n} + 1?",)) for n in range(20)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(10)
    assert sorted(status for _, status in statuses) == [200] * 19 + [500]
    assert ("poison", 500) in statuses
