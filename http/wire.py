"""The JSON that goes over the wire: what clients may send, what they get, and how ids and times look outside.

Types and their making only: `decoding.py` reads them, `commands.py` and `answers.py` say what they mean.
Called on the event loop.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeVar, get_args

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from boxoffice.actors.changes import Change
from boxoffice.actors.principals import ApiKey, Scope
from boxoffice.actors.terms import sale_state
from boxoffice.actors.values import (
    QUANTITY_MAX,
    SECONDS_MAX,
    TEXT_MAX,
    TICKETS_MAX,
    CustomerId,
    EventId,
    EventStatus,
    Instant,
    Order,
    OrderId,
    OrderStatus,
    Promotion,
    SaleState,
    Terms,
    WaitlistMode,
)
from boxoffice.http.identity.rates import rate_text

INTEGER_MAX = 2**63 - 1

COMMANDS_MAX = 1_000
"""Commands in one batch."""

T = TypeVar("T")

NO_NUL = r"^[^\u0000]*$"  # decoding.py checks it
Text = Annotated[str, Meta(min_length=1, max_length=TEXT_MAX, extra_json_schema={"pattern": NO_NUL})]
Id = Annotated[int, Meta(ge=0, le=INTEGER_MAX)] | Text
Quantity = Annotated[int, Meta(ge=1, le=QUANTITY_MAX)]
Tickets = Annotated[int, Meta(ge=1, le=TICKETS_MAX)]
Seconds = Annotated[int, Meta(ge=1, le=SECONDS_MAX)]
Moment = Annotated[datetime, Meta(tz=True)]


class Body(msgspec.Struct, frozen=True, rename="camel"):
    """A JSON object in camelCase."""


class _Asked(Body, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    """What clients send. In a batch, the field `do` says which of them it is."""


# --- what clients send ---------------------------------------------------------------------------


class TermsFields(_Asked, frozen=True, kw_only=True):
    """The terms of a sale; null stands for no bound."""

    sales_open_at: Moment | UnsetType | None = UNSET
    sales_close_at: Moment | UnsetType | None = UNSET
    max_per_order: Annotated[int, Meta(ge=1, le=QUANTITY_MAX)] | UnsetType | None = UNSET
    max_per_customer: Tickets | UnsetType | None = UNSET
    waitlist_limit: Annotated[int, Meta(ge=0, le=TICKETS_MAX)] | UnsetType | None = UNSET
    waitlist_mode: WaitlistMode | UnsetType = UNSET
    offer_seconds: Seconds | UnsetType = UNSET
    hold_seconds: Seconds | UnsetType = UNSET
    max_hold_seconds: Seconds | UnsetType = UNSET


class InitializeBody(TermsFields, frozen=True, kw_only=True, tag="initialize"):
    """`POST /initialize`."""

    event_name: Text
    total_tickets: Tickets


class BookBody(_Asked, frozen=True, kw_only=True, tag="book"):
    """`POST /book`."""

    event_id: Id
    user_id: Id
    quantity: Quantity = 1
    waitlist: bool = True


class HoldBody(_Asked, frozen=True, kw_only=True, tag="hold"):
    """`POST /hold`."""

    event_id: Id
    user_id: Id
    quantity: Quantity = 1
    waitlist: bool = True
    hold_seconds: Seconds | None = None


class ConfirmBody(_Asked, frozen=True, kw_only=True, tag="confirm"):
    """`POST /confirm`."""

    order_id: Id


class ExtendBody(_Asked, frozen=True, kw_only=True, tag="extend"):
    """`POST /extend`."""

    order_id: Id
    hold_seconds: Seconds | None = None


class CancelBody(_Asked, frozen=True, kw_only=True, tag="cancel"):
    """`POST /cancel`: an order, or the only live order of a customer; or `quantity` of its tickets."""

    order_id: Id | UnsetType = UNSET
    event_id: Id | UnsetType = UNSET
    user_id: Id | UnsetType = UNSET
    quantity: Quantity | None = None


class AdjustBody(TermsFields, frozen=True, kw_only=True, tag="adjust"):
    """`POST /adjust`: whatever is given changes."""

    event_id: Id
    event_name: Text | UnsetType = UNSET
    total_tickets: Tickets | UnsetType = UNSET


class CloseBody(_Asked, frozen=True, kw_only=True, tag="close"):
    """`POST /close`."""

    event_id: Id


CommandBody = BookBody | HoldBody | ConfirmBody | ExtendBody | CancelBody | AdjustBody | CloseBody


class BatchBody(Body, frozen=True, forbid_unknown_fields=True):
    """`POST /batch`. The commands are read one by one, so that a malformed one fails alone."""

    commands: Annotated[list[Raw], Meta(min_length=1, max_length=COMMANDS_MAX)]


# --- what they get -------------------------------------------------------------------------------

# For the API document: encoding looks at no type, so these cost nothing.


def _one_of(*names: str) -> Meta:
    return Meta(extra_json_schema={"enum": list(names)})


def _names(values: type[Enum]) -> Meta:
    return _one_of(*(each.value for each in values))


def kind(change: type[Change]) -> str:
    """What a change is called in the log."""
    name = change.__name__
    return name[:1].lower() + name[1:]


_EVENT_ID = re.compile(r"[1-9][0-9]{0,18}")
_ORDER_ID = re.compile(r"([1-9][0-9]{0,18})-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")

EVENT_ID_PATTERN = f"^{_EVENT_ID.pattern}$"
ORDER_ID_PATTERN = f"^{_ORDER_ID.pattern}$"
API_KEY_ID_PATTERN = "^[0-9a-z]{12}$"

EventIdText = Annotated[str, Meta(pattern=EVENT_ID_PATTERN)]
OrderIdText = Annotated[str, Meta(pattern=ORDER_ID_PATTERN)]
ApiKeyId = Annotated[str, Meta(pattern=API_KEY_ID_PATTERN)]
Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Version = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]
Measured = Annotated[float, Meta(ge=0)]
TicketCount = Annotated[int, Meta(ge=0, le=TICKETS_MAX)]
Mode = Annotated[str, _names(WaitlistMode)]
State = Annotated[str, _names(SaleState)]
Status = Annotated[str, _names(OrderStatus)]
Kind = Annotated[str, _one_of(*map(kind, get_args(Change)))]


class EventBody(Body, frozen=True):
    """An event's numbers and terms at one version."""

    event_id: EventIdText
    event_name: Text
    total_tickets: Tickets
    available_tickets: TicketCount
    booked_tickets: TicketCount
    held_tickets: TicketCount
    offered_tickets: TicketCount
    waiting_list_count: Count
    waiting_tickets: Count
    state: State
    version: Version
    sales_open_at: Time | None
    sales_close_at: Time | None
    closed_at: Time | None
    max_per_order: Quantity | None
    max_per_customer: Tickets | None
    waitlist_limit: TicketCount | None
    waitlist_mode: Mode
    offer_seconds: Seconds
    hold_seconds: Seconds
    max_hold_seconds: Seconds


