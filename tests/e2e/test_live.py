"""Watching one event, by WebSocket and by Server-Sent Events: what comes, in which order, what is refused."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.listening import (
    BINARY,
    CLOSE,
    CONTINUED,
    PING,
    PONG,
    STREAM,
    TEXT,
    UPGRADE,
    RefusedError,
    Stream,
    WebSocket,
    Wire,
    frame,
    request,
)
from tests.support.log import Log
from tests.support.server import PATIENCE_S, Server

each_way = pytest.mark.parametrize("listen", [WebSocket, Stream])


@pytest.fixture(autouse=True)
def _in_order(server: Server) -> Iterator[None]:
    """Whatever a client does, none of it is a failure of ours."""
    said = len(server.said)
    yield
    assert [line for line in server.said[said:] if '"level":"error"' in line] == []


def live(event_id: str) -> str:
    return f"/status/{event_id}/live"


def in_s(seconds: float) -> str:
    """A moment from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def refused(server: Server, sent: bytes) -> Any:
    """The status and the code with which a request is answered that opens nothing."""
    with pytest.raises(RefusedError) as refusal:
        Wire(server, sent)
    problem = refusal.value.reply.document
    assert problem["status"] == refusal.value.reply.status
    return problem["status"], problem["code"]


# --- what comes ----------------------------------------------------------------------------------


@each_way
def test_a_listener_is_told_the_status_at_once_and_every_newer_one(server: Server, listen: Any) -> None:
    event = server.event(3)
    with listen(server, live(event)) as listener:
        assert listener.message() == {"type": "status", **server.status(event)}
        for customer in ("ann", "bob"):
            server.book(event, customer)
            assert listener.message() == {"type": "status", **server.status(event)}
        server.post("/adjust", eventId=event, totalTickets=5, eventName="Elsewhere")
        adjusted = listener.message()
        assert (adjusted["totalTickets"], adjusted["eventName"]) == (5, "Elsewhere")
        server.post("/close", eventId=event)
        closed = listener.message()
        assert (closed["state"], closed["version"]) == ("closed", 5)
        assert closed == {"type": "status", **server.status(event)}


@each_way
def test_what_is_known_already_is_not_told_again(server: Server, listen: Any) -> None:
    event = server.event(9)
    server.book(event, "ann")
    for since, first in ((0, 2), (1, 2), (2, 3)):
        with listen(server, f"{live(event)}?since={since}") as listener:
            if since == 2:
                server.book(event, "bob")
            assert listener.message()["version"] == first, since


def test_a_stream_goes_on_where_its_client_left(server: Server) -> None:
    event, other = server.event(9), server.event()
    server.book(event, "ann")
    for named, first in ((f"{event}-1", 2), (f"{other}-7", 2), ("nonsense", 2), (f"{event}-2", 3), ("2", 3)):
        with Stream(server, live(event), {"Last-Event-ID": named}) as listener:
            assert 1_000 <= listener.retry_ms <= 4_000
            if first == 3:
                server.post("/adjust", eventId=event, totalTickets=9)
            told = listener.event()
            assert (told.kind, int(told.id.removeprefix(f"{event}-")) >= first) == ("status", True), named


def test_each_listener_sees_versions_grow_up_to_the_last_and_nothing_that_is_undone(server: Server) -> None:
    event = server.event(60)
    listeners = [WebSocket(server, live(event)) for _ in range(4)]
    listeners += [Stream(server, live(event)) for _ in range(2)]  # type: ignore[misc]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: server.book(event, f"customer {number % 50}"), range(80)))
    last = server.status(event)["version"]
    assert last == 81
    seen = []
    for listener in listeners:
        versions = [0]
        while versions[-1] < last:
            seen.append(told := listener.message())
            assert told["version"] > versions[-1]
            versions.append(told["version"])
        listener.hang_up()
    log = Log(server.database_url, event)
    for told in seen:
        assert told.pop("type") == "status"
        log.check_status(told)


def test_the_beginning_and_the_end_of_a_sale_are_told_without_a_new_version(server: Server) -> None:
    event = server.event(9, salesOpenAt=in_s(0.4), salesCloseAt=in_s(1.2))
    with WebSocket(server, live(event)) as listener, Stream(server, f"/live?watch={event}") as stream:
        for each in (listener, stream):
            told = [each.message() for _ in range(3)]
            assert [message["state"] for message in told] == ["scheduled", "open", "closed"]
            assert {message["version"] for message in told} == {1}
    with WebSocket(server, f"{live(event)}?since=1") as late:
        assert late.message()["state"] == "closed", "the client may have it as `scheduled`"


# --- who is let in -------------------------------------------------------------------------------


