"""The proxy does to a connection what its faults say, to the journal's alone, and leaves nothing behind."""

import asyncio
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import errors
from psycopg2.extensions import TRANSACTION_STATUS_ACTIVE
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy.engine import make_url

from boxoffice.persistence.embedded import EmbeddedPostgres
from tests.contract.support import connect, eventually
from tests.simulation.proxy import Fault, Proxy
from tests.simulation.wire_protocol import GSS_ENCRYPTION_REQUEST, SSL_REQUEST
from tests.support.log import database
from tests.support.postgres import public_folder
from tests.support.server import Server

DEADLINE_S = 30.0
COMMIT = "EXECUTE write_batch (1, '')"


@pytest.fixture
def url(database_url: str) -> str:
    """A database with a table for the journal that these tests play."""
    with database(database_url) as cursor:
        cursor.execute("CREATE TABLE kept (number int)")
    return database_url


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    with Proxy(url) as proxy:
        yield proxy


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """For calls that wait for an answer that does not come."""
    with ThreadPoolExecutor(4) as executor:
        yield executor


def kept(url: str) -> list[int]:
    """What is committed, as a session sees it that does not go through the proxy."""
    with database(url) as cursor:
        cursor.execute("SELECT number FROM kept ORDER BY number")
        return [number for (number,) in cursor.fetchall()]


def sessions(url: str) -> list[tuple[str, str]]:
    """The state and the last query of the journals' sessions that PostgreSQL knows."""
    with database(url) as cursor:
        cursor.execute("SELECT state, query FROM pg_stat_activity WHERE application_name = 'journal'")
        return cursor.fetchall()


def journal(proxy: Proxy) -> Connection:
    """A session with a statement named like the journal's."""
    session = connect(proxy.url, application_name="journal")
    run(session, "PREPARE write_batch (int, text) AS INSERT INTO kept VALUES ($1)")
    return session


def run(session: Connection, query: str) -> list[Any]:
    with session.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall() if cursor.description else []


def book(session: Connection, number: int, ballast: int = 0) -> None:
    run(session, f"EXECUTE write_batch ({number}, '{'x' * ballast}')")


def is_lost(session: Connection, number: int) -> bool:
    """Whether the session is at an end before it is told what became of this booking."""
    with pytest.raises(psycopg2.OperationalError):
        book(session, number)
    return bool(session.closed)


def waits(session: Connection, call: Future[Any]) -> bool:
    """Whether the question has been asked, and nothing is heard."""
    eventually(lambda: call.done() or session.get_transaction_status() == TRANSACTION_STATUS_ACTIVE)
    return not call.done()


def give_up(session: Connection) -> None:
    """Close the client's side, while another thread waits on it."""
    with socket.socket(fileno=os.dup(session.fileno())) as client:
        client.shutdown(socket.SHUT_RDWR)


def end_backend(url: str, pid: int) -> None:
    """PostgreSQL ends this session."""
    with database(url) as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
        assert cursor.fetchall() == [(True,)]


# --- without a fault ------------------------------------------------------------------------------


def test_what_is_asked_and_answered_passes_as_it_is(proxy: Proxy, url: str) -> None:
    text = "".join(random.Random(1).choices("äbc", k=300_000))
    with closing(connect(proxy.url)) as session:
        assert run(session, f"SELECT '{text}'") == [(text,)]
        assert len(run(session, f"SELECT n, '{text[:1000]}' FROM generate_series(1, 2000) AS n")) == 2000
        with pytest.raises(errors.DivisionByZero):
            run(session, "SELECT 1 / 0")
        assert run(session, "SELECT current_database()") == [(make_url(url).database,)]
        assert proxy.connections == 1
    with closing(journal(proxy)) as session:
        book(session, 1)
    assert kept(url) == [1]
    eventually(lambda: proxy.connections == 0)
    assert not proxy.counts


