"""Builders and onlookers for the contract tests: an owner, an outlet that keeps all, a second session.

An `Owner` is to the journal what an event's actor is: an inventory that runs ahead of the database. `Stored`
is the database as somebody else's session sees it, so it sees what is committed and nothing more.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy.engine import make_url

from boxoffice.actors.changes import Change, decode
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import Answer, Book, Command, Initialize
from boxoffice.actors.ports import Answered, Entry, Lease, Recovered, Request, Settled
from boxoffice.actors.values import (
    CustomerId,
    EventId,
    EventStatus,
    Instant,
    OrderId,
)
from boxoffice.persistence.recovery import DatabaseRecovery

EVENT = EventId(7)
OTHER = EventId(8)
THIRD = EventId(9)
NOW = Instant(1_767_225_600_123_456)
DEADLINE_S = 30.0
_numbers = itertools.count(1)


def new_order_id() -> OrderId:
    """One that no order has had, greater than all before it."""
    return OrderId(f"019a0000-0000-7000-8000-{next(_numbers):012x}")


def book(customer: str = "ada", quantity: int = 1, *, waitlist: bool = True) -> Book:
    return Book(new_order_id(), CustomerId(customer), quantity, waitlist)


def connect(url: str, **options: Any) -> Connection:
    """A connection in autocommit mode, as the journal wants it."""
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection: Connection = psycopg2.connect(dsn, **options)
    connection.autocommit = True
    return connection


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

    def decide(self, *commands: Command, at: int = NOW) -> Entry:
        """One turn: all these commands in one entry."""
        base_version = self.inventory.version
        changes: list[Change] = []
        answers: list[Answered] = []
        for command in commands:
            decision = self.inventory.decide(command, Instant(at))
            for change in decision.changes:
                self.inventory.apply(change)
                changes.append(change)
            answers.append(Answered(Request(command, None), decision.answer))
        return Entry(self.lease, base_version, changes, self.inventory.status, answers)

    def open(self, capacity: int = 100, *commands: Command) -> Entry:
        """Put the event on sale, and then these, in one entry."""
        return self.decide(Initialize("Concert", capacity), *commands)


def taken_over(recovery: DatabaseRecovery, event_id: EventId = EVENT) -> Owner:
    """The event's next owner, from what is stored."""
    found = recovery.load(event_id)
    assert isinstance(found, Recovered), found
    return Owner(event_id, found.inventory, found.epoch)


def answers_of(*entries: Entry) -> list[Answer]:
    """What the entries' askers are to be told if all goes well."""
    return [answered.answer for entry in entries for answered in entry.answers]


class Outlet:
    """Keeps what is delivered, in order; looks at something at each delivery, on the journal's thread."""

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
        columns = "id, name, capacity, available, booked, waiting, version"
        for row in self.rows(f"SELECT {columns} FROM events WHERE id = %s", event_id):
            return EventStatus(*row)
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

    def changes(self, event_id: EventId = EVENT) -> list[Change]:
        query = "SELECT body::text FROM changes WHERE event_id = %s ORDER BY version"
        return [decode(body) for (body,) in self.rows(query, event_id)]

    def is_as(self, owner: Owner) -> bool:
        """Whether the event is stored as this owner believes, counters and log."""
        replayed = Inventory(owner.lease.event_id)
        for change in self.changes(owner.lease.event_id):
            replayed.apply(change)
        believed = owner.inventory
        return (
            self.status(owner.lease.event_id) == believed.status == replayed.status
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