def test_whoever_cannot_be_served_is_told_so_before_anything_is_opened(server: Server) -> None:
    event = server.event()
    for path in (live("999999999"), live("0"), live("x")):
        assert refused(server, request(path, UPGRADE)) == (404, "event_not_found")
        assert refused(server, request(path, STREAM)) == (404, "event_not_found")
    assert refused(server, request(live(event), {})) == (426, "upgrade_required")
    assert refused(server, request(live(event), UPGRADE, version="1.0")) == (426, "upgrade_required")
    assert refused(server, request(live(event), {**UPGRADE, "Upgrade": "h2c"})) == (426, "upgrade_required")
    assert refused(server, request(f"{live(event)}?since=-1", UPGRADE)) == (422, "invalid_request")
    assert refused(server, request(f"{live(event)}?from=1", UPGRADE)) == (422, "invalid_request")
    assert refused(server, request(live(event), UPGRADE, method="POST")) == (405, "method_not_allowed")
    for name, text in (
        ("Sec-WebSocket-Version", "12"),
        ("Sec-WebSocket-Key", "short"),
        ("Sec-WebSocket-Key", "ä" * 16),
        ("Connection", "close"),
    ):
        sent = request(live(event), {**UPGRADE, name: text})
        assert refused(server, sent) == (400, "malformed_request"), (name, text)


def test_only_the_servers_own_pages_may_open_a_websocket(server: Server) -> None:
    event = server.event()
    host, port = server.address
    own = {"Host": f"{host}:{port}", "Origin": f"http://{host}:{port}"}
    with WebSocket(server, live(event), own) as listener:
        assert listener.message()["version"] == 1
    for origin in ("https://evil.example", f"http://{host}:{port + 1}", "null", "", "http://[", "\udcff"):
        sent = request(live(event), {**UPGRADE, **own, "Origin": origin})
        assert refused(server, sent) == (403, "forbidden"), origin
    with Stream(server, live(event), {"Origin": "https://evil.example"}) as stream:
        assert "Access-Control-Allow-Origin" not in stream.headers  # so that no browser shows it to the page


# --- a WebSocket's frames ------------------------------------------------------------------------


def test_what_a_client_sends_with_its_request_is_heard(server: Server) -> None:
    event = server.event()
    watch = frame(TEXT, b'{"watch": [%s]}' % event.encode())
    with WebSocket(server, "/live", after=watch + frame(PING, b"are you there?")) as listener:
        assert {listener.frame()[0], listener.frame()[0]} == {TEXT, PONG}


def test_a_ping_is_answered_also_in_the_middle_of_a_message(server: Server) -> None:
    event = server.event()
    text = b'{"watch": ["%s"]}' % event.encode()
    with WebSocket(server, "/live") as listener:
        listener.socket.sendall(frame(TEXT, text[:5], last=False) + frame(PING, b"well?"))
        assert listener.frame() == (PONG, b"well?")
        listener.socket.sendall(frame(CONTINUED, b"", last=False) + frame(CONTINUED, text[5:]))
        assert listener.message()["eventId"] == event


CODES = {
    "too large a message": (frame(TEXT, b" " * 4097), 1009),
    "too large in pieces": (frame(TEXT, b" " * 4000, last=False) + frame(CONTINUED, b" " * 97), 1009),
    "more than there is memory": (b"\x81\xff" + b"\x7f" * 8 + b"mask", 1009),
    "binary": (frame(BINARY, b"{}"), 1003),
    "too many": (frame(PONG, b"") * 101, 1008),
    "too many pieces": (frame(TEXT, b"x", last=False) + frame(CONTINUED, b"", last=False) * 6000, 1008),
    "an unknown kind": (frame(0x3, b""), 1002),
    "a bit nobody agreed on": (b"\xf1\x80mask", 1002),
    "what continues nothing": (frame(CONTINUED, b"x"), 1002),
    "what continues nothing, after a beginning": (frame(TEXT, b"x", last=False) + frame(TEXT, b"x"), 1002),
    "a large ping": (frame(PING, b"x" * 126), 1002),
    "a ping in pieces": (frame(PING, b"x", last=False), 1002),
    "half a close code": (frame(CLOSE, b"x"), 1002),
    "a close code that nobody may send": (frame(CLOSE, b"\x03\xed"), 1002),
    "HTTP": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1002),
    "goodbye": (frame(CLOSE, b"\x03\xe8bye"), 1000),
    "goodbye without a word": (frame(CLOSE, b""), 1000),
}


@pytest.mark.parametrize(("sent", "code"), CODES.values(), ids=CODES)
def test_each_end_has_its_code(server: Server, sent: bytes, code: int) -> None:
    with WebSocket(server, "/live") as listener:
        listener.socket.sendall(sent)
        assert listener.closed().code == code


