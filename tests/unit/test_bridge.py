"""The crossing between a real event loop and real actors; the journal commits when the test says so."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from itertools import pairwise

import pytest

from boxoffice.actors.changes import EventInitialized
from boxoffice.actors.directory import Bounds, Directory
from boxoffice.actors.dispatcher import Dispatcher
from boxoffice.actors.event_actor import Requests
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import (
    Answer,
    Book,
    Booked,
    Initialize,
    Initialized,
    NotApplied,
    OutcomeUnknown,
    Overloaded,
)
from boxoffice.actors.ports import DatabaseAway, Entry, Recovered, Settled
from boxoffice.actors.values import CustomerId, EventId, Instant, OrderId
from boxoffice.http import bridge as module
from boxoffice.http.bridge import ANSWERS_PER_TICK, Asked, Bridge
from tests.unit.fakes import PATIENCE_S, FakeJournal, FakeRecovery, FakeTime, Gate

EVENT, OTHER = EventId(7), EventId(8)


def on_sale(event_id: EventId) -> Inventory:
    """An event at version 1, with more tickets than any test books."""
    inventory = Inventory(event_id)
    inventory.apply(EventInitialized(1, Instant(1), "Concert", 10_000))
    return inventory


class Crossing:
    """A bridge, the directory behind it with two events, and a journal that keeps what it is given."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.ticks = 0
        self.bridge = Bridge(loop, self._clock, answer_timeout_s=PATIENCE_S)
        self.dispatcher = Dispatcher(threads=1)
        self.journal = FakeJournal()
        bounds = Bounds(in_flight_max=200, in_flight_per_event_max=150)
        self.directory = Directory(
            self.dispatcher, self.journal, FakeRecovery(), self.bridge, FakeTime(), bounds
        )
        self.dispatcher.start()
        for event_id in (EVENT, OTHER):
            self.directory.adopt(Recovered(on_sale(event_id), epoch=1))

    def _clock(self) -> Instant:
        self.ticks += 1
        return Instant(self.ticks)

    def ask(self, event_id: EventId = EVENT, order: str = "ann") -> Asked:
        """Somebody who asks for one ticket."""
        return self.bridge.submit(event_id, Book(OrderId(order), CustomerId(order)))

    async def entries(self, count: int) -> list[Entry]:
        """The journal's first entries, once there are so many."""
        await asyncio.to_thread(self.journal.until, lambda: len(self.journal.entries) >= count)
        return self.journal.entries[:count]

    def commit(self, *entries: Entry) -> None:
        """What the journal does when these are durable. Called on any thread."""
        self.bridge.deliver([Settled(each.lease, each.answers, status=each.status) for each in entries])

    def close(self) -> None:
        self.directory.stop()
        self.dispatcher.stop()
        self.bridge.close()


@pytest.fixture
async def crossing() -> AsyncIterator[Crossing]:
    """Open, with a sweep at every few milliseconds."""
    crossing = Crossing(asyncio.get_running_loop())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SWEEP_S", 0.005)
        crossing.bridge.open(crossing.directory)
        yield crossing
        crossing.close()


def orders_of(entry: Entry) -> list[str]:
    """Who is answered in an entry, in order."""
    return [
        answered.request.command.order_id
        for answered in entry.answers
        if isinstance(answered.request.command, Book)
    ]


def booked(answer: Answer) -> str:
    """Whose booking this is."""
    assert isinstance(answer, Booked)
    return answer.order.id


async def until(so: Callable[[], bool]) -> None:
    """Let the loop turn until `so`; fails when that takes too long."""
    async with asyncio.timeout(PATIENCE_S):
        while not so():  # noqa: ASYNC110 - each turn of the loop counts
            await asyncio.sleep(0)


# --- inwards -------------------------------------------------------------------------------------


async def test_what_arrives_for_one_event_in_one_tick_is_one_message(crossing: Crossing) -> None:
    asked = [crossing.ask(order=order) for order in ("ann", "bob", "cat")]
    (entry,) = await crossing.entries(1)
    assert orders_of(entry) == ["ann", "bob", "cat"]
    assert len({change.at for change in entry.changes}) == 1
    crossing.commit(entry)
    assert [booked(answer) for answer in await asyncio.gather(*asked)] == ["ann", "bob", "cat"]
    assert len(crossing.journal.entries) == 1


