"""The proof at the end of a load test: what clients were told, against what the server's log says happened.

Made independently of the server's code: from the ledgers, and from what it tells everybody over HTTP. Called
in the parent process, on its event loop; reading and comparing is done on threads, a few events at a time.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from boxoffice.bench.proof import own_audit
from boxoffice.bench.proof.asking import Asker, RefusedError
from boxoffice.bench.proof.findings import (
    ASKED,
    LEFT_OUT,
    NO_EFFECT,
    STATUS,
    TABLES,
    Check,
    Findings,
    Proof,
)
from boxoffice.bench.proof.looking_round import statuses_of
from boxoffice.bench.proof.proving import BY_THE_SERVER, Event, Outcome, leave_out, prove_event
from boxoffice.bench.proof.requests import Gathered, Requests
from boxoffice.bench.proof.said import Said
from boxoffice.bench.target import Target

__all__ = ["Check", "Progress", "Proof", "prove"]

AT_ONCE = 4
"""Events that are looked at together: while one waits for its log, another is compared."""

PROGRESS_EVERY_S = 0.1

Progress = Callable[[str, int, int], None]
"""Told what is being done, how far it is, and how far there is to go. On the event loop."""


async def prove(
    target: Target,
    event_ids: Sequence[str],
    ledgers: Sequence[Path],
    progress: Progress | None = None,
    *,
    answers_only: bool = False,
) -> Proof:
    """Prove a run right or wrong. `event_ids`: the events that the run has made, which nobody else knows.
    `answers_only`: the server is not asked for anything, and answers are compared with each other alone.

    What stands in the way of a check is its reason to be skipped. Raises nothing but CancelledError.
    """
    return await _Proving(target, event_ids, ledgers, progress or _unwatched, answers_only).run()


def _unwatched(_what: str, _done: int, _total: int) -> None:
    pass


class _Proving:
    """One proof that is being made."""

    def __init__(
        self,
        target: Target,
        event_ids: Iterable[str],
        ledgers: Sequence[Path],
        progress: Progress,
        answers_only: bool,
    ) -> None:
        self._target = target
        self._own = set(event_ids)
        self._ledgers = ledgers
        self._progress = progress
        self._findings = Findings()
        self._proof = Proof([], answers_only=answers_only)
        self._statuses: dict[str, Said] = {}
        self._all_known = True
        self._with_logs = True
        self._is_away = answers_only
        self._done = 0
        self._doing = ""
        self._total = 0

    async def run(self) -> Proof:
        """Make it."""
        began_s = time.monotonic()
        ticking = asyncio.create_task(self._tell())
        gathered = Gathered(self._ledgers[0].parent if self._ledgers else None)
        try:
            await self._prove(gathered)
        finally:
            ticking.cancel()
            gathered.records.close()
        self._progress(self._doing, self._total, self._total)
        self._proof.seconds = time.monotonic() - began_s
        self._proof.checks, self._proof.undone = self._findings.checks(), self._findings.undone
        return self._proof

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_EVERY_S)
            self._progress(self._doing, min(self._done, self._total), self._total)

    def _do(self, what: str, total: int) -> None:
        self._doing, self._done, self._total = what, 0, total

    def _count(self, things: int) -> None:
        self._done += things  # on several threads: for people to look at, it is right enough

    # --- step by step ----------------------------------------------------------------------------

    async def _prove(self, gathered: Gathered) -> None:
        self._do("reading what was answered", sum(map(_size, self._ledgers)))
        await asyncio.to_thread(self._gather, gathered)
        own = self._own | gathered.made
        ids = [*gathered.events, *(each for each in own if each not in gathered.events)]
        if self._proof.answers_only:
            for check in (*BY_THE_SERVER, TABLES):
                self._findings.skip(check, LEFT_OUT)
        else:
            self._do("asking for statuses", len(ids))
            await asyncio.to_thread(self._look_round, ids)
            self._add_up(self._statuses.values())
        events = deque(
            Event(
                each,
                gathered.events.get(each) or Requests(),
                self._all_known and each in own,
                self._statuses.get(each),
            )
            for each in ids
        )
        comparing = "comparing answers" if self._proof.answers_only else "reading the logs"
        self._do(comparing, sum(status.version or 0 for status in self._statuses.values()))
        await asyncio.gather(*(self._work(events, gathered) for _ in range(AT_ONCE)))
        if self._proof.answers_only:
            return
        if self._target.data_dir is None:
            self._findings.skip(
                TABLES, "the server is not our own: `boxoffice audit` is for those who run it"
            )
        else:
            self._do("auditing the tables", 1)
            await own_audit.audit(self._target.data_dir, self._findings)

    def _gather(self, gathered: Gathered) -> None:
        for ledger in self._ledgers:
            gathered.read(ledger)
            self._done += _size(ledger)
        gathered.records.seal()
        self._findings.add([gathered.findings])
        self._proof.requests = len(gathered.records)
        self._proof.events = len({*gathered.events, *self._own})
        self._proof.unknown = gathered.astray
        if gathered.torn is not None:
            self._all_known = False
            self._findings.leave_undone(
                (ASKED, NO_EFFECT), f"not all that was asked is known: {gathered.torn}"
            )

    def _add_up(self, statuses: Iterable[Said]) -> None:
        proof = self._proof
        for each in statuses:
            proof.tickets += each.total_tickets or 0
            proof.taken += sum((each.booked_tickets or 0, each.held_tickets or 0, each.offered_tickets or 0))
            proof.waiting += each.waiting_list_count or 0

    def _look_round(self, event_ids: Sequence[str]) -> None:
        """Find out what can be read, and how much there is."""
        asker = Asker(self._target)
        try:
            try:
                self._statuses = statuses_of(event_ids, asker, self._count)
            except RefusedError as refused:
                leave_out(self._findings, [STATUS], refused)
            self._with_logs = not event_ids or asker.may_read_logs(event_ids[0])
        except (OSError, RefusedError, msgspec.MsgspecError) as error:
            self._is_away = True
            leave_out(self._findings, BY_THE_SERVER, error)
        finally:
            asker.close()

    async def _work(self, events: deque[Event], gathered: Gathered) -> None:
        """Look at one event after the other, as long as there are any that nobody looks at."""
        asker = Asker(self._target)
        try:
            while events:
                self._add(
                    await asyncio.to_thread(
                        prove_event,
                        events.popleft(),
                        gathered.records,
                        None if self._is_away else asker,
                        with_log=self._with_logs,
                        counted=self._count,
                    )
                )
        finally:
            asker.close()

    def _add(self, outcome: Outcome) -> None:
        self._findings.add([outcome.findings])
        self._proof.unknown += outcome.unknown
        self._proof.unknown_applied += outcome.applied
        self._proof.changes += outcome.changes


def _size(ledger: Path) -> int:
    try:
        return ledger.stat().st_size
    except OSError:
        return 0