def test_a_client_that_would_like_encryption_does_without(proxy: Proxy) -> None:
    address = ("127.0.0.1", make_url(proxy.url).port)
    with socket.create_connection(address, timeout=DEADLINE_S) as client:
        for wish in (GSS_ENCRYPTION_REQUEST, SSL_REQUEST):
            client.sendall(struct.pack("!II", 8, wish))
            assert client.recv(100) == b"N"
    assert "sslmode=disable" in proxy.url
    with closing(connect(proxy.url.replace("sslmode=disable", "sslmode=prefer"))) as session:
        assert run(session, "SELECT 1") == [(1,)]


def test_a_query_can_be_cancelled(proxy: Proxy) -> None:
    """By another process: psycopg2 keeps the interpreter's lock while it cancels, and the proxy needs it."""
    script = """
import sys, threading, time, psycopg2
session, other = psycopg2.connect(sys.argv[1]), psycopg2.connect(sys.argv[1])
asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid = %s"
def cancel_once_asleep():
    cursor = other.cursor()
    while cursor.execute(asked, (session.info.backend_pid,)) or cursor.fetchone() == (0,):
        time.sleep(0.01)
        other.rollback()
    session.cancel()
thread = threading.Thread(target=cancel_once_asleep)
thread.start()
try:
    session.cursor().execute("SELECT pg_sleep(60)")
except psycopg2.errors.QueryCanceled:
    print("cancelled")
thread.join()
"""
    dsn = proxy.url.replace("+psycopg2", "")
    done = subprocess.run(
        [sys.executable, "-c", script, dsn], check=False, capture_output=True, timeout=DEADLINE_S, text=True
    )
    assert done.stdout == "cancelled\n", done.stderr


def test_the_url_is_the_same_but_for_the_way_there(url: str) -> None:
    given = "postgresql+psycopg2://ann:p%40ss@/shop?host=%2Ftmp%2Fa&port=7&application_name=x"
    with Proxy(given) as proxy:
        parsed = make_url(proxy.url)
        assert (parsed.username, parsed.password, parsed.database) == ("ann", "p@ss", "shop")
        assert dict(parsed.query) == {"application_name": "x", "sslmode": "disable"}
        with pytest.raises(psycopg2.OperationalError):
            connect(proxy.url)
    with pytest.raises(ValueError, match="one host"):
        Proxy("postgresql://ann@/shop")


def test_postgresql_may_also_be_reached_over_tcp(proxy: Proxy, url: str) -> None:
    with Proxy(proxy.url) as second, closing(journal(second)) as session:
        book(session, 1)
    assert kept(url) == [1]


async def test_it_works_beside_the_event_loop_of_a_test(url: str) -> None:
    with Proxy(url) as proxy:
        proxy.at_commit(Fault.LOST_AFTER)
        session = await asyncio.to_thread(journal, proxy)
        assert await asyncio.to_thread(is_lost, session, 1)
    assert kept(url) == [1]


# --- at the journal's commit ----------------------------------------------------------------------


def test_a_commit_lost_before_it_arrives_has_not_happened(proxy: Proxy, url: str) -> None:
    proxy.at_commit(Fault.LOST_BEFORE)
    assert is_lost(journal(proxy), 1)
    eventually(lambda: not sessions(url))
    assert kept(url) == []
    assert proxy.counts == {"commit lost before": 1}


def test_a_commit_whose_answer_is_lost_has_happened(proxy: Proxy, url: str) -> None:
    proxy.at_commit(Fault.LOST_AFTER)
    assert is_lost(journal(proxy), 1)
    assert kept(url) == [1]
    assert proxy.counts == {"commit lost after": 1}


def test_an_answer_is_lost_only_once_postgresql_has_given_it(
    proxy: Proxy, url: str, elsewhere: ThreadPoolExecutor
) -> None:
    """Here it sends a notice first, and then waits for a lock before it commits."""
    with database(url) as cursor:
        cursor.execute("""
            CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN RAISE NOTICE 'soon'; PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER late AFTER INSERT ON kept DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION dawdle();
        """)
    session = journal(proxy)
    proxy.at_commit(Fault.LOST_AFTER)
    with database(url) as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(1)")
        call = elsewhere.submit(book, session, 1)
        eventually(lambda: sessions(url) == [("active", COMMIT)])
        assert kept(url) == []
        assert waits(session, call)
        assert not proxy.counts
    with pytest.raises(psycopg2.OperationalError):
        call.result(DEADLINE_S)
    assert kept(url) == [1]
    assert session.notices == []
    assert proxy.counts == {"commit lost after": 1}


