"""Promises 2, 3 and 4: the server dies at each place that matters, and whoever asks again has one effect."""

import asyncio
import signal

import pytest

from tests.e2e.load import NO_ANSWER, at_once, crowd, of
from tests.simulation.conftest import Serve
from tests.support.log import Log, Seen

CLIENTS, TICKETS = 200, 60


@pytest.mark.parametrize(
    "place",
    [
        "actor.decide",
        "actor.hand_over",
        "journal.write",
        "journal.commit",
        "journal.committed",
        "journal.answer",
    ],
)
async def test_whoever_asks_again_after_a_death_has_one_effect(
    serve: Serve, database_url: str, place: str
) -> None:
    events = [str(number) for number in range(1, 4)]
    first = serve()
    assert [first.event(TICKETS) for _ in events] == events
    first.stop()
    dying = serve(f"{place}=kill@4")
    bodies = {f"key-{n}": {"eventId": events[n % 3], "userId": f"user-{n}"} for n in range(CLIENTS)}
    seen: list[Seen] = []
    async with crowd(dying) as clients:
        for part in range(0, CLIENTS, 20):  # several batches
            some = list(bodies.items())[part : part + 20]
            await at_once(*(clients.ask("/book", key=key, **body) for key, body in some))
        seen += clients.seen
    assert await asyncio.to_thread(dying.process.wait, 10) == -signal.SIGKILL
    assert any(each.status == NO_ANSWER for each in seen), "not vacuous"
    async with crowd(serve()) as clients:
        await at_once(*(clients.ask("/book", key=key, **body) for key, body in bodies.items()))
        again = clients.seen
    assert {each.status for each in again} == {201, 202}
    for event in events:
        log = Log(database_url, event)
        log.check(of([*seen, *again], event))
        assert len(log.order_ids) == len(of(again, event)), "one effect for one key"
        assert log.inventory.status.booked == TICKETS
