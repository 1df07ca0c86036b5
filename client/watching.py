"""What is watched, as long as somebody wants to know: the newest of it, over one connection after another.

A task listens all the while, whatever the caller does meanwhile; between the two there is room for one, so
who is slow gets the newest and never a backlog. Called on the event loop.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Generic, TypeAlias, TypeVar
from urllib.parse import urlencode

import msgspec

from boxoffice.client.address import segment
from boxoffice.client.connection import Connection
from boxoffice.client.listening import kind_of, texts
from boxoffice.client.patience import WAIT_MAX_S, Trials
from boxoffice.client.problems import BadAnswer, BoxOfficeError
from boxoffice.client.types import Event, Order, OrderStatus, Result

FINAL = {OrderStatus.CANCELLED, OrderStatus.EXPIRED}

T = TypeVar("T", bound=Result)

OnConnection: TypeAlias = Callable[[BoxOfficeError | None], object]
"""Told None when a connection stands, and why when there is none, or none any more."""


class Watched(ABC, Generic[T]):
    """One thing that is watched: how to ask for it, and what was heard of it last."""

    kind: str
    """The type of the messages that are about it."""

    over = False
    """Whether nothing more will ever come."""

    def __init__(self, decoder: "msgspec.json.Decoder[T]") -> None:
        self._decode = decoder.decode

    @property
    @abstractmethod
    def target(self) -> str:
        """Path and query of the WebSocket."""

    @property
    def asks(self) -> str | None:
        """What to send once it is open, if anything."""
        return None

    @abstractmethod
    def is_news(self, heard: T) -> bool:
        """Whether it is newer than all that was heard before; if it is, it is what was heard last."""

    def take(self, text: str) -> T | None:
        """What a message brings that is news, if anything. Raises Problem or BadAnswer."""
        if kind_of(text) != self.kind:
            return None
        try:
            heard = self._decode(text)
        except msgspec.DecodeError as failure:
            raise BadAnswer(f"a message is not what was asked for: {failure}", 101) from failure
        return heard if self.is_news(heard) else None


class WatchedEvent(Watched[Event]):
    """An event's status. The same version may come again: time alone opens a sale, and closes it."""

    kind = "status"

    def __init__(self, event_id: str | int, since: int) -> None:
        super().__init__(msgspec.json.Decoder(Event))
        self._path = f"/status/{segment(event_id)}/live"
        self._since = since
        self._last: Event | None = None

    @property
    def target(self) -> str:
        """After a loss, the last version is asked for again: its state may be another by now."""
        since = self._since if self._last is None else self._last.version - 1
        return f"{self._path}?{urlencode({'since': since})}" if since > 0 else self._path

    def is_news(self, heard: Event) -> bool:
        """Not an older version, nor the very same."""
        if heard.version < self._since or heard == self._last:
            return False
        self._since, self._last = heard.version, heard
        return True


class WatchedOrder(Watched[Order]):
    """An order, until it is cancelled or has expired. Its version is its event's, and no change by itself."""

    kind = "order"

    def __init__(self, order_id: str) -> None:
        super().__init__(msgspec.json.Decoder(Order))
        self._order_id = order_id
        self._last: Order | None = None

    @property
    def target(self) -> str:
        """That of every watcher; which order it is about is said there."""
        return "/live"

    @property
    def asks(self) -> str:
        """For this order."""
        return msgspec.json.encode({"watchOrder": self._order_id}).decode()

    def is_news(self, heard: Order) -> bool:
        """Not an older version, nor one in which nothing has changed for whoever has it."""
        last = self._last
        if last is not None and (heard.version < last.version or _told(heard) == _told(last)):
            return False
        self._last, self.over = heard, heard.status in FINAL
        return True


def _told(order: Order) -> tuple[object, ...]:
    return order.status, order.quantity, order.position, order.expires_at


class Slot(Generic[T]):
    """Room for one: what is put in takes the place of what nobody has taken yet."""

    def __init__(self) -> None:
        self._newest: T | None = None
        self._changed = asyncio.Event()

    def put(self, value: T) -> None:
        """Here is something newer."""
        self._newest = value
        self._changed.set()

    def take(self) -> T | None:
        """What is there."""
        newest, self._newest = self._newest, None
        return newest

    def wake(self) -> None:
        """There may be something to look at."""
        self._changed.set()

    async def changed(self) -> None:
        """Wait for that."""
        await self._changed.wait()
        self._changed.clear()


async def newest_of(
    connection: Connection, watched: Watched[T], on_connection: OnConnection | None
) -> AsyncGenerator[T, None]:
    """Whatever is news when it is asked for, until it is over. Raises BoxOfficeError when it is given up."""
    slot = Slot[T]()
    listening = asyncio.create_task(_listen(connection, watched, slot, on_connection or _unheard))
    listening.add_done_callback(lambda _: slot.wake())
    try:
        while True:
            if (found := slot.take()) is not None:
                yield found
            elif listening.done():
                listening.result()
                return
            else:
                await slot.changed()
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def _unheard(_: BoxOfficeError | None) -> None:
    pass


async def _listen(
    connection: Connection, watched: Watched[T], slot: Slot[T], on_connection: OnConnection
) -> None:
    """Until it is over: on one connection, and when that is lost on the next."""
    trials = connection.trials()
    while not watched.over:
        try:
            await _once(connection, watched, slot, on_connection, trials)
        except BoxOfficeError as failure:
            failure.maybe_applied = False  # nothing was asked for that could be
            on_connection(failure)
            if not failure.passing or not await trials.wait(failure.retry_after_s):
                raise


async def _once(
    connection: Connection, watched: Watched[T], slot: Slot[T], on_connection: OnConnection, trials: Trials
) -> None:
    """On one connection: it worked if it brought something, or has lasted, however it ends."""
    heard = False
    async with connection.socket(watched.target) as socket:
        began_s = connection.now_s()
        on_connection(None)
        try:
            if watched.asks is not None:
                await socket.send_str(watched.asks)
            async with aclosing(texts(socket)) as coming:  # type: ignore[type-var]
                async for text in coming:
                    news = watched.take(text)
                    heard = True
                    if news is not None:
                        slot.put(news)
                    if watched.over:
                        return
        finally:
            lasted_s = connection.now_s() - began_s
            if heard or lasted_s >= WAIT_MAX_S:
                trials.worked(lasted_s)
