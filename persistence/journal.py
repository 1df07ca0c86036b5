"""Makes decisions durable: one transaction for all that waits, and only then the answers.

    actors ── append ──▶ pending ──▶ [ fence, orders, changes, keys, COMMIT ] ──▶ outlet: status, answers

While one transaction is being committed, the next batch gathers: the busier the sale, the larger the
batch and the cheaper each booking. Answers wait for the commit of the state they were computed on, and
refusals wait like the rest: a "sold out" may stand on a booking that is about to fail.

**The fence.** The event's row moves from the version its actor started from to the version it reached,
and only if the actor's epoch is still the owner's: `UPDATE … WHERE version = base AND owner_epoch = mine`.
A second owner, or an actor whose memory is not what the database holds, matches no row, and nothing of
its part is written. An entry without changes is held to the same by a SELECT.

**When something fails**, the entry's lease is lost: all that was decided on top of it fails too, its
askers are told, and the directory forgets the actor, so that the next request rebuilds the event.

    fence lost, or the database refused      →  NotApplied: nothing of it is in the database
    connection lost before COMMIT was sent   →  NotApplied: PostgreSQL rolls back what is not committed
    connection lost after COMMIT was sent    →  OutcomeUnknown: only the database knows

What is wrong with one event is not the others' fault: a refused batch is written again, event by event.

`append` is called on the actors' threads; all else happens on the journal's own thread.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from operator import itemgetter

import psycopg2
import psycopg2.extensions

from boxoffice.actors.messages import Answer, NotApplied, OutcomeUnknown
from boxoffice.actors.ports import Answered, Entry, Lease, Outlet, Settled
from boxoffice.actors.values import EventId
from boxoffice.persistence.batch import Part, prepare, write

log = logging.getLogger(__name__)

BATCH_MAX = 2_000
"""Requests, or changes that nobody asked for, in one transaction; it may be more by one entry.

