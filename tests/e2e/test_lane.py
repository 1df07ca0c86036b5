"""The short way of a request, with everything that may happen to its connection meanwhile.

What goes wrong here if aiohttp keeps its queue in another way. The server is the real one, on a thread, on
both event loops; its handlers do as they are told, and its journal commits when it is told to.
"""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import count, cycle, islice

import pytest

from tests.e2e.problems import check
from tests.support.lane_house import EVENT, LARGE, LaneHouse, lane_house
from tests.support.server import Reply
from tests.support.small_server import LOOPS
from tests.support.sockets import answer, ask, connect, is_closed, reset

WRITE_BUFFER = 64 * 1024
"""Above which an event loop says that it is too much."""

LONG_GET = b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n"


def get(name: str, *headers: bytes) -> bytes:
    return b"\r\n".join([b"GET /status/%s HTTP/1.1" % name.encode(), b"Host: x", *headers, b"", b""])


def book(user: str, *headers: bytes) -> bytes:
    body = json.dumps({"eventId": str(EVENT), "userId": user}).encode()
    head = [b"POST /book HTTP/1.1", b"Host: x", b"Content-Type: application/json", *headers]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", body])


def name_of(reply: Reply) -> str:
    assert reply.status in (200, 201), reply.document
    found = reply.document.get("name") or reply.document["userId"]
    assert isinstance(found, str)
    return found


def way_of(reply: Reply) -> str:
    return str(reply.headers["X-Way"])


def names(client: socket.socket, how_many: int) -> list[str]:
    return [name_of(answer(client)) for _ in range(how_many)]


def mixed(how_many: int) -> tuple[list[bytes], list[str]]:
    """Requests that may and that may not go the short way, and whom their answers name."""
    kinds: Iterator[Callable[[int], tuple[bytes, str]]] = cycle(
        [
            lambda number: (get(f"now-{number}"), f"now-{number}"),
            lambda number: (get(f"turns-{number}"), f"turns-{number}"),
            lambda _: (LONG_GET, "events"),
            lambda number: (get(f"now-{number}?"), f"now-{number}"),
        ]
    )
    requests = [kind(number) for number, kind in enumerate(islice(kinds, how_many))]
    return [each for each, _ in requests], [name for _, name in requests]


def met(house: LaneHouse, receive_buffer: int | None = None) -> socket.socket:
    """A connection that aiohttp has begun to wait on: on uvloop a first request may be there before that."""
    client = connect(house.address, receive_buffer)
    assert_short_again(client)
    return client


def assert_short_again(client: socket.socket) -> None:
    """What follows the long way is answered; the first of it may be too fast for aiohttp's task, and long."""
    assert any(way_of(ask(client, get("now"))) == "short" for _ in range(20))


