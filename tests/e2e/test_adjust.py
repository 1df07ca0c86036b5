"""What an organiser changes while it is on sale."""

import json

import pytest

from tests.support.server import Server

pytestmark = pytest.mark.usefixtures("audited")


def users(promoted: list[dict[str, object]]) -> list[object]:
    return [each["userId"] for each in promoted]


def adjust_if(server: Server, tag: str, **body: object) -> tuple[int, str]:
    """The status and the code of an adjustment with an `If-Match`."""
    headers = {"Content-Type": "application/json", "If-Match": tag}
    reply = server.send("POST", "/adjust", json.dumps(body).encode(), headers)
    return reply.status, reply.document.get("code", "")


def test_more_capacity_promotes_at_once_in_the_same_version(server: Server) -> None:
    event = server.event(tickets=2)
    server.book(event, "ann", 2)
    server.book(event, "a"), server.book(event, "b", 2), server.book(event, "c")
    code, adjusted = server.post("/adjust", eventId=event, totalTickets=4)
    assert (code, adjusted["promotedCount"], users(adjusted["promoted"])) == (200, 1, ["a"])
    assert (adjusted["totalTickets"], adjusted["availableTickets"], adjusted["version"]) == (4, 1, 6)
    assert server.status(event) == {k: v for k, v in adjusted.items() if not k.startswith("promoted")}


def test_nobody_is_evicted(server: Server) -> None:
    event = server.event(tickets=5, waitlistMode="offer")
    server.book(event, "ann", 2)
    server.hold(event, "bob")
    gone = server.book(event, "cy", 2)
    server.book(event, "dan", 1), server.book(event, "eve", 4)
    server.cancel(gone)
    before = server.status(event)
    refused = server.refused("/adjust", eventId=event, totalTickets=3)
    assert refused["code"] == "capacity_in_use"
    numbers = ("bookedTickets", "heldTickets", "offeredTickets", "largestWaiting")
    assert [refused[name] for name in numbers] == [2, 1, 1, 4]
    assert server.status(event) == before
    assert server.post("/adjust", eventId=event, totalTickets=4)[1]["availableTickets"] == 0


def test_nobody_in_line_is_left_wanting_more_than_there_is(server: Server) -> None:
    event = server.event(tickets=5)
    server.book(event, "ann", 2)
    large = server.book(event, "bob", 5)
    refused = server.refused("/adjust", eventId=event, totalTickets=4)
    assert (refused["code"], refused["largestWaiting"]) == ("capacity_in_use", 5)
    server.cancel(large)
    assert server.post("/adjust", eventId=event, totalTickets=4)[0] == 200


def test_an_adjustment_may_depend_on_the_version(server: Server) -> None:
    event = server.event(tickets=5)
    tag = server.send("GET", f"/status/{event}").headers["ETag"]
    assert adjust_if(server, tag, eventId=event, totalTickets=6) == (200, "")
    assert adjust_if(server, tag, eventId=event, totalTickets=7) == (412, "version_moved")
    assert adjust_if(server, '"2"', eventId=event, totalTickets=8) == (200, "")
    assert adjust_if(server, "*", eventId=event, totalTickets=9) == (200, "")
    for odd in ('W/"4"', "4", '"x"', '"4", "5"', ""):
        assert adjust_if(server, odd, eventId=event, totalTickets=10) == (412, "version_moved"), odd
    assert server.status(event)["totalTickets"] == 9


def test_terms_that_contradict_each_other_are_refused(server: Server) -> None:
    event = server.event(tickets=5, salesOpenAt="2030-01-02T00:00:00Z", holdSeconds=60)
    for terms, field in (
        ({"salesCloseAt": "2030-01-01T23:00:00-01:00"}, "salesCloseAt"),
        ({"maxHoldSeconds": 59}, "holdSeconds"),
    ):
        refused = server.refused("/adjust", eventId=event, **terms)
        assert (refused["code"], refused["field"]) == ("terms_contradictory", field)
        code, problem = server.post(
            "/initialize",
            eventName="x",
            totalTickets=1,
            salesOpenAt="2030-01-02T00:00:00Z",
            holdSeconds=60,
            **terms,
        )
        assert (code, problem["errors"][0]["pointer"]) == (422, f"/{field}")
    assert server.status(event)["version"] == 1


def test_every_setting_is_changed_shown_and_there_after_a_restart(own_server: Server) -> None:
    event = own_server.event(tickets=5, maxPerOrder=2)
    settings = {
        "eventName": 'Another "name"',
        "totalTickets": 7,
        "salesOpenAt": "2020-01-01T00:00:00.000000Z",
        "salesCloseAt": "2090-01-01T12:30:00.000001Z",
        "maxPerOrder": None,
        "maxPerCustomer": 6,
        "waitlistLimit": 50,
        "waitlistMode": "offer",
        "offerSeconds": 70,
        "holdSeconds": 80,
        "maxHoldSeconds": 90,
    }
    code, adjusted = own_server.post("/adjust", eventId=event, **settings)
    assert code == 200
    assert settings.items() <= adjusted.items()
    own_server.restart()
    assert settings.items() <= own_server.status(event).items()
    assert own_server.book(event, "ann", 5)["quantity"] == 5


def test_who_adjusts_an_event_that_is_not_there_is_told_so(server: Server) -> None:
    assert server.post("/adjust", eventId=2**62, totalTickets=1)[1]["code"] == "event_not_found"
    assert server.post("/close", eventId=2**62)[1]["code"] == "event_not_found"
