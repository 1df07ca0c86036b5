"""A server that answers as a test says, byte by byte, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Union

from boxoffice.bench.load.machinery import Address

BOOKED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"

HANG_UP = b""
"""Instead of an answer."""


Coming = Union["asyncio.Future[bytes]", bytes]
Answers = Callable[[int, bytes], Coming]


class Answering:
    """`answer` is given the number of a request, from 0, and what it was; it is awaited for what to send."""

    def __init__(self, answer: Answers) -> None:
        self._answer = answer
        self.asked: list[bytes] = []
        self.connections = 0
        self.address = Address("", 0)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while request := await _request(reader):
                self.asked.append(request)
                answer = self._answer(len(self.asked) - 1, request)
                data = answer if isinstance(answer, bytes) else await answer
                if data == HANG_UP:
                    break
                writer.write(data)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    _, found, rest = head.partition(b"Content-Length: ")
    length = int(rest.partition(b"\r\n")[0]) if found else 0
    return head + await reader.readexactly(length)


@asynccontextmanager
async def answering(
    answer: Answers = lambda _number, _request: BOOKED,
) -> AsyncIterator[Answering]:
    """A server on a free port."""
    server = Answering(answer)
    tasks: set[asyncio.Task[None]] = set()

    def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(server.meet(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = await asyncio.start_server(meet, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    server.address = Address(host, port)
    try:
        yield server
    finally:
        listening.close()
        for task in tuple(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
