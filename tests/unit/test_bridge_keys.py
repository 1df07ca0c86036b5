"""Which idempotency keys the bridge says are unsettled: those under which something may still take effect."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from boxoffice.actors.event_actor import Requests
from boxoffice.actors.messages import Book, Booked, Initialize, NotApplied, OutcomeUnknown, Overloaded
from boxoffice.actors.ports import Key
from boxoffice.actors.values import CustomerId, EventId, OrderId
from boxoffice.http import bridge as module
from boxoffice.http.bridge import Asked
from tests.unit.test_bridge import EVENT, OTHER, Crossing, until

CALLER = ("", "k")


def a_key(position: int = 0, text: str = "k") -> Key:
    return Key("", text, b"f" * 16, position)


@pytest.fixture
async def crossing() -> AsyncIterator[Crossing]:
    """Open, with a sweep at every few milliseconds."""
    crossing = Crossing(asyncio.get_running_loop())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SWEEP_S", 0.005)
        crossing.bridge.open(crossing.directory)
        yield crossing
        crossing.close()


def ask(crossing: Crossing, key: Key | None, event_id: EventId = EVENT) -> Asked:
    return crossing.bridge.submit(event_id, Book(OrderId("ann"), CustomerId("ann")), key)


async def test_a_key_is_unsettled_from_the_moment_it_is_handed_in_until_its_answer_is_given(
    crossing: Crossing,
) -> None:
    assert not crossing.bridge.is_unsettled(CALLER)
    asked = ask(crossing, a_key())
    assert crossing.bridge.is_unsettled(CALLER)
    entries = await crossing.entries(1)
    assert crossing.bridge.is_unsettled(CALLER)
    crossing.commit(*entries)
    assert isinstance(await asked, Booked)
    assert not crossing.bridge.is_unsettled(CALLER)


async def test_a_key_stays_unsettled_after_its_deadline_until_it_is_settled(crossing: Crossing) -> None:
    crossing.bridge._answer_timeout_s = 0.0
    assert await ask(crossing, a_key()) == OutcomeUnknown()
    assert crossing.bridge.is_unsettled(CALLER)
    crossing.commit(*await crossing.entries(1))
    await until(lambda: not crossing.bridge.is_unsettled(CALLER))
    assert crossing.directory.in_flight == 0


async def test_a_key_whose_client_went_away_is_unsettled_until_it_is_settled(crossing: Crossing) -> None:
    asked = ask(crossing, a_key())
    entries = await crossing.entries(1)
    asked.cancel()
    assert crossing.bridge.is_unsettled(CALLER)
    crossing.commit(*entries)
    await until(lambda: not crossing.bridge.is_unsettled(CALLER))


async def test_a_new_event_has_its_key_unsettled_too(crossing: Crossing) -> None:
    crossing.bridge._answer_timeout_s = 0.0
    answer = await crossing.bridge.initialize(EventId(9), Initialize("Play", 3), a_key())
    assert answer == OutcomeUnknown()
    assert crossing.bridge.is_unsettled(CALLER)
    crossing.commit(*await crossing.entries(1))
    await until(lambda: not crossing.bridge.is_unsettled(CALLER))


async def test_the_key_of_a_batch_is_unsettled_until_the_last_of_its_commands_is_settled(
    crossing: Crossing,
) -> None:
    asked = [ask(crossing, a_key(0)), ask(crossing, a_key(1), OTHER), ask(crossing, a_key(2))]
    first, second = await crossing.entries(2)
    crossing.commit(first)
    await (asked[0] if first.lease.event_id == EVENT else asked[1])
    assert crossing.bridge.is_unsettled(CALLER)
    crossing.commit(second)
    await asyncio.gather(*asked)
    assert not crossing.bridge.is_unsettled(CALLER)


async def test_another_key_and_another_caller_are_not_unsettled(crossing: Crossing) -> None:
    asked = ask(crossing, a_key())
    keyless = ask(crossing, None)
    assert not crossing.bridge.is_unsettled(("", "other"))
    assert not crossing.bridge.is_unsettled(("somebody", "k"))
    crossing.commit(*await crossing.entries(1))
    await asyncio.gather(asked, keyless)
    assert crossing.bridge._keys == {}


async def test_a_key_with_which_nothing_was_admitted_is_not_unsettled(crossing: Crossing) -> None:
    for _ in range(100):
        crossing.directory.admit(EVENT)
        crossing.directory.admit(OTHER)
    assert await ask(crossing, a_key()) == Overloaded()
    assert await crossing.bridge.initialize(EventId(9), Initialize("Play", 3), a_key()) == Overloaded()
    assert not crossing.bridge.is_unsettled(CALLER)


async def test_a_key_with_which_nobody_could_be_asked_is_not_unsettled(
    crossing: Crossing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(event_id: EventId, message: Requests) -> None:
        raise MemoryError("none left")

    monkeypatch.setattr(crossing.directory, "submit", fails)
    assert await ask(crossing, a_key()) == NotApplied("the event could not be asked")
    assert crossing.bridge._keys == {}
