"""The calls of those who listen: an event's status, many events and orders, and the handshake for browsers.

    GET … ── whose page, how many, which event ──▶ 101, or a stream ──▶ a listener, until one of us closes

Whoever is not let in is told so before anything is opened. On the event loop.
"""

import asyncio
import logging
import random
import re
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress

from aiohttp import HttpVersion11, WSMsgType, web
from msgspec import UNSET

from boxoffice.actors.principals import Scope
from boxoffice.actors.values import SECOND, EventId, Instant
from boxoffice.http import wire
from boxoffice.http.access import Access
from boxoffice.http.answers import no_such_event, no_such_order
from boxoffice.http.catalogue import BY_NAME, Call
from boxoffice.http.commands import event_id_of
from boxoffice.http.cors import Cors
from boxoffice.http.desk import Desk
from boxoffice.http.handlers import Handler, response
from boxoffice.http.limits import RateLimits
from boxoffice.http.live.audience import Audience
from boxoffice.http.live.feeds import EventFeed, OrderFeed
from boxoffice.http.live.frames import Frame
from boxoffice.http.live.handshakes import Handshakes
from boxoffice.http.live.listener import (
    MESSAGES_MAX,
    OUR_MISTAKE,
    SEND_BUFFER,
    UNSUPPORTED,
    Listener,
    StreamListener,
    WebSocketListener,
)
from boxoffice.http.live.messages import (
    MESSAGE_MAX,
    WATCH,
    WATCHED_MAX,
    HandshakeBody,
    WatchBody,
    problem_message,
)
from boxoffice.http.live.orders import WatchedOrders
from boxoffice.http.origin import Addresses
from boxoffice.http.pages import invalid_parameter, parameters, whole_number
from boxoffice.http.problems import ProblemError
from boxoffice.http.visit import current
from boxoffice.http.wire import Id

log = logging.getLogger(__name__)

EVENT_STREAM = "text/event-stream"

COME_BACK_MS = 1_000, 4_000
"""When a client whose stream has ended is to come back: not all at once."""

# It warns of every client that asks for a subprotocol, which is no business of ours.
logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)

_NAMED_VERSION = re.compile(r"(?:([1-9][0-9]{0,18})-)?([0-9]{1,18})")

Begin = Callable[[Listener], Awaitable[None]]
Hear = Callable[[Listener, bytes], Awaitable[None]]


