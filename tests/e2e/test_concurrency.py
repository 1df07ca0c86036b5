"""Everybody clicks at once; afterwards the log is replayed, and every answer must have been true."""

import asyncio
import random
from typing import Any

import pytest

from tests.e2e.load import Crowd, at_once, crowd
from tests.support.log import Log, logs
from tests.support.server import Server

TICKETS, CLIENTS = 50, 200


async def book_all(crowd: Crowd, event: str, clients: int = CLIENTS) -> dict[str, list[Any]]:
    """Everybody's order, by its status."""
    seen = await at_once(*(crowd.ask("/book", eventId=event, userId=f"user-{n}") for n in range(clients)))
    orders: dict[str, list[Any]] = {"confirmed": [], "waitlisted": []}
    for each in seen:
        assert each.status == (201 if each.answer["status"] == "confirmed" else 202)
        orders[each.answer["status"]].append(each.answer)
    return orders


async def test_200_clients_on_50_tickets(server: Server) -> None:
    event = server.event(tickets=TICKETS)
    async with crowd(server) as clients:
        orders = await book_all(clients, event)
        booked, line = orders["confirmed"], sorted(orders["waitlisted"], key=lambda o: o["version"])
        assert len(booked) == TICKETS
        assert [order["position"] for order in line] == list(range(1, CLIENTS - TICKETS + 1))
        assert {o["version"] for o in booked} == set(range(2, TICKETS + 2)), "the first ones got them"
        assert {o["version"] for o in line} == set(range(TICKETS + 2, CLIENTS + 2))

        cancelled = await at_once(*(clients.ask("/cancel", orderId=order["orderId"]) for order in booked))
        assert {each.status for each in cancelled} == {200}
        answers = sorted((each.answer for each in cancelled), key=lambda answer: answer["version"])
        promoted = [each["orderId"] for answer in answers for each in answer["promoted"]]
        assert promoted == [order["orderId"] for order in line[:TICKETS]], "first come, first served"

        after = await clients.get(f"/status/{event}")
        assert (after["availableTickets"], after["waitingListCount"]) == (0, CLIENTS - 2 * TICKETS)
        positions = [(await clients.get(f"/orders/{o['orderId']}")).get("position") for o in line[49:53]]
        assert positions == [None, 1, 2, 3]
    log = Log(server.database_url, event)
    log.check(clients.seen)
    log.check_status(after)


async def one_client(crowd: Crowd, events: list[str], seed: int) -> None:
    """Books parties of several sizes, and gives some of them back."""
    dice = random.Random(seed)
    orders: list[str] = []
    for _ in range(8):
        event = dice.choice(events)
        if orders and dice.random() < 0.4:
            await crowd.ask("/cancel", orderId=orders.pop(dice.randrange(len(orders))))
            continue
        booked = await crowd.ask(
            "/book",
            eventId=event,
            userId=f"user-{seed}",
            quantity=dice.randint(1, 6),
            waitlist=dice.random() < 0.8,
        )
        if booked.status in (201, 202):
            orders.append(booked.answer["orderId"])


@pytest.mark.parametrize("events", [1, 25])
async def test_parties_of_all_sizes_come_and_go(server: Server, events: int) -> None:
    made = [server.event(tickets=20) for _ in range(events)]
    async with crowd(server) as clients:
        await at_once(*(one_client(clients, made, seed) for seed in range(80)))
        assert {each.status for each in clients.seen} <= {200, 201, 202, 409}
        for event, log in zip(made, logs(server.database_url, made), strict=True):
            log.check(clients.of(event))
            log.check_status(await clients.get(f"/status/{event}"))
    assert any(each.path == "/cancel" and each.answer["promoted"] for each in clients.seen), "not vacuous"
    assert any(each.status == 409 for each in clients.seen), "not vacuous"