def test_a_connection_cut_inside_a_commit_leaves_either_outcome(proxy: Proxy, url: str) -> None:
    proxy.at_commit(Fault.CUT_INSIDE)
    assert is_lost(journal(proxy), 1)
    eventually(lambda: not sessions(url))
    assert kept(url) in ([], [1])
    assert proxy.counts == {"commit cut inside": 1}


def test_a_commit_is_swallowed_and_all_stays_open(
    proxy: Proxy, url: str, elsewhere: ThreadPoolExecutor
) -> None:
    session, other = journal(proxy), journal(proxy)
    proxy.at_commit(Fault.SWALLOWED)
    call = elsewhere.submit(book, session, 1)
    eventually(lambda: proxy.counts["commit swallowed"])
    assert [state for state, _ in sessions(url)] == ["idle"] * 2
    book(other, 2)
    assert kept(url) == [2], "the others are spared"
    assert waits(session, call)
    proxy.close_all()
    with pytest.raises(psycopg2.OperationalError):
        call.result(DEADLINE_S)
    assert kept(url) == [2]
    assert proxy.counts == {"commit swallowed": 1, "closed": 2}


def test_an_answer_is_swallowed_and_all_stays_open(
    proxy: Proxy, url: str, elsewhere: ThreadPoolExecutor
) -> None:
    session = journal(proxy)
    proxy.at_commit(Fault.ANSWER_SWALLOWED)
    call = elsewhere.submit(book, session, 1)
    eventually(lambda: proxy.counts["commit answer swallowed"])
    assert kept(url) == [1]
    assert sessions(url) == [("idle", COMMIT)]
    assert waits(session, call)
    proxy.close_all()
    with pytest.raises(psycopg2.OperationalError):
        call.result(DEADLINE_S)


@pytest.mark.parametrize("fault", [Fault.SWALLOWED, Fault.ANSWER_SWALLOWED])
def test_of_a_silent_connection_neither_side_hears_the_others_end(
    fault: Fault, proxy: Proxy, url: str, elsewhere: ThreadPoolExecutor
) -> None:
    first, second = journal(proxy), journal(proxy)
    proxy.at_commit(fault, fault)
    calls = [elsewhere.submit(book, session, 1) for session in (first, second)]
    eventually(lambda: proxy.counts[f"commit {fault}"] == 2)
    give_up(first)
    with pytest.raises(psycopg2.OperationalError):
        calls[0].result(DEADLINE_S)
    end_backend(url, second.info.backend_pid)
    assert waits(second, calls[1])
    assert len(sessions(url)) == 1
    assert proxy.connections == 2
    proxy.close_all()
    with pytest.raises(psycopg2.OperationalError):
        calls[1].result(DEADLINE_S)
    eventually(lambda: not sessions(url))


def test_a_silent_connection_is_over_once_both_sides_have_ended_it(
    proxy: Proxy, url: str, elsewhere: ThreadPoolExecutor
) -> None:
    session = journal(proxy)
    backend = session.info.backend_pid  # 0 as soon as the connection is lost
    proxy.at_commit(Fault.SWALLOWED)
    call = elsewhere.submit(book, session, 1)
    eventually(lambda: proxy.counts["commit swallowed"])
    give_up(session)
    with pytest.raises(psycopg2.OperationalError):
        call.result(DEADLINE_S)
    assert proxy.connections == 1
    end_backend(url, backend)
    session.close()
    eventually(lambda: proxy.connections == 0)


def test_a_commit_is_held_until_it_is_let_go(proxy: Proxy, url: str, elsewhere: ThreadPoolExecutor) -> None:
    session = journal(proxy)
    held = proxy.hold_commit()
    call = elsewhere.submit(book, session, 1)
    with held:
        assert kept(url) == []
        assert sessions(url)[0][0] == "idle"
        assert waits(session, call)
    call.result(DEADLINE_S)
    book(session, 2)
    assert kept(url) == [1, 2]
    assert proxy.counts == {"commit held": 1}


