"""Events that offer freed tickets to the next in line instead of confirming at once."""

import pytest

from tests.support.server import Server

pytestmark = pytest.mark.usefixtures("audited")


def users(promoted: list[dict[str, object]]) -> list[object]:
    return [each["userId"] for each in promoted]


def offering(server: Server, tickets: int = 1, seconds: int = 600) -> str:
    return server.event(tickets=tickets, waitlistMode="offer", offerSeconds=seconds)


def test_whoever_is_promoted_is_offered_the_tickets_and_accepts(server: Server) -> None:
    event = offering(server)
    first, second = server.book(event, "ann"), server.book(event, "bob")
    (promoted,) = server.cancel(first)["promoted"]
    assert (promoted["userId"], promoted["status"]) == ("bob", "offered")
    offered = server.order(second)
    assert (offered["status"], offered["expiresAt"]) == ("offered", promoted["expiresAt"])
    status = server.status(event)
    assert (status["offeredTickets"], status["availableTickets"]) == (1, 0)
    assert server.refused("/extend", orderId=second["orderId"])["code"] == "not_held"
    assert server.post("/confirm", orderId=second["orderId"])[1]["status"] == "confirmed"


def test_whoever_declines_is_not_offered_again_and_the_next_in_line_is(server: Server) -> None:
    event = offering(server)
    first, second, third = (server.book(event, user) for user in ("ann", "bob", "cy"))
    server.cancel(first)
    declined = server.cancel(second)
    assert (declined["status"], users(declined["promoted"])) == ("cancelled", ["cy"])
    assert users(server.cancel(third)["promoted"]) == []
    assert server.order(second)["status"] == "cancelled"
    assert server.status(event)["availableTickets"] == 1


def test_an_offer_that_lapses_goes_to_the_next_in_line(server: Server) -> None:
    event = offering(server, seconds=1)
    first, second, third = (server.book(event, user) for user in ("ann", "bob", "cy"))
    server.cancel(first)
    server.until(event, waitingListCount=0)
    server.until(event, offeredTickets=0, availableTickets=1)
    assert [server.order(order)["status"] for order in (second, third)] == ["expired", "expired"]
    assert server.refused("/confirm", orderId=second["orderId"])["code"] == "hold_expired"


def test_the_mode_is_the_one_of_the_moment_of_promotion(server: Server) -> None:
    event = server.event(tickets=2)
    first, second = server.book(event, "ann"), server.book(event, "bob")
    third, fourth = server.book(event, "cy"), server.book(event, "dan")
    server.cancel(first)
    server.post("/adjust", eventId=event, waitlistMode="offer")
    server.cancel(second)
    assert [server.order(order)["status"] for order in (third, fourth)] == ["confirmed", "offered"]
