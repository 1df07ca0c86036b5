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
    encode,
)
from boxoffice.actors.messages import EventId, Instant, OrderId

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_NULL = "\\N"


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


def order_line(event_id: EventId, order_id: OrderId, row: OrderRow) -> str:
    """One line of `COPY orders` in its text form."""
    place = _NULL if row.place is None else row.place
    return (
        f"{event_id}\t{order_id}\t{copy_text(row.customer)}\t{row.quantity}\t{row.status}\t{place}"
        f"\t{row.version}\t{timestamp(row.created_at)}\n"
    )


def change_line(event_id: EventId, change: Change) -> str:
    """One line of `COPY changes` in its text form. JSON has no raw control characters to escape."""
    body = encode(change).decode().replace("\\", "\\\\")
    return f"{event_id}\t{change.version}\t{timestamp(change.at)}\t{body}\n"


def copy_text(text: str) -> str:
    """`text` as COPY's text form wants it: backslash, tab, newline and carriage return escaped."""
    if text.isprintable() and "\\" not in text:  # nearly always; no control character is printable
        return text
    return text.translate(_ESCAPES)


@lru_cache(maxsize=64)  # a batch has a handful of distinct times
def timestamp(at: Instant) -> str:
    """`at` as PostgreSQL reads a timestamptz, to the microsecond."""
    seconds, micros = divmod(at, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{micros:06}+00"


def instant(moment: datetime) -> Instant:
    """The inverse of `timestamp`, for what comes out of the database."""
    return Instant(int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond)