def test_a_held_commit_may_arrive_when_its_client_is_long_gone(
    proxy: Proxy, url: str, elsewhere: ThreadPoolExecutor
) -> None:
    session = journal(proxy)
    held = proxy.hold_commit()
    call = elsewhere.submit(book, session, 1)
    with held:
        give_up(session)
        with pytest.raises(psycopg2.OperationalError):
            call.result(DEADLINE_S)
        assert kept(url) == []
    eventually(lambda: kept(url) == [1])


def test_armed_faults_strike_in_turn_and_once_each(proxy: Proxy, url: str) -> None:
    proxy.at_commit(Fault.LOST_BEFORE, Fault.LOST_AFTER)
    proxy.at_commit(Fault.LOST_AFTER)
    assert [is_lost(journal(proxy), number) for number in (1, 2, 3)] == [True] * 3
    with closing(journal(proxy)) as session:
        book(session, 4)
        book(session, 5)
    assert kept(url) == [2, 3, 4, 5]
    assert proxy.counts == {"commit lost before": 1, "commit lost after": 2}


def test_what_is_disarmed_does_not_strike(proxy: Proxy, url: str) -> None:
    proxy.at_commit(Fault.LOST_BEFORE, Fault.LOST_BEFORE)
    proxy.cut_rows("SELECT", keep=0)
    proxy.disarm()
    with closing(journal(proxy)) as session:
        book(session, 1)
        assert run(session, "SELECT number FROM kept") == [(1,)]
    assert not proxy.counts


def test_the_faults_strike_the_journal_alone(proxy: Proxy, url: str) -> None:
    proxy.at_commit(Fault.LOST_BEFORE)
    with closing(connect(proxy.url)) as session:
        session.autocommit = False
        run(session, "INSERT INTO kept VALUES (1)")
        session.commit()
    assert kept(url) == [1]
    with closing(journal(proxy)) as session:
        run(session, "BEGIN")
        run(session, "COMMIT")
        run(session, "SELECT 'write_batch'")
        assert not proxy.counts, "it commits no batch"
        assert is_lost(session, 2)


@pytest.mark.parametrize("ballast", [0, 5_000_000])
@pytest.mark.parametrize(
    ("fault", "stored"), [(Fault.LOST_BEFORE, []), (Fault.TORN, []), (Fault.LOST_AFTER, [1])]
)
def test_a_commit_of_any_size_is_lost(
    fault: Fault, stored: list[int], ballast: int, proxy: Proxy, url: str
) -> None:
    proxy.at_commit(fault)
    session = journal(proxy)
    with pytest.raises(psycopg2.OperationalError):
        book(session, 1, ballast)
    assert session.closed
    eventually(lambda: not sessions(url))
    assert kept(url) == stored
    assert proxy.counts == {f"commit {fault}": 1}
    with closing(journal(proxy)) as session:
        book(session, 2, ballast)
    assert kept(url) == [*stored, 2]


def test_the_answer_to_a_long_commit_is_swallowed(
    proxy: Proxy, url: str, elsewhere: ThreadPoolExecutor
) -> None:
    proxy.at_commit(Fault.ANSWER_SWALLOWED)
    session = journal(proxy)
    call = elsewhere.submit(book, session, 1, 5_000_000)
    eventually(lambda: proxy.counts["commit answer swallowed"])
    assert [state for state, _ in sessions(url)] == ["idle"]
    assert kept(url) == [1]
    assert waits(session, call)
    proxy.close_all()
    with pytest.raises(psycopg2.OperationalError):
        call.result(DEADLINE_S)


def test_a_client_that_gives_up_before_the_answer_spares_it_nothing(
    proxy: Proxy, url: str, elsewhere: ThreadPoolExecutor
) -> None:
    proxy.at_commit(Fault.ANSWER_SWALLOWED)
    session = journal(proxy)
    with database(url) as cursor:
        cursor.execute("LOCK TABLE kept IN EXCLUSIVE MODE")
        call = elsewhere.submit(book, session, 1)
        eventually(lambda: [state for state, _ in sessions(url)] == ["active"])
        give_up(session)
        with pytest.raises(psycopg2.OperationalError):
            call.result(DEADLINE_S)
    eventually(lambda: proxy.counts["commit answer swallowed"])
    assert [state for state, _ in sessions(url)] == ["idle"]
    assert kept(url) == [1]


