"""The one door to the events: who is let in, who is kept, who is shut out, and who is made anew."""

from collections.abc import Iterator

import msgspec
import pytest

from boxoffice.actors.directory import LOADERS, LOADS_BEGIN_WITHIN_S, PASSIVATED_AT_ONCE, Bounds
from boxoffice.actors.event_actor import QUICK_MAX, Requests
from boxoffice.actors.messages import (
    Booked,
    Cancel,
    EventMoved,
    EventUnavailable,
    EventUnknown,
    Initialize,
    Initialized,
    NotApplied,
    Overloaded,
)
from boxoffice.actors.ports import (
    Answered,
    Corrupt,
    DatabaseAway,
    Lease,
    Missing,
    Recovered,
    Request,
    Settled,
)
from boxoffice.actors.values import EventId, OrderId
from tests.unit.desk import after
from tests.unit.fakes import Gate, finish_turns
from tests.unit.house import (
    BOUNDS,
    EVENT,
    NOW,
    OTHER,
    THIRD,
    House,
    adjust,
    book,
    cancel,
    committed,
    confirm,
    find,
    hold,
    lost,
    on_sale,
    with_a_hold,
)


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.close()


# --- admission -----------------------------------------------------------------------------------


def test_an_event_may_have_so_many_requests_under_way(house: House) -> None:
    admitted = [house.directory.admit(EVENT) for _ in range(4)]
    assert admitted == [None, None, None, Overloaded()]
    assert house.directory.admit(OTHER) is None


def test_all_events_together_may_have_so_many_requests_under_way(house: House) -> None:
    admitted = [house.directory.admit(event_id) for event_id in (EVENT, EVENT, OTHER, OTHER, THIRD, THIRD)]
    assert admitted == [None] * 5 + [Overloaded()]


@pytest.mark.parametrize(
    ("before", "wanted", "admitted"), [(0, 1, 1), (0, 3, 3), (0, 4, 3), (1, 9, 2), (2, 1, 1), (3, 1, 0)]
)
def test_of_many_requests_at_once_as_many_are_admitted_as_one_by_one(
    house: House, before: int, wanted: int, admitted: int
) -> None:
    for _ in range(before):
        house.directory.admit(EVENT)
    refusal = None if admitted == wanted else Overloaded()
    assert house.directory.admit_many(EVENT, wanted) == (admitted, refusal)
    assert house.directory.in_flight == before + admitted
    assert house.directory.admit(EVENT) == (None if before + admitted < 3 else Overloaded())


def test_many_requests_at_once_are_bound_with_those_of_all_events(house: House) -> None:
    assert house.directory.admit_many(OTHER, 3) == (3, None)
    assert house.directory.admit_many(EVENT, 3) == (2, Overloaded())
    assert house.directory.admit_many(THIRD, 2) == (0, Overloaded())


def test_a_request_that_is_refused_is_not_counted_and_makes_no_actor(house: House) -> None:
    for _ in range(9):
        house.directory.admit(EVENT)
    assert house.directory.in_flight == 3
    assert house.recovery.loads == []


def test_each_answer_makes_room_for_one_more_request(house: House) -> None:
    house.adopt(EVENT)
    entry = house.entry(EVENT, book("ann"), book("bob"), book("cat"))
    assert house.directory.admit(EVENT) == Overloaded()
    house.directory.settle(Settled(entry.lease, entry.answers[:2]))
    assert house.directory.in_flight == 1
    assert [house.directory.admit(EVENT) for _ in range(3)] == [None, None, Overloaded()]


def test_the_answers_of_one_event_make_no_room_in_another(house: House) -> None:
    house.adopt(EVENT, OTHER)
    entry = house.entry(EVENT, book("ann"), book("bob"))
    house.ask(OTHER, book("ann"), book("bob"), book("cat"))
    house.directory.settle(committed(entry))
    assert house.directory.admit(OTHER) == Overloaded()
    assert house.directory.in_flight == 3


def test_once_all_is_answered_nothing_is_under_way(house: House) -> None:
    house.adopt(EVENT)
    for _ in range(3):
        house.directory.settle(committed(house.entry(EVENT, book("ann"), book("bob"))))
    assert house.directory.in_flight == 0


