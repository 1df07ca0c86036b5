"""The box office from outside: initialise, book, wait, cancel, promote, look."""

import re
from datetime import UTC, datetime

import pytest

from tests.support.server import Server

ODD = [
    """ "quotes" 'n' `ticks` and \\ backslashes """,
    "two\nlines\r\nand a\ttab",
    "emoji 🎟️ 👩‍👩‍👧, ümläuts, العربية, ﷽",
    "<script>alert('x')</script>&amp;",
    "'; DROP TABLE orders; --",
    "{}",
    '{"a","b"}',
    "NULL",
    "\\N",
    "%s %(name)s $1 :id",
    "\x01\x1f\x7f\u2028\ufeff",
    " ",
    "x" * 200,
    "🎟" * 200,
]


NO_TERMS = {
    "salesOpenAt": None,
    "salesCloseAt": None,
    "closedAt": None,
    "maxPerOrder": None,
    "maxPerCustomer": None,
    "waitlistLimit": None,
    "waitlistMode": "book",
    "offerSeconds": 3600,
    "holdSeconds": 600,
    "maxHoldSeconds": 3600,
}


def names(promoted: list[dict[str, object]]) -> list[object]:
    return [each["userId"] for each in promoted]


def test_an_event_is_initialized(server: Server) -> None:
    reply = server.send(
        "POST",
        "/initialize",
        b'{"eventName": "Tech Conference 2025", "totalTickets": 100}',
        {"Content-Type": "application/json; charset=utf-8"},
    )
    event_id = reply.document["eventId"]
    assert reply.status == 201
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Location"] == f"/status/{event_id}"
    assert isinstance(event_id, str)
    assert reply.document == {
        "eventId": event_id,
        "eventName": "Tech Conference 2025",
        "totalTickets": 100,
        "availableTickets": 100,
        "bookedTickets": 0,
        "heldTickets": 0,
        "offeredTickets": 0,
        "waitingListCount": 0,
        "waitingTickets": 0,
        "state": "open",
        "version": 1,
        **NO_TERMS,
    }
    assert server.get(reply.headers["Location"]) == (200, reply.document)


def test_no_two_events_have_one_id(server: Server) -> None:
    assert len({server.event() for _ in range(5)}) == 5


def test_a_ticket_is_booked(server: Server) -> None:
    event = server.event(tickets=3)
    before = datetime.now(UTC)
    status, order = server.post("/book", eventId=event, userId="alice", quantity=2)
    assert status == 201
    assert before <= datetime.fromisoformat(order["createdAt"]) <= datetime.now(UTC)
    assert re.fullmatch(rf"{event}-[0-9a-f]{{8}}-[0-9a-f]{{4}}-7[0-9a-f-]{{17,}}", order["orderId"])
    assert order == {
        "orderId": order["orderId"],
        "eventId": event,
        "userId": "alice",
        "quantity": 2,
        "status": "confirmed",
        "version": 2,
        "createdAt": order["createdAt"],
    }
    assert server.status(event) == {
        "eventId": event,
        "eventName": "Tech Conference 2025",
        "totalTickets": 3,
        "availableTickets": 1,
        "bookedTickets": 2,
        "heldTickets": 0,
        "offeredTickets": 0,
        "waitingListCount": 0,
        "waitingTickets": 0,
        "state": "open",
        "version": 2,
        **NO_TERMS,
    }


def test_the_quantity_is_one_unless_given(server: Server) -> None:
    status, order = server.post("/book", eventId=server.event(tickets=2), userId="alice")
    assert (status, order["quantity"]) == (201, 1)


def test_who_comes_too_late_waits_in_line(server: Server) -> None:
    event = server.event(tickets=1)
    server.book(event, "alice")
    for position, user in enumerate(("bob", "carol"), 1):
        status, order = server.post("/book", eventId=event, userId=user)
        assert (status, order["status"], order["position"]) == (202, "waitlisted", position)
        assert order["version"] == 2 + position
    assert server.status(event)["waitingListCount"] == 2


def test_who_does_not_want_to_wait_is_told_that_it_is_sold_out(server: Server) -> None:
    event = server.event(tickets=1)
    server.book(event, "alice")
    server.book(event, "bob")
    status, problem = server.post("/book", eventId=event, userId="carol", waitlist=False)
    assert (status, problem["code"]) == (409, "sold_out")
    assert (problem["availableTickets"], problem["waitingListCount"], problem["version"]) == (0, 1, 3)
    assert server.status(event)["version"] == 3