# --- rows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "rows"), [(1, 50_000), (100_000, 20)])
def test_rows_are_lost_without_a_word_and_once(width: int, rows: int, proxy: Proxy) -> None:
    """Short rows, many of them in a chunk; and long ones, each of several chunks."""
    query = f"SELECT n, repeat('x', {width}) FROM generate_series(1, {rows}) AS n"
    with closing(connect(proxy.url)) as session:
        session.autocommit = False
        proxy.cut_rows("generate_series", keep=7)
        assert run(session, "SELECT 1") == [(1,)]
        assert not proxy.counts
        assert [n for n, _ in run(session, query)] == list(range(1, 8))
        assert run(session, "SELECT 2") == [(2,)]
        assert len(run(session, query)) == rows
    assert proxy.counts == {"rows cut": 1}


def test_a_result_that_is_short_enough_loses_nothing(proxy: Proxy) -> None:
    with closing(connect(proxy.url)) as session:
        proxy.cut_rows("VALUES", keep=3)
        assert run(session, "VALUES (1), (2), (3)") == [(1,), (2,), (3,)]
        assert len(run(session, "VALUES (1), (2), (3), (4)")) == 4, "it is not armed any more"
    assert not proxy.counts


@pytest.mark.parametrize(
    ("containing", "expected"),
    [("generate_series", [1, 2, 3]), ("FETCH", [1, 2, 3, 6, 7, 8, 9, 10, 11, 12])],
)
def test_rows_of_a_cursor_are_lost(containing: str, expected: list[int], proxy: Proxy) -> None:
    """Of the whole cursor by its DECLARE, or of one FETCH: here five rows at a time."""
    with closing(connect(proxy.url)) as session:
        session.autocommit = False
        for numbers in (expected, list(range(1, 13))):
            if numbers is expected:
                proxy.cut_rows(containing, keep=3)
            with session.cursor("stream") as cursor:
                cursor.itersize = 5
                cursor.execute("SELECT n FROM generate_series(1, 12) AS n")
                fetched = []
                while rows := cursor.fetchmany(5):
                    fetched += [n for (n,) in rows]
                assert fetched[: len(numbers)] == numbers[: len(fetched)]
            session.commit()
    assert proxy.counts == {"rows cut": 1}


# --- on all connections ---------------------------------------------------------------------------


def test_a_black_hole_takes_all_and_answers_nothing(
    proxy: Proxy, url: str, elsewhere: ThreadPoolExecutor
) -> None:
    session = connect(proxy.url)
    with proxy.black_hole():
        asked = elsewhere.submit(run, session, "INSERT INTO kept VALUES (1)")
        connecting = elsewhere.submit(connect, proxy.url)
        assert waits(session, asked)
        eventually(lambda: proxy.counts["black hole"] == 2)
        assert not connecting.done()
        assert proxy.connections == 2
    for call in (asked, connecting):
        with pytest.raises(psycopg2.OperationalError):
            call.result(DEADLINE_S)
    assert kept(url) == []
    with closing(connect(proxy.url)) as session:
        run(session, "INSERT INTO kept VALUES (2)")
    assert kept(url) == [2]


def test_all_connections_are_refused_for_a_while(proxy: Proxy) -> None:
    session = connect(proxy.url)
    with proxy.refusing():
        assert proxy.connections == 0
        with pytest.raises(psycopg2.OperationalError):
            run(session, "SELECT 1")
        with pytest.raises(psycopg2.OperationalError):
            connect(proxy.url)
    with closing(connect(proxy.url)) as session:
        assert run(session, "SELECT 1") == [(1,)]
    assert proxy.counts == {"refused": 2}


