"""Who is not where the database is, or not its owner any more, writes nothing, and is told so."""

import threading
from collections.abc import Callable
from typing import TypeAlias

import pytest

from boxoffice.actors.changes import TicketsBooked
from boxoffice.actors.messages import (
    Adjust,
    Answer,
    Book,
    Booked,
    Cancel,
    EventMoved,
    Find,
    Initialize,
    NotApplied,
)
from boxoffice.actors.ports import Entry
from boxoffice.actors.values import OrderId
from boxoffice.persistence.recovery import DatabaseRecovery
from tests.contract.conftest import MakeJournal
from tests.contract.faults import Faults
from tests.contract.journals import Journal
from tests.contract.support import (
    EVENT,
    OTHER,
    Outlet,
    Owner,
    Stored,
    answers_of,
    book,
    eventually,
    taken_over,
)

Decide: TypeAlias = Callable[[Owner], Entry]


@pytest.fixture
def on_sale(journal: Journal, outlet: Outlet) -> Owner:
    """The owner of an event with five tickets and one booking."""
    owner = Owner()
    journal.append(owner.open(5, book("first")))
    outlet.answers(2)
    return owner


def everything(stored: Stored) -> list[object]:
    """All rows of all tables."""
    return [
        stored.rows(f"SELECT t::text FROM {table} t ORDER BY 1") for table in ("events", "orders", "changes")
    ]


def refused(outlet: Outlet, entry: Entry) -> bool:
    """Whether all of it was answered as not applied, and its owner is done for."""
    answers = outlet.answer_to(entry)
    last = next(settled for settled in reversed(outlet.settled) if settled.lease is entry.lease)
    return (
        all(isinstance(answer, EventMoved | NotApplied) for answer in answers)
        and entry.lease.lost
        and last.ended
        and last.status is None
    )


def a_change(owner: Owner) -> Entry:
    return owner.decide(book("late"), Cancel(owner.inventory.orders[0].id))


def an_adjustment(owner: Owner) -> Entry:
    """What is written by a statement of its own."""
    return owner.decide(Adjust(name="Another", max_per_order=3))


def a_look(owner: Owner) -> Entry:
    return owner.decide(Find(owner.inventory.orders[0].id))


@pytest.mark.parametrize("decide", [a_change, an_adjustment, a_look])
def test_a_former_owner_writes_nothing_and_knows_nothing(
    decide: Decide, journal: Journal, outlet: Outlet, stored: Stored,
    recovery: DatabaseRecovery, on_sale: Owner,
) -> None:  # fmt: skip
    taken_over(recovery)
    before = everything(stored)
    entry = decide(on_sale)
    journal.append(entry)
    assert refused(outlet, entry)
    assert everything(stored) == before


@pytest.mark.parametrize("decide", [a_change, an_adjustment, a_look])
@pytest.mark.parametrize("drift", [-1, 1])
def test_memory_at_another_version_writes_nothing_and_knows_nothing(
    decide: Decide, drift: int, journal: Journal, outlet: Outlet, stored: Stored,
    on_sale: Owner,
) -> None:  # fmt: skip
    stored.run("UPDATE events SET version = version + %s", drift)
    before = everything(stored)
    entry = decide(on_sale)
    journal.append(entry)
    assert refused(outlet, entry)
    assert everything(stored) == before


def test_an_owner_of_the_future_does_not_match_either(
    journal: Journal, outlet: Outlet, stored: Stored, on_sale: Owner
) -> None:
    entry = Owner(EVENT, on_sale.inventory, epoch=2).decide(book("late"))
    journal.append(entry)
    assert refused(outlet, entry)