def test_after_closing_nobody_is_admitted_and_what_was_admitted_is_still_served(house: House) -> None:
    house.adopt(EVENT)
    assert house.directory.admit(EVENT) is None
    house.directory.close()
    assert house.directory.admit(EVENT) == NotApplied("the server is shutting down")
    assert house.directory.in_flight == 1
    house.directory.submit(EVENT, Requests(NOW, [book()]))
    house.journal.until(lambda: len(house.journal.entries) == 1)


# --- loading on demand ---------------------------------------------------------------------------


def test_an_event_is_loaded_once_when_somebody_asks_for_it(house: House) -> None:
    house.recovery.found[EVENT] = Recovered(on_sale(), epoch=4)
    house.recovery.hold()
    asked = [*house.ask(), *house.ask(EVENT, book("bob"))]
    house.recovery.release()
    house.journal.until(lambda: len(house.journal.entries) == 2)
    assert house.recovery.loads == [EVENT]
    assert [answered.request for entry in house.journal.entries for answered in entry.answers] == asked
    assert {entry.lease.epoch for entry in house.journal.entries} == {4}


def test_one_event_that_takes_long_to_load_does_not_hold_up_the_next(house: House) -> None:
    house.recovery.hold()
    house.ask(EVENT)
    house.ask(OTHER)
    house.recovery.until(lambda: len(house.recovery.loads) == LOADERS == 2)


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (Missing(), EventUnknown()),
        (Corrupt(EVENT, "a row too few"), EventUnavailable("a row too few")),
        (DatabaseAway("the database is away"), NotApplied("the database is away")),
        (ValueError("a bug"), NotApplied("the event could not be loaded")),
    ],
    ids=["missing", "corrupt", "away", "a bug"],
)
def test_whoever_asks_for_an_event_that_cannot_be_loaded_is_told_why(
    house: House, found: Missing | Corrupt | Exception, answer: object
) -> None:
    house.recovery.found[EVENT] = found
    (asked,) = house.ask()
    house.outlet.until_answered(asked)
    assert house.outlet.answers_to(asked) == [[answer]]


def test_an_event_that_could_not_be_loaded_is_loaded_again_for_the_next(house: House) -> None:
    house.recovery.found[EVENT] = DatabaseAway("the database is away")
    house.outlet.until_answered(*house.ask())
    for settled in house.outlet.settled:
        house.directory.settle(settled)
    assert house.directory.in_flight == 0
    house.recovery.found[EVENT] = Recovered(on_sale(), epoch=2)
    assert isinstance(house.entry().answers[0].answer, Booked)


def test_a_loader_outlives_what_a_load_raises(house: House) -> None:
    house.recovery.found = {EVENT: ValueError("a bug"), OTHER: ValueError("a bug")}
    house.outlet.until_answered(*house.ask(EVENT), *house.ask(OTHER))
    house.recovery.found[THIRD] = Recovered(on_sale(THIRD), epoch=2)
    house.entry(THIRD)


def test_a_new_event_needs_no_loading(house: House) -> None:
    assert house.directory.admit(EVENT) is None
    house.directory.submit_new(EVENT, Requests(NOW, [Request(Initialize("Concert", 5), None)]))
    house.journal.until(lambda: len(house.journal.entries) == 1)
    (entry,) = house.journal.entries
    assert isinstance(entry.answers[0].answer, Initialized)
    assert house.directory.status(EVENT) is None
    house.directory.settle(committed(entry))
    assert house.directory.status(EVENT) == entry.status
    assert house.recovery.loads == []


# --- at start-up ---------------------------------------------------------------------------------


def test_an_event_that_was_rebuilt_is_served_without_being_loaded(house: House) -> None:
    house.directory.adopt(Recovered(on_sale(), epoch=6))
    assert house.directory.status(EVENT) == on_sale().status
    assert house.entry().lease.epoch == 6
    assert house.recovery.loads == []


def test_an_event_that_contradicts_itself_at_start_up_is_shut(house: House) -> None:
    house.directory.adopt(Corrupt(EVENT, "a row too few"))
    assert house.directory.admit(EVENT) == EventUnavailable("a row too few")
    assert house.directory.status(EVENT) is None
    assert house.directory.admit(OTHER) is None


# --- quarantine ----------------------------------------------------------------------------------


