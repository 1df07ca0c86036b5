"""The nouns of a sale: ids, orders, the terms an event sells on, its numbers, and the bounds of them all.

Values only: made on any thread, never changed afterwards. They are msgspec Structs because a frozen
dataclass takes ten times as long to make (1.06 µs against 0.11 µs for six fields) and because, kept out
of the garbage collector's lists, half a million live orders do not slow a collection down.
"""

from enum import Enum, StrEnum
from typing import NewType

import msgspec

EventId = NewType("EventId", int)
"""An event's number, 1 … 2⁶³ - 1, given out by the database's sequence."""

OrderId = NewType("OrderId", str)
"""An order's UUIDv7 in its canonical text form, made when the request is admitted."""

CustomerId = NewType("CustomerId", str)
"""Who buys: 1 … 200 characters, in the caller's own words (`userId` on the wire)."""

Instant = NewType("Instant", int)
"""A moment of the server's clock: microseconds since 1970-01-01 UTC."""

SECOND = 1_000_000
"""Microseconds, to be added to an `Instant`."""

TICKETS_MAX = 10_000_000
"""Tickets that one event may have."""

QUANTITY_MAX = 1_000
"""Tickets that one order may have."""

TEXT_MAX = 200
"""Characters in an event's name, and in a customer's id."""

SECONDS_MAX = 30 * 24 * 3600
"""How long a hold or an offer may last: 30 days."""

ORDER_IDS_MAX = 100
"""Orders that one refusal names."""

PROMOTIONS_SHOWN_MAX = 1_000
"""Promotions that one answer names; a cancellation never makes more, a larger event may."""


class Value(msgspec.Struct, frozen=True, gc=False):
    """A frozen value without reference cycles, so the garbage collector need not visit it."""


class OrderStatus(StrEnum):
    """Where an order stands. The first four are live, the last two final."""

    CONFIRMED = "confirmed"
    HELD = "held"
    OFFERED = "offered"
    WAITLISTED = "waitlisted"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


LIVE = (OrderStatus.CONFIRMED, OrderStatus.HELD, OrderStatus.OFFERED, OrderStatus.WAITLISTED)


class Order(Value, frozen=True, gc=False):
    """One customer's tickets, or their place in line.

    `place` grows along the waiting list and is None unless the order waits: it is the version of the
    change that put the order there, so it is unique in its event and never has to be handed out anew.
    `expires_at` is None unless the order is held or offered: from that moment on it is neither.
    """

    id: OrderId
    customer: CustomerId
    quantity: int
    status: OrderStatus
    created_at: Instant
    place: int | None = None
    expires_at: Instant | None = None


class Promotion(Value, frozen=True, gc=False, rename="camel"):
    """An order that left the head of the line with its tickets: confirmed, or offered until `expires_at`.

    Stored inside the change that did it.
    """

    order_id: OrderId
    customer: CustomerId
    quantity: int
    expires_at: Instant | None = None


class WaitlistMode(Enum):
    """What a promotion does: `book` confirms the order at once, `offer` holds its tickets for an answer."""

    BOOK = "book"
    OFFER = "offer"


class Terms(Value, frozen=True, gc=False, rename="camel"):
    """On what terms an event sells. None stands for no bound.

    `max_per_order` and `max_per_customer` count tickets, the latter over all live orders of a customer,
    waiting ones too; `waitlist_limit` counts orders in line. A hold lasts `hold_seconds` unless its customer
    asks otherwise, and with all its extensions `max_hold_seconds`; an offer lasts `offer_seconds`. The
    defaults are what the logs of the first events mean, which say nothing of terms: they may not change.
    """

    sales_open_at: Instant | None = None
    sales_close_at: Instant | None = None
    max_per_order: int | None = None
    max_per_customer: int | None = None
    waitlist_limit: int | None = None
    waitlist_mode: WaitlistMode = WaitlistMode.BOOK
    offer_seconds: int = 3600
    hold_seconds: int = 600
    max_hold_seconds: int = 3600


class SaleState(Enum):
    """Whether an event sells now: not yet, yes, or no more."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    CLOSED = "closed"


class EventStatus(Value, frozen=True, gc=False):
    """An event's numbers at one version. `available + booked + held + offered == capacity`, always.

    They count tickets, but for `waiting`, which counts the orders in line; `waiting_tickets` is what those
    wait for. `closed_at` is when the sale was ended for good, None until then.
    """

    event_id: EventId
    name: str
    capacity: int
    available: int
    booked: int
    held: int
    offered: int
    waiting: int
    waiting_tickets: int
    version: int
    terms: Terms = Terms()
    closed_at: Instant | None = None
