"""What clients must not ask, and how they are told: a problem document, and nothing has changed."""

import gzip
import socket

import pytest

from tests.e2e.problems import check, post
from tests.support.log import as_json
from tests.support.server import Server

BOOK = {"eventId": "1", "userId": "alice"}
ABSENT_ORDER = "1-01a207b4-f0fc-731a-86f3-b11a201e05f5"
LAST_ID = str(2**63 - 1)


# --- 404, 405, 413, 415 --------------------------------------------------------------------------

NO_EVENT = ["0", LAST_ID, "9223372036854775808", "01", "1 ", "+1", "x", "1.0", "٣", "9" * 200, "NULL", "1-2"]


@pytest.mark.parametrize("event_id", NO_EVENT)
def test_an_unknown_event_is_404(server: Server, event_id: str) -> None:
    book = {"eventId": event_id, "userId": "alice"}
    check(post(server, "/book", as_json(book)), 404, "event_not_found")
    check(post(server, "/cancel", as_json(book)), 404, "event_not_found")


@pytest.mark.parametrize("event_id", ["0", LAST_ID, "x", "%00", "%FF", "1%2F2", "%F0%9F%8E%9F", "9" * 200])
def test_the_status_of_an_unknown_event_is_404(server: Server, event_id: str) -> None:
    check(server.send("GET", f"/status/{event_id}"), 404, "event_not_found")


NO_ORDER = [
    ABSENT_ORDER,
    f"{LAST_ID}-{ABSENT_ORDER[2:]}",
    f"0-{ABSENT_ORDER[2:]}",
    f"-{ABSENT_ORDER}",
    ABSENT_ORDER.upper(),
    ABSENT_ORDER[:-1],
    ABSENT_ORDER[2:],
    f"{ABSENT_ORDER}0",
    "x",
    "1",
    "1-",
]


@pytest.mark.parametrize("order_id", NO_ORDER)
def test_an_unknown_order_is_404(server: Server, order_id: str) -> None:
    server.event()
    check(server.send("GET", f"/orders/{order_id}"), 404, "order_not_found")
    status, problem = server.post("/cancel", orderId=order_id)
    assert (status, problem["code"]) in ((404, "order_not_found"), (404, "event_not_found"))


def test_another_events_order_is_404(server: Server) -> None:
    one, other = server.event(), server.event()
    uuid = server.book(one, "alice")["orderId"].partition("-")[2]
    check(server.send("GET", f"/orders/{other}-{uuid}"), 404, "order_not_found")
    check(post(server, "/cancel", as_json({"orderId": f"{other}-{uuid}"})), 404, "order_not_found")
    check(post(server, "/cancel", as_json({"eventId": other, "userId": "alice"})), 404, "order_not_found")
    assert server.status(one)["bookedTickets"] == 1


