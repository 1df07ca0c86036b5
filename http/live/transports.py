"""The two kinds of listeners: by WebSocket, and by Server-Sent Events.

A WebSocket is asked now and then whether it has read what it got (ping), since a kernel takes megabytes for a
program that reads nothing; a stream cannot be asked. On the event loop.
"""

import asyncio
import random
from collections.abc import Callable

from aiohttp import web

from boxoffice.http.connection import in_kernel
from boxoffice.http.live.frames import HEARTBEAT, PING, Frame, chunk_of
from boxoffice.http.live.listener import SSE, UNSENT_MAX, WEBSOCKET, Listener, ListenerFigures, Patience
from boxoffice.http.live.messages import CloseNotice
from boxoffice.http.wire import encode


class WebSocketListener(Listener):
    """By WebSocket."""

    transport = WEBSOCKET

    __slots__ = ("_asked_s", "_closing", "_pinged_s", "_socket")

    def __init__(
        self,
        wire: asyncio.Transport,
        is_welcome: Callable[[], bool],
        figures: ListenerFigures,
        patience: Patience,
        socket: web.WebSocketResponse,
        now_s: float,
    ) -> None:
        super().__init__(wire, is_welcome, figures, patience, now_s)
        self._socket = socket
        self._asked_s: float | None = None  # when it was asked what it has not answered
        early_s = random.uniform(0, patience.ping_every_s)  # noqa: S311 - so that not all answer at once
        self._pinged_s = now_s - early_s
        self._closing: asyncio.Task[bool] | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the client has closed, or aiohttp has: it does when what comes is no frame."""
        return self._wire.is_closing() or self._socket.closed

    def answered(self, now_s: float) -> None:
        """It has read everything that was sent before the ping."""
        self._asked_s = None
        self.catch_up(now_s)

    def _takes(self, now_s: float) -> bool:
        asked_s = self._asked_s
        is_late = asked_s is not None and now_s - asked_s >= self._patience.ping_every_s
        return not is_late and self._wire.get_write_buffer_size() <= UNSENT_MAX

    def _write(self, frame: Frame, now_s: float) -> None:
        if self._asked_s is None and now_s - self._pinged_s >= self._patience.ping_every_s:
            self._asked_s = self._pinged_s = now_s
            self._put(frame.pinged)
        else:
            self._put(frame.text)

    def is_stuck(self, now_s: float) -> bool:
        """Whether it has answered no ping for too long, either."""
        unanswered = self._asked_s is not None and now_s - self._asked_s >= self._patience.stuck_s
        return super().is_stuck(now_s) or unanswered

    def keep_alive(self, now_s: float) -> None:
        """Ping."""
        if self._asked_s is None and now_s - self._pinged_s >= self._patience.idle_ping_every_s:
            self._asked_s = self._pinged_s = now_s
            self._put(PING)

    async def closed(self) -> None:
        """Wait until the client knows, if it was we who closed; one that does not read is cut off."""
        if self._closing is not None:
            await self._closing
            self.cut_off()

    def end(self, code: int, reason: str) -> None:
        """Send a close frame; the receiving side sees that, and ends."""
        if self.ended is None:
            self.ended = reason
            closing = self._socket.close(code=code, message=reason.encode(), drain=False)
            self._closing = asyncio.get_running_loop().create_task(closing)


class StreamListener(Listener):
    """By Server-Sent Events. `parted` is set when it is to end."""

    transport = SSE

    __slots__ = ("_is_chunked", "_told_s", "parted")

    def __init__(
        self,
        wire: asyncio.Transport,
        is_welcome: Callable[[], bool],
        figures: ListenerFigures,
        patience: Patience,
        now_s: float,
        *,
        is_chunked: bool,
    ) -> None:
        super().__init__(wire, is_welcome, figures, patience, now_s)
        self._is_chunked = is_chunked
        self._told_s = now_s
        self.parted = asyncio.Event()

    def _write(self, frame: Frame, now_s: float) -> None:
        self._told_s = now_s
        self._put(frame.chunk if self._is_chunked else frame.streamed)

    def _under_way(self) -> int:
        """It cannot be asked, so the kernel is: a client that has vanished without a word takes nothing."""
        return super()._under_way() + in_kernel(self._wire)

    def keep_alive(self, now_s: float) -> None:
        """Send a comment."""
        if now_s - self._told_s >= self._patience.idle_ping_every_s:
            self._told_s = now_s
            self._put(chunk_of(HEARTBEAT) if self._is_chunked else HEARTBEAT)

    def end(self, code: int, reason: str) -> None:
        """Send a last event; whoever serves it ends the stream."""
        if self.ended is None:
            self.ended = reason
            if not self._wire.is_closing() and self._wire.get_write_buffer_size() <= UNSENT_MAX:
                last = Frame(encode(CloseNotice(code, reason)), "close")
                self._put(last.chunk if self._is_chunked else last.streamed)
            self.parted.set()