def test_a_message_of_4_kib_is_not_too_large(server: Server) -> None:
    event = server.event()
    with WebSocket(server, "/live") as listener:
        listener.say(b'{"watch": ["%s"]}' % event.encode() + b" " * (4096 - 15 - len(event)))
        assert listener.message()["eventId"] == event


MESSAGES = {
    "no text": (b"\xff\xfe", 400, None),
    "no JSON": (b"hello", 400, None),
    "half of it": (b'{"watch": ["1"', 400, None),
    "nothing": (b"", 400, None),
    "one key twice": (b'{"watch": [], "watch": ["1"]}', 400, None),
    "half a pair": (rb'{"watchOrder": "\ud800"}', 422, "/watchOrder"),
    "a NUL": (rb'{"watchOrder": "\u0000"}', 422, "/watchOrder"),
    "too deep": (b"[" * 3000, 422, ""),
    "a list": (b"[]", 422, ""),
    "null": (b"null", 422, ""),
    "an unknown field": (b'{"watch": [], "look": 1}', 422, "/look"),
    "not a list": (b'{"watch": "1"}', 422, "/watch"),
    "no id": (b'{"watch": [true]}', 422, "/watch/0"),
    "a negative id": (b'{"watch": [-1]}', 422, "/watch/0"),
    "a fraction": (b'{"watch": [1.5]}', 422, "/watch/0"),
    "a huge number": (b'{"watch": [%s]}' % (b"9" * 400), 422, "/watch/0"),
    "a long id": (b'{"watch": ["%s"]}' % (b"9" * 400), 422, "/watch/0"),
    "too many": (b'{"watch": [%s]}' % b",".join([b"1"] * 101), 422, "/watch"),
    "an order without an id": (b'{"watchOrder": null}', 422, "/watchOrder"),
}


@pytest.mark.parametrize(("sent", "status", "pointer"), MESSAGES.values(), ids=MESSAGES)
def test_what_is_not_understood_is_said_and_the_connection_goes_on(
    server: Server, sent: bytes, status: int, pointer: str | None
) -> None:
    with WebSocket(server, "/live") as listener:
        listener.say(sent)
        problem = listener.problem()["problem"]
        assert problem["status"] == status
        assert problem.get("errors", [{"pointer": None}])[0]["pointer"] == pointer
        listener.socket.sendall(frame(PING, b"still there?"))
        assert listener.frame() == (PONG, b"still there?")


def test_nothing_is_expected_from_who_watches_one_event(server: Server) -> None:
    event = server.event()
    with WebSocket(server, live(event)) as listener:
        listener.message()
        listener.say(b"anything")
        listener.ask(watch=[server.event()])
        server.book(event, "ann")
        assert listener.message()["version"] == 2


# --- a stream ------------------------------------------------------------------------------------


def test_a_stream_is_what_a_browser_and_a_proxy_expect(server: Server) -> None:
    event = server.event()
    for version in ("1.0", "1.1"):
        with Stream(server, live(event), version=version) as stream:
            assert stream.headers["Content-Type"] == "text/event-stream"
            assert stream.headers["Cache-Control"] == "no-store"
            assert stream.headers["X-Accel-Buffering"] == "no"
            assert stream.message()["version"] == 1
    answered = server.send_raw(request(live(event), STREAM, method="HEAD"), finish=False)
    head, _, body = answered.partition(b"\r\n\r\n")
    assert (head.split(b" ")[1], body) == (b"200", b"")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_can_listen(server: Server) -> None:
    event = server.event()
    command = [
        "curl",
        "-sSN",
        "--max-time",
        "10",
        "-H",
        "Accept: text/event-stream",
        server.url + live(event),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
        assert curl.stdout is not None
        try:
            assert re.fullmatch(r"retry: \d+\n", curl.stdout.readline())
            server.book(event, "ann")
            lines = [curl.stdout.readline() for _ in range(9)]
            told = [json.loads(line[6:])["version"] for line in lines if line.startswith("data: ")]
            assert told == [1, 2]
        finally:
            curl.terminate()


def test_who_has_hung_up_keeps_nobody_from_being_told(server: Server) -> None:
    event = server.event(99)
    gone = [Stream(server, live(event)) for _ in range(5)]
    with WebSocket(server, live(event)) as listener:
        for each in gone:
            each.hang_up()
        begun_s = time.monotonic()
        for number in range(30):
            server.book(event, f"customer {number}")
        listener.status_of(event, version=31)
        assert time.monotonic() - begun_s < PATIENCE_S