@pytest.mark.parametrize(
    "path",
    [
        "/page",
        "/nothing",
        "/book/1",
        "/status",
        "/status/",
        "/status/1/x",
        "//events",
        "/%00",
        "/%FF",
        "/%ED%A0%80",
        "/%F0%9F%8E%9F",
    ],
)
def test_an_unknown_address_is_404(server: Server, path: str) -> None:
    check(server.send("GET", path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/initialize", "POST"),
        ("GET", "/book", "POST"),
        ("DELETE", "/cancel", "POST"),
        ("PUT", "/book", "POST"),
        ("OPTIONS", "/book", "POST"),
        ("POST", "/status/1", "GET, HEAD"),
        ("POST", "/events", "GET, HEAD"),
        ("PATCH", "/orders/1", "GET, HEAD"),
        ("POST", "/orders/%FF%00", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_405_and_says_which_are_right(
    server: Server, method: str, path: str, allowed: str
) -> None:
    reply = server.send(method, path)
    check(reply, 405, "method_not_allowed")
    assert reply.headers["Allow"] == allowed


@pytest.mark.parametrize("path", ["/initialize", "/book", "/cancel"])
@pytest.mark.parametrize("size", [64 * 1024 + 1, 1024 * 1024])
def test_too_large_a_body_is_413(server: Server, path: str, size: int) -> None:
    check(post(server, path, as_json(BOOK).ljust(size)), 413, "body_too_large")


def test_the_largest_body_is_read(server: Server) -> None:
    body = as_json({"eventId": server.event(), "userId": "alice"}).ljust(64 * 1024)
    assert post(server, "/book", body).status == 201


def test_a_body_that_grows_beyond_the_bound_in_chunks_is_413(server: Server) -> None:
    head = b"POST /book HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    answer = server.send_raw(
        head + b"Transfer-Encoding: chunked\r\n\r\n", *([chunk] * 6), b"0\r\n\r\n", finish=False
    )
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "declared",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json",
     "application/jsonx", "text/json", "application/problem+json"],
)  # fmt: skip
def test_a_body_that_is_not_declared_as_json_is_415(server: Server, declared: str | None) -> None:
    headers = {} if declared is None else {"Content-Type": declared}
    check(post(server, "/book", as_json(BOOK), headers), 415, "unsupported_media_type")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "GZIP", "gzip, identity", "magic", ""])
def test_a_body_that_is_compressed_is_415_and_not_inflated(server: Server, coding: str) -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    check(post(server, "/book", bomb, headers), 415, "unsupported_media_type")


def test_a_body_may_say_that_it_is_as_it_is(server: Server) -> None:
    body = as_json({"eventId": server.event(), "userId": "alice"})
    headers = {"Content-Type": "application/json", "Content-Encoding": "identity"}
    assert post(server, "/book", body, headers).status == 201


@pytest.mark.parametrize(
    "declared", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json ;x=y"]
)
def test_json_may_be_declared_in_other_words(server: Server, declared: str) -> None:
    body = as_json({"eventId": server.event(), "userId": "alice"})
    assert post(server, "/book", body, {"Content-Type": declared}).status == 201


# --- what all of them have -----------------------------------------------------------------------


@pytest.mark.parametrize("given", ["abc-123", "A" * 64, "0._-"])
def test_the_clients_request_id_comes_back(server: Server, given: str) -> None:
    reply = server.send("GET", "/status/0", headers={"X-Request-ID": given})
    assert check(reply, 404, "event_not_found")["requestId"] == given


@pytest.mark.parametrize("given", ["", "A" * 65, "a b", "<script>", "é", "a\tb", None])
def test_a_request_id_that_is_not_well_formed_is_replaced(server: Server, given: str | None) -> None:
    reply = server.send("GET", "/status/0", headers={} if given is None else {"X-Request-ID": given})
    assert check(reply, 404, "event_not_found")["requestId"] not in ("", given)


def test_a_refused_request_changes_nothing(server: Server) -> None:
    event = server.event(tickets=2)
    order = server.book(event, "alice")
    before = server.status(event), server.order(order)
    for body in ({"quantity": 0}, {"quantity": 3}, {"userId": ""}, {"userId": "\0"}, {"x": 1}):
        assert server.post("/book", **{"eventId": event, "userId": "bob", **body})[0] in (409, 422)
    assert server.post("/cancel", eventId=event, userId="bob")[0] == 404
    assert server.post("/cancel", orderId=order["orderId"], eventId=event)[0] == 422
    assert (server.status(event), server.order(order)) == before


def test_a_client_that_leaves_before_its_answer_undoes_nothing(server: Server) -> None:
    event = server.event(tickets=1)
    body = as_json({"eventId": event, "userId": "alice"})
    request = (
        b"POST /book HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
    )
    with socket.create_connection(server.address) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # RST at the end
        client.sendall(request % (len(body), body))
    status, problem = server.post("/book", eventId=event, userId="bob")
    assert (status, problem.get("position")) in ((201, None), (202, 1)), (
        "it came too early to be seen, or it counts"
    )
    assert server.status(event)["availableTickets"] == 0
