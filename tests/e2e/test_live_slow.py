"""Listeners that do not read, that are too many, or that are still there when the server stops.

The server is the real one, with less patience than in earnest.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any

import pytest

from tests.support.impatient import PROGRAM
from tests.support.listening import UPGRADE, ClosedError, RefusedError, Stream, WebSocket, Wire, request
from tests.support.postgres import Cluster
from tests.support.server import PATIENCE_S, Server
from tests.support.sockets import is_aborted

TINY = 1024
"""Bytes that a kernel keeps for a client that does not read; twice that, on Linux."""

PAGE = "https://tickets.example"


def impatient(url: str, *options: str) -> Server:
    """A server, started."""
    return Server("--database-url", url, *options, program=(sys.executable, PROGRAM))


@pytest.fixture(scope="module")
def front(embedded_cluster: Cluster) -> Iterator[Server]:
    """A server with little room, that trusts us to say who we are."""
    with embedded_cluster.database() as url:
        few = ("--max-listeners", "6", "--max-listeners-per-address", "2")
        front = impatient(url, *few, "--insecure", "--trusted-proxy", "127.0.0.1", "--cors-origin", PAGE)
        yield front
        assert front.stop() == 0
        assert '"level":"error"' not in "".join(front.said)


def live(event_id: str) -> str:
    return f"/status/{event_id}/live"


@contextmanager
def changing(server: Server, event_id: str) -> Iterator[None]:
    """Meanwhile, the event changes and changes, and is described at some length."""
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            server.post("/adjust", eventId=event_id, eventName=f"{number} ".ljust(200, "x"))

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def listeners(server: Server) -> dict[str, float]:
    """The figures about them."""
    lines = server.send("GET", "/metrics").body.decode().splitlines()
    return {
        name: float(text)
        for name, _, text in (line.partition(" ") for line in lines if "listener" in line[:20])
    }


def slow_ones(server: Server) -> float:
    """How many were dropped for being slow."""
    return listeners(server)['boxoffice_listeners_dropped_total{reason="slow"}']


def until_there_are(server: Server, count: int) -> None:
    """Wait until so many listen."""
    deadline = time.monotonic() + PATIENCE_S
    while sum(number for name, number in listeners(server).items() if "{transport" in name) != count:
        assert time.monotonic() < deadline, listeners(server)
        time.sleep(0.02)


# --- who does not read ---------------------------------------------------------------------------


def test_who_reads_nothing_is_let_go_and_others_are_told_everything_meanwhile(front: Server) -> None:
    event = front.event(99)
    before = slow_ones(front)
    with ExitStack() as stack:
        socket = stack.enter_context(WebSocket(front, live(event), receive_buffer=TINY))
        stream = stack.enter_context(Stream(front, live(event), receive_buffer=TINY))
        fast = stack.enter_context(WebSocket(front, live(event)))
        seen = [fast.message()["version"]]
        with changing(front, event):
            while slow_ones(front) < before + 2:
                seen.append(fast.message()["version"])
        assert seen == sorted(set(seen))
        if (last := front.status(event)["version"]) > seen[-1]:
            fast.status_of(event, version=last)
        until_there_are(front, 1)
        assert is_aborted(stream.socket), "what is not read is thrown away"
        for slow in (socket, stream):
            assert slow.closed().code in (1013, None), "there is no more to read than was under way"


def test_a_stream_of_which_nothing_arrives_is_let_go_though_the_kernel_takes_it_all(front: Server) -> None:
    """As when its client has vanished without a word: no more than the kernel's buffers hold is ever sent."""
    event = front.event(99)
    before = slow_ones(front)
    with Stream(front, live(event), receive_buffer=TINY):
        for tickets in range(100, 120):
            front.post("/adjust", eventId=event, totalTickets=tickets)
        deadline = time.monotonic() + PATIENCE_S
        while slow_ones(front) == before:
            assert time.monotonic() < deadline, "it is waited for without end"
            time.sleep(0.02)


def test_who_reads_and_answers_no_ping_is_told_why(front: Server) -> None:
    event = front.event()
    with WebSocket(front, live(event)) as listener:
        listener.answers = False
        listener.message()
        closed = listener.closed()
        assert (closed.code, closed.reason) == (1013, "too slow: what was sent is not read")
        assert listener.pings == 1


