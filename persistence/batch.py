"""One transaction's worth of entries, and the one message that writes and commits it.

A batch is one round trip, whatever is in it. On a busy machine it is the waking up of PostgreSQL's process
and of ours that takes the time: the same rows by two COPYs and an UPDATE took eight round trips, less of
PostgreSQL's time, and four times as long. So the columns travel as array literals, which are cheap to make
and to read, into a statement that is planned once for the connection; times as numbers, and JSON without the
quoting of an array, because both are cheaper still.

There is no BEGIN and no COMMIT: outside of a transaction, what one message asks for is a transaction of its
own. PostgreSQL commits it before it calls the last statement complete, and psycopg2 gives the rows that say
whose fence held only then. What it refuses on the way, or at the very end, is undone as a whole; so whatever
is to undo it must be in the message.

Called by the journal, on the event loop; `prepare`, which waits, on a thread.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from boxoffice.actors.changes import Change, EventInitialized, encode
from boxoffice.actors.messages import OrderUnknown, encode_answer
from boxoffice.actors.ports import Answered, Entry, Lease
from boxoffice.actors.values import EventId, EventStatus, Instant
from boxoffice.persistence.rows import OrderRows, timestamp
from boxoffice.persistence.statement import (
    ADDED,
    ALTERED,
    KINDS,
    LOGGED,
    PART,
    RECORDED,
    Kind,
    executed,
    prepared,
)
from boxoffice.persistence.talk import TalkingCursor

_to_json = msgspec.json.Encoder().encode


_PREPARE = """
SET default_transaction_isolation = 'read committed'; -- whatever the database's: the fence needs no more
SET standard_conforming_strings = on;
SET plan_cache_mode = force_generic_plan
"""

_FACTS = """
    name, closed_at, sales_open_at, sales_close_at, max_per_order, max_per_customer, waitlist_limit,
    waitlist_mode, offer_seconds, hold_seconds, max_hold_seconds"""

_OPEN = f"""
INSERT INTO events
       (id, capacity, available, booked, held, offered, waiting, waiting_tickets, version, owner_epoch,
        created_at, changed_at, {_FACTS})
