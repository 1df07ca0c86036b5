"""Limits bind every path, and count everything that a customer has or waits for."""

from typing import Any

import pytest

from tests.support.server import Server

pytestmark = pytest.mark.usefixtures("audited")


def users(promoted: list[dict[str, object]]) -> list[object]:
    return [each["userId"] for each in promoted]


def tried_everywhere(server: Server, event: str, user: str, quantity: int) -> list[Any]:
    """What each path that takes tickets says to the same wish."""
    wish = {"eventId": event, "userId": user, "quantity": quantity}
    answers = [server.post("/book", **wish), server.post("/hold", **wish)]
    code, batch = server.post("/batch", commands=[{"do": "book", **wish}, {"do": "hold", **wish}])
    assert code == 200
    return [*(body for _, body in answers), *(each["body"] for each in batch["results"])]


def test_no_order_is_larger_than_allowed_on_any_path(server: Server) -> None:
    event = server.event(tickets=99, maxPerOrder=2)
    for refused in tried_everywhere(server, event, "ann", 3):
        assert (refused["code"], refused["limit"]) == ("limit_exceeded", "maxPerOrder")
        assert (refused["maximum"], refused["asked"]) == (2, 3)
    assert server.status(event)["version"] == 1
    server.post("/adjust", eventId=event, maxPerOrder=3)
    assert [order["quantity"] for order in tried_everywhere(server, event, "ann", 3)] == [3, 3, 3, 3]


def test_no_customer_gets_more_than_allowed_waiting_orders_included(server: Server) -> None:
    event = server.event(tickets=3, maxPerCustomer=4)
    first = server.book(event, "ann", 2)
    held = server.hold(event, "ann", 1)
    waiting = server.book(event, "ann", 1)
    assert (held["status"], waiting["status"]) == ("held", "waitlisted")
    for refused in tried_everywhere(server, event, "ann", 1):
        assert (refused["code"], refused["limit"]) == ("limit_exceeded", "maxPerCustomer")
        assert (refused["maximum"], refused["asked"]) == (4, 5)
    server.cancel(first, quantity=1)
    assert server.book(event, "ann", 1)["quantity"] == 1
    assert server.book(event, "bob", 2)["status"] == "waitlisted", "the limit is each customer's own"


def test_the_line_may_have_an_end(server: Server) -> None:
    event = server.event(tickets=1, waitlistLimit=1)
    server.book(event, "ann")
    waiting = server.book(event, "bob")
    for refused in tried_everywhere(server, event, "cy", 1):
        assert (refused["code"], refused["waitlistLimit"]) == ("waitlist_full", 1)
    server.cancel(waiting)
    assert server.book(event, "cy")["position"] == 1
    server.post("/adjust", eventId=event, waitlistLimit=0)
    assert server.refused("/book", eventId=event, userId="dan")["code"] == "waitlist_full"


def test_nobodys_place_in_line_ever_gets_worse(server: Server) -> None:
    event = server.event(tickets=2)
    first = server.book(event, "ann", 2)
    line = [server.book(event, f"user-{number}", 1 + number % 2) for number in range(8)]
    positions = {order["orderId"]: order["position"] for order in line}
    for leaving in (line[3], first, line[6], line[0]):
        server.cancel(leaving)
        server.book(event, "late")
        for order in line:
            now = server.order(order).get("position", 0)
            assert now <= positions[order["orderId"]]
            positions[order["orderId"]] = now