async def test_each_event_gets_a_message_of_its_own(crossing: Crossing) -> None:
    asked = [
        crossing.ask(event_id, order)
        for event_id, order in ((EVENT, "ann"), (OTHER, "bob"), (EVENT, "cat"), (OTHER, "dee"))
    ]
    entries = await crossing.entries(2)
    found = {entry.lease.event_id: orders_of(entry) for entry in entries}
    assert found == {EVENT: ["ann", "cat"], OTHER: ["bob", "dee"]}
    crossing.commit(*entries)
    await asyncio.gather(*asked)


async def test_what_arrives_in_the_next_tick_is_the_next_message_with_a_later_time(
    crossing: Crossing,
) -> None:
    first = crossing.ask(order="ann")
    await crossing.entries(1)
    second = crossing.ask(order="bob")
    entries = await crossing.entries(2)
    assert [orders_of(entry) for entry in entries] == [["ann"], ["bob"]]
    assert entries[0].changes[0].at < entries[1].changes[0].at
    crossing.commit(*entries)
    await asyncio.gather(first, second)


async def test_nothing_is_answered_before_the_journal_says_so(crossing: Crossing) -> None:
    asked = crossing.ask()
    entries = await crossing.entries(1)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not asked.done()
    assert crossing.bridge.status(EVENT) == on_sale(EVENT).status
    crossing.commit(*entries)
    await asked
    assert crossing.bridge.status(EVENT) == entries[0].status


async def test_a_new_event_is_made_by_its_own_actor(crossing: Crossing) -> None:
    asked = asyncio.ensure_future(crossing.bridge.initialize(EventId(9), Initialize("Play", 3)))
    (entry,) = await crossing.entries(1)
    assert (entry.lease.event_id, entry.base_version) == (9, 0)
    crossing.commit(entry)
    assert await asked == Initialized(entry.status, entry.changes[0].at)
    assert crossing.bridge.status(EventId(9)) == entry.status
    assert crossing.directory.in_flight == 0


async def test_beyond_the_bound_one_is_refused_at_once_and_the_others_are_served(crossing: Crossing) -> None:
    asked = [crossing.ask(order=f"{number:03}") for number in range(151)]
    assert await asked[-1] == Overloaded()
    entries = await crossing.entries(1)
    assert len(entries[0].answers) == 150
    crossing.commit(*entries)
    await asyncio.gather(*asked)
    assert crossing.directory.in_flight == 0


async def test_a_new_event_is_refused_beyond_the_bound_too(crossing: Crossing) -> None:
    for _ in range(100):
        crossing.directory.admit(EVENT)
        crossing.directory.admit(OTHER)
    assert await crossing.bridge.initialize(EventId(9), Initialize("Play", 3)) == Overloaded()


@pytest.mark.parametrize("new", [False, True])
async def test_an_event_that_cannot_be_asked_is_told_and_the_others_go_on(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch, new: bool
) -> None:
    submit, sick = crossing.directory.submit, EventId(9)

    def fails_for_one(event_id: EventId, message: Requests) -> None:
        if event_id == sick:
            raise MemoryError("none left")
        submit(event_id, message)

    monkeypatch.setattr(crossing.directory, "submit", fails_for_one)
    monkeypatch.setattr(crossing.directory, "submit_new", fails_for_one)
    asked: Asked
    if new:
        asked = asyncio.ensure_future(crossing.bridge.initialize(sick, Initialize("Play", 3)))
    else:
        asked = crossing.ask(sick)
    other = crossing.ask()
    assert await asked == NotApplied("the event could not be asked")
    crossing.commit(*await crossing.entries(1))
    assert isinstance(await other, Booked)
    assert crossing.directory.in_flight == 0


