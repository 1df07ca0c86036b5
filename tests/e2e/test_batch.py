"""Many commands in one request, each with an outcome of its own."""

import json
from typing import Any

import pytest

from tests.support.log import database
from tests.support.server import JSON, Reply, Server

pytestmark = pytest.mark.usefixtures("audited")


def batch(server: Server, *commands: object) -> list[Any]:
    status, answer = server.post("/batch", commands=list(commands))
    assert status == 200, answer
    assert len(answer["results"]) == len(commands)
    results: list[Any] = answer["results"]
    return results


def test_each_command_is_answered_as_its_own_call_would_be(server: Server) -> None:
    one, other = server.event(tickets=1), server.event(tickets=5)
    results = batch(
        server,
        {"do": "book", "eventId": one, "userId": "ann"},
        {"do": "book", "eventId": one, "userId": "bob"},
        {"do": "hold", "eventId": other, "userId": "cy", "quantity": 2},
        {"do": "book", "eventId": one, "userId": "dan", "waitlist": False},
        {"do": "cancel", "eventId": one, "userId": "ann"},
        {"do": "adjust", "eventId": other, "totalTickets": 9},
        {"do": "initialize", "eventName": "New", "totalTickets": 7},
        {"do": "confirm", "orderId": f"{other}-01a0b2c3-0000-7000-8000-000000000000"},
        {"do": "close", "eventId": one},
        {"do": "book", "eventId": one, "userId": "eve"},
        {"do": "book", "eventId": 2**62, "userId": "eve"},
    )
    assert [each["status"] for each in results] == [201, 202, 201, 409, 200, 200, 201, 404, 200, 409, 404]
    assert [each["userId"] for each in results[4]["body"]["promoted"]] == ["bob"]
    assert server.order(results[1]["body"])["status"] == "confirmed"
    assert server.status(other)["heldTickets"] == 2
    assert server.status(results[6]["body"]["eventId"])["totalTickets"] == 7
    assert [results[n]["body"]["code"] for n in (3, 7, 9, 10)] == [
        "sold_out",
        "order_not_found",
        "sales_closed",
        "event_not_found",
    ]


def test_a_cancellation_is_not_answered_for_what_is_booked_after_it(server: Server) -> None:
    """No actor knows a customer who has nothing; asked later, the database knows what they have by then."""
    event = server.event(tickets=5)
    ann = {"eventId": event, "userId": "ann"}
    steps = ["cancel", "book", "cancel", "cancel", "book", "cancel", "cancel", "book"]
    results = batch(server, *({"do": step, **ann} for step in steps))
    assert [each["status"] for each in results] == [404, 201, 200, 409, 201, 200, 409, 201]
    booked = [each["body"]["orderId"] for each in results if each["status"] == 201]
    refused = [each["body"] for each in results if each["status"] == 409]
    assert [each["orderId"] for each in refused] == booked[:2]
    assert [(each["code"], each["version"]) for each in refused] == [
        ("already_cancelled", 3), ("already_cancelled", 5)
    ]  # fmt: skip
    assert server.status(event)["bookedTickets"] == 1


MALFORMED = [
    ('{"do": "book", "eventId": "1"}', 422, "/userId"),
    ('{"do": "book", "eventId": "1", "userId": "x", "quantity": 0}', 422, "/quantity"),
    ('{"do": "book", "eventId": "1", "userId": "x", "extra": 1}', 422, "/extra"),
    ('{"do": "dance"}', 422, "/do"),
    ('{"eventId": "1", "userId": "x"}', 422, "/do"),
    ("5", 422, ""),
    ("null", 422, ""),
    ("[]", 422, ""),
    ('{"do": "book", "eventId": "1", "userId": "\\u0000"}', 422, "/userId"),
    ('{"do": "book", "eventId": "1", "userId": "\\ud800"}', 422, "/userId"),
    ('{"do": "cancel"}', 422, "/eventId"),
    ('{"do": "adjust", "eventId": "1", "salesOpenAt": "1815-06-18T00:00:00Z"}', 422, "/salesOpenAt"),
    ('{"do": "book", "do": "hold", "eventId": "1", "userId": "x"}', 422, "/do"),
    ('{"do": "book", "eventId": "1", "userId": "x", "userId": "y"}', 400, None),
]


def test_a_malformed_command_fails_alone(server: Server) -> None:
    event = server.event(tickets=99)
    good = f'{{"do": "book", "eventId": "{event}", "userId": "ann"}}'
    entries = [entry for text, _, _ in MALFORMED for entry in (text, good)]
    reply = server.send("POST", "/batch", f'{{"commands": [{",".join(entries)}]}}'.encode(), JSON)
    assert reply.status == 200, reply.document
    results = reply.document["results"]
    assert [each["status"] for each in results[1::2]] == [201] * len(MALFORMED)
    for number, (text, status, pointer) in enumerate(MALFORMED):
        result = results[2 * number]
        assert (result["status"], result["body"]["status"]) == (status, status), text
        if pointer is not None:
            (error,) = result["body"]["errors"]
            assert error["pointer"] == f"/commands/{2 * number}{pointer}"


