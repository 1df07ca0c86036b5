"""One effect for one key, and the first answer for whoever asks again."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.log import database
from tests.support.server import JSON, Reply, Server

pytestmark = pytest.mark.usefixtures("audited")


def twice(server: Server, key: str, path: str, **body: object) -> Reply:
    """The same request twice: the same answer, the second time as a replay; and another body is refused."""
    first, second = server.post_once(key, path, **body), server.post_once(key, path, **body)
    assert first.headers["Idempotent-Replayed"] is None
    assert second.headers["Idempotent-Replayed"] == "true"
    problem = "code" in first.document
    assert second.status == first.status
    said, again = ({k: v for k, v in each.document.items() if k != "requestId"} for each in (first, second))
    assert said == again
    assert problem or second.body == first.body
    check_mismatch(server.post_once(key, path, **other_than(body)))
    return first


def other_than(body: dict[str, Any]) -> dict[str, Any]:
    """Another valid body for the same call."""
    if "commands" in body:
        return {"commands": [*body["commands"], {"do": "close", "eventId": "1"}]}
    name = next(name for name in ("eventName", "orderId", "userId", "eventId") if name in body)
    return {**body, name: str(body[name]) + ("0" if name == "eventId" else "-other")}


def check_mismatch(reply: Reply) -> None:
    if reply.status == 404:  # an id that nobody can have is refused before anybody looks at the key
        return
    assert (reply.status, reply.document["code"]) == (422, "idempotency_mismatch")


def test_every_call_has_one_effect_for_one_key(server: Server) -> None:
    made = twice(server, "call-initialize", "/initialize", eventName="Once", totalTickets=3)
    event = made.document["eventId"]
    assert made.status == 201
    assert server.post_once("call-initialize", "/initialize", eventName="Once", totalTickets=3).headers[
        "Location"
    ] == (f"/status/{event}")
    booked = twice(server, "call-book", "/book", eventId=event, userId="ann")
    held = twice(server, "call-hold", "/hold", eventId=event, userId="bob")
    other = twice(server, "call-hold-2", "/hold", eventId=event, userId="cy")
    waiting = twice(server, "call-wait", "/book", eventId=event, userId="dan")
    assert [each.status for each in (booked, held, other, waiting)] == [201, 201, 201, 202]
    assert twice(server, "call-extend", "/extend", orderId=held.document["orderId"]).status == 200
    assert twice(server, "call-confirm", "/confirm", orderId=held.document["orderId"]).status == 200
    assert twice(server, "call-adjust", "/adjust", eventId=event, maxPerOrder=9).status == 200
    cancelled = twice(server, "call-cancel", "/cancel", orderId=booked.document["orderId"])
    assert [each["userId"] for each in cancelled.document["promoted"]] == ["dan"]
    batch = [{"do": "cancel", "orderId": other.document["orderId"]}]
    assert twice(server, "call-batch", "/batch", commands=batch).document["results"][0]["status"] == 200
    assert twice(server, "call-close", "/close", eventId=event).status == 200
    status = server.status(event)
    assert (status["version"], status["bookedTickets"], status["availableTickets"]) == (11, 2, 1)


def test_refusals_are_answered_again_even_when_they_would_not_be_refused_now(server: Server) -> None:
    event = server.event(tickets=1)
    order = server.book(event, "ann")
    sold_out = twice(server, "no-1", "/book", eventId=event, userId="bob", waitlist=False)
    nobody = twice(server, "no-2", "/cancel", eventId=event, userId="bob")
    server.cancel(order)
    settled = twice(server, "no-3", "/cancel", orderId=order["orderId"])
    server.book(event, "bob")
    codes = [each.document["code"] for each in (sold_out, nobody, settled)]
    assert codes == ["sold_out", "order_not_found", "already_cancelled"]
    again = server.post_once("no-2", "/cancel", eventId=event, userId="bob")
    assert (again.status, again.document["code"]) == (404, "order_not_found")
    again = server.post_once("no-1", "/book", eventId=event, userId="bob", waitlist=False)
    assert again.document["version"] == sold_out.document["version"]
    absent = twice(server, "no-4", "/book", eventId=2**62, userId="bob")
    assert absent.document["code"] == "event_not_found"


def test_a_key_belongs_to_one_call_on_one_event(server: Server) -> None:
    one, other = server.event(tickets=9), server.event(tickets=9)
    assert server.post_once("mine", "/book", eventId=one, userId="ann").status == 201
    check_mismatch(server.post_once("mine", "/hold", eventId=one, userId="ann"))
    check_mismatch(server.post_once("mine", "/book", eventId=other, userId="ann"))
    assert server.status(other)["version"] == 1


def test_how_key_and_body_are_written_does_not_matter(server: Server) -> None:
    event = server.event(tickets=9)
    first = server.post_once('way of "writing"', "/book", eventId=event, userId="ann")
    body = f' {{ "userId": "ann",\n "eventId":"{event}" }}'.encode()
    quoted = {**JSON, "idempotency-key": '"way of \\"writing\\""'}
    assert server.send("POST", "/book", body, quoted).body == first.body
    assert server.status(event)["bookedTickets"] == 1


@pytest.mark.parametrize("key", ["", '""', '"', '"half', "x" * 256, '"a"b"', "caf\u00e9", "tab\there"])
def test_what_is_no_key_is_refused_and_changes_nothing(server: Server, key: str) -> None:
    event = server.event()
    reply = server.post_once(key, "/book", eventId=event, userId="ann")
    assert (reply.status, reply.document["code"]) == (400, "invalid_idempotency_key")
    assert server.status(event)["version"] == 1


def test_a_key_may_have_255_characters(server: Server) -> None:
    assert server.post_once("k" * 255, "/book", eventId=server.event(), userId="ann").status == 201


def test_a_body_that_is_not_valid_does_not_use_the_key_up(server: Server) -> None:
    event = server.event()
    assert server.post_once("typo", "/book", eventId=event, userId="ann", quantity=0).status == 422
    assert server.post_once("typo", "/book", eventId=event, userId="ann").status == 201


def test_a_conditional_adjustment_is_replayed_and_its_condition_belongs_to_it(server: Server) -> None:
    event = server.event()
    headers = {**JSON, "Idempotency-Key": "if", "If-Match": '"1"'}
    body = f'{{"eventId": "{event}", "totalTickets": 2}}'.encode()
    replies = [server.send("POST", "/adjust", body, headers) for _ in range(2)]
    assert [(each.status, each.document["version"]) for each in replies] == [(200, 2), (200, 2)]
    check_mismatch(server.send("POST", "/adjust", body, {**headers, "If-Match": '"2"'}))


def at_once(server: Server, requests: list[tuple[str, dict[str, object]]]) -> list[Reply]:
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(lambda each: server.post_once(each[0], "/book", **each[1]), requests))


def test_twenty_clicks_at_once_have_one_effect_and_one_answer(server: Server) -> None:
    event = server.event(tickets=50)
    replies = at_once(server, [("click", {"eventId": event, "userId": "ann", "quantity": 2})] * 20)
    assert {(each.status, each.body) for each in replies} == {(201, replies[0].body)}
    assert [each.headers["Idempotent-Replayed"] for each in replies].count(None) == 1
    assert server.status(event)["bookedTickets"] == 2


def test_of_two_requests_under_one_key_at_once_one_is_refused(server: Server) -> None:
    event = server.event(tickets=50)
    requests: list[tuple[str, dict[str, object]]] = [
        ("both", {"eventId": event, "userId": user}) for user in ("ann", "bob")
    ]
    replies = at_once(server, requests * 5)
    assert sorted(each.status for each in replies) == [201] * 5 + [422] * 5
    assert server.status(event)["bookedTickets"] == 1


def test_many_keys_at_once_have_an_effect_each(server: Server) -> None:
    event = server.event(tickets=50)
    requests: list[tuple[str, dict[str, object]]] = [
        (f"key-{number % 20}", {"eventId": event, "userId": f"user-{number % 20}"}) for number in range(40)
    ]
    assert {each.status for each in at_once(server, requests)} == {201}
    assert server.status(event)["bookedTickets"] == 20


def test_keys_survive_a_kill_for_a_day_and_no_longer(own_server: Server) -> None:
    event = own_server.event(tickets=9)
    first = own_server.post_once("old", "/book", eventId=event, userId="ann")
    own_server.kill()
    own_server.start()
    again = own_server.post_once("old", "/book", eventId=event, userId="ann")
    assert (again.body, again.headers["Idempotent-Replayed"]) == (first.body, "true")
    with database(own_server.database_url) as cursor:
        cursor.execute("UPDATE replies SET at = at - interval '24 hours 1 second'")
    own_server.restart()
    while own_server.post_once("old", "/book", eventId=event, userId="bob").status != 201:
        pass  # it is pruned in the first moments
    assert own_server.status(event)["bookedTickets"] == 2


def test_an_answer_that_may_pass_is_not_kept(own_server: Server) -> None:
    event = own_server.event(tickets=9)
    own_server.book(event, "ann")
    with database(own_server.database_url) as cursor:
        cursor.execute("UPDATE events SET booked = 2, available = 7")
    own_server.restart()
    shut = own_server.post_once("later", "/book", eventId=event, userId="bob")
    assert (shut.status, shut.document["code"]) == (503, "event_unavailable")
    with database(own_server.database_url) as cursor:
        cursor.execute("UPDATE events SET booked = 1, available = 8")
    own_server.restart()
    assert own_server.post_once("later", "/book", eventId=event, userId="bob").status == 201
