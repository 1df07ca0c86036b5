"""One connection that watches: what it is sent, and how long it is waited for.

What a listener has not read is kept nowhere but in small buffers: as long as it is behind, only *that* there
is something new is remembered, and what that is when it can be sent.

    tell ──▶ written, if it has read enough of what was before ──▶ else behind, until `catch_up`

Knows no tickets and no requests; the two kinds are in `transports.py`. On the event loop.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from boxoffice.http.connection import reset_at_close
from boxoffice.http.live.feeds import Feed
from boxoffice.http.live.frames import Frame

PING_EVERY_S = 2.0
"""How often a listener is asked, while it is sent something, whether it has read it: no more than what comes
in that time is under way to it."""

IDLE_PING_EVERY_S = 25.0
"""How often it is asked when there is nothing new: proxies close what is silent for a minute."""

STUCK_S = 10.0
"""A listener that reads nothing for so long is given up."""

CLOSE_WITHIN_S = 0.75
"""How long a listener that is closed may take to say that it knows. Less than the second that aiohttp waits
for those that are left when the server stops: were it the same, aiohttp would log that as a failure.
"""

UNSENT_MAX = 16 * 1024
"""Bytes that wait to be taken by the kernel, from which on nothing is added: some 20 messages."""

SEND_BUFFER = 16 * 1024
"""Bytes that the kernel keeps for a listener (Linux: twice that, with its own overhead)."""

LAST_LOOKS = 10
"""Looks at whether the kernel has taken what a listener was sent last, until it is cut off."""

MESSAGES_MAX = 100
"""Messages and pings that a listener may send from one look at it to the next, a second later."""

HEARD_MAX = 32 * 1024
"""Bytes that it may send in that time: ever so many empty pieces make one message that never ends."""

GOING_AWAY, UNSUPPORTED, POLICY, OUR_MISTAKE, TRY_LATER = 1001, 1003, 1008, 1011, 1013
"""Close codes of RFC 6455 and of its registry."""

SLOW, KEY, MESSAGES = DROPPED = ("slow", "key", "messages")
"""Why a listener was dropped: it did not read, it is no longer welcome, it sent too much."""

WEBSOCKET, SSE = TRANSPORTS = ("websocket", "sse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long listeners are waited for, in seconds. Each may be late by a look at all of them."""

    ping_every_s: float = PING_EVERY_S
    idle_ping_every_s: float = IDLE_PING_EVERY_S
    stuck_s: float = STUCK_S
    close_within_s: float = CLOSE_WITHIN_S
    look_every_s: float = 1.0


class ListenerFigures:
    """Messages sent, and listeners that were dropped, by why."""

    __slots__ = ("dropped", "messages")

    def __init__(self) -> None:
        self.messages = 0
        self.dropped = dict.fromkeys(DROPPED, 0)


class Listener(ABC):
    """What WebSockets and streams of events have in common. `since`: of which versions nothing is to be sent.

    `feeds` are what it watches, each with the edition that it was sent last; `behind` those of which there is
    something new for it.
    """

    transport: ClassVar[str]

    __slots__ = (
        *("_arrived", "_figures", "_moved_s", "_patience", "_wire", "_written"),
        *("behind", "ended", "feeds", "heard", "is_welcome", "received", "since"),
    )

    def __init__(
        self,
        wire: asyncio.Transport,
        is_welcome: Callable[[], bool],
        figures: ListenerFigures,
        patience: Patience,
        now_s: float,
    ) -> None:
        self._wire = wire
        self._figures = figures
        self._patience = patience
        self._written = 0  # bytes
        self._arrived = -1  # of these, when last looked at
        self._moved_s = now_s  # when something had arrived, or nothing was under way
        self.is_welcome = is_welcome
        self.feeds: dict[Feed, int] = {}
        self.behind: dict[Feed, None] = {}
        self.since = 0
        self.received = 0  # messages, since the last look
        self.heard = 0  # bytes, since then
        self.ended: str | None = None  # why, once it is to end by our will

    # --- what is new -----------------------------------------------------------------------------

    def tell(self, feed: Feed, now_s: float) -> bool:
        """Send a feed's newest state, now or when what was sent before has been read."""
        if feed.version < self.since or self.feeds.get(feed, feed.edition) == feed.edition:
            return False
        if self.behind or not self._takes(now_s):
            self.behind[feed] = None
            return False
        self._send(feed, now_s)
        return True

    def catch_up(self, now_s: float) -> None:
        """Send what is newest of what could not be sent, as far as that can be now."""
        while self.behind and self._takes(now_s):
            feed = next(iter(self.behind))
            del self.behind[feed]
            self._send(feed, now_s)

    def _send(self, feed: Feed, now_s: float) -> None:
        if feed.frame is not None:
            self.feeds[feed] = feed.edition
            self.send(feed.frame, now_s)
            if feed.is_settled:
                del self.feeds[feed]
                feed.listeners.pop(self, None)

    def send(self, frame: Frame, now_s: float) -> None:
        """Send a message now, unless it could only pile up."""
        is_open = self.ended is None and not self.is_gone
        if is_open and self._wire.get_write_buffer_size() <= UNSENT_MAX:
            self._figures.messages += 1
            self._write(frame, now_s)

    def _takes(self, now_s: float) -> bool:  # noqa: ARG002 - others look at the time
        """Whether what was sent has been read far enough for more."""
        return self._wire.get_write_buffer_size() <= UNSENT_MAX

    @abstractmethod
    def _write(self, frame: Frame, now_s: float) -> None:
        """Hand it over to the kernel."""

    # --- how long it is waited for ---------------------------------------------------------------

    @property
    def is_gone(self) -> bool:
        """Whether the client has closed."""
        return self._wire.is_closing()

    def is_stuck(self, now_s: float) -> bool:
        """Whether nothing has arrived there for too long of what is under way. Called every second."""
        under_way = self._under_way()
        arrived, before = self._written - under_way, self._arrived
        self._arrived = arrived
        if not under_way or arrived > before:
            self._moved_s = now_s
        return now_s - self._moved_s >= self._patience.stuck_s

    def _under_way(self) -> int:
        """Bytes that were handed over and may not have arrived."""
        return self._wire.get_write_buffer_size()

    def _put(self, data: bytes) -> None:
        """Hand this over to be sent."""
        self._written += len(data)
        self._wire.write(data)

    async def drained(self) -> None:
        """Wait until the kernel has taken everything, but not for long."""
        for _ in range(LAST_LOOKS):
            if not self._wire.get_write_buffer_size():
                return
            await asyncio.sleep(self._patience.close_within_s / LAST_LOOKS)

    def cut_off(self) -> None:
        """Have nothing more of what is not read offered to the client."""
        if self._wire.get_write_buffer_size():
            reset_at_close(self._wire)
            self._wire.abort()

    @abstractmethod
    def keep_alive(self, now_s: float) -> None:
        """Say something if nothing has been said for long. Called every second."""

    @abstractmethod
    def end(self, code: int, reason: str) -> None:
        """Close, and say why. Returns at once; that it has ended is seen by whoever serves it."""
