"""One coroutine for each route: read the request, ask, and say the answer in HTTP's words.

No rule about tickets is here: the actor decides, these translate. Called on the event loop.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import uuid_utils
from aiohttp import web

from boxoffice.actors.messages import (
    Answer,
    Book,
    Booked,
    Cancel,
    CancelFor,
    Cancelled,
    CapacityExceeded,
    EventUnavailable,
    EventUnknown,
    Find,
    Found,
    Initialize,
    Initialized,
    NotApplied,
    OrderAmbiguous,
    OrderUnknown,
    OutcomeUnknown,
    Overloaded,
    SoldOut,
    Waitlisted,
)
from boxoffice.actors.ports import DatabaseAway, Reading
from boxoffice.actors.values import (
    CustomerId,
    EventId,
    EventStatus,
    OrderId,
    OrderStatus,
)
from boxoffice.http import wire
from boxoffice.http.bridge import Bridge
from boxoffice.http.problems import FieldError, ProblemError
from boxoffice.http.wire import BookBody, CancelBody, InitializeBody, Reader

_JSON = "application/json"

PAGE_DEFAULT = 50
PAGE_MAX = 500
"""Items in one page of a list."""

INITIALIZE, BOOK, CANCEL = Reader(InitializeBody), Reader(BookBody), Reader(CancelBody)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Handlers:
    """The routes, on one bridge to the actors and one set of questions to the database."""

    def __init__(self, bridge: Bridge, reading: Reading) -> None:
        self._bridge = bridge
        self._reading = reading

    def routes(self) -> list[web.RouteDef]:
        """What to put into an application's router."""
        return [
            web.post("/initialize", self.initialize),
            web.post("/book", self.book),
            web.post("/cancel", self.cancel),
            web.get("/status/{eventId}", self.status),
            web.get("/orders/{orderId}", self.order),
            web.get("/events", self.events),
        ]

    async def initialize(self, request: web.Request) -> web.Response:
        """Put an event on sale."""
        body = INITIALIZE.read(await read_json(request))
        event_id = await self._read(self._reading.new_event_id)
        answer = await self._bridge.initialize(event_id, Initialize(body.event_name, body.total_tickets))
        if isinstance(answer, Initialized):
            headers = {"Location": f"/status/{event_id}"}
            return response(201, wire.event_body(answer.status), headers)
        raise refusal(event_id, answer)

    async def book(self, request: web.Request) -> web.Response:
        """Book tickets, or join the waiting list."""
        body = BOOK.read(await read_json(request))
        event_id = _event_id(body.event_id)
        order_id = OrderId(str(uuid_utils.uuid7()))
        command = Book(order_id, wire.customer_of(body.user_id), body.quantity, body.waitlist)
        answer = await self._bridge.ask(event_id, command)
        match answer:
            case Booked(order, version):
                return response(201, wire.order_body(event_id, order, version))
            case Waitlisted(order, position, version):
                return response(202, wire.order_body(event_id, order, version, position))
        raise refusal(event_id, answer)

    async def cancel(self, request: web.Request) -> web.Response:
        """Cancel an order, or the only live order of a customer."""
        event_id, command = _cancel_command(CANCEL.read(await read_json(request)))
        answer = await self._bridge.ask(event_id, command)
        match answer:
            case Cancelled(order, promoted, version):
                return response(200, wire.cancelled_body(event_id, order, version, promoted))
            case OrderUnknown():
                raise await self._why_not_cancelled(event_id, command)
        raise refusal(event_id, answer)

    async def status(self, request: web.Request) -> web.Response:
        """The event's committed numbers. Asks no actor, so it does not queue behind bookings."""
        event_id = _event_id(request.match_info["eventId"])
        status = self._bridge.status(event_id)
        if status is None:
            status = await self._read(self._reading.status, event_id) or EventUnknown()
        if not isinstance(status, EventStatus):
            raise refusal(event_id, status)
        return response(200, wire.event_body(status))

    async def order(self, request: web.Request) -> web.Response:
        """One order, live or settled; with its position while it waits."""
        named = wire.order_id_of(request.match_info["orderId"])
        if named is None:
            raise _no_such_order()
        event_id, order_id = named
        answer = await self._bridge.ask(event_id, Find(order_id))
        if isinstance(answer, OrderUnknown):  # not live: the database has it settled, or nobody has
            answer = await self._read(self._reading.order, event_id, order_id) or answer
        match answer:
            case Found(order, position, version):
                return response(200, wire.order_body(event_id, order, version, position))
            case EventUnknown():
                raise _no_such_order()
        raise refusal(event_id, answer)

    async def events(self, request: web.Request) -> web.Response:
        """All events by id, a page at a time."""
        limit, after = _page(request.query)
        found = await self._read(self._reading.events, after, limit + 1)
        page = found[:limit]
        cursor = str(page[-1].event_id) if len(found) > limit else None
        headers = {} if cursor is None else {"Link": f'</events?limit={limit}&cursor={cursor}>; rel="next"'}
        return response(200, wire.ListBody([wire.event_body(status) for status in page], cursor), headers)

    async def _why_not_cancelled(self, event_id: EventId, command: Cancel | CancelFor) -> ProblemError:
        if isinstance(command, Cancel):
            found = await self._read(self._reading.order, event_id, command.order_id)
        else:
            found = await self._read(self._reading.last_order_of, event_id, command.customer)
        if found is None:
            return _no_such_order()
        if found.order.status is not OrderStatus.CANCELLED:
            return refusal(event_id, NotApplied("the order changed hands while it was looked up"))
        return ProblemError(
            "already_cancelled",
            "That order was cancelled before; nothing was changed.",
            orderId=f"{event_id}-{found.order.id}",
            version=found.version,
        )

    async def _read(self, query: Callable[..., Any], *args: Any) -> Any:
        try:
            return await self._bridge.read(query, *args)
        except DatabaseAway as away:
            raise ProblemError("not_applied", f"Nothing was changed: {away}. Try again shortly.") from away


