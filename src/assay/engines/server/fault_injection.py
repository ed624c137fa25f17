"""Fail clients the way real servers do, at the socket, so that every client of `ModelServer` can be tested."""

import socket
import struct
import threading
from collections.abc import Callable, Sequence

FAULTS = ("death", "garbage", "fewer", "hang", "trickle", "busy", "down")
TRICKLE_S = 0.05  # between two frames
RETRY_AFTER_S = 0.2
DONE = b"data: [DONE]\n\n"
LINGER = struct.pack("ii", 1, 0)  # on, 0 s: closing resets the connection


def send_with_fault(
    kind: str,
    frames: Sequence[bytes],
    send: Callable[[bytes], None],
    connection: socket.socket,
    closing: threading.Event,
) -> None:
    """Send the frames of a stream under a fault; "" sends them as they are.

    death: half of them, then a reset. garbage: a frame that is no JSON. fewer: no choice at all. hang: half of them,
    then nothing until the server closes. trickle: all of them, slowly.

    Args:
        kind: name of the fault, one of FAULTS.
        frames: of the stream.
        send: writes bytes to the client.
        connection: the client's socket.
        closing: set when the server closes.

    Raises:
        ConnectionResetError: the fault is `death`.
    """
    half = frames[: len(frames) // 2]
    if kind == "death":
        send(b"".join(half))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        raise ConnectionResetError("injected fault: connection reset")
    if kind == "garbage":
        send(b'data: {"choices": [{"del\xff\n\n' + DONE)
    elif kind == "fewer":
        send(b'data: {"choices": []}\n\n' + DONE)
    elif kind == "hang":
        send(b"".join(half))
        closing.wait()
    elif kind == "trickle":
        for frame in frames:
            send(frame)
            closing.wait(TRICKLE_S)
    else:
        send(b"".join(frames))
