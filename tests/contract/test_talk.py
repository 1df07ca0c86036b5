"""A connection whose answers are waited for on the event loop: on asyncio's, and on uvloop's."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing

import psycopg2
import pytest
import uvloop
from sqlalchemy.engine import make_url

from boxoffice.persistence.engines import Engines
from boxoffice.persistence.talk import TalkingConnection, TalkingCursor
from boxoffice.persistence.watch import Watch
from tests.contract.support import Stored, plain

SLOW = "SELECT pg_sleep(60)"

Run = Callable[[Callable[[TalkingCursor], Awaitable[None]]], None]


@pytest.fixture
def connection(any_database_url: str) -> Iterator[TalkingConnection]:
    watch = Watch()
    connection = psycopg2.connect(
        plain(any_database_url),
        application_name="talking",
        connection_factory=watch.connections(None, TalkingConnection),
        async_=1,
    )
    with closing(connection):
        connection.finish()
        yield connection
    watch.stop()


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest, connection: TalkingConnection) -> Run:
    """Have something done with a cursor on an event loop."""

    def run(what: Callable[[TalkingCursor], Awaitable[None]]) -> None:
        async def on_the_loop() -> None:
            cursor = connection.cursor()
            assert isinstance(cursor, TalkingCursor)
            await what(cursor)

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(on_the_loop())

    return run


def test_others_go_on_while_an_answer_is_waited_for(run: Run, stored: Stored) -> None:
    async def what(cursor: TalkingCursor) -> None:
        with stored.holding_lock():
            asked = asyncio.create_task(cursor.ask("SELECT pg_advisory_lock(1), 'there'", None))
            for _ in range(100):
                await asyncio.sleep(0)
            assert not asked.done()
        await asked
        assert cursor.fetchall() == [("", "there")]

    run(what)


def test_a_long_message_is_sent_whole(run: Run) -> None:
    """It does not fit into the socket's buffer, nor does the answer."""

    async def what(cursor: TalkingCursor) -> None:
        for _ in range(3):
            await cursor.ask("SELECT %s", ("x" * 5_000_000,))
            assert cursor.fetchall() == [("x" * 5_000_000,)]

    run(what)


def test_what_is_refused_leaves_the_connection_usable(run: Run) -> None:
    async def what(cursor: TalkingCursor) -> None:
        for _ in range(2):
            with pytest.raises(psycopg2.DataError) as refused:
                await cursor.ask("SELECT 1; SELECT 1 / 0; SELECT 2", None)
            assert refused.value.pgcode == "22012"
            await cursor.ask("SELECT 3", None)
            assert cursor.fetchall() == [(3,)]

    run(what)


def test_of_several_statements_the_last_one_is_the_answer(run: Run) -> None:
    async def what(cursor: TalkingCursor) -> None:
        await cursor.ask("SELECT 1; SELECT 2 UNION ALL SELECT 3", None)
        assert cursor.fetchall() == [(2,), (3,)]

    run(what)


def test_a_session_that_ends_meanwhile_is_heard_of(
    run: Run, connection: TalkingConnection, stored: Stored
) -> None:
    async def what(cursor: TalkingCursor) -> None:
        asked = asyncio.create_task(cursor.ask(SLOW, None))
        await asyncio.sleep(0)
        assert stored.end_sessions("talking") == 1
        with pytest.raises(psycopg2.OperationalError):
            await asked
        assert connection.has_ended()

    run(what)


@pytest.mark.parametrize("on_a_thread", [True, False])
def test_an_answer_that_does_not_come_in_time_is_given_up(
    run: Run, connection: TalkingConnection, on_a_thread: bool
) -> None:
    async def what(cursor: TalkingCursor) -> None:
        connection.answer_timeout_s = 0.2
        ask = asyncio.to_thread(cursor.execute, SLOW) if on_a_thread else cursor.ask(SLOW, None)
        with pytest.raises(psycopg2.OperationalError):
            await ask
        assert connection.waits_until_s is None

    run(what)


def test_whoever_gives_up_waiting_leaves_nothing_behind_on_the_loop(
    run: Run, connection: TalkingConnection
) -> None:
    async def what(cursor: TalkingCursor) -> None:
        asked = asyncio.create_task(cursor.ask(SLOW, None))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert not asyncio.get_running_loop().remove_reader(connection.fileno())

    run(what)


def test_the_journal_finds_the_one_of_several_hosts_that_answers(any_database_url: str) -> None:
    """The first one takes connections, and never says a word, as one may whose machine hangs."""
    url = make_url(any_database_url)
    host, port = url.query.get("host", url.host), str(url.query.get("port", url.port or 5432))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = f"127.0.0.1,{host}"
        ports = f"{silent.getsockname()[1]},{port}"
        given = url.set(host=None, port=None).update_query_dict({"host": hosts, "port": ports})
        engines = Engines(given.render_as_string(hide_password=False))
        connection = engines.journal_connection()
        with closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchall() == [(1,)]
        engines.dispose()
