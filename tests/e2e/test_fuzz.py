"""Anything at all, sent to a real server: it never fails, takes what is right, refuses the rest.

Hypothesis makes it up. What is right is told a second time in `tests/e2e/takes.py`, so that it is noticed
when something gets by; afterwards the audit must pass. What Hypothesis would find late is in
`test_oddities.py`, one by one.

`FUZZ=25 pytest tests/e2e/test_fuzz.py` makes 25 times as many examples, 60,000, in ten minutes or so.
"""

import asyncio
import os
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from tests.e2e import anything_http, takes
from tests.e2e.anything import calls, right_bodies
from tests.e2e.anything_http import JSON
from tests.e2e.anything_wrong import (
    blows,
    damaged,
    right_or_odd_batches,
    spoiled_bodies,
    wrongly_sent,
)
from tests.e2e.load import at_once
from tests.e2e.raw_http import request
from tests.e2e.verdicts import check_batch, check_body
from tests.e2e.watched import Watched
from tests.support.log import as_json, database
from tests.support.server import Server

FUZZ = int(os.environ.get("FUZZ", "1"))

SILENCE_S = 0.05
"""How long nothing may come back until we take it that the server waits for the rest of a request."""

pytestmark = pytest.mark.timeout(120 * FUZZ)


def examples(number: int) -> settings:
    """So many examples, or `FUZZ` times as many."""
    return settings(
        max_examples=number * FUZZ,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        print_blob=True,
    )


# --- bodies --------------------------------------------------------------------------------------


@given(data=st.data())
@examples(300)
def test_what_is_right_is_taken_and_does_what_it_says(watched: Watched, data: st.DataObject) -> None:
    watched.begin()
    call = data.draw(calls)
    body = watched.fill(data.draw(right_bodies(call)))
    assert takes.takes_body(call, body), "the strategy and the rules do not agree"
    event(check_body(watched, call, body))


@given(data=st.data())
@examples(500)
def test_what_is_nearly_right_is_refused_or_does_what_it_says(watched: Watched, data: st.DataObject) -> None:
    watched.begin()
    call = data.draw(calls)
    event(check_body(watched, call, watched.fill(data.draw(spoiled_bodies(call)))))


@given(data=st.data())
@examples(300)
def test_bytes_gone_wrong_are_refused_or_do_what_they_say(watched: Watched, data: st.DataObject) -> None:
    watched.begin()
    call = data.draw(calls)
    body = watched.fill(data.draw(right_bodies(call)))
    event(check_body(watched, call, data.draw(wrongly_sent)(body)))


@given(call=calls, body=st.binary(max_size=60))
@examples(60)
def test_any_bytes_are_refused(watched: Watched, call: str, body: bytes) -> None:
    watched.begin()
    event(check_body(watched, call, body))


# --- batches -------------------------------------------------------------------------------------


@given(data=st.data())
@examples(200)
def test_a_batch_takes_what_is_right_in_it(watched: Watched, data: st.DataObject) -> None:
    watched.begin()
    body = watched.fill(data.draw(right_or_odd_batches))
    if data.draw(st.sampled_from([False, False, False, True])):
        body = damaged(body, data.draw(blows))
    check_batch(watched, body)


# --- headers -------------------------------------------------------------------------------------

LOOKS = [
    b"/status/@event",
    b"/orders/@held",
    b"/orders?eventId=@event",
    b"/events/@event/changes",
    b"/events",
]


@given(headers=st.lists(anything_http.allowed_headers(), min_size=1, max_size=4), data=st.data())
@examples(300)
def test_any_headers_are_read_or_refused(watched: Watched, headers: list[bytes], data: st.DataObject) -> None:
    watched.begin()
    if data.draw(st.booleans()):
        call = data.draw(calls)
        body = watched.fill(data.draw(right_bodies(call)))
        headers = data.draw(st.permutations([JSON, *headers]))
        answer, _ = watched.ask(b"POST", b"/" + call.encode(), body, headers)
    else:
        target = watched.fill(data.draw(st.sampled_from(LOOKS)))
        answer, _ = watched.ask(data.draw(st.sampled_from([b"GET", b"HEAD"])), target, headers=headers)
    event(f"{answer.status}")


@given(call=calls, key=anything_http.keys, data=st.data())
@examples(150)
def test_a_key_that_is_taken_is_known_again(
    watched: Watched, call: str, key: bytes, data: st.DataObject
) -> None:
    watched.begin()
    body, key = watched.fill(data.draw(right_bodies(call))), watched.fill(key)
    first, _ = watched.post(call, body, b"Idempotency-Key: " + key)
    again, made = watched.post(call, body, b"Idempotency-Key: " + key)
    two, _ = watched.post(call, body, b"Idempotency-Key: " + key, b"Idempotency-Key: " + key)
    event(f"{first.status}")
    assert not made
    assert two.status == 400
    assert (first.status != 400) == takes.takes_key(key), (key, first)
    if first.status != 400:
        assert again.status == first.status
        assert {**again.document, "requestId": 0} == {**first.document, "requestId": 0}
        assert again.headers["idempotent-replayed"] == "true"


# --- targets -------------------------------------------------------------------------------------