def test_the_other_events_of_the_batch_are_committed(
    make_journal: MakeJournal, faults: Faults, stored: Stored, recovery: DatabaseRecovery, on_sale: Owner
) -> None:
    outlet = Outlet()
    journal, other = make_journal(faults.connect, outlet), Owner(OTHER)
    taken_over(recovery)
    before = stored.status(EVENT), stored.orders(EVENT), stored.changes(EVENT)
    late, fine = a_change(on_sale), other.open(5, book())
    journal.append(late)
    journal.append(fine)
    journal.start()
    assert outlet.answer_to(fine) == answers_of(fine)
    assert refused(outlet, late)
    assert stored.is_as(other)
    assert (stored.status(EVENT), stored.orders(EVENT), stored.changes(EVENT)) == before


def test_a_stale_look_in_a_batch_with_another_events_bookings_is_refused(
    make_journal: MakeJournal, faults: Faults, stored: Stored, recovery: DatabaseRecovery, on_sale: Owner
) -> None:
    outlet = Outlet()
    journal, other = make_journal(faults.connect, outlet), Owner(OTHER)
    taken_over(recovery)
    look, fine = a_look(on_sale), other.open(5, book())
    journal.append(fine)
    journal.append(look)
    journal.start()
    assert outlet.answer_to(fine) == answers_of(fine)
    assert refused(outlet, look)


def test_rows_are_locked_in_the_order_of_their_events_whatever_is_done_to_them(
    make_journal: MakeJournal, faults: Faults, stored: Stored
) -> None:
    """Two servers would wait for each other if one had the second before the first."""
    first, second = Owner(EVENT), Owner(OTHER)
    for entries in (
        [first.open(), second.open()],
        [second.decide(Adjust(name="Another")), first.decide(book())],
    ):
        outlet = Outlet()
        journal = make_journal(faults.connect, outlet)
        for entry in entries:
            journal.append(entry)
        with stored.holding(EVENT):
            journal.start()
            if entries[0].base_version:
                eventually(stored.waits_for_a_lock)
                free = stored.rows("SELECT id FROM events WHERE id = %s FOR UPDATE SKIP LOCKED", OTHER)
                assert free == [(OTHER,)]
        assert [outlet.answer_to(entry) for entry in entries] == [answers_of(entry) for entry in entries]
    assert stored.is_as(first)
    assert stored.is_as(second)


def test_what_stands_on_a_lost_lease_is_never_written(
    journal: Journal, outlet: Outlet, stored: Stored, recovery: DatabaseRecovery, on_sale: Owner
) -> None:
    """Not even if the database should come to match again."""
    taken_over(recovery)
    entries = [a_change(on_sale), on_sale.decide(book("later"))]
    for entry in entries:
        journal.append(entry)
        assert refused(outlet, entry)
    behind = on_sale.decide(book("latest"))
    stored.run("UPDATE events SET owner_epoch = 1, version = %s", behind.base_version)
    before = everything(stored)
    journal.append(behind)
    assert refused(outlet, behind)
    assert everything(stored) == before


def test_entries_queued_behind_a_loss_are_refused_and_others_are_not(
    journal: Journal, outlet: Outlet, stored: Stored, recovery: DatabaseRecovery, on_sale: Owner
) -> None:
    taking_over = recovery.load_open()
    assert next(taking_over)
    late = on_sale.decide(book())
    journal.append(late)
    eventually(stored.waits_for_a_lock)
    behind, looking, fine = on_sale.decide(book()), a_look(on_sale), Owner(OTHER).open(5, book())
    for entry in (behind, fine, looking):
        journal.append(entry)
    assert list(taking_over) == []
    assert refused(outlet, late)
    assert refused(outlet, behind)
    assert refused(outlet, looking)
    assert outlet.answer_to(fine) == answers_of(fine)
    assert stored.version(EVENT) == 2


def test_a_write_that_waits_for_the_taking_over_does_not_pass_it(
    journal: Journal, outlet: Outlet, stored: Stored, recovery: DatabaseRecovery, on_sale: Owner
) -> None:
    """The row that the fence has found changes under it: PostgreSQL looks at the new one."""
    taking_over = recovery.load_open()
    assert next(taking_over)
    late = on_sale.decide(book("late"))
    journal.append(late)
    eventually(stored.waits_for_a_lock)
    assert list(taking_over) == []
    assert refused(outlet, late)
    assert stored.version() == 2
    assert stored.orders() == [("first", 1, "confirmed", None)]


