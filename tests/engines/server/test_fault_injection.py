import socket
import threading
import time

import pytest

from assay.engines.server import fault_injection

FRAMES = (b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n", fault_injection.DONE)


def send_frames(kind, closing=None):
    sent, (near, far) = [], socket.socketpair()
    with near, far:
        fault_injection.send_with_fault(kind, FRAMES, sent.append, near, closing or threading.Event())
    return b"".join(sent)


def test_without_a_fault_all_frames_are_sent():
    assert send_frames("") == b"".join(FRAMES)


def test_death_is_half_a_stream_and_a_reset():
    sent, (near, far) = [], socket.socketpair()
    with near, far, pytest.raises(ConnectionResetError):
        fault_injection.send_with_fault("death", FRAMES, sent.append, near, threading.Event())
    assert b"".join(sent) == b"".join(FRAMES[:2])


def test_garbage_is_no_json_and_fewer_has_no_choice_and_both_end_properly():
    assert send_frames("garbage").endswith(fault_injection.DONE)
    with pytest.raises(UnicodeDecodeError):
        send_frames("garbage").decode()
    assert send_frames("fewer") == b'data: {"choices": []}\n\n' + fault_injection.DONE


def test_a_hang_lasts_until_the_server_closes_and_a_trickle_takes_its_time():
    closing = threading.Event()
    threading.Timer(0.2, closing.set).start()
    started_s = time.monotonic()
    assert send_frames("hang", closing) == b"".join(FRAMES[:2])
    assert time.monotonic() - started_s >= 0.15
    started_s = time.monotonic()
    assert send_frames("trickle") == b"".join(FRAMES)
    assert time.monotonic() - started_s >= 4 * fault_injection.TRICKLE_S
