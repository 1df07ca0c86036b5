"""What changes mean for the tables: folds one event's changes into the rows to insert and to update.

Pure. An order that is booked and cancelled within one batch is written once, as it ends. Called by the
journal on its thread.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from boxoffice.actors.changes import (
    Change,
    CustomerWaitlisted,
    EventInitialized,
    OrderCancelled,
    TicketsBooked,
)
from boxoffice.actors.messages import Instant, OrderId


class OrderRow(msgspec.Struct):
    """An order that the database does not have yet."""

    customer: str
    quantity: int
    status: str
    place: int | None
    version: int
    created_at: Instant


class OrderUpdate(msgspec.Struct, frozen=True):
    """What became of an order that the database has. No order that is changed keeps its place."""

    status: str
    version: int


class OrderRows:
    """The rows of one event that a sequence of its changes adds and alters."""

    __slots__ = ("added", "altered")

    def __init__(self, changes: Iterable[Change]) -> None:
        self.added: dict[OrderId, OrderRow] = {}
        self.altered: dict[OrderId, OrderUpdate] = {}
        for change in changes:
            match change:
                case TicketsBooked():
                    self.added[change.order_id] = OrderRow(
                        change.customer, change.quantity, "confirmed", None, change.version, change.at
                    )
                case CustomerWaitlisted():
                    self.added[change.order_id] = OrderRow(
                        change.customer,
                        change.quantity,
                        "waitlisted",
                        change.version,
                        change.version,
                        change.at,
                    )
                case OrderCancelled():
                    self._alter(change.order_id, "cancelled", change.version)
                    for promotion in change.promoted:
                        self._alter(promotion.order_id, "confirmed", change.version)
                case EventInitialized():
                    pass

    def _alter(self, order_id: OrderId, status: str, version: int) -> None:
        row = self.added.get(order_id)
        if row is None:
            self.altered[order_id] = OrderUpdate(status, version)
        else:
            row.status, row.place, row.version = status, None, version


@lru_cache(maxsize=64)  # a batch has a handful of distinct times
def timestamp(at: Instant) -> str:
    """`at` as PostgreSQL reads a timestamptz, to the microsecond."""
    seconds, micros = divmod(at, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{micros:06}+00"


def instant(moment: datetime) -> Instant:
    """The inverse of `timestamp`, for what comes out of the database."""
    return Instant(int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond)
