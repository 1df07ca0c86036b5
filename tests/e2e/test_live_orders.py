"""Watching many events over one connection, and orders: their places in line, and what becomes of them."""

from typing import Any

import pytest

from tests.support.listening import RefusedError, Stream, WebSocket
from tests.support.server import Server

NEVER_WAS = "00000000-0000-7000-8000-000000000000"


def as_shown(order: Any) -> Any:
    """An order's message as `GET /orders` shows it."""
    assert order["type"] == "order"
    return {name: value for name, value in order.items() if name != "type"}


# --- many events ---------------------------------------------------------------------------------


def test_many_events_are_watched_over_one_connection_until_they_are_not(server: Server) -> None:
    first, second, third = (server.event(9) for _ in range(3))
    with WebSocket(server, f"/live?watch={first},%20{second}") as listener:
        assert [listener.message()["eventId"] for _ in range(2)] == [first, second]
        listener.ask(watch=[int(third)])
        assert listener.message()["eventId"] == third
        for event in (third, first, second):
            server.book(event, "ann")
            assert listener.message() == {"type": "status", **server.status(event)}
        listener.ask(unwatch=[first, int(second), "999999999", "nonsense"], watch=[third])
        assert listener.message()["eventId"] == third, "what is watched already is told again"
        for event in (first, second, third):
            server.book(event, "bob")
        assert listener.message()["eventId"] == third
        assert listener.is_quiet()
    with Stream(server, f"/live?watch={first},{second}&watchOrder=nonsense") as stream:
        assert {stream.message()["eventId"] for _ in range(2)} == {first, second}
        assert stream.message()["problem"]["code"] == "order_not_found"
        server.book(second, "carl")
        assert stream.message()["eventId"] == second


def test_what_cannot_be_watched_is_said_for_each_and_the_others_are_watched(server: Server) -> None:
    event = server.event()
    with WebSocket(server, "/live") as listener:
        listener.ask(watch=["999999999", event, 0, "nonsense"])
        told = [listener.message() for _ in range(4)]
        assert {message["eventId"] for message in told} == {"999999999", event, "0", "nonsense"}
        problems = [message["problem"]["code"] for message in told if message["type"] == "problem"]
        assert problems == ["event_not_found"] * 3
        server.book(event, "ann")
        assert listener.message()["version"] == 2


def test_so_many_orders_and_no_more_but_those_that_are_settled_do_not_count(server: Server) -> None:
    event = server.event(300)
    orders = [server.book(event, f"customer {number}") for number in range(101)]
    hundred = [order["orderId"] for order in orders[:100]]
    with WebSocket(server, "/live?watchOrder=" + ",".join(hundred)) as listener:
        assert [listener.message()["orderId"] for _ in hundred] == hundred
        listener.ask(watchOrder=orders[100]["orderId"])
        problem = listener.problem()
        assert (problem["problem"]["code"], problem["orderId"]) == ("invalid_request", orders[100]["orderId"])
        listener.ask(watchOrder=orders[5]["orderId"])
        assert as_shown(listener.message()) == server.order(orders[5]), "that is none more"
        server.cancel(orders[7])
        listener.order_of(orders[7], status="cancelled")
        listener.ask(watchOrder=orders[100]["orderId"])
        assert as_shown(listener.message()) == server.order(orders[100])


def test_so_many_events_and_no_more(server: Server) -> None:
    events = [server.event() for _ in range(101)]
    with WebSocket(server, "/live?watch=" + ",".join(events[:100])) as listener:
        assert [listener.message()["eventId"] for _ in range(100)] == events[:100]
        listener.ask(watch=[events[100], events[3]])
        problem = listener.problem()
        assert (problem["problem"]["code"], problem["eventId"]) == ("invalid_request", events[100])
        assert listener.message()["eventId"] == events[3], "that is none more"
        listener.ask(unwatch=[events[0]], watch=[events[100]])
        assert listener.message()["eventId"] == events[100]
    with pytest.raises(RefusedError) as refusal:
        WebSocket(server, "/live?watch=" + ",".join(events))
    assert refusal.value.reply.status == 422


