"""The calls of those who listen: an event's status, many events and orders, and the handshake for browsers.

    GET … ── whose page, how many, which event ──▶ 101, or a stream ──▶ a listener, until one of us closes

What is to be watched is understood here; how a listener is let in and served is `entrance.py`. On the event
loop.
"""

import re
from collections.abc import Collection, Iterable, Mapping

from aiohttp import web
from msgspec import UNSET

from boxoffice.actors.principals import Scope
from boxoffice.actors.values import SECOND, EventId, Instant
from boxoffice.http import wire
from boxoffice.http.answers import no_such_event, no_such_order
from boxoffice.http.catalogue import BY_NAME
from boxoffice.http.commands import event_id_of
from boxoffice.http.desk import Desk
from boxoffice.http.handlers import Handler, response
from boxoffice.http.identity.limits import RateLimits
from boxoffice.http.identity.origin import Addresses
from boxoffice.http.live.audience import Audience
from boxoffice.http.live.entrance import Entrance
from boxoffice.http.live.feeds import EventFeed, OrderFeed
from boxoffice.http.live.frames import Frame
from boxoffice.http.live.handshakes import Handshakes
from boxoffice.http.live.listener import Listener
from boxoffice.http.live.messages import WATCH, WATCHED_MAX, HandshakeBody, WatchBody, problem_message
from boxoffice.http.live.orders import WatchedOrders
from boxoffice.http.pages import invalid_parameter, parameters, whole_number
from boxoffice.http.problems import ProblemError
from boxoffice.http.said import Said
from boxoffice.http.visit import current
from boxoffice.http.wire import Id

_NAMED_VERSION = re.compile(r"(?:([1-9][0-9]{0,18})-)?([0-9]{1,18})")


