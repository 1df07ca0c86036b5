"""A checker that replays an event's log: were all answers true, in an order that clients could have seen?

Reads the `changes` that a server has committed, decides each of them anew on a fresh inventory, and
compares everything that was said on the wire, and everything that stands in the tables, with that.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy.engine import make_url

from boxoffice.actors.changes import (
    Change,
    CustomerWaitlisted,
    EventInitialized,
    OrderCancelled,
    TicketsBooked,
    decode,
)
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import (
    Answer,
    Book,
    Booked,
    Cancel,
    Cancelled,
    Command,
    EventId,
    EventStatus,
    Initialize,
    Initialized,
    Order,
    Waitlisted,
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as its client saw it: what was asked, what came back, and when (monotonic seconds).

    `status` 0: no answer came.
    """

    path: str
    asked: dict[str, Any]
    status: int
    answer: Any
    began_s: float
    ended_s: float


@contextmanager
def database(url: str) -> Iterator[Cursor]:
    """A cursor on the server's database; what it does is committed at the end."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(plain)) as connection, connection, connection.cursor() as cursor:
        yield cursor


class Log:
    """One event's committed changes, replayed: the event's numbers and the answer at every version."""

    def __init__(self, database_url: str, event_id: str) -> None:
        self._number = int(event_id)
        self.changes: list[Change] = []
        self.statuses: dict[int, EventStatus] = {}
        self.answers: dict[int, dict[str, Any]] = {}
        self.inventory = Inventory(EventId(self._number))
        with database(database_url) as cursor:
            self._replay(cursor)
            self._compare_tables(cursor)

    def _replay(self, cursor: Cursor) -> None:
        cursor.execute(
            "SELECT version, body::text FROM changes WHERE event_id = %s ORDER BY version", (self._number,)
        )
        for expected, (version, body) in enumerate(cursor.fetchall(), 1):
            change = decode(body)
            assert version == change.version == expected, "the log has a gap"
            decision = self.inventory.decide(command_of(change), change.at)
            assert decision.changes == (change,), f"the rules say {decision.changes}, the log {change}"
            self.inventory.apply(change)
            assert self.inventory.contradiction(self.inventory.status) is None
            self.changes.append(change)
            self.statuses[version] = self.inventory.status
            self.answers[version] = on_the_wire(self._number, decision.answer)

    def _compare_tables(self, cursor: Cursor) -> None:
        cursor.execute(
            "SELECT id, name, capacity, available, booked, waiting, version FROM events WHERE id = %s",
            (self._number,),
        )
        stored = [EventStatus(*row) for row in cursor.fetchall()]
        assert stored == [self.inventory.status], "the event's row is not what its log says"
        cursor.execute(
            "SELECT order_id::text, customer, quantity, status, place FROM orders"
            " WHERE event_id = %s AND status <> 'cancelled' ORDER BY order_id::text",
            (self._number,),
        )
        live = [(o.id, o.customer, o.quantity, o.status.value, o.place) for o in self.inventory.orders]
        assert cursor.fetchall() == live, "the live orders are not what the log says"
        cursor.execute(
            "SELECT order_id::text FROM orders WHERE event_id = %s AND status = 'cancelled'", (self._number,)
        )
        cancelled = sorted(change.order_id for change in self.changes if isinstance(change, OrderCancelled))
        assert sorted(row[0] for row in cursor.fetchall()) == cancelled

    @property
    def order_ids(self) -> set[str]:
        """Every order that ever was, by its id on the wire."""
        made = (c for c in self.changes if isinstance(c, TicketsBooked | CustomerWaitlisted))
        return {f"{self._number}-{change.order_id}" for change in made}

    def check(self, seen: Iterable[Seen], *, all_answered: bool = True) -> None:
        """Compare every answer with the log, and the log with the answers unless some were lost."""
        answered = [each for each in seen if 200 <= each.status < 300]
        versions = sorted(each.answer["version"] for each in answered)
        assert len(set(versions)) == len(versions), "two answers stand on one change"
        for each in answered:
            said = {k: v for k, v in each.answer.items() if k != "createdAt"}
            assert said == self.answers[each.answer["version"]]
        for each in seen:
            if each.status == 409:
                self._check_refusal(each.answer)
        if all_answered:
            asked = [
                v for v, change in enumerate(self.changes, 1) if not isinstance(change, EventInitialized)
            ]
            assert versions == asked, "a change was made that answers no request"
        check_real_time_order(answered)

    def check_status(self, shown: dict[str, Any]) -> None:
        """Compare a status with the log: that version, with exactly those numbers."""
        assert shown == status_on_the_wire(self.statuses[shown["version"]])

    def _check_refusal(self, problem: dict[str, Any]) -> None:
        if problem["code"] == "sold_out":
            then = self.statuses[problem["version"]]
            assert problem["availableTickets"] == then.available
            assert problem["waitingListCount"] == then.waiting


def check_real_time_order(answered: Iterable[Seen]) -> None:
    """Whoever asked after another had been answered has the higher version."""
    by_end = sorted(answered, key=lambda each: each.ended_s)
    ended, newest = 0, 0
    for each in sorted(by_end, key=lambda each: each.began_s):
        while by_end[ended].ended_s < each.began_s:
            newest = max(newest, by_end[ended].answer["version"])
            ended += 1
        assert each.answer["version"] > newest, (
            "an answer is older than one that was known before it was asked"
        )


def command_of(change: Change) -> Command:
    """What was asked, if this is what it changed."""
    match change:
        case EventInitialized():
            return Initialize(change.name, change.capacity)
        case TicketsBooked() | CustomerWaitlisted():
            return Book(change.order_id, change.customer, change.quantity)
        case OrderCancelled():
            return Cancel(change.order_id)


def on_the_wire(event_number: int, answer: Answer) -> dict[str, Any]:
    """An answer as clients see it, without its time."""
    match answer:
        case Initialized(status):
            return status_on_the_wire(status)
        case Booked(order, version):
            return _order(event_number, order, version)
        case Waitlisted(order, position, version):
            return {**_order(event_number, order, version), "position": position}
        case Cancelled(order, promoted, version):
            each = [
                {"orderId": f"{event_number}-{p.order_id}", "userId": p.customer, "quantity": p.quantity}
                for p in promoted
            ]
            return {**_order(event_number, order, version), "promoted": each}
    raise AssertionError(f"{answer} changes nothing")


def status_on_the_wire(status: EventStatus) -> dict[str, Any]:
    """A status as clients see it."""
    return {
        "eventId": str(status.event_id),
        "eventName": status.name,
        "totalTickets": status.capacity,
        "availableTickets": status.available,
        "bookedTickets": status.booked,
        "waitingListCount": status.waiting,
        "version": status.version,
    }


def _order(event_number: int, order: Order, version: int) -> dict[str, Any]:
    return {
        "orderId": f"{event_number}-{order.id}",
        "eventId": str(event_number),
        "userId": order.customer,
        "quantity": order.quantity,
        "status": order.status.value,
        "version": version,
    }


def as_json(value: object) -> bytes:
    """A body in the plainest form."""
    return json.dumps(value).encode()