def a_shut_event(house: House) -> None:
    """EVENT was asked for, found to be corrupt, and all of that is settled."""
    house.recovery.found[EVENT] = Corrupt(EVENT, "a row too few")
    house.outlet.until_answered(*house.ask())
    finish_turns(house.dispatcher)
    for settled in house.outlet.settled:
        house.directory.settle(settled)


def test_a_corrupt_event_is_shut_without_being_loaded_again(house: House) -> None:
    a_shut_event(house)
    assert [house.directory.admit(EVENT) for _ in range(3)] == [EventUnavailable("a row too few")] * 3
    assert house.directory.in_flight == 0
    assert house.recovery.loads == [EVENT]
    assert house.directory.admit(OTHER) is None


def test_a_quarantine_ends_when_its_time_is_up(house: House) -> None:
    a_shut_event(house)
    house.time.now_s += BOUNDS.quarantine_s - 0.1
    assert house.directory.admit(EVENT) == EventUnavailable("a row too few")
    house.time.now_s += 0.1
    house.recovery.found[EVENT] = Recovered(on_sale(), epoch=2)
    assert isinstance(house.entry().answers[0].answer, Booked)


def test_an_event_that_is_still_corrupt_is_shut_again(house: House) -> None:
    a_shut_event(house)
    house.time.now_s += BOUNDS.quarantine_s
    house.outlet.settled.clear()
    a_shut_event(house)
    assert house.directory.admit(EVENT) == EventUnavailable("a row too few")
    assert house.recovery.loads == [EVENT, EVENT]


def test_whoever_only_looks_at_a_shut_event_is_told_so_until_it_has_been_loaded_again(house: House) -> None:
    assert house.directory.refusal(EVENT) is None
    a_shut_event(house)
    house.outlet.settled.clear()
    house.recovery.found[EVENT] = Recovered(on_sale(), epoch=2)
    house.time.now_s += BOUNDS.quarantine_s - 0.1
    assert house.directory.refusal(EVENT) == EventUnavailable("a row too few")
    assert house.recovery.loads == [EVENT], "it is not over yet"
    house.time.now_s += 0.1
    assert house.directory.refusal(EVENT) == EventUnavailable("a row too few"), "it may not be mended"
    assert house.directory.refusal(EVENT) == EventUnavailable("a row too few")
    house.outlet.until(lambda: bool(house.outlet.settled))
    assert house.recovery.loads == [EVENT, EVENT], "who looks has it loaded, once"
    (loaded,) = house.outlet.settled
    house.directory.settle(loaded)
    assert house.directory.refusal(EVENT) is None
    assert house.directory.status(EVENT) == on_sale().status


def fail(house: House, times: int = 1) -> None:
    """The event's actor fails, and the event is loaded again for the next."""
    house.recovery.found[EVENT] = Recovered(on_sale(), epoch=2)
    for _ in range(times):
        entry = house.entry()
        house.directory.settle(msgspec.structs.replace(lost(entry), failed=True))


def test_an_event_that_fails_now_and_then_is_only_loaded_again(house: House) -> None:
    for _ in range(3 * BOUNDS.failures_max):
        fail(house, BOUNDS.failures_max - 1)
        assert house.directory.quarantined == {}
        house.time.now_s += BOUNDS.failures_within_s + 0.1


def test_an_event_that_fails_again_and_again_is_shut_for_a_while(house: House) -> None:
    fail(house, BOUNDS.failures_max)
    (reason,) = house.directory.quarantined.values()
    assert reason == "it failed 3 times in a short while"
    assert house.directory.admit(EVENT) == EventUnavailable(reason)
    assert house.directory.refusal(EVENT) == EventUnavailable(reason)
    assert house.directory.admit(OTHER) is None
    house.time.now_s += BOUNDS.quarantine_s
    fail(house)
    assert house.directory.admit(EVENT) == EventUnavailable("it failed 4 times in a short while")


def test_an_event_that_works_again_after_its_quarantine_is_open(house: House) -> None:
    fail(house, BOUNDS.failures_max)
    house.time.now_s += BOUNDS.quarantine_s
    house.outlet.settled.clear()
    assert isinstance(house.entry().answers[0].answer, Booked)
    for settled in house.outlet.settled:
        house.directory.settle(settled)
    assert house.directory.quarantined == {}
    assert house.directory.admit(EVENT) is None


