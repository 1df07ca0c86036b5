"""The audit: replays every event's log, and compares with it what the tables and the recorded answers say.

It reads one snapshot in one read-only transaction, so it is right beside a server that goes on writing, and
streams it event by event: its memory is that of the largest event. What the log itself must not say is judged
in `replay.py`; here its end is compared with the projections, and the answers on the way with the records. A
recorded refusal names neither its event nor its command, so of those it only checks that they can be read.

A long audit keeps PostgreSQL from clearing away dead rows meanwhile, like any long query. Called by the
command line on the main thread, and by the tests; waits for the database.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Connection, Engine, Select, Text, TextClause, cast, func, select, text

from boxoffice.actors.changes import decode
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import (
    PASSING,
    Adjusted,
    Answer,
    Booked,
    Cancelled,
    Closed,
    Confirmed,
    Extended,
    Held,
    Initialized,
    Waitlisted,
    decode_answer,
)
from boxoffice.actors.values import LIVE, CustomerId, EventId, EventStatus, Order, OrderId, OrderStatus
from boxoffice.persistence.failures import away_when_unreachable
from boxoffice.persistence.recovery import micros_of
from boxoffice.persistence.replay import Replay, differences, shown_at
from boxoffice.persistence.report import Report, Violation
from boxoffice.persistence.rows import STATUS_COLUMNS, OrderRow, instant, status_of
from boxoffice.persistence.tables import changes, events, orders

LISTED_MAX = 100
"""Violations of one event that a report lists; the others are counted."""

ROWS_PER_FETCH = 2_000
CHANGES_PER_PROGRESS = 1_000

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many changes are replayed, and how many there were to replay when the audit began."""

Done: TypeAlias = (
    Initialized | Booked | Held | Waitlisted | Confirmed | Extended | Cancelled | Adjusted | Closed
)
"""Answers that say what a change did."""

_EVENTS = select(
    *(events.c[name] for name in STATUS_COLUMNS), events.c.created_at, events.c.changed_at
).order_by(events.c.id)

_CHANGES = select(
    changes.c.event_id, changes.c.version, micros_of(changes.c.at), cast(changes.c.body, Text)
).order_by(changes.c.event_id, changes.c.version)

_ORDERS = select(
    orders.c.event_id, cast(orders.c.order_id, Text), orders.c.customer, orders.c.quantity, orders.c.status,
    orders.c.place, micros_of(orders.c.expires_at), orders.c.version, micros_of(orders.c.created_at),
).order_by(orders.c.event_id)  # fmt: skip

# An answer names its event, or an order, which names it. What does neither comes first.
_REPLIES = text("""
SELECT coalesce(o.event_id, CASE WHEN r.event ~ '^[0-9]{1,18}$' THEN r.event::bigint END) AS event_id,
       r.key, r.answer
  FROM (SELECT key, answer::text AS answer, answer->'status'->>'event_id' AS event,
               answer->'order'->>'id' AS order_id
          FROM replies) AS r
  LEFT JOIN orders AS o
    ON o.order_id = CASE WHEN r.order_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                         THEN r.order_id::uuid END
 ORDER BY 1 NULLS FIRST
""")

_TOTAL = select(func.coalesce(func.sum(events.c.version), 0))

_STATUS = {status.value: status for status in LIVE}


def audit(engine: Engine, progress: Progress | None = None) -> Report:
    """Look at everything there is, on an engine without time limits. Raises DatabaseAway."""
    began_s = time.monotonic()
    with away_when_unreachable(), engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        running = _Audit(connection, progress or _unwatched)
        running.run()
    counted = running.counted
    return Report(
        counted["events"],
        counted["changes"],
        counted["orders"],
        counted["replies"],
        tuple(running.violations),
        running.unlisted,
        time.monotonic() - began_s,
    )


def _unwatched(_done: int, _total: int) -> None:
    pass


class _Rows:
    """A query's rows, which come in the order of their first column, the event: taken an event at a time."""

    def __init__(self, connection: Connection, query: Select[Any] | TextClause) -> None:
        self._rows = iter(connection.execute(query, execution_options={"yield_per": ROWS_PER_FETCH}))
        self._next = next(self._rows, None)

    @property
    def event_id(self) -> EventId | None:
        """Whose rows come next; None at the end."""
        return None if self._next is None else self._next[0]

    def of(self, event_id: EventId | None) -> Iterator[Any]:
        """The rows of this event, if it is the next one."""
        while self._next is not None and self._next[0] == event_id:
            row, self._next = self._next, next(self._rows, None)
            yield row