class PromotedBody(Body, frozen=True):
    """An order that got its tickets from the waiting list, or has them offered until `expiresAt`."""

    order_id: OrderIdText
    user_id: Text
    quantity: Quantity
    status: Annotated[str, _one_of("confirmed", "offered")]
    expires_at: Time | UnsetType = UNSET


class AdjustedBody(EventBody, frozen=True):
    """An event after an adjustment, and who got tickets by it: the first thousand of `promotedCount`."""

    promoted_count: Count = 0
    promoted: list[PromotedBody] = []


class OrderBody(Body, frozen=True):
    """An order as of the event's `version`; `position` only while it waits, 1 is next; `expiresAt` only
    while it is held or offered.
    """

    order_id: OrderIdText
    event_id: EventIdText
    user_id: Text
    quantity: Quantity
    status: Status
    version: Version
    created_at: Time
    position: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    expires_at: Time | UnsetType = UNSET


class CancelledBody(OrderBody, frozen=True):
    """What is left of an order, or the whole of it, cancelled; and who got what it gave back."""

    cancelled_quantity: Annotated[int, Meta(ge=1, le=QUANTITY_MAX)] = 0
    promoted: list[PromotedBody] = []


class ChangeBody(Body, frozen=True, kw_only=True):
    """One entry of an event's log: what changed, and nothing else."""

    version: Version
    at: Time
    type: Kind
    order_id: OrderIdText | UnsetType = UNSET
    user_id: Text | UnsetType = UNSET
    quantity: Quantity | UnsetType = UNSET
    expires_at: Time | UnsetType = UNSET
    event_name: Text | UnsetType = UNSET
    total_tickets: Tickets | UnsetType = UNSET
    sales_open_at: Time | UnsetType | None = UNSET
    sales_close_at: Time | UnsetType | None = UNSET
    max_per_order: Quantity | UnsetType | None = UNSET
    max_per_customer: Tickets | UnsetType | None = UNSET
    waitlist_limit: TicketCount | UnsetType | None = UNSET
    waitlist_mode: Mode | UnsetType = UNSET
    offer_seconds: Seconds | UnsetType = UNSET
    hold_seconds: Seconds | UnsetType = UNSET
    max_hold_seconds: Seconds | UnsetType = UNSET
    promoted: list[PromotedBody] | UnsetType = UNSET


