"""The calls that only look: an event's status, one order, lists, the log.

What an actor need not be asked for comes from the committed view or from the database. Called on the event
loop.
"""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiohttp import web

from boxoffice.actors.messages import EventUnknown, Find, Found
from boxoffice.actors.ports import Clock, OrderFilter, Reading
from boxoffice.actors.values import TEXT_MAX, CustomerId, EventId, OrderStatus
from boxoffice.http import wire
from boxoffice.http.answers import no_such_order, refusal, reply_to
from boxoffice.http.commands import event_id_of
from boxoffice.http.desk import Desk
from boxoffice.http.handlers import Handler, response
from boxoffice.http.pages import invalid_parameter, limit_of, page_response, parameters, whole_number
from boxoffice.http.said import Said
from boxoffice.http.visit import current
from boxoffice.http.wire import OrderBody

LINES_AT_ONCE = 1_000
"""Entries of a streamed log that are read and sent at a time: some 200 KB."""

OLDEST, NEWEST = ORDERS = ("oldest", "newest")
"""Which events a list begins with."""

_NDJSON = "application/x-ndjson"
_PRIVATE = {"Cache-Control": "no-store"}
_CUSTOMER = re.compile(rf"[^\0\ud800-\udfff]{{1,{TEXT_MAX}}}")
_STATUSES = {status.value: status for status in OrderStatus}


