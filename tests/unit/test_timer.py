"""The one heap of expiries: whom it names, when, and that what is out of date does not pile up in it."""

import pytest

from boxoffice.actors.timer import AGAIN, STALE_MAX, ExpiryTimer
from boxoffice.actors.values import SECOND, EventId, Instant

FIRST, OTHER, THIRD = EventId(1), EventId(2), EventId(3)


def at(seconds: float) -> Instant:
    return Instant(round(seconds * SECOND))


def overdue(timer: ExpiryTimer, seconds: float, most: int = 100) -> list[EventId]:
    return timer.overdue(at(seconds), most)


@pytest.fixture
def timer() -> ExpiryTimer:
    return ExpiryTimer()


def test_a_new_timer_has_nobody_to_name(timer: ExpiryTimer) -> None:
    assert overdue(timer, 1_000) == []
    assert FIRST not in timer


def test_an_event_is_named_from_its_moment_on_and_not_before(timer: ExpiryTimer) -> None:
    timer.set(FIRST, at(10))
    assert FIRST in timer
    assert timer.overdue(Instant(at(10) - 1), 100) == []
    assert overdue(timer, 10) == [FIRST]


def test_the_longest_overdue_is_named_first(timer: ExpiryTimer) -> None:
    for event_id, seconds in ((FIRST, 12), (OTHER, 10), (THIRD, 11)):
        timer.set(event_id, at(seconds))
    assert overdue(timer, 20) == [OTHER, THIRD, FIRST]


def test_so_many_are_named_at_once_and_the_others_the_next_time(timer: ExpiryTimer) -> None:
    for event_id in (FIRST, OTHER, THIRD):
        timer.set(event_id, at(event_id))
    assert overdue(timer, 10, most=2) == [FIRST, OTHER]
    assert overdue(timer, 10, most=2) == [THIRD]
    assert overdue(timer, 10, most=2) == []


def test_whoever_was_named_is_named_again_a_second_later_unless_something_was_heard(
    timer: ExpiryTimer,
) -> None:
    timer.set(FIRST, at(10))
    timer.set(OTHER, at(10))
    assert overdue(timer, 10) == [FIRST, OTHER]
    timer.set(OTHER, None)
    assert overdue(timer, 10.9) == []
    assert overdue(timer, 10 + AGAIN / SECOND) == [FIRST]
    assert overdue(timer, 10 + 2 * AGAIN / SECOND) == [FIRST]
    assert FIRST in timer


def test_an_event_whose_expiry_was_moved_is_named_at_the_new_one_and_once(timer: ExpiryTimer) -> None:
    timer.set(FIRST, at(10))
    timer.set(FIRST, at(20))
    assert overdue(timer, 15) == []
    assert overdue(timer, 20) == [FIRST]
    timer.set(FIRST, at(40))
    timer.set(FIRST, at(30))
    assert overdue(timer, 30) == [FIRST]
    timer.set(FIRST, None)
    assert overdue(timer, 50) == []


def test_an_event_without_an_expiry_is_not_named(timer: ExpiryTimer) -> None:
    timer.set(FIRST, at(10))
    timer.set(FIRST, None)
    timer.set(OTHER, None)
    assert FIRST not in timer
    assert overdue(timer, 1_000) == []


def test_an_expiry_that_was_taken_back_and_set_again_is_named_once(timer: ExpiryTimer) -> None:
    timer.set(FIRST, at(10))
    timer.set(FIRST, None)
    timer.set(FIRST, at(10))
    assert overdue(timer, 10) == [FIRST]
    assert overdue(timer, 10) == []


def test_the_same_expiry_set_again_and_again_takes_no_room(timer: ExpiryTimer) -> None:
    for _ in range(1_000):
        timer.set(FIRST, at(10))
    assert len(timer._heap) == 1


def test_what_is_out_of_date_does_not_pile_up(timer: ExpiryTimer) -> None:
    events = [EventId(number) for number in range(1, 11)]
    for round_ in range(1, 2_001):
        for event_id in events:
            timer.set(event_id, at(1_000 + round_ + event_id / 100))
        assert len(timer._heap) <= 2 * len(events) + STALE_MAX
    assert overdue(timer, 2_999) == []
    assert overdue(timer, 3_001) == events


def test_what_was_set_and_taken_back_does_not_pile_up_either(timer: ExpiryTimer) -> None:
    timer.set(OTHER, at(9_000))
    for seconds in range(1, 5_001):
        timer.set(FIRST, at(seconds))
        timer.set(FIRST, None)
    assert len(timer._heap) <= 4 + STALE_MAX
    assert overdue(timer, 9_000) == [OTHER]