# --- other servers -------------------------------------------------------------------------------


def lose(house: House) -> None:
    """Another server has taken the event over; the next to ask after that has it loaded again."""
    house.recovery.found[EVENT] = Recovered(on_sale(), epoch=2)
    moved = msgspec.structs.replace(lost(house.entry(), gone=True), refused=EventMoved())
    house.directory.settle(moved)


def left_alone_s(house: House) -> float:
    """How long nobody is let in, to a tenth of a second."""
    began_s = house.time.now_s
    while house.directory.admit(EVENT) == EventMoved():
        house.time.now_s += 0.1
    house.directory.settle(Settled(Lease(EVENT), [Answered(book(), EventMoved())]))
    return house.time.now_s - began_s


def test_an_event_that_moved_is_left_alone_for_longer_each_time(house: House) -> None:
    waits = []
    for _ in range(12):
        lose(house)
        waits.append(left_alone_s(house))
    for number, wait_s in enumerate(waits):
        about_s = min(BOUNDS.moved_max_s, BOUNDS.moved_s * 2**number)
        assert 0.5 * about_s - 0.1 <= wait_s <= 1.5 * about_s + 0.2
    assert len({round(wait_s, 1) for wait_s in waits[5:]}) > 3, "no two servers keep in step"


def test_an_event_that_stayed_for_long_is_given_up_for_as_short_as_the_first_time(house: House) -> None:
    for _ in range(5):
        lose(house)
        left_alone_s(house)
    house.time.now_s += 10 * BOUNDS.moved_max_s + 1
    lose(house)
    assert left_alone_s(house) <= 1.5 * BOUNDS.moved_s + 0.2


def test_whoever_only_looks_at_an_event_that_moved_is_sent_to_the_database(house: House) -> None:
    lose(house)
    assert house.directory.status(EVENT) is None
    assert house.directory.refusal(EVENT) is None
    assert house.directory.quarantined == {}
    assert house.directory.admit(EVENT) == EventMoved()
    assert house.recovery.loads == [EVENT], "looking has nothing loaded"


# --- the committed view --------------------------------------------------------------------------


def test_the_status_is_the_committed_one_and_not_the_actors(house: House) -> None:
    house.adopt(EVENT)
    first, second = house.entry(), house.entry(EVENT, book("bob"))
    assert house.directory.status(EVENT) == on_sale().status
    house.directory.settle(committed(first))
    assert house.directory.status(EVENT) == first.status
    house.directory.settle(lost(second))
    assert house.directory.status(EVENT) is None


def test_answers_that_change_nothing_leave_the_status_alone(house: House) -> None:
    house.adopt(EVENT)
    house.directory.settle(Settled(house.entry().lease, []))
    assert house.directory.status(EVENT) == on_sale().status


def test_an_event_that_nobody_asked_for_has_no_status_here(house: House) -> None:
    assert house.directory.status(EVENT) is None


def test_what_is_watched_is_named_once_whenever_something_of_it_is_committed(house: House) -> None:
    house.directory.watch(EVENT)
    house.adopt(EVENT, OTHER)
    assert house.directory.moved() == {EVENT}
    assert house.directory.moved() == set()
    first, second, others = house.entry(), house.entry(EVENT, book("bob")), house.entry(OTHER)
    assert house.directory.moved() == set(), "that is not committed yet"
    for entry in (first, second, others):
        house.directory.settle(committed(entry))
    assert house.directory.moved() == {EVENT}
    house.directory.settle(Settled(first.lease, []))
    assert house.directory.moved() == set(), "an answer is no news"
    house.directory.unwatch(EVENT)
    house.directory.unwatch(EVENT)
    house.directory.settle(committed(house.entry(EVENT, book("carl"))))
    assert house.directory.moved() == set()


# --- the end of an actor -------------------------------------------------------------------------


def test_an_event_whose_actor_has_ended_is_loaded_anew(house: House) -> None:
    house.adopt(EVENT)
    entry = house.entry()
    house.directory.settle(lost(entry))
    house.recovery.found[EVENT] = Recovered(on_sale(), epoch=2)
    again = house.entry()
    assert house.recovery.loads == [EVENT]
    assert again.lease is not entry.lease
    assert again.lease.epoch == 2


