"""Builders and onlookers for the contract tests: an owner, an outlet that keeps all, a second session.

An `Owner` is to the journal what an event's actor is: an inventory that runs ahead of the database. `Stored`
is the database as somebody else's session sees it, so it sees what is committed and nothing more.
"""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy.engine import make_url

from boxoffice.actors.changes import Change, decode
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import (
    Adjust,
    Answer,
    Book,
    Cancel,
    CancelFor,
    Command,
    Confirm,
    Extend,
    Hold,
    Initialize,
    Tick,
    decode_answer,
)
from boxoffice.actors.ports import Answered, Entry, Key, Lease, Recovered, Request, Settled
from boxoffice.actors.values import (
    CustomerId,
    EventId,
    EventStatus,
    Instant,
    OrderId,
    Terms,
    WaitlistMode,
)
from boxoffice.persistence.recovery import DatabaseRecovery
from boxoffice.persistence.rows import STATUS_COLUMNS, OrderRows, instant_if_any, status_of

EVENT = EventId(7)
OTHER = EventId(8)
THIRD = EventId(9)
NOW = Instant(1_767_225_600_123_456)
DEADLINE_S = 30.0
SLEEPS_AT_COMMIT = """
CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.customer = 'slow') EXECUTE FUNCTION sleep();
"""
"""PostgreSQL takes a minute to commit what this customer orders: all is written then."""

_numbers = itertools.count(1)


def new_order_id() -> OrderId:
    """One that no order has had, greater than all before it."""
    return OrderId(f"019a0000-0000-7000-8000-{next(_numbers):012x}")


def book(customer: str = "ada", quantity: int = 1, *, waitlist: bool = True) -> Book:
    return Book(new_order_id(), CustomerId(customer), quantity, waitlist)


def anything(chance: random.Random, inventory: Inventory, *, adjusts: bool = True) -> Command:
    """A command of any kind, that often enough means something in this state."""
    customer = CustomerId(chance.choice(["ada", "ben", "cem", "dora", "eve", 'f"\\{}']))
    quantity, waits = chance.randint(1, 4), chance.random() < 0.8
    live = [order.id for order in inventory.orders] or [new_order_id()]
    capacity = inventory.status.capacity
    commands: list[Command] = [
        *[Book(new_order_id(), customer, quantity, waits)] * 6,
        *[Hold(new_order_id(), customer, quantity, waits, chance.choice([None, 1, 600]))] * 4,
        *[Confirm(chance.choice(live))] * 3,
        *[Extend(chance.choice(live))] * 2,
        *[Cancel(chance.choice(live))] * 3,
        *[Cancel(chance.choice(live), quantity)] * 2,
        CancelFor(customer),
        Cancel(new_order_id()),
        Tick(),
        *([_adjustment(chance, capacity)] if adjusts else []),
    ]
    return chance.choice(commands)


def _adjustment(chance: random.Random, capacity: int) -> Adjust:
    return chance.choice(
        [
            Adjust(capacity=capacity + chance.randint(1, 3)),
            Adjust(capacity=max(1, capacity - 1)),
            Adjust(waitlist_mode=chance.choice(list(WaitlistMode))),
            Adjust(name='odd "\\{}, NULL', max_per_order=None, waitlist_limit=chance.choice([None, 5])),
            Adjust(hold_seconds=300, max_hold_seconds=7200, offer_seconds=chance.choice([1, 900])),
            Adjust(sales_close_at=Instant(NOW + chance.randint(1, 300) * 3_600_000_000)),
            Adjust(sales_close_at=None),
        ]
    )


def connect(url: str, **options: Any) -> Connection:
    """A connection in autocommit mode."""
    connection: Connection = psycopg2.connect(plain(url), **options)
    connection.autocommit = True
    return connection


def plain(url: str) -> str:
    """A URL as libpq takes it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def eventually(condition: Callable[[], object]) -> None:
    """Wait until it holds, up to a deadline."""
    until = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < until, "it did not come to pass in time"
        time.sleep(0.002)


class Owner:
    """An inventory under a lease. What it decides is in its memory at once, and in nobody else's."""

    def __init__(self, event_id: EventId = EVENT, inventory: Inventory | None = None, epoch: int = 1) -> None:
        self.lease = Lease(event_id, epoch)
        self.inventory = inventory or Inventory(event_id)

    def decide(self, *commands: Command, at: int = NOW, key: Key | None = None) -> Entry:
        """One turn: all these commands in one entry, under `key` if there is one."""
        base_version = self.inventory.version
        changes: list[Change] = []
        answers: list[Answered] = []
        for command in commands:
            decision = self.inventory.handle(command, Instant(at))
            changes += decision.changes
            answers.append(Answered(Request(command, None, key), decision.answer))
        status, next_expiry = self.inventory.status, self.inventory.next_expiry
        live_orders = self.inventory.live_orders
        return Entry(self.lease, base_version, changes, status, answers, next_expiry, live_orders)

    def open(self, capacity: int = 100, *commands: Command, terms: Terms = Terms()) -> Entry:  # noqa: B008
        """Put the event on sale, and then these, in one entry."""
        return self.decide(Initialize("Concert", capacity, terms), *commands)


def taken_over(recovery: DatabaseRecovery, event_id: EventId = EVENT) -> Owner:
    """The event's next owner, from what is stored."""
    found = recovery.load(event_id)
    assert isinstance(found, Recovered), found
    return Owner(event_id, found.inventory, found.epoch)


def answers_of(*entries: Entry) -> list[Answer]:
    """What the entries' askers are to be told if all goes well."""
    return [answered.answer for entry in entries for answered in entry.answers]


