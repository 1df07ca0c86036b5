"""Commands to one event that are handed in together: in their order, and answered in one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import pytest

from boxoffice.actors.event_actor import Requests
from boxoffice.actors.messages import Answer, Book, NotApplied, OutcomeUnknown, Overloaded
from boxoffice.actors.ports import Key
from boxoffice.actors.values import CustomerId, EventId, OrderId
from boxoffice.http import bridge as module
from boxoffice.http.bridge import ANSWERS_PER_TICK, AllAsked
from boxoffice.http.visit import Visit, begin
from tests.unit.fakes import PATIENCE_S
from tests.unit.test_bridge import EVENT, OTHER, Crossing, booked, orders_of, until

MANY = [f"{number:03}" for number in range(ANSWERS_PER_TICK * 5 + 3)]


@pytest.fixture
async def crossing() -> AsyncIterator[Crossing]:
    """Open, with a sweep at every few milliseconds."""
    crossing = Crossing(asyncio.get_running_loop())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SWEEP_S", 0.005)
        crossing.bridge.open(crossing.directory)
        yield crossing
        crossing.close()


def ask_all(
    crossing: Crossing, names: Sequence[str], event_id: EventId = EVENT, text: str | None = None
) -> AllAsked:
    """One who asks for a ticket for each of these, under this key."""
    commands = [Book(OrderId(name), CustomerId(name)) for name in names]
    keys = [None if text is None else Key("", text, b"f" * 16, number) for number in range(len(names))]
    return crossing.bridge.submit_all(event_id, commands, keys)


def names_in(answers: list[Answer]) -> list[str]:
    return [booked(answer) for answer in answers]


async def test_they_are_answered_together_and_in_their_order(crossing: Crossing) -> None:
    visit = Visit()
    begin(visit)
    asked = ask_all(crossing, MANY)
    (entry,) = await crossing.entries(1)
    assert not asked.done()
    crossing.commit(entry)
    assert names_in(await asked) == orders_of(entry) == MANY
    assert visit.event_id == EVENT
    assert crossing.directory.in_flight == 0


async def test_they_are_one_message_with_what_else_arrives_in_that_tick(crossing: Crossing) -> None:
    before = crossing.ask(order="before")
    together = ask_all(crossing, ["ann", "bob"])
    other = ask_all(crossing, ["cat"], OTHER)
    after = crossing.ask(order="after")
    entries = await crossing.entries(2)
    found = {entry.lease.event_id: orders_of(entry) for entry in entries}
    assert found == {EVENT: ["before", "ann", "bob", "after"], OTHER: ["cat"]}
    crossing.commit(*entries)
    assert names_in(await together) == ["ann", "bob"]
    assert names_in(await other) == ["cat"]
    assert [booked(await before), booked(await after)] == ["before", "after"]


async def test_they_are_given_at_once_and_others_get_their_turn(crossing: Crossing) -> None:
    """Only one goes on because of them: there is nobody to be spread over ticks."""
    together = ask_all(crossing, MANY)
    others = [crossing.ask(order=f"other-{number}") for number in range(ANSWERS_PER_TICK * 2)]
    (entry,) = await crossing.entries(1)
    crossing.commit(entry)
    await until(together.done)
    assert sum(other.done() for other in others) == ANSWERS_PER_TICK - 1
    await asyncio.gather(*others)


async def test_beyond_the_bound_the_last_are_refused_and_the_first_are_served(crossing: Crossing) -> None:
    names = [f"{number:03}" for number in range(153)]
    asked = ask_all(crossing, names)
    assert crossing.directory.in_flight == 150
    crossing.commit(*await crossing.entries(1))
    answers = await asked
    assert names_in(answers[:150]) == names[:150]
    assert answers[150:] == [Overloaded()] * 3
    assert crossing.directory.in_flight == 0


async def test_where_there_is_no_room_all_are_refused_at_once(crossing: Crossing) -> None:
    for _ in range(150):
        crossing.directory.admit(EVENT)
    assert await ask_all(crossing, ["ann", "bob"], text="k") == [Overloaded()] * 2
    assert not crossing.bridge.is_unsettled(("", "k"))


async def test_after_closing_all_are_refused(crossing: Crossing) -> None:
    crossing.directory.close()
    assert await ask_all(crossing, ["ann"]) == [NotApplied("the server is shutting down")]


async def test_an_event_that_cannot_be_asked_is_told_for_each(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(event_id: EventId, message: Requests) -> None:
        raise MemoryError("none left")

    monkeypatch.setattr(crossing.directory, "submit", fails)
    not_asked = NotApplied("the event could not be asked")
    assert await ask_all(crossing, ["ann", "bob"], text="k") == [not_asked] * 2
    assert not crossing.bridge.is_unsettled(("", "k"))


async def test_at_their_deadline_each_is_told_that_nobody_knows(crossing: Crossing) -> None:
    crossing.bridge._answer_timeout_s = 0.0
    asked = ask_all(crossing, ["ann", "bob"], text="k")
    assert await asked == [OutcomeUnknown()] * 2
    assert crossing.bridge.is_unsettled(("", "k"))
    crossing.commit(*await crossing.entries(1))
    await until(lambda: crossing.directory.in_flight == 0)
    assert asked.result() == [OutcomeUnknown()] * 2
    await until(lambda: not crossing.bridge.is_unsettled(("", "k")))


async def test_their_key_is_unsettled_until_the_last_of_them_is_settled(crossing: Crossing) -> None:
    asked = [ask_all(crossing, ["ann", "bob"], text="k"), ask_all(crossing, ["cat"], OTHER, text="k")]
    entries = await crossing.entries(2)
    for entry in entries:
        assert crossing.bridge.is_unsettled(("", "k"))
        crossing.commit(entry)
        await asked[0 if entry.lease.event_id == EVENT else 1]
    assert not crossing.bridge.is_unsettled(("", "k"))
    assert crossing.bridge._keys == {}


async def test_a_client_that_goes_away_undoes_nothing(crossing: Crossing) -> None:
    gone, stays = ask_all(crossing, ["ann", "bob"]), ask_all(crossing, ["cat"])
    entries = await crossing.entries(1)
    gone.cancel()
    with suppress(asyncio.CancelledError):
        await gone
    crossing.commit(*entries)
    assert names_in(await stays) == ["cat"]
    assert crossing.directory.in_flight == 0


async def test_closing_leaves_nobody_waiting(crossing: Crossing) -> None:
    asked = ask_all(crossing, ["ann", "bob"])
    await crossing.entries(1)
    crossing.bridge.close()
    async with asyncio.timeout(PATIENCE_S):
        assert await asked == [OutcomeUnknown()] * 2