def a_dead_actor(house: House) -> list[Settled]:
    """EVENT's actor has failed, and the directory has not been told yet: returns what it will be told."""
    house.adopt(EVENT)
    failing = Request(Initialize("Concert", 5), None)  # a second one raises
    house.outlet.until_answered(*house.ask(EVENT, failing))
    finish_turns(house.dispatcher)
    return house.outlet.settled.copy()


def test_a_dead_actor_whose_end_is_still_on_its_way_is_replaced(house: House) -> None:
    a_dead_actor(house)
    house.recovery.found[EVENT] = Recovered(on_sale(), epoch=2)
    assert house.entry().lease.epoch == 2
    assert house.recovery.loads == [EVENT]


def test_the_late_word_of_an_older_actors_end_does_not_end_the_newer_one(house: House) -> None:
    late = a_dead_actor(house)
    house.recovery.found[EVENT] = Recovered(on_sale(), epoch=2)
    entry = house.entry()
    house.directory.settle(committed(entry))
    for settled in late:
        house.directory.settle(settled)
    assert house.directory.status(EVENT) == entry.status
    assert house.entry(EVENT, book("bob")).lease is entry.lease
    assert house.recovery.loads == [EVENT]


def test_a_late_status_of_an_older_actor_does_not_overwrite_the_newer_ones(house: House) -> None:
    house.adopt(EVENT)
    older = house.entry()
    house.directory.settle(Settled(older.lease, [], ended=True))
    house.recovery.found[EVENT] = Recovered(on_sale(), epoch=2)
    newer = house.entry(EVENT, book("ann"), book("bob"))
    house.directory.settle(committed(newer))
    house.directory.settle(committed(older))
    assert house.directory.status(EVENT) == newer.status
    assert house.directory.in_flight == 0


def test_what_is_lost_after_an_actor_was_forgotten_is_counted_all_the_same(house: House) -> None:
    house.adopt(EVENT)
    first, second = house.entry(), house.entry(EVENT, book("bob"))
    house.directory.settle(lost(first))
    house.directory.settle(lost(second))
    assert house.directory.in_flight == 0


# --- passivation ---------------------------------------------------------------------------------


def test_an_event_that_was_idle_for_long_is_forgotten_and_loaded_again_when_it_is_asked_for(
    house: House,
) -> None:
    house.adopt(EVENT)
    house.directory.settle(committed(house.entry()))
    house.time.now_s += BOUNDS.idle_max_s
    assert house.directory.passivate() == 1
    assert house.directory.status(EVENT) is None
    house.recovery.found[EVENT] = Recovered(on_sale(), epoch=2)
    assert house.entry(EVENT, book("bob")).lease.epoch == 2


def test_an_event_that_was_idle_for_less_is_kept(house: House) -> None:
    house.adopt(EVENT)
    house.time.now_s += BOUNDS.idle_max_s - 0.1
    assert house.directory.passivate() == 0
    assert house.directory.status(EVENT) is not None


def test_an_event_with_something_under_way_is_kept_however_long_it_takes(house: House) -> None:
    house.adopt(EVENT)
    entry = house.entry()
    house.time.now_s += BOUNDS.idle_max_s * 2
    assert house.directory.passivate() == 0
    house.directory.settle(committed(entry))
    assert house.directory.status(EVENT) == entry.status
    assert house.directory.passivate() == 1


def test_an_admitted_request_that_is_not_submitted_yet_keeps_its_event(house: House) -> None:
    house.adopt(EVENT)
    house.time.now_s += BOUNDS.idle_max_s
    assert house.directory.admit(EVENT) is None
    assert house.directory.passivate() == 0


def test_only_those_that_were_idle_for_long_are_forgotten(house: House) -> None:
    house.adopt(EVENT, OTHER, THIRD)
    house.time.now_s += BOUNDS.idle_max_s / 2
    house.directory.settle(committed(house.entry(EVENT)))
    house.time.now_s += BOUNDS.idle_max_s / 2
    assert house.directory.passivate() == 2
    known = [house.directory.status(event_id) is not None for event_id in (EVENT, OTHER, THIRD)]
    assert known == [True, False, False]