def test_an_order_gets_all_of_its_tickets_or_none(server: Server) -> None:
    event = server.event(tickets=3)
    server.book(event, "alice", 2)
    status, problem = server.post("/book", eventId=event, userId="bob", quantity=2, waitlist=False)
    assert (status, problem["code"], problem["availableTickets"]) == (409, "sold_out", 1)
    assert server.book(event, "bob", 2)["status"] == "waitlisted"
    assert server.status(event)["availableTickets"] == 1


def test_nobody_books_past_the_line_even_if_they_would_fit(server: Server) -> None:
    event = server.event(tickets=2)
    alice = server.book(event, "alice")
    server.book(event, "two of them", 2)
    status, single = server.post("/book", eventId=event, userId="single")
    assert (status, single["position"]) == (202, 2)
    status, problem = server.post("/book", eventId=event, userId="hasty", waitlist=False)
    assert (status, problem["code"], problem["availableTickets"]) == (409, "sold_out", 1)
    assert names(server.cancel(alice)["promoted"]) == ["two of them"]
    assert server.order(single)["position"] == 1


def test_nobody_waits_for_more_than_the_event_has(server: Server) -> None:
    event = server.event(tickets=2)
    status, problem = server.post("/book", eventId=event, userId="alice", quantity=3)
    assert (status, problem["code"], problem["totalTickets"]) == (409, "exceeds_capacity", 2)
    assert server.status(event)["version"] == 1
    assert server.book(event, "alice", 2)["status"] == "confirmed"


def test_an_order_is_cancelled_by_its_id(server: Server) -> None:
    event = server.event(tickets=2)
    order = server.book(event, "alice", 2)
    status, cancelled = server.post("/cancel", orderId=order["orderId"])
    assert status == 200
    assert cancelled == {**order, "status": "cancelled", "version": 3, "cancelledQuantity": 2, "promoted": []}
    assert server.status(event)["availableTickets"] == 2


def test_an_order_is_cancelled_by_its_customer(server: Server) -> None:
    event = server.event(tickets=2)
    order = server.book(event, "alice")
    server.book(event, "bob")
    status, cancelled = server.post("/cancel", eventId=event, userId="alice")
    assert (status, cancelled["orderId"], cancelled["promoted"]) == (200, order["orderId"], [])


def test_a_customer_with_several_orders_is_asked_which(server: Server) -> None:
    event = server.event(tickets=2)
    orders = [server.book(event, "alice") for _ in range(3)]
    status, problem = server.post("/cancel", eventId=event, userId="alice")
    assert (status, problem["code"]) == (409, "ambiguous_order")
    assert problem["orderIds"] == [order["orderId"] for order in orders]
    assert problem["orderCount"] == 3
    assert server.status(event)["version"] == 4
    server.cancel(orders[0])
    server.cancel(orders[1])
    assert server.post("/cancel", eventId=event, userId="alice")[0] == 200


def test_a_cancellation_promotes_all_who_now_fit_in_order_in_the_same_answer(server: Server) -> None:
    event = server.event(tickets=4)
    big = server.book(event, "big", 4)
    waiting = [server.book(event, user, n) for user, n in (("a", 1), ("b", 2), ("c", 2), ("d", 1))]
    cancelled = server.cancel(big)
    assert cancelled["promoted"] == [
        {"orderId": order["orderId"], "userId": order["userId"], "quantity": n, "status": "confirmed"}
        for n, order in enumerate(waiting[:2], 1)
    ]
    after = server.status(event)
    assert after["version"] == cancelled["version"] == 7, "one change, not several"
    assert (after["availableTickets"], after["waitingListCount"]) == (1, 2), "c blocks d"
    assert [server.order(order).get("position") for order in waiting] == [None, None, 1, 2]


def test_who_leaves_the_head_of_the_line_lets_the_next_ones_have_what_is_left(server: Server) -> None:
    event = server.event(tickets=2)
    server.book(event, "alice")
    pair = server.book(event, "pair", 2)
    single = server.book(event, "single")
    last = server.book(event, "last")
    cancelled = server.cancel(pair)
    assert (cancelled["status"], names(cancelled["promoted"])) == ("cancelled", ["single"])
    assert server.order(single)["status"] == "confirmed"
    assert server.order(last)["position"] == 1


def test_who_leaves_the_middle_of_the_line_promotes_nobody(server: Server) -> None:
    event = server.event(tickets=1)
    orders = [server.book(event, user) for user in ("alice", "bob", "carol", "dave")]
    assert server.cancel(orders[2])["promoted"] == []
    assert server.order(orders[3])["position"] == 2
    assert names(server.cancel(orders[0])["promoted"]) == ["bob"]