class LiveCalls:
    """The calls, on one audience and the way in to it."""

    def __init__(
        self,
        audience: Audience,
        orders: WatchedOrders,
        desk: Desk,
        entrance: Entrance,
        handshakes: Handshakes,
        limits: RateLimits,
        addresses: Addresses,
    ) -> None:
        self._audience = audience
        self._orders = orders
        self._desk = desk
        self._entrance = entrance
        self._handshakes = handshakes
        self._limits = limits
        self._addresses = addresses

    def handlers(self) -> dict[str, Handler]:
        """The handler of each call, by its name."""
        return {"liveStatus": self.live_status, "live": self.live, "handshake": self.handshake}

    async def handshake(self, _: web.Request) -> Said:
        """A secret that opens one connection, as whoever asks for it."""
        handshake, until_s = self._handshakes.make(current().principal)
        until = wire.rfc3339(Instant(int(until_s * SECOND)))
        return response(201, HandshakeBody(handshake, until), {"Cache-Control": "no-store"})

    async def live_status(self, request: web.Request) -> web.StreamResponse:
        """An event's status, and every newer one."""
        self._entrance.refuse_unwelcome(request)
        event_id = event_id_of(request.match_info["eventId"])
        since = _since(request, event_id, parameters(request.query, "since", "handshake"))
        status = await self._desk.status(event_id)

        async def begin(listener: Listener) -> None:
            listener.since = since
            self._audience.watch(listener, status)

        return await self._entrance.serve(request, BY_NAME["liveStatus"], begin, _take_no_notice)

    async def live(self, request: web.Request) -> web.StreamResponse:
        """Whatever the listener wants to watch: that, and what is new of it."""
        self._entrance.refuse_unwelcome(request)
        query = parameters(request.query, "watch", "watchOrder", "handshake")
        events, orders = _listed(query, "watch"), _listed(query, "watchOrder")
        address = self._addresses.of(request)
        self._limits.spend(current().principal, address, max(0, len(events) + len(orders) - 1))

        async def begin(listener: Listener) -> None:
            await self._watch_events(listener, events)
            for order in orders:
                await self._watch_order(listener, order)

        async def hear(listener: Listener, message: bytes) -> None:
            try:
                self._limits.enter(current().principal, address)  # whatever it says
                await self._heed(listener, WATCH.read(message), address)
            except ProblemError as problem:
                self._tell_problem(listener, problem)

        return await self._entrance.serve(request, BY_NAME["live"], begin, hear)

    # --- what is to be watched -------------------------------------------------------------------

    async def _heed(self, listener: Listener, body: WatchBody, address: str) -> None:
        """Do what a message asks: to watch many events counts as many messages."""
        watch = body.watch or []
        self._limits.spend(current().principal, address, max(0, len(watch) - 1))
        for given in body.unwatch or []:
            if (event_id := wire.event_id_of(given)) is not None:
                self._audience.unwatch_event(listener, event_id)
        if body.unwatch_order is not UNSET and (named := wire.order_id_of(body.unwatch_order)) is not None:
            self._orders.unwatch(listener, *named)
        await self._watch_events(listener, watch)
        if body.watch_order is not UNSET:
            await self._watch_order(listener, body.watch_order)

    async def _watch_events(self, listener: Listener, given: Iterable[Id]) -> None:
        wanted = {each: wire.event_id_of(each) for each in given}
        known = {event_id for event_id in wanted.values() if event_id is not None}
        try:
            statuses = await self._desk.statuses(known)
        except ProblemError as problem:
            self._tell_problem(listener, problem)
            return
        watched = {feed.event_id for feed in listener.feeds if isinstance(feed, EventFeed)}
        for each, event_id in wanted.items():
            try:
                _refuse_too_many("events", watched, event_id)
                found = statuses.get(event_id, no_such_event()) if event_id is not None else no_such_event()
                if isinstance(found, ProblemError):
                    raise found
                self._audience.watch(listener, found)
                watched.add(found.event_id)
            except ProblemError as problem:
                self._tell_problem(listener, problem, event_id=str(each))

    async def _watch_order(self, listener: Listener, given: Id) -> None:
        try:
            current().require([Scope.READ])
            named = wire.order_id_of(given)
            if named is None:
                raise no_such_order()
            orders = [feed for feed in listener.feeds if isinstance(feed, OrderFeed)]
            _refuse_too_many("orders", [(feed.event_id, feed.order_id) for feed in orders], named)
            await self._orders.watch(listener, *named, current().customer)
        except ProblemError as problem:
            self._tell_problem(listener, problem, order_id=str(given))

    def _tell_problem(self, listener: Listener, problem: ProblemError, **about: str) -> None:
        message = wire.encode(problem_message(problem, current().request_id, **about))
        listener.send(Frame(message, "problem"), self._audience.monotonic_s())


def _since(request: web.Request, event_id: EventId, query: Mapping[str, str]) -> int:
    """The version that the client has already, 0 if none."""
    if "since" in query:
        since = whole_number(query["since"])
        if since is None:
            raise invalid_parameter("since", "must be a version, or 0 for none")
        return since
    named = _NAMED_VERSION.fullmatch(request.headers.get("Last-Event-ID", ""))
    return int(named[2]) if named and named[1] in (None, str(event_id)) else 0


def _listed(query: Mapping[str, str], name: str) -> list[str]:
    """The ids in a query parameter, separated by commas."""
    listed = [each.strip() for each in query.get(name, "").split(",") if each.strip()]
    if len(listed) > WATCHED_MAX:
        raise invalid_parameter(name, f"may have {WATCHED_MAX} ids")
    return listed


def _refuse_too_many(what: str, watched: Collection[object], wanted: object) -> None:
    if len(watched) >= WATCHED_MAX and wanted not in watched:
        raise ProblemError("invalid_request", f"One connection may watch {WATCHED_MAX} {what} at a time.")


async def _take_no_notice(_listener: Listener, _message: bytes) -> None:
    """Of what is sent where nothing is expected."""
