"""Send messages, each preceded by its length, over a socket between two processes that do not trust each other.

Standard library only.
"""

import contextlib
import math
import os
import select
import struct
import time

HEAD = struct.Struct(">I")


class Channel:
    """One end of a socket.

    It never waits beyond a moment that the caller names, and never reads more than `max_bytes` bytes at once.
    """

    def __init__(self, file: int, *, max_bytes: int = 8 << 20) -> None:
        self.file, self.max_bytes = file, max_bytes
        os.set_blocking(file, False)

    def send(self, data: bytes, until: float = math.inf) -> None:
        """Send one message.

        Args:
            data: The message.
            until: Moment of `time.monotonic` at which to give up.

        Raises:
            TimeoutError: The other end did not read in time.
            EOFError: The other end is gone.
        """
        unsent = memoryview(HEAD.pack(len(data)) + data)
        while unsent:
            self._wait(select.POLLOUT, until)
            try:
                with contextlib.suppress(BlockingIOError):
                    unsent = unsent[os.write(self.file, unsent) :]
            except OSError:
                raise EOFError from None

    def receive(self, until: float = math.inf) -> bytes:
        """Receive one message.

        Args:
            until: Moment of `time.monotonic` at which to give up.

        Returns:
            The message.

        Raises:
            TimeoutError: It did not arrive in time.
            EOFError: The other end was closed.
            ValueError: It is larger than allowed.
        """
        (length,) = HEAD.unpack(self._read_exactly(HEAD.size, until))
        if length > self.max_bytes:
            raise ValueError(f"a message of {length} bytes, more than {self.max_bytes}")
        return self._read_exactly(length, until)

    def _read_exactly(self, count: int, until: float) -> bytes:
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
        remaining_s = until - time.monotonic()
        if remaining_s <= 0 or not poll.poll(
            None if remaining_s == math.inf else max(1, math.ceil(remaining_s * 1000))
        ):
            raise TimeoutError
