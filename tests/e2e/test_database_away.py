"""PostgreSQL goes away under a running server: writes are refused, and it goes on by itself afterwards."""

import asyncio
import time
from typing import Any

from tests.e2e.house import House
from tests.e2e.load import crowd
from tests.support.log import Log, as_json
from tests.support.server import JSON, Server

BACK_S = 20.0


def book_when_it_is_back(server: Server, event: str, user: str) -> Any:
    """Ask until it is applied: a 503 says that it was not."""
    deadline = time.monotonic() + BACK_S
    while True:
        status, answer = server.post("/book", eventId=event, userId=user)
        if status in (201, 202):
            return answer
        assert (status, answer["code"]) == (503, "not_applied")
        assert time.monotonic() < deadline, "the server did not recover by itself"


def test_writes_are_refused_while_it_is_away_and_go_on_by_themselves(house: House) -> None:
    server = house.server
    written, quiet = server.event(tickets=2), server.event(tickets=5)
    alice = server.book(written, "alice")
    house.postgres.stop("immediate")

    refused = [
        server.send("POST", "/book", as_json({"eventId": event, "userId": "bob"}), JSON)
        for event in (written, written, written)
    ]
    refused.append(server.send("POST", "/cancel", as_json({"orderId": alice["orderId"]}), JSON))
    refused.append(server.send("POST", "/initialize", as_json({"eventName": "x", "totalTickets": 1}), JSON))
    refused.append(server.send("GET", "/events"))
    for reply in refused:
        assert (reply.status, reply.document["code"]) in ((503, "not_applied"), (504, "outcome_unknown"))
        assert reply.headers["Retry-After"] in ("1", "2", "3")
    assert server.status(quiet)["availableTickets"] == 5, "a resident event needs no database to be looked at"
    assert server.process.poll() is None

    house.postgres.start()
    carol = book_when_it_is_back(server, written, "carol")
    assert carol["version"] == 3, "nothing that was refused was applied"
    assert server.order(alice)["status"] == "confirmed"
    assert server.book(quiet, "alice")["version"] == 2
    assert server.book(server.event(), "alice")["status"] == "confirmed"
    Log(house.url, written)


async def test_under_load_nothing_that_was_answered_is_lost(house: House) -> None:
    server = house.server
    events = [server.event(tickets=300) for _ in range(3)]
    async with crowd(server) as clients:
        stopped = asyncio.Event()

        async def buy(buyer: int) -> None:
            for n in range(1_000):
                seen = await clients.ask("/book", eventId=events[n % 3], userId=f"{buyer}-{n}")
                if stopped.is_set() and seen.status != 201:
                    return

        clients.when_answered = lambda: stopped.set() if len(clients.seen) == 300 else None
        load = asyncio.gather(*(buy(buyer) for buyer in range(40)))
        await stopped.wait()
        await asyncio.to_thread(house.postgres.stop, "immediate")
        await load
        await asyncio.to_thread(house.postgres.start)
        for event in events:
            await asyncio.to_thread(book_when_it_is_back, server, event, "late")
        assert {each.status for each in clients.seen} <= {201, 202, 503, 504}
        assert any(each.status == 503 for each in clients.seen), "not vacuous"
        for event in events:
            seen = clients.of(event)
            log = Log(house.url, event)
            log.check(seen, all_answered=False)
            applied = {change.customer for change in log.changes if hasattr(change, "customer")}
            not_applied = {each.asked["userId"] for each in seen if each.status == 503}
            assert not applied & not_applied, "a 503 says that nothing was changed"


def test_a_server_whose_database_is_away_still_ends_in_order(house: House) -> None:
    event = house.server.event()
    house.postgres.stop("immediate")
    assert house.server.post("/book", eventId=event, userId="alice")[0] in (503, 504)
    assert house.server.stop() == 0
