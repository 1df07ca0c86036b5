"""A server that does with each request what its script says next: answer, hang up, keep silent.

On loopback and real sockets, on the test's own event loop. What it was sent, it keeps.
"""

import asyncio
import json
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Then(Enum):
    """What becomes of the connection afterwards."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a script: what is said, and what then. Unless it `reads`, the request is left unread."""

    said: bytes = b""
    then: Then = Then.KEEP
    reads: bool = True

    def cut(self, left_out: int) -> "Move":
        """The same without its last bytes, and then no more."""
        return Move(self.said[:-left_out], Then.CLOSE)


RESET_UNREAD = Move(then=Then.RESET, reads=False)
RESET = Move(then=Then.RESET)
CLOSE = Move(then=Then.CLOSE)
SILENCE = Move(then=Then.SILENCE)


def answer(status: int, body: bytes, media_type: str, **headers: str) -> Move:
    """A whole answer; `headers` with underscores for hyphens."""
    lines = [f"HTTP/1.1 {status} So", f"Content-Type: {media_type}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return Move("\r\n".join([*lines, "", ""]).encode() + body)


def document(status: int, content: object, **headers: str) -> Move:
    """JSON."""
    return answer(status, json.dumps(content).encode(), "application/json", **headers)


def problem(status: int, code: str, **headers: str) -> Move:
    """A problem document."""
    content = {"type": f"/problems/{code}", "title": code, "status": status, "detail": "Why.", "code": code}
    return answer(status, json.dumps(content).encode(), "application/problem+json", **headers)


def page(status: int, **headers: str) -> Move:
    """What proxies say in a server's place."""
    return answer(status, b"<html><h1>So</h1></html>", "text/html", **headers)


def chunked(*chunks: bytes, then: Then = Then.KEEP) -> Move:
    """A stream; it has an end if it is KEEP."""
    head = b"HTTP/1.1 200 So\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return Move(head + body + (b"0\r\n\r\n" if then is Then.KEEP else b""), then)


@dataclass(frozen=True, slots=True)
class Received:
    """One request; the headers by their names in small letters."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class FaultServer:
    """The script yet to be played, and the requests that were read."""

    def __init__(self) -> None:
        self.script: deque[Move] = deque()
        self.received: list[Received] = []
        self.url = ""
        self._open: set[asyncio.StreamWriter] = set()
        self._arrived = asyncio.Condition()

    def plays(self, *moves: Move) -> None:
        """What is to be done with the next requests; whoever asks more often gets an answer that fails."""
        self.script.extend(moves)

    def keys(self) -> list[str | None]:
        """The idempotency key of each request."""
        return [each.headers.get("idempotency-key") for each in self.received]

    async def has_received(self, requests: int) -> None:
        """Wait for so many requests in all."""
        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: len(self.received) >= requests)

    @asynccontextmanager
    async def on(self, port: int = 0) -> AsyncIterator["FaultServer"]:
        """Open for the time of this block."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        port = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        try:
            yield self
        finally:
            server.close()
            for writer in self._open:
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with suppress(ConnectionError):
            while first := await reader.read(1):
                move = self.script.popleft() if self.script else page(500)
                if move.reads:
                    async with self._arrived:
                        self.received.append(await _request(first, reader))
                        self._arrived.notify_all()
                writer.write(move.said)
                await writer.drain()
                if move.then is Then.SILENCE:
                    await reader.read()
                if move.then is not Then.KEEP:
                    break
            else:
                move = CLOSE
            if move.then is Then.RESET:
                _reset_when_closed(writer)
        writer.close()
        self._open.discard(writer)


async def _request(first: bytes, reader: asyncio.StreamReader) -> Received:
    head = first + await reader.readuntil(b"\r\n\r\n")
    start, *lines = head.decode().rstrip("\r\n").split("\r\n")
    headers = dict(_header(lines))
    method, target, _ = start.split(" ")
    return Received(
        method, target, headers, await reader.readexactly(int(headers.get("content-length", "0")))
    )


def _header(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        name, _, value = line.partition(":")
        yield name.lower(), value.strip()


def _reset_when_closed(writer: asyncio.StreamWriter) -> None:
    own: socket.socket = writer.get_extra_info("socket")
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