# --- orders --------------------------------------------------------------------------------------


def test_who_waits_sees_themselves_move_up_and_get_a_ticket(server: Server) -> None:
    event = server.event(1)
    ann, bob, carl = (server.book(event, customer) for customer in ("ann", "bob", "carl"))
    with (
        WebSocket(server, f"/live?watchOrder={carl['orderId']}") as carls,
        WebSocket(server, "/live") as both,
    ):
        assert as_shown(carls.message()) == server.order(carl)
        both.ask(watchOrder=bob["orderId"])
        assert both.message()["position"] == 1
        both.ask(watchOrder=carl["orderId"])
        assert both.message()["position"] == 2
        server.cancel(ann)
        for listener in (carls, both):
            assert listener.order_of(carl)["position"] == 1
        server.cancel(bob)
        for listener in (carls, both):
            confirmed = listener.order_of(carl, status="confirmed")
            assert "position" not in confirmed
            assert as_shown(confirmed) == server.order(carl)
        server.cancel(carl)
        for listener in (carls, both):
            assert listener.order_of(carl)["status"] == "cancelled"
            assert listener.is_quiet(), "that was the last of it"


def test_an_offer_comes_with_its_end_and_its_end_is_the_last(server: Server) -> None:
    event = server.event(1, waitlistMode="offer", offerSeconds=3)
    ann, bob = server.book(event, "ann"), server.book(event, "bob")
    with WebSocket(server, f"/live?watchOrder={bob['orderId']}") as listener:
        assert listener.message()["position"] == 1
        server.cancel(ann)
        offered = listener.message()
        assert (offered["status"], "position" in offered) == ("offered", False)
        assert as_shown(offered) == server.order(bob)
        expired = listener.message()
        assert (expired["status"], "expiresAt" in expired) == ("expired", False)
        server.book(event, "carl")
        assert listener.is_quiet()


def test_who_holds_sees_the_end_move_and_the_quantity_change(server: Server) -> None:
    event = server.event(9)
    hold, other = (server.hold(event, customer, 3, holdSeconds=60) for customer in ("ann", "bob"))
    with WebSocket(server, f"/live?watchOrder={hold['orderId']}") as listener:
        begun = listener.message()
        assert begun["expiresAt"] == hold["expiresAt"]
        server.post("/extend", orderId=hold["orderId"], holdSeconds=600)
        assert listener.message()["expiresAt"] > begun["expiresAt"]
        server.cancel(hold, quantity=1)
        assert listener.message()["quantity"] == 2
        listener.ask(unwatchOrder=hold["orderId"], watchOrder=other["orderId"])
        assert as_shown(listener.message()) == server.order(other)
        for each in (hold, other):
            server.cancel(each, quantity=1)
        assert as_shown(listener.message()) == server.order(other)
        assert listener.is_quiet(), "the first is not watched any more"


def test_an_order_that_is_settled_is_shown_once(server: Server) -> None:
    event = server.event(9)
    order = server.book(event, "ann")
    server.cancel(order)
    with WebSocket(server, "/live") as listener:
        for _ in range(2):
            listener.ask(watchOrder=order["orderId"])
            assert as_shown(listener.message()) == server.order(order)
        server.book(event, "bob")
        assert listener.is_quiet()


def test_orders_that_never_were_are_not_watched(server: Server) -> None:
    event = server.event()
    with WebSocket(server, "/live") as listener:
        for order in (f"{event}-{NEVER_WAS}", f"999999999-{NEVER_WAS}", "nonsense", 0, 7):
            listener.ask(watchOrder=order)
            problem = listener.problem()
            assert (problem["problem"]["code"], problem["orderId"]) == ("order_not_found", str(order))