class LiveCalls:
    """The calls, on one audience."""

    def __init__(
        self,
        audience: Audience,
        orders: WatchedOrders,
        desk: Desk,
        access: Access,
        handshakes: Handshakes,
        limits: RateLimits,
        addresses: Addresses,
        cors: Cors,
    ) -> None:
        self._audience = audience
        self._orders = orders
        self._desk = desk
        self._access = access
        self._handshakes = handshakes
        self._limits = limits
        self._addresses = addresses
        self._cors = cors

    def handlers(self) -> dict[str, Handler]:
        """The handler of each call, by its name."""
        return {"liveStatus": self.live_status, "live": self.live, "handshake": self.handshake}

    async def handshake(self, _: web.Request) -> web.Response:
        """A secret that opens one connection, as whoever asks for it."""
        handshake, until_s = self._handshakes.make(current().principal)
        until = wire.rfc3339(Instant(int(until_s * SECOND)))
        return response(201, HandshakeBody(handshake, until), {"Cache-Control": "no-store"})

    async def live_status(self, request: web.Request) -> web.StreamResponse:
        """An event's status, and every newer one."""
        self._refuse_unwelcome(request)
        event_id = event_id_of(request.match_info["eventId"])
        since = _since(request, event_id, parameters(request.query, "since", "handshake"))
        status = await self._desk.status(event_id)

        async def begin(listener: Listener) -> None:
            listener.since = since
            self._audience.watch(listener, status)

        return await self._serve(request, BY_NAME["liveStatus"], begin, _take_no_notice)

    async def live(self, request: web.Request) -> web.StreamResponse:
        """Whatever the listener wants to watch: that, and what is new of it."""
        self._refuse_unwelcome(request)
        query = parameters(request.query, "watch", "watchOrder", "handshake")
        events, orders = _listed(query, "watch"), _listed(query, "watchOrder")

        async def begin(listener: Listener) -> None:
            await self._watch_events(listener, events)
            for order in orders:
                await self._watch_order(listener, order)

        async def hear(listener: Listener, message: bytes) -> None:
            try:
                await self._heed(listener, WATCH.read(message), self._addresses.of(request))
            except ProblemError as problem:
                self._tell_problem(listener, problem)

        return await self._serve(request, BY_NAME["live"], begin, hear)

    # --- what is to be watched -------------------------------------------------------------------

    async def _heed(self, listener: Listener, body: WatchBody, address: str) -> None:
        """Do what a message asks. Raises ProblemError 429 if there are too many."""
        watch = body.watch or []
        self._limits.enter(current().principal, address)
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
        for each, event_id in wanted.items():
            try:
                events = [feed.event_id for feed in listener.feeds if isinstance(feed, EventFeed)]
                _refuse_too_many("events", events, event_id)
                found = statuses.get(event_id, no_such_event()) if event_id is not None else no_such_event()
                if isinstance(found, ProblemError):
                    raise found
                self._audience.watch(listener, found)
            except ProblemError as problem:
                self._tell_problem(listener, problem, event_id=str(each))

    async def _watch_order(self, listener: Listener, given: Id) -> None:
        try:
            current().require([Scope.READ])
            named = wire.order_id_of(given)
            if named is None:
                raise no_such_order()
            orders = [feed for feed in listener.feeds if isinstance(feed, OrderFeed) and not feed.is_settled]
            _refuse_too_many("orders", [(feed.event_id, feed.order_id) for feed in orders], named)
            await self._orders.watch(listener, *named, current().customer)
        except ProblemError as problem:
            self._tell_problem(listener, problem, order_id=str(given))

    def _tell_problem(self, listener: Listener, problem: ProblemError, **about: str) -> None:
        message = wire.encode(problem_message(problem, current().request_id, **about))
        listener.send(Frame(message, "problem"), self._audience.monotonic_s())

    # --- who is let in ---------------------------------------------------------------------------

    def _refuse_unwelcome(self, request: web.Request) -> None:
        """Raises ProblemError 403, 426, 429 or 503."""
        if _is_upgrade(request):
            self._refuse_foreign_page(request)
        elif EVENT_STREAM not in request.headers.get("Accept", ""):
            raise ProblemError(
                "upgrade_required",
                f"Ask for a WebSocket (`Upgrade: websocket`), or for a stream (`Accept: {EVENT_STREAM}`).",
                headers={"Upgrade": "websocket", "Connection": "Upgrade"},
            )
        self._audience.refuse_if_full(self._addresses.of(request))

    def _refuse_foreign_page(self, request: web.Request) -> None:
        """A browser lets any page open a WebSocket to anywhere, and says only whose page it is."""
        for origin in request.headers.getall("Origin", ()):
            # No URL's parser: it fails on some of what a client may write there.
            is_own = origin.partition("://")[2].lower() == request.headers.get("Host", "").lower() != ""
            if not is_own and origin not in self._cors.origins:
                raise ProblemError(
                    "forbidden", "Pages of this origin may not listen: see --cors-origin.", scope="read"
                )

    # --- serving ---------------------------------------------------------------------------------

    async def _serve(self, request: web.Request, call: Call, begin: Begin, hear: Hear) -> web.StreamResponse:
        principal, access = current().principal, self._access

        def is_welcome() -> bool:
            return access.is_welcome(principal, call)

        if _is_upgrade(request):
            return await self._serve_socket(request, is_welcome, begin, hear)
        return await self._serve_stream(request, is_welcome, begin)

    async def _serve_socket(
        self, request: web.Request, is_welcome: Callable[[], bool], begin: Begin, hear: Hear
    ) -> web.StreamResponse:
        upgraded = web.WebSocketResponse(
            timeout=self._audience.patience.close_within_s,
            autoping=False,
            compress=False,
            max_msg_size=MESSAGE_MAX + 1,  # from which on aiohttp refuses it
            decode_text=False,
        )
        upgraded.headers.update(current().headers)
        try:
            await upgraded.prepare(request)
        except (web.HTTPBadRequest, ValueError):  # the latter for a key that is not even ASCII
            why = "That opens no WebSocket of version 13 (RFC 6455, section 4.2.1)."
            headers = {"Sec-WebSocket-Version": "13"}
            raise ProblemError("malformed_request", why, headers=headers) from None
        audience, wire = self._audience, _wire_of(request)
        now_s = audience.monotonic_s()
        listener = WebSocketListener(wire, is_welcome, audience.figures, audience.patience, upgraded, now_s)
        self._enter(request, listener)
        try:
            await begin(listener)
            await self._listen(upgraded, listener, hear)
        except Exception as failure:  # an answer in HTTP's words could not be understood any more
            _note(request, failure)
            listener.end(OUR_MISTAKE, "we could not handle this")
        finally:
            self._audience.leave(listener)
        await listener.closed()
        return upgraded

    async def _listen(self, upgraded: web.WebSocketResponse, listener: WebSocketListener, hear: Hear) -> None:
        """Hear what a listener says, until it has left."""
        while True:
            message = await upgraded.receive()
            listener.received += 1
            if listener.received > MESSAGES_MAX:
                self._audience.drop_noisy(listener)
                return
            match message.type:
                case WSMsgType.PONG:
                    listener.answered(self._audience.monotonic_s())
                case WSMsgType.PING:
                    await upgraded.pong(message.data)
                case WSMsgType.TEXT:
                    await hear(listener, message.data)
                case WSMsgType.BINARY:
                    listener.end(UNSUPPORTED, "send text")
                    return
                case _:
                    return

    async def _serve_stream(
        self, request: web.Request, is_welcome: Callable[[], bool], begin: Begin
    ) -> web.StreamResponse:
        headers = {"Content-Type": EVENT_STREAM, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        stream = web.StreamResponse(headers={**current().headers, **headers})
        stream.force_close()
        is_chunked = request.version >= HttpVersion11
        if is_chunked:
            stream.enable_chunked_encoding()
        await stream.prepare(request)
        if request.method == "HEAD":
            return stream
        await stream.write(b"retry: %d\n\n" % random.randint(*COME_BACK_MS))  # noqa: S311 - no secret
        figures, patience, wire = self._audience.figures, self._audience.patience, _wire_of(request)
        now_s = self._audience.monotonic_s()
        listener = StreamListener(wire, is_welcome, figures, patience, now_s, is_chunked=is_chunked)
        self._enter(request, listener)
        try:
            await begin(listener)
            await listener.parted.wait()
        except Exception as failure:  # the same
            _note(request, failure)
            listener.end(OUR_MISTAKE, "we could not handle this")
        finally:
            self._audience.leave(listener)
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(patience.close_within_s):
                await stream.write_eof()
        await listener.drained()
        listener.cut_off()
        return stream

    def _enter(self, request: web.Request, listener: Listener) -> None:
        current().note_answer()
        self._audience.enter(listener, self._addresses.of(request))


def _note(request: web.Request, failure: Exception) -> None:
    if not isinstance(failure, ConnectionError):  # or the client has gone
        log.error("%s %s failed", request.method, request.path, exc_info=failure)


def _wire_of(request: web.Request) -> asyncio.Transport:
    """The request's connection, with small buffers."""
    wire = request.transport
    if wire is None:
        raise ConnectionResetError("the client has gone")
    with suppress(OSError, ValueError):
        wire.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return wire


def _is_upgrade(request: web.Request) -> bool:
    """RFC 6455, section 4.2.1: with HTTP/1.1 at the least."""
    wanted = request.headers.get("Upgrade", "").strip().lower()
    return request.method == "GET" and request.version >= HttpVersion11 and wanted == "websocket"


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
