"""What the directory does about holds and offers: it tells their events in time, and keeps those events."""

from collections.abc import Iterator

import pytest

from boxoffice.actors.changes import OrderExpired
from boxoffice.actors.directory import PASSIVATED_AT_ONCE, TICKED_AT_ONCE, Bounds
from boxoffice.actors.messages import EventUnavailable, Ticked
from boxoffice.actors.ports import Recovered, Settled
from boxoffice.actors.values import EventId, OrderId
from tests.unit.desk import after
from tests.unit.house import (
    BOUNDS,
    EVENT,
    OTHER,
    House,
    book,
    committed,
    confirm,
    find,
    hold,
    lost,
    with_a_hold,
)


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.close()


def test_an_event_is_told_when_a_hold_of_its_is_overdue(house: House) -> None:
    house.directory.adopt(Recovered(with_a_hold(seconds=30), epoch=1))
    assert house.ticked(29.9) == []
    (entry,) = house.ticked(30)
    assert entry.changes == [OrderExpired(3, after(30), OrderId("holder"), ())]
    assert [answered.answer for answered in entry.answers] == [Ticked(3)]
    assert house.directory.in_flight == 1, "it is counted like every other request"
    house.directory.settle(committed(entry))
    assert house.directory.in_flight == 0
    assert house.ticked(1_000) == []


def test_an_event_is_told_of_a_hold_that_was_taken_here(house: House) -> None:
    house.adopt(EVENT, OTHER)
    house.directory.settle(committed(house.entry(EVENT, hold("ann", 30))))
    house.directory.settle(committed(house.entry(OTHER, hold("bob", 20))))
    house.directory.settle(committed(house.entry(OTHER, hold("cat", 40))))
    (entry,) = house.ticked(20)
    assert entry.lease.event_id == OTHER
    house.directory.settle(committed(entry))
    assert [each.lease.event_id for each in house.ticked(40)] == [EVENT, OTHER]


def test_an_event_is_not_told_of_a_hold_that_is_not_durable_yet(house: House) -> None:
    house.adopt(EVENT)
    house.entry(EVENT, hold("ann", 30))
    assert house.ticked(30) == []


def test_an_event_is_not_told_of_a_hold_that_was_confirmed(house: House) -> None:
    house.directory.adopt(Recovered(with_a_hold(seconds=30), epoch=1))
    house.directory.settle(committed(house.entry(EVENT, confirm("holder"))))
    assert house.ticked(1_000) == []


def test_an_event_that_was_loaded_is_told_of_the_holds_it_came_with(house: House) -> None:
    house.recovery.found[EVENT] = Recovered(with_a_hold(seconds=30), epoch=2)
    house.directory.settle(committed(house.entry()))
    (loaded,) = house.outlet.settled
    house.directory.settle(loaded)
    assert [each.lease.event_id for each in house.ticked(30)] == [EVENT]


def test_an_event_that_is_not_resident_any_more_is_loaded_to_be_told(house: House) -> None:
    house.adopt(EVENT)
    house.directory.settle(committed(house.entry(EVENT, hold("ann", 30))))
    house.directory.settle(lost(house.entry(EVENT, book("bob"))))
    assert house.directory.status(EVENT) is None
    house.recovery.found[EVENT] = Recovered(with_a_hold(seconds=30), epoch=2)
    (entry,) = house.ticked(30)
    assert house.recovery.loads == [EVENT]
    assert entry.lease.epoch == 2
    assert [type(change) for change in entry.changes] == [OrderExpired]


def test_an_event_that_was_told_and_says_nothing_is_told_again_a_second_later(house: House) -> None:
    house.directory.adopt(Recovered(with_a_hold(seconds=30), epoch=1))
    (entry,) = house.ticked(30)
    assert house.ticked(30.9) == []
    house.directory.settle(lost(entry))
    house.recovery.found[EVENT] = Recovered(with_a_hold(seconds=30), epoch=2)
    (again,) = house.ticked(31)
    assert again.lease.epoch == 2
    house.outlet.until(lambda: bool(house.outlet.settled))
    house.directory.settle(house.outlet.settled[-1])
    house.directory.settle(committed(again))
    assert house.ticked(1_000) == []


