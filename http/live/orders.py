"""Orders that somebody watches: looks at them when their event has moved on, and tells what is new of them.

The event's actor is asked about all watched orders of the event at once, a second after the last time at the
soonest, and answers what is committed. What it does not know any more, and what is another server's, is
looked up in the database, where a place in line has to be counted out. On the event loop.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from itertools import islice

from boxoffice.actors.messages import Answer, EventUnknown, Find, Found, Look, Seen
from boxoffice.actors.values import CustomerId, EventId, EventStatus, OrderId
from boxoffice.http.answers import no_such_order, refusal
from boxoffice.http.bridge import Bridge
from boxoffice.http.desk import Desk
from boxoffice.http.live.audience import Audience
from boxoffice.http.live.feeds import OrderFeed
from boxoffice.http.live.listener import Listener
from boxoffice.http.problems import ProblemError

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0

LOOKED_AT_ONCE = 1_000
"""Orders that an actor is asked about in one message: some 5 ms of its thread."""

EVENTS_AT_ONCE = 100


class WatchedOrders:
    """The orders of an audience."""

    def __init__(self, bridge: Bridge, desk: Desk, audience: Audience) -> None:
        self._bridge = bridge
        self._desk = desk
        self._audience = audience
        self._feeds: dict[EventId, dict[OrderId, OrderFeed]] = {}
        self._looked_at: dict[EventId, int] = {}  # at which version

    async def watch(
        self, listener: Listener, event_id: EventId, order_id: OrderId, asker: CustomerId | None
    ) -> None:
        """Tell a listener how an order stands, and from now on what becomes of it.

        Raises ProblemError 404, also for others' orders if the `asker` is a customer.
        """
        if self._has_left(listener):
            return  # while the one before this was looked at
        found = await self._first_look(event_id, order_id, asker)
        if self._has_left(listener):
            return
        feed = self._feeds.setdefault(event_id, {}).setdefault(order_id, OrderFeed(event_id, order_id))
        is_new = feed.renew(found.order, found.version, found.position)
        # Before anything is waited for: an order that nobody attends is let go.
        self._audience.attend(listener, feed)
        if is_new:
            await self._audience.tell_all(feed)
        if feed.is_settled:
            self._forget(feed)

    def _has_left(self, listener: Listener) -> bool:
        return listener.ended is not None or listener not in self._audience.listeners

    async def _first_look(self, event_id: EventId, order_id: OrderId, asker: CustomerId | None) -> Found:
        """How an order stands. If its event is not in memory here it may be another server's, which is not to
        lose it to somebody who only looks.
        """
        directory = self._bridge.directory
        known = directory.status(event_id) or directory.refusal(event_id)
        if known is None:
            stored = await self._desk.standing(event_id, [order_id])
            found: Answer = stored[0] if stored else EventUnknown()
            if isinstance(found, Found) and asker not in (None, found.order.customer):
                raise no_such_order()
        elif isinstance(known, EventStatus):
            found = await self._desk.ask(event_id, Find(order_id, asker))
        else:
            found = known
        if isinstance(found, EventUnknown):
            raise no_such_order()
        if not isinstance(found, Found):
            raise refusal(event_id, found)
        return found

    def unwatch(self, listener: Listener, event_id: EventId, order_id: OrderId) -> None:
        """Tell a listener no more of an order."""
        feed = self._feeds.get(event_id, {}).get(order_id)
        if feed is not None and feed in listener.feeds:
            self._audience.unwatch(listener, feed)

    async def look(self) -> None:
        """Tell what is new of the watched orders, for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                events = iter(tuple(self._feeds))
                while some := tuple(islice(events, EVENTS_AT_ONCE)):
                    statuses = await self._desk.statuses(some)
                    await asyncio.gather(*(self._look_at(*each) for each in statuses.items()))
            except ProblemError:
                pass  # the database is away, say: the next time
            except Exception:
                log.exception("the watched orders were not looked at")

    async def _look_at(self, event_id: EventId, status: EventStatus | ProblemError) -> None:
        feeds = self._watched(event_id)
        if isinstance(status, ProblemError) or status.version == self._looked_at.get(event_id):
            return
        try:
            if self._bridge.directory.status(event_id) is None:
                await self._look_up(event_id, feeds)
            else:
                await self._ask(event_id, feeds)
        except ProblemError:
            return
        if event_id in self._feeds:  # or it was let go meanwhile
            self._looked_at[event_id] = status.version

    def _watched(self, event_id: EventId) -> Sequence[OrderFeed]:
        """Its feeds; those that nobody watches any more are let go."""
        feeds = tuple(self._feeds.get(event_id, {}).values())
        for feed in feeds:
            if not feed.listeners:
                self._forget(feed)
        return [feed for feed in feeds if feed.listeners]

    async def _ask(self, event_id: EventId, feeds: Sequence[OrderFeed]) -> None:
        some, settled = iter(feeds), []
        while asked := tuple(islice(some, LOOKED_AT_ONCE)):
            seen = await self._desk.ask(event_id, Look(tuple(feed.order_id for feed in asked)))
            if not isinstance(seen, Seen):
                raise refusal(event_id, seen)
            for feed, found in zip(asked, seen.orders, strict=True):
                if found is None:
                    settled.append(feed)
                else:
                    await self._take_in(feed, found)
        await self._look_up(event_id, settled)

    async def _look_up(self, event_id: EventId, feeds: Iterable[OrderFeed]) -> None:
        """Those that no actor here has: they are settled, or their event is another server's."""
        some = iter(feeds)
        while asked := {feed.order_id: feed for feed in islice(some, LOOKED_AT_ONCE)}:
            for found in await self._desk.standing(event_id, tuple(asked)):
                await self._take_in(asked[found.order.id], found)

    async def _take_in(self, feed: OrderFeed, found: Found) -> None:
        if feed.renew(found.order, found.version, found.position):
            await self._audience.tell_all(feed)
        if feed.is_settled:
            self._forget(feed)

    def _forget(self, feed: OrderFeed) -> None:
        of_event = self._feeds.get(feed.event_id, {})
        if of_event.get(feed.order_id) is feed:
            del of_event[feed.order_id]
        if not of_event:
            self._feeds.pop(feed.event_id, None)
            self._looked_at.pop(feed.event_id, None)