def test_who_answers_pings_stays_however_little_happens(front: Server) -> None:
    event = front.event()
    with WebSocket(front, live(event)) as listener, Stream(front, live(event)) as stream:
        listener.message()
        stream.message()
        answering = threading.Thread(target=listener.status_of, args=(event,), kwargs={"version": 2})
        answering.start()
        time.sleep(2.5)  # longer than the server's patience, and two heartbeats
        front.post("/adjust", eventId=event, totalTickets=2)
        answering.join(PATIENCE_S)
        assert listener.pings >= 2
        assert stream.message()["version"] == 2
        assert stream.comments >= 2


def test_who_was_slow_for_a_while_gets_the_newest_and_not_what_has_piled_up(front: Server) -> None:
    event = front.event(99)
    with WebSocket(front, live(event), receive_buffer=TINY) as listener:
        with changing(front, event):
            time.sleep(
                1.0
            )  # less than the server's patience; it waits for an answer from 0.6 s on at the latest
        last = front.status(event)["version"]
        versions: list[int] = []
        while not versions or versions[-1] < last:
            versions.append(listener.message()["version"])
        assert versions == sorted(set(versions))
        missed = [later - earlier for earlier, later in pairwise(versions)]
        assert max(missed) > last / 5, "the versions in between were kept for it"


# --- who is too many -----------------------------------------------------------------------------


def test_so_many_from_one_address_and_so_many_in_all(front: Server) -> None:
    event = front.event()
    until_there_are(front, 0)

    def coming_from(address: str) -> Any:
        return {"X-Forwarded-For": address}

    def refusal(address: str) -> tuple[int, str]:
        with pytest.raises(RefusedError) as refused:
            Wire(front, request(live(event), {**UPGRADE, **coming_from(address)}))
        return refused.value.reply.status, refused.value.reply.document["code"]

    with ExitStack() as stack:
        ann = stack.enter_context(WebSocket(front, live(event), coming_from("203.0.113.7")))
        stack.enter_context(Stream(front, live(event), coming_from("203.0.113.7")))
        assert refusal("203.0.113.7") == (429, "too_many_listeners")
        stack.enter_context(WebSocket(front, live(event), coming_from("2001:db8::1")))
        stack.enter_context(WebSocket(front, live(event), coming_from("2001:db8::2")))
        assert refusal("2001:db8::ffff") == (429, "too_many_listeners"), "one household"
        ann.hang_up()
        until_there_are(front, 3)
        stack.enter_context(WebSocket(front, live(event), coming_from("203.0.113.7")))
        for _ in range(2):  # this machine's own, of which there may be any number
            stack.enter_context(WebSocket(front, live(event)))
        assert refusal("127.0.0.1") == (503, "overloaded")
        assert refusal("192.0.2.1") == (503, "overloaded")
    until_there_are(front, 0)
    with WebSocket(front, live(event), coming_from("203.0.113.7")) as again:
        assert again.message()["version"] == 1


def test_pages_of_the_origins_that_may_ask_may_listen(front: Server) -> None:
    event = front.event()
    with WebSocket(front, live(event), {"Origin": PAGE}) as listener:
        assert listener.message()["version"] == 1
    with Stream(front, live(event), {"Origin": PAGE}) as stream:
        assert stream.headers["Access-Control-Allow-Origin"] == PAGE
    with pytest.raises(RefusedError) as refused:
        WebSocket(front, live(event), {"Origin": f"{PAGE}.evil.example"})
    assert refused.value.reply.status == 403


# --- the end -------------------------------------------------------------------------------------


def test_at_the_end_everyone_is_told_and_nobody_is_waited_for(database_url: str) -> None:
    server = impatient(database_url)
    event = server.event(99)
    with ExitStack() as stack:
        sockets = [stack.enter_context(WebSocket(server, live(event))) for _ in range(20)]
        streams = [stack.enter_context(Stream(server, live(event))) for _ in range(5)]
        for _ in range(3):
            stack.enter_context(WebSocket(server, live(event), receive_buffer=TINY))
            stack.enter_context(Stream(server, live(event), receive_buffer=TINY))
        with changing(server, event):
            time.sleep(0.5)  # for those who do not read to be stuck
        ends: list[ClosedError] = []
        readers = [
            threading.Thread(target=lambda one: ends.append(one.closed()), args=(each,))
            for each in (*sockets, *streams)
        ]
        for reader in readers:
            reader.start()
        begun_s = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun_s < 10
        for reader in readers:
            reader.join(PATIENCE_S)
        assert {(end.code, end.reason) for end in ends} == {(1001, "the server is shutting down")}
        assert len(ends) == 25
        assert all(stream.ends() for stream in streams)
    assert '"level":"error"' not in "".join(server.said)
