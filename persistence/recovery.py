"""Rebuilds events from the database, and takes them over from whoever had them before.

Taking over is raising the event's `owner_epoch`. The UPDATE waits for a transaction of the former owner
that is being committed, and whatever that owner writes later no longer matches the fence; so what is
read in the same transaction, after the UPDATE, is the last word.

What is counted anew from the orders must equal the event's stored counters; if it does not, the event is
refused, never guessed. Called by the loaders' threads for one event, and at start-up for all of them.
"""

from collections.abc import Iterator
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    Text,
    cast,
    extract,
    func,
    select,
    update,
)

from boxoffice.actors.inventory import Inventory
from boxoffice.actors.ports import Corrupt, Missing, Recovered
from boxoffice.actors.values import LIVE, EventId, Instant, Order, OrderStatus
from boxoffice.persistence.failures import away_when_unreachable
from boxoffice.persistence.rows import STATUS_COLUMNS, instant, status_of
from boxoffice.persistence.tables import events, orders

ROWS_PER_FETCH = 2_000
"""Orders read at a time from the server-side cursor: some 1 MB. Ten times as many are read no faster, and
leave 12 MB behind.
"""


def micros_of(moment: Column[Any]) -> ColumnElement[int]:
    """A timestamptz as an Instant, computed by PostgreSQL: for half a million orders Python takes 1 s."""
    return cast(extract("epoch", moment) * 1_000_000, BigInteger)


_STATUS = {status.value: status for status in OrderStatus}

_LIVE = (
    select(
        orders.c.event_id, cast(orders.c.order_id, Text), orders.c.customer, orders.c.quantity,
        orders.c.status, orders.c.place, micros_of(orders.c.created_at), micros_of(orders.c.expires_at),
    )
    .where(orders.c.status.in_([status.value for status in LIVE]))
    .order_by(orders.c.event_id)
)  # fmt: skip

_TAKE_OVER = (
    update(events)
    .values(owner_epoch=events.c.owner_epoch + 1)
    .returning(*(events.c[name] for name in STATUS_COLUMNS), events.c.owner_epoch, events.c.changed_at)
)


class DatabaseRecovery:
    """Implements `Recovery` on an engine whose statements may take as long as a rebuild takes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def load(self, event_id: EventId) -> Recovered | Missing | Corrupt:
        """One event. Raises DatabaseAway."""
        with away_when_unreachable(), self._engine.begin() as connection:
            event = connection.execute(_TAKE_OVER.where(events.c.id == event_id)).one_or_none()
            if event is None:
                return Missing()
            return _rebuilt(event, _stream(connection, _LIVE.where(orders.c.event_id == event_id)))

    def load_open(self) -> Iterator[Recovered | Corrupt]:
        """Every open event, by id. Raises DatabaseAway, and then nothing has been taken over."""
        with away_when_unreachable(), self._engine.begin() as connection:
            owned = sorted(connection.execute(_TAKE_OVER), key=itemgetter(0))
            batches = groupby(_stream(connection, _LIVE), key=itemgetter(0))
            event_id, rows = next(batches, (None, iter(())))
            for event in owned:
                while event_id is not None and event_id < event.id:  # of an event that is not ours
                    event_id, rows = next(batches, (None, iter(())))
                if event_id == event.id:
                    yield _rebuilt(event, rows)
                    event_id, rows = next(batches, (None, iter(())))
                else:
                    yield _rebuilt(event, iter(()))

    def count(self) -> int:
        """How many events `load_open` is going to read. Raises DatabaseAway."""
        with away_when_unreachable(), self._engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(events)).scalar_one()


def _stream(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    """The rows of `query` through a server-side cursor, as the driver's plain tuples."""
    result = connection.execution_options(stream_results=True, max_row_buffer=ROWS_PER_FETCH).execute(query)
    return chain.from_iterable(result.partitions(ROWS_PER_FETCH))


def _rebuilt(event: Row[Any], rows: Iterator[Any]) -> Recovered | Corrupt:
    stored = status_of(event)
    inventory = Inventory.restored(stored, instant(event.changed_at), _orders(rows))
    if (contradiction := inventory.contradiction(stored)) is not None:
        return Corrupt(stored.event_id, contradiction)
    return Recovered(inventory, event.owner_epoch)


def _orders(rows: Iterator[Any]) -> Iterator[Order]:
    """The orders in these rows. Those made in one moment, as many are in a rush, share it: 32 bytes each."""
    moment = Instant(0)
    for _, order_id, customer, quantity, status, place, created_at, expires_at in rows:
        if created_at != moment:
            moment = created_at
        yield Order(order_id, customer, quantity, _STATUS[status], moment, place, expires_at)
