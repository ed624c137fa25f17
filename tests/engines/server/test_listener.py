"""How many connections a listener holds, for how long, and who may be let in without a key."""

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler

import pytest

from assay.core.errors import ConfigError
from assay.engines.server import listener as listener_module
from assay.engines.server.listener import FULL, Listener, check_bind

Start = Callable[..., Listener]


class Answering(BaseHTTPRequestHandler):
    """Marks a request as read, answers it, and marks the answer as sent."""

    protocol_version = "HTTP/1.1"
    server: Listener

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.mark_request(self.connection, complete=True)
        time.sleep(float(self.path[1:] or 0))
        self.send_response(204)
        self.end_headers()
        self.server.mark_request(self.connection, complete=False)


@pytest.fixture
def listen() -> Iterator[Start]:
    listeners: list[Listener] = []

    def start(read_s: float = 30.0, max_connections: int = 8) -> Listener:
        listeners.append(Listener(("127.0.0.1", 0), Answering, read_s=read_s, max_connections=max_connections))
        threading.Thread(target=listeners[-1].serve_forever, args=(0.02,), daemon=True).start()
        return listeners[-1]

    yield start
    for listener in listeners:
        listener.shutdown()
        listener.server_close()
        listener.cut()


def connect(listener: Listener, timeout: float = 20.0) -> socket.socket:
    return socket.create_connection(listener.server_address[:2], timeout=timeout)


def ask(connection: socket.socket, wait_s: float = 0.0) -> bytes:
    connection.sendall(b"GET /%.1f HTTP/1.1\r\n\r\n" % wait_s)
    return connection.recv(1 << 12)


def is_closed(connection: socket.socket) -> bool:
    """Return whether the other side closes the connection within the socket's time."""
    with suppress(ConnectionResetError):
        return connection.recv(1) == b""
    return True


def comes_to_hold(listener: Listener, connections: int, within_s: float = 20.0) -> bool:
    """Wait until the listener holds so many connections, and return whether it does."""
    deadline = time.monotonic() + within_s
    while len(listener._open) != connections and time.monotonic() < deadline:
        time.sleep(0.01)
    return len(listener._open) == connections


@pytest.mark.parametrize("host", ["0.0.0.0", "", "0"])
def test_no_address_that_others_reach_is_bound_without_a_key(host: str) -> None:
    with pytest.raises(ConfigError, match="--key-env") as caught:
        check_bind(host, "")
    assert "\n" not in str(caught.value)
    check_bind(host, "a-key")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost"])
def test_this_machine_alone_needs_no_key(host: str) -> None:
    check_bind(host, "")


@pytest.mark.parametrize("key", ["schlüssel", "two words", "line\nbreak", "tab\t", "\x7f"])
def test_a_key_that_no_header_can_hold_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="clients cannot send") as caught:
        check_bind("127.0.0.1", key)
    assert key not in str(caught.value)


@pytest.mark.parametrize("host", ["nowhere.invalid", "300.1.1.1", "a" * 80 + ".invalid", "x..y"])
def test_a_host_that_is_none_is_one_line(host: str) -> None:
    with pytest.raises(ConfigError, match="--host") as caught:
        check_bind(host, "key")
    assert "\n" not in str(caught.value)


def test_header_lines_are_read_until_they_are_too_many_or_none() -> None:
    reader = listener_module.HeadReader(io.BytesIO(b"A: b\r\nC:\n\r\nbody"))
    assert [reader.readline(65_537) for _ in range(3)] == [b"A: b\r\n", b"C:\n", b"\r\n"]
    assert reader.read(4) == b"body"  # which is no header, and asked for by another way
    assert listener_module.HeadReader(io.BytesIO(b"")).readline(9) == b""
    long = listener_module.HeadReader(io.BytesIO(b"A: b\r\n" * listener_module.HEAD_BYTES))
    for _ in range(listener_module.HEAD_BYTES // 6):
        long.readline(65_537)
    with pytest.raises(listener_module.BadHead):
        long.readline(65_537)
    for line in (b"A : b\r\n", b" A: b\r\n", b"A\r\n", b": b\r\n", b"A: b\rC: d\r\n", b"A: \0\r\n", b"A: b"):
        with pytest.raises(listener_module.BadHead):
            listener_module.HeadReader(io.BytesIO(line)).readline(65_537)


def test_a_connection_without_a_whole_request_is_cut_after_its_time(listen: Start) -> None:
    listener, started_s = listen(read_s=0.2), time.monotonic()
    with connect(listener) as silent, connect(listener) as half:
        half.sendall(b"GET /")
        assert is_closed(silent)
        assert is_closed(half)
    assert time.monotonic() - started_s >= 0.2
    assert comes_to_hold(listener, 0)


def test_a_question_that_takes_longer_to_answer_than_to_ask_is_answered(listen: Start) -> None:
    with connect(listen(read_s=0.2)) as connection:
        assert b" 204 " in ask(connection, 0.6)


def test_who_asks_nothing_more_is_let_go_after_a_while(listen: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "IDLE_S", 0.2)
    listener = listen()
    with connect(listener) as connection:
        assert b" 204 " in ask(connection)
        assert is_closed(connection)
    assert comes_to_hold(listener, 0)


def test_the_oldest_that_never_asked_makes_room(listen: Start) -> None:
    listener = listen(max_connections=3)
    with connect(listener) as proven:
        assert b" 204 " in ask(proven)
        with connect(listener) as first, connect(listener) as second:
            assert comes_to_hold(listener, 3)
            with connect(listener) as late:
                assert b" 204 " in ask(late)
                assert is_closed(first)
                assert b" 204 " in ask(second)
                assert b" 204 " in ask(proven)


def test_where_everybody_has_asked_a_new_one_hears_that_there_is_no_room(listen: Start) -> None:
    listener = listen(max_connections=2)
    with connect(listener) as first, connect(listener) as second:
        assert b" 204 " in ask(first)
        assert b" 204 " in ask(second)
        with connect(listener) as late:
            assert late.recv(1 << 12) == FULL
        assert b" 204 " in ask(first)
    assert comes_to_hold(listener, 0)
    with connect(listener) as again:
        assert b" 204 " in ask(again)


def test_a_crowd_costs_no_more_threads_than_connections_are_allowed(listen: Start) -> None:
    listener, before = listen(max_connections=4), threading.active_count()
    crowd = [connect(listener) for _ in range(40)]
    with connect(listener) as connection:
        assert b" 204 " in ask(connection)
    assert threading.active_count() - before <= 4 + 8  # those that were let go may not have ended yet
    for connection in crowd:
        connection.close()
    assert comes_to_hold(listener, 0)


def test_cutting_ends_every_connection_at_once(listen: Start) -> None:
    listener = listen()
    with connect(listener) as silent, connect(listener) as proven:
        assert b" 204 " in ask(proven)
        assert comes_to_hold(listener, 2)
        listener.cut()
        assert is_closed(silent)
        assert is_closed(proven)
