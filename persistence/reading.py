"""Questions that need no actor: one settled order, lists, the log, an event nobody has asked for lately.

Everything here reads what is committed. Called on a small pool of reader threads, never on the event
loop: every method blocks, and raises DatabaseAway.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Text, cast, func, select, tuple_

from boxoffice.actors.changes import Change, decode
from boxoffice.actors.messages import Found
from boxoffice.actors.ports import DatabaseAway, OrderFilter, OrderPlace
from boxoffice.actors.values import (
    CustomerId,
    EventId,
    EventStatus,
    Order,
    OrderId,
    OrderStatus,
)
from boxoffice.persistence.failures import away_when_unreachable
from boxoffice.persistence.rows import STATUS_COLUMNS, instant, instant_if_any, status_of
from boxoffice.persistence.tables import changes, event_ids, events, orders

_STATUS = select(*(events.c[name] for name in STATUS_COLUMNS))

_ORDER = select(
    orders.c.event_id, orders.c.order_id, orders.c.customer, orders.c.quantity, orders.c.status,
    orders.c.created_at, orders.c.place, orders.c.expires_at, events.c.version,
).join(events, events.c.id == orders.c.event_id)  # fmt: skip


class DatabaseReading:
    """Implements `Reading` on an engine with a pool."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def status(self, event_id: EventId) -> EventStatus | None:
        """The event's numbers, or None if there is no such event."""
        rows = self._rows(_STATUS.where(events.c.id == event_id))
        return status_of(rows[0]) if rows else None

    def statuses(self, event_ids: Sequence[EventId]) -> list[EventStatus]:
        """The numbers of these events, in no order; what there is none of is left out."""
        return [status_of(row) for row in self._rows(_STATUS.where(events.c.id.in_(event_ids)))]

    def events(self, after: EventId, limit: int) -> list[EventStatus]:
        """The next `limit` events after this id, by id."""
        return [
            status_of(row)
            for row in self._rows(_STATUS.where(events.c.id > after).order_by(events.c.id).limit(limit))
        ]

    def newest_events(self, before: EventId | None, limit: int) -> list[EventStatus]:
        """The next `limit` events before this id, or all in all, the highest id first."""
        query = _STATUS.order_by(events.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(events.c.id < before)
        return [status_of(row) for row in self._rows(query)]

    def order(self, event_id: EventId, order_id: OrderId) -> Found | None:
        """The order as it is stored, without its position; None if there is no such order."""
        return self._one_order(orders.c.event_id == event_id, orders.c.order_id == order_id)

    def standing(self, event_id: EventId, order_ids: Sequence[OrderId]) -> list[Found]:
        """These orders with their positions, as of one version; the line is counted only if one is in it."""
        asked = orders.c.event_id == event_id, orders.c.order_id.in_(order_ids)
        waiting = orders.c.status == OrderStatus.WAITLISTED.value
        position = func.row_number().over(order_by=orders.c.place).label("position")
        one_waits = select(orders).where(*asked, waiting).correlate(None).exists()
        line = select(orders.c.order_id, position).where(orders.c.event_id == event_id, waiting, one_waits)
        places = line.subquery()
        query = _ORDER.add_columns(places.c.position)
        query = query.outerjoin(places, places.c.order_id == orders.c.order_id)
        return [_found(row, row.position) for row in self._rows(query.where(*asked))]

    def last_order_of(self, event_id: EventId, customer: CustomerId, version: int) -> Found | None:
        """The customer's newest order for this event of those that have not changed since this version."""
        theirs = orders.c.event_id == event_id, orders.c.customer == customer
        return self._one_order(*theirs, orders.c.version <= version)

    def orders(
        self, wanted: OrderFilter, after: OrderPlace | None, limit: int
    ) -> list[tuple[EventId, Found]]:
        """The next `limit` orders that are `wanted`, by event and then by age, without their positions."""
        columns = {"event_id": orders.c.event_id, "customer": orders.c.customer, "status": orders.c.status}
        query = _ORDER.order_by(orders.c.event_id, orders.c.order_id).limit(limit)
        for name, column in columns.items():
            value = getattr(wanted, name)
            if value is not None:
                query = query.where(column == (value.value if isinstance(value, OrderStatus) else value))
        if after is not None:
            query = query.where(tuple_(orders.c.event_id, orders.c.order_id) > tuple_(*after))
        return [(EventId(row.event_id), _found(row)) for row in self._rows(query)]

    def changes(self, event_id: EventId, after: int, limit: int) -> list[Change]:
        """The next `limit` entries of the event's log after this version, oldest first."""
        body = cast(changes.c.body, Text)  # as it is stored: the driver would make dictionaries of it
        query = select(body).where(changes.c.event_id == event_id, changes.c.version > after)
        return [decode(row[0]) for row in self._rows(query.order_by(changes.c.version).limit(limit))]

    def new_event_ids(self, number: int) -> list[EventId]:
        """Ids that no event has had. One that is not used after all is lost, and nobody minds."""
        query = select(event_ids.next_value()).select_from(func.generate_series(1, number))
        with away_when_unreachable(), self._engine.begin() as connection:
            return sorted(map(EventId, connection.execute(query).scalars()))

    def epochs(self, event_ids: Sequence[EventId]) -> Mapping[EventId, int]:
        """Under which epoch each of these events is owned now; what there is none of is left out."""
        query = select(events.c.id, events.c.owner_epoch).where(events.c.id.in_(event_ids))
        return {row.id: row.owner_epoch for row in self._rows(query)}

    def ping(self) -> None:
        """Raises DatabaseAway unless the database answers, and may be written."""
        if self._rows(select(func.current_setting("transaction_read_only")))[0][0] == "on":
            raise DatabaseAway("the database is read-only")

    def _one_order(self, *conditions: ColumnElement[bool]) -> Found | None:
        query = _ORDER.where(*conditions).order_by(orders.c.order_id.desc()).limit(1)
        return next((_found(row) for row in self._rows(query)), None)

    def _rows(self, query: Any) -> list[Row[Any]]:
        with away_when_unreachable(), self._engine.connect() as connection:
            return list(connection.execute(query))


def _found(row: Row[Any], position: int | None = None) -> Found:
    status = OrderStatus(row.status)
    created_at, expires_at = instant(row.created_at), instant_if_any(row.expires_at)
    order = Order(row.order_id, row.customer, row.quantity, status, created_at, row.place, expires_at)
    return Found(order, position, row.version)
