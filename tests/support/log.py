"""A checker that replays an event's log: were all answers true, in an order that clients could have seen?

Whether the log keeps the promises and the tables agree with it, the audit says. This compares with it what
was said on the wire: every answer with the one that the rules give at its version, field by field.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy.engine import make_url

from boxoffice.actors.changes import (
    Change,
    CustomerWaitlisted,
    EventInitialized,
    OrderExpired,
    TicketsBooked,
    TicketsHeld,
    decode,
)
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import (
    Adjusted,
    Answer,
    Booked,
    Cancelled,
    Closed,
    Confirmed,
    Extended,
    Held,
    Initialized,
    Ticked,
    Waitlisted,
)
from boxoffice.actors.terms import sale_state
from boxoffice.actors.values import EventId, EventStatus, Instant, Order, Promotion
from boxoffice.persistence.replay import Replay
from tests.support.audit import assert_audit_passes


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as its client saw it: what was asked, what came back, and when (monotonic seconds).

    `status` 0: no answer came. `key`: the idempotency key that it was asked under.
    """

    path: str
    asked: dict[str, Any]
    status: int
    answer: Any
    began_s: float
    ended_s: float
    key: str | None = None


@contextmanager
def database(url: str) -> Iterator[Cursor]:
    """A cursor on the server's database; what it does is committed at the end."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(plain)) as connection, connection, connection.cursor() as cursor:
        yield cursor


class Log:
    """One event's committed changes, replayed: the event's numbers and the answer at every version.

    Before, everything that is in the database is audited, unless it has been: many tests may share it.
    """

    def __init__(self, database_url: str, event_id: str, *, is_audited: bool = False) -> None:
        if not is_audited:
            assert_audit_passes(database_url)
        self._number = int(event_id)
        self._replayed = Replay(EventId(self._number))
        self.changes: list[Change] = []
        self.statuses: dict[int, EventStatus] = {}
        self.answers: dict[int, tuple[int, dict[str, Any]]] = {}
        with database(database_url) as cursor:
            cursor.execute(
                "SELECT body::text FROM changes WHERE event_id = %s ORDER BY version", (self._number,)
            )
            for (body,) in cursor.fetchall():
                self._take(decode(body))

    def _take(self, change: Change) -> None:
        assert self._replayed.impossible(change) is None
        assert self._replayed.take(change) == []
        assert self._replayed.answer is not None
        self.changes.append(change)
        self.statuses[change.version] = self.inventory.status
        self.answers[change.version] = on_the_wire(self._number, self._replayed.answer)

    @property
    def inventory(self) -> Inventory:
        """The event at the end of its log."""
        return self._replayed.inventory

    @property
    def order_ids(self) -> set[str]:
        """Every order that ever was, by its id on the wire."""
        made = (c for c in self.changes if isinstance(c, TicketsBooked | TicketsHeld | CustomerWaitlisted))
        return {f"{self._number}-{change.order_id}" for change in made}

    def check(self, seen: Iterable[Seen], *, all_answered: bool = True) -> None:
        """Compare every answer with the log, and the log with the answers unless some were lost."""
        seen = list(seen)
        for each in seen:
            if 200 <= each.status < 300:
                assert each.answer["version"] in self.answers, f"lost: {each}"
                status, answer = self.answers[each.answer["version"]]
                assert each.status == status
                assert each.answer == answer
            elif "version" in (each.answer or ()):
                self._check_refusal(each.answer)
        answered = once_for_each_key(each for each in seen if 200 <= each.status < 300)
        versions = sorted(each.answer["version"] for each in answered)
        assert len(set(versions)) == len(versions), "two answers stand on one change"
        if all_answered:
            unasked = (EventInitialized, OrderExpired)
            asked = [change.version for change in self.changes if not isinstance(change, unasked)]
            assert [v for v in versions if v > 1] == asked, "a change was made that answers no request"
        check_real_time_order(asked_once(answered, seen))

    def check_status(self, shown: dict[str, Any]) -> None:
        """Compare a status with the log: that version, with exactly those numbers.

        When it was read is not known, so its state is compared only where the clock does not change it.
        """
        status = self.statuses[shown["version"]]
        by_the_clock = (status.terms.sales_open_at, status.terms.sales_close_at) != (None, None)
        at = Instant(0)
        expected = status_on_the_wire(status, at)
        if by_the_clock and status.closed_at is None:
            expected["state"] = shown["state"]
        assert shown == expected

    def _check_refusal(self, problem: dict[str, Any]) -> None:
        """Whatever a refusal says of the event was so at the version it names."""
        then = status_on_the_wire(self.statuses[problem["version"]], Instant(0))
        then["closedAt"] = then["closedAt"] or then["salesCloseAt"]
        said = {name: value for name, value in problem.items() if name in then}
        assert said == {name: then[name] for name in said}


def logs(database_url: str, event_ids: Iterable[str]) -> list[Log]:
    """Those of several events, after one audit for all of them."""
    assert_audit_passes(database_url)
    return [Log(database_url, event_id, is_audited=True) for event_id in event_ids]


def once_for_each_key(answered: Iterable[Seen]) -> list[Seen]:
    """Those without a key, and one for each key: all answers under it must be the same."""
    first: dict[str, Seen] = {}
    once = []
    for each in answered:
        if each.key is None:
            once.append(each)
        elif each.key not in first:
            first[each.key] = each
            once.append(each)
        else:
            assert (each.status, each.answer) == (first[each.key].status, first[each.key].answer)
    return once


def asked_once(answered: Iterable[Seen], seen: Iterable[Seen]) -> list[Seen]:
    """Those that were not asked again under their key: of the others it is not known which had the effect."""
    times = Counter(each.key for each in seen)
    return [each for each in answered if each.key is None or times[each.key] == 1]


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


def on_the_wire(event_number: int, answer: Answer) -> tuple[int, dict[str, Any]]:
    """An answer as clients see it: the status and the document."""
    match answer:
        case Initialized(status, at):
            return 201, status_on_the_wire(status, at)
        case Booked(order, version) | Held(order, version):
            return 201, _order(event_number, order, version)
        case Waitlisted(order, position, version):
            return 202, {**_order(event_number, order, version), "position": position}
        case Confirmed(order, version) | Extended(order, version):
            return 200, _order(event_number, order, version)
        case Cancelled(order, quantity, promoted, version):
            return 200, {
                **_order(event_number, order, version),
                "cancelledQuantity": quantity,
                "promoted": [_promotion(event_number, each) for each in promoted],
            }
        case Adjusted(status, at, promoted, count):
            return 200, {
                **status_on_the_wire(status, at),
                "promoted": [_promotion(event_number, each) for each in promoted],
                "promotedCount": count,
            }
        case Closed(status, at):
            return 200, status_on_the_wire(status, at)
        case Ticked(version):  # nobody asked
            return 0, {"version": version}
    raise AssertionError(f"{answer} changes nothing")


def status_on_the_wire(status: EventStatus, at: Instant) -> dict[str, Any]:
    """A status as clients see it at that moment."""
    terms = status.terms
    return {
        "eventId": str(status.event_id),
        "eventName": status.name,
        "totalTickets": status.capacity,
        "availableTickets": status.available,
        "bookedTickets": status.booked,
        "heldTickets": status.held,
        "offeredTickets": status.offered,
        "waitingListCount": status.waiting,
        "waitingTickets": status.waiting_tickets,
        "state": sale_state(terms, status.closed_at, at).value,
        "version": status.version,
        "salesOpenAt": moment(terms.sales_open_at),
        "salesCloseAt": moment(terms.sales_close_at),
        "closedAt": moment(status.closed_at),
        "maxPerOrder": terms.max_per_order,
        "maxPerCustomer": terms.max_per_customer,
        "waitlistLimit": terms.waitlist_limit,
        "waitlistMode": terms.waitlist_mode.value,
        "offerSeconds": terms.offer_seconds,
        "holdSeconds": terms.hold_seconds,
        "maxHoldSeconds": terms.max_hold_seconds,
    }


def _order(event_number: int, order: Order, version: int) -> dict[str, Any]:
    return _given(
        orderId=f"{event_number}-{order.id}",
        eventId=str(event_number),
        userId=order.customer,
        quantity=order.quantity,
        status=order.status.value,
        version=version,
        createdAt=moment(order.created_at),
        expiresAt=moment(order.expires_at),
    )


def _promotion(event_number: int, promotion: Promotion) -> dict[str, Any]:
    return _given(
        orderId=f"{event_number}-{promotion.order_id}",
        userId=promotion.customer,
        quantity=promotion.quantity,
        status="confirmed" if promotion.expires_at is None else "offered",
        expiresAt=moment(promotion.expires_at),
    )


def _given(**fields: Any) -> dict[str, Any]:
    """What is not there is not said."""
    return {name: value for name, value in fields.items() if value is not None}


def moment(at: Instant | None) -> str | None:
    """A moment as clients see it."""
    if at is None:
        return None
    seconds, micros = divmod(at, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{micros:06}Z"


def as_json(value: object) -> bytes:
    """A body in the plainest form."""
    return json.dumps(value).encode()
