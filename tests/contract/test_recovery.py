"""What is rebuilt is what was there, or it is refused: one event, and all of them."""

import random

import pytest
from sqlalchemy import Engine, event

from boxoffice.actors.inventory import Inventory
from boxoffice.actors.ports import Corrupt, DatabaseAway, Entry, Missing, Recovered
from boxoffice.actors.values import EventId, Instant
from boxoffice.persistence.database import make_engine
from boxoffice.persistence.recovery import DatabaseRecovery
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
    anything,
    book,
    taken_over,
)


def same(one: Inventory, other: Inventory) -> bool:
    """Whether they are the same, down to the time that each knows and what each would decide."""
    return (
        one.status == other.status
        and one.orders == other.orders
        and one.line == other.line
        and one._at == other._at
        and one.next_expiry == other.next_expiry
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_long_history_is_rebuilt_as_it_was_lived(
    seed: int, journal: Journal, outlet: Outlet, stored: Stored, recovery: DatabaseRecovery
) -> None:
    chance = random.Random(seed)
    owners = [Owner(event_id) for event_id in (EVENT, OTHER, THIRD)]
    entries = [owner.open(chance.randint(3, 12)) for owner in owners]
    now = NOW
    for _ in range(250):
        owner = chance.choice(owners)
        now = Instant(now + chance.choice([-5, 0, 1, 999_999, 60_000_000, 3_600_000_000]))
        commands = [anything(chance, owner.inventory) for _ in range(chance.randint(1, 4))]
        entries.append(owner.decide(*commands, at=now))
    for entry in entries:
        journal.append(entry)
    assert journal.end()
    assert len(outlet.answers(len(answers_of(*entries)))) > 250
    for owner in owners:
        assert owner.inventory.version > 30
        assert stored.is_as(owner), "the log and the counters"
        assert same(taken_over(recovery, owner.lease.event_id).inventory, owner.inventory)
    for found, owner in zip(recovery.load_open(), owners, strict=True):
        assert isinstance(found, Recovered)
        assert same(found.inventory, owner.inventory)
        assert found.epoch == 3


def test_history_goes_on_from_what_is_rebuilt(
    journal: Journal, outlet: Outlet, stored: Stored, recovery: DatabaseRecovery
) -> None:
    chance, owner, lived = random.Random(4), Owner(), Owner()
    opening = owner.open(6)
    lived.open(6)
    journal.append(opening)
    outlet.answer_to(opening)
    for turn in range(40):
        owner = taken_over(recovery)
        commands = [anything(chance, owner.inventory) for _ in range(3)]
        entry = owner.decide(*commands, at=NOW + turn)
        journal.append(entry)
        assert outlet.answer_to(entry) == answers_of(lived.decide(*commands, at=NOW + turn))
    assert same(owner.inventory, lived.inventory)
    assert stored.is_as(lived)


def test_every_taking_over_raises_the_epoch(
    on_sale: Owner, stored: Stored, recovery: DatabaseRecovery
) -> None:
    assert stored.epoch() == 1
    assert [taken_over(recovery).lease.epoch for _ in range(3)] == [2, 3, 4]
    assert [found.epoch for found in recovery.load_open() if isinstance(found, Recovered)] == [5]
    assert stored.epoch() == 5


def test_one_event_taken_over_leaves_the_others_alone(
    on_sale: Owner, journal: Journal, outlet: Outlet, stored: Stored, recovery: DatabaseRecovery
) -> None:
    other = Owner(OTHER)
    journal.append(other.open())
    taken_over(recovery)
    entry = other.decide(book())
    journal.append(entry)
    assert outlet.answer_to(entry) == answers_of(entry)
    assert stored.epoch(OTHER) == 1


def test_orders_of_one_moment_share_it_in_memory(
    journal: Journal, outlet: Outlet, recovery: DatabaseRecovery
) -> None:
    owner = Owner()
    journal.append(owner.open(5, book(), book()))
    journal.append(owner.decide(book(), at=NOW + 1))
    outlet.answers(4)
    one, other, later = taken_over(recovery).inventory.orders
    assert one.created_at is other.created_at
    assert (one.created_at, later.created_at) == (NOW, NOW + 1)


def test_there_is_no_event_like_that(recovery: DatabaseRecovery, on_sale: Owner) -> None:
    assert recovery.load(OTHER) == Missing()


def test_a_database_without_events_has_nothing_to_rebuild(recovery: DatabaseRecovery) -> None:
    assert recovery.count() == 0
    assert list(recovery.load_open()) == []


def test_all_events_come_in_the_order_of_their_ids_with_and_without_orders(
    journal: Journal, outlet: Outlet, recovery: DatabaseRecovery
) -> None:
    owners = [Owner(EventId(number)) for number in (31, 4, 15, 9, 26)]
    for number, owner in enumerate(owners):
        journal.append(owner.open(5, *[book()] * (number % 2)))
    outlet.answers(7)
    assert recovery.count() == 5
    found = [found.inventory for found in recovery.load_open() if isinstance(found, Recovered)]
    expected = [owner.inventory for owner in sorted(owners, key=lambda owner: owner.lease.event_id)]
    assert [inventory.status for inventory in found] == [inventory.status for inventory in expected]
    assert all(map(same, found, expected))


@pytest.fixture
def on_sale(journal: Journal, outlet: Outlet) -> Owner:
    """Three tickets, two of them booked by one order, a party of two in line and one behind it."""
    owner = Owner()
    journal.append(owner.open(3, book("ada", 2), book("ben", 2), book("cem", 1)))
    outlet.answers(4)
    return owner


DAMAGE = {
    "a confirmed order is gone": "DELETE FROM orders WHERE customer = 'ada'",
    "the first in line is gone": "DELETE FROM orders WHERE customer = 'ben'",
    "the last in line is gone": "DELETE FROM orders WHERE customer = 'cem'",
    "all orders are gone": "DELETE FROM orders",
    "a cancellation is half there": "UPDATE orders SET status = 'cancelled' WHERE customer = 'ada'",
    "an order has more tickets": "UPDATE orders SET quantity = 3 WHERE customer = 'ada'",
    "more is booked than there is": "UPDATE orders SET quantity = 4 WHERE customer = 'ada'",
    "a promotion is half there": (
        "UPDATE orders SET status = 'confirmed', place = NULL WHERE customer = 'cem'"
    ),
    "two have the same place": "UPDATE orders SET place = 3 WHERE place IS NOT NULL",
    "the counters are others": "UPDATE events SET available = 0, booked = 3",
    "the line is longer": "UPDATE events SET waiting = waiting + 1",
    "the capacity is another": "UPDATE events SET capacity = 4, available = 2",
    "the head of the line fits": "UPDATE orders SET quantity = 1 WHERE customer = 'ben'",
    "the head of the line is another, and fits": "UPDATE orders SET place = 1 WHERE customer = 'cem'",
    "an order that nobody made": (
        "INSERT INTO orders SELECT event_id, gen_random_uuid(), 'eve', 1, 'confirmed', NULL, 1, now()"
        " FROM orders LIMIT 1"
    ),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_an_event_that_contradicts_itself_is_refused_and_the_others_are_not(
    damage: str,
    on_sale: Owner,
    journal: Journal,
    outlet: Outlet,
    stored: Stored,
    recovery: DatabaseRecovery,
) -> None:
    stored.run(damage)
    others = [Owner(EventId(EVENT - 1)), Owner(EventId(EVENT + 1))]
    for owner in others:
        journal.append(owner.open(5, book()))
    outlet.answers(8)
    found = recovery.load(EVENT)
    assert isinstance(found, Corrupt)
    assert found.event_id == EVENT
    before, corrupt, after = recovery.load_open()
    assert corrupt == found
    assert isinstance(before, Recovered)
    assert isinstance(after, Recovered)
    assert same(before.inventory, others[0].inventory)
    assert same(after.inventory, others[1].inventory)


def test_an_event_that_has_been_mended_is_taken_over_again(
    on_sale: Owner, stored: Stored, recovery: DatabaseRecovery
) -> None:
    stored.run("UPDATE events SET waiting = waiting + 1")
    assert isinstance(recovery.load(EVENT), Corrupt)
    stored.run("UPDATE events SET waiting = waiting - 1")
    assert same(taken_over(recovery).inventory, on_sale.inventory)


def test_orders_without_an_event_do_no_harm_to_the_events_there_are(
    on_sale: Owner, journal: Journal, outlet: Outlet, stored: Stored, recovery: DatabaseRecovery
) -> None:
    """Somebody deleted it, and not what belongs to it."""
    lost, other = Owner(EventId(EVENT - 1)), Owner(OTHER)
    journal.append(lost.open(5, book()))
    journal.append(other.open(5, book()))
    outlet.answers(8)
    stored.run("DELETE FROM events WHERE id = %s", lost.lease.event_id)
    found = [found for found in recovery.load_open() if isinstance(found, Recovered)]
    assert [recovered.inventory.status for recovered in found] == [
        on_sale.inventory.status,
        other.inventory.status,
    ]


def test_an_event_created_meanwhile_by_another_server_does_no_harm_to_the_others(
    on_sale: Owner, journal: Journal, outlet: Outlet, engine: Engine, recovery: DatabaseRecovery
) -> None:
    """It had its id early and was committed late: between the rebuild's two queries."""
    created = Owner(EventId(EVENT - 1)).open(5, book())

    def create(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM orders" in statement and not outlet_has(created):
            journal.append(created)
            outlet.answer_to(created)

    def outlet_has(entry: Entry) -> bool:
        return any(settled.lease is entry.lease for settled in outlet.settled)

    event.listen(engine, "before_cursor_execute", create)
    (found,) = recovery.load_open()
    assert outlet_has(created)
    assert isinstance(found, Recovered), found
    assert same(found.inventory, on_sale.inventory)


def test_an_unreachable_database_is_away(engine: Engine) -> None:
    nowhere = make_engine(engine.url.set(database="no_such_database"))
    recovery = DatabaseRecovery(nowhere)
    with pytest.raises(DatabaseAway):
        recovery.load(EVENT)
    with pytest.raises(DatabaseAway):
        list(recovery.load_open())
    with pytest.raises(DatabaseAway):
        recovery.count()
    nowhere.dispose()


def test_a_connection_lost_while_rebuilding_is_away_and_takes_nothing_over(
    on_sale: Owner, journal: Journal, outlet: Outlet, stored: Stored, recovery: DatabaseRecovery
) -> None:
    other = Owner(OTHER)
    journal.append(other.open())
    outlet.answers(5)
    rebuilding = recovery.load_open()
    assert next(rebuilding)
    assert stored.end_sessions("boxoffice") == 1
    with pytest.raises(DatabaseAway):
        list(rebuilding)
    assert (stored.epoch(EVENT), stored.epoch(OTHER)) == (1, 1)
    assert taken_over(recovery).lease.epoch == 2
