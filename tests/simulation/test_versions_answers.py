"""The version checker finds every answer that was not true."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from boxoffice.actors.changes import Change, OrderCancelled, decode, encode
from boxoffice.actors.values import SECOND, Instant, OrderId
from boxoffice.http.wire import rfc3339
from tests.e2e.load import crowd
from tests.simulation import report as promise
from tests.simulation.requests import is_look
from tests.simulation.story import History
from tests.simulation.versions import committed, examine
from tests.support.log import Seen
from tests.support.server import Server

WORDS = ("title", "detail", "requestId")


def falsified(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The document with each of its fields altered, or left out; and with one that is not its own."""
    for name, value in document.items():
        others = {key: other for key, other in document.items() if key != name}
        yield f"without {name}", others
        match value:
            case bool() | None:
                yield name, {**others, name: "something"}
            case int():
                yield name, {**others, name: value + 1}
            case str():
                yield name, {**others, name: value + "x"}
            case [dict() as first, *more]:
                yield f"fewer {name}", {**others, name: more}
                yield from (
                    (f"{name} {each}", {**others, name: [item, *more]}) for each, item in falsified(first)
                )
            case [_, *more]:
                yield f"fewer {name}", {**others, name: more}
            case []:
                yield f"more {name}", {**others, name: [{"orderId": "1"}]}
    yield "one more", {**document, "more": 1}


def test_no_field_of_an_answer_can_say_anything_else(story: History) -> None:
    missed, tried = [], 0
    for name, seen in story.seen.items():
        if seen.status in (404, 422) or name == "list":
            continue
        facts = {field: value for field, value in seen.answer.items() if field not in WORDS}
        for field, answer in falsified(facts):
            tried += 1
            if not story.but(name, answer=answer).broken():
                missed.append((name, field))
        if not is_look(seen) and not story.but(name, status=seen.status + 1).broken():
            missed.append((name, "HTTP status"))
    assert missed == []
    assert tried > 400
    first, *others = story.seen["list"].answer["items"]
    assert not story.but_answered("list", items=others).broken(), "a list may leave out anything"
    assert story.but_answered("list", items=[first | {"quantity": 9}, *others]).broken() == {promise.TRUE}


def refused(story: History, like: str, name: str, **asked: Any) -> History:
    """Somebody else was refused with the same words, at the same time, for something else."""
    return story.also(replace(story.seen[like], asked={"eventId": story.event, **asked}), name)


def test_a_refusal_of_what_could_be_had_is_found(story: History) -> None:
    sold_out = story.seen["sold out"].answer | {"version": 3, "waitingListCount": 0, "availableTickets": 1}
    too_early = story.seen["cleo"]  # while there was one left
    asked = {"eventId": story.event, "userId": "gus", "waitlist": False}
    wrong = replace(too_early, path="/book", asked=asked, status=409, answer=sold_out)
    assert story.also(wrong).broken() == {promise.TRUE}
    assert refused(story, "sold out", "also", userId="gus", waitlist=True).broken() == {promise.TRUE}
    assert not refused(story, "sold out", "also", userId="gus", quantity=4, waitlist=False).broken()


@pytest.mark.parametrize("order", ["dan", "bob", "cleo"])
def test_a_live_or_an_expired_order_is_not_cancelled_already(story: History, order: str) -> None:
    asked = {"orderId": story.order(order)}
    assert story.but("already cancelled", asked=asked).broken() == {promise.TRUE}
    answer = story.seen["already cancelled"].answer | asked
    assert story.but("already cancelled", asked=asked, answer=answer).broken() == {promise.TRUE}


def test_a_customer_is_told_of_the_newest_of_their_orders(story: History) -> None:
    answer = story.seen["ann has none"].answer | {"orderId": story.order("bob")}
    assert story.but("ann has none", answer=answer).broken() == {promise.TRUE}


