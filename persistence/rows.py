"""What changes mean for the tables: folds one event's changes into the rows to insert and to update.

And what an event's row means to us. Pure. An order that is booked and cancelled within one batch is written
once, as it ends. Called by the journal, by those who read, and by the audit, which compares what it
folds with what the tables hold.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, assert_never

import msgspec

from boxoffice.actors.changes import (
    Change,
    CustomerWaitlisted,
    EventAdjusted,
    EventInitialized,
    HoldExtended,
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderReduced,
    SaleClosed,
    TicketsBooked,
    TicketsHeld,
)
from boxoffice.actors.values import EventId, EventStatus, Instant, OrderId, Promotion, Terms, WaitlistMode


class OrderRow(msgspec.Struct):
    """An order that the database does not have yet."""

    customer: str
    quantity: int
    status: str
    place: int | None
    expires_at: Instant | None
    version: int
    created_at: Instant


class OrderUpdate(msgspec.Struct):
    """What became of an order that the database has.

    With a `status`, it has that one, no place in line any more, and ends at `expires_at`; without, it keeps
    all three. `quantity` is None where that stays as it is.
    """

    version: int
    status: str | None = None
    quantity: int | None = None
    expires_at: Instant | None = None


class OrderRows:
    """The rows of one event that a sequence of its changes adds and alters.

    `adjusted` says that the event's own facts changed, too: its name, its terms, or its end.
    """

    __slots__ = ("added", "adjusted", "altered")

    def __init__(self, changes: Iterable[Change]) -> None:
        self.added: dict[OrderId, OrderRow] = {}
        self.altered: dict[OrderId, OrderUpdate] = {}
        self.adjusted = False
        for change in changes:
            self.fold(change)

    def fold(self, change: Change) -> None:
        """Take in the next change."""
        match change:
            case TicketsBooked():
                self._add(change, "confirmed", None, None)
            case CustomerWaitlisted():
                self._add(change, "waitlisted", change.version, None)
            case OrderCancelled():
                self._move(change.order_id, change.version, "cancelled")
                self._promote(change.promoted, change.version)
            case TicketsHeld():
                self._add(change, "held", None, change.expires_at)
            case OrderConfirmed():
                self._move(change.order_id, change.version, "confirmed")
            case HoldExtended():
                self._move(change.order_id, change.version, "held", change.expires_at)
            case OrderExpired():
                self._move(change.order_id, change.version, "expired")
                self._promote(change.promoted, change.version)
            case OrderReduced():
                self._reduce(change.order_id, change.version, change.quantity)
                self._promote(change.promoted, change.version)
            case EventAdjusted():
                self.adjusted = True
                self._promote(change.promoted, change.version)
            case SaleClosed():
                self.adjusted = True
            case EventInitialized():
                pass
            case _:
                assert_never(change)

    def _add(
        self,
        change: TicketsBooked | CustomerWaitlisted | TicketsHeld,
        status: str,
        place: int | None,
        end: Instant | None,
    ) -> None:
        self.added[change.order_id] = OrderRow(
            change.customer, change.quantity, status, place, end, change.version, change.at
        )

    def _promote(self, promoted: Iterable[Promotion], version: int) -> None:
        for promotion in promoted:
            end = promotion.expires_at
            self._move(promotion.order_id, version, "confirmed" if end is None else "offered", end)

    def _move(self, order_id: OrderId, version: int, status: str, end: Instant | None = None) -> None:
        if (row := self.added.get(order_id)) is not None:
            row.status, row.expires_at, row.version, row.place = status, end, version, None
        elif (update := self.altered.get(order_id)) is not None:
            update.status, update.expires_at, update.version = status, end, version
        else:
            self.altered[order_id] = OrderUpdate(version, status, None, end)

    def _reduce(self, order_id: OrderId, version: int, quantity: int) -> None:
        row = self.added.get(order_id) or self.altered.setdefault(order_id, OrderUpdate(version))
        row.quantity, row.version = quantity, version


def timestamp(at: Instant) -> str:
    """`at` as PostgreSQL reads a timestamptz, to the microsecond."""
    seconds, micros = divmod(at, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{micros:06}+00"


def instant(moment: datetime) -> Instant:
    """The inverse of `timestamp`, for what comes out of the database."""
    return Instant(int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond)


def instant_if_any(moment: datetime | None) -> Instant | None:
    """`instant`, for a column that may be NULL."""
    return None if moment is None else instant(moment)


STATUS_COLUMNS = (
    "id", "name", "capacity", "available", "booked", "held", "offered", "waiting", "waiting_tickets",
    "version", "closed_at", *Terms.__struct_fields__,
)  # fmt: skip
"""What `status_of` needs of an event's row."""


def status_of(row: Any) -> EventStatus:
    """An event's row as everybody else knows it."""
    terms = _terms(
        row.sales_open_at,
        row.sales_close_at,
        row.max_per_order,
        row.max_per_customer,
        row.waitlist_limit,
        row.waitlist_mode,
        row.offer_seconds,
        row.hold_seconds,
        row.max_hold_seconds,
    )
    return EventStatus(
        EventId(row.id),
        row.name,
        row.capacity,
        row.available,
        row.booked,
        row.held,
        row.offered,
        row.waiting,
        row.waiting_tickets,
        row.version,
        terms,
        instant_if_any(row.closed_at),
    )


@lru_cache(maxsize=1_000)
def _terms(
    opens: datetime | None, closes: datetime | None, per_order: int | None, per_customer: int | None,
    waiting: int | None, mode: str, offer_s: int, hold_s: int, max_hold_s: int,
) -> Terms:  # fmt: skip
    """The same ones for all events that have these: they take 192 bytes, and most events have the usual."""
    return Terms(
        instant_if_any(opens), instant_if_any(closes), per_order, per_customer,
        waiting, WaitlistMode(mode), offer_s, hold_s, max_hold_s,
    )  # fmt: skip
