"""Makes decisions durable: one transaction for all that waits, and only then the answers.

    actors ── append ──▶ pending ──▶ [ fence, orders, changes, keys ] ──COMMIT──▶ outlet: status, answers

While one transaction is being committed, the next batch gathers: the busier the sale, the larger the batch
and the cheaper each booking. A transaction is one message to PostgreSQL, and its answer. Answers wait for the
commit of the state they were computed on, and refusals wait like the rest: a "sold out" may stand on a
booking that is about to fail.

**The fence.** The event's row moves from the version its actor started from to the version it reached,
and only if the actor's epoch is still the owner's: `UPDATE … WHERE version = base AND owner_epoch = mine`.
A second owner, or an actor whose memory is not what the database holds, matches no row, and nothing of
its part is written. An entry without changes is held to the same by a SELECT.

**When something fails**, the entry's lease is lost: all that was decided on top of it fails too, its
askers are told, and the directory forgets the actor, so that the next request rebuilds the event.

    fence lost                               →  EventMoved: another server has the event now
    the database refused                     →  NotApplied: nothing of it is in the database
    no connection to send it on              →  NotApplied: the database is away
    connection lost after it was sent        →  in doubt: only the database knows

**In doubt**, the database is asked (`doubt.py`), for `RESOLVE_S` at the most: what is in the log goes on as
if nothing had been, and what is not was not applied; OutcomeUnknown only if it cannot be asked. The answer
has a deadline of ours, so a message that is swallowed comes here like one that was cut off.

What is wrong with one event is not the others' fault: a refused batch is written again, event by event.

`append` is called on any thread; all else happens on the event loop's, as one task, but for what may take
long: connecting, and asking what is in doubt, are done on a thread of their own.
"""

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from operator import itemgetter
from typing import Any, TypeVar, cast

import psycopg2
from psycopg2 import errors

from boxoffice.actors.failpoints import passing
from boxoffice.actors.figures import JournalFigures, Outcome
from boxoffice.actors.messages import Answer, EventMoved, NotApplied, OutcomeUnknown
from boxoffice.actors.ports import Answered, Entry, Lease, Outlet, Settled
from boxoffice.actors.values import EventId
from boxoffice.persistence import doubt
from boxoffice.persistence.batch import Part, message, send
from boxoffice.persistence.line import RECONNECT_S, Away, Connect, Line
from boxoffice.persistence.talk import TalkingCursor

log = logging.getLogger(__name__)

R = TypeVar("R")

BATCH_MAX = 2_000
"""Requests, or changes that nobody asked for, in one transaction; it may be more by one entry.

Bounds how long the first of them waits for the last.
"""

COMMIT_TIMEOUT_S = 4.0
COMMIT_TIMEOUT_PER_CHANGE_S = 0.0002
"""For PostgreSQL's answer. A client waits 10 s for its own: that must leave time to find out the truth."""

RESOLVE_S = 4.0
"""How long the database is asked what came of a commit; nobody else is answered meanwhile."""


class _InDoubt(Exception):  # noqa: N818
    """Changes were sent to be committed, and nobody said what came of it."""


