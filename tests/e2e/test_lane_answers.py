"""What a client is answered does not depend on the way its request goes: all calls, good and bad, both ways.

The server is the real one, and says which way each answer went. The same conversation is held with it again
and again, with requests that are plain, and with the same requests written so that they are not.
"""

import json
import re
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from boxoffice.actors.principals import Rate, Scope
from boxoffice.http.app import SHORT
from boxoffice.http.catalogue import BY_NAME
from tests.e2e.raw_http import Answer, answers, request
from tests.support.audit import assert_audit_passes
from tests.support.log import database
from tests.support.people import api_key
from tests.support.postgres import Cluster
from tests.support.server import Server
from tests.support.sockets import answer, ask, connect, is_closed

PROGRAM = (sys.executable, str(Path(__file__).parents[1] / "support" / "way_server.py"))
ORIGIN = "https://tickets.example"
IN_JSON = b"Content-Type: application/json"
STRANGER = request(b"GET", b"/status/1")
"""A plain request that is answered at once, whoever asks."""

UNLIKE = {"date", "x-request-id", "connection", "retry-after", "content-length", "x-way", "ratelimit"}
"""Headers whose values differ each time; `Retry-After` is drawn."""

_ID = re.compile(
    r"\d+-[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[\d:.]+Z"
    r"""|(?<="eventId":")\d+|(?<=/)\d+\b|(?<=event )\d+"""
)
"""An event's, an order's, or a time."""


def _plain(method: bytes, target: bytes, body: bytes, headers: Sequence[bytes]) -> list[bytes]:
    return [request(method, target, body, headers)]


def _last(method: bytes, target: bytes, body: bytes, headers: Sequence[bytes]) -> list[bytes]:
    return [request(method, target, body, [*headers, b"Connection: close"])]


def _old(method: bytes, target: bytes, body: bytes, headers: Sequence[bytes]) -> list[bytes]:
    return [request(method, target, body, headers).replace(b" HTTP/1.1", b" HTTP/1.0", 1)]


def _with_query(method: bytes, target: bytes, body: bytes, headers: Sequence[bytes]) -> list[bytes]:
    return [request(method, target + b"?", body, headers)]


def _escaped(method: bytes, target: bytes, body: bytes, headers: Sequence[bytes]) -> list[bytes]:
    return [request(method, b"/%%%02x%s" % (target[1], target[2:]), body, headers)]


def _expecting(method: bytes, target: bytes, body: bytes, headers: Sequence[bytes]) -> list[bytes]:
    return [request(method, target, body, [*headers, b"Expect: 100-continue"])]


def _in_chunks(method: bytes, target: bytes, body: bytes, headers: Sequence[bytes]) -> list[bytes]:
    chunks = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: x", *headers, b"Transfer-Encoding: chunked"]
    return [b"\r\n".join([*lines, b"", chunks])]


def _in_pieces(method: bytes, target: bytes, body: bytes, headers: Sequence[bytes]) -> list[bytes]:
    """Only a body can come so late that the request sets out without it."""
    body = body or b" "
    return [request(method, target, body, headers)[: -len(body)], body]


def _asked_ahead(method: bytes, target: bytes, body: bytes, headers: Sequence[bytes]) -> list[bytes]:
    return [request(method, target, body, headers) + request(b"GET", b"/livez")]


LONG = {
    each.__name__.strip("_").replace("_", " "): each
    for each in (_last, _old, _with_query, _escaped, _expecting, _in_chunks, _in_pieces, _asked_ahead)
}

Write = Callable[[bytes, bytes, bytes, Sequence[bytes]], list[bytes]]


class Conversation:
    """With a server, about an event of its own, in one way of writing requests."""

    def __init__(self, server: Server, write: Write, headers: Sequence[bytes] = ()) -> None:
        self._address = server.address
        self._write = write
        self._headers = headers
        self.said: list[tuple[Any, ...]] = []
        self.ways: list[str] = []

    def ask(
        self, method: str, target: str, body: object = None, *headers: str, by: Sequence[bytes] | None = None
    ) -> Any:
        """One request; its answer is noted, and its document returned."""
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        lines = [each.encode() for each in headers] + list(self._headers if by is None else by)
        if method == "POST" and not any(each.startswith("Content-Type") for each in headers):
            lines.append(IN_JSON)
        received = self._exchange(self._write(method.encode(), target.encode(), raw, lines))
        found, *_ = answers(received, [method.encode(), b"GET"])
        self.ways.append(found.headers.get("x-way", "long"))
        assert found.status in (204, 304) or int(found.headers["content-length"]) == len(found.body)
        self.said.append((method, _ID.sub("#", target), *_of(found)))
        return found.document if found.body else None

    def _exchange(self, pieces: Sequence[bytes]) -> bytes:
        with closing(connect(self._address)) as client:
            wait_until_short(client)
            client.sendall(pieces[0])
            for piece in pieces[1:]:
                self._let_it_be_read()
                client.sendall(piece)
            return self._until_done(client)

    def _let_it_be_read(self) -> None:
        """Whatever was sent before: the loop has looked at all its sockets since."""
        with closing(connect(self._address)) as other:
            for _ in range(3):
                ask(other, STRANGER)

    def _until_done(self, client: socket.socket) -> bytes:
        received = b""
        while not _is_whole(received):
            more = client.recv(65_536)
            if not more:
                break
            received += more
        return received


