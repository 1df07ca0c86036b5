"""One event's actor between a journal, an outlet and a loader that are not there: what it hands to whom."""

import weakref
from collections.abc import Callable, Iterator

import pytest
from pykka._envelope import Envelope

from boxoffice.actors.changes import (
    Change,
    CustomerWaitlisted,
    EventInitialized,
    OrderCancelled,
    OrderExpired,
    TicketsBooked,
)
from boxoffice.actors.dispatcher import MESSAGES_PER_TURN, Dispatcher
from boxoffice.actors.event_actor import (
    EXPIRIES_PER_ENTRY,
    QUICK_MAX,
    QUICK_REACH_MAX,
    EventActor,
    NotLoaded,
    Requests,
)
from boxoffice.actors.inventory import Decision, Inventory
from boxoffice.actors.messages import (
    Adjust,
    Answer,
    Book,
    Booked,
    Cancel,
    CancelFor,
    Cancelled,
    Command,
    Confirm,
    EventUnavailable,
    EventUnknown,
    Find,
    Found,
    Held,
    Hold,
    Initialize,
    Initialized,
    Look,
    NotApplied,
    OrderUnknown,
    Overloaded,
    SoldOut,
    Tick,
    Ticked,
    Waitlisted,
)
from boxoffice.actors.ports import Corrupt, Entry, Lease, Missing, Recovered, Request, Settled
from boxoffice.actors.values import CustomerId, EventId, Instant, OrderId, Promotion
from tests.unit.desk import after
from tests.unit.fakes import FakeJournal, FakeOutlet, Gate, finish_turns

EVENT = EventId(7)
NOW = Instant(1_000)
FAILED = NotApplied("the event's actor failed")


def book(order: str, quantity: int = 1, *, waitlist: bool = True) -> Request:
    return Request(Book(OrderId(order), CustomerId(order), quantity, waitlist), order)


def cancel(order: str) -> Request:
    return Request(Cancel(OrderId(order)), order)


def hold(order: str, seconds: int) -> Request:
    return Request(Hold(OrderId(order), CustomerId(order), seconds=seconds), order)


def confirm(order: str) -> Request:
    return Request(Confirm(OrderId(order)), order)


def find(order: str) -> Request:
    return Request(Find(OrderId(order)), order)


def on_sale(capacity: int = 10) -> Inventory:
    """An event at version 1."""
    inventory = Inventory(EVENT)
    inventory.apply(EventInitialized(1, NOW, "Concert", capacity))
    return inventory


class Mistaken(Inventory):
    """An event on sale with a bug in it: `step` raises `failure` for the order `unlucky`."""

    def __init__(self, step: str, failure: BaseException) -> None:
        super().__init__(EVENT)
        self.step, self.failure = "", failure
        self.apply(EventInitialized(1, NOW, "Concert", 10))
        self.step = step

    def decide(self, command: Command, now: Instant) -> Decision:
        self._meet("decide", command)
        return super().decide(command, now)

    def apply(self, change: Change) -> None:
        self._meet("apply", change)
        super().apply(change)

    def _meet(self, step: str, what: object) -> None:
        if step == self.step and getattr(what, "order_id", "") == "unlucky":
            raise self.failure