class GroupCommitJournal:
    """The journal. `connect` opens a connection of its own, and may block, and fail."""

    def __init__(self, connect: Connect, outlet: Outlet) -> None:
        self._line = Line(connect)
        self._outlet = outlet
        self.figures = JournalFigures()
        self._pending: list[Entry] = []
        self._stopping = False
        self._ended = False
        self._lock = threading.Lock()
        self._sleep: asyncio.Future[None] | None = None
        """Done when there is something to do; None while there is."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write, on the running event loop. It connects when there is something to write."""
        self._loop, self._loop_thread = asyncio.get_running_loop(), threading.get_ident()
        self._task = self._loop.create_task(self._run())

    def append(self, entry: Entry) -> None:
        """Take an entry over; every answer in it is delivered once, whatever happens."""
        with self._lock:
            sleep, ended = self._sleep, self._ended
            if not ended:
                self._pending.append(entry)
        if ended:
            lost = _lost(entry.lease, entry.answers, NotApplied("the server is shutting down"))
            self._outlet.deliver([lost])
        elif sleep is not None:
            self._wake(sleep)

    async def stop(self, timeout_s: float = 5.0) -> bool:
        """Write all that has been appended, then end. False if that takes longer than `timeout_s`."""
        with self._lock:
            sleep, self._stopping = self._sleep, True
        if sleep is not None:
            self._wake(sleep)
        if self._task is None:
            return True
        done, _ = await asyncio.wait([self._task], timeout=timeout_s)
        return bool(done)

    def _wake(self, sleep: "asyncio.Future[None]") -> None:
        if threading.get_ident() == self._loop_thread:
            _end(sleep)
        elif self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed, and nobody is left to be told
                self._loop.call_soon_threadsafe(_end, sleep)

    # --- the event loop's thread -----------------------------------------------------------------

    async def _run(self) -> None:
        while not self._ended:
            try:
                await self._write_and_answer(await self._take())
                if self._line.is_lost:
                    await aside(self._line.mend)
            except asyncio.CancelledError:  # the loop is about to close
                raise
            except BaseException:  # out of memory, say: whoever was not answered will be at their deadline
                log.exception("the journal could not answer a batch")
                await asyncio.sleep(0)  # others may be able to go on
        self._line.drop()

    async def _write_and_answer(self, batch: Sequence[Entry]) -> None:
        try:
            settled = await self._settle(batch)
            passing("journal.answer")
        except asyncio.CancelledError:
            raise
        except BaseException:
            log.exception("the journal failed; %d entries are in doubt", len(batch))
            self._line.drop()
            settled = [_lost(entry.lease, entry.answers, OutcomeUnknown()) for entry in batch]
        if settled:
            self._outlet.deliver(settled)

    async def _take(self) -> list[Entry]:
        """All that waits, up to the bound, events in turn; waits for it unless the line is to be mended."""
        await self._something_to_do()
        with self._lock:
            batch, self._pending = self._pending, []
            if sum(map(_size, batch)) > BATCH_MAX:
                batch, self._pending = _divided(_in_turn(batch))
            self._ended = self._stopping and not batch
        return batch

    async def _something_to_do(self) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._pending or self._stopping:
                return
            sleep = self._sleep = loop.create_future()
        alarm = loop.call_later(RECONNECT_S, _end, sleep) if self._line.is_lost else None
        try:
            await sleep
        finally:
            self._sleep = None
            if alarm is not None:
                alarm.cancel()

    async def _settle(self, batch: Sequence[Entry]) -> list[Settled]:
        settled: list[Settled] = []
        entries: dict[EventId, list[Entry]] = {}
        for entry in batch:
            of_event = entries.setdefault(entry.lease.event_id, [])
            if of_event and of_event[0].lease is not entry.lease:  # a later owner in this same process
                settled += await self._write(entries)
                entries = {entry.lease.event_id: [entry]}
            else:
                of_event.append(entry)
        return settled + await self._write(entries)

    async def _write(self, entries: dict[EventId, list[Entry]]) -> list[Settled]:
        """Write each event's entries, all under one lease, and say what came of them."""
        settled: list[Settled] = []
        parts: list[Part] = []
        for of_event in entries.values():
            lease = of_event[0].lease
            if lease.lost:
                not_written = NotApplied("an earlier change was not written")
                settled += [_lost(lease, entry.answers, not_written) for entry in of_event]
                continue
            try:
                parts.append(Part(of_event))
            except BaseException:  # out of memory, say: the others go on
                log.exception("event %s could not be written", lease.event_id)
                failed = NotApplied("it could not be written")
                settled += [_lost(lease, entry.answers, failed, failed=True) for entry in of_event]
        parts.sort(key=lambda part: part.lease.event_id)  # two servers lock rows in the same order
        return settled + await self._commit(parts)

    async def _commit(self, parts: list[Part]) -> list[Settled]:
        """Write these in one transaction and say what came of each; one by one if that is refused."""
        if not parts:
            return []
        began_s = time.monotonic()
        try:
            held = await self._transaction(parts)
        except Away:
            self._count(Outcome.AWAY)
            return [_lost(part.lease, part.answers, NotApplied("the database is away")) for part in parts]
        except _InDoubt:
            log.warning("a commit of %d event(s) is in doubt", len(parts))
            self._count(Outcome.IN_DOUBT)
            return await self._resolved(parts, began_s)
        except asyncio.CancelledError:
            raise
        except BaseException as failure:  # even a MemoryError must leave nobody waiting
            away = not self._line.is_up
            self._count(Outcome.AWAY if away else Outcome.REFUSED)
            log.warning("a commit of %d event(s) failed: %s", len(parts), str(failure).strip())
            if len(parts) > 1 and not away:
                return [settled for part in parts for settled in await self._commit([part])]
            answer = NotApplied("the database is away" if away else "the database refused it")
            failed = not away and _is_of_the_event(failure)
            return [_lost(part.lease, part.answers, answer, failed=failed) for part in parts]
        self._count(Outcome.COMMITTED)
        self.figures.commit_s.observe(time.monotonic() - began_s)
        return self._told(parts, held, began_s)

    def _count(self, outcome: Outcome) -> None:
        self.figures.outcomes[outcome] += 1

    def _told(self, parts: list[Part], held: set[EventId], began_s: float) -> list[Settled]:
        """The parts' answers after a commit of those that were held; another server has the other events."""
        committed = [part for part in parts if part.lease.event_id in held]
        batch = self._committed(committed, began_s) if committed else None
        self.figures.fences_lost += len(parts) - len(committed)
        return [
            _kept(part, batch)
            if part.lease.event_id in held
            else _lost(part.lease, part.answers, EventMoved(), refused=EventMoved(), gone=True)
            for part in parts
        ]

    def _committed(self, parts: list[Part], began_s: float) -> int:
        """Count what was committed in one transaction; returns its number."""
        changes = [change for part in parts for change in part.changes]
        answers = sum([len(part.answers) for part in parts])
        batch = self.figures.commit(changes, answers)
        if log.isEnabledFor(logging.DEBUG):
            took_ms = 1_000 * (time.monotonic() - began_s)
            what = "batch %d: %d answer(s), %d change(s), %d event(s), %.1f ms"
            log.debug(what, batch, answers, len(changes), len(parts), took_ms)
        return batch

    async def _transaction(self, parts: list[Part]) -> set[EventId]:
        """Commit the parts whose fence holds; return the events of those."""
        connection = self._line.at_hand()
        if connection is None:
            connection = await aside(self._line.connection)
        changes = sum(len(part.changes) for part in parts)
        connection.answer_timeout_s = COMMIT_TIMEOUT_S + changes * COMMIT_TIMEOUT_PER_CHANGE_S
        committing = False
        try:
            passing("journal.write")
            written = message(parts)
            passing("journal.commit")
            with cast("TalkingCursor", connection.cursor()) as cursor:
                committing = changes > 0
                held = await send(cursor, written)
            passing("journal.committed")
        except asyncio.CancelledError:
            raise
        except BaseException as failure:
            refused = not committing or _is_refusal(failure, connection)
            if not (refused and _leaves_usable(failure) and self._line.is_idle):
                self._line.drop()
            if not refused:
                raise _InDoubt from failure
            raise
        return held

    async def _resolved(self, parts: list[Part], began_s: float) -> list[Settled]:
        """What came of parts of which some may have been committed."""
        try:
            held = await aside(lambda: self._ask_until(time.monotonic() + RESOLVE_S, parts))
        except Away:
            log.error("nobody knows whether %d event(s) were committed", len(parts))
            return [_lost(part.lease, part.answers, OutcomeUnknown()) for part in parts]
        log.warning("of a commit in doubt, %d of %d event(s) were written", len(held), len(parts))
        if held:
            return self._told(parts, held, began_s)
        lost = NotApplied("the database did not commit it")
        return [_lost(part.lease, part.answers, lost) for part in parts]

    def _ask_until(self, deadline_s: float, parts: list[Part]) -> set[EventId]:
        """What `send` would have returned, as soon as the database says. Raises Away at the deadline.

        On a thread, and the only one that uses the line meanwhile.
        """
        while True:
            try:
                with self._line.connection().cursor() as cursor:
                    return doubt.held(cursor, parts)
            except (Away, psycopg2.Error) as failure:
                self._line.drop()
                if time.monotonic() >= deadline_s:
                    raise Away from failure
            time.sleep(RECONNECT_S)


