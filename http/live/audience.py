"""All listeners: tells them what is newly committed, waits for the slow ones for a while, and lets them go.

    commit ──▶ directory ──▶ moved ──▶ a feed's frame, made once ──▶ every listener of that feed

What is committed is looked for 25 times a second, and less often the more there is to send. An event that is
not in memory here may be changed by another server: it is looked for in the database, twice a second. On the
event loop.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from boxoffice.actors.ports import Clock, DatabaseAway, Reading
from boxoffice.actors.values import EventId, EventStatus
from boxoffice.http.bridge import Bridge
from boxoffice.http.identity.origin import is_loopback, network_of
from boxoffice.http.live.feeds import EventFeed, Feed
from boxoffice.http.live.listener import (
    GOING_AWAY,
    HEARD_MAX,
    KEY,
    MESSAGES,
    MESSAGES_MAX,
    OUR_MISTAKE,
    POLICY,
    SLOW,
    TRANSPORTS,
    TRY_LATER,
    Listener,
    ListenerFigures,
    Patience,
)
from boxoffice.http.problems import ProblemError

log = logging.getLogger(__name__)

TELL_EVERY_S = 0.04
TELL_EVERY_MAX_S = 0.5
SENDING_S = 0.000_015
SENDING_SHARE = 0.2
"""A message takes some 15 us of the event loop, system call and all. After many there is a pause, so that the
loop spends no more than this share of its time on them; but no longer than half a second.
"""

TOLD_PER_TICK = 50
"""Listeners told before the loop looks for requests again: less than a millisecond."""

LOOKED_AFTER_PER_TICK = 500
LOOK_ELSEWHERE_EVERY_S = 0.5
LOOKED_UP_AT_ONCE = 1_000
"""Events looked for in the database in one query."""


class Audience:
    """The listeners of one server, `listeners_max` at the most, and `per_address_max` of those from one
    address that is not the machine's own.
    """

    def __init__(
        self,
        bridge: Bridge,
        reading: Reading,
        clock: Clock,
        listeners_max: int,
        per_address_max: int,
        monotonic_s: Callable[[], float] = time.monotonic,
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> None:
        self._bridge = bridge
        self._reading = reading
        self._clock = clock
        self._max = listeners_max
        self._per_address_max = per_address_max
        self.monotonic_s = monotonic_s
        self.patience = patience
        self.figures = ListenerFigures()
        self.listeners: dict[Listener, str] = {}  # and the network that each comes from
        self._networks: Counter[str] = Counter()
        self._feeds: dict[EventId, EventFeed] = {}
        self._news: dict[EventId, EventStatus] = {}  # from elsewhere, to be told at the next tick
        self._renewed: set[Feed] = set()  # the same: by whoever came last
        self._behind: set[Listener] = set()
        self._closing = False

    # --- coming and going ------------------------------------------------------------------------

    def refuse_if_full(self, address: str, *, including: int = 0) -> None:
        """Raises ProblemError 429 or 503 if one more listener from there is too many, or `including` it."""
        if self._closing:
            raise ProblemError("overloaded", "The server is shutting down.")
        if len(self.listeners) - including >= self._max:
            raise ProblemError("overloaded", f"{self._max} listeners are here already, and no more fit in.")
        neighbours = self._networks[network_of(address)] - including
        if neighbours >= self._per_address_max and not is_loopback(address):
            raise ProblemError(
                "too_many_listeners",
                f"{self._per_address_max} listeners from your address are here already. One connection to"
                " `/live` watches many events.",
            )

    def enter(self, listener: Listener, address: str) -> None:
        """One more listener."""
        network = self.listeners[listener] = network_of(address)
        self._networks[network] += 1
        try:
            self.refuse_if_full(address, including=1)
        except ProblemError as problem:  # others came while this one's event was looked up
            listener.end(GOING_AWAY if self._closing else TRY_LATER, problem.detail)

    def by_transport(self) -> dict[str, int]:
        """How many listeners there are of each kind."""
        kinds = Counter(listener.transport for listener in self.listeners)
        return {transport: kinds[transport] for transport in TRANSPORTS}

    def leave(self, listener: Listener) -> None:
        """It has gone, and watches nothing any more."""
        for feed in list(listener.feeds):
            self.unwatch(listener, feed)
        self._behind.discard(listener)
        network = self.listeners.pop(listener)
        self._networks[network] -= 1
        if not self._networks[network]:
            del self._networks[network]

    # --- watching --------------------------------------------------------------------------------

    def watch(self, listener: Listener, status: EventStatus) -> None:
        """Tell a listener this status of an event, or what is newer by now, and everything newer from now on.

        To watch again what is watched already has it told again.
        """
        event_id = status.event_id
        feed = self._feeds.get(event_id)
        if feed is None:
            feed = self._feeds[event_id] = EventFeed(event_id)
            self._bridge.directory.watch(event_id)
        if feed.renew(self._bridge.directory.status(event_id) or status, self._clock()):
            self._renewed.add(feed)  # for those who watch it already
        self.attend(listener, feed)

    def attend(self, listener: Listener, feed: Feed) -> None:
        """Tell a listener what is newest there now, and from now on."""
        feed.listeners[listener] = None
        if feed.version > listener.since or (feed.version == listener.since and feed.is_timed):
            listener.feeds[feed] = 0
            self._tell([listener], feed)
        else:
            listener.feeds[feed] = feed.edition

    def unwatch_event(self, listener: Listener, event_id: EventId) -> None:
        """Tell a listener no more of an event."""
        feed = self._feeds.get(event_id)
        if feed is not None and feed in listener.feeds:
            self.unwatch(listener, feed)

    def unwatch(self, listener: Listener, feed: Feed) -> None:
        """Tell a listener no more of this."""
        del listener.feeds[feed]
        listener.behind.pop(feed, None)
        feed.listeners.pop(listener, None)
        if not feed.listeners and self._feeds.get(feed.event_id) is feed:
            del self._feeds[feed.event_id]
            self._bridge.directory.unwatch(feed.event_id)

    # --- telling ---------------------------------------------------------------------------------

    async def publish(self) -> None:
        """Tell listeners what is committed, for ever."""
        while True:
            try:
                sent = await self._tell_news()
            except Exception:  # out of memory, say: the next are to be told all the same
                log.exception("listeners could not be told")
                sent = 0
            pause_s = sent * SENDING_S / SENDING_SHARE
            await asyncio.sleep(min(max(pause_s, TELL_EVERY_S), TELL_EVERY_MAX_S))

    async def _tell_news(self) -> int:
        """Tell everyone what has happened since the last time; returns how many messages that took."""
        directory, now = self._bridge.directory, self._clock()
        news, self._news = self._news, {}
        renewed, self._renewed = self._renewed, set()
        for event_id in directory.moved():
            if (status := directory.status(event_id)) is not None:
                news[event_id] = status
        for event_id, status in news.items():
            feed = self._feeds.get(event_id)
            if feed is not None and feed.renew(status, now):
                renewed.add(feed)
        sent = sum([await self.tell_all(feed) for feed in renewed])
        await self._catch_up()
        return sent

    async def _catch_up(self) -> None:
        behind = iter(tuple(self._behind))
        while some := tuple(islice(behind, LOOKED_AFTER_PER_TICK)):
            now_s = self.monotonic_s()
            for listener in some:
                try:
                    listener.catch_up(now_s)
                except Exception:
                    self._give_up(listener)
                if not listener.behind:
                    self._behind.discard(listener)
            await asyncio.sleep(0)

    async def tell_all(self, feed: Feed) -> int:
        """Tell all listeners of a feed, some at a time; returns how many were sent something."""
        sent, listeners = 0, iter(tuple(feed.listeners))
        while some := tuple(islice(listeners, TOLD_PER_TICK)):
            sent += self._tell(some, feed)
            await asyncio.sleep(0)
        return sent

    def _tell(self, listeners: Iterable[Any], feed: Feed) -> int:
        sent, now_s = 0, self.monotonic_s()
        for listener in listeners:
            try:
                is_told = listener.tell(feed, now_s)
            except Exception:
                self._give_up(listener)
                continue
            if is_told:
                sent += 1
            elif listener.behind:
                self._behind.add(listener)
        return sent

    def _give_up(self, listener: Listener) -> None:
        """What is wrong with one of them is not to become the others' trouble."""
        log.exception("a listener is given up")
        listener.behind.clear()
        listener.end(OUR_MISTAKE, "we could not handle this")

    # --- what nobody tells us --------------------------------------------------------------------

    async def look_elsewhere(self) -> None:
        """Find out what became of the events that are not in memory here, and what the time has changed."""
        while True:
            await asyncio.sleep(LOOK_ELSEWHERE_EVERY_S)
            try:
                await self._look_elsewhere()
            except DatabaseAway:
                pass
            except Exception:
                log.exception("events were not looked for in the database")

    async def _look_elsewhere(self) -> None:
        absent: list[EventId] = []
        feeds = iter(tuple(self._feeds.values()))
        while some := tuple(islice(feeds, LOOKED_UP_AT_ONCE)):
            absent += [feed.event_id for feed in some if not self._is_here(feed)]
            await asyncio.sleep(0)  # that was some 2 ms of the event loop's time
        asked = iter(absent)
        while event_ids := list(islice(asked, LOOKED_UP_AT_ONCE)):
            for status in await self._bridge.read(self._reading.statuses, event_ids):
                self._news.setdefault(status.event_id, status)

    def _is_here(self, feed: EventFeed) -> bool:
        status = self._bridge.directory.status(feed.event_id)
        if status is not None and feed.is_outdated(status, self._clock()):
            self._news[feed.event_id] = status
        return status is not None

    async def look_after(self) -> None:
        """Give up whoever does not read, sends too much or is no longer welcome, for ever."""
        looked_s = self.monotonic_s()
        while True:
            await asyncio.sleep(self.patience.look_every_s)
            now_s = self.monotonic_s()
            # If we were late ourselves (stopped, say), what they have sent since may not have been read yet.
            if now_s - looked_s <= 2 * self.patience.look_every_s:
                await self._look_after(tuple(self.listeners))
            looked_s = self.monotonic_s()

    async def _look_after(self, listeners: Iterable[Listener]) -> None:
        remaining = iter(listeners)
        while some := tuple(islice(remaining, LOOKED_AFTER_PER_TICK)):
            now_s = self.monotonic_s()
            for listener in some:
                if listener in self.listeners:
                    self._look_after_one(listener, now_s)
            await asyncio.sleep(0)

    def _look_after_one(self, listener: Listener, now_s: float) -> None:
        try:
            self._look_at(listener, now_s)
        except Exception:
            self._give_up(listener)

    def _look_at(self, listener: Listener, now_s: float) -> None:
        listener.received = listener.heard = 0
        if listener.is_gone:
            listener.end(GOING_AWAY, "the client has gone")
        elif listener.ended is not None:
            pass  # it is about to leave
        elif listener.is_stuck(now_s):
            self._drop(listener, SLOW, TRY_LATER, "too slow: what was sent is not read")
        elif not listener.is_welcome():
            self._drop(listener, KEY, POLICY, "what let you in is no longer good")
        else:
            listener.keep_alive(now_s)

    def takes(self, listener: Listener, size: int) -> bool:
        """Whether so many bytes more of a listener's are looked at. One that sends too many is let go of."""
        listener.heard += size
        if listener.heard > HEARD_MAX:
            self.drop_noisy(listener)
        return listener.heard <= HEARD_MAX

    def drop_noisy(self, listener: Listener) -> None:
        """Let go of one that sends too much."""
        if listener.ended is None:
            why = f"more than {MESSAGES_MAX} messages, or {HEARD_MAX // 1024} KiB, in a second"
            self._drop(listener, MESSAGES, POLICY, why)

    def _drop(self, listener: Listener, why: str, code: int, reason: str) -> None:
        self.figures.dropped[why] += 1
        listener.end(code, reason)

    # --- closing ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Take nobody in any more, and tell everyone that we go away."""
        self._closing = True
        for listener in tuple(self.listeners):
            listener.end(GOING_AWAY, "the server is shutting down")