async def test_an_event_that_cannot_be_settled_keeps_nobody_waiting(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = crossing.directory.settle

    def settle_but_one(settled: Settled) -> None:
        if settled.lease.event_id == EVENT:
            raise MemoryError
        settle(settled)

    monkeypatch.setattr(crossing.directory, "settle", settle_but_one)
    asked = [crossing.ask(EVENT), crossing.ask(OTHER)]
    crossing.commit(*await crossing.entries(2))
    async with asyncio.timeout(PATIENCE_S):
        answers = await asyncio.gather(*asked)
    assert [type(answer) for answer in answers] == [Booked, Booked]
    assert crossing.directory.in_flight == 1, "what could not be taken note of is not"


def test_nobody_can_ask_before_it_is_open() -> None:
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(RuntimeError, match="not open"):
            _ = Bridge(loop, lambda: Instant(1)).directory
    finally:
        loop.close()


# --- outwards ------------------------------------------------------------------------------------


async def test_answers_may_be_delivered_on_any_thread(crossing: Crossing) -> None:
    asyncio.get_running_loop().set_debug(True)  # refuses what is not safe from other threads
    asked = crossing.ask()
    entries = await crossing.entries(1)
    journal = threading.Thread(target=crossing.commit, args=entries)
    journal.start()
    async with asyncio.timeout(PATIENCE_S):
        assert booked(await asked) == "ann"
    journal.join()


async def test_many_answers_are_all_given_in_order_a_few_in_each_tick(crossing: Crossing) -> None:
    names = [f"{number:03}" for number in range(ANSWERS_PER_TICK * 5 + 3)]
    given: list[str] = []

    async def ask(name: str) -> None:
        given.append(booked(await crossing.bridge.submit(EVENT, Book(OrderId(name), CustomerId(name)))))

    asked = [asyncio.ensure_future(ask(name)) for name in names]
    entries = await crossing.entries(1)
    crossing.commit(*entries)
    counts = [0]
    async with asyncio.timeout(PATIENCE_S):
        while len(given) < len(names):
            await asyncio.sleep(0)
            counts.append(len(given))
    await asyncio.gather(*asked)
    assert given == names
    assert max(later - earlier for earlier, later in pairwise(counts)) == ANSWERS_PER_TICK
    assert crossing.directory.in_flight == 0


async def test_what_is_delivered_while_answers_are_due_waits_for_them(crossing: Crossing) -> None:
    names = [f"{number:03}" for number in range(ANSWERS_PER_TICK * 3)]
    given: list[str] = []
    for name in names:
        crossing.ask(order=name).add_done_callback(lambda task: given.append(booked(task.result())))
    await crossing.entries(1)
    crossing.ask(order="last").add_done_callback(lambda task: given.append(booked(task.result())))
    first, last = await crossing.entries(2)
    crossing.commit(first)
    crossing.commit(last)
    await until(lambda: len(given) > len(names))
    assert given == [*names, "last"]


async def test_a_client_that_goes_away_undoes_nothing_and_holds_up_nobody(crossing: Crossing) -> None:
    gone, stays = crossing.ask(order="gone"), crossing.ask(order="stays")
    entries = await crossing.entries(1)
    gone.cancel()
    with suppress(asyncio.CancelledError):
        await gone
    crossing.commit(*entries)
    assert booked(await stays) == "stays"
    assert orders_of(entries[0]) == ["gone", "stays"]
    assert crossing.directory.in_flight == 0


def test_delivering_after_the_loop_is_closed_is_no_error() -> None:
    loop = asyncio.new_event_loop()
    bridge = Bridge(loop, lambda: Instant(1))
    loop.close()
    bridge.deliver([])


# --- deadlines -----------------------------------------------------------------------------------


@pytest.fixture
async def hasty() -> AsyncIterator[Crossing]:
    """A crossing on which every answer is late."""
    crossing = Crossing(asyncio.get_running_loop())
    crossing.bridge._answer_timeout_s = 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SWEEP_S", 0.005)
        crossing.bridge.open(crossing.directory)
        yield crossing
        crossing.close()


async def test_at_its_deadline_a_request_is_told_that_nobody_knows(hasty: Crossing) -> None:
    assert await hasty.ask() == OutcomeUnknown()
    assert hasty.directory.in_flight == 1


async def test_a_new_event_has_a_deadline_too(hasty: Crossing) -> None:
    assert await hasty.bridge.initialize(EventId(9), Initialize("Play", 3)) == OutcomeUnknown()


async def test_an_answer_that_comes_too_late_is_dropped_and_counted(hasty: Crossing) -> None:
    asked = hasty.ask()
    assert await asked == OutcomeUnknown()
    entries = await hasty.entries(1)
    hasty.commit(*entries)
    await until(lambda: hasty.directory.in_flight == 0)
    assert asked.result() == OutcomeUnknown()
    assert hasty.bridge.status(EVENT) == entries[0].status


async def test_sweeping_forgets_the_events_that_nobody_asks_for(crossing: Crossing) -> None:
    time = crossing.directory.monotonic_s
    assert isinstance(time, FakeTime)
    time.now_s += 1e9
    await until(lambda: crossing.bridge.status(EVENT) is None)


async def test_sweeping_goes_on_whatever_happens(
    hasty: Crossing, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = [MemoryError("none left")] * 2

    def passivate() -> int:
        if failures:
            raise failures.pop()
        return 0

    monkeypatch.setattr(hasty.directory, "passivate", passivate)
    await until(lambda: not failures)
    assert await hasty.ask() == OutcomeUnknown()
    assert "none left" in caplog.text


# --- reading -------------------------------------------------------------------------------------


async def test_a_query_runs_on_a_thread_of_its_own_and_its_result_comes_back(crossing: Crossing) -> None:
    def query(number: int, *, more: int) -> tuple[int, str]:
        return number + more, threading.current_thread().name

    total, thread = await crossing.bridge.read(query, 1, more=2)
    assert total == 3
    assert thread.startswith("reader")


async def test_so_many_queries_may_be_under_way_and_the_next_is_told_that_we_are_busy(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READS_MAX", 2)
    gates = [Gate(), Gate()]
    reading = [asyncio.ensure_future(crossing.bridge.read(gate)) for gate in gates]
    await asyncio.gather(*(asyncio.to_thread(gate.wait) for gate in gates))
    with pytest.raises(DatabaseAway, match="too many queries"):
        await crossing.bridge.read(int)
    for gate in gates:
        gate.open()
    await asyncio.gather(*reading)
    assert await crossing.bridge.read(int) == 0


async def test_a_query_that_fails_makes_room_for_the_next(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise DatabaseAway("the database is away")

    monkeypatch.setattr(module, "READS_MAX", 1)
    for _ in range(3):
        with pytest.raises(DatabaseAway, match="the database is away"):
            await crossing.bridge.read(fail)
    assert await crossing.bridge.read(int) == 0


# --- closing -------------------------------------------------------------------------------------


async def test_draining_ends_when_all_that_was_admitted_is_answered(crossing: Crossing) -> None:
    asked = [crossing.ask(order=f"{number:03}") for number in range(100)]
    entries = await crossing.entries(1)
    draining = asyncio.ensure_future(crossing.bridge.drain(PATIENCE_S))
    await asyncio.sleep(0)
    assert await crossing.bridge.submit(EVENT, Book(OrderId("late"), CustomerId("late"))) == NotApplied(
        "the server is shutting down"
    )
    assert not draining.done()
    crossing.commit(*entries)
    assert await draining
    assert all(task.done() for task in asked)
    assert all(isinstance(task.result(), Booked) for task in asked)


async def test_draining_waits_until_the_last_answer_is_given(crossing: Crossing) -> None:
    asked = [crossing.ask(order=f"{number:03}") for number in range(ANSWERS_PER_TICK * 5)]
    (entry,) = await crossing.entries(1)
    crossing.bridge._settle([Settled(entry.lease, entry.answers)])
    assert crossing.directory.in_flight == 0
    assert await crossing.bridge.drain(PATIENCE_S)
    assert all(task.done() for task in asked)


async def test_draining_gives_up_in_time(crossing: Crossing) -> None:
    asked = crossing.ask()
    await crossing.entries(1)
    assert not await crossing.bridge.drain(0.0)
    assert await asked == OutcomeUnknown(), "while there still is a connection to be told on"


async def test_draining_when_nothing_is_under_way_is_done_at_once(crossing: Crossing) -> None:
    assert await crossing.bridge.drain(0.0)


async def test_closing_gives_the_answers_that_are_due_and_leaves_nobody_waiting(crossing: Crossing) -> None:
    known = [crossing.ask(order=f"{number:03}") for number in range(ANSWERS_PER_TICK * 2)]
    entries = await crossing.entries(1)
    unknown = crossing.ask(order="unknown")
    await crossing.entries(2)
    crossing.bridge._settle([Settled(entries[0].lease, entries[0].answers)])
    crossing.bridge.close()
    assert [booked(answer) for answer in await asyncio.gather(*known)] == orders_of(entries[0])
    assert await unknown == OutcomeUnknown()