async def aside(step: Callable[[], R]) -> R:
    """Do what may take long on a thread of its own: one that nobody waits for when the process ends."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[R] = loop.create_future()

    def run() -> None:
        try:
            result = step()
        except BaseException as failure:  # it is passed on, whatever it is
            tell(done.set_exception, failure)
        else:
            tell(done.set_result, result)

    def tell(how: Callable[[Any], None], what: object) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(unless_given_up, how, what)

    def unless_given_up(how: Callable[[Any], None], what: object) -> None:
        if not done.done():
            how(what)

    threading.Thread(target=run, name="journal", daemon=True).start()
    return await done


def _end(sleep: "asyncio.Future[None]") -> None:
    if not sleep.done():
        sleep.set_result(None)


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
    """Whether a commit that failed like this is known not to have happened.

    PostgreSQL's own word on a connection that lives on is one; a lost connection says nothing.
    """
    return isinstance(failure, psycopg2.Error) and failure.pgcode is not None and not connection.closed


def _is_of_the_event(failure: BaseException) -> bool:
    """Whether the event itself is to blame: a rule that it breaks, or a mistake of ours over it.

    What passes, a lock or a full disk, is not; nor is a key that another server has just recorded.
    """
    if isinstance(failure, psycopg2.IntegrityError):
        return failure.diag.table_name != "replies"
    return isinstance(failure, psycopg2.DataError) or not isinstance(failure, psycopg2.Error)


def _leaves_usable(failure: BaseException) -> bool:
    """Whether the connection may serve the next one: not if its server is no primary any more."""
    return not isinstance(failure, errors.ReadOnlySqlTransaction)


def _kept(part: Part, batch: int | None = None) -> Settled:
    if not part.changes:
        return Settled(part.lease, part.answers, batch=batch)
    return Settled(
        *(part.lease, part.answers),
        status=part.status,
        next_expiry=part.next_expiry,
        live_orders=part.live_orders,
        batch=batch,
    )


def _lost(lease: Lease, answers: list[Answered], answer: Answer, **how: Any) -> Settled:
    """Lose the lease, and tell everyone in `answers` the same."""
    lease.lost = True
    told = [Answered(answered.request, answer) for answered in answers]
    return Settled(lease, told, ended=True, **how)