class _Audit:
    """One run: what was counted and found so far."""

    def __init__(self, connection: Connection, progress: Progress) -> None:
        self.violations: list[Violation] = []
        self.unlisted = 0
        self.counted: Counter[str] = Counter()
        self._listed = 0  # of the event that is looked at
        self._progress = progress
        self._total = int(connection.execute(_TOTAL).scalar_one())
        self._events = _Rows(connection, _EVENTS)
        self._changes = _Rows(connection, _CHANGES)
        self._orders = _Rows(connection, _ORDERS)
        self._replies = _Rows(connection, _REPLIES)

    def run(self) -> None:
        """Look at the events one by one: at those that have a row, a change, an order or an answer."""
        self._look_at_answers_without_event()
        streams = (self._events, self._changes, self._orders, self._replies)
        while ids := [stream.event_id for stream in streams if stream.event_id is not None]:
            self._listed = 0
            self.counted["events"] += 1
            self._look_at(min(ids))
        self._progress(self.counted["changes"], self._total)

    def _look_at(self, event_id: EventId) -> None:
        row = next(self._events.of(event_id), None)
        replay = Replay(event_id)
        whole = self._replay(event_id, replay)
        logged = replay.status.version > 0
        stored = None if row is None else self._read_status(event_id, row)
        if row is None and logged:
            self._found(event_id, replay.status.version, 12, "the event has a log, and no row")
        elif row is not None and whole and not logged:
            self._found(event_id, row.version, 12, "the event has a row, and no log")
        elif stored is not None and whole:
            self._look_at_status(stored, row, replay)
        live = self._look_at_orders(event_id, replay if whole and (logged or row is None) else None)
        if stored is not None:
            self._look_at_restored(stored, row, live)

    def _found(self, event_id: EventId | None, version: int | None, promise: int, what: str) -> None:
        if self._listed < LISTED_MAX:
            self.violations.append(Violation(event_id, version, promise, what))
        else:
            self.unlisted += 1
        self._listed += 1

    # --- the log ---------------------------------------------------------------------------------

    def _replay(self, event_id: EventId, replay: Replay) -> bool:
        """Whether the whole log could be replayed; it is, with all answers on the way, as far as it can."""
        answers = self._answers_of(event_id)
        whole = True
        for row in self._changes.of(event_id):
            self.counted["changes"] += 1
            if self.counted["changes"] % CHANGES_PER_PROGRESS == 0:
                self._progress(self.counted["changes"], self._total)
            whole = whole and self._take(event_id, replay, row)
            if whole:
                self._look_at_answers(event_id, replay, answers.pop(replay.inventory.version, ()))
        if whole:
            for version, recorded in answers.items():
                for name, _ in recorded:
                    what = f"{name} says what this version did, and there is no such version"
                    self._found(event_id, version, 4, what)
        return whole

    def _take(self, event_id: EventId, replay: Replay, row: Any) -> bool:
        _, version, at, body = row
        try:
            change = decode(body)
        except msgspec.DecodeError as error:
            self._found(event_id, version, 3, f"the change cannot be read: {str(error)!r}")
            return False
        if (change.version, change.at) != (version, at):
            said = f"version {change.version} at {shown_at(change.at)}"
            what = f"the change says that it is {said}, and is stored at {shown_at(at)}"
            self._found(event_id, version, 3, what)
            return False
        if (reason := replay.impossible(change)) is not None:
            self._found(event_id, version, 3, f"{reason}; the rest of the event's log is not looked at")
            return False
        for promise, what in replay.take(change):
            self._found(event_id, version, promise, what)
        return True

    # --- the tables ------------------------------------------------------------------------------

    def _read_status(self, event_id: EventId, row: Any) -> EventStatus | None:
        try:
            return status_of(row)
        except ValueError as error:
            self._found(event_id, row.version, 12, f"the event's row cannot be read: {error}")
            return None

    def _look_at_status(self, stored: EventStatus, row: Any, replay: Replay) -> None:
        """Compare the event's row with the end of its log."""
        template, counted = "the event's row has {}, its log says {}", replay.status
        found = list(differences(stored, counted, template))
        for name, at in (("created_at", replay.created_at), ("changed_at", replay.at)):
            moment = instant(getattr(row, name))
            if moment != at:
                found.append(f"{name}: {template.format(shown_at(moment), shown_at(at))}")
        if not found and (contradiction := replay.inventory.contradiction(stored)) is not None:
            found.append(f"the rules count otherwise: {contradiction}")
        for what in found:
            self._found(stored.event_id, counted.version, 12, what)

    def _look_at_orders(self, event_id: EventId, replay: Replay | None) -> list[Order]:
        """The live ones, as a rebuild finds them; each row is compared with the log if that could be read."""
        live: list[Order] = []
        expected = dict(replay.rows.added) if replay is not None else {}
        for _, order_id, *columns in self._orders.of(event_id):
            self.counted["orders"] += 1
            row = OrderRow(*columns)
            if (status := _STATUS.get(row.status)) is not None:
                live.append(_order(order_id, row, status))
            if replay is not None:
                self._look_at_order(event_id, order_id, row, expected.pop(order_id, None))
        for order_id, missing in expected.items():
            what = f"order {event_id}-{order_id} has no row: its log says that it is {missing.status}"
            self._found(event_id, missing.version, 12, what)
        return live

    def _look_at_order(
        self, event_id: EventId, order_id: OrderId, row: OrderRow, expected: OrderRow | None
    ) -> None:
        if row == expected:
            return
        name = f"order {event_id}-{order_id}"
        if expected is None:
            self._found(event_id, row.version, 12, f"{name} has a row, and no change has made it")
            return
        for difference in differences(row, expected, "the row has {}, the log says {}"):
            self._found(event_id, expected.version, 12, f"{name}, {difference}")

    def _look_at_restored(self, stored: EventStatus, row: Any, live: Iterable[Order]) -> None:
        """What a server that starts now would refuse the event for."""
        restored = Inventory.restored(stored, instant(row.changed_at), live)
        if (contradiction := restored.contradiction(stored)) is not None:
            what = f"a server refuses the event: {contradiction}"
            self._found(stored.event_id, stored.version, 12, what)

    # --- the recorded answers --------------------------------------------------------------------

    def _answers_of(self, event_id: EventId | None) -> dict[int, list[tuple[str, Done]]]:
        """Those recorded answers that say what a change did, by its version, each with its key's name."""
        found = defaultdict[int, list[tuple[str, Done]]](list)
        for _, key, answer in self._replies.of(event_id):
            self.counted["replies"] += 1
            name = f"the answer under the key {key!r}"
            try:
                decoded = decode_answer(answer)
            except msgspec.DecodeError as error:
                self._found(event_id, None, 4, f"{name} cannot be read: {str(error)!r}")
                continue
            if isinstance(decoded, PASSING):
                self._found(event_id, None, 4, f"{name} is one that passes: {type(decoded).__name__}")
            elif isinstance(decoded, Done):
                found[_version(decoded)].append((name, decoded))
        return found

    def _look_at_answers(
        self, event_id: EventId, replay: Replay, recorded: Iterable[tuple[str, Answer]]
    ) -> None:
        """Whether the answers on the version that was just replayed are the rules'; a change has one."""
        for number, (name, answer) in enumerate(recorded):
            version = replay.inventory.version
            if number:
                self._found(event_id, version, 3, f"{name} is not the first one to this change")
            elif replay.answer is not None and answer != replay.answer:
                if type(answer) is type(replay.answer):
                    how = "; ".join(differences(answer, replay.answer, "it has {}, the rules say {}"))
                else:
                    how = f"it is {type(answer).__name__}, the rules say {type(replay.answer).__name__}"
                self._found(event_id, version, 4, f"{name} is not what the log makes it: {how}")

    def _look_at_answers_without_event(self) -> None:
        for version, recorded in self._answers_of(None).items():
            for name, _ in recorded:
                self._found(None, version, 4, f"{name} names an order that no event has")


def _version(answer: Done) -> int:
    if isinstance(answer, Initialized | Adjusted | Closed):
        return answer.status.version
    return answer.version


def _order(order_id: str, row: OrderRow, status: OrderStatus) -> Order:
    customer, place, end = CustomerId(row.customer), row.place, row.expires_at
    return Order(OrderId(order_id), customer, row.quantity, status, row.created_at, place, end)
