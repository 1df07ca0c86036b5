"""Clients that take for ever: to ask, to send what they promised, or to read. Each is let go; nobody waits.

The server is the real one, on both event loops, with less patience than in earnest.
"""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import count

import pytest

from tests.e2e.problems import check
from tests.support.small_server import LONG, LOOPS, SHORT, SmallServer, small_server
from tests.support.sockets import (
    ENDLESS_LOG,
    GET,
    answer,
    ask,
    connect,
    drip,
    is_aborted,
    is_closed,
    is_gone,
    receive,
)

TAKE = b"POST /take HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HOLD = b"GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"
RELEASE = b"POST /release HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"

BEGINNINGS = {
    "one byte": b"G",
    "half a request line": b"GET /te",
    "half a header": b"GET /tell HTTP/1.1\r\nHost: x\r\nX: a",
    "all but the last line": b"GET /tell HTTP/1.1\r\nHost: x\r\n",
}
BODIES = {
    "nothing of it": (b"Content-Length: 50\r\n\r\n", b" "),
    "half of it": (b"Content-Length: 5000\r\n\r\n{", b" "),
    "half a chunk": (b"Transfer-Encoding: chunked\r\n\r\nffff\r\n{", b" "),
    "chunks without end": (b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", b"1\r\n \r\n"),
    "trailers without end": (b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"X: y\r\n"),
    "what was promised": (b"Content-Length: 50\r\nExpect: 100-continue\r\n\r\n", b" "),
}
each_body = pytest.mark.parametrize(("begun", "more"), BODIES.values(), ids=BODIES)


@pytest.fixture(params=LOOPS, scope="module")
def front(request: pytest.FixtureRequest) -> Iterator[SmallServer]:
    """Impatient with slow clients, and not with idle ones."""
    with small_server(request.param, SHORT) as front:
        yield front


@pytest.fixture(params=LOOPS)
def patient(request: pytest.FixtureRequest) -> Iterator[SmallServer]:
    """Waits for everybody for longer than a test takes."""
    with small_server(request.param, LONG) as patient:
        yield patient


def told(front: SmallServer, what: str) -> int:
    with closing(connect(front.address)) as client:
        return int(ask(client).document[what])


def check_let_go(client: socket.socket) -> None:
    """The answer 408, and then the end."""
    reply = answer(client)
    check(reply, 408, "request_timeout")
    assert reply.headers["Connection"].lower() == "close"
    assert is_gone(client)


# --- headers -------------------------------------------------------------------------------------


def test_who_says_nothing_is_hung_up_on(front: SmallServer) -> None:
    with closing(connect(front.address)) as client:
        assert is_closed(client)


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
def test_who_does_not_finish_the_headers_is_told_so(front: SmallServer, beginning: bytes) -> None:
    with closing(connect(front.address)) as client:
        client.sendall(beginning)
        check_let_go(client)


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
def test_nor_need_the_headers_of_a_later_request_be_waited_for(front: SmallServer, beginning: bytes) -> None:
    with closing(connect(front.address)) as client:
        assert ask(client).status == 200
        client.sendall(beginning)
        check_let_go(client)


@pytest.mark.parametrize("before", [b"", GET], ids=["the first", "a later one"])
def test_headers_that_go_on_for_ever_gain_no_time(front: SmallServer, before: bytes) -> None:
    with closing(connect(front.address)) as client:
        if before:
            assert ask(client, before).status == 200
        client.sendall(b"GET /tell HTTP/1.1\r\nHost: x\r\nX: ")
        pieces = sum(1 for _ in drip(client, b"a"))
        assert pieces > 1
        check_let_go(client)


# --- bodies --------------------------------------------------------------------------------------


@each_body
def test_who_does_not_finish_the_body_is_told_so_and_nothing_is_done(
    front: SmallServer, begun: bytes, more: bytes
) -> None:
    before = told(front, "taken")
    with closing(connect(front.address)) as client:
        client.sendall(TAKE + begun)
        check_let_go(client)
    assert told(front, "taken") == before


@each_body
def test_a_body_that_goes_on_for_ever_gains_no_time(front: SmallServer, begun: bytes, more: bytes) -> None:
    before = told(front, "taken")
    with closing(connect(front.address)) as client:
        client.sendall(TAKE + begun)
        if b"Expect" in begun:
            assert receive(client, 25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert sum(1 for _ in drip(client, more)) > 1
        check_let_go(client)
    assert told(front, "taken") == before


def test_a_body_that_takes_its_time_but_comes_is_taken(patient: SmallServer) -> None:
    with closing(connect(patient.address)) as client:
        client.sendall(TAKE + b"Content-Length: 7\r\n\r\n{")
        for byte in b'"a":1}':
            time.sleep(0.005)  # never two bytes in one piece
            client.sendall(bytes([byte]))
        assert answer(client).status == 200


@pytest.mark.parametrize(
    "ahead",
    [GET, b"GET /tell HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"],
    ids=["a request", "an upgrade that is declined"],
)
def test_a_body_behind_another_request_is_not_waited_for_either(front: SmallServer, ahead: bytes) -> None:
    with closing(connect(front.address)) as client:
        client.sendall(ahead + TAKE + b"Content-Length: 50\r\n\r\n{")
        assert answer(client).status == 200
        check_let_go(client)


NOBODYS = {
    "no such place": (404, TAKE.replace(b"/take", b"/nowhere") + b"Content-Length: 50\r\n\r\n"),
    "no such method": (405, TAKE.replace(b"POST", b"PUT") + b"Content-Length: 50\r\n\r\n"),
    "no JSON": (415, TAKE.replace(b"json", b"xml") + b"Content-Length: 50\r\n\r\n"),
    "too much": (413, TAKE + b"Content-Length: 9999999\r\n\r\n" + b" " * 1_100_000),
    "not wanted": (200, GET[:-2] + b"Content-Length: 50\r\n\r\n"),
}


@pytest.mark.parametrize(("status", "request_"), NOBODYS.values(), ids=NOBODYS)
def test_a_body_that_nobody_reads_is_not_waited_for(front: SmallServer, status: int, request_: bytes) -> None:
    with closing(connect(front.address)) as client:
        assert ask(client, request_).status == status  # at once
        for _ in drip(client, b" "):
            pass
        assert is_closed(client)


# --- answers -------------------------------------------------------------------------------------


def test_who_goes_on_asking_and_never_reads_is_cut_off(front: SmallServer) -> None:
    more_than_any_buffer = GET * 3_000_000
    with closing(connect(front.address)) as client, pytest.raises(ConnectionError):
        client.sendall(more_than_any_buffer)


def test_who_stops_reading_a_long_answer_is_cut_off(front: SmallServer) -> None:
    with closing(connect(front.address)) as client:
        client.sendall(ENDLESS_LOG)
        assert is_aborted(client)


@pytest.mark.parametrize("loop", LOOPS)
def test_who_closes_and_leaves_a_long_answer_unread_is_cut_off(loop: str) -> None:
    """Their closing, which is a half of it, leaves the server with what is under way to them."""
    with small_server(loop, {**SHORT, "write_s": 3.0}) as front, closing(connect(front.address)) as client:
        client.sendall(ENDLESS_LOG)
        wait_until_stuck(front)
        client.shutdown(socket.SHUT_WR)
        assert is_aborted(client)


@pytest.mark.parametrize("loop", LOOPS)
def test_who_leaves_a_few_answers_unread_is_cut_off_also_when_it_counts_as_idle(loop: str) -> None:
    """Closing an idle connection waits for what is under way to be taken."""
    timeouts = {**LONG, "write_s": 1.0, "keepalive_s": 0.3}
    with small_server(loop, timeouts) as front, closing(connect(front.address, 8_192)) as client:
        asked = 0
        while not told(front, "unsent"):
            client.sendall((TAKE + b"Content-Length: 2\r\n\r\n{}") * 200)
            asked += 200
            while told(front, "taken") < asked:
                pass
        assert is_aborted(client)


def wait_until_stuck(front: SmallServer) -> None:
    """Until the server has something to send, and for a while cannot."""
    seen = [0]
    while not seen[-1] or seen[-5:] != [seen[-1]] * 5:
        time.sleep(0.05)
        seen.append(told(front, "unsent"))


def test_who_reads_slowly_but_reads_is_left_in_peace(front: SmallServer) -> None:
    """All the while others, who do not read, are cut off one after the other."""
    with closing(connect(front.address, receive_buffer=8_192)) as steady:
        steady.sendall(ENDLESS_LOG)
        for _ in range(2):
            with closing(connect(front.address)) as stopped:
                stopped.sendall(ENDLESS_LOG)
                while not is_aborted(stopped, patience_s=0.01):
                    assert steady.recv(4_096) != b""
        for _ in range(1_000):
            assert steady.recv(65_536) != b""


# --- whose fault it is ---------------------------------------------------------------------------


@pytest.mark.parametrize("loop", LOOPS)
def test_who_had_sent_everything_is_not_blamed_when_the_server_was_stopped(loop: str) -> None:
    body = b"{}".ljust(900_000)
    timeouts = {**LONG, "body_s": 1.5, "sweep_s": 0.5}
    with small_server(loop, timeouts) as front, closing(connect(front.address)) as client:
        client.sendall(TAKE + b"Content-Length: %d\r\n\r\n{" % len(body))
        time.sleep(0.75)  # until it has been seen to be waited for
        with front.stopped():
            client.sendall(body[1:])
            time.sleep(1.6)
        assert answer(client).status == 200  # though it takes more than one look to read it


# --- the others ----------------------------------------------------------------------------------


def test_who_has_been_served_may_be_idle_for_longer_than_it_may_take_to_ask(front: SmallServer) -> None:
    with closing(connect(front.address)) as idle:
        assert ask(idle).status == 200
        for _ in range(3):
            with closing(connect(front.address)) as silent:
                assert is_closed(silent)
        assert ask(idle).status == 200


@pytest.mark.parametrize("loop", LOOPS)
def test_an_idle_connection_is_closed_in_the_end(loop: str) -> None:
    with small_server(loop, {**LONG, "keepalive_s": 0.3}) as front, closing(connect(front.address)) as idle:
        assert ask(idle).status == 200
        assert is_closed(idle)


def test_two_hundred_who_hang_keep_nobody_waiting(patient: SmallServer) -> None:
    hostile = [b"", *BEGINNINGS.values(), *(TAKE + begun for begun, _ in BODIES.values())]
    with ExitStack() as stack:
        for number in range(200):
            client = stack.enter_context(closing(connect(patient.address)))
            client.sendall(ENDLESS_LOG if number % 50 == 0 else hostile[number % len(hostile)])
        with closing(connect(patient.address)) as normal:
            body = TAKE + b"Content-Length: 2\r\n\r\n{}"
            assert [ask(normal, body).document["taken"] for _ in range(100)] == [*range(1, 101)]
        assert told(patient, "taken") == 100


def send_until_stuck(client: socket.socket, piece: bytes, at_most: int) -> int:
    """How many bytes are taken until nothing is, for half a second."""
    sent = 0
    client.settimeout(0.5)
    try:
        while sent < at_most:
            sent += client.send(piece)
    except TimeoutError:
        pass
    return sent


def test_who_asks_on_and_on_behind_a_request_that_takes_long_fills_no_memory(patient: SmallServer) -> None:
    heads = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 8_000) for number in range(100))
    large = GET[:-2] + heads + b"\r\n"
    with closing(connect(patient.address)) as client:
        assert ask(client, large).status == 200
        before = patient.memory
        client.sendall(HOLD)
        send_until_stuck(client, large, at_most=200_000_000)
        grown = patient.memory - before
        assert grown < 16_000_000, "of headers of 800 KB, this is a handful of requests"


def test_whoever_asks_ahead_is_answered_in_the_end(patient: SmallServer) -> None:
    """However many of them, and whatever is stopped and goes on in between."""
    body = TAKE + b"Content-Length: 50000\r\n\r\n" + b"{}".ljust(50_000)
    with closing(connect(patient.address)) as client, closing(connect(patient.address)) as other:
        client.sendall(HOLD + body * 20 + GET * 100)
        for _ in count():
            if ask(other).document["begun"]:
                break
        assert ask(other, RELEASE).status == 200
        taken = [json.loads(answer(client).body)["taken"] for _ in range(121)]
        assert taken == [0, *range(1, 21), *[20] * 100]
