"""A connection that a test reads, or does not: a transport without a network, and what is at its ends."""

import asyncio
from typing import Any, cast

from boxoffice.actors.values import EventStatus, Instant, Terms
from boxoffice.http.live.feeds import EventFeed, Feed
from boxoffice.http.live.listener import Listener, ListenerFigures, Patience
from boxoffice.http.live.transports import StreamListener, WebSocketListener
from tests.unit.desk import EVENT, NOW

PATIENCE = Patience()


class FakeWire:
    """Keeps what is written to it. `unread`: so many bytes of that wait for the client."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.unread = 0
        self.is_closed = False
        self.is_aborted = False

    def write(self, data: bytes) -> None:
        assert not self.is_closed, "uvloop raises"
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return self.is_closed

    def get_extra_info(self, name: str) -> Any:
        assert name == "socket"
        return self

    def setsockopt(self, *_: object) -> None: ...

    def fileno(self) -> int:
        raise OSError("there is no kernel")

    def abort(self) -> None:
        self.is_aborted = True


class FakeSocket:
    """aiohttp's part: keeps the codes with which it is closed."""

    def __init__(self) -> None:
        self.closed = False
        self.codes: list[int] = []

    async def close(self, *, code: int, message: bytes, drain: bool) -> bool:
        assert len(message) <= 123, "no close frame has more"
        assert not drain, "a client that does not read would keep us"
        self.codes.append(code)
        self.closed = True
        await asyncio.sleep(0)
        return True


class Ends:
    """A listener, its wire, and how to have it watch something."""

    def __init__(self, listener: Listener, wire: FakeWire, socket: FakeSocket) -> None:
        self.listener = listener
        self.wire = wire
        self.socket = socket

    def watch(self, feed: Feed, edition: int = 0) -> None:
        """It was sent that edition last."""
        self.listener.feeds[feed] = edition


def web_socket(now_s: float = 0.0) -> Ends:
    """One that was pinged just now, and has answered."""
    wire, socket = FakeWire(), FakeSocket()
    listener = WebSocketListener(
        cast("asyncio.Transport", wire), lambda: True, ListenerFigures(), PATIENCE, cast("Any", socket), now_s
    )
    listener._pinged_s = now_s
    return Ends(listener, wire, socket)


def stream(now_s: float = 0.0, *, is_chunked: bool = True) -> Ends:
    """One that was told something just now."""
    wire = FakeWire()
    listener = StreamListener(
        *(cast("asyncio.Transport", wire), lambda: True, ListenerFigures(), PATIENCE, now_s),
        is_chunked=is_chunked,
    )
    return Ends(listener, wire, FakeSocket())


OPEN = Terms()


def at_version(version: int, terms: Terms = OPEN, closed_at: Instant | None = None) -> EventStatus:
    """An event of 10 tickets: one more is booked with each version."""
    booked = version - 1
    return EventStatus(EVENT, "Concert", 10, 10 - booked, booked, 0, 0, 0, 0, version, terms, closed_at)


def a_feed(version: int = 1) -> EventFeed:
    """An event's, at a version."""
    feed = EventFeed(EVENT)
    feed.renew(at_version(version), NOW)
    return feed
