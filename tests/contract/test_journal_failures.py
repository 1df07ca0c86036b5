"""What is wrong with one event is not the others' fault, and whatever goes wrong, everybody is answered."""

from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace

from boxoffice.actors import failpoints
from boxoffice.actors.changes import OrderCancelled, TicketsBooked
from boxoffice.actors.messages import NotApplied, OutcomeUnknown
from boxoffice.actors.ports import Entry, Lease
from boxoffice.actors.values import CustomerId, EventId, OrderId
from boxoffice.persistence.recovery import DatabaseRecovery
from tests.contract.conftest import MakeJournal
from tests.contract.faults import Faults, left_open
from tests.contract.journals import Journal
from tests.contract.support import (
    EVENT,
    NOW,
    OTHER,
    THIRD,
    Outlet,
    Owner,
    Stored,
    answers_of,
    book,
    eventually,
    new_order_id,
    taken_over,
)

TAKEN = new_order_id()


def booking(version: int, quantity: int = 1, order_id: str | None = None) -> TicketsBooked:
    return TicketsBooked(version, NOW, OrderId(order_id or new_order_id()), CustomerId("poison"), quantity)


def no_tickets(entry: Entry) -> Entry:
    """A CHECK of `orders`."""
    return replace(entry, changes=[booking(entry.status.version, quantity=0)])


def an_order_id_twice(entry: Entry) -> Entry:
    """The primary key of `orders`."""
    return replace(entry, changes=[booking(entry.status.version, order_id=TAKEN)])


def an_order_id_that_is_none(entry: Entry) -> Entry:
    """A literal that PostgreSQL cannot read."""
    return replace(entry, changes=[booking(entry.status.version, order_id="my order")])


def a_version_twice(entry: Entry) -> Entry:
    """The primary key of `changes`."""
    return replace(entry, changes=[booking(1), *entry.changes])


def a_cancellation_of_nobody(entry: Entry) -> Entry:
    """No row to alter."""
    return replace(entry, changes=[OrderCancelled(entry.status.version, NOW, new_order_id())])


def counters_that_do_not_add_up(entry: Entry) -> Entry:
    """A CHECK of `events`."""
    return replace(entry, status=replace(entry.status, available=entry.status.available - 1))


def more_than_there_is(entry: Entry) -> Entry:
    """A CHECK of `events`, with counters that do add up."""
    capacity = entry.status.capacity
    return replace(entry, status=replace(entry.status, available=-1, booked=capacity + 1))


class _NoLease(Lease):
    """Fails where the batch is written."""

    epoch = property(lambda self: self._fail(), lambda self, value: None)

    def _fail(self) -> int:
        raise MemoryError("poison")


def something_that_fails_in_our_own_code(entry: Entry) -> Entry:
    """A bug of ours, or no memory, while the batch is put together."""
    return replace(entry, lease=_NoLease(entry.lease.event_id))


POISONS = [
    no_tickets,
    an_order_id_twice,
    an_order_id_that_is_none,
    a_version_twice,
    a_cancellation_of_nobody,
    counters_that_do_not_add_up,
    more_than_there_is,
    something_that_fails_in_our_own_code,
]


@pytest.mark.parametrize("poison", POISONS)
def test_a_poisonous_event_fails_alone(
    poison: Callable[[Entry], Entry],
    waiting_journal: Journal,
    faults: Faults,
    outlet: Outlet,
    stored: Stored,
    recovery: DatabaseRecovery,
    on_sale: dict[EventId, Owner],
) -> None:
    entries = [owner.decide(book(), book()) for owner in on_sale.values()]
    entries[1] = poison(entries[1])
    before = stored.status(OTHER), stored.orders(OTHER), stored.changes(OTHER)
    for entry in entries:
        waiting_journal.append(entry)
    waiting_journal.start()
    assert outlet.answer_to(entries[0]) == answers_of(entries[0])
    assert outlet.answer_to(entries[1]) == [NotApplied("the database refused it")] * 2
    assert outlet.answer_to(entries[2]) == answers_of(entries[2])
    assert [entry.lease.lost for entry in entries] == [False, True, False]
    assert (stored.status(OTHER), stored.orders(OTHER), stored.changes(OTHER)) == before
    assert stored.is_as(on_sale[EVENT])
    assert stored.is_as(on_sale[THIRD])
    assert faults.opened == 2, "the connection was good, and is used again"

    rebuilt = taken_over(recovery, OTHER)
    again = rebuilt.decide(book())
    waiting_journal.append(again)
    assert outlet.answer_to(again) == answers_of(again)
    assert stored.is_as(rebuilt)


@pytest.fixture
def on_sale(faults: Faults, make_journal: Callable[..., Journal]) -> dict[EventId, Owner]:
    """Three events with a booking each, written by a journal that is gone."""
    outlet = Outlet()
    journal = make_journal(faults.connect, outlet)
    owners = {event_id: Owner(event_id) for event_id in (EVENT, OTHER, THIRD)}
    for owner in owners.values():
        journal.append(owner.open(100, replace(book(), order_id=TAKEN)))
    journal.start()
    outlet.answers(6)
    assert journal.end()
    return owners