def test_two_leases_of_one_event_in_one_batch_are_held_to_the_fence_one_after_the_other(
    make_journal: MakeJournal, faults: Faults, stored: Stored, recovery: DatabaseRecovery, on_sale: Owner
) -> None:
    outlet = Outlet()
    journal = make_journal(faults.connect, outlet)
    former, latter = on_sale, taken_over(recovery)
    entries = [
        former.decide(book("a")),
        latter.decide(book("b")),
        former.decide(book("c")),
        latter.decide(book("d")),
    ]
    for entry in entries:
        journal.append(entry)
    journal.start()
    assert refused(outlet, entries[0])
    assert refused(outlet, entries[2])
    assert [outlet.answer_to(entry) for entry in entries[1::2]] == [answers_of(e) for e in entries[1::2]]
    assert stored.is_as(latter)


def test_a_second_event_of_the_same_id_is_refused_and_the_first_stays(
    journal: Journal, outlet: Outlet, stored: Stored, on_sale: Owner
) -> None:
    before = everything(stored)
    again = Owner().decide(Initialize("Another", 9))
    journal.append(again)
    assert refused(outlet, again)
    assert everything(stored) == before


def test_two_servers_on_one_database_make_each_version_once(
    make_journal: MakeJournal, faults: Faults, stored: Stored, recovery: DatabaseRecovery, on_sale: Owner
) -> None:
    """Each takes the event from the other again and again, and books as long as it is let."""
    booked: list[tuple[int, OrderId]] = []
    not_applied: set[OrderId] = set()
    start = threading.Barrier(2)

    def serve() -> None:
        outlet = Outlet()
        journal = make_journal(faults.connect, outlet)
        journal.start()
        start.wait(10)
        for round_ in range(1_000):
            if round_ >= 20 and not_applied:
                return
            owner = taken_over(recovery)
            for _ in range(3):
                commands = book("x"), book("y")
                entry = owner.decide(*commands)
                journal.append(entry)
                note(commands, outlet.answer_to(entry))

    def note(commands: tuple[Book, ...], answers: list[Answer]) -> None:
        for command, answer in zip(commands, answers, strict=True):
            if isinstance(answer, Booked):
                assert answer.order.id == command.order_id
                booked.append((answer.version, command.order_id))
            else:
                not_applied.add(command.order_id)

    stored.run("UPDATE events SET capacity = 100000, available = 99999")
    servers = [threading.Thread(target=serve) for _ in range(2)]
    for server in servers:
        server.start()
    for server in servers:
        server.join()
    log = [change for change in stored.changes() if isinstance(change, TicketsBooked)][1:]
    assert [change.version for change in log] == list(range(3, 3 + len(log)))
    assert sorted(booked) == [(change.version, change.order_id) for change in log]
    assert not_applied
    assert not not_applied & {change.order_id for change in log}
    assert len(stored.orders()) == 1 + len(log)


def test_the_fence_stands_at_read_committed_whatever_the_databases_default(
    journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    ((name,),) = stored.rows("SELECT current_database()")
    stored.run(f"ALTER DATABASE {name} SET default_transaction_isolation = serializable")
    stored.run("""
        CREATE TABLE seen (isolation text);
        CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO seen VALUES (current_setting('transaction_isolation')); RETURN NULL; END $$;
        CREATE TRIGGER looks AFTER INSERT ON changes FOR EACH STATEMENT EXECUTE FUNCTION look();
    """)
    owner = Owner()
    adjust = Adjust(capacity=5)
    for entry in (owner.open(), owner.decide(book()), owner.decide(adjust)):  # with statements of their own
        journal.append(entry)
        assert outlet.answer_to(entry) == answers_of(entry)
    assert stored.rows("SELECT isolation FROM seen") == [("read committed",)] * 3
