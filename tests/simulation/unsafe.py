"""`boxoffice` with one of its safeties switched off: what the canaries run, to see the checkers go red.

    python tests/simulation/unsafe.py <safety> serve --database-url …

The engine itself has no such switches: each safety is taken out of it here, in this process alone.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

from boxoffice.actors.directory import Directory
from boxoffice.actors.orders import LiveOrders
from boxoffice.actors.ports import Entry, Settled
from boxoffice.actors.values import EventId, Order
from boxoffice.http import __main__ as composition
from boxoffice.persistence import batch, database, line, statement
from boxoffice.persistence.batch import Part
from boxoffice.persistence.journal import GroupCommitJournal, _kept


def switch(owner: object, name: str, value: object) -> None:
    """Put something else in its place."""
    assert hasattr(owner, name)
    setattr(owner, name, value)


def fence() -> None:
    """Whoever believes to own an event writes it, whatever its version."""
    for table in ("_MOVED", "_UNMOVED"):
        fenced = getattr(statement, table)
        for condition in ("e.version = p.base", "e.owner_epoch = p.epoch"):
            assert condition in fenced
            fenced = fenced.replace(condition, "true")
        switch(statement, table, fenced)


def answer_after_commit() -> None:
    """Answers go out when all is ready to be committed."""
    commit = GroupCommitJournal._commit

    async def answer_and_commit(self: GroupCommitJournal, parts: list[Part]) -> list[Any]:
        self._outlet.deliver([_kept(part) for part in parts])
        await commit(self, parts)
        return []

    switch(GroupCommitJournal, "_commit", answer_and_commit)


def status_after_commit() -> None:
    """Whoever looks or listens is shown what is not committed yet."""
    append = GroupCommitJournal.append

    def show_and_append(self: GroupCommitJournal, entry: Entry) -> None:
        self._outlet.deliver([Settled(entry.lease, [], status=entry.status, live_orders=entry.live_orders)])
        append(self, entry)

    switch(GroupCommitJournal, "append", show_and_append)


def promotion_order() -> None:
    """Who came last is served first."""

    def from_behind(self: LiveOrders) -> Iterator[Order]:
        return reversed(self._line or ())

    switch(LiveOrders, "line", from_behind)


def key_in_transaction() -> None:
    """Keys are recorded in a transaction of their own, after that of their effect."""
    transaction, records = GroupCommitJournal._transaction, batch._records

    async def commit_twice(self: GroupCommitJournal, parts: list[Part]) -> set[EventId]:
        held = await transaction(self, parts)
        with self._line.connection().cursor() as cursor:
            for part in parts:
                for _, *values in records(part):
                    cursor.execute("INSERT INTO replies VALUES (%s, %s, %s, %s, %s, now())", values)
        return held

    switch(batch, "_records", lambda _: iter(()))
    switch(GroupCommitJournal, "_transaction", commit_twice)


def synchronous_commit() -> None:
    """PostgreSQL says that it has committed before it is on disk."""
    session_options = database._session_options

    def lax(*how: Any) -> str:
        return session_options(*how) + " -c synchronous_commit=off"

    switch(database, "_session_options", lax)
    switch(database, "find_faults", lambda _: [])


def last_session() -> None:
    """A new connection is used although the session of the last one is alive."""
    switch(line, "end", lambda *_: True)


def backing_off() -> None:
    """Whoever loses an event takes it again at once."""
    switch(Directory, "_leave_alone_s", lambda *_: 0.0)


SAFETIES: dict[str, Callable[[], None]] = {
    "fence": fence,
    "answer-after-commit": answer_after_commit,
    "status-after-commit": status_after_commit,
    "promotion-order": promotion_order,
    "key-in-transaction": key_in_transaction,
    "synchronous-commit": synchronous_commit,
    "last-session": last_session,
    "backing-off": backing_off,
}

if __name__ == "__main__":
    SAFETIES[sys.argv.pop(1)]()
    composition.main()
