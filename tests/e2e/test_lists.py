"""Lists a page at a time, and the log of an event."""

import json
from typing import Any

import pytest

from tests.support.server import Server

pytestmark = pytest.mark.usefixtures("audited")


def pages(server: Server, path: str) -> list[Any]:
    """Every item of a list, by way of the links."""
    items: list[Any] = []
    while path:
        reply = server.send("GET", path)
        assert reply.status == 200, reply.document
        items += reply.document["items"]
        link = reply.headers["Link"]
        assert (link is None) == (reply.document["next"] is None)
        path = "" if link is None else link.removesuffix('>; rel="next"').removeprefix("<")
    return items


@pytest.fixture
def event(server: Server) -> str:
    """One with an order of each status, two of some."""
    event = server.event(tickets=4, waitlistMode="offer")
    gone = server.book(event, "gone", 2)
    server.book(event, "ann"), server.hold(event, "ann")
    offered = server.book(event, "off", 2)
    server.book(event, "ann", 2), server.book(event, "bob")
    server.cancel(gone)
    assert server.order(offered)["status"] == "offered"
    return event


def test_orders_are_listed_by_age_with_what_belongs_to_their_status(server: Server, event: str) -> None:
    orders = pages(server, f"/orders?eventId={event}&limit=2")
    assert [(order["userId"], order["status"]) for order in orders] == [
        ("gone", "cancelled"),
        ("ann", "confirmed"),
        ("ann", "held"),
        ("off", "offered"),
        ("ann", "waitlisted"),
        ("bob", "waitlisted"),
    ]
    assert [order.get("position") for order in orders] == [None, None, None, None, 1, 2]
    assert ["expiresAt" in order for order in orders] == [False, False, True, True, False, False]
    assert orders == [server.order(order) for order in orders]


def test_orders_are_found_by_customer_and_status(server: Server, event: str) -> None:
    for query, found in (
        (f"eventId={event}&userId=ann", ["confirmed", "held", "waitlisted"]),
        (f"eventId={event}&userId=ann&status=held", ["held"]),
        (f"eventId={event}&status=waitlisted", ["waitlisted", "waitlisted"]),
        (f"eventId={event}&status=expired", []),
        (f"eventId={2**62}", []),
        ("userId=nobody%20at%20all", []),
    ):
        listed = pages(server, f"/orders?{query}&limit=1")
        assert [order["status"] for order in listed] == found, query


def test_a_customers_orders_are_found_over_all_events(server: Server) -> None:
    events = [server.event(tickets=9) for _ in range(3)]
    orders = [server.book(event, "wanderer & co") for event in events]
    listed = pages(server, "/orders?userId=wanderer%20%26%20co&limit=2")
    assert [order["orderId"] for order in listed] == [order["orderId"] for order in orders]


@pytest.mark.parametrize(
    "query",
    [
        "/orders?limit=0",
        "/orders?limit=501",
        "/orders?limit=x",
        "/orders?limit=" + "9" * 30,
        "/orders?cursor=1",
        "/orders?status=lost",
        "/orders?event=1",
        "/orders?userId=%00",
        "/orders?userId=" + "x" * 201,
        "/orders?userId=",
        "/events?after=1",
        "/events?cursor=x",
        "/events?order=",
        "/events?order=NEWEST",
        "/events?order=newest&cursor=x",
    ],
)
def test_what_a_list_does_not_take_is_refused(server: Server, query: str) -> None:
    reply = server.send("GET", query)
    assert (reply.status, reply.document["code"]) == (422, "invalid_request")


def test_events_are_listed(server: Server) -> None:
    made = [server.event(tickets=n, maxPerOrder=n) for n in (1, 2, 3)]
    listed = {each["eventId"]: each for each in pages(server, "/events?limit=2")}
    assert [listed[event] for event in made] == [server.status(event) for event in made]


def test_events_are_listed_from_either_end(server: Server) -> None:
    made = [server.event() for _ in range(5)]
    oldest = [each["eventId"] for each in pages(server, "/events?order=oldest&limit=2")]
    newest = [each["eventId"] for each in pages(server, "/events?order=newest&limit=2")]
    assert newest[:5] == made[::-1]
    assert newest == oldest[::-1]
    assert oldest == [each["eventId"] for each in pages(server, "/events?limit=500")]
    after = server.send("GET", f"/events?order=newest&limit=500&cursor={made[2]}").document["items"]
    assert [each["eventId"] for each in after] == newest[3:]


def test_the_log_shows_every_change_once_and_in_order(server: Server, event: str) -> None:
    server.post("/adjust", eventId=event, eventName="Renamed")
    server.post("/close", eventId=event)
    log = pages(server, f"/events/{event}/changes?limit=3")
    assert [each["version"] for each in log] == list(range(1, 11))
    assert [each["type"] for each in log] == [
        "eventInitialized",
        "ticketsBooked",
        "ticketsBooked",
        "ticketsHeld",
        *["customerWaitlisted"] * 3,
        "orderCancelled",
        "eventAdjusted",
        "saleClosed",
    ]
    assert log[8]["eventName"] == "Renamed"
    (promoted,) = log[7]["promoted"]
    assert (promoted["userId"], promoted["status"], promoted["quantity"]) == ("off", "offered", 2)
    assert server.order(promoted)["expiresAt"] == promoted["expiresAt"]
    assert pages(server, f"/events/{event}/changes?after=9") == log[9:]
    assert pages(server, f"/events/{event}/changes?cursor=9") == log[9:]
    for query, status in (("after=x", 422), ("after=1&cursor=1", 422), ("limit=0", 422)):
        assert server.get(f"/events/{event}/changes?{query}")[0] == status
    assert server.get(f"/events/{2**62}/changes")[0] == 404


def test_a_long_log_is_streamed_line_by_line(server: Server) -> None:
    event = server.event(tickets=10_000)
    for batch in range(3):
        commands = [{"do": "book", "eventId": event, "userId": f"{batch}-{n}"} for n in range(700)]
        assert server.post("/batch", commands=commands)[0] == 200
    reply = server.send("GET", f"/events/{event}/changes", headers={"Accept": "application/x-ndjson"})
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/x-ndjson")
    lines = [json.loads(line) for line in reply.body.splitlines()]
    assert [line["version"] for line in lines] == list(range(1, 2_102))
    assert lines == pages(server, f"/events/{event}/changes?limit=500")
    rest = server.send(
        "GET", f"/events/{event}/changes?after=2100", headers={"Accept": "application/x-ndjson"}
    )
    assert [json.loads(line)["version"] for line in rest.body.splitlines()] == [2_101]
    none = server.send(
        "GET", f"/events/{event}/changes?after=2101", headers={"Accept": "application/x-ndjson"}
    )
    assert (none.status, none.body) == (200, b"")


def test_the_head_of_a_streamed_log_has_no_body(server: Server) -> None:
    head = f"HEAD /events/{server.event()}/changes HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n"
    answer = server.send_raw(f"{head}Connection: close\r\n\r\n".encode(), finish=False)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n")