def test_so_many_are_forgotten_at_once_and_the_others_the_next_time(house: House) -> None:
    house.adopt(*(EventId(number) for number in range(PASSIVATED_AT_ONCE + 1)))
    house.time.now_s += BOUNDS.idle_max_s
    assert [house.directory.passivate() for _ in range(3)] == [PASSIVATED_AT_ONCE, 1, 0]


# --- the end -------------------------------------------------------------------------------------


def test_stopping_serves_first_what_was_submitted(house: House) -> None:
    house.adopt(EVENT)
    house.ask()
    house.directory.stop()
    house.dispatcher.stop()
    assert len(house.journal.entries) == 1
    assert house.directory.admit(EVENT) == NotApplied("the server is shutting down")


def test_whoever_is_looked_at_is_compared_with_the_database(house: House) -> None:
    house.adopt(EVENT, OTHER)
    house.directory.status(EVENT)
    house.directory.status(THIRD)
    assert house.directory.looked_at() == [EVENT]
    assert house.directory.looked_at() == []


def test_an_event_that_another_server_took_over_is_not_shown_from_memory(house: House) -> None:
    house.adopt(EVENT, OTHER)
    house.directory.compare({EVENT: 2, OTHER: 1, THIRD: 5})
    assert house.directory.status(EVENT) is None
    assert house.directory.admit(EVENT) == EventMoved()
    assert house.directory.status(OTHER) == on_sale(OTHER).status
    assert house.directory.admit(OTHER) is None


def test_what_was_admitted_just_before_an_event_moved_does_not_take_it_back(house: House) -> None:
    """A request is handed over a moment later, and meanwhile the event may be found to have moved."""
    house.adopt(EVENT)
    request = book()
    assert house.directory.admit(EVENT) is None
    house.directory.compare({EVENT: 2})
    house.directory.submit(EVENT, Requests(NOW, [request]))
    house.outlet.until_answered(request)
    assert house.outlet.answers_to(request) == [[EventMoved()]]
    for settled in house.outlet.settled:
        house.directory.settle(settled)
    assert (house.directory.in_flight, house.recovery.loads) == (0, [])


def test_an_event_that_is_just_being_loaded_is_not_taken_for_another_servers(house: House) -> None:
    house.recovery.hold()
    (asked,) = house.ask()
    house.directory.compare({EVENT: 9})
    house.recovery.found[EVENT] = Recovered(on_sale(), epoch=10)
    house.recovery.release()
    house.journal.until(lambda: len(house.journal.entries) == 1)
    assert house.journal.entries[0].answers[0].request is asked


def test_what_waits_for_a_loader_for_too_long_is_not_loaded(house: House) -> None:
    """A database that swallows everything keeps the loaders; nobody is to wait for one behind another."""
    house.recovery.hold()
    for event_id in (EVENT, OTHER):  # one for each loader
        house.ask(event_id)
    house.recovery.until(lambda: len(house.recovery.loads) == LOADERS)
    (late,) = house.ask(THIRD)
    house.time.now_s += LOADS_BEGIN_WITHIN_S + 0.1
    house.recovery.release()
    house.outlet.until_answered(late)
    assert house.outlet.answers_to(late) == [[NotApplied("the database is away")]]
    assert THIRD not in house.recovery.loads


# --- what is counted -----------------------------------------------------------------------------


def test_live_orders_are_counted_as_they_are_committed(house: House) -> None:
    house.directory.adopt(Recovered(with_a_hold(EVENT), epoch=1))
    house.adopt(OTHER)
    assert house.directory.live_orders == 1
    entries = [house.entry(EVENT, book("ann"), book("ben")), house.entry(OTHER, book("cem"))]
    assert house.directory.live_orders == 1, "they are decided, and no more than that"
    for entry in entries:
        house.directory.settle(committed(entry))
    assert house.directory.live_orders == 4
    house.directory.settle(committed(house.entry(EVENT, Request(Cancel(OrderId("ann")), None))))
    assert house.directory.live_orders == 3
    house.directory.settle(committed(house.entry(EVENT, find("ben"))))
    assert house.directory.live_orders == 3, "nothing was changed"