VALUES """

# Rare: worth no column of a batch. Rows are locked in the order of everybody else, and then stay as they are.
_LOCK = "SELECT 1 FROM events WHERE id = ANY(CAST(%s AS bigint[])) ORDER BY id FOR NO KEY UPDATE"
_ADJUST = f"UPDATE events SET ({_FACTS}) = %s WHERE id = %s AND version = %s AND owner_epoch = %s"

Message: TypeAlias = tuple[str, list[Any] | None]
"""SQL, and the values of its parameters; None: it has none, and a `%` in it means itself."""


class Part:
    """All that one batch holds for one event: from `base_version` to `status.version`, under one lease."""

    __slots__ = ("answers", "base_version", "changes", "lease", "live_orders", "next_expiry", "status")

    def __init__(self, entries: Sequence[Entry]) -> None:
        """Of entries that follow each other, at least one."""
        first, last = entries[0], entries[-1]
        self.lease: Lease = first.lease
        self.base_version: int = first.base_version
        self.changes: list[Change] = list(first.changes)
        self.answers: list[Answered] = list(first.answers)
        if last is not first:
            self.changes = [change for entry in entries for change in entry.changes]
            self.answers = [answered for entry in entries for answered in entry.answers]
        self.status: EventStatus = last.status
        self.next_expiry: Instant | None = last.next_expiry
        self.live_orders: int = last.live_orders


def prepare(connection: Connection) -> None:
    """Plan the statement, once for each connection, in autocommit mode. Raises psycopg2.Error."""
    with connection.cursor() as cursor:
        cursor.execute("; ".join([_PREPARE, *map(prepared, KINDS)]))
        cursor.execute(
            "SELECT current_setting('transaction_isolation'), current_setting('standard_conforming_strings')"
        )
        if cursor.fetchone() != ("read committed", "on"):
            raise psycopg2.NotSupportedError("the session is not as our statements need it")


def message(parts: Sequence[Part]) -> Message:
    """What writes the parts, each of another event, whose fence holds.

    Raises psycopg2.DataError for what cannot be written.
    """
    rows = {part.lease.event_id: OrderRows(part.changes) for part in parts if part.changes}
    statements: list[str] = []
    values: list[Any] = []
    new = [part for part in parts if not part.base_version and part.changes]
    if new:
        statements.append(_OPEN + ", ".join(["%s"] * len(new)))
        values += map(_new_event, new)
    adjusted = [
        part for part in parts if part.base_version and part.changes and rows[part.lease.event_id].adjusted
    ]
    if adjusted:
        statements += [_LOCK, *[_ADJUST] * len(adjusted)]
        values.append([part.lease.event_id for part in parts])
        for part in adjusted:
            values += [_facts(part.status), part.lease.event_id, part.base_version, part.lease.epoch]
    records = [record for part in parts for record in _records(part)]
    kind = Kind(
        moves=bool(rows),
        alters=any(each.altered for each in rows.values()),
        stays=any(not part.changes for part in parts),
        records=bool(records),
    )
    write = executed(kind, _arrays(kind, parts, rows, records))
    if not statements:
        return write, None
    return "; ".join([*statements, write.replace("%", "%%")]), values


async def send(cursor: TalkingCursor, written: Message) -> set[EventId]:
    """Have it written and committed: returns the events whose fence held. The others are as they were.

    Raises psycopg2.Error. With a code of PostgreSQL's, on a connection that lives on, nothing was committed.
    """
    await cursor.ask(*written)
    return held(cursor)


def held(cursor: Cursor) -> set[EventId]:
    """The events whose fence held, once the message is answered. Raises psycopg2.Error."""
    events = {EventId(event_id) for (event_id,) in cursor.fetchall()}
    if cursor.connection.get_transaction_status() != TRANSACTION_STATUS_IDLE:
        raise psycopg2.InternalError("it was written into a transaction that is still open")
    return events


def _new_event(part: Part) -> tuple[Any, ...]:
    """The row of an event at version 0, which the first change then moves on like any other."""
    first = part.changes[0]
    if not isinstance(first, EventInitialized):
        raise psycopg2.DataError(f"event {part.lease.event_id} begins with {first!r}")
    at, capacity = timestamp(first.at), first.capacity
    numbers = (part.lease.event_id, capacity, capacity, 0, 0, 0, 0, 0, 0, part.lease.epoch, at, at)
    return (*numbers, *_facts(part.status))


def _facts(status: EventStatus) -> tuple[Any, ...]:
    """What only an adjustment changes of an event: its name, its end, its terms."""
    terms = status.terms
    return (
        status.name,
        _moment(status.closed_at),
        _moment(terms.sales_open_at),
        _moment(terms.sales_close_at),
        terms.max_per_order,
        terms.max_per_customer,
        terms.waitlist_limit,
        terms.waitlist_mode.value,
        terms.offer_seconds,
        terms.hold_seconds,
        terms.max_hold_seconds,
    )


def _moment(at: Instant | None) -> str | None:
    return None if at is None else timestamp(at)


def _arrays(
    kind: Kind, parts: Sequence[Part], rows: dict[EventId, OrderRows], records: Sequence[tuple[Any, ...]]
) -> Iterator[str]:
    """The parameters of the statement, column by column."""
    yield from _columns([_event(part, rows) for part in parts], len(PART))
    if kind.moves:
        added = [
            (
                event_id,
                order_id,
                row.customer,
                row.quantity,
                row.status,
                row.place,
                row.version,
                row.created_at,
                row.expires_at,
            )
            for event_id, of_event in rows.items()
            for order_id, row in of_event.added.items()
        ]
        changes = [
            (part.lease.event_id, change.version, change.at, encode(change).decode())
            for part in parts
            for change in part.changes
        ]
        yield from _columns(added, len(ADDED), texts=(2,))
        yield from _columns(changes, len(LOGGED), documents=3)
    if kind.alters:
        altered = [
            (event_id, order_id, update.version, update.status, update.quantity, update.expires_at)
            for event_id, of_event in rows.items()
            for order_id, update in of_event.altered.items()
        ]
        yield from _columns(altered, len(ALTERED))
    if kind.records:
        yield from _columns(records, len(RECORDED), texts=(1, 2, 4), documents=5)


def _event(part: Part, rows: dict[EventId, OrderRows]) -> tuple[int, ...]:
    """Where the event was, and where it is."""
    event_id, status = part.lease.event_id, part.status
    return (
        event_id,
        part.lease.epoch,
        part.base_version,
        status.version,
        status.capacity,
        status.available,
        status.booked,
        status.held,
        status.offered,
        status.waiting,
        status.waiting_tickets,
        part.changes[-1].at if part.changes else 0,
        len(rows[event_id].altered) if part.changes else 0,
    )


def _records(part: Part) -> Iterator[tuple[Any, ...]]:
    """What is kept of the part's answers for those who ask again under the same key."""
    for answered in part.answers:
        key, answer = answered.request.key, answered.answer
        if key is not None and not isinstance(answer, OrderUnknown):  # that one is looked up, and then kept
            yield (
                part.lease.event_id,
                key.caller,
                key.text,
                key.position,
                "\\x" + key.fingerprint.hex(),
                encode_answer(answer).decode(),
            )


def _columns(
    rows: Sequence[tuple[Any, ...]], width: int, texts: Sequence[int] = (), documents: int | None = None
) -> Iterator[str]:
    """Array literals of the rows' columns. What is not in `texts` is a number, an id, a name of ours or None:
    as JSON it is made in one go, and PostgreSQL reads the same in it as in an array of its own. Those in
    `documents` are JSON, which has no control characters: one of those parts them.
    """
    for number, column in enumerate(zip(*rows, strict=True) if rows else [()] * width):
        if number in texts:
            yield array_of_texts(column)
        elif number == documents:
            yield "\1".join(column)
        else:
            yield "{" + _to_json(column)[1:-1].decode() + "}"


def array_of_texts(texts: Sequence[str]) -> str:
    """PostgreSQL's literal of an array of texts: in double quotes, those and backslashes escaped.

    NUL, which no text of PostgreSQL's can hold, parts them while all are escaped at once. Raises
    psycopg2.DataError if one holds it all the same: it would be read as two, and move all that follow.
    """
    escaped = "\0".join(texts).replace("\\", "\\\\").replace('"', '\\"')
    if texts and escaped.count("\0") != len(texts) - 1:
        raise psycopg2.DataError("a text holds the character U+0000")
    return '{"' + escaped.replace("\0", '","') + '"}' if texts else "{}"
