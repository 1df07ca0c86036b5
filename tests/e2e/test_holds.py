"""Tickets held for a while: confirmed, extended, let go, or lapsed."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.server import Server

pytestmark = pytest.mark.usefixtures("audited")


def users(promoted: list[dict[str, object]]) -> list[object]:
    return [each["userId"] for each in promoted]


def lasts(order: Any) -> timedelta:
    return datetime.fromisoformat(order["expiresAt"]) - datetime.fromisoformat(order["createdAt"])


def test_tickets_are_held_and_then_confirmed(server: Server) -> None:
    event = server.event(tickets=3)
    held = server.hold(event, "ann", 2, holdSeconds=60)
    assert (held["status"], lasts(held)) == ("held", timedelta(seconds=60))
    status = server.status(event)
    assert (status["heldTickets"], status["bookedTickets"], status["availableTickets"]) == (2, 0, 1)
    code, confirmed = server.post("/confirm", orderId=held["orderId"])
    assert (code, confirmed["status"], "expiresAt" in confirmed) == (200, "confirmed", False)
    assert server.status(event)["bookedTickets"] == 2
    again = server.refused("/confirm", orderId=held["orderId"])
    assert (again["code"], again["orderStatus"]) == ("already_confirmed", "confirmed")


def test_a_hold_lasts_as_long_as_its_event_says(server: Server) -> None:
    event = server.event(tickets=3, holdSeconds=90, maxHoldSeconds=120)
    assert lasts(server.hold(event, "ann")) == timedelta(seconds=90)
    refused = server.refused("/hold", eventId=event, userId="bob", holdSeconds=121)
    assert (refused["code"], refused["limit"], refused["maximum"]) == (
        "limit_exceeded",
        "maxHoldSeconds",
        120,
    )


def test_a_hold_lapses_by_itself_and_promotes(server: Server) -> None:
    event = server.event(tickets=1)
    held = server.hold(event, "ann", holdSeconds=1)
    waiting = server.book(event, "bob")
    server.until(event, heldTickets=0, bookedTickets=1, waitingListCount=0)
    late = datetime.now().astimezone() - datetime.fromisoformat(held["expiresAt"])
    assert late < timedelta(seconds=5), "a second, and some patience with a busy machine"
    assert (server.order(held)["status"], server.order(waiting)["status"]) == ("expired", "confirmed")
    for path in ("/confirm", "/extend", "/cancel"):
        assert server.refused(path, orderId=held["orderId"])["code"] == "hold_expired"


def test_a_hold_is_let_go_and_promotes(server: Server) -> None:
    event = server.event(tickets=1)
    held = server.hold(event, "ann")
    server.book(event, "bob")
    assert users(server.cancel(held)["promoted"]) == ["bob"]
    assert server.refused("/confirm", orderId=held["orderId"])["code"] == "already_cancelled"


def test_who_wants_to_hold_what_is_sold_out_waits_unless_unwilling(server: Server) -> None:
    event = server.event(tickets=1)
    first = server.book(event, "ann")
    waiting = server.hold(event, "bob")
    assert (waiting["status"], waiting["position"], "expiresAt" in waiting) == ("waitlisted", 1, False)
    refused = server.refused("/hold", eventId=event, userId="cy", waitlist=False)
    assert refused["code"] == "sold_out"
    assert server.refused("/confirm", orderId=waiting["orderId"])["code"] == "not_held"
    assert server.cancel(first)["promoted"][0]["status"] == "confirmed"


def test_a_hold_is_extended_up_to_its_bound(server: Server) -> None:
    event = server.event(tickets=1, holdSeconds=30, maxHoldSeconds=100)
    held = server.hold(event, "ann")
    code, longer = server.post("/extend", orderId=held["orderId"], holdSeconds=60)
    assert (code, longer["status"]) == (200, "held")
    assert timedelta(seconds=60) <= lasts(longer) < timedelta(seconds=100)
    code, longest = server.post("/extend", orderId=held["orderId"], holdSeconds=1000)
    assert (code, lasts(longest)) == (200, timedelta(seconds=100))
    refused = server.refused("/extend", orderId=held["orderId"])
    assert (refused["code"], refused["expiresAt"]) == ("hold_not_extended", longest["expiresAt"])
    assert refused["latestExpiresAt"] == longest["expiresAt"]


def test_only_what_is_held_is_extended(server: Server) -> None:
    event = server.event(tickets=1)
    booked = server.book(event, "ann")
    assert server.refused("/extend", orderId=booked["orderId"])["code"] == "already_confirmed"
    absent = f"{event}-01a0b2c3-0000-7000-8000-000000000000"
    for path in ("/confirm", "/extend", "/cancel"):
        assert server.post(path, orderId=absent)[0] == 404
        assert server.post(path, orderId="nonsense")[0] == 404


def test_holds_survive_a_kill_and_lapse_after_it(own_server: Server) -> None:
    event = own_server.event(tickets=3)
    short, long = own_server.hold(event, "ann", holdSeconds=1), own_server.hold(event, "bob", 2)
    waiting = own_server.book(event, "cy")
    own_server.kill()
    own_server.start()
    own_server.until(event, heldTickets=2, bookedTickets=1, waitingListCount=0)
    assert own_server.order(short)["status"] == "expired"
    assert own_server.order(waiting)["status"] == "confirmed"
    assert own_server.order(long)["expiresAt"] == long["expiresAt"]
    assert own_server.post("/confirm", orderId=long["orderId"])[0] == 200
