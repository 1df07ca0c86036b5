"""The only crossing between the requests and the actors, on whichever thread these run.

Inwards: what arrives for one event in one tick of the loop becomes one message to its actor. Outwards:
one turn of the loop per commit, however many answers it carries. A future is resolved once: by its
answer, or at its deadline by `OutcomeUnknown`, since by then nobody here knows what becomes of it.

`deliver` is called on any thread; everything else on the event loop.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import repeat
from threading import get_ident
from typing import ParamSpec, TypeAlias, TypeVar

import msgspec

from boxoffice.actors.directory import Directory
from boxoffice.actors.event_actor import Requests
from boxoffice.actors.messages import (
    Answer,
    Command,
    Initialize,
    NotApplied,
    OutcomeUnknown,
)
from boxoffice.actors.ports import Answered, Caller, Clock, DatabaseAway, Key, Lease, Request, Settled
from boxoffice.actors.values import EventId, EventStatus
from boxoffice.http.visit import Visit, current

log = logging.getLogger(__name__)

Asked: TypeAlias = asyncio.Future[Answer]
"""An answer that is still to come."""

AllAsked: TypeAlias = asyncio.Future[list[Answer]]
"""Answers that are still to come, all at once."""

P = ParamSpec("P")
R = TypeVar("R")

ANSWER_TIMEOUT_S = 10.0
"""The longest that a request waits for its answer."""

DECIDE_WITHIN_S = 5.0
"""What an actor has not come to in half of that time is refused: the other half is for the commit."""

SWEEP_S = 0.25
"""How often deadlines and overdue holds are looked at: an answer, or an end, may be late by this much."""

CATCH_UP_S = 0.005
"""How often a version is looked for that the database shows already. Seldom at all."""

ANSWERS_PER_TICK = 16
"""Answers given before the loop looks for new requests again.

