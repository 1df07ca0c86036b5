"""A server to listen to that says what the test says: it lets listeners in, or refuses them, and hangs up.

On loopback and real WebSockets, on the test's own event loop.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
from aiohttp import web

PATIENCE_S = 10.0


def problem(status: int, code: str, **headers: str) -> web.Response:
    """A refusal with a problem document."""
    content = document(status, code)
    return web.json_response(content, status=status, headers=headers, content_type="application/problem+json")


def document(status: int, code: str) -> dict[str, object]:
    """The problem document alone."""
    return {"type": f"/problems/{code}", "title": code, "status": status, "detail": "Why.", "code": code}


class Listener:
    """One connection, from the server's side."""

    def __init__(self, request: web.Request) -> None:
        self.target = request.path_qs
        self.headers = request.headers
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.closed = asyncio.Event()
        self._request = request
        self._socket = web.WebSocketResponse(autoping=False, timeout=0.1)
        self._ponged = asyncio.Event()

    async def serve(self, accepted: "asyncio.Queue[Listener]") -> web.WebSocketResponse:
        """Until it is closed, by whomever."""
        await self._socket.prepare(self._request)
        accepted.put_nowait(self)
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.heard.put_nowait(message.data)
            elif message.type is aiohttp.WSMsgType.PONG:
                self._ponged.set()
        self.closed.set()
        return self._socket

    async def says(self, *messages: object) -> None:
        """JSON; what is bytes as it is."""
        for message in messages:
            if isinstance(message, bytes):
                await self._socket.send_bytes(message)
            else:
                await self._socket.send_json(message)

    async def has_been_heard(self) -> None:
        """Wait until all that was said is read."""
        self._ponged.clear()
        await self._socket.ping()
        async with asyncio.timeout(PATIENCE_S):
            await self._ponged.wait()

    async def hangs_up(self, code: int | None = None, reason: str = "") -> None:
        """With a close code, or without a word."""
        if code is not None:
            await self._socket.close(code=code, message=reason.encode())
        elif self._request.transport is not None:
            self._request.transport.abort()


class LiveServer:
    """Lets everybody in, unless it has refusals to give."""

    def __init__(self) -> None:
        self.url = ""
        self.refusals: deque[web.Response] = deque()
        self.asked: list[str] = []
        self._accepted: asyncio.Queue[Listener] = asyncio.Queue()

    async def listener(self) -> Listener:
        """The next one that comes in."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._accepted.get()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        if self.refusals:
            return self.refusals.popleft()
        return await Listener(request).serve(self._accepted)

    @asynccontextmanager
    async def on(self) -> AsyncIterator["LiveServer"]:
        """Open for the time of this block."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site: Any = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        try:
            yield self
        finally:
            with suppress(TimeoutError):
                await runner.cleanup()