class ListBody(Body, Generic[T], frozen=True):
    """One page; `next` is the cursor of the following one, null on the last."""

    items: list[T]
    next: str | None


class ResultBody(Body, frozen=True):
    """The outcome of one command of a batch: what its own call would have answered."""

    status: Annotated[int, Meta(ge=200, le=599)]
    body: Any


class ResultsBody(Body, frozen=True):
    """The outcomes of a batch, in the order of its commands."""

    results: Annotated[list[ResultBody], Meta(min_length=1, max_length=COMMANDS_MAX)]


class ApiKeyBody(Body, frozen=True):
    """An API key, without its secret, which nobody has but its holder; `limit` like `100/second`."""

    key_id: ApiKeyId
    name: str
    scopes: list[Annotated[str, _names(Scope)]]
    limit: Annotated[str, Meta(pattern=r"^[0-9]{1,7}/(second|minute|hour|day)$")] | None
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None


class QuarantineBody(Body, frozen=True):
    """An event that is out of service, and why: for operators."""

    event_id: EventIdText
    reason: str


class LiveBody(Body, frozen=True):
    """That the process answers."""

    status: Annotated[str, _one_of("alive")]


class ReadyBody(Body, frozen=True, omit_defaults=True):
    """That bookings are taken; what is UNSET was not asked for.

    `database_ms` is how long the database took to answer, UNSET if it did not; `loop_lag_seconds` how late
    the event loop has come to what was due, at the worst, in the last 5 to 10 seconds.
    """

    status: Annotated[str, _one_of("ready")]
    requests_in_flight: Count | UnsetType = UNSET
    events_resident: Count | UnsetType = UNSET
    events_quarantined: list[QuarantineBody] | UnsetType = UNSET
    connections_open: Count | UnsetType = UNSET
    loop_lag_seconds: Measured | UnsetType = UNSET
    database_ms: Measured | UnsetType = UNSET
    uptime_seconds: Measured | UnsetType = UNSET
    release: str | UnsetType = UNSET


encode = msgspec.json.Encoder().encode


def event_body(status: EventStatus, now: Instant) -> EventBody:
    """An event as clients see it at `now`."""
    return EventBody(*event_fields(status, now))


def adjusted_body(
    status: EventStatus, now: Instant, promoted: Iterable[Promotion], promoted_count: int
) -> AdjustedBody:
    """An adjusted event as clients see it."""
    fields = *event_fields(status, now), promoted_count, promoted_bodies(status.event_id, promoted)
    return AdjustedBody(*fields)


def event_fields(status: EventStatus, now: Instant) -> tuple[Any, ...]:
    """The fields of `EventBody`, and the first of everything that is one."""
    terms = status.terms
    return (
        str(status.event_id),
        status.name,
        status.capacity,
        status.available,
        status.booked,
        status.held,
        status.offered,
        status.waiting,
        status.waiting_tickets,
        sale_state(terms, status.closed_at, now).value,
        status.version,
        _time_or_none(terms.sales_open_at),
        _time_or_none(terms.sales_close_at),
        _time_or_none(status.closed_at),
        terms.max_per_order,
        terms.max_per_customer,
        terms.waitlist_limit,
        terms.waitlist_mode.value,
        terms.offer_seconds,
        terms.hold_seconds,
        terms.max_hold_seconds,
    )


