"""What one says to an event, and what it answers: frozen values, and nothing else.

Commands are imperatives, answers are past participles; a refusal is an answer like any other, never an
exception. Answers that depend on an event's state carry the `version` they were computed on, so that a
history of answers can be checked by replaying the event's changes in version order.

The JSON form of an answer (`encode_answer`, `decode_answer`) is what an idempotency record keeps for a day:
fields may be added with a default, never renamed.
"""

from typing import ClassVar, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from boxoffice.actors.values import (
    CustomerId,
    EventStatus,
    Instant,
    Order,
    OrderId,
    Promotion,
    Terms,
    Value,
    WaitlistMode,
)

# --- commands ------------------------------------------------------------------------------------
#
# With `on_behalf_of`, another customer's order is as unknown as one that there never was.


class Initialize(Value, frozen=True, gc=False):
    """Put `capacity` tickets (1 or more) on sale under `name`, on `terms` without a contradiction."""

    name: str
    capacity: int
    terms: Terms = Terms()


class Book(Value, frozen=True, gc=False):
    """Take `quantity` tickets (1 or more), all or none; join the line if they are not there and `waitlist`.

    `order_id` must be one that no order has had; it becomes the order's.
    """

    order_id: OrderId
    customer: CustomerId
    quantity: int = 1
    waitlist: bool = True


class Hold(Value, frozen=True, gc=False):
    """Like `Book`, but only for `seconds` (None: the event's own), unless it is confirmed in time."""

    order_id: OrderId
    customer: CustomerId
    quantity: int = 1
    waitlist: bool = True
    seconds: int | None = None


class Confirm(Value, frozen=True, gc=False):
    """Keep what is held or offered."""

    order_id: OrderId
    on_behalf_of: CustomerId | None = None


class Extend(Value, frozen=True, gc=False):
    """Hold for `seconds` (None: the event's own) from now on, within the event's bound."""

    order_id: OrderId
    seconds: int | None = None
    on_behalf_of: CustomerId | None = None


class Cancel(Value, frozen=True, gc=False):
    """Give an order's tickets back, decline an offer, leave the line; `quantity` (1 or more) for a part."""

    order_id: OrderId
    quantity: int | None = None
    on_behalf_of: CustomerId | None = None


class CancelFor(Value, frozen=True, gc=False):
    """Cancel the one live order that this customer has, or a part of it."""

    customer: CustomerId
    quantity: int | None = None


class Adjust(Value, frozen=True, gc=False):
    """Change whatever is given; with `if_version`, only if that is the event's version."""

    if_version: int | None = None
    name: str | UnsetType = UNSET
    capacity: int | UnsetType = UNSET
    sales_open_at: Instant | UnsetType | None = UNSET
    sales_close_at: Instant | UnsetType | None = UNSET
    max_per_order: int | UnsetType | None = UNSET
    max_per_customer: int | UnsetType | None = UNSET
    waitlist_limit: int | UnsetType | None = UNSET
    waitlist_mode: WaitlistMode | UnsetType = UNSET
    offer_seconds: int | UnsetType = UNSET
    hold_seconds: int | UnsetType = UNSET
    max_hold_seconds: int | UnsetType = UNSET


class Close(Value, frozen=True, gc=False):
    """End the sale for good."""


class Find(Value, frozen=True, gc=False):
    """Show a live order and, while it waits, its position. Changes nothing."""

    order_id: OrderId
    on_behalf_of: CustomerId | None = None


class Look(Value, frozen=True, gc=False):
    """Show many orders at once, as `Find` does each of them. Changes nothing."""

    order_ids: tuple[OrderId, ...]


class Tick(Value, frozen=True, gc=False):
    """Time has passed: let go of the hold or offer that is overdue the longest, if one is."""


Command: TypeAlias = (
    Initialize | Book | Hold | Confirm | Extend | Cancel | CancelFor | Adjust | Close | Find | Look | Tick
)

# --- answers of the inventory: it was done -------------------------------------------------------


class _Answer(Value, frozen=True, gc=False, tag_field="answer", tag=True):
    """Answers are told apart by their names when they are stored."""


class Initialized(_Answer, frozen=True, gc=False):
    """The event exists. `at` tells in which state its sale is."""

    status: EventStatus
    at: Instant


class Booked(_Answer, frozen=True, gc=False):
    """The tickets are the customer's."""

    order: Order
    version: int


class Held(_Answer, frozen=True, gc=False):
    """The tickets are the customer's until `order.expires_at`."""

    order: Order
    version: int


class Waitlisted(_Answer, frozen=True, gc=False):
    """The order stands in line; `position` 1 is served next."""

    order: Order
    position: int
    version: int


class Confirmed(_Answer, frozen=True, gc=False):
    """What was held or offered is the customer's."""

    order: Order
    version: int


class Extended(_Answer, frozen=True, gc=False):
    """The hold lasts until `order.expires_at` now."""

    order: Order
    version: int


class Cancelled(_Answer, frozen=True, gc=False):
    """`quantity` tickets are cancelled; `order` is what is left of it, or the whole of it, cancelled.

    `promoted` got tickets in the same step, first come first: the order itself, too, if it waited for more
    than it does now.
    """

    order: Order
    quantity: int
    promoted: tuple[Promotion, ...]
    version: int