def test_the_orders_of_an_event_that_is_forgotten_are_not_resident(house: House) -> None:
    house.directory.adopt(Recovered(with_a_hold(EVENT), epoch=1))
    house.directory.adopt(Recovered(with_a_hold(OTHER), epoch=1))
    house.directory.settle(lost(house.entry(EVENT)))
    assert (house.directory.residents, house.directory.live_orders) == (1, 1)
    house.recovery.found[EVENT] = Recovered(with_a_hold(EVENT), epoch=2)
    house.ask(EVENT)
    house.outlet.until(lambda: bool(house.outlet.settled))
    house.directory.settle(house.outlet.settled[0])
    assert (house.directory.residents, house.directory.live_orders) == (2, 2)


def test_what_is_read_back_on_demand_is_counted_and_what_is_rebuilt_at_start_up_is_not(house: House) -> None:
    house.adopt(OTHER)
    assert house.directory.rebuilds == 0
    house.recovery.found[EVENT] = Recovered(on_sale(EVENT), epoch=2)
    house.ask(EVENT)
    asked = house.ask(THIRD)
    house.outlet.until_answered(*asked)
    house.outlet.until(lambda: len(house.outlet.settled) == 2)
    for settled in house.outlet.settled:
        house.directory.settle(settled)
    assert house.directory.rebuilds == 1, "one of the two is not there"


@pytest.fixture
def without_threads() -> Iterator[House]:
    """A house whose dispatcher's only thread is held up; an event at version 2 in it has a hold."""
    house = House()
    house.directory.adopt(Recovered(with_a_hold(), epoch=1))
    finish_turns(house.dispatcher)
    gate = Gate()
    house.dispatcher.ready(gate)
    gate.wait()
    yield house
    gate.open()
    house.close()


def test_what_is_quick_is_handled_on_the_spot(without_threads: House) -> None:
    house = without_threads
    asked = house.ask(EVENT, hold("bob", 60), confirm("holder"), cancel("holder"))
    (entry,) = house.journal.entries
    assert [answered.request for answered in entry.answers] == asked
    assert entry.status.version == 5


@pytest.mark.parametrize(
    "requests",
    [[adjust()], [book("ann"), adjust()], [find("ann")] * (QUICK_MAX + 1)],
    ids=["it may promote many", "one of them may", "they are many"],
)
def test_what_is_not_quick_is_left_to_the_dispatcher(without_threads: House, requests: list[Request]) -> None:
    house = without_threads
    for _ in requests:
        house.directory.admit(EVENT)
    house.directory.submit(EVENT, Requests(NOW, requests))
    assert house.journal.entries == []
    assert house.directory.mailbox_depth == 1


def test_nothing_is_quick_while_something_is_overdue(without_threads: House) -> None:
    house = without_threads
    house.directory.admit(EVENT)
    house.directory.submit(EVENT, Requests(after(30), [book("ann")]))
    assert house.journal.entries == []


def test_what_is_quick_waits_its_turn(without_threads: House) -> None:
    house = without_threads
    house.ask(EVENT, adjust())
    house.ask(EVENT, book("ann"))
    assert house.journal.entries == []
    assert house.directory.mailbox_depth == 2


def test_an_actor_that_fails_on_the_spot_ends_and_its_askers_are_told(without_threads: House) -> None:
    house = without_threads
    house.journal.full = SystemExit()
    (asked,) = house.ask(EVENT, book("ann"))
    ((answer,),) = house.outlet.answers_to(asked)
    assert isinstance(answer, NotApplied)
    assert house.outlet.settled[-1].ended


def test_what_waits_for_an_actor_or_a_loader_is_in_their_mailboxes() -> None:
    house = House(Bounds())
    house.adopt(EVENT)
    house.entry(EVENT, find("nobody"))
    finish_turns(house.dispatcher)
    assert house.directory.mailbox_depth == 0
    gate = Gate()
    house.dispatcher.ready(gate)
    gate.wait()
    for _ in range(3):
        house.ask(EVENT, adjust())
    assert house.directory.mailbox_depth == 3
    gate.open()
    finish_turns(house.dispatcher)
    assert house.directory.mailbox_depth == 0
    house.recovery.hold()
    for number in range(LOADERS + 3):
        house.ask(EventId(100 + number))
    house.recovery.until(lambda: len(house.recovery.loads) == LOADERS)
    finish_turns(house.dispatcher)  # the events' own actors keep what they are asked
    assert house.directory.mailbox_depth == 3
    house.close()