def wait_until_short(client: socket.socket) -> None:
    """Until aiohttp's task is idle, so that what is sent next can go the short way."""
    while ask(client, STRANGER).headers["X-Way"] == "long":
        pass


def _is_whole(received: bytes) -> bool:
    """Whether all of an answer is there: after a `100 Continue`, perhaps, or with another one behind it."""
    while received.startswith(b"HTTP/1.1 100"):
        received = received.partition(b"\r\n\r\n")[2]
    head, end, rest = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    if not end:
        return False
    return length is None or len(rest) >= int(length[1])


def _of(found: Answer) -> tuple[object, ...]:
    headers = {name: value for name, value in found.headers.items() if name not in UNLIKE}
    names = sorted(set(found.headers) - {"connection", "x-way"})
    body = re.sub(r'"requestId":"[^"]*"', '"requestId":"#"', _ID.sub("#", found.body.decode()))
    return found.status, names, {name: _ID.sub("#", value) for name, value in headers.items()}, body


def headers_in(conversation: Conversation) -> set[str]:
    """All that it has."""
    return {name for said in conversation.said for name in said[3]}


def talk(conversation: Conversation) -> None:
    """All calls that there is a short way for, with all that they say, and some of what they refuse."""
    ask = conversation.ask
    event = ask("POST", "/initialize", {"eventName": "Concert", "totalTickets": 4})["eventId"]
    conversation.ways.pop()  # it has none
    order = ask("POST", "/book", {"eventId": event, "userId": "ann"})["orderId"]
    once = {"eventId": event, "userId": "bob", "quantity": 2}
    for _ in range(2):
        ask("POST", "/book", once, f"Idempotency-Key: {event}")
    ask("POST", "/book", {**once, "quantity": 1}, f"Idempotency-Key: {event}")
    ask("POST", "/book", once, "Idempotency-Key: a", "Idempotency-Key: b")
    held = ask("POST", "/hold", {"eventId": event, "userId": "cy"})["orderId"]
    ask("POST", "/extend", {"orderId": held})
    ask("POST", "/book", {"eventId": event, "userId": "dan"})
    ask("POST", "/book", {"eventId": event, "userId": "eve", "waitlist": False})
    ask("POST", "/confirm", {"orderId": held})
    ask("POST", "/extend", {"orderId": held})
    ask("GET", f"/orders/{held}")
    ask("POST", "/cancel", {"orderId": order})
    ask("POST", "/cancel", {"orderId": order})
    commands = [{"do": "book", "eventId": event, "userId": "fay"}, {"do": "cancel", "orderId": held}, {}]
    for _ in range(2):
        ask("POST", "/batch", {"commands": commands}, f"Idempotency-Key: batch-{event}")
    status = ask("GET", f"/status/{event}")
    tag = f'"{status["version"]}-{status["state"]}"'
    ask("GET", f"/status/{event}", None, f"If-None-Match: {tag}")
    ask("GET", f"/status/{event}", None, 'If-None-Match: "1"')
    ask("GET", f"/status/{event}", None, f"Origin: {ORIGIN}", "X-Request-ID: mine")
    ask("GET", f"/status/{event}", None, "Origin: https://elsewhere.example")
    refused(conversation)


def refused(conversation: Conversation) -> None:
    """Nothing here says anything but no."""
    ask = conversation.ask
    for path in ("/book", "/hold", "/confirm", "/extend", "/cancel", "/batch"):
        for body in (b"{", b"[]", b"\xff", b'{"eventId": NaN}', b"{}", b'{"eventId": "x", "userId": ""}'):
            ask("POST", path, body)
        ask("POST", path, b"{}", "Content-Type: text/plain")
        ask("POST", path, b"{}", "Content-Encoding: gzip")
    ask("POST", "/book", b'{"a": "' + b"x" * 70_000 + b'"}')
    conversation.ways.pop()  # more than is read at once
    for name in ("1", "x", "-", "99999999999999999999", "1000000000", "1-2"):
        ask("GET", f"/status/{name}")
        ask("GET", f"/orders/{name}")


@pytest.fixture(scope="module")
def server(embedded_cluster: Cluster) -> Iterator[Server]:
    """One that says which way, and lets pages of one origin ask."""
    with embedded_cluster.database() as url:
        server = Server("--database-url", url, "--cors-origin", ORIGIN, program=PROGRAM)
        yield server
        assert server.stop() == 0
        assert "Traceback" not in "".join(server.said)
        assert_audit_passes(url)


@pytest.fixture(scope="module")
def short(server: Server) -> Conversation:
    """The conversation, the short way."""
    conversation = Conversation(server, _plain)
    talk(conversation)
    return conversation


