"""More is asked than may be under way: the surplus hears so at once, and nothing of it ever happens.

The database stands still meanwhile, so that the bound can be reached on any machine.
"""

import asyncio
import json
import signal
from typing import Any

from boxoffice.actors.directory import Bounds
from boxoffice.http.wire import COMMANDS_MAX
from tests.e2e.load import NO_ANSWER, Crowd, at_once, crowd
from tests.e2e.test_restart import EXIT_S, stalled
from tests.support.log import Log, Seen
from tests.support.server import JSON, Reply, Server

BATCHES = Bounds().in_flight_per_event_max // COMMANDS_MAX
SURPLUS = 300
BUYERS = 1_500
A_WHILE_S = 0.3
"""For an answer that is not to come: whoever is refused is so within milliseconds."""


def batch(event: str, number: int) -> list[dict[str, str]]:
    return [{"do": "book", "eventId": event, "userId": f"{number}-{place}"} for place in range(COMMANDS_MAX)]


async def until_full(clients: Crowd, event: str) -> list[asyncio.Task[Seen]]:
    """Those who still got in, one after the other, before the first was refused."""
    got_in: list[asyncio.Task[Seen]] = []
    while True:
        asked = asyncio.create_task(clients.ask("/book", eventId=event, userId=f"late-{len(got_in)}"))
        done, _ = await asyncio.wait([asked], timeout=A_WHILE_S)
        if done:
            assert is_overloaded(asked.result())
            return got_in
        got_in.append(asked)


def is_overloaded(seen: Seen) -> bool:
    return seen.status == 503 and seen.answer["code"] == "overloaded"


def outcomes(batches: list[Seen]) -> list[Any]:
    assert {each.status for each in batches} == {200}
    return [result for each in batches for result in each.answer["results"]]


async def test_beyond_the_bound_the_surplus_is_refused_at_once_while_the_others_wait(
    own_server: Server, database_url: str
) -> None:
    event, other = own_server.event(tickets=20_000), own_server.event(tickets=1)
    async with crowd(own_server) as clients:
        await clients.get(f"/status/{event}")
        with stalled(database_url):
            batches = [
                asyncio.create_task(clients.ask("/batch", commands=batch(event, number)))
                for number in range(BATCHES)
            ]
            got_in = await until_full(clients, event)
            refused = await at_once(
                *(clients.ask("/book", eventId=event, userId=f"surplus-{n}") for n in range(SURPLUS))
            )
            body = json.dumps({"eventId": event, "userId": "surplus"}).encode()
            reply: Reply = await asyncio.to_thread(own_server.send, "POST", "/book", body, JSON)
            elsewhere = asyncio.create_task(clients.ask("/book", eventId=other, userId="somebody"))
            status = await clients.get(f"/status/{event}")
            assert not any(each.done() for each in (*batches, *got_in, elsewhere)), "they wait all the while"
        assert all(is_overloaded(each) for each in refused)
        assert (reply.status, reply.document["code"]) == (503, "overloaded")
        assert int(reply.headers["Retry-After"]) >= 1
        assert status["bookedTickets"] == 0
        waited = [(result["status"], result["body"]) for result in outcomes(await asyncio.gather(*batches))]
        waited += [(each.status, each.answer) for each in await asyncio.gather(*got_in)]
        assert (await elsewhere).status == 201, "the bound is that event's alone"
    told = [body["userId"] for status, body in waited if status == 201]
    not_told = [body["code"] for status, body in waited if status != 201]
    assert not_told == ["overloaded"] * len(got_in), "whoever got in took the place of somebody in a batch"
    assert len(told) == BATCHES * COMMANDS_MAX
    assert own_server.status(event)["bookedTickets"] == len(told)
    stored = {order.customer for order in Log(database_url, event).inventory.orders}
    assert stored == set(told), "none of those who were refused has anything"
    assert own_server.book(event, "surplus")["status"] == "confirmed", "there is room again"


async def test_a_batch_of_the_largest_size_is_never_refused_in_part_by_an_idle_server(
    own_server: Server,
) -> None:
    event = own_server.event(tickets=20_000)
    async with crowd(own_server) as clients:
        for number in range(3):
            seen = await clients.ask("/batch", commands=batch(event, number))
            assert {result["status"] for result in outcomes([seen])} == {201}


async def buy_until_it_ends(clients: Crowd, event: str, buyer: int) -> None:
    """Book one ticket after the other, until nobody sells any."""
    for number in range(10_000):
        seen = await clients.ask("/book", eventId=event, userId=f"{buyer}-{number}")
        if seen.status != 201 and not is_overloaded(seen):
            return


async def test_sigterm_in_a_crowd_leaves_nobody_in_doubt(own_server: Server, database_url: str) -> None:
    event = own_server.event(tickets=1_000_000)
    async with crowd(own_server) as clients:

        def count() -> None:
            if len(clients.seen) == 2 * BUYERS:
                own_server.process.send_signal(signal.SIGTERM)

        clients.when_answered = count
        await at_once(*(buy_until_it_ends(clients, event, buyer) for buyer in range(BUYERS)))
        seen = clients.seen
    assert await asyncio.to_thread(own_server.process.wait, EXIT_S) == 0
    assert {each.status for each in seen} <= {201, 503, NO_ANSWER}
    told = {each.asked["userId"] for each in seen if each.status == 201}
    stored = {order.customer for order in Log(database_url, event).inventory.orders}
    assert stored == told, "a booking without an answer, or the reverse"
