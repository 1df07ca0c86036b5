"""The status of an event: its numbers add up, and its tag says whether they are new."""

import random

import pytest

from tests.support.server import Server

pytestmark = pytest.mark.usefixtures("audited")


def test_the_numbers_add_up_after_whatever_happens(server: Server) -> None:
    chance, event = random.Random(11), server.event(tickets=8, waitlistMode="offer")
    orders: list[str] = []
    for _ in range(150):
        wish = {"eventId": event, "userId": f"user-{chance.randint(1, 9)}", "quantity": chance.randint(1, 3)}
        if not orders or chance.random() < 0.5:
            _, body = server.post(chance.choice(["/book", "/hold"]), **wish)
            orders.append(body["orderId"])
        else:
            path = chance.choice(["/cancel", "/confirm", "/extend"])
            part = {"quantity": 1} if path == "/cancel" and chance.random() < 0.4 else {}
            status, _ = server.post(path, orderId=chance.choice(orders), **part)
            assert status in (200, 409)
        if chance.random() < 0.1:
            server.post("/adjust", eventId=event, totalTickets=server.status(event)["totalTickets"] + 1)
        numbers = server.status(event)
        parts = ("availableTickets", "bookedTickets", "heldTickets", "offeredTickets")
        assert sum(numbers[part] for part in parts) == numbers["totalTickets"]
        assert all(numbers[part] >= 0 for part in parts)
        live = server.get(f"/orders?eventId={event}&limit=500")[1]["items"]
        for kind, sum_of_it in (
            ("confirmed", "bookedTickets"), ("held", "heldTickets"), ("offered", "offeredTickets"),
            ("waitlisted", "waitingTickets"),
        ):  # fmt: skip
            assert sum(order["quantity"] for order in live if order["status"] == kind) == numbers[sum_of_it]
        assert sum(order["status"] == "waitlisted" for order in live) == numbers["waitingListCount"]


def test_a_status_that_is_known_is_not_sent_again(server: Server) -> None:
    event = server.event(tickets=3)
    first = server.send("GET", f"/status/{event}")
    tag = first.headers["ETag"]
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        same = server.send("GET", f"/status/{event}", headers={"If-None-Match": known})
        assert (same.status, same.body, same.headers["ETag"]) == (304, b"", tag)
    server.book(event, "ann")
    for known in (tag, "nonsense", '"', ""):
        changed = server.send("GET", f"/status/{event}", headers={"If-None-Match": known})
        assert (changed.status, changed.document["bookedTickets"]) == (200, 1)
        assert changed.headers["ETag"] != tag
    head = server.send("HEAD", f"/status/{event}")
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", changed.headers["ETag"])