Bounds how long the first of them waits for the last.
"""

Connect = Callable[[], psycopg2.extensions.connection]


class _InDoubt(Exception):  # noqa: N818
    """COMMIT was sent, and nobody said what came of it."""


class _RolledBack(Exception):  # noqa: N818
    """PostgreSQL answered COMMIT by rolling back."""


class GroupCommitJournal:
    """The journal. `connect` opens a connection of its own in autocommit mode, and may fail."""

    def __init__(self, connect: Connect, outlet: Outlet) -> None:
        self._connect = connect
        self._outlet = outlet
        self._connection: psycopg2.extensions.connection | None = None
        self._pending: list[Entry] = []
        self._stopping = False
        self._ended = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def start(self) -> None:
        """Start the journal's thread. It connects when there is something to write."""
        self._thread.start()

    def append(self, entry: Entry) -> None:
        """Take an entry over; every answer in it is delivered once, whatever happens."""
        with self._wake:
            if not self._ended:
                self._pending.append(entry)
                self._wake.notify()
                return
        self._outlet.deliver([_lost(entry.lease, entry.answers, NotApplied("the server is shutting down"))])

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Write all that has been appended, then end. False if that took longer than `timeout_s`."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # --- the journal's thread --------------------------------------------------------------------

    def _run(self) -> None:
        while not self._ended:
            try:
                self._write_and_answer(self._take())
            except BaseException:  # out of memory, say: whoever was not answered will be at their deadline
                log.exception("the journal could not answer a batch")
        self._disconnect()

    def _write_and_answer(self, batch: Sequence[Entry]) -> None:
        try:
            settled = self._settle(batch)
        except BaseException:
            log.exception("the journal failed; %d entries are in doubt", len(batch))
            self._disconnect()
            settled = [_lost(entry.lease, entry.answers, OutcomeUnknown()) for entry in batch]
        if settled:
            self._outlet.deliver(settled)

    def _take(self) -> list[Entry]:
        """All that waits, up to the bound, events in turn; waits for it. Empty only at the end."""
        with self._wake:
            while not self._pending and not self._stopping:
                self._wake.wait()
            batch: list[Entry] = self._pending
            left: list[Entry] = []
            if sum(map(_size, batch)) > BATCH_MAX:
                batch, left = _divided(_in_turn(batch))
            self._pending = left
            self._ended = not batch
        return batch

    def _settle(self, batch: Sequence[Entry]) -> list[Settled]:
        settled: list[Settled] = []
        parts: dict[EventId, Part] = {}
        for entry in batch:
            part = parts.get(entry.lease.event_id)
            if part is not None and part.lease is not entry.lease:  # a later owner in this same process
                settled += self._commit(list(parts.values()))
                parts.clear()
                part = None
            if entry.lease.lost:
                not_written = NotApplied("an earlier change was not written")
                settled.append(_lost(entry.lease, entry.answers, not_written))
            elif part is not None:
                part.add(entry)
            else:
                parts[entry.lease.event_id] = Part(entry)
        return settled + self._commit(list(parts.values()))

    def _commit(self, parts: list[Part]) -> list[Settled]:
        """Write these in one transaction and say what came of each; one by one if that is refused."""
        if not parts:
            return []
        try:
            held = self._transaction(parts)
        except _InDoubt:
            return [_lost(part.lease, part.answers, OutcomeUnknown()) for part in parts]
        except BaseException as failure:  # even a MemoryError must leave nobody waiting
            away = self._connection is None
            log.warning("a commit of %d event(s) failed: %s", len(parts), str(failure).strip())
            if len(parts) > 1 and not away:
                return [settled for part in parts for settled in self._commit([part])]
            answer = NotApplied("the database is away" if away else "the database refused it")
            return [_lost(part.lease, part.answers, answer) for part in parts]
        moved = NotApplied("the event has another owner now")
        return [
            _kept(part) if part.lease.event_id in held else _lost(part.lease, part.answers, moved, gone=True)
            for part in parts
        ]

    def _transaction(self, parts: list[Part]) -> set[EventId]:
        """Commit the parts whose fence holds; return the events of those."""
        connection = self._connection
        if connection is None:
            connection = self._connect()
            prepare(connection)
            self._connection = connection
        committing = False
        try:
            with connection.cursor() as cursor:
                held = write(cursor, parts)
                committing = True
                cursor.execute("COMMIT")
                if cursor.statusmessage != "COMMIT":
                    raise _RolledBack(f"COMMIT was answered by {cursor.statusmessage}")
            return held
        except BaseException as failure:
            refused = not committing or _is_refusal(failure, connection)
            if not (refused and self._roll_back(connection)):
                self._disconnect()
            if not refused:
                raise _InDoubt from failure
            raise

    def _roll_back(self, connection: psycopg2.extensions.connection) -> bool:
        """Whether the connection is still good for the next transaction."""
        try:
            with connection.cursor() as cursor:
                cursor.execute("ROLLBACK")
        except BaseException:  # whatever it was: what is not rolled back must not meet the next COMMIT
            return False
        return True

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg2.Error):
                connection.close()


def _size(entry: Entry) -> int:
    return max(len(entry.answers), len(entry.changes))


def _in_turn(entries: Sequence[Entry]) -> list[Entry]:
    """Every event's first entry, then every event's second, and so on: nobody waits behind another's many."""
    turns: defaultdict[EventId, count[int]] = defaultdict(count)
    turn_of = [next(turns[entry.lease.event_id]) for entry in entries]
    return [entry for _, entry in sorted(zip(turn_of, entries, strict=True), key=itemgetter(0))]


def _divided(entries: list[Entry]) -> tuple[list[Entry], list[Entry]]:
    """As many as one transaction takes, and the others."""
    size = 0
    for number, entry in enumerate(entries):
        if size >= BATCH_MAX:
            return entries[:number], entries[number:]
        size += _size(entry)
    return entries, []


def _is_refusal(failure: BaseException, connection: psycopg2.extensions.connection) -> bool:
    """Whether a COMMIT that failed like this is known not to have happened.

    PostgreSQL's own word on a connection that lives on is one; a lost connection says nothing.
    """
    if isinstance(failure, _RolledBack):
        return True
    return isinstance(failure, psycopg2.Error) and failure.pgcode is not None and not connection.closed


def _kept(part: Part) -> Settled:
    if not part.changes:
        return Settled(part.lease, part.answers)
    return Settled(part.lease, part.answers, status=part.status, next_expiry=part.next_expiry)


def _lost(lease: Lease, answers: list[Answered], answer: Answer, *, gone: bool = False) -> Settled:
    """Lose the lease, and tell everyone in `answers` the same."""
    lease.lost = True
    told = [Answered(answered.request, answer) for answered in answers]
    return Settled(lease, told, ended=True, gone=gone)
