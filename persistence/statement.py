"""The statement that writes a batch: one for each kind of batch, planned once for each connection.

What a statement names costs time even where there is nothing to do. With all tables in it, one booking takes
PostgreSQL 270 us beside the flush to disk; without what it does not need, 165. (A row into one table, nothing
else: 30.)

Rows travel as columns, in array literals; documents as one text that a control character parts, since JSON
has none: both are cheaper to read than rows. Used by `batch.py`.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple


class Kind(NamedTuple):
    """What there is to do in a batch."""

    moves: bool
    """Events go on to another version, orders are added, the log grows."""
    alters: bool = False
    """Orders that were there before change."""
    stays: bool = False
    """Some events' answers change nothing, and stand only if the event is where its actor believes."""
    records: bool = False
    """Answers are kept under their keys."""

    @property
    def name(self) -> str:
        """Of its prepared statement."""
        return "_".join(["write_batch", *(does for does, so in self._asdict().items() if so)])


KINDS = [
    kind
    for kind in map(Kind._make, product((True, False), repeat=4))
    if (kind.moves or kind.stays) and (kind.moves or not kind.alters)
]


def prepared(kind: Kind) -> str:
    """SQL that plans the statement."""
    types: list[str] = []
    tables: list[str] = []
    for columns, table in _tables(kind):
        tables.append(table.replace("{columns}", _numbered(columns, len(types) + 1)))
        types += columns
    return f"PREPARE {kind.name} ({', '.join(types)}) AS WITH {', '.join(tables)} {_held(kind)}"


def executed(kind: Kind, columns: Iterable[str]) -> str:
    """SQL that has it done. Only for a session in which a backslash means itself (`prepare` sees to that).

    psycopg2 would have each character looked at by libpq, which takes longer than making the columns.
    """
    literals = "', '".join([column.replace("'", "''") for column in columns])
    return f"EXECUTE {kind.name} ('{literals}')"


def _numbered(columns: Sequence[str], first: int) -> str:
    """The parameters as columns of `unnest`: arrays as they are, and texts of documents taken apart."""
    return ", ".join(
        f"string_to_array(${number}, chr(1))" if column == "text" else f"${number}"
        for number, column in enumerate(columns, first)
    )


def _time(micros: str) -> str:
    """The moment that is so many microseconds after 1970 began."""
    return f"timestamptz 'epoch' + {micros} * interval '1 microsecond'"


PART = (*["bigint[]"] * 4, *["int[]"] * 6, *["bigint[]"] * 2, "int[]")
_PART = """
part AS (
    SELECT * FROM unnest({columns})
        AS p (event_id, epoch, base, version, capacity, available, booked, held, offered, waiting,
              waiting_tickets, changed_at, alters)
)"""

# The fence: whoever is not where the actor believes, or has another owner, does not match.
_MOVED = f"""
moved AS (
    UPDATE events AS e
       SET version = p.version, capacity = p.capacity, available = p.available, booked = p.booked,
           held = p.held, offered = p.offered, waiting = p.waiting, waiting_tickets = p.waiting_tickets,
           changed_at = {_time("p.changed_at")}
      FROM part AS p
     WHERE e.id = p.event_id AND e.version = p.base AND e.owner_epoch = p.epoch AND p.version > p.base
    RETURNING e.id, p.alters
)"""

# The same fence for answers that change nothing.
_UNMOVED = """
unmoved AS (
    SELECT e.id FROM events AS e JOIN part AS p
        ON e.id = p.event_id AND e.version = p.base AND e.owner_epoch = p.epoch AND p.version = p.base
)"""

ADDED = ("bigint[]", "uuid[]", "text[]", "int[]", "text[]", *["bigint[]"] * 4)
_ADDED = f"""
added AS (
    INSERT INTO orders
           (event_id, order_id, customer, quantity, status, place, version, created_at, expires_at)
    SELECT o.event_id, order_id, customer, quantity, status, place, version,
           {_time("created_at")}, {_time("expires_at")}
      FROM unnest({{columns}})
        AS o (event_id, order_id, customer, quantity, status, place, version, created_at, expires_at)
      JOIN moved ON id = o.event_id
)"""

# A new status says all about place and end; without one, the order keeps them. An order that is not there is
# a mistake of ours, and refuses the whole transaction.
ALTERED = ("bigint[]", "uuid[]", "bigint[]", "text[]", "int[]", "bigint[]")
_ALTERED = f"""
altered AS (
    UPDATE orders AS o
       SET version = a.version,
           status = coalesce(a.status, o.status), quantity = coalesce(a.quantity, o.quantity),
           place = CASE WHEN a.status IS NULL THEN o.place END,
           expires_at = CASE WHEN a.status IS NULL THEN o.expires_at ELSE {_time("a.expires_at")} END
      FROM unnest({{columns}})
        AS a (event_id, order_id, version, status, quantity, expires_at)
      JOIN moved ON id = a.event_id
     WHERE o.event_id = a.event_id AND o.order_id = a.order_id
    RETURNING 1
), counted AS (
    SELECT (SELECT count(*) FROM altered) AS did, coalesce(sum(alters), 0) AS expected FROM moved
)"""
_COUNTED = """
 WHERE (SELECT CASE WHEN did = expected THEN true
                    ELSE CAST(expected || ' orders were to change, ' || did || ' did' AS boolean) END
          FROM counted)"""

LOGGED = ("bigint[]", "bigint[]", "bigint[]", "text")
_LOGGED = f"""
logged AS (
    INSERT INTO changes (event_id, version, at, body)
    SELECT c.event_id, version, {_time("at")}, CAST(body AS json)
      FROM unnest({{columns}}) AS c (event_id, version, at, body)
      JOIN moved ON id = c.event_id
)"""

# A key that is there already refuses the whole transaction: it had its effect before.
RECORDED = ("bigint[]", "text[]", "text[]", "int[]", "bytea[]", "text")
_RECORDED = """
recorded AS (
    INSERT INTO replies (caller, key, position, fingerprint, answer, at)
    SELECT r.caller, r.key, r.position, r.fingerprint, CAST(r.answer AS json), now()
      FROM unnest({columns})
        AS r (event_id, caller, key, position, fingerprint, answer)
      JOIN ({fenced}) AS fenced ON fenced.id = r.event_id
)"""


def _tables(kind: Kind) -> Iterator[tuple[Sequence[str], str]]:
    """What the statement is made of, each with the types of its columns, in the order of the parameters."""
    yield PART, _PART
    if kind.moves:
        yield (), _MOVED
        yield ADDED, _ADDED
        yield LOGGED, _LOGGED
    if kind.stays:
        yield (), _UNMOVED
    if kind.alters:
        yield ALTERED, _ALTERED
    if kind.records:
        yield RECORDED, _RECORDED.replace("{fenced}", " UNION ALL ".join(_fenced(kind)))


def _fenced(kind: Kind) -> Iterator[str]:
    if kind.moves:
        yield "SELECT id FROM moved"
    if kind.stays:
        yield "SELECT id FROM unmoved"


def _held(kind: Kind) -> str:
    """The events whose fence held."""
    first, *others = _fenced(kind)
    return " UNION ALL ".join([first + (_COUNTED if kind.alters else ""), *others])