def test_everything_comes_later_and_in_its_order(proxy: Proxy) -> None:
    with closing(connect(proxy.url)) as session:
        with proxy.delayed(0.1):
            began_s = time.monotonic()
            numbers = run(session, "SELECT n FROM generate_series(1, 10000) AS n")
            assert time.monotonic() - began_s >= 0.2, "0.1 s there, and 0.1 s back"
        assert [n for (n,) in numbers] == list(range(1, 10_001))
        delayed = proxy.counts["delayed"]
        assert delayed >= 2
        run(session, "SELECT 1")
        assert proxy.counts["delayed"] == delayed


def test_all_connections_are_cut_at_once(proxy: Proxy) -> None:
    before = [connect(proxy.url) for _ in range(3)]
    proxy.close_all()
    assert proxy.connections == 0
    for session in before:
        with pytest.raises(psycopg2.OperationalError):
            run(session, "SELECT 1")
    with closing(connect(proxy.url)) as session:
        assert run(session, "SELECT 1") == [(1,)]
    assert proxy.counts == {"closed": 3}


# --- from start to end ----------------------------------------------------------------------------


def test_postgresql_may_go_and_come_back_behind_it() -> None:
    with public_folder() as folder:
        postgres = EmbeddedPostgres(Path(folder) / "data")
        postgres.start()
        try:
            with Proxy(postgres.url) as proxy:
                session = connect(proxy.url)
                postgres.stop("immediate")
                with pytest.raises(psycopg2.OperationalError):
                    run(session, "SELECT 1")
                with pytest.raises(psycopg2.OperationalError):
                    connect(proxy.url)
                eventually(lambda: proxy.connections == 0)
                postgres.start()
                with closing(connect(proxy.url)) as session:
                    assert run(session, "SELECT 1") == [(1,)]
        finally:
            postgres.stop("immediate")


def open_files() -> set[str]:
    """The descriptors of this process, and what they stand for."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that the folder is read with
            found.add(f"{descriptor.name} {descriptor.readlink()}")
    return found


def test_nothing_is_left_when_it_ends(url: str) -> None:
    threads, files = set(threading.enumerate()), open_files()
    with ThreadPoolExecutor() as elsewhere:
        with Proxy(url) as proxy:
            quiet, asleep, swallowed, held = (
                connect(proxy.url),
                connect(proxy.url),
                journal(proxy),
                journal(proxy),
            )
            calls: list[Future[Any]] = [elsewhere.submit(run, asleep, "SELECT pg_sleep(60)")]
            assert waits(asleep, calls[0])
            proxy.at_commit(Fault.SWALLOWED)
            calls.append(elsewhere.submit(book, swallowed, 1))
            eventually(lambda: proxy.counts["commit swallowed"])
            hold = proxy.hold_commit()
            calls.append(elsewhere.submit(book, held, 2))
            hold.wait_until_reached()
            port = make_url(proxy.url).port
        for call in calls:
            with pytest.raises(psycopg2.OperationalError):
                call.result(DEADLINE_S)
        hold.release()
    quiet.close()
    assert set(threading.enumerate()) == threads
    assert open_files() == files
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    eventually(lambda: not sessions(url))


def test_a_server_works_through_it(proxy: Proxy, elsewhere: ThreadPoolExecutor) -> None:
    server = Server("--database-url", proxy.url)
    try:
        event = server.event(tickets=2)
        assert server.book(event, "ann")["status"] == "confirmed"
        assert server.status(event)["availableTickets"] == 1
        held = proxy.hold_commit()
        ben = elsewhere.submit(server.book, event, "ben")
        with held:
            assert server.status(event)["availableTickets"] == 1
            assert not ben.done()
        assert ben.result(DEADLINE_S)["status"] == "confirmed"
        assert server.status(event)["availableTickets"] == 0
        proxy.at_commit(Fault.LOST_BEFORE)
        server.post("/book", eventId=event, userId="cleo")
        assert proxy.counts == {"commit held": 1, "commit lost before": 1}
    finally:
        assert server.stop() == 0


def test_a_mistake_of_its_own_is_raised_at_the_end(url: str) -> None:
    with pytest.raises(TypeError), Proxy(url) as proxy:  # noqa: PT012
        proxy._plan.row_cuts.append(("not bytes", 1))  # type: ignore[arg-type]
        with pytest.raises(psycopg2.OperationalError):
            run(connect(proxy.url), "SELECT 1")
