"""The one door to the events: finds an event's actor, or has one made, and bounds what is under way.

Activates an event when somebody asks for it, tells it when a hold of its is overdue, and forgets its actor
when it has ended or has been idle for long. Keeps an event shut for a while that contradicts itself or fails
again and again (quarantine), and one that another server has taken over, so that the two do not take it from
each other in turn. Also keeps the committed view: the last durable status of every resident event, which
readers may look at without asking its actor.

Not thread-safe, and need not be: one thread, the event loop's, calls all of it.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import cycle
from random import Random
from typing import Any

import msgspec
import pykka

from boxoffice.actors.dispatcher import Dispatcher, PooledRef
from boxoffice.actors.event_actor import EventActor, Requests
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.loader import Load, Loader
from boxoffice.actors.messages import Answer, EventMoved, EventUnavailable, NotApplied, Overloaded, Tick
from boxoffice.actors.ports import (
    Answered,
    Corrupt,
    Journal,
    Lease,
    Outlet,
    Recovered,
    Recovery,
    Request,
    Settled,
)
from boxoffice.actors.timer import ExpiryTimer
from boxoffice.actors.values import EventId, EventStatus, Instant

log = logging.getLogger(__name__)

PASSIVATED_AT_ONCE = 200
"""Events forgotten in one go: some 10 ms of the event loop's time."""

TICKED_AT_ONCE = 1_000
"""Events told in one go that something of theirs is overdue: some 10 ms of the event loop's time."""

LOADS_BEGIN_WITHIN_S = 2.5
"""An event whose loading has not begun after so long is given up: the database keeps the loaders waiting."""

LOADERS = 2
"""Threads that rebuild events on demand. Two, so that one large event does not hold up all others."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What may be under way at once, and for how long an event is kept or kept shut."""

    in_flight_max: int = 20_000
    """Requests admitted and not answered yet, over all events. About 2 KB of memory each."""
    in_flight_per_event_max: int = 10_000
    idle_max_s: float = 3_600.0
    """An event nobody asked for this long is forgotten; the next request loads it again."""
    quarantine_s: float = 30.0
    """An event that is shut is looked at again after this long: an operator may have mended it."""
    failures_max: int = 3
    failures_within_s: float = 60.0
    """An event that fails so often in so long is shut."""
    moved_s: float = 1.0
    moved_max_s: float = 8.0
    """An event that another server took over is left to it for about so long, and twice as long each time
    that it happens again, up to the second; give or take a half, so that no two servers keep in step.
    """


class Resident(msgspec.Struct):
    """An event with a living actor. `status` is None until something of it is known to be durable."""

    lease: Lease
    actor: PooledRef[EventActor]
    used_at_s: float
    status: EventStatus | None = None
    live_orders: int = 0
    """At `status`."""


class Shut(msgspec.Struct, frozen=True):
    """An event that is not asked until then, on the monotonic clock, and what its askers are told."""

    answer: Answer
    until_s: float


class Troubles(msgspec.Struct):
    """How often something has happened to an event of late, and when it did last."""

    count: int
    last_s: float


