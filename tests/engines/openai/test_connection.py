import socket
import threading
import time

import pytest

from assay.engines.openai.connection import (
    HttpConnection,
    RequestRejected,
    RetryableError,
    classify_status,
    parse_json,
    parse_retry_after,
)

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("status", "kind", "busy"),
    [
        (429, RetryableError, True),
        (503, RetryableError, True),
        (500, RetryableError, False),
        (408, RetryableError, False),
        (400, RequestRejected, None),
        (404, RequestRejected, None),
    ],
)
def test_a_status_is_worth_another_try_or_not(status, kind, busy):
    error = classify_status(status, "3", b"some\n  words")
    assert type(error) is kind
    assert str(error) == f"status {status}: some words"
    if kind is RetryableError:
        assert (error.busy, error.after_s) == (busy, 3.0)


def test_a_date_to_retry_after_counts_from_now():
    ahead = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 30))
    assert 28 < parse_retry_after(ahead) <= 30
    assert parse_retry_after("-5") == 0


def test_what_is_no_json_is_broken():
    with pytest.raises(RetryableError, match=r"not JSON: b'\{oh"):
        parse_json(b"{oh")


@pytest.fixture
def replies():
    """Start a server that answers one call with these bytes, with a pause before each further piece: its address."""
    open_ = []

    def start(*pieces, pause=0.0):
        listener = socket.create_server(("127.0.0.1", 0))
        open_.append(listener)

        def answer():
            connection, _ = listener.accept()
            with connection:
                request = b""
                while not request.endswith(b"{}"):  # head and body may come one by one
                    request += connection.recv(1 << 16)
                for i, piece in enumerate(pieces):
                    time.sleep(pause if i else 0.0)
                    connection.sendall(piece)

        threading.Thread(target=answer, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in open_:
        listener.close()


@pytest.mark.service
def test_events_arrive_over_any_cut_of_the_bytes(replies):
    connection = HttpConnection(
        replies(HEAD + b'data: {"a', b'": 1}\n\n: sign of life\n\ndata: [DO', b"NE]\n\n", pause=0.05), silence_s=5
    )
    assert list(connection.stream_events("/", {})) == [{"a": 1}]


@pytest.mark.service
def test_a_stream_that_ends_early_is_a_broken_connection(replies):
    with pytest.raises(RetryableError, match="without") as caught:
        list(HttpConnection(replies(HEAD + b"data: 1\n\n"), silence_s=5).stream_events("/", {}))
    assert caught.value.dead


@pytest.mark.service
def test_silence_has_a_limit_and_a_slow_stream_has_none(replies):
    slow = replies(HEAD, *[b"data: 1\n\n"] * 6, b"data: [DONE]\n\n", pause=0.15)
    assert len(list(HttpConnection(slow, silence_s=0.6).stream_events("/", {}))) == 6  # .9 s in all
    hung = HttpConnection(replies(b"", HEAD, pause=5.0), silence_s=0.3)
    with pytest.raises(RetryableError, match="no progress"):
        list(hung.stream_events("/", {}))
    assert hung._http.sock is None, "what may still come on it is no answer to the next call"


def test_nobody_there_is_broken_and_not_an_os_error():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(RetryableError, match="Refused") as caught:
        HttpConnection(f"http://127.0.0.1:{port}", silence_s=1).get("/")
    assert caught.value.dead
