"""Questions that need no actor: one settled order, a list of events, an event nobody has asked for lately.

Everything here reads what is committed. Called on a small pool of reader threads, never on the event
loop: every method blocks, and raises DatabaseAway.
"""

from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, select

from boxoffice.actors.messages import CustomerId, EventId, EventStatus, Found, Order, OrderId, OrderStatus
from boxoffice.persistence.failures import away_when_unreachable
from boxoffice.persistence.rows import instant
from boxoffice.persistence.tables import event_ids, events, orders

_STATUS = select(
    events.c.id, events.c.name, events.c.capacity, events.c.available, events.c.booked, events.c.waiting,
    events.c.version,
)  # fmt: skip

_ORDER = select(
    orders.c.order_id, orders.c.customer, orders.c.quantity, orders.c.status, orders.c.created_at,
    orders.c.place, events.c.version,
).join(events, events.c.id == orders.c.event_id)  # fmt: skip


class DatabaseReading:
    """Implements `Reading` on an engine with a pool."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def status(self, event_id: EventId) -> EventStatus | None:
        """The event's numbers, or None if there is no such event."""
        rows = self._rows(_STATUS.where(events.c.id == event_id))
        return _status(rows[0]) if rows else None

    def events(self, after: EventId, limit: int) -> list[EventStatus]:
        """The next `limit` events after this id, by id."""
        return [
            _status(row)
            for row in self._rows(_STATUS.where(events.c.id > after).order_by(events.c.id).limit(limit))
        ]

    def order(self, event_id: EventId, order_id: OrderId) -> Found | None:
        """The order as it is stored, without its position; None if there is no such order."""
        return self._one_order(orders.c.event_id == event_id, orders.c.order_id == order_id)

    def last_order_of(self, event_id: EventId, customer: CustomerId) -> Found | None:
        """The customer's newest order for this event, whatever became of it."""
        return self._one_order(orders.c.event_id == event_id, orders.c.customer == customer)

    def new_event_id(self) -> EventId:
        """An id that no event has had. One that is not used after all is lost, and nobody minds."""
        with away_when_unreachable(), self._engine.begin() as connection:
            return EventId(connection.execute(select(event_ids.next_value())).scalar_one())

    def _one_order(self, *conditions: ColumnElement[bool]) -> Found | None:
        query = _ORDER.where(*conditions).order_by(orders.c.order_id.desc()).limit(1)
        for row in self._rows(query):
            order = Order(
                row.order_id,
                row.customer,
                row.quantity,
                OrderStatus(row.status),
                instant(row.created_at),
                row.place,
            )
            return Found(order, None, row.version)
        return None

    def _rows(self, query: Any) -> list[Row[Any]]:
        with away_when_unreachable(), self._engine.connect() as connection:
            return list(connection.execute(query))


def _status(row: Row[Any]) -> EventStatus:
    return EventStatus(
        EventId(row.id), row.name, row.capacity, row.available, row.booked, row.waiting, row.version
    )