def test_a_thousand_commands_over_many_events_are_there_after_a_kill(own_server: Server) -> None:
    events = [own_server.event(tickets=150) for _ in range(5)]
    commands = [
        {"do": "book", "eventId": events[number % 5], "userId": f"user-{number}", "quantity": 1}
        for number in range(1_000)
    ]
    results = batch(own_server, *commands)
    own_server.kill()
    own_server.start()
    assert [each["body"]["userId"] for each in results] == [each["userId"] for each in commands]
    for event in events:
        status = own_server.status(event)
        assert (status["bookedTickets"], status["waitingListCount"], status["version"]) == (150, 50, 201)
    of_first = [each["body"]["version"] for each in results if each["body"]["eventId"] == events[0]]
    assert of_first == list(range(2, 202)), "those of one event in their order"


def test_a_batch_may_be_larger_than_other_bodies_and_has_its_bound(server: Server) -> None:
    event = server.event(tickets=1_000)
    commands = [{"do": "book", "eventId": event, "userId": f"{n:0200}"} for n in range(500)]
    assert len(json.dumps(commands)) > 100_000
    assert {each["status"] for each in batch(server, *commands)} == {201}
    padding = b" " * (1024 * 1024)
    for path, size in (("/batch", 1024 * 1024), ("/book", 64 * 1024)):
        refused = server.send("POST", path, b"{" + padding[:size] + b"}", JSON)
        assert (refused.status, refused.document["code"]) == (413, "body_too_large")
        assert f"{size} bytes" in refused.document["detail"]


def under(server: Server, key: str, commands: list[dict[str, object]]) -> Reply:
    return server.post_once(key, "/batch", commands=commands)


def test_a_batch_that_was_applied_in_part_is_completed_by_sending_it_again(own_server: Server) -> None:
    sound, sick = own_server.event(tickets=9), own_server.event(tickets=9)
    own_server.book(sick, "ann")
    with database(own_server.database_url) as cursor:
        cursor.execute("UPDATE events SET booked = 2, available = 7 WHERE id = %s", (int(sick),))
    own_server.restart()
    commands: list[dict[str, object]] = [
        {"do": "book", "eventId": event, "userId": "bob"} for event in (sound, sick, sound)
    ]
    first = under(own_server, "part", commands).document["results"]
    assert [each["status"] for each in first] == [201, 503, 201]
    with database(own_server.database_url) as cursor:
        cursor.execute("UPDATE events SET booked = 1, available = 8 WHERE id = %s", (int(sick),))
    own_server.restart()
    again = under(own_server, "part", commands)
    results = again.document["results"]
    assert [each["status"] for each in results] == [201, 201, 201]
    assert (results[0], results[2]) == (first[0], first[2])
    assert again.headers["Idempotent-Replayed"] == "true"
    assert under(own_server, "part", commands).document["results"] == results
    assert under(own_server, "part", commands[:2]).document["code"] == "idempotency_mismatch"
    assert (own_server.status(sound)["bookedTickets"], own_server.status(sick)["bookedTickets"]) == (2, 2)


def test_a_batch_that_is_written_otherwise_is_still_the_same(server: Server) -> None:
    event = server.event(tickets=9)
    key = {"Idempotency-Key": f"otherwise-{event}", **JSON}
    plain = f'{{"commands": [{{"do": "book", "eventId": "{event}", "userId": "ann"}}, {{"do": "what"}}]}}'
    entry = f'{{"userId": "\\u0061nn","quantity":1,\n"eventId":"{event}", "do":"book"}}'
    other = f'{{"commands":\n[{entry},{{"do": "what"}} ]}}'
    first = server.send("POST", "/batch", plain.encode(), key)
    again = server.send("POST", "/batch", other.encode(), key)
    assert [each["status"] for each in first.document["results"]] == [201, 422]
    assert again.document["results"][0] == first.document["results"][0]
    assert again.headers["Idempotent-Replayed"] == "true"
    mixed = other.replace('"what"', '"book"')
    assert server.send("POST", "/batch", mixed.encode(), key).document["code"] == "idempotency_mismatch"
    assert server.status(event)["bookedTickets"] == 1


def test_a_batch_makes_its_events_in_order_and_once_under_a_key(server: Server) -> None:
    commands: list[dict[str, object]] = [
        {"do": "initialize", "eventName": f"Night {number}", "totalTickets": 1 + number}
        for number in range(300)
    ]
    key = f"nights-{server.event(tickets=1)}"
    results = under(server, key, commands).document["results"]
    made = [each["body"] for each in results]
    assert [(each["eventName"], each["totalTickets"], each["version"]) for each in made] == [
        (each["eventName"], each["totalTickets"], 1) for each in commands
    ]
    event_ids = [int(each["eventId"]) for each in made]
    assert event_ids == sorted(set(event_ids))
    assert server.status(made[-1]["eventId"])["totalTickets"] == 300
    again = under(server, key, commands)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.document["results"] == results
    assert int(server.event(tickets=1)) == event_ids[-1] + 1, "no more events than these"
