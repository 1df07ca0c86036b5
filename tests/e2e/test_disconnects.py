"""Clients that hang up, at any moment, in order or by a reset: nothing is undone, and nothing is done twice.

The moments are drawn with a seed. aiohttp lets a handler go on whose client has gone, unless told otherwise.
"""

import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import pytest

from boxoffice.actors.changes import CustomerWaitlisted, TicketsBooked
from tests.support.log import Log, Seen, as_json
from tests.support.server import PATIENCE_S, Reply, Server
from tests.support.small_server import LONG, LOOPS, SmallServer, small_server
from tests.support.sockets import ENDLESS_LOG, GET, ask, connect, reset

CLIENTS = 160
AT_ONCE = 16
PADDING = b" " * 60
"""Belongs to the body: one that is cut off in here is whole as JSON, but not as a body."""

AGAIN = (409, 503, 504)
"""Ask again."""


@dataclass(frozen=True)
class Moment:
    """When a client hangs up: having sent so many of its request's bytes, and waited for so long."""

    sent: int
    waited_s: float
    read: int = 0
    """How many bytes of the answer it waits for."""


def moment(dice: random.Random, head: int, whole: int) -> Moment:
    """Before, within the headers, within the body, or after the whole request, or its answer's beginning."""
    waited_s = dice.choice([0.0, 0.0, 0.001, 0.004, 0.016])
    match dice.randrange(6):
        case 0:
            return Moment(0, waited_s)
        case 1:
            return Moment(dice.randrange(1, head), waited_s)
        case 2:
            return Moment(dice.randrange(head, whole), waited_s)
        case 3:
            return Moment(whole, 0.0, read=1)
        case _:
            return Moment(whole, waited_s)


def hang_up_in_order(client: socket.socket) -> None:
    """FIN; what the server says then is answered by a reset."""
    client.close()


HangUp = Callable[[socket.socket], None]
each_way = pytest.mark.parametrize("hang_up", [hang_up_in_order, reset])


def booking(event: str, user: str, *headers: bytes) -> tuple[bytes, bytes]:
    """The headers and the body."""
    body = as_json({"eventId": event, "userId": user}) + PADDING
    head = [b"POST /book HTTP/1.1", b"Host: x", b"Content-Type: application/json", *headers]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", b""]), body


def send_and_hang_up(server: Server, head: bytes, body: bytes, when: Moment, hang_up: HangUp) -> None:
    with closing(connect(server.address)) as client:
        client.sendall((head + body)[: when.sent])
        time.sleep(when.waited_s)
        if when.read:
            assert client.recv(when.read)
        hang_up(client)


def final(ask: Callable[[], Reply]) -> Reply:
    """The answer, once it is one."""
    deadline = time.monotonic() + PATIENCE_S
    while (reply := ask()).status in AGAIN:
        assert time.monotonic() < deadline, reply.body
    return reply


@each_way
def test_whoever_hangs_up_and_asks_again_under_the_key_has_booked_once(
    own_server: Server, hang_up: HangUp
) -> None:
    event = own_server.event(tickets=CLIENTS // 2)
    dice = random.Random(17)
    seeds = [dice.random() for _ in range(CLIENTS)]

    def client(number: int) -> tuple[Moment, list[Seen], bool]:
        key, asked = f"key-{number}", {"eventId": event, "userId": f"user-{number}"}
        head, body = booking(event, asked["userId"], b"Idempotency-Key: %s" % key.encode())
        when = moment(random.Random(seeds[number]), len(head), len(head + body))
        began_s = time.monotonic()
        send_and_hang_up(own_server, head, body, when, hang_up)
        seen = [Seen("/book", asked, 0, None, began_s, time.monotonic(), key)]
        replies = [final(lambda: own_server.post_once(key, "/book", **asked)) for _ in range(2)]
        seen += [
            Seen("/book", asked, reply.status, reply.document, began_s, time.monotonic(), key)
            for reply in replies
        ]
        assert replies[0].body == replies[1].body
        assert replies[1].headers["Idempotent-Replayed"] == "true"
        return when, seen, "Idempotent-Replayed" in replies[0].headers

    with ThreadPoolExecutor(AT_ONCE) as pool:
        clients = list(pool.map(client, range(CLIENTS)))
    sent_whole = max(when.sent for when, _, _ in clients) - 20  # the names differ in length, the padding not
    done_first = Counter((when.sent > sent_whole, before) for when, _, before in clients)
    assert done_first[True, True] > 0, "some had an effect before they were asked again"
    assert done_first[False, True] == 0, "but none that was not sent whole"
    Log(own_server.database_url, event).check(each for _, seen, _ in clients for each in seen)
    check_no_failure(own_server)


@each_way
def test_whoever_hangs_up_without_a_key_has_booked_once_at_the_most(
    own_server: Server, hang_up: HangUp
) -> None:
    event = own_server.event(tickets=CLIENTS // 2)
    dice = random.Random(18)
    whole: dict[str, bool] = {}
    must: set[str] = set()

    def client(number: int) -> None:
        user = f"user-{number}"
        head, body = booking(event, user)
        send_and_hang_up(own_server, head, body, moments[number], hang_up)
        whole[user] = moments[number].sent == len(head + body)
        if whole[user] and (moments[number].read or hang_up is hang_up_in_order):
            must.add(user)

    sizes = [booking(event, f"user-{number}") for number in range(CLIENTS)]
    moments = [moment(dice, len(head), len(head + body)) for head, body in sizes]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(client, range(CLIENTS)))
    check_no_failure(own_server)  # stops it: what was admitted is finished
    log = Log(own_server.database_url, event)
    booked = Counter(
        change.customer for change in log.changes if isinstance(change, TicketsBooked | CustomerWaitlisted)
    )
    assert max(booked.values()) == 1
    assert all(whole[user] for user in booked), "a request that was cut off had an effect"
    assert must <= set(booked), "a request that came whole was undone"


def check_no_failure(server: Server) -> None:
    """Clients that go are no failure of ours."""
    assert server.stop() == 0
    assert "Traceback" not in "".join(server.said), "".join(server.said)


# --- how it comes ----------------------------------------------------------------------------------


@pytest.fixture(params=LOOPS)
def patient(request: pytest.FixtureRequest) -> Iterator[SmallServer]:
    with small_server(request.param, LONG) as patient:
        yield patient


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@each_way
def test_what_is_being_done_is_done_to_the_end_and_what_waits_behind_it_is_not_begun(
    patient: SmallServer, hang_up: HangUp
) -> None:
    with closing(connect(patient.address)) as other:
        assert ask(other).status == 200
        before = patient.descriptors
        client = connect(patient.address)
        client.sendall(GET.replace(b"/tell", b"/hold") * 2)
        until(lambda: ask(other).document["begun"] == 1)
        hang_up(client)
        until(lambda: patient.descriptors == before)  # the server knows
        ask(other, GET.replace(b"GET /tell", b"POST /release"))
        until(lambda: ask(other).document["ended"] == 1)
        assert ask(other).document["begun"] == 1


@each_way
def test_whoever_goes_while_reading_a_long_answer_is_no_failure(
    patient: SmallServer, hang_up: HangUp
) -> None:
    with closing(connect(patient.address)) as other:
        assert ask(other).status == 200
        before = patient.descriptors
        client = connect(patient.address)
        client.sendall(ENDLESS_LOG)
        assert client.recv(12) == b"HTTP/1.1 200"
        hang_up(client)
        until(lambda: patient.descriptors == before)
    patient.stop()  # and looks at what it has said