def test_only_what_is_poisonous_in_a_creation_is_lost(
    waiting_journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    sick, sound = Owner(OTHER), Owner(THIRD)
    entries = [no_tickets(sick.open(5)), sound.open(5, book())]
    for entry in entries:
        waiting_journal.append(entry)
    waiting_journal.start()
    assert outlet.answer_to(entries[0]) == [NotApplied("the database refused it")]
    assert outlet.answer_to(entries[1]) == answers_of(entries[1])
    assert stored.status(OTHER) is None
    assert stored.is_as(sound)


def test_a_batch_of_nothing_but_poison_answers_everybody(
    waiting_journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    owners = [Owner(EventId(number)) for number in range(1, 41)]
    for owner in owners:
        waiting_journal.append(counters_that_do_not_add_up(owner.open(5, book())))
    waiting_journal.start()
    assert outlet.answers(80) == [NotApplied("the database refused it")] * 80
    assert stored.rows("SELECT id FROM events") == []


@pytest.fixture
def failing() -> Iterator[Callable[[str], None]]:
    """Have the journal fail at a place."""
    yield failpoints.arm
    failpoints.disarm()


@pytest.mark.parametrize("place", ["journal.write", "journal.commit"])
@pytest.mark.parametrize("failure", ["MemoryError", "RuntimeError", "SystemExit"])
def test_whatever_is_raised_before_it_is_sent_leaves_nobody_waiting(
    place: str,
    failure: str,
    failing: Callable[[str], None],
    journal: Journal,
    faults: Faults,
    outlet: Outlet,
    stored: Stored,
    recovery: DatabaseRecovery,
) -> None:
    owner = Owner()
    journal.append(owner.open())
    outlet.answers(1)
    failing(f"{place}=raise {failure}")
    failed = owner.decide(book(), book())
    journal.append(failed)
    assert outlet.answer_to(failed) == [NotApplied("the database refused it")] * 2
    assert stored.version() == 1
    assert faults.opened == 1
    after = taken_over(recovery).decide(book())
    journal.append(after)
    assert outlet.answer_to(after) == answers_of(after)


class _Unreadable(list[object]):
    """Changes that cannot even be looked at."""

    def __iter__(self) -> None:  # type: ignore[override]
        raise MemoryError("poison")


def test_an_event_that_cannot_even_be_looked_at_fails_alone(
    waiting_journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    sick, sound = Owner(EVENT), Owner(OTHER)
    entries = [sound.open(5, book()), replace(sick.open(5), changes=_Unreadable())]
    for entry in entries:
        waiting_journal.append(entry)
    waiting_journal.start()
    assert outlet.answer_to(entries[0]) == answers_of(entries[0])
    assert outlet.answer_to(entries[1]) == [NotApplied("it could not be written")]
    assert [settled.failed for settled in outlet.settled if settled.lease.lost] == [True]
    assert stored.is_as(sound)


@pytest.mark.parametrize("failure", ["MemoryError", "SystemExit"])
def test_a_failure_of_the_journal_itself_leaves_nobody_waiting(
    failure: str,
    failing: Callable[[str], None],
    waiting_journal: Journal,
    outlet: Outlet,
    stored: Stored,
) -> None:
    """Nobody knows then how far it got, so that is what all are told."""
    failing(f"journal.answer=raise {failure}")
    for owner in (Owner(EVENT), Owner(OTHER)):
        waiting_journal.append(owner.open(5, book()))
    waiting_journal.start()
    assert outlet.answers(4) == [OutcomeUnknown()] * 4
    assert all(settled.ended and settled.lease.lost for settled in outlet.settled)
    later = Owner(THIRD)
    fine = later.open(5, book())
    waiting_journal.append(fine)
    assert outlet.answer_to(fine) == answers_of(fine)
    assert stored.is_as(later)


def test_what_has_been_left_open_is_not_committed_by_the_next(
    journal: Journal, faults: Faults, outlet: Outlet, stored: Stored
) -> None:
    owner, next_owner = Owner(), Owner(OTHER)
    opening = owner.open()
    journal.append(opening)
    outlet.answer_to(opening)
    faults.at_commit.append(left_open)
    refused, following = owner.decide(book()), next_owner.open(5, book())
    journal.append(refused)
    (answer,) = outlet.answer_to(refused)
    assert isinstance(answer, NotApplied)
    journal.append(following)
    assert outlet.answer_to(following) == answers_of(following)
    assert stored.version() == 1, "not applied is not applied"


def test_the_journal_goes_on_when_an_answer_cannot_be_delivered(
    make_journal: MakeJournal, faults: Faults, stored: Stored
) -> None:
    failures = [MemoryError("none left")]

    def look() -> None:
        if failures:
            raise failures.pop()

    outlet, owner = Outlet(look), Owner()
    journal = make_journal(faults.connect, outlet)
    first = owner.open()
    journal.append(first)
    journal.start()
    eventually(lambda: stored.version() == 1 and not failures)
    second = owner.decide(book())
    journal.append(second)
    assert outlet.answer_to(second) == answers_of(second)
