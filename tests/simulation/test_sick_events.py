"""Promise 14: one sick event never changes another's outcome, nor ends the process or a thread of it."""

import asyncio

import pytest

from tests.e2e.load import at_once, crowd
from tests.simulation.conftest import Serve
from tests.support.log import Log
from tests.support.server import Server

SICK, SOUND = "1", "2"
"""The ids of the first two events of a database."""

FAILURES = ["MemoryError", "SystemExit"]
failures = pytest.mark.parametrize("failure", FAILURES)


def quarantined(server: Server) -> list[str]:
    """The events that `/readyz?verbose` calls out of service."""
    status, ready = server.get("/readyz?verbose")
    assert status == 200, ready
    return [event["eventId"] for event in ready["eventsQuarantined"]]


def put_two_on_sale(serve: Serve, tickets: int = 100) -> None:
    """By a server that does not fail."""
    server = serve()
    assert [server.event(tickets), server.event(tickets)] == [SICK, SOUND]
    server.stop()


@failures
@pytest.mark.parametrize("place", ["actor.decide", "actor.hand_over"])
async def test_an_event_that_always_fails_harms_nobody_and_is_shut(
    serve: Serve, database_url: str, place: str, failure: str
) -> None:
    put_two_on_sale(serve)
    server = serve(f"{place}/{SICK}=raise {failure}@1+")
    async with crowd(server) as clients:
        for round_number in range(6):  # both in the same ticks of the loop, and the same batches
            asked = [
                clients.ask("/book", eventId=event, userId=f"{event}-{round_number}-{number}")
                for number in range(10)
                for event in (SICK, SOUND)
            ]
            await at_once(*asked)
        sick, sound = clients.of(SICK), clients.of(SOUND)
    assert {each.status for each in sound} == {201}
    assert {each.status for each in sick} == {503}
    codes = [each.answer["code"] for each in sorted(sick, key=lambda each: each.began_s)]
    assert set(codes) == {"not_applied", "event_unavailable"}
    assert codes[-1] == "event_unavailable"
    assert await asyncio.to_thread(quarantined, server) == [SICK]
    assert any(f"event {SICK} is refused" in line for line in server.said), "the operator is told"
    assert server.process.poll() is None
    Log(database_url, SOUND).check(sound)
    assert len(Log(database_url, SICK).changes) == 1


@failures
@pytest.mark.parametrize("place", ["actor.decide", "actor.hand_over"])
async def test_an_event_that_fails_once_is_rebuilt_and_goes_on(
    serve: Serve, database_url: str, place: str, failure: str
) -> None:
    put_two_on_sale(serve)
    server = serve(f"{place}/{SICK}=raise {failure}@5")
    async with crowd(server) as clients:
        for number in range(20):
            await clients.ask("/book", eventId=SICK, userId=f"user-{number}")
        seen = clients.of(SICK)
    refused = [each for each in seen if each.status == 503]
    assert [each.status for each in seen[:5]] == [201] * 4 + [503]
    assert len(refused) <= 2, "the next may come before the actor's end is known"
    assert {each.answer["code"] for each in refused} == {"not_applied"}
    assert await asyncio.to_thread(quarantined, server) == []
    Log(database_url, SICK).check(seen)


@failures
async def test_an_event_that_cannot_be_loaded_is_shut_and_the_loaders_go_on(
    serve: Serve, failure: str
) -> None:
    """What is never loaded at start-up has to be asked for: an event that another server made."""
    server, other = serve(f"loader.loaded/{SICK}=raise {failure}@1+"), serve()
    assert [other.event(), other.event()] == [SICK, SOUND]
    codes = [server.post("/book", eventId=SICK, userId="ann")[1]["code"] for _ in range(5)]
    assert codes == ["not_applied"] * 3 + ["event_unavailable"] * 2
    assert server.book(SOUND, "ann")["status"] == "confirmed"
    assert quarantined(server) == [SICK]


@failures
@pytest.mark.parametrize("place", ["journal.write", "journal.commit", "journal.committed", "journal.answer"])
async def test_a_failure_of_the_journals_own_is_answered_and_survived(
    serve: Serve, database_url: str, place: str, failure: str
) -> None:
    put_two_on_sale(serve)
    server = serve(f"{place}=raise {failure}@3")
    async with crowd(server) as clients:
        for number in range(10):
            await at_once(
                *(clients.ask("/book", eventId=event, userId=f"{number}") for event in (SICK, SOUND))
            )
        seen = clients.seen
    assert {each.status for each in seen} <= {201, 503, 504}
    assert seen[-1].status == 201, "it goes on"
    assert any(place in line for line in server.said), "not vacuous"
    for event in (SICK, SOUND):
        log = Log(database_url, event)
        log.check(clients.of(event), all_answered=all(each.status != 504 for each in seen))
        booked = {each.asked["userId"] for each in clients.of(event) if each.status == 201}
        refused = {each.asked["userId"] for each in clients.of(event) if each.status == 503}
        stored = {order.customer for order in log.inventory.orders}
        assert booked <= stored
        assert not refused & stored, "503 means that nothing was changed"
