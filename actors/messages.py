"""What one says to an event, and what it answers: frozen values, and nothing else.

Commands are imperatives, answers are past participles; a refusal is an answer like any other, never an
exception. Answers that depend on an event's state carry the `version` they were computed on, so that a
history of answers can be checked by replaying the event's changes in version order.

Values only: made on any thread, never changed afterwards. They are msgspec Structs because a frozen
dataclass takes ten times as long to make (1.06 µs against 0.11 µs for six fields) and because, kept out
of the garbage collector's lists, half a million live orders do not slow a collection down.
"""

from enum import Enum
from typing import ClassVar, NewType, TypeAlias

import msgspec

EventId = NewType("EventId", int)
"""An event's number, 1 … 2⁶³ - 1, given out by the database's sequence."""

OrderId = NewType("OrderId", str)
"""An order's UUIDv7 in its canonical text form, made when the request is admitted."""

CustomerId = NewType("CustomerId", str)
"""Who buys: 1 … 200 characters, in the caller's own words (`userId` on the wire)."""

Instant = NewType("Instant", int)
"""A moment of the server's clock: microseconds since 1970-01-01 UTC."""


TICKETS_MAX = 10_000_000
"""Tickets that one event may have."""

QUANTITY_MAX = 1_000
"""Tickets that one order may have."""

TEXT_MAX = 200
"""Characters in an event's name, and in a customer's id."""

ORDER_IDS_MAX = 100
"""Orders that one refusal names."""


class Value(msgspec.Struct, frozen=True, gc=False):
    """A frozen value without reference cycles, so the garbage collector need not visit it."""


class OrderStatus(Enum):
    """Where an order stands. `confirmed` and `waitlisted` are live; `cancelled` is final."""

    CONFIRMED = "confirmed"
    WAITLISTED = "waitlisted"
    CANCELLED = "cancelled"


class Order(Value, frozen=True, gc=False):
    """One customer's tickets, or their place in line.

    `place` grows along the waiting list and is None unless the order waits: it is the version of the
    change that put the order there, so it is unique in its event and never has to be handed out anew.
    """

    id: OrderId
    customer: CustomerId
    quantity: int
    status: OrderStatus
    created_at: Instant
    place: int | None = None


class EventStatus(Value, frozen=True, gc=False):
    """An event's numbers at one version. `available + booked == capacity`, always.

    `available`, `booked` and `capacity` count tickets; `waiting` counts orders in line.
    """

    event_id: EventId
    name: str
    capacity: int
    available: int
    booked: int
    waiting: int
    version: int


# --- commands ------------------------------------------------------------------------------------


class Initialize(Value, frozen=True, gc=False):
    """Put `capacity` tickets (1 or more) on sale under `name`."""

    name: str
    capacity: int


class Book(Value, frozen=True, gc=False):
    """Take `quantity` tickets (1 or more), all or none; join the line if they are not there and `waitlist`.

    `order_id` must be one that no order has had; it becomes the order's.
    """

    order_id: OrderId
    customer: CustomerId
    quantity: int = 1
    waitlist: bool = True


class Cancel(Value, frozen=True, gc=False):
    """Give an order's tickets back, or leave the line."""

    order_id: OrderId


class CancelFor(Value, frozen=True, gc=False):
    """Cancel the one live order that this customer has."""

    customer: CustomerId


class Find(Value, frozen=True, gc=False):
    """Show a live order and, while it waits, its position. Changes nothing."""

    order_id: OrderId


Command: TypeAlias = Initialize | Book | Cancel | CancelFor | Find


# --- answers of the inventory --------------------------------------------------------------------


class Initialized(Value, frozen=True, gc=False):
    """The event exists and sells."""

    status: EventStatus


class Booked(Value, frozen=True, gc=False):
    """The tickets are the customer's."""

    order: Order
    version: int


class Waitlisted(Value, frozen=True, gc=False):
    """The order stands in line; `position` 1 is served next."""

    order: Order
    position: int
    version: int


class Promotion(Value, frozen=True, gc=False, rename="camel"):
    """An order that left the head of the line with its tickets. Stored inside the change that did it."""

    order_id: OrderId
    customer: CustomerId
    quantity: int


class Cancelled(Value, frozen=True, gc=False):
    """The order is cancelled; `promoted` got tickets in the same step, first come first."""

    order: Order
    promoted: tuple[Promotion, ...]
    version: int


class Found(Value, frozen=True, gc=False):
    """A live order as of `version`; `position` is None unless it waits."""

    order: Order
    position: int | None
    version: int


class SoldOut(Value, frozen=True, gc=False):
    """Refused: the tickets cannot be had now and the caller does not want to wait."""

    available: int
    waiting: int
    version: int


class CapacityExceeded(Value, frozen=True, gc=False):
    """Refused: nobody can ever get more tickets than the event has, and the head of the line blocks."""

    capacity: int
    version: int


class OrderAmbiguous(Value, frozen=True, gc=False):
    """Refused: the customer has `count` live orders; say which. Names the oldest, at most `ORDER_IDS_MAX`."""

    order_ids: tuple[OrderId, ...]
    count: int
    version: int


class OrderUnknown(Value, frozen=True, gc=False):
    """No live order like that. It may be settled: then the database knows how it ended, for good."""

    version: int


# --- answers of those who keep the event ---------------------------------------------------------


class EventUnknown(Value, frozen=True, gc=False):
    """There is no such event."""


class NotApplied(Value, frozen=True, gc=False):
    """Nothing was changed, for a reason that may pass. Ask again."""

    reason: str


class Overloaded(Value, frozen=True, gc=False):
    """Refused before it was looked at: too much is under way already. Nothing was changed."""


class EventUnavailable(Value, frozen=True, gc=False):
    """The event is refused until an operator has looked at it: its stored state contradicts itself."""

    reason: str


class OutcomeUnknown(Value, frozen=True, gc=False):
    """It may or may not have been applied, and there is nobody left to ask in time."""

    reason: ClassVar[str] = "the database did not say whether it committed"


Answer: TypeAlias = (
    Initialized
    | Booked
    | Waitlisted
    | Cancelled
    | Found
    | SoldOut
    | CapacityExceeded
    | OrderAmbiguous
    | OrderUnknown
    | EventUnknown
    | NotApplied
    | Overloaded
    | EventUnavailable
    | OutcomeUnknown
)
