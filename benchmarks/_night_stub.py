"""A server whose answers take as long as they have tokens: `python -m benchmarks._night_stub FOLDER NAME SECONDS_PER_TOKEN`.

Lengths are log-normal with a heavy tail, cut at max_tokens. Each answer is one event, sent when its tokens would have been generated, with its
usage. Begins and ends of answers are appended to FOLDER/NAME.log as `time, change of the places in use, tokens of a whole answer`.
"""

import asyncio
import json
import sys
import time
import zlib
from pathlib import Path

import numpy as np

from benchmarks._stub import MODELS, chunk, plain

MEDIAN, SPREAD = 1_200.0, 1.3  # tokens; in logs: a mean of some 2,800, and one answer in 180 is cut at 32,768


def draw_length(body: bytes, served: int) -> int:
    """Tokens of the answer that this server gives to its n-th request."""
    rng = np.random.default_rng((zlib.crc32(body), served))
    return max(1, int(MEDIAN * np.exp(SPREAD * rng.standard_normal())))


class Server:
    """One server and the log of its places."""

    def __init__(self, place: Path, pace_s: float) -> None:
        self.log, self.pace_s, self.served = place.open("a", buffering=1), pace_s, 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection, one after the other."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.lower().split(b"\r\n")
                length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
                body = await reader.readexactly(length)
                if head.startswith(b"GET"):
                    writer.write(plain(MODELS) if b"/models" in lines[0] else plain(b"{}", b"404 Not Found"))
                elif b"/chat/completions" not in lines[0]:
                    writer.write(plain(b'{"count": 1, "prompt": "stub"}'))
                else:
                    await self.complete(body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def complete(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        """One answer, after its time."""
        asked = json.loads(body)
        self.served += 1
        cap, wanted = int(asked["max_tokens"]), draw_length(body, self.served)
        tokens, finish = min(cap, wanted), "length" if wanted > cap else "stop"
        probe = cap < 100  # greedy answers that tell a checkpoint are the same on all servers
        if not probe:
            self.log.write(f"{time.time():.4f} 1 0\n")
            await asyncio.sleep(tokens * self.pace_s)
        text = "stub" if probe else f"The answer is {tokens % 7}."
        delta = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}
        usage = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": tokens}}
        events = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in (delta, usage))
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head + chunk(events + b"data: [DONE]\n\n") + b"0\r\n\r\n")
        await writer.drain()
        if not probe:
            self.log.write(f"{time.time():.4f} -1 {tokens}\n")


async def main(folder: Path, name: str, pace_s: float) -> None:
    """Serves until it is killed; its port is written into FOLDER/NAME.port."""
    server = Server(folder / f"{name}.log", pace_s)
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0, backlog=1024)
    (folder / f"{name}.port").write_text(str(listening.sockets[0].getsockname()[1]))
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])))