class Adjusted(_Answer, frozen=True, gc=False):
    """The event is as `status` says. `promoted_count` orders got tickets, the first are named."""

    status: EventStatus
    at: Instant
    promoted: tuple[Promotion, ...]
    promoted_count: int


class Closed(_Answer, frozen=True, gc=False):
    """The sale is over for good."""

    status: EventStatus
    at: Instant


class Found(_Answer, frozen=True, gc=False):
    """A live order as of `version`; `position` is None unless it waits."""

    order: Order
    position: int | None
    version: int


class Seen(_Answer, frozen=True, gc=False):
    """The orders that were looked for, in that order; None for one that is not live."""

    orders: tuple[Found | None, ...]
    version: int


class Ticked(_Answer, frozen=True, gc=False):
    """What was overdue has been let go of."""

    version: int


# --- answers of the inventory: it was refused, and nothing was changed ---------------------------


class SoldOut(_Answer, frozen=True, gc=False):
    """The tickets cannot be had now and the caller does not want to wait."""

    available: int
    waiting: int
    version: int


class WaitlistFull(_Answer, frozen=True, gc=False):
    """The tickets cannot be had now, and `limit` orders wait already."""

    limit: int
    version: int


class SalesNotOpen(_Answer, frozen=True, gc=False):
    """The sale begins at `opens_at`."""

    opens_at: Instant
    version: int


class SalesClosed(_Answer, frozen=True, gc=False):
    """The sale ended at `closed_at`."""

    closed_at: Instant
    version: int


class LimitExceeded(_Answer, frozen=True, gc=False):
    """More than the event's `Terms` allow: `limit` names the field, `asked` is what it would have come to."""

    limit: str
    maximum: int
    asked: int
    version: int


class CapacityExceeded(_Answer, frozen=True, gc=False):
    """Nobody can ever get more tickets than the event has, and the head of the line blocks."""

    capacity: int
    version: int


class CapacityInUse(_Answer, frozen=True, gc=False):
    """The event cannot become smaller than what is taken, nor than what the largest waiting order wants."""

    booked: int
    held: int
    offered: int
    largest_waiting: int
    version: int


class VersionMoved(_Answer, frozen=True, gc=False):
    """The event's version is not the one that the caller went by."""

    version: int


class TermsContradictory(_Answer, frozen=True, gc=False):
    """The terms that would result contradict themselves: `field` says where, `reason` how."""

    field: str
    reason: str
    version: int


class NotHeld(_Answer, frozen=True, gc=False):
    """Only what is held can be extended, and only what is held or offered confirmed: `order` is neither."""

    order: Order
    version: int


class NotExtended(_Answer, frozen=True, gc=False):
    """The hold lasts until `expires_at` already, and cannot last longer than until `latest`."""

    expires_at: Instant
    latest: Instant
    version: int


class QuantityExceeded(_Answer, frozen=True, gc=False):
    """The order has only `quantity` tickets to cancel."""

    quantity: int
    version: int


class OrderAmbiguous(_Answer, frozen=True, gc=False):
    """The customer has `count` live orders; say which. Names the oldest, at most `ORDER_IDS_MAX`."""

    order_ids: tuple[OrderId, ...]
    count: int
    version: int


class OrderUnknown(_Answer, frozen=True, gc=False):
    """No live order like that. It may be settled: then the database knows how it ended, for good."""

    version: int


# --- answers of those who keep the event ---------------------------------------------------------


class OrderSettled(_Answer, frozen=True, gc=False):
    """The order is cancelled or expired, for good: nothing can be done with it."""

    order: Order
    version: int


class EventUnknown(_Answer, frozen=True, gc=False):
    """There is no such event."""


class NotApplied(_Answer, frozen=True, gc=False):
    """Nothing was changed, for a reason that may pass. Ask again."""

    reason: str


class Overloaded(_Answer, frozen=True, gc=False):
    """Refused before it was looked at: too much is under way already. Nothing was changed."""


class EventMoved(_Answer, frozen=True, gc=False):
    """Another server owns the event now, and this one leaves it alone for a while. Nothing was changed."""


class EventUnavailable(_Answer, frozen=True, gc=False):
    """The event is refused until an operator has looked at it; `reason` is for them."""

    reason: str


class OutcomeUnknown(_Answer, frozen=True, gc=False):
    """It may or may not have been applied, and there is nobody left to ask in time."""

    reason: ClassVar[str] = "the database did not say whether it committed"


Answer: TypeAlias = (
    Initialized
    | Booked
    | Held
    | Waitlisted
    | Confirmed
    | Extended
    | Cancelled
    | Adjusted
    | Closed
    | Found
    | Seen
    | Ticked
    | SoldOut
    | WaitlistFull
    | SalesNotOpen
    | SalesClosed
    | LimitExceeded
    | CapacityExceeded
    | CapacityInUse
    | VersionMoved
    | TermsContradictory
    | NotHeld
    | NotExtended
    | QuantityExceeded
    | OrderAmbiguous
    | OrderUnknown
    | OrderSettled
    | EventUnknown
    | NotApplied
    | Overloaded
    | EventMoved
    | EventUnavailable
    | OutcomeUnknown
)

PASSING = (NotApplied, Overloaded, EventMoved, EventUnavailable, OutcomeUnknown)
"""Answers that may be another one the next time, and so are never kept for those who ask again."""

encode_answer = msgspec.json.Encoder().encode
decode_answer = msgspec.json.Decoder(Answer).decode
