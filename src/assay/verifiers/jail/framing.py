"""Messages with a length in front, over a socket between two processes that do not trust each other. Standard library only."""

import contextlib
import math
import os
import select
import struct
import time

HEAD = struct.Struct(">I")


class Channel:
    """One end of a socket; never waits beyond a moment that the caller names, and never reads more than `most` bytes at once."""

    def __init__(self, file: int, *, most: int = 8 << 20) -> None:
        self.file, self.most = file, most
        os.set_blocking(file, False)

    def send(self, data: bytes, until: float = math.inf) -> None:
        """Send one message.

        Args:
            data: its bytes.
            until: moment of `time.monotonic` at which to give up.

        Raises:
            TimeoutError: the other end did not read in time.
            EOFError: there is no other end.
        """
        rest = memoryview(HEAD.pack(len(data)) + data)
        while rest:
            self._wait(select.POLLOUT, until)
            try:
                with contextlib.suppress(BlockingIOError):
                    rest = rest[os.write(self.file, rest) :]
            except OSError:
                raise EOFError from None

    def receive(self, until: float = math.inf) -> bytes:
        """Receive one message.

        Args:
            until: moment of `time.monotonic` at which to give up.

        Returns:
            Its bytes.

        Raises:
            TimeoutError: it did not arrive in time.
            EOFError: the other end was closed.
            ValueError: it is larger than allowed.
        """
        (length,) = HEAD.unpack(self._exactly(HEAD.size, until))
        if length > self.most:
            raise ValueError(f"a message of {length} bytes, more than {self.most}")
        return self._exactly(length, until)

    def _exactly(self, count: int, until: float) -> bytes:
        data = bytearray()
        while len(data) < count:
            self._wait(select.POLLIN, until)
            try:
                piece = os.read(self.file, min(count - len(data), 1 << 16))
            except BlockingIOError:
                continue
            except OSError:
                raise EOFError from None
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

    def _wait(self, event: int, until: float) -> None:
        poll = select.poll()
        poll.register(self.file, event)
        left = until - time.monotonic()
        if left <= 0 or not poll.poll(None if left == math.inf else max(1, math.ceil(left * 1000))):
            raise TimeoutError
