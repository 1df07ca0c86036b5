"""Bytes that are no HTTP, and HTTP that few clients speak: the server never fails, and goes on."""

import json
import socket
import time
from contextlib import suppress

import pytest

from tests.support.log import as_json
from tests.support.server import Server

HEAD = b"POST /book HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
LAST = b"Connection: close\r\n"


def request(body: bytes, *headers: bytes, last: bytes = LAST) -> bytes:
    return HEAD + last + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


CUT_OFF = {
    "nothing": b"",
    "half a request line": b"GET /eve",
    "half a header": b"GET /events HTTP/1.1\r\nHost: x\r\nX: a",
    "half a body": request(b"{", b"Content-Length: 500"),
    "half a chunk": request(b"ff\r\n{", b"Transfer-Encoding: chunked"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "an upgrade": b"GET /events HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
}
NONSENSE = {
    "noise": b"\x00\x01\xff\xfe\r\n\r\n",
    "a word": b"hello\r\n\r\n",
    "a method of small letters": b"get /events HTTP/1.1\r\nHost: x\r\n\r\n",
    "a strange method": b"FOO-BAR /events HTTP/1.1\r\nHost: x\r\n\r\n",
    "an unknown version": b"GET /events HTTP/9.9\r\nHost: x\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no host": b"GET /events HTTP/1.1\r\n\r\n",
    "a header without a colon": b"GET /events HTTP/1.1\r\nHost\r\n\r\n",
    "a blank in a header's name": b"GET /events HTTP/1.1\r\nHost: x\r\nbad name: 1\r\n\r\n",
    "a NUL in a header": b"GET /events HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
    "a header without end": b"GET /events HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000,
    "100,000 headers": b"GET /events HTTP/1.1\r\nHost: x\r\n" + b"X: 1\r\n" * 100_000 + b"\r\n",
    "a path without end": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path that is not ASCII": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path that is no path": b"GET http://[::1/events HTTP/1.1\r\nHost: x\r\n\r\n",
    "another host": b"GET http://other.example/events HTTP/1.1\r\nHost: x\r\n" + LAST + b"\r\n",
    "a tunnel": b"CONNECT other.example:443 HTTP/1.1\r\nHost: x\r\n" + LAST + b"\r\n",
    "options of everything": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n" + LAST + b"\r\n",
    "a chunk that is none": request(b"zz\r\n{}\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
    "a length that is too short": request(b'{"eventId":"1"}', b"Content-Length: 5"),
    "a negative length": request(b"{}", b"Content-Length: -5"),
    "a length that is none": request(b"{}", b"Content-Length: two"),
    "two lengths": request(b"{}", b"Content-Length: 2", b"Content-Length: 3"),
    "a length and chunks": request(b"0\r\n\r\n", b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "an unknown coding of the transfer": request(b"{}", b"Transfer-Encoding: magic", b"Content-Length: 2"),
    "an unknown coding of the content": request(b"{}", b"Content-Encoding: magic", b"Content-Length: 2"),
    "a content that is not coded as it says": request(b"{}", b"Content-Encoding: gzip", b"Content-Length: 2"),
    "a content that deflates to nothing": request(
        b"\x78\x9c", b"Content-Encoding: deflate", b"Content-Length: 2"
    ),
    "an unknown expectation": request(b"{}", b"Expect: miracles", b"Content-Length: 2"),
    "an expectation that is no text": request(b"{}", b"Expect: \xa0", b"Content-Length: 2"),
}


def check_it_goes_on(server: Server) -> None:
    assert server.process.poll() is None
    assert server.book(server.event(), "alice")["status"] == "confirmed"


@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_and_the_server_goes_on(server: Server, nonsense: bytes) -> None:
    answer = server.send_raw(nonsense, finish=False)
    assert answer.startswith((b"HTTP/1.0 4", b"HTTP/1.1 4", b"HTTP/1.1 200")), answer
    assert answer.startswith(b"HTTP/1.1 200") or b"Content-Type: application/problem+json\r\n" in answer
    check_it_goes_on(server)
    assert "Traceback" not in "".join(server.said), "a mistake of a client's is no failure of ours"


def test_who_is_refused_while_still_sending_hears_why(server: Server) -> None:
    with socket.create_connection(server.address, timeout=5) as client:
        client.sendall(b"hello\r\n\r\n" + b"x" * 100_000)
        answer = client.recv(10_000)
        for _ in range(20):  # closed already, the connection would be reset by this, and the answer lost
            client.sendall(b"x" * 100_000)
        client.shutdown(socket.SHUT_WR)
        while more := client.recv(10_000):
            answer += more
    assert answer.startswith(b"HTTP/1.0 400 ")
    assert b'"code":"malformed_request"' in answer
    check_it_goes_on(server)


def go_on_sending(client: socket.socket, seconds: float) -> None:
    """Until TCP refuses it, since the other side has closed the connection."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        client.sendall(b"x")
        time.sleep(0.05)  # so as not to fill the buffers


def test_who_is_refused_and_stays_is_left(server: Server) -> None:
    with socket.create_connection(server.address, timeout=10) as client:
        client.sendall(b"hello\r\n\r\n")
        while client.recv(10_000):
            pass
        with pytest.raises(ConnectionError):
            go_on_sending(client, seconds=20)


@pytest.mark.parametrize("beginning", CUT_OFF.values(), ids=CUT_OFF)
def test_what_is_cut_off_is_no_failure_and_the_server_goes_on(server: Server, beginning: bytes) -> None:
    answer = server.send_raw(beginning)
    assert answer == b"" or answer.startswith((b"HTTP/1.0 4", b"HTTP/1.1 4", b"HTTP/1.1 200")), answer
    check_it_goes_on(server)
    assert "Traceback" not in "".join(server.said), "a client that goes away is no failure of ours"


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-1\r\n", b"2\r\n{}nonsense\r\n"])
def test_chunks_that_turn_out_wrong_are_no_failure(server: Server, chunk: bytes) -> None:
    head = request(b"", b"Transfer-Encoding: chunked", b"Expect: 100-continue")
    with socket.create_connection(server.address, timeout=5) as client:
        client.sendall(head)
        assert client.recv(1_000) == b"HTTP/1.1 100 Continue\r\n\r\n", "from here on the handler reads"
        client.sendall(chunk)
        client.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            assert client.recv(1_000)[9:12] in (b"400", b"")
    check_it_goes_on(server)


def test_a_body_may_come_in_chunks(server: Server) -> None:
    body = as_json({"eventId": server.event(), "userId": "alice"})
    pieces = [b"%x\r\n%s\r\n" % (len(body[at : at + 7]), body[at : at + 7]) for at in range(0, len(body), 7)]
    head = request(b"", b"Transfer-Encoding: chunked")
    assert server.send_raw(head, *pieces, b"0\r\n\r\n", finish=False).startswith(b"HTTP/1.1 201 ")


def test_a_body_may_be_promised_first(server: Server) -> None:
    body = as_json({"eventId": server.event(), "userId": "alice"})
    head = request(b"", b"Content-Length: %d" % len(body), b"Expect: 100-continue")
    answer = server.send_raw(head, body, finish=False)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 ")


def test_requests_may_be_sent_before_the_answers_are_read(server: Server) -> None:
    event = server.event(tickets=2)
    bodies = [as_json({"eventId": event, "userId": user}) for user in ("alice", "bob", "carol")]
    requests = [request(body, b"Content-Length: %d" % len(body), last=b"") for body in bodies]
    look = b"GET /status/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % event.encode()
    answers = server.send_raw(b"".join(requests) + look, finish=False)
    statuses = [line[9:12] for line in answers.split(b"HTTP/1.1 ")[1:]]
    assert [each[:3] for each in answers.split(b"HTTP/1.1 ")[1:]] == [b"201", b"201", b"202", b"200"], (
        statuses
    )
    assert json.loads(answers.rpartition(b"\r\n\r\n")[2])["version"] == 4


def test_a_body_cut_off_has_no_effect(server: Server) -> None:
    event = server.event()
    body = as_json({"eventId": event, "userId": "alice"})
    server.send_raw(request(body, b"Content-Length: %d" % (len(body) + 1)))
    server.send_raw(request(b"%x\r\n%s\r\n" % (len(body), body), b"Transfer-Encoding: chunked"))
    assert server.status(event)["version"] == 1
