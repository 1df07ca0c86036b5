"""The network between server and PostgreSQL fails at the worst moment: what clients hear is true all the
same, and the server goes on by itself.
"""

import asyncio
from collections.abc import Iterator

import pytest

from tests.e2e.load import Crowd, at_once, crowd
from tests.simulation.conftest import Serve
from tests.simulation.proxy import Fault, Proxy
from tests.support.log import Log, Seen
from tests.support.server import Server

APPLIED, NOT_APPLIED = 201, 503


@pytest.fixture
def proxy(database_url: str) -> Iterator[Proxy]:
    with Proxy(database_url) as proxy:
        yield proxy


@pytest.fixture
def server(serve: Serve, proxy: Proxy) -> Server:
    """Behind the proxy."""
    return serve(url=proxy.url)


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        (Fault.LOST_BEFORE, {NOT_APPLIED}),
        (Fault.LOST_AFTER, {APPLIED}),
        (Fault.CUT_INSIDE, {APPLIED, NOT_APPLIED}),
        (Fault.SWALLOWED, {NOT_APPLIED}),
        (Fault.ANSWER_SWALLOWED, {APPLIED}),
    ],
)
async def test_whatever_befalls_a_commit_its_clients_hear_the_truth(
    server: Server, proxy: Proxy, database_url: str, fault: Fault, statuses: set[int]
) -> None:
    events = [server.event(tickets=10) for _ in range(2)]
    proxy.at_commit(fault)
    async with crowd(server) as clients:
        for number in range(5):
            await at_once(
                *(clients.ask("/book", eventId=event, userId=f"{number}") for event in events),
                *(
                    clients.ask("/book", eventId=event, userId=f"big-{number}", quantity=9)
                    for event in events
                ),
            )
        seen = clients.seen
    assert proxy.counts[f"commit {fault}"] == 1, "not vacuous"
    assert {each.status for each in seen} <= {201, 202, 503}
    assert {each.answer["code"] for each in seen if each.status == 503} <= {"not_applied"}
    if NOT_APPLIED not in statuses:
        assert {each.status for each in seen} == {201, 202}, (
            "what was committed goes on as if nothing had been"
        )
    if APPLIED not in statuses:
        assert any(each.status == 503 for each in seen)
    assert {each.status for each in seen[-4:]} <= {201, 202}, "it goes on by itself"
    for event in events:
        Log(database_url, event).check(clients.of(event))


async def asked_until_applied(clients: Crowd, event: str, user: str) -> Seen:
    """Ask as a client does who is told that nothing was applied; in vain after a while."""
    for _ in range(200):
        seen = await clients.ask("/book", eventId=event, userId=user)
        if seen.status != NOT_APPLIED:
            break
        await asyncio.sleep(0.05)
    return seen


@pytest.mark.parametrize("fault", list(Fault))
async def test_whatever_befalls_a_write_it_was_not_applied(
    server: Server, proxy: Proxy, database_url: str, fault: Fault
) -> None:
    event = server.event(tickets=10)
    proxy.at_write(fault)
    async with crowd(server) as clients:
        first = await clients.ask("/book", eventId=event, userId="ann")
        again = await clients.ask("/book", eventId=event, userId="ben")
    assert (first.status, first.answer["code"]) == (503, "not_applied")
    assert again.status == 201, "at once: what the lost session held is free"
    Log(database_url, event).check(clients.seen)


async def test_nothing_shows_what_can_still_be_undone(
    server: Server, proxy: Proxy, database_url: str
) -> None:
    """Promise 10: while a COMMIT is under way, nothing moves."""
    event = server.event(tickets=1)
    held = proxy.hold_commit()
    async with crowd(server) as clients:
        booking = asyncio.create_task(clients.ask("/book", eventId=event, userId="ann"))
        await asyncio.to_thread(held.wait_until_reached)  # it is on its way
        try:
            refusal = asyncio.create_task(clients.ask("/book", eventId=event, userId="ben", waitlist=False))
            for _ in range(5):
                status = await clients.get(f"/status/{event}")
                assert (status["version"], status["availableTickets"]) == (1, 1)
                assert (await clients.get(f"/orders?eventId={event}"))["items"] == []
                assert len((await clients.get(f"/events/{event}/changes"))["items"]) == 1
            assert not booking.done()
            assert not refusal.done(), "a refusal may stand on what is undone yet"
        finally:
            held.release()
        assert (await booking).status == 201
        assert (await refusal).answer["code"] == "sold_out"
        assert (await clients.get(f"/status/{event}"))["version"] == 2
    Log(database_url, event).check(clients.seen)


async def test_nobody_sees_an_event_go_back(server: Server, proxy: Proxy) -> None:
    """The database shows a commit of which the server has not heard yet."""
    event = server.event(tickets=1)
    proxy.at_commit(Fault.ANSWER_SWALLOWED)
    async with crowd(server) as clients:
        booking = asyncio.create_task(clients.ask("/book", eventId=event, userId="ann"))
        while not (page := await clients.get(f"/orders?eventId={event}"))["items"]:
            pass
        assert page["items"][0]["version"] == 2
        assert (await clients.get(f"/status/{event}"))["version"] == 2
        assert (await booking).status == 201


async def test_in_a_black_hole_everybody_hears_of_it_in_time_and_afterwards_it_goes_on(
    server: Server, proxy: Proxy, database_url: str
) -> None:
    events = [server.event(tickets=10) for _ in range(8)]
    async with crowd(server) as clients:
        with proxy.black_hole():
            first = await at_once(*(clients.ask("/book", eventId=event, userId="ann") for event in events))
            # Their events must be loaded again, which cannot be done either.
            second = await at_once(*(clients.ask("/book", eventId=event, userId="ben") for event in events))
        for event in events:
            assert (await asked_until_applied(clients, event, "cem")).status == 201
    assert {(each.status, each.answer["code"]) for each in [*first, *second]} == {(503, "not_applied")}
    for event in events:
        Log(database_url, event).check(clients.of(event))


async def test_a_slow_network_is_only_slow(server: Server, proxy: Proxy, database_url: str) -> None:
    event = server.event(tickets=100)
    async with crowd(server) as clients:
        with proxy.delayed(0.2):
            seen = await at_once(
                *(clients.ask("/book", eventId=event, userId=f"{number}") for number in range(100))
            )
    assert {each.status for each in seen} == {201}
    Log(database_url, event).check(clients.seen)


def test_an_event_of_which_too_little_was_read_is_refused_and_never_guessed(
    server: Server, proxy: Proxy, database_url: str
) -> None:
    """A result set that ends too early, without an error: at the start, and when an event is loaded."""
    sound, cut = server.event(tickets=5), server.event(tickets=5)
    for event in (sound, cut):
        for user in ("ann", "ben", "cem"):
            server.book(event, user)
    proxy.cut_rows("FROM orders", keep=5)
    server.restart()
    assert proxy.counts["rows cut"] == 1, "not vacuous"
    status, problem = server.post("/book", eventId=cut, userId="dan")
    assert (status, problem["code"]) == (503, "event_unavailable")
    assert server.book(sound, "dan")["version"] == 5
    assert [each["eventId"] for each in server.get("/readyz?verbose")[1]["eventsQuarantined"]] == [cut]
    server.restart()
    assert server.book(cut, "dan")["version"] == 5, "it was whole all the time"
    for event in (sound, cut):
        Log(database_url, event)
