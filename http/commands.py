"""What a body asks of an event: the command it stands for, and the event it is for.

The same for a call of its own and for an entry of a batch. Raises `ProblemError` for what no event could
answer. Called on the event loop.
"""

from datetime import datetime
from typing import Any, assert_never

import msgspec
import uuid_utils
from msgspec import UNSET

from boxoffice.actors.messages import (
    Adjust,
    Book,
    Cancel,
    CancelFor,
    Close,
    Command,
    Confirm,
    EventUnknown,
    Extend,
    Hold,
    Initialize,
)
from boxoffice.actors.terms import contradiction_in
from boxoffice.actors.values import SECOND, CustomerId, EventId, Instant, OrderId, Terms
from boxoffice.http import wire
from boxoffice.http.answers import no_such_order, refusal
from boxoffice.http.decoding import Reader, invalid_body
from boxoffice.http.problems import FieldError, ProblemError
from boxoffice.http.wire import (
    AdjustBody,
    BookBody,
    CancelBody,
    CloseBody,
    CommandBody,
    ConfirmBody,
    ExtendBody,
    HoldBody,
    InitializeBody,
    TermsFields,
)

INITIALIZE = Reader(InitializeBody)
COMMANDS: dict[str, Reader[Any]] = {
    "book": Reader(BookBody),
    "hold": Reader(HoldBody),
    "confirm": Reader(ConfirmBody),
    "extend": Reader(ExtendBody),
    "cancel": Reader(CancelBody),
    "adjust": Reader(AdjustBody),
    "close": Reader(CloseBody),
}
"""How to read the body of each call that asks one event for something."""

ANY_COMMAND: Reader[Any] = Reader(
    InitializeBody, BookBody, HoldBody, ConfirmBody, ExtendBody, CancelBody, AdjustBody, CloseBody
)

INSTANT_MAX = 253_370_764_800 * SECOND
"""The year 9999: the last one that a time on the wire can name."""


def command_of(body: CommandBody, asker: CustomerId | None, at: str = "") -> tuple[EventId, Command]:
    """The event, and what it is asked; `at` is the pointer to this body within a batch.

    An `asker` is a customer who asks for themselves: nobody else's orders are there for them.
    """
    match body:
        case BookBody():
            user = _buyer(body, asker)
            return event_id_of(body.event_id), Book(new_order_id(), user, body.quantity, body.waitlist)
        case HoldBody():
            user, seconds = _buyer(body, asker), body.hold_seconds
            hold = Hold(new_order_id(), user, body.quantity, body.waitlist, seconds)
            return event_id_of(body.event_id), hold
        case ConfirmBody():
            event_id, order_id = _order_id(body.order_id)
            return event_id, Confirm(order_id, asker)
        case ExtendBody():
            event_id, order_id = _order_id(body.order_id)
            return event_id, Extend(order_id, body.hold_seconds, asker)
        case CancelBody():
            return _cancel(body, asker, at)
        case AdjustBody():
            terms = _terms_given(body, at)
            adjust = Adjust(name=body.event_name, capacity=body.total_tickets, **terms)
            return event_id_of(body.event_id), adjust
        case CloseBody():
            return event_id_of(body.event_id), Close()
        case _:
            assert_never(body)


def initialize_of(body: InitializeBody, at: str = "") -> Initialize:
    """The event to be made."""
    terms = Terms(**_terms_given(body, at))
    if (contradiction := contradiction_in(terms)) is not None:
        field, reason = contradiction
        raise invalid_body(FieldError(f"{at}/{wire.camel(field)}", reason))
    return Initialize(body.event_name, body.total_tickets, terms)


def new_order_id() -> OrderId:
    """An id that no order has had, greater than those before it."""
    return OrderId(str(uuid_utils.uuid7()))


def event_id_of(given: int | str) -> EventId:
    """The event that an id names. Raises ProblemError if none can have it."""
    event_id = wire.event_id_of(given)
    if event_id is None:
        raise refusal(EventId(0), EventUnknown())
    return event_id


def _order_id(given: int | str) -> tuple[EventId, OrderId]:
    named = wire.order_id_of(given)
    if named is None:
        raise no_such_order()
    return named


def _buyer(body: BookBody | HoldBody, asker: CustomerId | None) -> CustomerId:
    customer = wire.customer_of(body.user_id)
    if asker is not None and customer != asker:
        raise ProblemError("forbidden", "A customer orders for nobody else; nothing was changed.")
    return customer


def _cancel(body: CancelBody, asker: CustomerId | None, at: str) -> tuple[EventId, Cancel | CancelFor]:
    match body.order_id, body.event_id, body.user_id:
        case (int() | str()) as given, msgspec.UNSET, msgspec.UNSET:
            event_id, order_id = _order_id(given)
            return event_id, Cancel(order_id, body.quantity, asker)
        case msgspec.UNSET, (int() | str()) as event, (int() | str()) as user:
            customer = wire.customer_of(user)
            if asker is not None and customer != asker:
                raise no_such_order()
            return event_id_of(event), CancelFor(customer, body.quantity)
    pointer = "/eventId" if body.event_id is UNSET else "/userId"
    pointer = "/orderId" if body.order_id is not UNSET else pointer
    detail = "give either `orderId` alone, or `eventId` and `userId` together"
    raise invalid_body(FieldError(at + pointer, detail))


def _terms_given(body: TermsFields, at: str) -> dict[str, Any]:
    """The terms that a body sets, by the names of `Terms`."""
    given: dict[str, Any] = {}
    for name in Terms.__struct_fields__:
        value = getattr(body, name)
        if isinstance(value, datetime):
            value = _instant(value, f"{at}/{wire.camel(name)}")
        if value is not UNSET:
            given[name] = value
    return given


def _instant(moment: datetime, pointer: str) -> Instant:
    seconds = int(moment.replace(microsecond=0).timestamp())
    at = seconds * SECOND + moment.microsecond
    if not 0 <= at < INSTANT_MAX:
        raise invalid_body(FieldError(pointer, "a time must lie between the years 1970 and 9999"))
    return Instant(at)