class Reads:
    """The calls, on one desk and one set of questions to the database."""

    def __init__(self, desk: Desk, reading: Reading, clock: Clock) -> None:
        self._desk = desk
        self._reading = reading
        self._clock = clock

    def handlers(self) -> dict[str, Handler]:
        """The handler of each call, by its name."""
        return {
            "status": self.status,
            "order": self.order,
            "orders": self.orders,
            "events": self.events,
            "changes": self.changes,
        }

    async def status(self, request: web.Request) -> Said:
        """The event's committed numbers. Asks no actor, so it does not queue behind bookings."""
        status = await self._desk.status(event_id_of(request.match_info["eventId"]))
        body = wire.event_body(status, self._clock())
        tag = f"{body.version}-{body.state}"  # the state changes with time, too
        headers = {"ETag": f'"{tag}"', "Cache-Control": "no-cache"}
        if "If-None-Match" in request.headers and _names(request, tag):
            return Said(304, b"", headers)
        return response(200, body, headers)

    async def order(self, request: web.Request) -> Said:
        """One order, live or settled; with its position while it waits."""
        named = wire.order_id_of(request.match_info["orderId"])
        if named is None:
            raise no_such_order()
        event_id, order_id = named
        answer = await self._desk.ask(event_id, Find(order_id, current().customer))
        if isinstance(answer, EventUnknown):
            raise no_such_order()
        return response(200, reply_to(event_id, answer).body, _PRIVATE)

    async def orders(self, request: web.Request) -> Said:
        """Orders of an event, of a customer, of a status, or of all of these, a page at a time."""
        query = parameters(request.query, "eventId", "userId", "status", "limit", "cursor")
        limit = limit_of(query)
        after = wire.order_id_of(query["cursor"]) if "cursor" in query else None
        if after is None and "cursor" in query:
            raise invalid_parameter("cursor", "is not a cursor that a list has given")
        wanted = _wanted(query, current().customer)
        if wanted is None:
            return page_response(request, [], None, {})
        found = await self._desk.read(self._reading.orders, wanted, after, limit + 1)
        page = found[:limit]
        await self._desk.catch_up({event_id: order.version for event_id, order in page})
        items = await self._with_positions(page, query.get("status"))
        last_event, last = page[-1] if page else (0, None)
        cursor = f"{last_event}-{last.order.id}" if last is not None and len(found) > limit else None
        return page_response(request, items, cursor, {**query, "limit": str(limit)})

    async def _with_positions(self, page: list[tuple[EventId, Found]], status: str | None) -> list[OrderBody]:
        """The page, what waits as its actor sees it: only that knows positions, and may know more by now."""
        finds = {
            (event_id, found.order.id): (find, self._desk.hand_in(event_id, find))
            for event_id, found in page
            if found.order.status is OrderStatus.WAITLISTED
            for find in (Find(found.order.id),)
        }
        items = []
        for event_id, stored in page:
            found: Any = stored
            if (event_id, stored.order.id) in finds:
                find, asked = finds[event_id, stored.order.id]
                found = await self._desk.answer(event_id, find, asked, None)
            if not isinstance(found, Found):
                raise refusal(event_id, found)
            if status is None or found.order.status.value == status:
                items.append(wire.order_body(event_id, found.order, found.version, found.position))
        return items

    async def events(self, request: web.Request) -> Said:
        """All events by id, the oldest or the newest first, a page at a time."""
        query = parameters(request.query, "order", "limit", "cursor")
        limit, order = limit_of(query), query.get("order", OLDEST)
        if order not in ORDERS:
            raise invalid_parameter("order", f"must be one of {', '.join(ORDERS)}")
        last = wire.event_id_of(query["cursor"]) if "cursor" in query else None
        if last is None and "cursor" in query:
            raise invalid_parameter("cursor", "is not a cursor that a list has given")
        if order == NEWEST:
            found = await self._desk.read(self._reading.newest_events, last, limit + 1)
        else:
            found = await self._desk.read(self._reading.events, last or EventId(0), limit + 1)
        page, now = found[:limit], self._clock()
        await self._desk.catch_up({status.event_id: status.version for status in page})
        cursor = str(page[-1].event_id) if len(found) > limit else None
        items = [wire.event_body(status, now) for status in page]
        return page_response(request, items, cursor, {**query, "limit": str(limit)})

    async def changes(self, request: web.Request) -> Said | web.StreamResponse:
        """An event's log, oldest first: a page of it, or all of it line by line."""
        event_id = event_id_of(request.match_info["eventId"])
        query = parameters(request.query, "after", "limit", "cursor")
        after = _version(query)
        await self._desk.status(event_id)  # or there is no such event
        if _NDJSON in request.headers.get("Accept", ""):
            return await self._stream(request, event_id, after)
        limit = limit_of(query)
        found = await self._desk.read(self._reading.changes, event_id, after, limit + 1)
        page = found[:limit]
        await self._desk.catch_up({event_id: page[-1].version} if page else {})
        cursor = str(page[-1].version) if len(found) > limit else None
        items = [wire.change_body(event_id, change) for change in page]
        return page_response(request, items, cursor, {"limit": str(limit)})

    async def _stream(self, request: web.Request, event_id: EventId, after: int) -> web.StreamResponse:
        """What is committed by now, all of it; a client that reads slowly is waited for."""
        chunks = self._lines(event_id, after)
        first = await anext(chunks, b"")  # while an error can still be told
        streamed = web.StreamResponse(headers={**current().headers, **_PRIVATE, "Content-Type": _NDJSON})
        await streamed.prepare(request)
        if request.method == "HEAD":  # aiohttp would let a body pass, and the next answer begin with it
            return streamed
        await streamed.write(first)
        async for chunk in chunks:
            await streamed.write(chunk)
        await streamed.write_eof()
        return streamed

    async def _lines(self, event_id: EventId, after: int) -> AsyncIterator[bytes]:
        while page := await self._desk.read(self._reading.changes, event_id, after, LINES_AT_ONCE):
            after = page[-1].version
            await self._desk.catch_up({event_id: after})
            yield b"".join(wire.encode(wire.change_body(event_id, change)) + b"\n" for change in page)
            if len(page) < LINES_AT_ONCE:
                return


def _names(request: web.Request, tag: str) -> bool:
    return any(each.value in (tag, "*") for each in request.if_none_match or ())


def _version(query: Mapping[str, str]) -> int:
    if "after" in query and "cursor" in query:
        raise invalid_parameter("cursor", "cannot be given together with `after`")
    name = "cursor" if "cursor" in query else "after"
    version = whole_number(query.get(name, "0"))
    if version is None:
        raise invalid_parameter(name, "must be a version, or 0 to begin with the first")
    return version


def _wanted(query: Mapping[str, str], asker: CustomerId | None) -> OrderFilter | None:
    """Which orders are asked for; None if a customer asks for others'."""
    event_id = status = None
    customer = asker
    if "eventId" in query:
        event_id = event_id_of(query["eventId"])
    if "userId" in query:
        customer = wire.customer_of(query["userId"])
        if not _CUSTOMER.fullmatch(customer):
            raise invalid_parameter("userId", "cannot be anybody's id")
        if asker not in (None, customer):
            return None
    if "status" in query:
        status = _STATUSES.get(query["status"])
        if status is None:
            raise invalid_parameter("status", f"must be one of {', '.join(_STATUSES)}")
    return OrderFilter(event_id, customer, status)
