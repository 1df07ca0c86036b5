"""`GET /metrics`: after a sale that the test knows, every number is exactly what it has to be."""

import asyncio
import signal
import time
from itertools import pairwise

from tests.e2e.load import Crowd, crowd
from tests.support.figures import Series, counters, figures, named
from tests.support.server import PATIENCE_S, Server

SALES = ("bookings", "holds", "waits", "promotions", "confirmations", "cancellations", "expiries")


def sales(found: dict[Series, float]) -> dict[str, float]:
    """What was sold, by what it was."""
    return {name: named(found, f"{name}_total") for name in SALES}


def refused(server: Server, event: str) -> None:
    """What changes nothing, and what is no call at all."""
    assert server.post("/book", eventId=event, userId="dan", waitlist=False)[0] == 409
    assert server.post("/book", eventId=event, userId="dan", quantity=0)[0] == 422
    assert server.get("/nothing/1")[0] == server.get("/nothing/2")[0] == 404


def test_after_a_known_story_every_number_is_right(own_server: Server) -> None:
    server = own_server
    event = server.event(tickets=2)
    ann, _, _ = (server.book(event, user) for user in ("ann", "bob", "cleo"))
    refused(server, event)
    server.cancel(ann)
    other = server.event(tickets=3)
    held = server.hold(other, "gus")
    assert server.post("/confirm", orderId=held["orderId"])[0] == 200
    found = figures(server)
    assert sales(found) == {
        **dict.fromkeys(SALES, 0.0),
        "bookings": 2,
        "waits": 1,
        "cancellations": 1,
        "promotions": 1,
        "holds": 1,
        "confirmations": 1,
    }
    committed = 9  # two events, three bookings, a refusal, a cancellation, a hold, and its confirmation
    assert named(found, "commits_total", outcome="committed") == committed
    assert named(found, "commit_duration_seconds_count") == committed
    assert named(found, "commit_requests_sum") == committed
    assert named(found, "commit_requests_bucket", le="1.0") == committed
    assert requests_of(found) == {
        ("initialize", 201): 2, ("book", 201): 2, ("book", 202): 1, ("book", 409): 1, ("book", 422): 1,
        ("cancel", 200): 1, ("hold", 201): 1, ("confirm", 200): 1, ("unknown", 404): 2,
    }  # fmt: skip
    assert named(found, "http_request_duration_seconds_count", call="book") == 5
    assert named(found, "events_resident") == 2
    assert named(found, "orders_resident") == 3
    for level in ("requests_in_flight", "mailbox_depth", "events_quarantined", "fences_lost_total"):
        assert named(found, level) == 0
    assert named(found, "rebuilds_total") == 0
    assert named(found, "connections_open") == 1, "ours"


def requests_of(found: dict[Series, float]) -> dict[tuple[str, int], float]:
    """How many, by call and status."""
    return {
        (dict(labels)["call"], int(dict(labels)["status"])): number
        for (name, labels), number in found.items()
        if name == "http_requests_total"
    }


def test_what_lapses_by_itself_is_counted_and_so_is_who_gets_it(own_server: Server) -> None:
    event = own_server.event(tickets=1)
    own_server.hold(event, "eve", holdSeconds=1)
    own_server.hold(event, "fay")
    own_server.until(event, heldTickets=0, waitingListCount=0)
    expected = {"holds": 1, "waits": 1, "expiries": 1, "promotions": 1}
    assert sales(figures(own_server)) == {**dict.fromkeys(SALES, 0.0), **expected}
    assert named(figures(own_server), "orders_resident") == 1


def test_a_new_process_counts_from_nothing_and_knows_what_is_there(own_server: Server) -> None:
    events = [own_server.event(tickets=2) for _ in range(3)]
    orders = [own_server.book(event, user) for event in events for user in ("ann", "bob", "cleo")]
    own_server.cancel(orders[0])
    own_server.restart(signal.SIGKILL)
    found = figures(own_server)
    assert sales(found) == dict.fromkeys(SALES, 0.0)
    assert (named(found, "events_resident"), named(found, "orders_resident")) == (3, 8)
    assert named(found, "rebuilds_total") == 0, "that is for what is read back later"
    own_server.cancel(orders[1])
    found = figures(own_server)
    assert (named(found, "cancellations_total"), named(found, "orders_resident")) == (1, 7)


async def test_what_is_counted_never_goes_back_while_it_is_busy(own_server: Server) -> None:
    event = own_server.event(tickets=400)
    seen: list[dict[Series, float]] = []

    async def book(clients: Crowd, buyer: int) -> None:
        for number in range(20):
            await clients.ask("/book", eventId=event, userId=f"{buyer}-{number}")

    async def watch(load: "asyncio.Future[list[None]]") -> None:
        while not load.done():
            seen.append(await asyncio.to_thread(counters, own_server))

    async with crowd(own_server) as clients:
        load = asyncio.gather(*(book(clients, buyer) for buyer in range(30)))
        await asyncio.gather(load, watch(load))
    seen.append(await asyncio.to_thread(counters, own_server))
    assert len(seen) > 3, "not vacuous"
    assert any(0 < named(each, "bookings_total") < 400 for each in seen), "not vacuous"
    for earlier, later in pairwise(seen):
        assert {name: value for name, value in earlier.items() if later[name] < value} == {}
    assert (named(seen[-1], "bookings_total"), named(seen[-1], "waits_total")) == (400, 200)
    assert named(seen[-1], "commit_requests_sum") == 601
    assert named(seen[-1], "commits_total", outcome="committed") < 601, "there were batches"


def test_a_server_that_stood_still_is_not_ready_for_a_while_but_alive(own_server: Server) -> None:
    own_server.event()
    own_server.process.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    own_server.process.send_signal(signal.SIGCONT)
    deadline = time.monotonic() + PATIENCE_S
    while (own_server.get("/readyz"))[0] != 503:  # the first may be answered before the loop has noticed
        assert time.monotonic() < deadline
    status, problem = own_server.get("/readyz?verbose")
    assert (status, problem["code"]) == (503, "not_ready")
    assert "behind" in problem["detail"]
    assert problem["loopLagSeconds"] > 2.0
    assert named(figures(own_server), "loop_lag_seconds") > 2.0
    assert own_server.get("/livez") == (200, {"status": "alive"})