def refusal(event_id: EventId, answer: Answer) -> ProblemError:
    """The problem document of an answer that is not what was asked for."""
    match answer:
        case SoldOut(available, waiting, version):
            return ProblemError(
                "sold_out",
                "The tickets are not to be had now, and `waitlist` is false; nothing was changed.",
                availableTickets=available,
                waitingListCount=waiting,
                version=version,
            )
        case CapacityExceeded(capacity, version):
            return ProblemError(
                "exceeds_capacity",
                f"Nobody can get more than the {capacity} tickets that the event has; nothing was changed.",
                totalTickets=capacity,
                version=version,
            )
        case OrderAmbiguous(order_ids, count, version):
            return ProblemError(
                "ambiguous_order",
                f"The customer has {count} orders here: name one by `orderId`. Nothing was changed.",
                orderCount=count,
                orderIds=[f"{event_id}-{order_id}" for order_id in order_ids],
                version=version,
            )
        case OrderUnknown():
            return _no_such_order()
        case EventUnknown():
            return ProblemError("event_not_found", "There is no event with this id.")
        case Overloaded():
            return ProblemError("overloaded", "Nothing was changed: too many requests are under way.")
        case NotApplied(reason):
            return ProblemError("not_applied", f"Nothing was changed: {reason}. Try again shortly.")
        case EventUnavailable():
            return ProblemError(
                "event_unavailable",
                "Nothing was changed: the event's stored state contradicts itself, and is refused until"
                " somebody has looked at it.",
            )
        case OutcomeUnknown():
            return ProblemError(
                "outcome_unknown",
                f"It may or may not have been applied: {answer.reason}. Look at the status or the order"
                " before you try again.",
            )
        case _:
            raise TypeError(f"{answer!r} is no refusal")


def _no_such_order() -> ProblemError:
    return ProblemError("order_not_found", "There is no such order.")


def _event_id(given: int | str) -> EventId:
    event_id = wire.event_id_of(given)
    if event_id is None:
        raise refusal(EventId(0), EventUnknown())
    return event_id


def _cancel_command(body: CancelBody) -> tuple[EventId, Cancel | CancelFor]:
    match body.order_id, body.event_id, body.user_id:
        case (int() | str()) as given, msgspec.UNSET, msgspec.UNSET:
            named = wire.order_id_of(given)
            if named is None:
                raise _no_such_order()
            return named[0], Cancel(named[1])
        case msgspec.UNSET, (int() | str()) as event_id, (int() | str()) as user_id:
            return _event_id(event_id), CancelFor(CustomerId(wire.customer_of(user_id)))
    pointer = "/eventId" if body.event_id is msgspec.UNSET else "/userId"
    pointer = "/orderId" if body.order_id is not msgspec.UNSET else pointer
    raise ProblemError(
        "invalid_request",
        "The body is not what this call takes.",
        [FieldError(pointer, "give either `orderId` alone, or `eventId` and `userId` together")],
    )


def _page(query: Mapping[str, str]) -> tuple[int, EventId]:
    for name in query:
        if name not in ("limit", "cursor"):
            raise _invalid_parameter(name, "is not a parameter of this call")
    limit = query.get("limit", str(PAGE_DEFAULT))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 9 and 1 <= int(limit) <= PAGE_MAX):
        raise _invalid_parameter("limit", f"must be a whole number from 1 to {PAGE_MAX}")
    after = wire.event_id_of(query["cursor"]) if "cursor" in query else EventId(0)
    if after is None:
        raise _invalid_parameter("cursor", "is not a cursor that a list has given")
    return int(limit), after


def _invalid_parameter(name: str, detail: str) -> ProblemError:
    return ProblemError("invalid_request", f"The query parameter `{name}` {detail}.")


async def read_json(request: web.Request) -> bytes:
    """The body of a request that says it is JSON, as it is. Raises ProblemError 415.

    What is compressed is refused: 64 KiB of it may be 64 MiB, inflated on the event loop.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ProblemError("unsupported_media_type", "Send the body as it is, without a `Content-Encoding`.")
    declared = request.headers.get("Content-Type", "")
    if declared != _JSON and declared.partition(";")[0].strip().lower() != _JSON:
        raise ProblemError("unsupported_media_type", f"Send JSON, and say so: `Content-Type: {_JSON}`.")
    return await request.read()


def response(status: int, body: wire.Body, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer in JSON."""
    return web.Response(body=wire.encode(body), status=status, content_type=_JSON, headers=headers)
