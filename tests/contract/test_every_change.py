"""Every kind of change, in the tables: one by one and many in one batch, they end up as the rules say."""

import random

from boxoffice.actors.changes import Change
from boxoffice.actors.messages import Adjust, Book, Cancel, Close, Command, Confirm, Extend, Hold
from boxoffice.actors.ports import Corrupt, Entry, Recovered
from boxoffice.actors.values import SECOND, Instant, Terms, WaitlistMode
from boxoffice.persistence.recovery import DatabaseRecovery
from tests.contract.conftest import MakeJournal
from tests.contract.faults import Faults
from tests.contract.journals import Journal
from tests.contract.support import (
    EVENT,
    NOW,
    OTHER,
    Outlet,
    Owner,
    Stored,
    anything,
    book,
    new_order_id,
    taken_over,
)

OFFERS = Terms(waitlist_mode=WaitlistMode.OFFER, offer_seconds=60, max_per_order=4, waitlist_limit=9)


def hold(customer: str = "hal", quantity: int = 1, seconds: int | None = None) -> Hold:
    asked = book(customer, quantity)
    return Hold(asked.order_id, asked.customer, quantity, True, seconds)


def commit(journal: Journal, outlet: Outlet, entry: Entry) -> None:
    journal.append(entry)
    outlet.answer_to(entry)


def test_each_change_is_stored_as_the_rules_made_it(
    journal: Journal, outlet: Outlet, stored: Stored, recovery: DatabaseRecovery
) -> None:
    owner = Owner()
    commit(journal, outlet, owner.open(5, terms=OFFERS))
    held, kept, whole = hold("hal", 2, 30), hold("ida", 1), book("bob", 2)
    big, next_one, third = book("cy", 3), book("dan", 1), book("eve", 2)
    steps: list[tuple[Command, int]] = [
        (held, 1), (kept, 2), (whole, 3), (big, 4), (next_one, 5), (third, 6),
        (Extend(held.order_id, 35), 7),
        (Confirm(kept.order_id), 8),
        (Cancel(whole.order_id, 1), 9),      # reduced: one is free, the head wants three
        (Cancel(big.order_id, 2), 10),       # now it wants one, and is offered it
        (Cancel(next_one.order_id, 1), 11),  # the whole of it: leaves the line
        (book("fay", 1), 50),                # the hold has expired: the third is offered its two
        (Confirm(third.order_id), 51),
        (Adjust(name="New name", capacity=9, waitlist_mode=WaitlistMode.BOOK, max_per_order=None), 120),
        (Close(), 121),
    ]  # fmt: skip
    for command, seconds in steps:
        commit(journal, outlet, owner.decide(command, at=NOW + seconds * SECOND))
        assert stored.is_as(owner), command
        rebuilt = taken_over(recovery)
        assert rebuilt.inventory.status == owner.inventory.status
        assert rebuilt.inventory.orders == owner.inventory.orders
        assert rebuilt.inventory.next_expiry == owner.inventory.next_expiry
        owner.lease.epoch = rebuilt.lease.epoch
    made = {type(change) for change in stored.changes()}
    assert made == set(Change.__args__)


def test_in_one_batch_and_one_by_one_the_same_is_stored(
    make_journal: MakeJournal, faults: Faults, stored: Stored
) -> None:
    for seed in range(4):
        stored.run("DELETE FROM events; DELETE FROM orders; DELETE FROM changes")
        chance, together, one_by_one = random.Random(seed), Owner(EVENT), Owner(OTHER)
        at_once = make_journal(faults.connect, Outlet())
        at_once.append(together.open(6))
        turns = make_journal(faults.connect, outlet := Outlet())
        turns.start()
        commit(turns, outlet, one_by_one.open(6))
        for turn in range(120):
            command, now = anything(chance, together.inventory), NOW + turn * 40 * SECOND
            at_once.append(together.decide(command, at=now))
            commit(turns, outlet, one_by_one.decide(command, at=now))
        at_once.start()
        assert at_once.end()
        assert stored.is_as(together)
        assert stored.is_as(one_by_one)
        assert stored.order_rows(EVENT) == stored.order_rows(OTHER)


def test_the_next_expiry_goes_out_with_the_status(journal: Journal, outlet: Outlet) -> None:
    owner = Owner()
    journal.append(owner.open(2, hold(seconds=10), hold(seconds=5)))
    outlet.answers(3)
    assert outlet.settled[-1].next_expiry == NOW + 5 * SECOND
    commit(journal, outlet, owner.decide(book(), at=NOW + 7 * SECOND))
    assert outlet.settled[-1].next_expiry == NOW + 10 * SECOND


def test_whose_event_has_moved_is_told_so(
    journal: Journal, outlet: Outlet, recovery: DatabaseRecovery
) -> None:
    owner = Owner()
    commit(journal, outlet, owner.open(2))
    taken_over(recovery)
    commit(journal, outlet, owner.decide(book()))
    assert outlet.settled[-1].gone
    assert outlet.settled[-1].ended


def test_counters_that_do_not_add_up_are_refused_whichever_they_are(
    journal: Journal, outlet: Outlet, stored: Stored, recovery: DatabaseRecovery
) -> None:
    owner = Owner()
    commit(journal, outlet, owner.open(2, hold(quantity=2), book("ann", 2)))
    assert isinstance(recovery.load(EVENT), Recovered)
    for broken, mended in (
        ("held = held - 1, offered = offered + 1", "held = held + 1, offered = offered - 1"),
        ("waiting_tickets = waiting_tickets + 1", "waiting_tickets = waiting_tickets - 1"),
        ("held = held - 1, available = available + 1", "held = held + 1, available = available - 1"),
    ):
        stored.run(f"UPDATE events SET {broken}")
        assert isinstance(recovery.load(EVENT), Corrupt), broken
        stored.run(f"UPDATE events SET {mended}")
    assert isinstance(recovery.load(EVENT), Recovered)


def test_tickets_that_became_free_after_the_sale_are_not_idle(
    journal: Journal, outlet: Outlet, recovery: DatabaseRecovery
) -> None:
    owner, first = Owner(), book("ann", 2)
    closes = Terms(sales_close_at=Instant(NOW + 10 * SECOND))
    commit(journal, outlet, owner.open(2, first, book("bob", 1), terms=closes))
    commit(journal, outlet, owner.decide(Cancel(first.order_id), at=NOW + 11 * SECOND))
    assert owner.inventory.status.available == 2
    found = recovery.load(EVENT)
    assert isinstance(found, Recovered)
    reopened = Owner(EVENT, found.inventory, found.epoch)
    commit(journal, outlet, reopened.decide(Adjust(sales_close_at=None), at=NOW + 12 * SECOND))
    assert reopened.inventory.status.booked == 1


def test_a_booking_that_is_new_and_one_that_is_old_change_in_the_same_batch(
    waiting_journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    owner, old = Owner(), book("ann", 2)
    waiting_journal.append(owner.open(2, old))
    waiting_journal.append(owner.decide(Adjust(capacity=4), Book(new_order_id(), old.customer, 2)))
    waiting_journal.append(owner.decide(Cancel(old.order_id, 1), Adjust(capacity=3)))
    waiting_journal.start()
    outlet.answers(6)
    assert stored.is_as(owner)
    assert owner.inventory.status.capacity == owner.inventory.status.booked == 3