@given(method=anything_http.methods, target=anything_http.targets(), accept=anything_http.accepted)
@example(method=b"HEAD", target=b"/events/@event/changes", accept=b"Accept: application/x-ndjson")
@example(method=b"GET", target=b"/status/0#/live?", accept=b"Accept: */*")
@examples(300)
def test_any_target_is_found_or_refused(
    watched: Watched, method: bytes, target: bytes, accept: bytes
) -> None:
    watched.begin()
    answer, _ = watched.ask(method, watched.fill(target), headers=[accept])
    event(f"{answer.status}")


# --- nearly HTTP ---------------------------------------------------------------------------------


@given(sent=anything_http.requests, dealt=st.just([]) | st.just([]) | blows)
@example(sent=request(b"POST", b"/book", b"{}", [JSON])[:-1], dealt=[])
@examples(200)
def test_what_is_nearly_http_is_no_failure(watched: Watched, sent: bytes, dealt: list[Any]) -> None:
    watched.begin()
    received = watched.send(damaged(watched.fill(sent), dealt), SILENCE_S)
    event(received[9:12].decode() or "nothing")


@given(sent=st.binary(max_size=60) | st.lists(anything_http.any_headers).map(b"\r\n".join))
@examples(50)
def test_any_bytes_are_no_failure(watched: Watched, sent: bytes) -> None:
    watched.begin()
    received = watched.send(sent + b"\r\n\r\n", SILENCE_S)
    event(received[9:12].decode() or "nothing")


# --- those who do nothing wrong ------------------------------------------------------------------

OTHERS, CUSTOMERS, TICKETS = 5, 40, 30
STRANGE = [
    ("book", rb'{"eventId": "@event", "userId": "a\u0000b"}'),
    ("book", rb'{"eventId": "@event", "userId": "\ud800"}'),
    ("book", rb'{"eventId": "@event", "userId": "\"},{\",NULL\\"}'),
    ("hold", rb'{"eventId": "@event", "userId": "\u0001\u001f\u007f\r\n\t"}'),
    ("hold", b'{"eventId": "@event", "userId": "%s"}' % ("\U0001f3ab" * 200).encode()),
    ("adjust", rb'{"eventId": "@event", "eventName": "a\u0000b"}'),
    ("adjust", rb'{"eventId": "@event", "eventName": "\\\"%s\u0001"}'),
    ("initialize", rb'{"eventName": "a\u0000b", "totalTickets": 1}'),
    ("initialize", rb'{"eventName": "\udfff", "totalTickets": 1}'),
    ("initialize", rb'{"eventName": "\"{}\\", "totalTickets": 10000000}'),
]
strange_calls = st.sampled_from(["book", "hold", "initialize", "adjust"])
strange = strange_calls.flatmap(
    lambda call: st.tuples(st.just(call), right_bodies(call) | spoiled_bodies(call))
)


@given(drawn=st.lists(strange, min_size=15, max_size=15))
@examples(10)
def test_nobody_is_refused_for_what_others_send(attacked: Server, drawn: list[tuple[str, bytes]]) -> None:
    """They share transactions: what is wrong in one request must not undo the bookings beside it."""
    event_id = attacked.event(tickets=TICKETS)
    asyncio.run(all_at_once(attacked, event_id, [*STRANGE, *drawn]))
    assert attacked.status(event_id)["version"] == 1 + CUSTOMERS


async def all_at_once(attacked: Server, event_id: str, strange: list[tuple[str, bytes]]) -> list[str]:
    """The customers of one event, and among them those who send anything to others; the ids of these."""
    others = [attacked.event(tickets=3) for _ in range(OTHERS)]
    async with aiohttp.ClientSession(attacked.url, connector=aiohttp.TCPConnector(limit=0)) as session:

        async def post(call: str, body: bytes) -> int:
            async with session.post(
                f"/{call}", data=body, headers={"Content-Type": "application/json"}
            ) as it:
                await it.read()
                return it.status

        right = [("book", as_json({"eventId": event_id, "userId": f"{n}"})) for n in range(CUSTOMERS)]
        odd = [
            (call, body.replace(b"@event", others[n % OTHERS].encode()))
            for n, (call, body) in enumerate(strange)
        ]
        mixed = [each for n in range(CUSTOMERS) for each in (right[n], *odd[n : n + 1])]
        statuses = await at_once(*(post(call, body) for call, body in mixed))
    of_the_right = [status for each, status in zip(mixed, statuses, strict=True) if each in right]
    assert sorted(of_the_right) == [201] * TICKETS + [202] * (CUSTOMERS - TICKETS)
    assert max(statuses) < 500
    return others


def test_they_do_share_transactions(attacked: Server) -> None:
    """Otherwise the test before this one shows nothing. What arrives together is a matter of chance."""
    for _ in range(20):
        event_id = attacked.event(tickets=TICKETS)
        others = asyncio.run(all_at_once(attacked, event_id, STRANGE))
        with database(attacked.database_url) as cursor:
            cursor.execute(
                "SELECT 1 FROM changes AS theirs JOIN changes AS ours ON theirs.xmin::text = ours.xmin::text"
                " WHERE ours.event_id = %s AND theirs.event_id = ANY(%s) AND theirs.version > 1",
                (int(event_id), [int(other) for other in others]),
            )
            if cursor.fetchall():
                return
    raise AssertionError("they never shared one")