def test_nothing_is_cancelled_twice(own_server: Server) -> None:
    event = own_server.event(tickets=1)
    alice, bob = own_server.book(event, "alice"), own_server.book(event, "bob")
    own_server.cancel(bob)
    own_server.cancel(alice)
    before = own_server.status(event)
    for _ in ("before a restart", "after it"):
        for order in (alice, bob):
            by_id = own_server.post("/cancel", orderId=order["orderId"])
            by_customer = own_server.post("/cancel", eventId=event, userId=order["userId"])
            for status, problem in (by_id, by_customer):
                assert (status, problem["code"]) == (409, "already_cancelled")
                assert problem["orderId"] == order["orderId"]
        assert own_server.status(event) == before
        own_server.restart()


def test_a_customer_may_come_back_after_a_cancellation(server: Server) -> None:
    event = server.event(tickets=1)
    first = server.book(event, "alice")
    server.cancel(first)
    second = server.book(event, "alice")
    assert second["status"] == "confirmed"
    status, cancelled = server.post("/cancel", eventId=event, userId="alice")
    assert (status, cancelled["orderId"]) == (200, second["orderId"])


def test_an_order_is_shown_in_each_of_its_states(server: Server) -> None:
    event = server.event(tickets=1)
    alice, bob, carol = (server.book(event, user) for user in ("alice", "bob", "carol"))
    now = {"version": 4}
    assert server.order(alice) == {**alice, **now}
    assert server.order(bob) == {**bob, **now, "position": 1}
    assert server.order(carol) == {**carol, **now, "position": 2}
    server.cancel(alice)
    now = {"version": 5}
    assert server.order(alice) == {**alice, **now, "status": "cancelled"}
    promoted = {key: value for key, value in bob.items() if key != "position"}
    assert server.order(bob) == {**promoted, **now, "status": "confirmed"}
    assert server.order(carol) == {**carol, **now, "position": 1}


@pytest.mark.parametrize("path", ["/status/{}", "/events"])
def test_head_is_get_without_the_body(server: Server, path: str) -> None:
    path = path.format(server.event())
    got, headed = server.send("GET", path), server.send("HEAD", path)
    assert headed.status == 200
    assert headed.headers["Content-Type"] == got.headers["Content-Type"]
    assert headed.body == b""


def test_events_are_listed_page_by_page(own_server: Server) -> None:
    assert own_server.get("/events") == (200, {"items": [], "next": None})
    made = [own_server.event(tickets=n) for n in range(1, 6)]
    path, seen, pages = "/events?limit=2", [], 0
    while path:
        reply = own_server.send("GET", path)
        assert reply.status == 200
        seen += reply.document["items"]
        pages += 1
        link, cursor = reply.headers["Link"], reply.document["next"]
        assert (link is None) == (cursor is None)
        path = ""
        if link is not None:
            matched = re.fullmatch(r'<(/events\?limit=2&cursor=(.*))>; rel="next"', link)
            assert matched is not None
            assert matched[2] == cursor
            path = matched[1]
    assert pages == 3
    assert seen == [own_server.status(event) for event in made]
    status, page = own_server.get("/events?limit=5")
    assert (status, len(page["items"]), page["next"]) == (200, 5, None), "a full last page has no next one"


def test_ids_are_taken_as_integers_and_as_strings(server: Server) -> None:
    event = server.event(tickets=3)
    status, order = server.post("/book", eventId=int(event), userId=42)
    assert (status, order["eventId"], order["userId"]) == (201, event, "42")
    assert server.post("/cancel", eventId=int(event), userId=42)[0] == 200
    server.book(event, "42")
    assert server.post("/cancel", eventId=event, userId=42)[0] == 200
    assert server.post("/book", eventId=event, userId=0)[1]["userId"] == "0"


@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
def test_odd_names_come_back_exactly(server: Server, name: str) -> None:
    event = server.event(tickets=1, name=name)
    first, second = server.book(event, name), server.book(event, name + "!" if len(name) < 200 else "!")
    assert server.status(event)["eventName"] == name
    assert server.order(first)["userId"] == name
    assert server.cancel(first)["promoted"][0]["userId"] == second["userId"]
    assert server.order(first)["userId"] == name, "from the database now"
    assert server.post("/cancel", eventId=event, userId=name)[1]["code"] == "already_cancelled"


def test_odd_names_survive_a_restart(own_server: Server) -> None:
    events = [own_server.event(tickets=1, name=name) for name in ODD]
    orders = [own_server.book(event, name) for event, name in zip(events, ODD, strict=True)]
    own_server.restart()
    assert [own_server.status(event)["eventName"] for event in events] == ODD
    assert [own_server.order(order)["userId"] for order in orders] == ODD
