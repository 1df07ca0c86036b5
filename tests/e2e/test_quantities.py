"""How many tickets: all of an order or none, and a part of it given back."""

import pytest

from tests.support.server import Server

pytestmark = pytest.mark.usefixtures("audited")


def users(promoted: list[dict[str, object]]) -> list[object]:
    return [each["userId"] for each in promoted]


def test_an_order_gets_all_of_its_tickets_or_waits_for_all(server: Server) -> None:
    event = server.event(tickets=3)
    server.book(event, "ann", 2)
    pair = server.book(event, "pair", 2)
    assert (pair["status"], pair["position"]) == ("waitlisted", 1)
    assert server.status(event)["availableTickets"] == 1
    assert server.status(event)["waitingTickets"] == 2


def test_a_party_of_two_is_not_overtaken_by_a_single(server: Server) -> None:
    event = server.event(tickets=2)
    ann, bob = server.book(event, "ann"), server.book(event, "bob")
    pair, single = server.book(event, "pair", 2), server.book(event, "single")
    assert users(server.cancel(ann)["promoted"]) == []
    assert server.refused("/book", eventId=event, userId="late", waitlist=False)["availableTickets"] == 1
    assert users(server.cancel(bob)["promoted"]) == ["pair"]
    assert server.order(single)["position"] == 1
    assert server.order(pair)["status"] == "confirmed"


def test_a_part_of_an_order_is_given_back_and_promotes_with_what_it_frees(server: Server) -> None:
    event = server.event(tickets=4)
    big = server.book(event, "big", 4)
    server.book(event, "a"), server.book(event, "b", 2), server.book(event, "c")
    part = server.cancel(big, quantity=2)
    assert (part["status"], part["quantity"], part["cancelledQuantity"]) == ("confirmed", 2, 2)
    assert users(part["promoted"]) == ["a"], "b wants two, one is left, and b blocks c"
    status = server.status(event)
    assert (status["bookedTickets"], status["availableTickets"], status["waitingListCount"]) == (3, 1, 2)
    assert users(server.cancel(big, quantity=1)["promoted"]) == ["b"]


def test_who_waits_for_fewer_keeps_the_place_and_may_get_them_at_once(server: Server) -> None:
    event = server.event(tickets=3)
    server.book(event, "ann", 2)
    party, other = server.book(event, "party", 3), server.book(event, "other", 2)
    less = server.cancel(party, quantity=1)
    assert (less["status"], less["quantity"], less["promoted"]) == ("waitlisted", 2, [])
    assert [server.order(order)["position"] for order in (party, other)] == [1, 2]
    least = server.cancel(party, quantity=1)
    assert (least["status"], least["quantity"], users(least["promoted"])) == ("confirmed", 1, ["party"])
    assert server.order(other)["position"] == 1


def test_a_part_of_a_hold_is_let_go(server: Server) -> None:
    event = server.event(tickets=3)
    held = server.hold(event, "ann", 3)
    part = server.cancel(held, quantity=2)
    assert (part["status"], part["quantity"], part["expiresAt"]) == ("held", 1, held["expiresAt"])
    assert server.status(event)["heldTickets"] == 1


def test_the_whole_quantity_is_the_whole_order_and_more_is_refused(server: Server) -> None:
    event = server.event(tickets=3)
    order = server.book(event, "ann", 2)
    refused = server.refused("/cancel", orderId=order["orderId"], quantity=3)
    assert (refused["code"], refused["quantity"]) == ("exceeds_order", 2)
    assert server.cancel(order, quantity=2)["status"] == "cancelled"
    assert server.status(event)["availableTickets"] == 3
    assert server.refused("/cancel", orderId=order["orderId"])["code"] == "already_cancelled"


def test_a_part_is_cancelled_by_the_customer_too(server: Server) -> None:
    event = server.event(tickets=3)
    server.book(event, "ann", 3)
    status, part = server.post("/cancel", eventId=event, userId="ann", quantity=1)
    assert (status, part["quantity"]) == (200, 2)
