"""Messages between processes that do not trust each other: whole, bounded and in time."""

import os
import socket
import threading
import time

import pytest

from assay.verifiers.jail.framing import HEAD, Channel


@pytest.fixture
def ends():
    left, right = socket.socketpair()
    yield left, right
    left.close()
    right.close()


def soon(seconds=0.05):
    return time.monotonic() + seconds


def test_messages_arrive_whole_and_in_order(ends):
    sender, receiver = Channel(ends[0].fileno()), Channel(ends[1].fileno())
    messages = [b"", b"a", b"x" * 700_000, b"end"]
    thread = threading.Thread(target=lambda: [sender.send(message) for message in messages])
    thread.start()
    assert [receiver.receive(soon(20)) for _ in messages] == messages
    thread.join()


def test_nobody_waits_longer_than_was_said(ends):
    channel = Channel(ends[0].fileno())
    for act in (lambda: channel.receive(soon()), lambda: channel.send(b"x" * (8 << 20), soon())):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            act()
        assert time.monotonic() - began < 5
    with pytest.raises(TimeoutError):
        channel.receive(time.monotonic() - 1)


def test_half_a_message_is_none(ends):
    os.write(ends[1].fileno(), HEAD.pack(9) + b"half")
    with pytest.raises(TimeoutError):
        Channel(ends[0].fileno()).receive(soon())


def test_a_message_that_is_too_large_is_not_read(ends):
    os.write(ends[1].fileno(), HEAD.pack(1 << 31))
    with pytest.raises(ValueError, match="2147483648 bytes, more than 100"):
        Channel(ends[0].fileno(), max_bytes=100).receive(soon(5))


def test_a_closed_end_is_told_from_a_slow_one(ends):
    channel = Channel(ends[0].fileno())
    ends[1].close()
    with pytest.raises(EOFError):
        channel.receive(soon(5))
    with pytest.raises(EOFError):
        channel.send(b"x", soon(5))