Were a commit's answers all given at once, the clients' next requests would all come at once, too, and the
event loop and PostgreSQL would take turns instead of working at the same time.
"""

READERS = 4
READS_MAX = 256
"""Queries running, and queries under way in all: beyond that a reader is told that we are busy."""


class One(msgspec.Struct):
    """Who waits for one answer, and on whose behalf."""

    future: Asked
    visit: Visit

    def tell(self, answer: Answer, batch: int | None) -> bool:
        """Pass it on. Returns whether somebody goes on because of it."""
        self.visit.batch = batch
        if self.future.done():
            return False
        self.future.set_result(answer)
        return True


class Several(msgspec.Struct):
    """Who waits for several answers about one event: for `missing` that come in order, and are followed by
    those in `refused`.
    """

    future: AllAsked
    visit: Visit
    missing: int
    refused: list[Answer]
    answers: list[Answer] = []

    def tell(self, answer: Answer, batch: int | None) -> bool:
        """Keep it until all are there. Returns whether somebody goes on because of it."""
        self.answers.append(answer)
        self.missing -= 1
        if self.missing:
            return False
        self.visit.batch = batch
        if self.future.done():
            return False
        self.future.set_result(self.answers + self.refused)
        return True


class Bridge:
    """Asks actors on behalf of coroutines. Implements `Outlet`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Clock, answer_timeout_s: float = ANSWER_TIMEOUT_S
    ) -> None:
        self._loop = loop
        self._loop_thread = get_ident()
        self._clock = clock
        self._answer_timeout_s = answer_timeout_s
        self._directory: Directory | None = None
        self._tick: dict[EventId, list[Request]] = {}
        self._keys: dict[Caller, int] = {}  # how many requests under each may still take effect
        self._waiting: dict[Request, float] = {}  # by deadline, since every request has the same time
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._reads = 0
        self._due: deque[tuple[Answered, int | None]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None

    def open(self, directory: Directory) -> None:
        """Start asking this directory."""
        self._directory = directory
        self._sweep()

    @property
    def directory(self) -> Directory:
        """The directory that is asked."""
        if self._directory is None:
            raise RuntimeError("the bridge is not open yet")
        return self._directory

    # --- inwards ---------------------------------------------------------------------------------

    def submit(self, event_id: EventId, command: Command, key: Key | None = None) -> Asked:
        """Have a command decided; the answer comes when it is true for good, or at its deadline."""
        future: Asked = self._loop.create_future()
        visit = current()
        visit.event_id = event_id
        refusal = self.directory.admit(event_id)
        if refusal is not None:
            future.set_result(refusal)
            return future
        if not self._tick:
            self._loop.call_soon(self._flush)
        if key is not None:
            self._keep(key, 1)
        self._tick.setdefault(event_id, []).append(Request(command, One(future, visit), key))
        return future

    def submit_all(
        self, event_id: EventId, commands: Sequence[Command], keys: Sequence[Key | None]
    ) -> AllAsked:
        """Have commands decided, in this order; the answers come together, when the last of them is there.

        They have no keys, or all the same one: those of one batch.
        """
        future: AllAsked = self._loop.create_future()
        visit = current()
        visit.event_id = event_id
        admitted, refusal = self.directory.admit_many(event_id, len(commands))
        refused = [] if refusal is None else [refusal] * (len(commands) - admitted)
        if not admitted:
            future.set_result(refused)
            return future
        if not self._tick:
            self._loop.call_soon(self._flush)
        asker, taken = Several(future, visit, admitted, refused), commands[:admitted]
        requests = [Request(command, asker, key) for command, key in zip(taken, keys, strict=False)]
        if keys[0] is not None:
            self._keep(keys[0], admitted)
        self._tick.setdefault(event_id, []).extend(requests)
        return future

    def initialize(self, event_id: EventId, command: Initialize, key: Key | None = None) -> Asked:
        """Have a new event made under an id that no event has had."""
        future: Asked = self._loop.create_future()
        visit = current()
        visit.event_id = event_id
        refusal = self.directory.admit(event_id)
        if refusal is not None:
            future.set_result(refusal)
        else:
            if key is not None:
                self._keep(key, 1)
            request = Request(command, One(future, visit), key)
            self._submit(self.directory.submit_new, {event_id: [request]})
        return future

    def is_unsettled(self, caller: Caller) -> bool:
        """Whether something asked under this key may still take effect, answered or not."""
        return caller in self._keys

    def status(self, event_id: EventId) -> EventStatus | Answer | None:
        """The committed status of a resident event, without asking its actor; or why there is none."""
        current().event_id = event_id
        return self.directory.status(event_id) or self.directory.refusal(event_id)

    async def catch_up(self, event_id: EventId, version: int) -> None:
        """Wait until the committed view has a version that the database shows already.

        Its commit is done, and the word of that on its way to us, or the event is another server's. Whoever
        looks there first and then here must not see the event go back.
        """
        until_s = self._loop.time() + self._answer_timeout_s
        while (status := self.directory.status(event_id)) is not None and status.version < version:
            if self._loop.time() > until_s:
                return
            await asyncio.sleep(CATCH_UP_S)

    async def read(self, query: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a blocking query on a reader thread. Raises DatabaseAway, also when too many are under way."""
        if self._reads >= READS_MAX:
            raise DatabaseAway("too many queries are under way")
        self._reads += 1
        try:
            return await self._loop.run_in_executor(self._readers, lambda: query(*args, **kwargs))
        finally:
            self._reads -= 1

    def _keep(self, key: Key, requests: int) -> None:
        caller = (key.caller, key.text)
        self._keys[caller] = self._keys.get(caller, 0) + requests

    def _flush(self) -> None:
        tick, self._tick = self._tick, {}
        self._submit(self.directory.submit, tick)

    def _submit(
        self, submit: Callable[[EventId, Requests], None], asked: dict[EventId, list[Request]]
    ) -> None:
        """Pass on what was admitted for each event, all of it at one and the same time."""
        deadline = self._loop.time() + self._answer_timeout_s
        decide_by_s = self.directory.monotonic_s() + DECIDE_WITHIN_S
        now, waiting = self._clock(), self._waiting
        for event_id, requests in asked.items():
            for request in requests:
                waiting[request] = deadline
            try:
                submit(event_id, Requests(now, requests, decide_by_s))
            except Exception:  # out of memory, say: this event's askers are told so, and the others go on
                log.exception("event %s could not be asked", event_id)
                not_asked = NotApplied("the event could not be asked")
                answers = [Answered(request, not_asked) for request in requests]
                self._settle([Settled(Lease(event_id), answers)])

    # --- outwards --------------------------------------------------------------------------------

    def deliver(self, settled: Sequence[Settled]) -> None:
        """Resolve the futures of these answers on the event loop, all in one turn."""
        here = get_ident() == self._loop_thread
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            (self._loop.call_soon if here else self._loop.call_soon_threadsafe)(self._settle, settled)

    def _settle(self, settled: Sequence[Settled]) -> None:
        idle, directory, due = not self._due, self.directory, self._due
        for each in settled:
            try:
                directory.settle(each)
            except Exception:  # out of memory, say: that is no reason for others to wait
                log.exception("event %s could not be settled", each.lease.event_id)
            due.extend(zip(each.answers, repeat(each.batch)))
        if idle:
            self._answer_some()

    def _answer_some(self) -> None:
        told = 0
        while told < ANSWERS_PER_TICK and self._due:
            answered, batch = self._due.popleft()
            if answered.request.key is not None:
                self._let_go(answered.request.key)
            told += self._resolve(answered.request, answered.answer, batch)
        if self._due:
            self._loop.call_soon(self._answer_some)

    def _resolve(self, request: Request, answer: Answer, batch: int | None = None) -> bool:
        if self._waiting.pop(request, None) is None:
            return False  # its deadline had passed, or nobody waits for it
        asker: One | Several = request.reply  # type: ignore[assignment] # nobody else looks at it
        return asker.tell(answer, batch)

    def _let_go(self, key: Key) -> None:
        caller = (key.caller, key.text)
        left = self._keys.get(caller, 0) - 1
        if left > 0:
            self._keys[caller] = left
        else:
            self._keys.pop(caller, None)

    def _sweep(self) -> None:
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)
        now = self._loop.time()
        while self._waiting:
            request, deadline = next(iter(self._waiting.items()))
            if deadline > now:
                break
            self._resolve(request, OutcomeUnknown())
        self.directory.end_overdue(self._clock())
        self.directory.passivate()

    # --- closing ---------------------------------------------------------------------------------

    async def drain(self, timeout_s: float) -> bool:
        """Admit nothing more and wait until all that was admitted is answered.

        At `timeout_s` whoever still waits is told that nobody knows, and False returned.
        """
        self.directory.close()
        deadline = self._loop.time() + timeout_s
        # Once in a process's life; an Event instead would cost something at every answer.
        while (self.directory.in_flight or self._due) and self._loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        self._answer_all()
        return not self.directory.in_flight

    def close(self) -> None:
        """Tell everyone who still waits that nobody knows, and end the reader threads."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._answer_all()
        self._readers.shutdown(wait=False, cancel_futures=True)

    def _answer_all(self) -> None:
        while self._due:
            self._answer_some()
        for request in list(self._waiting):
            self._resolve(request, OutcomeUnknown())
