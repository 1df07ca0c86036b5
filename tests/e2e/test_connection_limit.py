"""More connections than there may be, and fewer file descriptors than it takes: refused, or kept waiting.

On both event loops, whose own ways of accepting would not do.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress

import pytest

from tests.e2e.problems import check
from tests.support.server import PATIENCE_S, Server
from tests.support.small_server import LONG, LOOPS, SmallServer, small_server
from tests.support.sockets import GET, answer, ask, connect, is_closed, reset

MAX = 5


@pytest.fixture(params=LOOPS)
def narrow(request: pytest.FixtureRequest) -> Iterator[SmallServer]:
    """Takes five connections."""
    with small_server(request.param, {**LONG, "linger_s": 3.0}, connections_max=MAX) as narrow:
        yield narrow


def let_in(address: tuple[str, int]) -> socket.socket:
    """A connection that is served, sooner or later."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        client = connect(address)
        with suppress(ConnectionError):
            if ask(client).status == 200:
                return client
        client.close()
        assert time.monotonic() < deadline


def test_who_is_one_too_many_is_told_so_before_asking(narrow: SmallServer) -> None:
    with ExitStack() as stack:
        inside = [stack.enter_context(closing(connect(narrow.address))) for _ in range(MAX)]
        assert [ask(client).status for client in inside] == [200] * MAX
        for request in (b"", GET, b"GET /te", b"\x16\x03\x01"):
            with closing(connect(narrow.address)) as outside:
                outside.sendall(request)
                reply = answer(outside)
                check(reply, 503, "overloaded")
                assert 1 <= int(reply.headers["Retry-After"]) <= 3
                assert reply.headers["Connection"] == "close"
                outside.sendall(b"x")
                outside.sendall(b"x")  # an error, were they closed at once
                assert is_closed(outside)
        assert [ask(client).status for client in inside] == [200] * MAX


@pytest.mark.parametrize("hang_up", [reset, lambda client: client.close()], ids=["by a reset", "in order"])
def test_whoever_leaves_makes_room(narrow: SmallServer, hang_up: object) -> None:
    assert callable(hang_up)
    for _ in range(3):
        inside = [let_in(narrow.address) for _ in range(MAX)]
        with closing(connect(narrow.address)) as outside:
            assert answer(outside).status == 503
        for client in inside:
            hang_up(client)


def test_a_crowd_beyond_the_bound_takes_no_descriptors(narrow: SmallServer) -> None:
    with ExitStack() as stack:
        inside = [stack.enter_context(closing(connect(narrow.address))) for _ in range(MAX)]
        assert [ask(client).status for client in inside] == [200] * MAX
        before = narrow.descriptors
        crowd = [stack.enter_context(closing(connect(narrow.address))) for _ in range(1_000)]
        assert {answer(client).status for client in crowd} == {503}
        assert narrow.descriptors - before <= 128


@pytest.mark.parametrize("loop", LOOPS)
def test_running_out_of_descriptors_ends_nothing(loop: str) -> None:
    with small_server(loop, LONG, descriptors=20) as front, ExitStack() as stack:
        crowd = [stack.enter_context(closing(connect(front.address))) for _ in range(60)]
        for client in crowd:
            client.sendall(GET)
        assert answer(crowd[0]).status == 200
        busy = front.cpu_s
        crowd[-1].settimeout(0.5)
        with pytest.raises(TimeoutError):
            crowd[-1].recv(1)
        assert front.cpu_s - busy < 0.1, "it does not go round and round"
        crowd[-1].settimeout(PATIENCE_S)
        for client in crowd[:50]:
            reset(client)
        assert [answer(client).status for client in crowd[50:]] == [200] * 10
        let_in(front.address).close()
        assert len([line for line in front.said if "no connection can be accepted" in line]) == 1


def test_the_operator_sets_the_bound(database_url: str) -> None:
    for options, env in ((("--max-connections", "2"), {}), ((), {"BOXOFFICE_MAX_CONNECTIONS": "2"})):
        server = Server("--database-url", database_url, *options, env=env)
        request = b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n"
        with closing(connect(server.address)) as one, closing(connect(server.address)) as two:
            assert [ask(client, request).status for client in (one, two)] == [200, 200]
            with closing(connect(server.address)) as three:
                check(answer(three), 503, "overloaded")
        assert server.stop() == 0


LIMITED = "ulimit -S -n {soft}; ulimit -H -n {hard}; exec {python} -c '{program}'"
PROGRAM = """
import logging, resource
from boxoffice.http.descriptors import make_room
logging.basicConfig()
print(make_room(1000), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "room", "raised"),
    [(2000, 2000, 1000, 2000), (300, 2000, 1000, 1256), (300, 1000, 744, 1000), (100, 200, 1, 200)],
    ids=["enough", "enough once raised", "less than wanted", "hardly any"],
)
def test_there_is_room_for_as_many_as_there_are_descriptors(
    soft: int, hard: int, room: int, raised: int
) -> None:
    script = LIMITED.format(soft=soft, hard=hard, python=sys.executable, program=PROGRAM)
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.split() == [str(room), str(raised)]
    assert ("ulimit -n" in done.stderr) == (room < 1000)
