"""When a sale opens and closes, by itself and for good."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.server import Server

pytestmark = pytest.mark.usefixtures("audited")


def users(promoted: list[dict[str, object]]) -> list[object]:
    return [each["userId"] for each in promoted]


def from_now(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_nothing_is_sold_before_the_opening(server: Server) -> None:
    opens = from_now(3600)
    event = server.event(tickets=2, salesOpenAt=opens)
    assert server.status(event)["state"] == "scheduled"
    for path in ("/book", "/hold"):
        refused = server.refused(path, eventId=event, userId="ann")
        assert refused["code"] == "sales_not_open"
        assert datetime.fromisoformat(refused["salesOpenAt"]) == datetime.fromisoformat(opens)
    server.post("/adjust", eventId=event, salesOpenAt=None)
    assert server.book(event, "ann")["status"] == "confirmed"


def test_a_sale_opens_and_closes_by_the_clock_and_its_tag_changes_with_it(server: Server) -> None:
    event = server.event(tickets=2, salesOpenAt=from_now(1), salesCloseAt=from_now(2))
    tag = server.send("GET", f"/status/{event}").headers["ETag"]
    server.until(event, state="open")
    changed = server.send("GET", f"/status/{event}", headers={"If-None-Match": tag})
    assert (changed.status, changed.document["version"]) == (200, 1)
    server.until(event, state="closed")
    refused = server.refused("/book", eventId=event, userId="ann")
    assert refused["code"] == "sales_closed"


def test_after_the_close_nobody_is_promoted_and_holds_may_still_be_confirmed(server: Server) -> None:
    event = server.event(tickets=2)
    held, booked, waiting = server.hold(event, "ann"), server.book(event, "bob"), server.book(event, "cy")
    code, closed = server.post("/close", eventId=event)
    assert (code, closed["state"], closed["closedAt"] is not None) == (200, "closed", True)
    assert server.cancel(booked)["promoted"] == []
    assert server.order(waiting)["position"] == 1
    assert server.refused("/extend", orderId=held["orderId"])["code"] == "sales_closed"
    assert server.post("/confirm", orderId=held["orderId"])[0] == 200
    for path, body in (
        ("/book", {"userId": "dan"}),
        ("/hold", {"userId": "dan"}),
        ("/adjust", {"totalTickets": 9}),
        ("/close", {}),
    ):
        refused = server.refused(path, eventId=event, **body)
        assert (refused["code"], refused["closedAt"]) == ("sales_closed", closed["closedAt"])
    assert server.cancel(waiting)["status"] == "cancelled"


def test_a_sale_that_closed_by_its_time_is_opened_again_and_promotes_at_once(server: Server) -> None:
    event = server.event(tickets=1)
    booked, waiting = server.book(event, "ann"), server.book(event, "bob")
    server.post("/adjust", eventId=event, salesCloseAt=from_now(-1))
    assert server.cancel(booked)["promoted"] == []
    code, reopened = server.post("/adjust", eventId=event, salesCloseAt=from_now(3600))
    assert (code, users(reopened["promoted"]), reopened["bookedTickets"]) == (200, ["bob"], 1)
    assert server.order(waiting)["status"] == "confirmed"


def test_a_hold_that_lapses_after_the_close_promotes_nobody(server: Server) -> None:
    event = server.event(tickets=1)
    server.hold(event, "ann", holdSeconds=1)
    server.book(event, "bob")
    server.post("/close", eventId=event)
    assert server.until(event, heldTickets=0)["waitingListCount"] == 1
