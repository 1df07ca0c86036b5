"""What became of a transaction that was not answered: only the database knows, so it is asked.

To be asked on a new connection, once the session that had the transaction is gone (`line.py`): as long as it
lives it may still commit. Whoever else owns an event by now cannot have taken out of its log what was written
there, only have written something else in its place. Nor does an event's version or epoch ever go back: where
an actor is that changed nothing, the event was all the time.

Called by the journal, on a thread.
"""

from collections.abc import Sequence

from psycopg2.extensions import cursor as Cursor  # noqa: N812

from boxoffice.actors.changes import Change, decode
from boxoffice.actors.values import EventId
from boxoffice.persistence.batch import Part

_LOGGED = """
SELECT c.event_id, c.body::text
  FROM unnest(CAST(%s AS bigint[]), CAST(%s AS bigint[]), CAST(%s AS bigint[])) AS p (event_id, first, last)
  JOIN changes AS c ON c.event_id = p.event_id AND c.version BETWEEN p.first AND p.last
 ORDER BY c.event_id, c.version
"""


_UNMOVED = """
SELECT e.id
  FROM unnest(CAST(%s AS bigint[]), CAST(%s AS bigint[]), CAST(%s AS bigint[])) AS p (event_id, base, epoch)
  JOIN events AS e ON e.id = p.event_id AND e.version = p.base AND e.owner_epoch = p.epoch
"""


def held(cursor: Cursor, parts: Sequence[Part]) -> set[EventId]:
    """The events whose fence held, if the transaction of these parts was committed; none if it was not.

    One at least has changes. Raises psycopg2.Error.
    """
    written = _written(cursor, [part for part in parts if part.changes])
    return written | _unmoved(cursor, [part for part in parts if not part.changes]) if written else written


def _written(cursor: Cursor, parts: Sequence[Part]) -> set[EventId]:
    """The events whose logs have all that these parts, each with changes, were to write."""
    changes = {part.lease.event_id: part.changes for part in parts}
    first = [each[0].version for each in changes.values()]
    last = [each[-1].version for each in changes.values()]
    cursor.execute(_LOGGED, (list(changes), first, last))
    logged: dict[EventId, list[Change]] = {}
    for event_id, body in cursor.fetchall():
        logged.setdefault(event_id, []).append(decode(body))
    return {event_id for event_id, each in changes.items() if logged.get(event_id) == each}


def _unmoved(cursor: Cursor, parts: Sequence[Part]) -> set[EventId]:
    """The events that are where these parts, which change nothing, found them."""
    ids = [part.lease.event_id for part in parts]
    versions = [part.base_version for part in parts]
    cursor.execute(_UNMOVED, (ids, versions, [part.lease.epoch for part in parts]))
    return {EventId(event_id) for (event_id,) in cursor.fetchall()}