class Outlet:
    """Keeps what is delivered, in order; looks at something at each delivery, on the thread that delivers."""

    def __init__(self, look: Callable[[], object] | None = None) -> None:
        self._look = look
        self._changed = threading.Condition()
        self.settled: list[Settled] = []
        self.seen: list[object] = []

    def deliver(self, settled: Sequence[Settled]) -> None:
        if self._look is not None:
            self.seen.append(self._look())
        with self._changed:
            self.settled += settled
            self._changed.notify_all()

    @property
    def answered(self) -> list[Answered]:
        return [answered for settled in self.settled for answered in settled.answers]

    def answers(self, number: int) -> list[Answer]:
        """Exactly that many answers, once they are there."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.answered) >= number, DEADLINE_S), self.settled
            assert len(self.answered) == number, self.settled
            return [answered.answer for answered in self.answered]

    def answer_to(self, entry: Entry) -> list[Answer]:
        """What the askers of this entry were told, once all of them were."""
        requests = {id(answered.request) for answered in entry.answers}

        def told() -> list[Answer]:
            return [answered.answer for answered in self.answered if id(answered.request) in requests]

        with self._changed:
            assert self._changed.wait_for(lambda: len(told()) >= len(requests), DEADLINE_S), self.settled
            assert len(told()) == len(requests), self.settled
            return told()


class Stored:
    """The database, seen by a session of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = connect(url, application_name="onlooker")

    def close(self) -> None:
        self._connection.close()

    def run(self, statement: str, *values: object) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    def status(self, event_id: EventId = EVENT) -> EventStatus | None:
        for row in self.rows(f"SELECT {', '.join(STATUS_COLUMNS)} FROM events WHERE id = %s", event_id):
            return status_of(SimpleNamespace(**dict(zip(STATUS_COLUMNS, row, strict=True))))
        return None

    def version(self, event_id: EventId = EVENT) -> int | None:
        status = self.status(event_id)
        return status.version if status is not None else None

    def epoch(self, event_id: EventId = EVENT) -> int:
        return int(self.rows("SELECT owner_epoch FROM events WHERE id = %s", event_id)[0][0])

    def orders(self, event_id: EventId = EVENT) -> list[tuple[str, int, str, int | None]]:
        """Customer, quantity, status and place, the oldest order first."""
        columns = "customer, quantity, status, place"
        return self.rows(f"SELECT {columns} FROM orders WHERE event_id = %s ORDER BY order_id", event_id)

    def order_rows(self, event_id: EventId = EVENT) -> dict[str, tuple[Any, ...]]:
        """Everything that is stored of each order but when it was made, by its id."""
        columns = "order_id::text, customer, quantity, status, place, expires_at, version"
        rows = self.rows(f"SELECT {columns} FROM orders WHERE event_id = %s", event_id)
        return {row[0]: (*row[1:5], instant_if_any(row[5]), row[6]) for row in rows}

    def replies(self) -> list[tuple[Any, ...]]:
        """Caller, key, position, fingerprint and answer of each record."""
        columns = "caller, key, position, fingerprint, answer::text"
        query = f"SELECT {columns} FROM replies ORDER BY caller, key, position"
        return [(*row[:3], bytes(row[3]), decode_answer(row[4])) for row in self.rows(query)]

    def changes(self, event_id: EventId = EVENT) -> list[Change]:
        query = "SELECT body::text FROM changes WHERE event_id = %s ORDER BY version"
        return [decode(body) for (body,) in self.rows(query, event_id)]

    def is_as(self, owner: Owner) -> bool:
        """Whether the event is stored as this owner believes, counters, orders and log."""
        replayed = Inventory(owner.lease.event_id)
        for change in self.changes(owner.lease.event_id):
            replayed.apply(change)
        believed = owner.inventory
        folded = OrderRows(self.changes(owner.lease.event_id)).added
        rows = {
            order_id: (row.customer, row.quantity, row.status, row.place, row.expires_at, row.version)
            for order_id, row in folded.items()
        }
        return (
            self.order_rows(owner.lease.event_id) == rows
            and self.status(owner.lease.event_id) == believed.status == replayed.status
            and believed.orders == replayed.orders
            and believed.line == replayed.line
        )

    def transactions(self, table: str) -> set[str]:
        """The transactions that wrote the rows there are."""
        return {xmin for (xmin,) in self.rows(f"SELECT xmin::text FROM {table}")}

    def waits_for_a_lock(self) -> bool:
        """Whether some session on this database waits for another's lock."""
        query = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(self.rows(query)[0][0])

    def sleeps(self) -> bool:
        """Whether some session on this database is in `pg_sleep`."""
        query = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event = 'PgSleep'"
        )
        return bool(self.rows(query)[0][0])

    def end_sessions(self, application_name: str) -> int:
        """Terminate these sessions and wait until they are gone; returns how many there were."""
        query = (
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = %s"
        )
        gone = self.rows(query, application_name)
        assert all(done for (done,) in gone)
        return len(gone)

    @contextmanager
    def holding_lock(self) -> Iterator[None]:
        """Have the advisory lock 1."""
        self.run("SELECT pg_advisory_lock(1)")
        yield
        self.run("SELECT pg_advisory_unlock(1)")

    @contextmanager
    def holding(self, event_id: EventId = EVENT) -> Iterator[None]:
        """Keep the event's row locked meanwhile: who wants to write it waits."""
        other = connect(self._url, application_name="holder")
        try:
            with other.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("SELECT 1 FROM events WHERE id = %s FOR UPDATE", (event_id,))
                yield
                cursor.execute("ROLLBACK")
        finally:
            other.close()