def test_each_call_goes_the_short_way_whatever_its_answer(short: Conversation) -> None:
    assert set(short.ways) == {"short"}
    firsts = {(method, "/" + target.split("/")[1]) for method, target, *_ in short.said}
    calls = {(BY_NAME[name].method, "/" + BY_NAME[name].path.split("/")[1]) for name in SHORT}
    assert calls <= firsts
    assert headers_in(short) >= {
        *("etag", "idempotent-replayed", "location", "vary"),
        *("access-control-allow-origin", "access-control-expose-headers"),
    }
    statuses = {status for _, _, status, *_ in short.said}
    assert statuses >= {200, 201, 202, 304, 400, 404, 409, 413, 415, 422}


@pytest.mark.parametrize("write", LONG.values(), ids=LONG)
def test_the_long_way_gives_the_same_answers(server: Server, short: Conversation, write: Write) -> None:
    conversation = Conversation(server, write)
    talk(conversation)
    assert set(conversation.ways) == {"long"}
    for one, other in zip(short.said, conversation.said, strict=True):
        assert other == one


def test_who_asks_for_the_head_alone_is_told_what_the_short_way_says(server: Server) -> None:
    event = server.event()
    plain, head = Conversation(server, _plain), Conversation(server, _last)
    plain.ask("GET", f"/status/{event}")
    received = head._exchange([request(b"HEAD", f"/status/{event}".encode(), b"", [b"Connection: close"])])
    (found,) = answers(received, [b"HEAD"])
    assert found.headers["x-way"] == "long"
    status, names, headers, _ = _of(found)
    assert [(status, names, headers)] == [said[2:5] for said in plain.said]


# --- who asks ------------------------------------------------------------------------------------


@dataclass
class Guarded:
    """A server that takes keys: one that may only read, and some that may do so twice an hour."""

    server: Server
    reader: str
    hasty: list[str]


@pytest.fixture(scope="module")
def guarded(embedded_cluster: Cluster) -> Iterator[Guarded]:
    """One for all ways."""
    with embedded_cluster.database() as url:
        reader = api_key(url, Scope.READ)
        hasty = [api_key(url, Scope.READ, limit=Rate(2, 3600)) for _ in range(2 * len(LONG))]
        server = Server("--database-url", url, program=PROGRAM)
        yield Guarded(server, reader, hasty)
        assert server.stop() == 0


def bearer(token: str) -> list[bytes]:
    return [f"Authorization: Bearer {token}".encode()]


def knock(guarded: Guarded, write: Write) -> Conversation:
    """As a stranger, as a guesser, as one who may not, and as one who comes too often."""
    conversation = Conversation(guarded.server, write)
    for who in ([], bearer("bo_x_y"), [b"Authorization: Basic eDp5"], bearer(guarded.reader)):
        for path in ("/book", "/hold", "/confirm", "/extend", "/cancel", "/batch"):
            conversation.ask("POST", path, {"eventId": "1000000000", "userId": "ann"}, by=who)
        conversation.ask("GET", "/status/1000000000", by=who)
        conversation.ask("GET", "/orders/1", by=who)
    hasty = guarded.hasty.pop()
    for _ in range(4):
        conversation.ask("GET", "/status/1000000000", by=bearer(hasty))
    return conversation


@pytest.mark.parametrize("write", LONG.values(), ids=LONG)
def test_who_is_not_let_in_is_told_the_same_both_ways(guarded: Guarded, write: Write) -> None:
    short, long = knock(guarded, _plain), knock(guarded, write)
    assert (set(short.ways), set(long.ways)) == ({"short"}, {"long"})
    assert {status for _, _, status, *_ in short.said} == {401, 403, 404, 429}
    assert headers_in(short) >= {"ratelimit", "ratelimit-policy", "retry-after", "www-authenticate"}
    for one, other in zip(short.said, long.said, strict=True):
        assert other == one


# --- the end -------------------------------------------------------------------------------------


def test_a_sigterm_leaves_none_without_an_answer(embedded_cluster: Cluster) -> None:
    with embedded_cluster.database() as url, ExitStack() as stack:
        server = Server("--database-url", url, program=PROGRAM)
        event = server.event(tickets=100)
        clients = [stack.enter_context(closing(connect(server.address))) for _ in range(30)]
        for client in clients:
            wait_until_short(client)
        with database(url) as rows:
            rows.execute("BEGIN")
            rows.execute(f"SELECT 1 FROM events WHERE id = {event} FOR UPDATE")
            for number, client in enumerate(clients):
                body = json.dumps({"eventId": event, "userId": f"customer-{number}"}).encode()
                client.sendall(request(b"POST", b"/book", body, [IN_JSON]))
            assert server.get("/livez")[0] == 200
            assert server.get("/livez")[0] == 200
            server.process.terminate()
            rows.execute("ROLLBACK")
        replies = [answer(client) for client in clients]
        assert {reply.status for reply in replies} == {201}
        assert {reply.headers["X-Way"] for reply in replies} == {"short"}
        assert all(is_closed(client) for client in clients)
        assert server.process.wait(10) == 0
        assert_audit_passes(url)
