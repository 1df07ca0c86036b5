"""What the box office answers: events, orders, and entries of an event's log, as frozen values.

Fields that a newer server adds are ignored. A word that this version does not know, a new order status say,
is an `UNKNOWN` member that keeps its text. Times are aware datetimes in UTC. Values only, for any thread.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

import msgspec
from msgspec import Meta

Moment = Annotated[datetime, Meta(tz=True)]


class Word(StrEnum):
    """One of the server's words; what is not among them yet has the name `UNKNOWN`, and its text as value."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = "UNKNOWN"
        unknown._value_ = value
        return unknown


class OrderStatus(Word):
    """Where an order stands. The first four are live, the last two final."""

    CONFIRMED = "confirmed"
    HELD = "held"
    OFFERED = "offered"
    WAITLISTED = "waitlisted"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class SaleState(Word):
    """Whether an event sells now: not yet, yes, or no more."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    CLOSED = "closed"


class WaitlistMode(Word):
    """What a promotion does: `BOOK` confirms the order at once, `OFFER` holds its tickets for an answer."""

    BOOK = "book"
    OFFER = "offer"


class ChangeType(Word):
    """What happened to an event."""

    EVENT_INITIALIZED = "eventInitialized"
    TICKETS_BOOKED = "ticketsBooked"
    TICKETS_HELD = "ticketsHeld"
    CUSTOMER_WAITLISTED = "customerWaitlisted"
    ORDER_CONFIRMED = "orderConfirmed"
    HOLD_EXTENDED = "holdExtended"
    ORDER_REDUCED = "orderReduced"
    ORDER_CANCELLED = "orderCancelled"
    ORDER_EXPIRED = "orderExpired"
    EVENT_ADJUSTED = "eventAdjusted"
    SALE_CLOSED = "saleClosed"


class Scope(Word):
    """What the holder of an API key may do. None of them includes another."""

    READ = "read"
    SELL = "sell"
    ORGANISE = "organise"
    ADMIN = "admin"


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whatever is answered."""


class Event(Result, frozen=True, kw_only=True):
    """An event's numbers and terms at one `version`, which counts its changes.

    Tickets: `total_tickets` = available + booked + held + offered. `waiting_list_count` counts the orders in
    line, `waiting_tickets` what they wait for. In the terms, None stands for no bound.
    """

    event_id: str
    event_name: str
    total_tickets: int
    available_tickets: int
    booked_tickets: int
    held_tickets: int
    offered_tickets: int
    waiting_list_count: int
    waiting_tickets: int
    state: SaleState
    version: int
    sales_open_at: Moment | None
    sales_close_at: Moment | None
    closed_at: Moment | None
    max_per_order: int | None
    max_per_customer: int | None
    waitlist_limit: int | None
    waitlist_mode: WaitlistMode
    offer_seconds: int
    hold_seconds: int
    max_hold_seconds: int


class Promoted(Result, frozen=True, kw_only=True):
    """An order that got its tickets from the waiting list, or has them offered until `expires_at`."""

    order_id: str
    user_id: str
    quantity: int
    status: OrderStatus
    expires_at: Moment | None = None


class Adjusted(Event, frozen=True, kw_only=True):
    """An event after an adjustment, and who got tickets by it: the first thousand of `promoted_count`."""

    promoted_count: int = 0
    promoted: tuple[Promoted, ...] = ()


class Order(Result, frozen=True, kw_only=True):
    """An order as of its event's `version`.

    `position` only while it waits, 1 is next; `expires_at` only while it is held or offered.
    """

    order_id: str
    event_id: str
    user_id: str
    quantity: int
    status: OrderStatus
    version: int
    created_at: Moment
    position: int | None = None
    expires_at: Moment | None = None


class Cancelled(Order, frozen=True, kw_only=True):
    """What is left of an order, or the whole of it, cancelled; and who got what it gave back."""

    cancelled_quantity: int = 0
    promoted: tuple[Promoted, ...] = ()


class Change(Result, frozen=True, kw_only=True):
    """One entry of an event's log; what does not belong to its `type` is None.

    `EVENT_INITIALIZED` and `EVENT_ADJUSTED` give all terms as they are from then on: there, None is no bound.
    """

    version: int
    at: Moment
    type: ChangeType
    order_id: str | None = None
    user_id: str | None = None
    quantity: int | None = None
    expires_at: Moment | None = None
    event_name: str | None = None
    total_tickets: int | None = None
    sales_open_at: Moment | None = None
    sales_close_at: Moment | None = None
    max_per_order: int | None = None
    max_per_customer: int | None = None
    waitlist_limit: int | None = None
    waitlist_mode: WaitlistMode | None = None
    offer_seconds: int | None = None
    hold_seconds: int | None = None
    max_hold_seconds: int | None = None
    promoted: tuple[Promoted, ...] = ()


class ApiKey(Result, frozen=True, kw_only=True):
    """An API key, without its secret, which nobody has but its holder; `limit` like `100/second`."""

    key_id: str
    name: str
    scopes: tuple[Scope, ...]
    limit: str | None
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None


class Quarantine(Result, frozen=True, kw_only=True):
    """An event that is out of service, and why."""

    event_id: str
    reason: str


class Ready(Result, frozen=True, kw_only=True):
    """That bookings are taken; all but `status` only if it was asked for.

    `loop_lag_seconds`: how late the server's event loop was at the worst, in the last 5 to 10 seconds;
    `database_ms`: how long the database took to answer. `release` is the server's version.
    """

    status: str
    requests_in_flight: int | None = None
    events_resident: int | None = None
    events_quarantined: tuple[Quarantine, ...] | None = None
    connections_open: int | None = None
    loop_lag_seconds: float | None = None
    database_ms: float | None = None
    uptime_seconds: float | None = None
    release: str | None = None
