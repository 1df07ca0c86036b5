"""One event's actor: receive, have it handled, hand to the journal. Everything it knows is its inventory's.

It never waits: its memory runs ahead of the database, and nothing that it decides is answered before the
journal has committed the state the answer stands on. When that fails the actor is not repaired, it is
forgotten, and the next request has the event rebuilt from the database.

Started and told by the directory, and told once by the loader. Runs on the dispatcher's threads or, for what
is quick, on that of the directory.
"""

from collections.abc import Callable, Iterable
from math import inf
from typing import Any

import msgspec

from boxoffice.actors.changes import Change
from boxoffice.actors.dispatcher import Dispatcher, PooledActor
from boxoffice.actors.failpoints import passing
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import (
    Answer,
    Book,
    Cancel,
    CancelFor,
    Confirm,
    EventUnavailable,
    EventUnknown,
    Extend,
    Find,
    Hold,
    NotApplied,
    Overloaded,
)
from boxoffice.actors.ports import (
    Answered,
    Corrupt,
    Entry,
    Journal,
    Lease,
    Missing,
    Outlet,
    Recovered,
    Request,
    Settled,
)
from boxoffice.actors.values import Instant

QUICK = frozenset({Book, Hold, Confirm, Extend, Find})
"""Commands that take a few microseconds, whatever the event is like: they change one order at the most."""

QUICK_MAX = 64
"""So many of them, or cancellations, are still quick together."""

QUICK_REACH_MAX = 256
"""So many other orders the cancellations among them may reach: at 2 µs a promotion these take 0.5 ms."""

EXPIRIES_PER_ENTRY = 1_000
"""Holds and offers whose ends go to the journal as one: it writes an entry in one transaction, for which
the other events wait.
"""

HAD_ENDED = NotApplied("the event's actor had just ended")
"""What those are told who come after the end of an actor that was only stopped."""


class Requests(msgspec.Struct, frozen=True):
    """What arrived for one event in one tick of the event loop, in order, stamped with its time.

    What has not been decided by `decide_by_s`, on the monotonic clock, never will be: its sender has waited
    for too long to be told in time.
    """

    now: Instant
    requests: list[Request]
    decide_by_s: float = inf


class NotLoaded(msgspec.Struct, frozen=True):
    """The event could not be loaded this time; `reason` may pass. `failed`: it is the event's own."""

    reason: str
    failed: bool = False


class EventActor(PooledActor):
    """The owner of one event for as long as its lease lasts.

    Without an `inventory` it keeps what it is asked until the loader has told it one, or told it why not.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        lease: Lease,
        journal: Journal,
        outlet: Outlet,
        monotonic_s: Callable[[], float],
        inventory: Inventory | None = None,
    ) -> None:
        super().__init__(dispatcher)
        self._monotonic_s = monotonic_s
        self._lease = lease
        self._journal = journal
        self._outlet = outlet
        self._inventory = inventory
        self._early: list[Requests] = []
        self._last_answer: Answer = HAD_ENDED

    def on_receive(self, message: Requests | Recovered | Missing | Corrupt | NotLoaded) -> None:
        """Handle one message."""
        match message:
            case Requests():
                if self._inventory is None:
                    self._early.append(message)
                else:
                    self._serve(self._inventory, message)
            case Recovered():
                self._begin(message)
            case Missing():
                self._end(EventUnknown(), gone=True)
            case Corrupt():
                unavailable = EventUnavailable(message.reason)
                self._end(unavailable, refused=unavailable)
            case NotLoaded():
                self._end(NotApplied(message.reason), failed=message.failed)

    def is_quick(self, message: Requests) -> bool:
        """Whether these are a few, change a few orders, and find nothing that is to end first."""
        inventory, requests = self._inventory, message.requests
        if inventory is None:
            return True  # they are only kept
        if len(requests) > QUICK_MAX or inventory.is_overdue(message.now):
            return False
        reach = 0
        for request in requests:
            command = request.command
            if type(command) not in QUICK:
                if not isinstance(command, Cancel | CancelFor):
                    return False
                reach += inventory.reach(command)
        return reach <= QUICK_REACH_MAX

    def on_failure(self, *_failure: object) -> None:
        """A bug of ours met this event: end, so that it is rebuilt from what is durable."""
        self._take_leave(NotApplied("the event's actor failed"), failed=True)

    def on_stop(self) -> None:
        """Whoever still waits for the event to be loaded waits no longer."""
        if self._early:
            self._take_leave(self._last_answer)
        self._inventory = None  # what is left of us may stay for long: the collector skips what is frozen

    def on_left_behind(self, message: object) -> None:
        """Tell those who came after the end what the last one was told."""
        if isinstance(message, Requests):
            self._refuse([message], self._last_answer)

    def _begin(self, recovered: Recovered) -> None:
        self._lease.epoch = recovered.epoch
        self._inventory = recovered.inventory
        inventory = recovered.inventory
        status, next_expiry, orders = inventory.status, inventory.next_expiry, inventory.live_orders
        loaded = Settled(
            self._lease, [], status=status, next_expiry=next_expiry, live_orders=orders, rebuilt=True
        )
        self._outlet.deliver([loaded])
        while self._early:  # one by one: should one of them end us, the others are still to be answered
            self._serve(inventory, self._early.pop(0))

    def _serve(self, inventory: Inventory, message: Requests) -> None:
        if message.decide_by_s < self._monotonic_s():
            self._refuse([message], Overloaded())
            return
        answers: list[Answered] = []
        try:
            passing("actor.decide", self._lease.event_id)
            changes = self._end_overdue(inventory, message.now) if inventory.is_overdue(message.now) else []
            base_version = inventory.version - len(changes)
            for request in message.requests:
                decision = inventory.handle(request.command, message.now)
                changes += decision.changes
                answers.append(Answered(request, decision.answer))
            entry = self._entry(inventory, base_version, changes, answers)
            passing("actor.hand_over", self._lease.event_id)
            self._journal.append(entry)
        except BaseException:
            # Nothing of what this message asks has left this actor, and nothing will.
            self._refuse([message], NotApplied("the event's actor failed"))
            raise

    def _end_overdue(self, inventory: Inventory, now: Instant) -> list[Change]:
        """End what is overdue. A multitude goes to the journal in pieces; what is left over is returned."""
        while True:
            base_version = inventory.version
            ended = inventory.end_overdue(now, EXPIRIES_PER_ENTRY)
            if len(ended) < EXPIRIES_PER_ENTRY:
                return ended
            self._journal.append(self._entry(inventory, base_version, ended, []))

    def _entry(
        self, inventory: Inventory, base_version: int, changes: list[Change], answers: list[Answered]
    ) -> Entry:
        status, next_expiry, orders = inventory.status, inventory.next_expiry, inventory.live_orders
        return Entry(self._lease, base_version, changes, status, answers, next_expiry, orders)

    def _end(self, answer: Answer, **how: Any) -> None:
        self._take_leave(answer, **how)
        self._stop()

    def _take_leave(self, answer: Answer, **how: Any) -> None:
        """Tell whoever is left, and the directory that we end, and how."""
        self._last_answer = answer
        self._inventory = None
        early, self._early = self._early, []
        self._outlet.deliver([Settled(self._lease, _told(early, answer), ended=True, **how)])

    def _refuse(self, messages: list[Requests], answer: Answer) -> None:
        self._outlet.deliver([Settled(self._lease, _told(messages, answer))])


def _told(messages: Iterable[Requests], answer: Answer) -> list[Answered]:
    return [Answered(request, answer) for message in messages for request in message.requests]