class Sending:
    """Sends in a thread of its own, as a client does that may be kept waiting."""

    def __init__(self, client: socket.socket, what: bytes) -> None:
        self._thread = threading.Thread(target=client.sendall, args=(what,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture(params=LOOPS, scope="module")
def house(request: pytest.FixtureRequest) -> Iterator[LaneHouse]:
    with lane_house(request.param) as house:
        yield house


@pytest.fixture(autouse=True)
def nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever clients did, the loop has nothing to complain of."""
    yield
    if "house" in request.fixturenames:
        house: LaneHouse = request.getfixturevalue("house")
        complaints = house.on_loop(house.complaints.copy)
        house.complaints.clear()
        assert complaints == []


@pytest.fixture
def client(house: LaneHouse) -> Iterator[socket.socket]:
    with closing(met(house)) as client:
        yield client


# --- which way -----------------------------------------------------------------------------------


def test_a_plain_request_goes_the_short_way_each_time(client: socket.socket) -> None:
    """Also beyond the 32 that aiohttp's parser lets be under way."""
    assert [way_of(ask(client, get("now"))) for _ in range(100)] == ["short"] * 100
    client.sendall(get("now-1") + get("now-2"))
    assert names(client, 2) == ["now-1", "now-2"]


def test_so_does_one_that_waits(house: LaneHouse, client: socket.socket) -> None:
    client.sendall(get("held"))
    house.release("held")
    assert way_of(answer(client)) == "short"
    assert way_of(ask(client, get("turns"))) == "short"


def test_and_so_does_a_booking(house: LaneHouse, client: socket.socket) -> None:
    client.sendall(book("ann"))
    house.commit(1)
    assert way_of(answer(client)) == "short"


@pytest.mark.parametrize(
    "request_",
    [
        get("now", b"Connection: close"),
        get("now").replace(b"HTTP/1.1", b"HTTP/1.0"),
        get("now", b"Expect: 100-continue"),
        get("now?"),
        get("%6eow"),
        get("now", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        get("now", b"Connection: Upgrade", b"Upgrade: websocket"),
    ],
)
def test_one_that_is_not_plain_goes_the_long_way(client: socket.socket, request_: bytes) -> None:
    reply = ask(client, request_)
    assert (name_of(reply), way_of(reply)) == ("now", "long")


def test_one_whose_body_comes_later_goes_the_long_way(house: LaneHouse, client: socket.socket) -> None:
    head, _, body = book("ann").partition(b"{")
    client.sendall(head)
    house.until(lambda: any(each._messages or each._current_request for each in house.open))
    client.sendall(b"{" + body)
    house.commit(1)
    assert way_of(answer(client)) == "long"


def test_after_a_long_way_the_short_one_is_open_again(client: socket.socket) -> None:
    for long in (LONG_GET, get("now?")):
        assert way_of(ask(client, long)) == "long"
        assert_short_again(client)


# --- asked ahead ---------------------------------------------------------------------------------


@pytest.mark.parametrize("how_many", [2, 5, 50, 5_000])
def test_requests_in_one_piece_are_answered_in_order(client: socket.socket, how_many: int) -> None:
    requests, expected = mixed(how_many)
    sending = Sending(client, b"".join(requests))
    assert names(client, how_many) == expected
    sending.end()
    assert_short_again(client)


@pytest.mark.parametrize("how_many", [1, 2, 5, 50, 5_000])
@pytest.mark.parametrize("at_once", [True, False], ids=["one piece", "one by one"])
def test_requests_behind_one_that_waits_are_answered_after_it(
    house: LaneHouse, client: socket.socket, how_many: int, at_once: bool
) -> None:
    requests, expected = mixed(how_many)
    client.sendall(get("held"))
    house.until(lambda: "held" in house.held)
    begun = len(house.begun)
    if at_once:
        sending = Sending(client, b"".join(requests))
    else:
        for each in requests[:50]:
            client.sendall(each)
        sending = Sending(client, b"".join(requests[50:]))
    house.until(lambda: any(each._messages for each in house.open))
    assert len(house.begun) == begun, "they wait for their turn"
    house.release("held")
    first = answer(client)
    assert (name_of(first), way_of(first)) == ("held", "short")
    assert names(client, how_many) == expected
    sending.end()
    assert_short_again(client)


@pytest.mark.parametrize("how_many", [2, 5, 50, 500])
def test_requests_behind_one_that_waits_for_its_commit_are_answered_after_it(
    house: LaneHouse, client: socket.socket, how_many: int
) -> None:
    client.sendall(book("ann"))
    house.journal.until(lambda: bool(house.journal.entries))
    requests, expected = mixed(how_many)
    sending = Sending(client, b"".join([*requests, book("bob"), get("now")]))
    house.commit(1)
    assert names(client, 1 + how_many) == ["ann", *expected]
    house.commit(1)
    assert names(client, 2) == ["bob", "now"]
    sending.end()


def test_nobody_begins_before_the_one_ahead_is_answered(house: LaneHouse, client: socket.socket) -> None:
    client.sendall(get("held-first"))
    house.until(lambda: "held-first" in house.held)
    client.sendall(get("held-second"))
    house.until(lambda: any(each._messages for each in house.open))
    assert "held-second" not in house.held
    house.release("held-first")
    house.release("held-second")
    assert names(client, 2) == ["held-first", "held-second"]


def test_what_is_no_http_behind_one_that_waits_is_answered_after_it(
    house: LaneHouse, client: socket.socket
) -> None:
    client.sendall(get("held"))
    house.until(lambda: "held" in house.held)
    client.sendall(b"no HTTP at all\r\n\r\n")
    house.until(lambda: any(each._messages for each in house.open))
    house.release("held")
    assert name_of(answer(client)) == "held"
    check(answer(client), 400, "malformed_request")
    assert is_closed(client)


def test_the_beginning_of_another_request_is_kept(house: LaneHouse, client: socket.socket) -> None:
    client.sendall(get("now") + get("turns")[:20])
    assert way_of(answer(client)) == "short"
    client.sendall(get("turns")[20:] + get("held")[:9])
    assert names(client, 1) == ["turns"]
    client.sendall(get("held")[9:])
    house.release("held")
    assert names(client, 1) == ["held"]


# --- clients that go, or do not read -------------------------------------------------------------


def half_close(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("leave", [half_close, reset, socket.socket.close])
@pytest.mark.parametrize("sent", [1, 30, None], ids=["a byte", "half a request", "all of it"])
def test_a_client_may_go_at_any_moment(
    house: LaneHouse, leave: Callable[[socket.socket], None], sent: int | None
) -> None:
    for request in (get("now"), get("turns"), get("held-gone"), book("ann"), get("large")):
        with closing(met(house)) as client:
            client.sendall(request[:sent])
            if sent is None and b"held" in request:
                house.until(lambda: "held-gone" in house.held)
            leave(client)
            house.until(lambda: not house.open)
    if sent is None:
        house.release("held-gone")
    with closing(met(house)) as client:
        assert way_of(ask(client, get("now"))) == "short"
    house.until(lambda: not house.open)
    if house.journal.entries:
        house.commit(1)


@pytest.mark.parametrize("name", ["held", "held?"], ids=["short", "long"])
def test_who_says_no_more_while_waiting_is_gone_whichever_way(house: LaneHouse, name: str) -> None:
    with closing(met(house)) as client:
        client.sendall(get(name))
        house.until(lambda: "held" in house.held)
        half_close(client)
        assert is_closed(client)
    house.release("held")


def test_who_has_gone_is_not_written_to(house: LaneHouse) -> None:
    """Also in the moment before the loop says so."""
    with closing(met(house)) as client:
        client.sendall(get("held"))
        house.until(lambda: "held" in house.held)

        def at_once() -> None:
            (connection,) = house.open
            assert connection.transport is not None
            connection.transport.abort()
            house.held.pop("held").set_result(None)

        house.on_loop(at_once)
        assert is_closed(client)
    house.until(lambda: not house.open)


def test_who_does_not_read_is_answered_no_more_than_fits(house: LaneHouse) -> None:
    bound = WRITE_BUFFER + 2 * (LARGE + 1_000)
    with closing(met(house, receive_buffer=4096)) as client:
        for sent in count(1):
            client.sendall(get(f"large-{sent:06}"))
            house.until(lambda: True)  # a turn of the loop, so that they come one by one
            assert house.on_loop(house.unsent) <= bound
            if house.on_loop(lambda: any(each._buffer_paused for each in house.open)):
                break  # it does not even read any more
        replies = [answer(client) for _ in range(sent)]
        assert [name_of(each) for each in replies] == [f"large-{number:06}" for number in range(1, sent + 1)]
        ways = [way_of(each) for each in replies]
        assert ways[0] == "short"
        assert ways[-1] == "long", "who does not read goes the way that waits for it"
        assert_short_again(client)


# --- time ----------------------------------------------------------------------------------------


@pytest.fixture(params=LOOPS)
def hasty(request: pytest.FixtureRequest) -> Iterator[LaneHouse]:
    """Keeps idle connections, and waits for headers and for answers, for a moment only."""
    with lane_house(request.param, answer_timeout_s=0.3, keepalive_s=0.3, headers_s=0.3) as house:
        yield house
        assert house.on_loop(house.complaints.copy) == []


def test_a_connection_is_not_idle_while_a_request_is_under_way(hasty: LaneHouse) -> None:
    with closing(met(hasty)) as client:
        client.sendall(get("held"))
        hasty.until(lambda: "held" in hasty.held)
        for _ in range(2):
            with closing(met(hasty)) as idle:
                assert is_closed(idle), "after as long as idle connections are kept"
        hasty.release("held")
        reply = answer(client)
        assert (name_of(reply), way_of(reply)) == ("held", "short")
        assert is_closed(client), "now it is idle"


def test_headers_that_do_not_come_after_a_short_way_are_not_waited_for(house: LaneHouse) -> None:
    with lane_house("asyncio", headers_s=0.3) as hasty, closing(met(hasty)) as client:
        assert way_of(ask(client, get("now"))) == "short"
        client.sendall(get("now")[:20])
        check(answer(client), 408, "request_timeout")
        assert is_closed(client)


def test_who_takes_long_to_be_answered_is_not_slow(hasty: LaneHouse) -> None:
    """Nor are those who have begun to ask again meanwhile."""
    with closing(met(hasty)) as client:
        client.sendall(get("held") + get("now")[:20])
        hasty.until(lambda: "held" in hasty.held)
        with closing(met(hasty)) as idle:
            assert is_closed(idle)
        assert not hasty.on_loop(lambda: any(each.is_idle() for each in hasty.open))
        hasty.release("held")
        assert name_of(answer(client)) == "held"
        client.sendall(get("now")[20:])
        assert name_of(answer(client)) == "now"


def test_who_is_not_answered_by_the_deadline_is_told_that_nobody_knows(hasty: LaneHouse) -> None:
    with closing(met(hasty)) as client:
        check(ask(client, book("ann")), 504, "outcome_unknown")
        hasty.commit(1)
        assert way_of(ask(client, get("now"))) == "short"


# --- the end -------------------------------------------------------------------------------------


def ending(how_many: int) -> list[str]:
    return [f"held-{number}" for number in range(how_many)]


@pytest.mark.parametrize("loop", LOOPS)
def test_at_the_end_each_that_is_under_way_is_answered(loop: str) -> None:
    """And then it ends, and does not wait for anybody any more."""
    with lane_house(loop, shutdown_timeout_s=60.0) as house, ExitStack() as stack:
        clients = [stack.enter_context(closing(met(house))) for _ in range(20)]
        for number, client in enumerate(clients):
            client.sendall(book(f"customer-{number}"))
        house.journal.until(lambda: sum(len(each.answers) for each in house.journal.entries) == len(clients))
        held = [stack.enter_context(closing(met(house))) for _ in range(5)]
        for name, client in zip(ending(5), held, strict=True):
            client.sendall(get(name))
            house.until(lambda name=name: name in house.held)  # type: ignore[misc]
        idle = stack.enter_context(closing(met(house)))
        assert ask(idle, get("now")).status == 200
        house.end()
        house.commit(len(clients))
        for number, client in enumerate(clients):
            reply = answer(client)
            assert (name_of(reply), way_of(reply)) == (f"customer-{number}", "short")
            assert is_closed(client)
        assert is_closed(idle)
        for name in ending(5):
            house.release(name)
        for name, client in zip(ending(5), held, strict=True):
            assert names(client, 1) == [name]
            assert is_closed(client)
        assert house.complaints == []


@pytest.mark.parametrize("loop", LOOPS)
def test_at_the_end_nobody_waits_for_what_never_comes(loop: str) -> None:
    with lane_house(loop) as house, closing(met(house)) as client:
        client.sendall(get("held"))
        house.until(lambda: "held" in house.held)
        house.end()
        assert is_closed(client)
    assert house.complaints == []


@pytest.mark.parametrize("loop", LOOPS)
def test_a_shutdown_may_just_have_stopped_waiting(loop: str) -> None:
    with lane_house(loop) as house, closing(met(house)) as client:
        client.sendall(get("held"))
        house.until(lambda: "held" in house.held)
        (connection,) = house.open
        shutting = house.on_loop(lambda: asyncio.ensure_future(connection.shutdown(60.0)))
        house.until(lambda: connection._handler_waiter is not None)

        def both_at_once() -> None:
            house.held.pop("held").set_result(None)
            assert connection._handler_waiter is not None
            connection._handler_waiter.cancel()  # as its timeout does

        house.on_loop(both_at_once)
        house.on_loop(connection.close)
        assert name_of(answer(client)) == "held"
        assert is_closed(client)
        house.until(shutting.done)
        assert house.complaints == []


# --- what goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fails", "fails?"], ids=["short", "long"])
def test_a_failure_of_ours_is_a_problem_document(client: socket.socket, name: str) -> None:
    for _ in range(2):
        check(ask(client, get(name)), 500, "internal_error")
    assert_short_again(client)


def test_so_is_one_that_comes_later(house: LaneHouse, client: socket.socket) -> None:
    client.sendall(get("failsLater"))
    house.release("failsLater")
    check(answer(client), 500, "internal_error")
    assert way_of(ask(client, get("now"))) == "short"


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", ["gone", "goneLater"])
def test_what_nobody_expects_ends_its_connection_and_no_other(loop: str, name: str) -> None:
    with lane_house(loop) as house, closing(met(house)) as other:
        assert ask(other, get("now")).status == 200
        with closing(met(house)) as client:
            client.sendall(get(name))
            if name == "goneLater":
                house.release(name)
            assert is_closed(client)
        assert way_of(ask(other, get("now"))) == "short"
        assert [type(each["exception"]).__name__ for each in house.complaints] == ["GoneError"]


def test_what_waits_for_something_that_is_given_up_is_closed(house: LaneHouse, client: socket.socket) -> None:
    """As aiohttp does with a handler that is cancelled, without a word."""
    client.sendall(get("held"))
    house.give_up("held")
    assert is_closed(client)


@pytest.mark.parametrize("name", ["oddAtOnce", "odd"])
def test_for_an_answer_that_cannot_be_sent_nobody_waits(
    client: socket.socket, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """This one has a status that is not HTTP's."""
    client.sendall(get(name))
    assert is_closed(client)
    assert [each.message for each in caplog.records] == ["an answer could not be sent"]


@pytest.mark.parametrize("name", ["brokenAtOnce", "broken", "brokenAtOnce?"])
def test_no_header_can_be_smuggled_in(
    client: socket.socket, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    client.sendall(get(name))
    with pytest.raises(ConnectionError):
        answer(client)
    assert [each.levelname for each in caplog.records] == ["ERROR"]


# --- whose request it is -------------------------------------------------------------------------


def test_each_request_keeps_its_own_id_and_visit(house: LaneHouse) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(met(house))) for _ in range(8)]
        for number, client in enumerate(clients):
            client.sendall(get(f"held-{number}", b"X-Request-ID: request-%d" % number))
        for number in (3, 0, 7, 1, 6, 2, 5, 4):
            house.release(f"held-{number}")
        for number, client in enumerate(clients):
            reply = answer(client)
            assert reply.headers["X-Request-ID"] == reply.document["id"] == f"request-{number}"
            assert way_of(reply) == "short"


def test_an_id_that_is_none_is_not_echoed(client: socket.socket) -> None:
    ids: Sequence[bytes] = [b"a b", b"a\tb", b"", b"x" * 65, b'"', "é".encode(), b"\xff"]
    for given in ids:
        reply = ask(client, get("now", b"X-Request-ID: " + given))
        assert reply.headers["X-Request-ID"].encode() != given
        assert reply.headers["X-Request-ID"] == reply.document["id"]