def test_an_event_that_has_too_much_under_way_is_told_a_second_later(house: House) -> None:
    house.directory.adopt(Recovered(with_a_hold(seconds=30), epoch=1))
    entry = house.entry(EVENT, find("a"), find("b"), find("c"))
    assert house.ticked(30) == []
    house.directory.settle(committed(entry))
    assert house.ticked(30.9) == []
    assert len(house.ticked(31)) == 1


def test_after_closing_no_event_is_told(house: House) -> None:
    house.directory.adopt(Recovered(with_a_hold(seconds=30), epoch=1))
    house.directory.close()
    assert house.ticked(30) == []
    assert house.directory.in_flight == 0


def test_an_event_that_is_shut_is_not_told_until_its_quarantine_is_over(house: House) -> None:
    house.directory.adopt(Recovered(with_a_hold(seconds=30), epoch=1))
    entry = house.entry()
    refused = EventUnavailable("a row too few")
    house.directory.settle(Settled(entry.lease, entry.answers, ended=True, refused=refused))
    assert house.ticked(30) == []
    house.recovery.found[EVENT] = Recovered(with_a_hold(seconds=30), epoch=2)
    house.time.now_s += BOUNDS.quarantine_s
    assert len(house.ticked(60)) == 1


def test_an_event_that_moved_to_another_server_is_not_told_any_more(house: House) -> None:
    house.directory.adopt(Recovered(with_a_hold(seconds=30), epoch=1))
    house.directory.settle(lost(house.entry(), gone=True))
    assert house.ticked(1_000) == []
    assert house.recovery.loads == []


def test_an_event_that_is_no_more_is_told_once_and_not_for_ever(house: House) -> None:
    house.directory.adopt(Recovered(with_a_hold(seconds=30), epoch=1))
    house.directory.settle(lost(house.entry()))
    house.directory.end_overdue(after(30))
    house.outlet.until(lambda: bool(house.outlet.settled))
    house.directory.settle(house.outlet.settled[-1])
    assert house.ticked(1_000) == []
    assert house.recovery.loads == [EVENT]
    assert house.directory.in_flight == 0


def test_the_late_word_that_an_older_lease_moved_does_not_stop_the_newer_one(house: House) -> None:
    house.directory.adopt(Recovered(with_a_hold(seconds=30), epoch=1))
    first, second = house.entry(), house.entry(EVENT, book("bob"))
    house.directory.settle(lost(first))
    house.directory.adopt(Recovered(with_a_hold(seconds=30), epoch=2))
    house.directory.settle(lost(second, gone=True))
    assert len(house.ticked(30)) == 1


def test_so_many_events_are_told_at_once_and_the_others_the_next_time() -> None:
    house = House(Bounds())
    for number in range(TICKED_AT_ONCE + 1):
        house.directory.adopt(Recovered(with_a_hold(EventId(number), seconds=30), epoch=1))
    try:
        assert [len(house.ticked(30)) for _ in range(3)] == [TICKED_AT_ONCE, 1, 0]
    finally:
        house.close()


def test_an_event_with_a_hold_to_end_is_kept_however_long_it_is_idle(house: House) -> None:
    house.adopt(OTHER)
    house.directory.adopt(Recovered(with_a_hold(seconds=30), epoch=1))
    house.time.now_s += BOUNDS.idle_max_s
    assert house.directory.passivate() == 1
    assert house.directory.status(OTHER) is None
    assert house.directory.status(EVENT) is not None
    (entry,) = house.ticked(30)
    house.directory.settle(committed(entry))
    house.time.now_s += BOUNDS.idle_max_s
    assert house.directory.passivate() == 1
    assert house.directory.status(EVENT) is None


def test_many_events_with_holds_do_not_keep_the_idle_ones_behind_them(house: House) -> None:
    for number in range(PASSIVATED_AT_ONCE):
        house.directory.adopt(Recovered(with_a_hold(EventId(number)), epoch=1))
    house.adopt(EventId(PASSIVATED_AT_ONCE))
    house.time.now_s += BOUNDS.idle_max_s
    assert [house.directory.passivate() for _ in range(3)] == [0, 1, 0]