@pytest.mark.parametrize(
    ("path", "asked"),
    [("/confirm", {"of": "fay"}), ("/cancel", {"userId": "fay"}), ("look", {"of": "fay"}), ("status", {})],
)
def test_what_is_known_to_be_there_is_not_found_missing(story: History, path: str, asked: Any) -> None:
    """Neither the order, nor the customer's orders, nor the event."""
    missing = story.seen["unknown"]
    order_id = story.order("fay")
    asked = {"orderId": order_id} if "of" in asked else {"eventId": story.event, **asked}
    if path == "look":
        missing, path, asked = replace(missing, asked={}), f"/orders/{order_id}", {}
    if path == "status":
        answer = {"code": "event_not_found"}
        missing, path, asked = replace(missing, answer=answer), f"/status/{story.event}", {}
    missing = replace(missing, path=path, asked=asked)
    first, last = story.seen["ann"], story.seen["close"]
    before = replace(missing, began_s=first.began_s, ended_s=last.ended_s)
    assert not story.also(before).broken(), "it may have been looked for before it was there"
    after = replace(missing, began_s=last.began_s, ended_s=last.ended_s)
    assert story.also(after).broken() == {promise.TRUE}


async def test_a_customer_is_told_of_the_order_with_the_greatest_id(server: Server) -> None:
    """Ids are made before a key is looked up, so the greatest may have come first."""
    event = server.event(tickets=2)
    async with crowd(server) as clients:
        orders = [
            (await clients.ask("/book", eventId=event, userId="ann")).answer["orderId"] for _ in range(2)
        ]
        for order in orders:
            await clients.ask("/cancel", orderId=order)
        true = await clients.ask("/cancel", eventId=event, userId="ann")
    assert true.answer["orderId"] == orders[1]
    log, seen = committed(server.database_url, event), clients.seen
    assert not examine(event, log, seen).violations

    def exchanged(value: Any) -> Any:
        one, other = (order.partition("-")[2] for order in orders)
        return json.loads(json.dumps(value).replace(one, "?").replace(other, one).replace("?", other))

    log = [decode(json.dumps(exchanged(json.loads(encode(change))))) for change in log]
    seen = [replace(each, asked=exchanged(each.asked), answer=exchanged(each.answer)) for each in seen]
    assert {each.promise for each in examine(event, log, seen).violations} == {promise.TRUE}
    assert not examine(event, log, [*seen[:-1], true]).violations


def test_what_the_clock_decides_is_taken_as_it_may_have_been(server: Server) -> None:
    """The sale closes by itself, after the last version: who was told when is not known."""
    closes = rfc3339(Instant(int(time.time() + 3600) * SECOND))
    event = server.event(tickets=1, salesCloseAt=closes)
    order = server.book(event, "ann")
    log, status = committed(server.database_url, event), server.status(event)
    problem = {"code": "sales_closed", "type": "/problems/sales_closed", "status": 409, "version": 2}
    refused = seen_by("bob", event, "/book", 409, {**problem, "closedAt": closes})
    ann = seen_by("ann", event, "/book", 201, order)

    def found(log: list[Change], *seen: Seen) -> set[tuple[int | None, str]]:
        return {(each.version, each.promise) for each in examine(event, log, seen).violations}

    assert found(log, ann, refused, refused) == set()
    cancelled = OrderCancelled(3, log[1].at, OrderId(order["orderId"].partition("-")[2]))
    cancel = seen_by("ann", event, "/cancel", 504, None)
    assert found([*log, cancelled], ann, cancel) == set()
    assert found([*log, cancelled], ann, cancel, refused) == {(2, promise.TRUE)}, "it was too early"
    for state, broken in {"open": set(), "closed": set(), "scheduled": {(2, promise.TRUE)}}.items():
        look = Seen(f"/status/{event}", {}, 200, {**status, "state": state}, 2.0, 3.0)
        assert found(log, ann, look) == broken, state


def test_nobody_is_refused_by_the_clock_after_an_end_that_did_not_come(server: Server) -> None:
    """The hold ends before the sale does, and that would have been a version."""
    closes = rfc3339(Instant(int(time.time() + 3600) * SECOND))
    event = server.event(tickets=1, salesCloseAt=closes)
    ann = seen_by("ann", event, "/hold", 201, server.hold(event, "ann"))
    problem = {"code": "sales_closed", "type": "/problems/sales_closed", "status": 409, "version": 2}
    refused = seen_by("bob", event, "/book", 409, {**problem, "closedAt": closes})
    log = committed(server.database_url, event)
    assert not examine(event, log, [ann]).violations
    assert {each.promise for each in examine(event, log, [ann, refused]).violations} == {promise.TRUE}


def seen_by(customer: str, event: str, path: str, status: int, answer: Any) -> Seen:
    """What one customer asked, all of them at the same time."""
    return Seen(path, {"eventId": event, "userId": customer}, status, answer, 1.0, 2.0)