class Stage:
    """One actor, and everything it says."""

    def __init__(self, dispatcher: Dispatcher, inventory: Inventory | None) -> None:
        self.dispatcher = dispatcher
        self.monotonic_s = 1_000.0
        self.journal = FakeJournal()
        self.outlet = FakeOutlet()
        self.lease = Lease(EVENT)
        self.actor = EventActor.start(
            dispatcher, self.lease, self.journal, self.outlet, lambda: self.monotonic_s, inventory
        )

    def say(self, *messages: object) -> None:
        """Tell the actor these in one go, and wait until it is through."""
        gate = Gate()
        self.dispatcher.ready(gate)
        for message in messages:
            self.actor.tell(message)
        gate.open()
        for _ in range(1 + len(messages) // MESSAGES_PER_TURN):
            finish_turns(self.dispatcher)

    def ask(self, *requests: Request, now: int = NOW) -> None:
        """One message of these requests."""
        self.say(Requests(Instant(now), list(requests)))

    def is_quick(self, *requests: Request, now: int = NOW) -> bool:
        """Whether the actor, which is idle, takes a message of these for quick."""
        actor = self.actor._actor_weakref()
        assert actor is not None
        return actor.is_quick(Requests(Instant(now), list(requests)))

    def slip_in(self, *requests: Request) -> None:
        """A message that reaches the inbox although the actor has ended by now."""
        self.actor.actor_inbox.put(Envelope(Requests(NOW, list(requests))))
        finish_turns(self.dispatcher)

    @property
    def entry(self) -> Entry:
        """The only entry that the journal was given."""
        (entry,) = self.journal.entries
        return entry

    @property
    def decided(self) -> list[type[Answer]]:
        """The kinds of all answers that the journal was given."""
        return [type(answered.answer) for entry in self.journal.entries for answered in entry.answers]

    @property
    def end(self) -> Settled:
        """The one word about the actor's end."""
        (end,) = [settled for settled in self.outlet.settled if settled.ended]
        return end


NewStage = Callable[[Inventory | None], Stage]


@pytest.fixture
def stage() -> Iterator[NewStage]:
    """Makes stages that share one thread."""
    dispatcher = Dispatcher(threads=1)
    dispatcher.start()
    yield lambda inventory: Stage(dispatcher, inventory)
    dispatcher.stop()


# --- serving -------------------------------------------------------------------------------------


def test_a_message_becomes_one_entry_of_all_its_changes_and_answers(stage: NewStage) -> None:
    actor = stage(on_sale(2))
    requests = [book("ann", 2), book("bob"), cancel("ann")]
    actor.ask(*requests)
    entry = actor.entry
    assert entry.lease is actor.lease
    assert entry.base_version == 1
    assert [type(change) for change in entry.changes] == [TicketsBooked, CustomerWaitlisted, OrderCancelled]
    assert [change.version for change in entry.changes] == [2, 3, 4]
    assert [answered.request for answered in entry.answers] == requests
    assert actor.decided == [Booked, Waitlisted, Cancelled]
    status = entry.status
    assert (status.version, status.available, status.booked, status.waiting) == (4, 1, 1, 0)


def test_each_message_becomes_an_entry_that_begins_where_the_last_one_ended(stage: NewStage) -> None:
    actor = stage(on_sale())
    messages = [Requests(NOW, [book("ann"), book("bob")]), Requests(NOW, [book("cat")])]
    actor.say(*messages)
    first, second = actor.journal.entries
    assert (first.base_version, first.status.version) == (1, 3)
    assert (second.base_version, second.status.version) == (3, 4)
    assert len(second.changes) == 1


def test_the_changes_of_a_message_bear_its_time(stage: NewStage) -> None:
    actor = stage(on_sale())
    actor.ask(book("ann"), now=5_000)
    assert [change.at for change in actor.entry.changes] == [5_000]


def test_what_changes_nothing_goes_through_the_journal_too(stage: NewStage) -> None:
    actor = stage(on_sale(1))
    actor.ask(book("ann"))
    actor.ask(book("bob", waitlist=False), find("ann"), cancel("nobody"))
    assert actor.decided == [Booked, SoldOut, Found, OrderUnknown]
    refusals = actor.journal.entries[1]
    assert refusals.changes == []
    assert refusals.base_version == refusals.status.version == 2
    assert actor.outlet.settled == []


def test_nothing_that_is_decided_is_delivered_by_the_actor_itself(stage: NewStage) -> None:
    actor = stage(on_sale())
    actor.ask(book("ann"), book("bob", 11))
    assert actor.outlet.settled == []


def test_a_new_event_begins_at_version_0(stage: NewStage) -> None:
    actor = stage(Inventory(EVENT))
    actor.ask(Request(Initialize("Concert", 5), None))
    assert actor.entry.base_version == 0
    assert actor.entry.status.version == 1
    assert actor.decided == [Initialized]


# --- what is quick -------------------------------------------------------------------------------


def crowded(each: int, orders: int = 2) -> Inventory:
    """An event of so many orders of as many tickets each, called 0, 1, …; and one more customer waits."""
    inventory = on_sale(each * orders)
    for number in range(orders):
        inventory.handle(book(str(number), each).command, NOW)
    inventory.handle(book("waiting").command, NOW)
    return inventory


@pytest.mark.parametrize(
    ("inventory", "requests"),
    [
        (on_sale(), [book("ann"), hold("bob", 60), confirm("bob"), find("bob")]),
        (on_sale(), [find("ann")] * QUICK_MAX),
        (crowded(QUICK_REACH_MAX), [cancel("0")]),
        (crowded(QUICK_REACH_MAX // QUICK_MAX, QUICK_MAX), [cancel(str(each)) for each in range(QUICK_MAX)]),
        (crowded(2), [book("ann"), Request(CancelFor(CustomerId("0")), None)]),
        (None, [Request(Tick(), None)] * (QUICK_MAX + 1)),
    ],
    ids=["of one order each", "as many", "as far", "as far in all", "of a customer", "not loaded"],
)
def test_what_is_quick(stage: NewStage, inventory: Inventory | None, requests: list[Request]) -> None:
    assert stage(inventory).is_quick(*requests)


@pytest.mark.parametrize(
    ("inventory", "requests"),
    [
        (on_sale(), [find("ann")] * (QUICK_MAX + 1)),
        (crowded(QUICK_REACH_MAX + 1), [cancel("0")]),
        (crowded(QUICK_REACH_MAX // 2 + 1), [cancel("0"), find("ann"), cancel("1")]),
        (on_sale(), [book("ann"), Request(Adjust(), None)]),
        (on_sale(), [Request(Look((OrderId("ann"),)), None)]),
    ],
    ids=["too many", "too far", "too far in all", "another kind", "a look at many"],
)
def test_what_is_not_quick(stage: NewStage, inventory: Inventory, requests: list[Request]) -> None:
    assert not stage(inventory).is_quick(*requests)


def test_nothing_is_quick_when_something_has_ended(stage: NewStage) -> None:
    inventory = on_sale()
    inventory.handle(hold("ann", 30).command, NOW)
    actor = stage(inventory)
    assert actor.is_quick(book("bob"), now=after(30) - 1)
    assert not actor.is_quick(book("bob"), now=after(30))


# --- holds that end ------------------------------------------------------------------------------


def test_an_entry_says_when_the_next_hold_ends(stage: NewStage) -> None:
    actor = stage(on_sale())
    actor.ask(book("ann"))
    actor.ask(hold("bob", 60), hold("cat", 30))
    actor.ask(confirm("cat"))
    actor.ask(find("bob"))
    actor.ask(confirm("bob"))
    ends = [entry.next_expiry for entry in actor.journal.entries]
    assert ends == [None, after(30), after(60), after(60), None]


def test_what_is_overdue_ends_in_the_same_entry_before_what_was_asked(stage: NewStage) -> None:
    actor = stage(on_sale(1))
    actor.ask(hold("ann", 30))
    actor.ask(book("bob"), confirm("ann"), now=after(30))
    entry = actor.journal.entries[1]
    assert entry.changes == [
        OrderExpired(3, after(30), OrderId("ann"), ()),
        TicketsBooked(4, after(30), OrderId("bob"), CustomerId("bob"), 1),
    ]
    assert (entry.base_version, entry.status.version, entry.next_expiry) == (2, 4, None)
    assert actor.decided == [Held, Booked, OrderUnknown]


def test_what_is_overdue_ends_though_what_was_asked_is_refused(stage: NewStage) -> None:
    actor = stage(on_sale(1))
    actor.ask(hold("ann", 30))
    actor.ask(cancel("nobody"), now=after(30))
    entry = actor.journal.entries[1]
    assert entry.changes == [OrderExpired(3, after(30), OrderId("ann"), ())]
    assert entry.answers[0].answer == OrderUnknown(version=3)


def test_a_tick_is_answered_through_the_journal_like_everything_else(stage: NewStage) -> None:
    actor = stage(on_sale(1))
    actor.ask(hold("ann", 30), book("bob"))
    actor.ask(Request(Tick(), None), now=after(29))
    actor.ask(Request(Tick(), None), now=after(30))
    early, late = actor.journal.entries[1:]
    assert early.changes == []
    assert early.next_expiry == after(30)
    promoted = (Promotion(OrderId("bob"), CustomerId("bob"), 1),)
    assert late.changes == [OrderExpired(4, after(30), OrderId("ann"), promoted)]
    assert late.next_expiry is None
    assert [each.answers[0].answer for each in (early, late)] == [Ticked(3), Ticked(4)]


def test_a_multitude_ends_in_several_entries_and_the_last_one_has_the_answers(stage: NewStage) -> None:
    many = 2 * EXPIRIES_PER_ENTRY + 7
    actor = stage(on_sale(many))
    actor.ask(*(hold(f"{number}", 30 + number % 2) for number in range(many)))
    actor.ask(book("bob", many), now=after(31))
    first, second, last = actor.journal.entries[1:]
    assert [len(entry.changes) for entry in (first, second, last)] == [EXPIRIES_PER_ENTRY] * 2 + [8]
    assert [entry.base_version for entry in (second, last)] == [first.status.version, second.status.version]
    assert (first.base_version, last.status.version) == (1 + many, 2 + 2 * many)
    assert [entry.status.held for entry in (first, second, last)] == [EXPIRIES_PER_ENTRY + 7, 7, 0]
    assert (first.next_expiry, second.next_expiry, last.next_expiry) == (after(30), after(31), None)
    assert first.answers == second.answers == []
    assert actor.decided[many:] == [Booked]


def test_an_event_that_is_loaded_says_when_its_next_hold_ends(stage: NewStage) -> None:
    stored = on_sale()
    stored.handle(hold("ann", 30).command, NOW)
    actor = stage(None)
    actor.say(Recovered(stored, epoch=4))
    loaded = Settled(actor.lease, [], stored.status, next_expiry=after(30), live_orders=1, rebuilt=True)
    assert actor.outlet.settled == [loaded]


def test_what_became_overdue_while_nobody_kept_the_event_ends_with_the_first_that_is_asked(
    stage: NewStage,
) -> None:
    stored = on_sale(1)
    stored.handle(hold("ann", 30).command, NOW)
    actor = stage(None)
    actor.say(Requests(after(31), [book("bob", waitlist=False)]), Recovered(stored, epoch=4))
    assert actor.decided == [Booked]
    assert [type(change) for change in actor.entry.changes] == [OrderExpired, TicketsBooked]


# --- loading -------------------------------------------------------------------------------------


def test_what_comes_before_the_event_is_loaded_is_served_in_order_once_it_is(stage: NewStage) -> None:
    actor = stage(None)
    early = [book("ann"), book("bob"), book("cat")]
    for request in early:
        actor.ask(request)
    assert actor.journal.entries == []
    assert actor.outlet.settled == []
    actor.say(Recovered(on_sale(2), epoch=4))
    assert [answered.request for entry in actor.journal.entries for answered in entry.answers] == early
    assert actor.decided == [Booked, Booked, Waitlisted]
    actor.ask(book("dee"))
    assert actor.journal.entries[-1].base_version == 4


def test_an_event_that_is_loaded_is_owned_under_the_new_epoch_before_anything_is_written(
    stage: NewStage,
) -> None:
    actor = stage(None)
    actor.say(Requests(NOW, [book("ann")]), Recovered(on_sale(), epoch=4))
    assert actor.entry.lease.epoch == actor.lease.epoch == 4


def test_an_event_that_is_loaded_has_its_stored_status_published(stage: NewStage) -> None:
    actor = stage(None)
    stored = on_sale(3)
    status = stored.status
    actor.say(Requests(NOW, [book("ann")]), Recovered(stored, epoch=4))
    assert actor.outlet.settled == [Settled(actor.lease, [], status=status, rebuilt=True)]


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [
        (Missing(), EventUnknown()),
        (Corrupt(EVENT, "a row too few"), EventUnavailable("a row too few")),
        (NotLoaded("the database is away"), NotApplied("the database is away")),
    ],
    ids=["missing", "corrupt", "not loaded"],
)
def test_when_the_event_cannot_be_loaded_everyone_is_told_why_once(
    stage: NewStage, outcome: object, answer: Answer
) -> None:
    actor = stage(None)
    early, left, late = [book("ann"), book("bob")], book("cat"), book("dee")
    for request in early:
        actor.ask(request)
    actor.say(outcome, Requests(NOW, [left]))
    actor.slip_in(late)
    assert actor.outlet.answers_to(*early, left, late) == [[answer]] * 4
    assert [each.request for each in actor.outlet.answered] == [*early, left, late]
    assert not actor.actor.is_alive()
    assert actor.journal.entries == []
    assert actor.end.refused == (answer if isinstance(outcome, Corrupt) else None)
    assert actor.end.gone == isinstance(outcome, Missing)
    assert actor.end.status is None


def test_when_there_is_nothing_to_load_and_nobody_asked_the_end_is_told_all_the_same(
    stage: NewStage,
) -> None:
    actor = stage(None)
    actor.say(Missing())
    assert actor.outlet.settled == [Settled(actor.lease, [], ended=True, gone=True)]


# --- a bug of ours -------------------------------------------------------------------------------

FAILURES = [ValueError("a bug"), MemoryError("none left"), SystemExit(1)]
failing = pytest.mark.parametrize(
    ("step", "failure"),
    [(step, failure) for step in ("decide", "apply") for failure in FAILURES],
    ids=lambda value: str(value) if isinstance(value, str) else type(value).__name__,
)


@failing
def test_when_a_message_fails_none_of_it_is_applied_and_all_of_it_is_answered(
    stage: NewStage, step: str, failure: BaseException
) -> None:
    actor = stage(Mistaken(step, failure))
    requests = [book("before"), book("unlucky"), book("after")]
    actor.ask(*requests)
    assert actor.journal.entries == []
    assert actor.outlet.answers_to(*requests) == [[FAILED]] * 3
    assert actor.end.lease is actor.lease
    assert actor.end.refused is None
    assert not actor.actor.is_alive()


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_when_a_hold_cannot_be_ended_nothing_of_the_message_is_applied(
    stage: NewStage, failure: BaseException
) -> None:
    inventory = Mistaken("never", failure)
    inventory.handle(hold("unlucky", 30).command, NOW)
    inventory.step = "apply"
    actor = stage(inventory)
    requests = [book("ann"), confirm("unlucky")]
    actor.ask(*requests, now=after(30))
    assert actor.journal.entries == []
    assert actor.outlet.answers_to(*requests) == [[FAILED]] * 2
    assert not actor.actor.is_alive()


@failing
def test_what_was_decided_before_the_failure_stands_and_what_comes_after_it_is_not_applied(
    stage: NewStage, step: str, failure: BaseException
) -> None:
    actor = stage(Mistaken(step, failure))
    before, after, late = book("before"), book("after"), book("late")
    actor.say(*(Requests(NOW, [request]) for request in (before, book("unlucky"), after)))
    actor.slip_in(late)
    assert [answered.request for answered in actor.entry.answers] == [before]
    assert actor.outlet.answers_to(before, after, late) == [[], [FAILED], [FAILED]]
    assert not actor.lease.lost


@failing
def test_when_a_message_fails_other_events_go_on(stage: NewStage, step: str, failure: BaseException) -> None:
    other, sick = stage(on_sale()), stage(Mistaken(step, failure))
    sick.ask(book("unlucky"))
    other.ask(book("ann"))
    assert other.actor.is_alive()
    assert other.decided == [Booked]


@failing
def test_when_a_message_that_waited_for_the_load_fails_all_who_waited_are_answered(
    stage: NewStage, step: str, failure: BaseException
) -> None:
    actor = stage(None)
    before, unlucky, after = book("before"), book("unlucky"), book("after")
    messages = [Requests(NOW, [request]) for request in (before, unlucky, after)]
    actor.say(*messages, Recovered(Mistaken(step, failure), epoch=2))
    assert [answered.request for answered in actor.entry.answers] == [before]
    assert actor.outlet.answers_to(unlucky, after) == [[FAILED], [FAILED]]


def test_when_the_journal_takes_nothing_more_all_of_the_message_is_answered(stage: NewStage) -> None:
    actor = stage(on_sale())
    actor.journal.full = MemoryError("none left")
    requests = [book("ann"), book("ben")]
    actor.ask(*requests)
    assert actor.outlet.answers_to(*requests) == [[FAILED]] * 2
    assert not actor.actor.is_alive()


def test_an_actor_that_fails_says_so(stage: NewStage) -> None:
    actor = stage(Mistaken("decide", MemoryError("poison")))
    actor.ask(book("unlucky"))
    assert actor.end.failed


# --- coming too late -----------------------------------------------------------------------------


def test_what_could_not_be_answered_in_time_is_not_even_decided(stage: NewStage) -> None:
    actor = stage(on_sale())
    in_time, late = book("ann"), book("ben")
    actor.say(Requests(NOW, [late], decide_by_s=999.9), Requests(NOW, [in_time], decide_by_s=1_000.1))
    assert actor.outlet.answers_to(late) == [[Overloaded()]]
    assert [answered.request for answered in actor.entry.answers] == [in_time]
    assert actor.entry.base_version == 1, "the late one changed nothing"
    assert actor.actor.is_alive()


def test_what_waited_too_long_for_its_event_to_be_loaded_is_not_decided(stage: NewStage) -> None:
    actor = stage(None)
    late = book("ann")
    actor.say(Requests(NOW, [late], decide_by_s=1_000.1))
    actor.monotonic_s = 1_001.0
    actor.say(Recovered(on_sale(), epoch=2))
    assert actor.outlet.answers_to(late) == [[Overloaded()]]
    assert actor.journal.entries == []


# --- being stopped -------------------------------------------------------------------------------


def test_an_actor_that_is_stopped_lets_go_of_its_inventory(stage: NewStage) -> None:
    inventory = Mistaken("never", ValueError())
    gone = weakref.ref(inventory)
    actor = stage(inventory)
    del inventory
    assert gone() is not None
    actor.actor.stop(block=False)
    finish_turns(actor.dispatcher)
    assert gone() is None, "though its reference is still held"


def test_an_actor_that_is_stopped_serves_first_what_it_was_given(stage: NewStage) -> None:
    actor = stage(on_sale())
    actor.actor.tell(Requests(NOW, [book("ann")]))
    assert actor.actor.stop(timeout=5)
    assert actor.decided == [Booked]


def test_whoever_comes_after_the_stop_is_told_that_nothing_was_applied(stage: NewStage) -> None:
    actor = stage(on_sale())
    assert actor.actor.stop(timeout=5)
    late = book("late")
    actor.slip_in(late)
    assert actor.outlet.answers_to(late) == [[NotApplied("the event's actor had just ended")]]


def test_whoever_waits_for_the_load_when_the_actor_is_stopped_is_told_that_nothing_was_applied(
    stage: NewStage,
) -> None:
    actor = stage(None)
    early = book("early")
    actor.ask(early)
    assert actor.actor.stop(timeout=5)
    finish_turns(actor.dispatcher)
    ((answer,),) = actor.outlet.answers_to(early)
    assert isinstance(answer, NotApplied)
