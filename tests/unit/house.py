"""A directory and all that is around it, but no journal that writes, no database and no event loop.

The test's own thread stands for the event loop's. Tests that use a `House` close it when they are through.
"""

from boxoffice.actors.changes import EventInitialized
from boxoffice.actors.directory import Bounds, Directory
from boxoffice.actors.dispatcher import Dispatcher
from boxoffice.actors.event_actor import Requests
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import Adjust, Book, Cancel, Confirm, Find, Hold, NotApplied
from boxoffice.actors.ports import Answered, Entry, Recovered, Request, Settled
from boxoffice.actors.values import CustomerId, EventId, Instant, OrderId
from tests.unit.desk import after
from tests.unit.fakes import FakeJournal, FakeOutlet, FakeRecovery, FakeTime

EVENT, OTHER, THIRD = EventId(7), EventId(8), EventId(9)
NOW = Instant(1_000)
BOUNDS = Bounds(in_flight_max=5, in_flight_per_event_max=3, idle_max_s=60.0, quarantine_s=30.0)


def book(order: str = "ann") -> Request:
    return Request(Book(OrderId(order), CustomerId(order)), None)


def hold(order: str, seconds: int) -> Request:
    return Request(Hold(OrderId(order), CustomerId(order), seconds=seconds), None)


def find(order: str) -> Request:
    return Request(Find(OrderId(order)), None)


def cancel(order: str) -> Request:
    return Request(Cancel(OrderId(order)), None)


def adjust() -> Request:
    """Nothing, but it takes its time all the same."""
    return Request(Adjust(), None)


def confirm(order: str) -> Request:
    return Request(Confirm(OrderId(order)), None)


def on_sale(event_id: EventId = EVENT) -> Inventory:
    """An event at version 1."""
    inventory = Inventory(event_id)
    inventory.apply(EventInitialized(1, NOW, "Concert", 10))
    return inventory


def with_a_hold(event_id: EventId = EVENT, seconds: int = 30) -> Inventory:
    """An event at version 2: somebody holds a ticket for so long."""
    inventory = on_sale(event_id)
    inventory.handle(hold("holder", seconds).command, NOW)
    return inventory


def committed(entry: Entry) -> Settled:
    """What the journal says when it has written an entry."""
    if not entry.changes:
        return Settled(entry.lease, entry.answers)
    return Settled(
        *(entry.lease, entry.answers, entry.status),
        next_expiry=entry.next_expiry,
        live_orders=entry.live_orders,
    )


def lost(entry: Entry, *, gone: bool = False) -> Settled:
    """What the journal says when it has not: perhaps because the event is another server's now."""
    answers = [Answered(answered.request, NotApplied("lost")) for answered in entry.answers]
    return Settled(entry.lease, answers, ended=True, gone=gone)


class House:
    """A directory and all that is around it. The test's own thread is the event loop's."""

    def __init__(self, bounds: Bounds = BOUNDS) -> None:
        self.dispatcher = Dispatcher(threads=1)
        self.dispatcher.start()
        self.journal, self.outlet, self.recovery = FakeJournal(), FakeOutlet(), FakeRecovery()
        self.time = FakeTime()
        self.directory = Directory(
            self.dispatcher, self.journal, self.recovery, self.outlet, self.time, bounds
        )

    def adopt(self, *events: EventId) -> None:
        for event_id in events:
            self.directory.adopt(Recovered(on_sale(event_id), epoch=1))

    def ask(self, event_id: EventId = EVENT, *requests: Request) -> list[Request]:
        """Admit and submit; not more than that."""
        asked = list(requests) or [book()]
        for _ in asked:
            assert self.directory.admit(event_id) is None
        self.directory.submit(event_id, Requests(NOW, asked))
        return asked

    def entry(self, event_id: EventId = EVENT, *requests: Request) -> Entry:
        """Ask, and wait for what the actor hands to the journal."""
        asked = self.ask(event_id, *requests)

        def ours() -> list[Entry]:
            return [each for each in self.journal.entries if each.answers[0].request is asked[0]]

        self.journal.until(lambda: bool(ours()))
        return ours()[0]

    def ticked(self, seconds: float) -> list[Entry]:
        """Let it be so many seconds after `NOW`, and wait for what the events that are told make of it."""
        before, under_way = len(self.journal.entries), self.directory.in_flight
        self.directory.end_overdue(after(seconds))
        told = self.directory.in_flight - under_way
        self.journal.until(lambda: len(self.journal.entries) == before + told)
        return self.journal.entries[before:]

    def close(self) -> None:
        self.recovery.release()
        self.directory.stop()
        self.dispatcher.stop()
