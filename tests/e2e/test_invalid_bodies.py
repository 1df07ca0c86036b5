"""Bodies that are not JSON (400), and JSON that is not what the call takes (422, with a pointer)."""

from typing import Any

import pytest

from tests.e2e.problems import check, post
from tests.support.log import as_json
from tests.support.server import Server

BOOK = {"eventId": "1", "userId": "alice"}
INIT = {"eventName": "x", "totalTickets": 1}
ABSENT_ORDER = "1-01a207b4-f0fc-731a-86f3-b11a201e05f5"
LAST_ID = str(2**63 - 1)


# --- 400: not JSON -------------------------------------------------------------------------------

NOT_JSON = {
    "nothing": b"",
    "blank": b"  ",
    "a word": b"hello",
    "cut off": b'{"eventId": "1", "userId": ',
    "two documents": as_json(BOOK) * 2,
    "a comma too many": b'{"eventId": "1", "userId": "alice",}',
    "single quotes": b"{'eventId': '1', 'userId': 'alice'}",
    "a byte order mark": b"\xef\xbb\xbf" + as_json(BOOK),
    "invalid UTF-8": b'{"eventId": "1", "userId": "\xff\xfe"}',
    "a surrogate in UTF-8": b'{"eventId": "1", "userId": "\xed\xa0\x80"}',
    "UTF-16": '{"eventId": "1", "userId": "alice"}'.encode("utf-16"),
    "NaN": b'{"eventId": "1", "userId": "alice", "quantity": NaN}',
    "Infinity": b'{"eventId": "1", "userId": "alice", "quantity": -Infinity}',
    "a control character": b'{"eventId": "1", "userId": "a\x00b"}',
    "a bad escape": b'{"eventId": "1", "userId": "\\q"}',
    "a comment": b'{"eventId": "1", /* me */ "userId": "alice"}',
    "a key twice": b'{"eventId": "1", "userId": "alice", "userId": "bob"}',
    "a key twice, once escaped": b'{"eventId": "1", "userId": "alice", "user\\u0049d": "bob"}',
    "a form": b"eventId=1&userId=alice",
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
@pytest.mark.parametrize("path", ["/book"])
def test_what_is_not_json_is_400(server: Server, path: str, body: bytes) -> None:
    check(post(server, path, body), 400, "malformed_json")


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"userId":[', b'{"eventId":{"a":['])
def test_depth_is_no_way_in(server: Server, opening: bytes) -> None:
    reply = post(server, "/book", opening * (60_000 // len(opening)))
    assert reply.status in (400, 422)
    check(reply, reply.status, "malformed_json" if reply.status == 400 else "invalid_request")


# --- 422: JSON, but not what the call takes ------------------------------------------------------

INVALID = [
    ("/initialize", {}, "/eventName"),
    ("/initialize", {"eventName": "x"}, "/totalTickets"),
    ("/initialize", {**INIT, "eventName": ""}, "/eventName"),
    ("/initialize", {**INIT, "eventName": "x" * 201}, "/eventName"),
    ("/initialize", {**INIT, "eventName": 5}, "/eventName"),
    ("/initialize", {**INIT, "eventName": None}, "/eventName"),
    ("/initialize", {**INIT, "eventName": ["x"]}, "/eventName"),
    ("/initialize", {**INIT, "eventName": "a\0b"}, "/eventName"),
    ("/initialize", {**INIT, "eventName": "a\ud800b"}, "/eventName"),
    ("/initialize", {**INIT, "eventName": "\udfff"}, "/eventName"),
    ("/initialize", {**INIT, "totalTickets": 0}, "/totalTickets"),
    ("/initialize", {**INIT, "totalTickets": -1}, "/totalTickets"),
    ("/initialize", {**INIT, "totalTickets": 10_000_001}, "/totalTickets"),
    ("/initialize", {**INIT, "totalTickets": 2**31}, "/totalTickets"),
    ("/initialize", {**INIT, "totalTickets": 2**63}, "/totalTickets"),
    ("/initialize", {**INIT, "totalTickets": 10**400}, "/totalTickets"),
    ("/initialize", {**INIT, "totalTickets": 1.5}, "/totalTickets"),
    ("/initialize", {**INIT, "totalTickets": True}, "/totalTickets"),
    ("/initialize", {**INIT, "totalTickets": "100"}, "/totalTickets"),
    ("/initialize", {**INIT, "totalTickets": None}, "/totalTickets"),
    ("/initialize", {**INIT, "totalTicket": 1}, "/totalTicket"),
    ("/initialize", {**INIT, "a/b~c": 1}, "/a~1b~0c"),
    ("/initialize", {**INIT, "availableTickets": 1}, "/availableTickets"),
    ("/initialize", [], ""),
    ("/initialize", "x", ""),
    ("/initialize", None, ""),
    ("/initialize", 1, ""),
    ("/book", {"userId": "alice"}, "/eventId"),
    ("/book", {"eventId": "1"}, "/userId"),
    ("/book", {**BOOK, "eventId": 1.0}, "/eventId"),
    ("/book", {**BOOK, "eventId": True}, "/eventId"),
    ("/book", {**BOOK, "eventId": -1}, "/eventId"),
    ("/book", {**BOOK, "eventId": 2**63}, "/eventId"),
    ("/book", {**BOOK, "eventId": None}, "/eventId"),
    ("/book", {**BOOK, "eventId": ""}, "/eventId"),
    ("/book", {**BOOK, "userId": ""}, "/userId"),
    ("/book", {**BOOK, "userId": "x" * 201}, "/userId"),
    ("/book", {**BOOK, "userId": {}}, "/userId"),
    ("/book", {**BOOK, "userId": False}, "/userId"),
    ("/book", {**BOOK, "userId": "\0"}, "/userId"),
    ("/book", {**BOOK, "userId": "\ud83c"}, "/userId"),
    ("/book", {**BOOK, "quantity": 0}, "/quantity"),
    ("/book", {**BOOK, "quantity": -5}, "/quantity"),
    ("/book", {**BOOK, "quantity": 1_001}, "/quantity"),
    ("/book", {**BOOK, "quantity": 2**64}, "/quantity"),
    ("/book", {**BOOK, "quantity": "1"}, "/quantity"),
    ("/book", {**BOOK, "quantity": 1.0}, "/quantity"),
    ("/book", {**BOOK, "quantity": None}, "/quantity"),
    ("/book", {**BOOK, "waitlist": "no"}, "/waitlist"),
    ("/book", {**BOOK, "waitlist": 0}, "/waitlist"),
    ("/book", {**BOOK, "status": "confirmed"}, "/status"),
    ("/cancel", {}, "/eventId"),
    ("/cancel", {"eventId": "1"}, "/userId"),
    ("/cancel", {"userId": "alice"}, "/eventId"),
    ("/cancel", {"orderId": ABSENT_ORDER, "userId": "alice"}, "/orderId"),
    ("/cancel", {"orderId": ABSENT_ORDER, "eventId": "1", "userId": "alice"}, "/orderId"),
    ("/cancel", {"orderId": None}, "/orderId"),
    ("/cancel", {"orderId": ""}, "/orderId"),
    ("/cancel", {"orderId": ["x"]}, "/orderId"),
    ("/cancel", {"eventId": "1", "userId": "\0"}, "/userId"),
    ("/cancel", {"orderId": ABSENT_ORDER, "quantity": 0}, "/quantity"),
    ("/cancel", {"orderId": ABSENT_ORDER, "tickets": 1}, "/tickets"),
    ("/hold", {**BOOK, "holdSeconds": 0}, "/holdSeconds"),
    ("/hold", {**BOOK, "holdSeconds": 2_592_001}, "/holdSeconds"),
    ("/confirm", {}, "/orderId"),
    ("/extend", {"orderId": ABSENT_ORDER, "holdSeconds": "1"}, "/holdSeconds"),
    ("/adjust", {"totalTickets": 1}, "/eventId"),
    ("/adjust", {"eventId": "1", "totalTickets": 0}, "/totalTickets"),
    ("/adjust", {"eventId": "1", "totalTickets": None}, "/totalTickets"),
    ("/adjust", {"eventId": "1", "maxPerOrder": 0}, "/maxPerOrder"),
    ("/adjust", {"eventId": "1", "waitlistMode": "lottery"}, "/waitlistMode"),
    ("/adjust", {"eventId": "1", "salesOpenAt": "2026-01-01T00:00:00"}, "/salesOpenAt"),
    ("/adjust", {"eventId": "1", "salesCloseAt": "1969-12-31T23:59:59Z"}, "/salesCloseAt"),
    ("/close", {"eventId": True}, "/eventId"),
    ("/batch", {"commands": []}, "/commands"),
    ("/batch", {"commands": [{}] * 1_001}, "/commands"),
    ("/batch", {"commands": {}}, "/commands"),
]


@pytest.mark.parametrize(("path", "body", "pointer"), INVALID, ids=range(len(INVALID)))
def test_what_the_call_does_not_take_is_422_and_says_where(
    server: Server, path: str, body: Any, pointer: str
) -> None:
    problem = check(post(server, path, as_json(body)), 422, "invalid_request")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert problem["errors"][0]["detail"]


LIMITS = ["0", "501", "x", "-1", "%C2%B2", "", "1e2", "99999999999"]
CURSORS = ["", "x", "-1", "0", "9223372036854775808", "%00", "%FF"]


@pytest.mark.parametrize(
    "query", [*(f"limit={each}" for each in LIMITS), *(f"cursor={each}" for each in CURSORS), "page=2"]
)
def test_what_a_list_does_not_take_is_422(server: Server, query: str) -> None:
    check(server.send("GET", f"/events?{query}"), 422, "invalid_request")


def test_the_bounds_themselves_are_allowed(server: Server) -> None:
    event = server.event(tickets=10_000_000, name="x" * 200)
    assert server.book(event, "y" * 200, 1_000)["quantity"] == 1_000
    assert server.get("/events?limit=1")[0] == 200
    assert server.get(f"/events?limit=500&cursor={LAST_ID}") == (200, {"items": [], "next": None})