class Directory:
    """All events this process knows. `monotonic_s` is a clock that never goes back."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        journal: Journal,
        recovery: Recovery,
        outlet: Outlet,
        monotonic_s: Callable[[], float],
        bounds: Bounds,
        chance: Random | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._journal = journal
        self._outlet = outlet
        self.monotonic_s = monotonic_s
        self._bounds = bounds
        self._residents: OrderedDict[EventId, Resident] = OrderedDict()  # the longest unused first
        self._timer = ExpiryTimer()
        self._chance = chance or Random()  # noqa: S311 - how long to wait is no secret
        self._looked_at: set[EventId] = set()
        self._watched: set[EventId] = set()
        self._moved: set[EventId] = set()
        self._shut: dict[EventId, Shut] = {}
        self._failures: dict[EventId, Troubles] = {}
        self._losses: dict[EventId, Troubles] = {}
        self._in_flight: dict[EventId, int] = {}
        self._in_flight_total = 0
        self._live_orders = 0
        self._rebuilds = 0
        self._closing = False
        self._loaders: list[pykka.ActorRef[Any]] = [
            Loader.start(recovery, monotonic_s) for _ in range(LOADERS)
        ]
        self._next_loader = cycle(self._loaders)

    # --- asking ----------------------------------------------------------------------------------

    def admit(self, event_id: EventId) -> Answer | None:
        """Let one request in, to be handed to `submit`; or say why not, and nothing has happened."""
        in_flight = self._in_flight.get(event_id, 0)
        if (
            self._in_flight_total >= self._bounds.in_flight_max
            or in_flight >= self._bounds.in_flight_per_event_max
        ):
            return Overloaded()
        if self._closing:
            return NotApplied("the server is shutting down")
        if self._shut and (shut := self._shut.get(event_id)) is not None:
            if self.monotonic_s() < shut.until_s:
                return shut.answer
            if isinstance(shut.answer, EventMoved):
                del self._shut[event_id]
        self._in_flight_total += 1
        self._in_flight[event_id] = in_flight + 1
        return None

    def admit_many(self, event_id: EventId, wanted: int) -> tuple[int, Answer | None]:
        """Let so many requests in, or the first of them: how many, and what the others are to be told."""
        refusal = self.admit(event_id)
        if refusal is not None:
            return 0, refusal
        bounds, in_flight = self._bounds, self._in_flight[event_id]
        room = min(bounds.in_flight_max - self._in_flight_total, bounds.in_flight_per_event_max - in_flight)
        more = min(wanted - 1, room)
        self._in_flight_total += more
        self._in_flight[event_id] = in_flight + more
        return 1 + more, Overloaded() if 1 + more < wanted else None

    def submit(self, event_id: EventId, message: Requests) -> None:
        """Pass admitted requests to their event's actor. Every one of them is settled, once."""
        resident = self._residents.get(event_id)
        if resident is not None:
            self._use(resident)
            try:
                resident.actor.tell_here(message)
            except pykka.ActorDeadError:  # it ended, and the word of it is still on its way to us
                self._forget(resident)
            else:
                return
        shut = self._shut.get(event_id)
        if shut is not None and self.monotonic_s() < shut.until_s:  # since they were admitted
            answers = [Answered(request, shut.answer) for request in message.requests]
            self._outlet.deliver([Settled(Lease(event_id), answers)])
            return
        self._activate(event_id).actor.tell(message)

    def submit_new(self, event_id: EventId, message: Requests) -> None:
        """Pass an admitted `Initialize` to a new actor, for an id that no event has yet."""
        self._settle_in(Lease(event_id), Inventory(event_id)).actor.tell(message)

    def status(self, event_id: EventId) -> EventStatus | None:
        """The last committed status, or None if the event is not resident: then the database knows."""
        resident = self._residents.get(event_id)
        if resident is None:
            return None
        self._looked_at.add(event_id)
        return resident.status

    def watch(self, event_id: EventId) -> None:
        """From now on, `moved` is to name this event when it has moved."""
        self._watched.add(event_id)

    def unwatch(self, event_id: EventId) -> None:
        """No more."""
        self._watched.discard(event_id)

    def moved(self) -> set[EventId]:
        """Which of the watched events have a new committed status since the last time."""
        moved, self._moved = self._moved, set()
        return moved

    def refusal(self, event_id: EventId) -> Answer | None:
        """What those are told who only look at an event that is shut, until it has been loaded again.

        Their looking has it loaded again, once its quarantine is over. One that has only moved is as good to
        look at as any other: in the database.
        """
        shut = self._shut.get(event_id)
        if shut is None or isinstance(shut.answer, EventMoved):
            return None
        if self.monotonic_s() >= shut.until_s and event_id not in self._residents and not self._closing:
            self._activate(event_id)
        return shut.answer

    def looked_at(self) -> list[EventId]:
        """Whose status was asked for since the last time: they may be another server's by now.

        Whoever is only looked at meets no fence, and nobody tells us that an event was taken over.
        """
        looked_at, self._looked_at = self._looked_at, set()
        return list(looked_at)

    def compare(self, epochs: Mapping[EventId, int]) -> None:
        """Forget the events that have a later owner than us, according to these epochs from the database."""
        for event_id, epoch in epochs.items():
            resident = self._residents.get(event_id)
            if resident is not None and resident.status is not None and resident.lease.epoch < epoch:
                self._timer.set(event_id, None)
                self._forget(resident)
                self._shut_out(event_id, EventMoved())

    @property
    def quarantined(self) -> dict[EventId, str]:
        """The events that are shut because of what is wrong with them, and why."""
        answers = {event_id: shut.answer for event_id, shut in self._shut.items()}
        return {
            each: answer.reason for each, answer in answers.items() if isinstance(answer, EventUnavailable)
        }

    def end_overdue(self, now: Instant) -> None:
        """Tell events whose holds or offers are overdue at `now`. Call it a few times a second.

        Holds end at their time without it, whenever the event is asked anything; this makes it prompt.
        """
        for event_id in self._timer.overdue(now, TICKED_AT_ONCE):
            if self.admit(event_id) is None:
                self.submit(event_id, Requests(now, [Request(Tick(), None)]))

    @property
    def in_flight(self) -> int:
        """How many requests are admitted and not settled."""
        return self._in_flight_total

    @property
    def residents(self) -> int:
        """How many events have an actor."""
        return len(self._residents)

    @property
    def live_orders(self) -> int:
        """How many orders those events have, as far as they are committed."""
        return self._live_orders

    @property
    def rebuilds(self) -> int:
        """How many events have been read back from the database because somebody asked for them."""
        return self._rebuilds

    @property
    def mailbox_depth(self) -> int:
        """How many messages actors have been given and not taken up: the events', and the loaders'."""
        inboxes: list[Any] = [loader.actor_inbox for loader in self._loaders]
        loads: int = sum(inbox.qsize() for inbox in inboxes)
        return self._dispatcher.mailbox_depth + loads

    @property
    def closing(self) -> bool:
        """Whether nothing is admitted any more."""
        return self._closing

    # --- coming and going ------------------------------------------------------------------------

    def adopt(self, found: Recovered | Corrupt) -> None:
        """Take in an event rebuilt at start-up, or shut it."""
        if isinstance(found, Corrupt):
            self._shut_out(found.event_id, EventUnavailable(found.reason))
            return
        status = found.inventory.status
        resident = self._settle_in(Lease(status.event_id, found.epoch), found.inventory)
        self._commit(resident, status, found.inventory.live_orders)
        self._timer.set(status.event_id, found.inventory.next_expiry)

    def settle(self, settled: Settled) -> None:
        """Take note of answers given, of a new committed status, and of an actor's end."""
        event_id = settled.lease.event_id
        if settled.answers:
            self._count_down(event_id, len(settled.answers))
        if settled.rebuilt:
            self._rebuilds += 1
        resident = self._residents.get(event_id)
        if resident is not None and resident.lease is settled.lease:
            if settled.status is not None:
                self._commit(resident, settled.status, settled.live_orders)
                self._timer.set(event_id, settled.next_expiry)
                self._shut.pop(event_id, None)
            if settled.gone:
                self._timer.set(event_id, None)
            if settled.ended:
                self._forget(resident)
        if settled.failed:
            self._failed(event_id)
        if settled.refused is not None:
            self._shut_out(event_id, settled.refused)

    def passivate(self) -> int:
        """Forget some of the events that have been idle for long. Returns how many. Call it every second.

        An event with nothing in flight has nothing in any inbox and nothing in the journal, so its
        actor can go without a trace; only the thread that calls this could give it anything new. One that
        has a hold to end is not idle.
        """
        gone = 0
        idle_since_s = self.monotonic_s() - self._bounds.idle_max_s
        for _ in range(min(PASSIVATED_AT_ONCE, len(self._residents))):
            event_id, resident = next(iter(self._residents.items()))
            if resident.used_at_s > idle_since_s or event_id in self._in_flight:
                break
            if event_id in self._timer:
                self._use(resident)
            else:
                self._forget(resident)
                gone += 1
        return gone

    def close(self) -> None:
        """Admit nothing any more."""
        self._closing = True

    def stop(self) -> None:
        """Stop the loaders and every actor, each after what it has been given already."""
        self._closing = True
        for loader in self._loaders:
            loader.stop(block=False)
        for resident in list(self._residents.values()):
            self._forget(resident)

    def _activate(self, event_id: EventId) -> Resident:
        resident = self._settle_in(Lease(event_id), None)
        begin_by_s = self.monotonic_s() + LOADS_BEGIN_WITHIN_S
        next(self._next_loader).tell(Load(event_id, resident.actor, begin_by_s))
        return resident

    def _settle_in(self, lease: Lease, inventory: Inventory | None) -> Resident:
        actor = EventActor.start(
            self._dispatcher, lease, self._journal, self._outlet, self.monotonic_s, inventory
        )
        resident = self._residents[lease.event_id] = Resident(lease, actor, self.monotonic_s())
        return resident

    def _commit(self, resident: Resident, status: EventStatus, live_orders: int) -> None:
        """Take note of what is durable of an event."""
        resident.status = status
        if status.event_id in self._watched:
            self._moved.add(status.event_id)
        self._live_orders += live_orders - resident.live_orders
        resident.live_orders = live_orders

    def _use(self, resident: Resident) -> None:
        resident.used_at_s = self.monotonic_s()
        self._residents.move_to_end(resident.lease.event_id)

    def _forget(self, resident: Resident) -> None:
        del self._residents[resident.lease.event_id]
        self._live_orders -= resident.live_orders
        resident.actor.stop(block=False)

    def _failed(self, event_id: EventId) -> None:
        """Shut an event that fails again and again; the first times it is only rebuilt."""
        failures = self._count(self._failures, event_id, self._bounds.failures_within_s)
        if failures >= self._bounds.failures_max:
            self._shut_out(event_id, EventUnavailable(f"it failed {failures} times in a short while"))

    def _shut_out(self, event_id: EventId, answer: Answer) -> None:
        if isinstance(answer, EventMoved):
            shut_s = self._leave_alone_s(event_id)
            log.warning("event %s is another server's, and left alone for %.1f s", event_id, shut_s)
        else:
            shut_s = self._bounds.quarantine_s
            log.error("event %s is refused: %s", event_id, answer)
        self._shut[event_id] = Shut(answer, self.monotonic_s() + shut_s)

    def _leave_alone_s(self, event_id: EventId) -> float:
        """How long an event is left to the server that took it over: longer each time."""
        losses = self._count(self._losses, event_id, 10 * self._bounds.moved_max_s)
        longest_s = min(self._bounds.moved_max_s, self._bounds.moved_s * 2.0 ** min(losses - 1, 30))
        return longest_s * self._chance.uniform(0.5, 1.5)

    def _count(self, troubles: dict[EventId, Troubles], event_id: EventId, within_s: float) -> int:
        """Count one more, unless the last is so long ago that it is the first again."""
        now_s = self.monotonic_s()
        found = troubles.setdefault(event_id, Troubles(0, now_s))
        if now_s - found.last_s > within_s:
            found.count = 0
        found.count += 1
        found.last_s = now_s
        return found.count

    def _count_down(self, event_id: EventId, answered: int) -> None:
        self._in_flight_total -= answered
        left = self._in_flight[event_id] - answered
        if left:
            self._in_flight[event_id] = left
        else:
            del self._in_flight[event_id]
