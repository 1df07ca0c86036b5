"""Events and orders by the hundred thousand, written by SQL as the server would have: tables and logs.

What is made here passes an audit. Used by the scripts here on a database that the server does not run on, or
under ids that it does not know yet.
"""

from typing import NamedTuple

from psycopg2.extensions import connection as Connection  # noqa: N812

from boxoffice.actors.changes import EventInitialized, encode
from boxoffice.actors.values import Instant
from boxoffice.persistence import database

_AT = "date_trunc('second', now())"
_MICROS = "(extract(epoch FROM {}) * 1000000)::bigint"

ORDERS_IN_A_MOMENT = 4
"""What came in one tick of the event loop has one time: some four orders, with 64 clients on one event."""


def _at(order: str) -> str:
    """When so many orders of an event had been made."""
    return f"{_AT} + ({order}) / {ORDERS_IN_A_MOMENT} * interval '1 millisecond'"


_EVENTS = f"""
INSERT INTO events
       (id, name, capacity, available, booked, held, offered, waiting, waiting_tickets, version, owner_epoch,
        created_at, changed_at, waitlist_mode, offer_seconds, hold_seconds, max_hold_seconds)
SELECT e, 'Event', %(capacity)s, %(capacity)s - %(booked)s, %(booked)s, 0, 0, %(waiting)s, %(waiting)s,
       1 + %(booked)s + %(waiting)s, 1, {_AT}, {_at("%(booked)s + %(waiting)s")}, 'book', 3600, 600, 3600
  FROM generate_series(%(first)s, %(last)s) AS e
"""
_ORDERS = f"""
INSERT INTO orders (event_id, order_id, customer, quantity, status, place, version, created_at)
SELECT e, uuidv7(), 'customer-' || e || '-' || o, 1,
       CASE WHEN o <= %(booked)s THEN 'confirmed' ELSE 'waitlisted' END,
       CASE WHEN o > %(booked)s THEN 1 + o END, 1 + o, {_at("o")}
  FROM generate_series(%(first)s, %(last)s) AS e, generate_series(1, %(booked)s + %(waiting)s) AS o
"""
_BEGUN = f"""
INSERT INTO changes (event_id, version, at, body)
SELECT e, 1, {_AT}, replace(%(begun)s, '"at":0', '"at":' || {_MICROS.format(_AT)})::json
  FROM generate_series(%(first)s, %(last)s) AS e
"""
_CHANGES = f"""
INSERT INTO changes (event_id, version, at, body)
SELECT event_id, version, created_at,
       ('{{"kind":"' || CASE status WHEN 'confirmed' THEN 'TicketsBooked' ELSE 'CustomerWaitlisted' END
        || '","version":' || version || ',"at":' || {_MICROS.format("created_at")}
        || ',"orderId":"' || order_id || '","customer":"' || customer || '","quantity":1}}')::json
  FROM orders WHERE event_id BETWEEN %(first)s AND %(last)s
"""


class Filled(NamedTuple):
    """The ids of the events that were made, all of them one after the other."""

    first: int
    last: int

    @property
    def ids(self) -> range:
        """Each of them."""
        return range(self.first, self.last + 1)


def tables(url: str) -> None:
    """Make the tables in a new database."""
    engine = database.make_engine(url, statement_timeout_s=None)
    database.upgrade(engine)
    engine.dispose()


def fill(connection: Connection, events: int, booked: int = 0, waiting: int = 0, spare: int = 0) -> Filled:
    """Make so many events, each with so many orders of one ticket, and `spare` tickets that are free.

    Whoever waits does so because nothing is free: with `waiting`, there is no `spare`. In one transaction of
    its own; 60,000 orders a second or so.
    """
    if waiting and spare:
        raise ValueError("nobody waits while tickets are free")
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('event_ids')")
        (first,) = cursor.fetchone() or (0,)
        last = first + events - 1
        capacity = max(1, booked + spare)
        begun = encode(EventInitialized(1, Instant(0), "Event", capacity)).decode()
        numbers = {"first": first, "last": last, "booked": booked, "waiting": waiting}
        cursor.execute("BEGIN")
        cursor.execute("SELECT setval('event_ids', %s)", (last,))
        for statement in (_EVENTS, _ORDERS, _BEGUN, _CHANGES):
            cursor.execute(statement, {**numbers, "capacity": capacity, "begun": begun})
        cursor.execute("COMMIT")
    return Filled(first, last)


def settle(connection: Connection) -> None:
    """Do now what PostgreSQL would do soon because so much was written."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