def order_body(event_id: EventId, order: Order, version: int, position: int | None = None) -> OrderBody:
    """An order as clients see it."""
    return OrderBody(*order_fields(event_id, order, version, position))


def cancelled_body(
    event_id: EventId, order: Order, version: int, quantity: int, promoted: Iterable[Promotion]
) -> CancelledBody:
    """A cancelled order, or what is left of it, as clients see it."""
    fields = *order_fields(event_id, order, version, None), quantity, promoted_bodies(event_id, promoted)
    return CancelledBody(*fields)


def order_fields(event_id: EventId, order: Order, version: int, position: int | None) -> tuple[Any, ...]:
    """The fields of `OrderBody`, and the first of everything that is one."""
    return (
        f"{event_id}-{order.id}",
        str(event_id),
        order.customer,
        order.quantity,
        order.status,
        version,
        rfc3339(order.created_at),
        UNSET if position is None else position,
        UNSET if order.expires_at is None else rfc3339(order.expires_at),
    )


def promoted_bodies(event_id: EventId, promoted: Iterable[Promotion]) -> list[PromotedBody]:
    """Promotions as clients see them."""
    return [
        PromotedBody(
            f"{event_id}-{each.order_id}",
            each.customer,
            each.quantity,
            "confirmed" if each.expires_at is None else "offered",
            UNSET if each.expires_at is None else rfc3339(each.expires_at),
        )
        for each in promoted
    ]


def api_key_body(key: ApiKey) -> ApiKeyBody:
    """An API key as it may be shown."""
    return ApiKeyBody(
        key.id,
        key.name,
        [scope.value for scope in Scope if scope in key.scopes],
        None if key.limit is None else rate_text(key.limit),
        rfc3339(key.created_at),
        _time_or_none(key.expires_at),
        _time_or_none(key.revoked_at),
    )


def change_body(event_id: EventId, change: Change) -> ChangeBody:
    """An entry of the log as clients see it."""
    fields: dict[str, Any] = {}
    for name in change.__struct_fields__:
        value = getattr(change, name)
        match name:
            case "order_id":
                fields["order_id"] = f"{event_id}-{value}"
            case "customer":
                fields["user_id"] = value
            case "name":
                fields["event_name"] = value
            case "capacity":
                fields["total_tickets"] = value
            case "at" | "expires_at":
                fields[name] = rfc3339(value)
            case "promoted":
                fields[name] = promoted_bodies(event_id, value)
            case "terms":
                fields.update(_terms_fields(value))
            case _:
                fields[name] = value
    return ChangeBody(type=kind(type(change)), **fields)


def _terms_fields(terms: Terms) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(terms),
        "sales_open_at": _time_or_none(terms.sales_open_at),
        "sales_close_at": _time_or_none(terms.sales_close_at),
        "waitlist_mode": terms.waitlist_mode.value,
    }


@lru_cache(maxsize=256)  # what arrives in one tick of the event loop has one time
def rfc3339(at: Instant) -> str:
    """A moment in UTC, to the microsecond."""
    seconds, micros = divmod(at, 1_000_000)
    return f"{_to_the_second(seconds)}.{micros:06}Z"


@lru_cache(maxsize=256)
def _to_the_second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def _time_or_none(at: Instant | None) -> str | None:
    return None if at is None else rfc3339(at)


def camel(name: str) -> str:
    """A field's name as it is on the wire."""
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


# --- ids -----------------------------------------------------------------------------------------


@lru_cache(maxsize=256)  # whoever is asked for is asked for again
def event_id_of(given: int | str) -> EventId | None:
    """The event that an id on the wire names; None if no event can have it."""
    if isinstance(given, str):
        if not _EVENT_ID.fullmatch(given):
            return None
        given = int(given)
    return EventId(given) if 0 < given <= INTEGER_MAX else None


def order_id_of(given: int | str) -> tuple[EventId, OrderId] | None:
    """The event and the order that an order id on the wire names; None if no order can have it."""
    matched = _ORDER_ID.fullmatch(given) if isinstance(given, str) else None
    event_id = event_id_of(matched[1]) if matched else None
    return (event_id, OrderId(matched[2])) if matched and event_id is not None else None


def customer_of(given: int | str) -> CustomerId:
    """The customer that an id on the wire names."""
    return CustomerId(given if isinstance(given, str) else str(given))