async def one_buyer(crowd: Crowd, events: list[str], seed: int) -> None:
    """Does all there is to do, most of it with his own orders, now and then twice under one key."""
    dice = random.Random(seed)
    orders: list[str] = []
    for number in range(12):
        path = dice.choice(["/book", "/hold", "/hold", "/cancel", "/confirm", "/extend", "/adjust"])
        asked: dict[str, Any] = {"quantity": dice.randint(1, 4)}
        if path in ("/book", "/hold"):
            asked |= {
                "eventId": dice.choice(events),
                "userId": f"user-{seed}",
                "waitlist": dice.random() < 0.8,
            }
            asked |= {"holdSeconds": dice.choice([1, 60])} if path == "/hold" else {}
        elif path == "/adjust":
            asked = {"eventId": dice.choice(events), "totalTickets": dice.randint(15, 40)}
        elif not orders:
            continue
        else:
            asked = {"orderId": dice.choice(orders), **(asked if path == "/cancel" else {})}
        key = f"{events[0]}-{seed}-{number}" if dice.random() < 0.3 else None
        times = 1 if key is None else 2
        seen = (await at_once(*(crowd.ask(path, key=key, **asked) for _ in range(times))))[0]
        if seen.status in (201, 202):
            orders.append(seen.answer["orderId"])
        if dice.random() < 0.2:
            await asyncio.sleep(0.5)  # some holds and offers lapse meanwhile


@pytest.mark.parametrize("events", [1, 8])
async def test_everything_is_asked_for_at_once(server: Server, events: int) -> None:
    made = [
        server.event(tickets=20, waitlistMode=mode, offerSeconds=1, maxPerCustomer=5, waitlistLimit=30)
        for mode in ("book", "offer") * events
    ]
    async with crowd(server) as clients:
        await at_once(*(one_buyer(clients, made, seed) for seed in range(80)))
        assert {each.status for each in clients.seen} <= {200, 201, 202, 409}
        for event, log in zip(made, logs(server.database_url, made), strict=True):
            log.check(clients.of(event))
    done = {each.path for each in clients.seen if each.status < 300}
    assert done == {"/book", "/hold", "/cancel", "/confirm", "/extend", "/adjust"}, "not vacuous"
    codes = {each.answer["code"] for each in clients.seen if each.status == 409}
    assert {"sold_out", "limit_exceeded", "capacity_in_use", "hold_expired"} <= codes, "not vacuous"
    statuses = {order["status"] for each in clients.seen for order in each.answer.get("promoted", ())}
    assert statuses == {"confirmed", "offered"}, "not vacuous"


async def test_a_single_order_is_cancelled_once_by_many(server: Server) -> None:
    event = server.event(tickets=1)
    order = server.book(event, "alice")
    server.book(event, "bob")
    async with crowd(server) as clients:
        seen = await at_once(*(clients.ask("/cancel", orderId=order["orderId"]) for _ in range(30)))
    assert sorted(each.status for each in seen) == [200] + [409] * 29
    assert {each.answer["code"] for each in seen if each.status == 409} == {"already_cancelled"}
    assert Log(server.database_url, event).inventory.status.waiting == 0


async def test_a_status_shows_only_what_is_in_the_log_and_never_goes_back(server: Server) -> None:
    event = server.event(tickets=100)
    shown: list[dict[str, Any]] = []
    async with crowd(server) as clients:
        load = asyncio.gather(*(one_client(clients, [event], seed) for seed in range(100)))
        while not load.done():
            shown.append(await clients.get(f"/status/{event}"))
        await load
        shown.append(await clients.get(f"/status/{event}"))
    log = Log(server.database_url, event)
    log.check(clients.seen)
    for status in shown:
        log.check_status(status)
    versions = [status["version"] for status in shown]
    assert versions == sorted(versions)
    assert len(set(versions)) > 5, "not vacuous: it was looked at while it changed"
    assert versions[-1] == len(log.changes)


async def test_a_status_knows_at_least_what_its_reader_was_told(server: Server) -> None:
    event = server.event(tickets=10)

    async def book_and_look(clients: Crowd, user: str) -> None:
        for _ in range(10):
            booked = await clients.ask("/book", eventId=event, userId=user)
            assert (await clients.get(f"/status/{event}"))["version"] >= booked.answer["version"]

    async with crowd(server) as clients:
        await at_once(*(book_and_look(clients, f"user-{n}") for n in range(20)))


async def test_many_events_are_made_at_once(server: Server) -> None:
    async with crowd(server) as clients:
        made = await at_once(
            *(clients.ask("/initialize", eventName=f"event {n}", totalTickets=n) for n in range(1, 101))
        )
    assert {each.status for each in made} == {201}
    assert len({each.answer["eventId"] for each in made}) == 100
    found = logs(server.database_url, [each.answer["eventId"] for each in made])
    assert [log.inventory.status.name for log in found] == [each.asked["eventName"] for each in made]
