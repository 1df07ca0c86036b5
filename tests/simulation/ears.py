"""A listener's end of the wire, by WebSocket and by Server-Sent Events, as a program of somebody's has it.

It gives what comes, one message after the other, and knows how the connection ended; who reads on when, and
what becomes of it, is the caller's business. What no client library would do, `tests/support/listening.py`
does. On the test's event loop.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import aiohttp

from tests.support.listening import received

Message: TypeAlias = dict[str, Any]

PATIENCE_S = 15.0
"""How long a test waits for what must come; far longer than that takes."""

LOST = (aiohttp.ClientError, OSError, TimeoutError)
"""What is raised where a listener is not let in."""


class Ears(ABC):
    """One connection. `closed` is the code with which the server ended it, None if it has not said one;
    `last_id` the id of the newest message that has one.
    """

    def __init__(self) -> None:
        self.closed: int | None = None
        self.last_id = ""

    @abstractmethod
    async def hear(self) -> Message | None:
        """The next message; None once the connection has ended."""

    async def say(self, **asked: Any) -> None:
        """Ask for something, on a socket."""
        raise NotImplementedError

    async def until(self, **fields: Any) -> list[Message]:
        """All that comes up to the first message with these fields, which must come."""
        told: list[Message] = []
        async with asyncio.timeout(PATIENCE_S):
            while not told or not told[-1].items() >= fields.items():
                message = await self.hear()
                assert message is not None, f"the connection has ended with {self.closed}, after {told}"
                told.append(message)
        return told


class Socket(Ears):
    """By WebSocket. Pings are answered only while somebody hears."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        super().__init__()
        self._socket = socket

    async def hear(self) -> Message | None:
        """As above."""
        while (message := await self._socket.receive()).type is aiohttp.WSMsgType.PING:
            with suppress(*LOST):  # whoever has not read for long may have been closed meanwhile
                await self._socket.pong(message.data)
        if message.type is aiohttp.WSMsgType.TEXT:
            heard: Message = received(message.data)
            return heard
        self.closed = message.data if message.type is aiohttp.WSMsgType.CLOSE else None
        return None

    async def say(self, **asked: Any) -> None:
        """As above."""
        await self._socket.send_json(asked)


class Stream(Ears):
    """By Server-Sent Events."""

    def __init__(self, content: aiohttp.StreamReader) -> None:
        super().__init__()
        self._content = content

    async def hear(self) -> Message | None:
        """As above."""
        try:
            while (fields := await self._event()) is not None:
                if fields.get("event") == "close":
                    self.closed = received(fields["data"], "close")["code"]
                elif "data" in fields:
                    heard: Message = received(fields["data"], fields["event"])
                    self.last_id = fields.get("id", self.last_id)
                    return heard
        except LOST:
            pass
        return None

    async def _event(self) -> dict[str, str] | None:
        """The fields up to the next empty line; None at the end."""
        fields: dict[str, str] = {}
        while line := await self._content.readline():
            name, _, value = line.decode().rstrip("\n").partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
            elif fields or not value:
                return fields
        return None


@asynccontextmanager
async def socket(session: aiohttp.ClientSession, url: str) -> AsyncIterator[Ears]:
    """Listen by WebSocket, for the time of this block. Raises one of LOST if it is not let in."""
    close = aiohttp.ClientWSTimeout(ws_close=1.0)
    async with session.ws_connect(url, timeout=close, autoping=False) as opened:
        yield Socket(opened)


@asynccontextmanager
async def stream(session: aiohttp.ClientSession, url: str, last_id: str = "") -> AsyncIterator[Ears]:
    """Listen by Server-Sent Events, likewise; `last_id` is what a browser names when it comes back."""
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
    endless = aiohttp.ClientTimeout(total=None, sock_connect=PATIENCE_S)
    async with session.get(url, headers=headers, timeout=endless) as response:
        response.raise_for_status()
        yield Stream(response.content)
