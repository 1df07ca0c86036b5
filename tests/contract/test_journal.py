"""What the journal writes, when, and whom it tells: on a database that does as it is asked."""

import threading

import msgspec

from boxoffice.actors.changes import CustomerWaitlisted, OrderCancelled, TicketsBooked
from boxoffice.actors.messages import (
    Booked,
    Cancel,
    Find,
    Initialized,
    NotApplied,
    SoldOut,
    Waitlisted,
)
from boxoffice.actors.values import CustomerId, EventId
from boxoffice.persistence.journal import BATCH_MAX
from tests.contract.conftest import MakeJournal
from tests.contract.faults import Faults, Held
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
)


def test_a_booking_is_in_events_orders_and_changes_by_one_transaction(
    journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    owner = Owner()
    journal.append(owner.open(10))
    outlet.answers(1)
    booking = book("ada", 3)
    journal.append(owner.decide(booking))
    outlet.answers(2)
    assert stored.status() == owner.inventory.status
    assert stored.orders() == [("ada", 3, "confirmed", None)]
    assert stored.changes()[1:] == [TicketsBooked(2, NOW, booking.order_id, CustomerId("ada"), 3)]
    last = "SELECT xmin::text FROM changes WHERE version = 2"
    assert stored.transactions("events") == stored.transactions("orders") == {stored.rows(last)[0][0]}


def test_times_are_stored_to_the_microsecond(journal: Journal, outlet: Outlet, stored: Stored) -> None:
    owner = Owner()
    journal.append(owner.open())
    journal.append(owner.decide(book(), at=NOW + 7))
    outlet.answers(2)
    micros = "(extract(epoch FROM {}) * 1000000)::bigint"
    assert stored.rows(f"SELECT {micros.format('at')} FROM changes ORDER BY version") == [(NOW,), (NOW + 7,)]
    assert stored.rows(f"SELECT {micros.format('created_at')} FROM orders") == [(NOW + 7,)]
    columns = f"{micros.format('created_at')}, {micros.format('changed_at')}"
    assert stored.rows(f"SELECT {columns} FROM events") == [(NOW, NOW + 7)]


def test_nothing_is_delivered_before_others_can_see_it_in_the_database(
    make_journal: MakeJournal, faults: Faults, stored: Stored
) -> None:
    outlet = Outlet(look=stored.version)
    journal, owner = make_journal(faults.connect, outlet), Owner()
    journal.start()
    for number, entry in enumerate([owner.open(), owner.decide(book()), owner.decide(book("ben"))], 1):
        journal.append(entry)
        outlet.answers(number)
    assert outlet.seen == [1, 2, 3]


def test_no_answer_leaves_and_nothing_is_seen_while_the_commit_is_held_up(
    journal: Journal, faults: Faults, outlet: Outlet, stored: Stored
) -> None:
    owner, held = Owner(), Held()
    journal.append(owner.open(1))
    outlet.answers(1)
    faults.at_commit.append(held)
    entry = owner.decide(book(), book("ben", waitlist=False))
    journal.append(entry)
    with held:
        outlet.answers(1)
        assert stored.version() == 1
    assert outlet.answers(3)[1:] == answers_of(entry)
    assert stored.version() == 2


def test_a_refusal_waits_for_the_commit_that_it_stands_on(
    journal: Journal, faults: Faults, outlet: Outlet
) -> None:
    owner, held = Owner(), Held()
    journal.append(owner.open(1))
    outlet.answers(1)
    faults.at_commit.append(held)
    journal.append(owner.decide(book()))
    with held:
        journal.append(owner.decide(book("ben", waitlist=False)))
        outlet.answers(1)
    assert outlet.answers(3)[2] == SoldOut(0, 0, 2)


def test_a_look_is_answered_and_writes_nothing(journal: Journal, outlet: Outlet, stored: Stored) -> None:
    owner, booking = Owner(), book()
    journal.append(owner.open(5, booking))
    outlet.answers(2)
    before = stored.transactions("events")
    look = owner.decide(Find(booking.order_id))
    journal.append(look)
    assert outlet.answer_to(look) == answers_of(look)
    assert stored.transactions("events") == before
    assert outlet.settled[-1].status is None


def test_bookings_may_come_in_the_batch_that_creates_their_event(
    waiting_journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    owner = Owner()
    for entry in (owner.open(3), owner.decide(book("ada", 2)), owner.decide(book("ben", 2))):
        waiting_journal.append(entry)
    waiting_journal.start()
    kinds = [type(answer) for answer in outlet.answers(3)]
    assert kinds == [Initialized, Booked, Waitlisted]
    assert stored.is_as(owner)
    assert stored.orders() == [("ada", 2, "confirmed", None), ("ben", 2, "waitlisted", 3)]
    assert outlet.settled[0].status == owner.inventory.status


def test_a_batch_of_several_events_is_one_transaction_and_answers_each_in_order(
    waiting_journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    owners = [Owner(EVENT), Owner(OTHER), Owner(THIRD)]
    entries = [owner.open(2) for owner in owners]
    for number in range(4):
        entries += [owner.decide(book(f"c{number}"), book(f"d{number}")) for owner in owners]
    for entry in entries:
        waiting_journal.append(entry)
    waiting_journal.start()
    outlet.answers(sum(len(entry.answers) for entry in entries))
    for owner in owners:
        told = [a for s in outlet.settled if s.lease is owner.lease for a in s.answers]
        expected = [a for entry in entries if entry.lease is owner.lease for a in entry.answers]
        assert all(one is other for one, other in zip(told, expected, strict=True))
        assert stored.is_as(owner)
    assert len(stored.transactions("events")) == 1
    assert stored.transactions("events") == stored.transactions("orders") == stored.transactions("changes")


def test_new_and_known_events_go_into_one_batch(
    make_journal: MakeJournal, faults: Faults, stored: Stored
) -> None:
    known, new, looked_at = Owner(EVENT), Owner(OTHER), Owner(THIRD)
    for entries in (
        [known.open(), looked_at.open()],
        [known.decide(book()), new.open(2, book()), looked_at.decide(Find(book().order_id))],
    ):
        outlet = Outlet()
        journal = make_journal(faults.connect, outlet)
        for entry in entries:
            journal.append(entry)
        journal.start()
        assert outlet.answers(len(answers_of(*entries))) == answers_of(*entries)
    assert all(stored.is_as(owner) for owner in (known, new, looked_at))


def test_an_order_booked_and_cancelled_in_one_batch_is_stored_as_it_ended(
    waiting_journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    owner, booking, waiting = Owner(), book("ada"), book("ben")
    waiting_journal.append(owner.open(1))
    waiting_journal.append(owner.decide(booking, waiting, Cancel(booking.order_id)))
    waiting_journal.append(owner.decide(Cancel(waiting.order_id)))
    waiting_journal.start()
    outlet.answers(5)
    assert stored.orders() == [("ada", 1, "cancelled", None), ("ben", 1, "cancelled", None)]
    kinds = [type(change) for change in stored.changes()]
    assert kinds[1:] == [TicketsBooked, CustomerWaitlisted, OrderCancelled, OrderCancelled]
    assert stored.is_as(owner)


def test_whoever_waited_in_the_database_is_promoted_there(
    journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    owner, booking = Owner(), book("ada", 3)
    journal.append(owner.open(3, booking, book("ben", 1), book("cem", 2), book("dora", 1)))
    outlet.answers(5)
    journal.append(owner.decide(Cancel(booking.order_id)))
    outlet.answers(6)
    assert stored.orders() == [
        ("ada", 3, "cancelled", None),
        ("ben", 1, "confirmed", None),
        ("cem", 2, "confirmed", None),
        ("dora", 1, "waitlisted", 5),
    ]
    versions = stored.rows("SELECT version FROM orders ORDER BY order_id")
    assert versions == [(6,), (6,), (6,), (5,)]
    assert stored.is_as(owner)


def test_the_same_order_ids_in_two_events_are_two_orders(
    waiting_journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    one, other, booking = Owner(EVENT), Owner(OTHER), book()
    waiting_journal.append(one.open(1, booking))
    waiting_journal.append(other.open(1, booking))
    waiting_journal.start()
    outlet.answers(4)
    cancellation = one.decide(Cancel(booking.order_id))
    waiting_journal.append(cancellation)
    outlet.answer_to(cancellation)
    assert stored.orders(EVENT) == [("ada", 1, "cancelled", None)]
    assert stored.orders(OTHER) == [("ada", 1, "confirmed", None)]


def test_two_thousand_bookings_in_one_append(journal: Journal, outlet: Outlet, stored: Stored) -> None:
    owner = Owner()
    journal.append(owner.open(1_500))
    outlet.answers(1)
    journal.append(owner.decide(*(book(f"customer {number}") for number in range(2_000))))
    outlet.answers(2_001)
    assert stored.is_as(owner)
    assert len(stored.transactions("orders")) == 1


def test_more_than_a_batch_holds_is_written_in_order_by_several(
    waiting_journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    owner, per_entry = Owner(), BATCH_MAX // 4
    entries = [owner.open()] + [owner.decide(*(book() for _ in range(per_entry))) for _ in range(9)]
    for entry in entries:
        waiting_journal.append(entry)
    waiting_journal.start()
    assert outlet.answers(1 + 9 * per_entry) == answers_of(*entries)
    assert stored.is_as(owner)
    assert len(stored.transactions("changes")) > 1


def test_what_nobody_asked_for_is_written_by_several_too(
    waiting_journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    owner, per_entry = Owner(), BATCH_MAX // 4
    entries = [owner.open(10_000)] + [owner.decide(*(book() for _ in range(per_entry))) for _ in range(9)]
    silent = [msgspec.structs.replace(entry, answers=[]) for entry in entries[:-1]]
    for entry in (*silent, entries[-1]):
        waiting_journal.append(entry)
    waiting_journal.start()
    assert outlet.answers(per_entry) == answers_of(entries[-1])
    assert stored.is_as(owner)
    assert len(stored.transactions("changes")) > 1


def test_nobody_waits_behind_the_many_of_another_event(
    waiting_journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    crowded, other = Owner(), Owner(OTHER)
    many = [crowded.open(100_000)] + [crowded.decide(*(book() for _ in range(1_000))) for _ in range(9)]
    few = [other.open(5, book("ann")), other.decide(book("bob"))]
    for entry in (*many, *few):
        waiting_journal.append(entry)
    waiting_journal.start()
    outlet.answers(1 + 9_000 + 3)
    first = [each for each in outlet.settled if each.lease is other.lease]
    assert outlet.settled.index(first[-1]) <= 4, "with the first thousands of the others, not after them"
    assert [each.answer for settled in first for each in settled.answers] == answers_of(*few)
    assert stored.is_as(crowded)
    assert stored.is_as(other)


def test_stop_writes_all_that_was_appended(waiting_journal: Journal, outlet: Outlet, stored: Stored) -> None:
    owners = [Owner(EventId(number)) for number in range(1, 51)]
    entries = [owner.open(5, book()) for owner in owners] + [owner.decide(book()) for owner in owners]
    for entry in entries:
        waiting_journal.append(entry)
    waiting_journal.start()
    assert waiting_journal.end()
    assert len(outlet.answers(150)) == 150
    assert all(stored.is_as(owner) for owner in owners)
    assert stored.end_sessions("journal") == 0


def test_stop_says_so_when_it_is_not_done_in_time(journal: Journal, outlet: Outlet, stored: Stored) -> None:
    owner = Owner()
    journal.append(owner.open())
    outlet.answers(1)
    with stored.holding():
        journal.append(owner.decide(book()))
        eventually(stored.waits_for_a_lock)
        assert not journal.end(timeout_s=0.01)
    assert journal.end()
    assert stored.is_as(owner)


def test_many_threads_append_and_everyone_is_answered_once(
    journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    owners = [Owner(EventId(number)) for number in range(1, 9)]

    def sell(owner: Owner) -> None:
        journal.append(owner.open(20))
        for _ in range(30):
            journal.append(owner.decide(book(), book("ben", waitlist=False)))

    threads = [threading.Thread(target=sell, args=(owner,)) for owner in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers = outlet.answers(8 * 61)
    assert not [answer for answer in answers if isinstance(answer, NotApplied)]
    assert len({id(answered.request) for answered in outlet.answered}) == 8 * 61
    assert all(stored.is_as(owner) for owner in owners)
