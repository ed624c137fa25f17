"""A server that streams canned answers: `python -m benchmarks._stub PORT_FILE PAUSE_S`, as many events as max_tokens says."""

import asyncio
import sys
from pathlib import Path

EVENT = b'data: {"choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": null}]}\n\n'
MODELS = b'{"data": [{"id": "stub", "root": "stub"}]}'
BURST = 50  # events a packet


def chunk(text: bytes) -> bytes:
    """One piece of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(text), text)


def plain(body: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole answer."""
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pause_s: float) -> None:
    """Requests of one connection, one after the other; max_tokens of each says how many events it gets."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                ),
                0,
            )
            body = await reader.readexactly(length)
            if head.startswith(b"GET"):
                writer.write(plain(MODELS) if b"/models" in head.split(b"\r\n")[0] else plain(b"{}", b"404 Not Found"))
                continue
            if b"/chat/completions" not in head.split(b"\r\n")[0]:
                writer.write(plain(b'{"count": 1, "prompt": "stub"}'))
                continue
            await stream(writer, int(body.split(b'"max_tokens": ')[1].split(b",")[0]), pause_s)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def stream(writer: asyncio.StreamWriter, tokens: int, pause_s: float) -> None:
    """That many events, BURST a packet."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    left = tokens
    while left > BURST:
        writer.write(chunk(EVENT) * BURST)
        left -= BURST
        await writer.drain()
        await asyncio.sleep(pause_s)
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": %d}}\n\n' % tokens
    last = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}\n\n'
    writer.write(chunk(EVENT) * left + chunk(last + usage + b"data: [DONE]\n\n") + b"0\r\n\r\n")
    await writer.drain()


async def main(place: Path, pause_s: float) -> None:
    """Serves until it is killed; its port is written into a file."""
    server = await asyncio.start_server(
        lambda reader, writer: answer(reader, writer, pause_s), "127.0.0.1", 0, backlog=1024
    )
    place.write_text(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2])))
