"""A deadline of our own for whatever PostgreSQL is asked: who waits too long hears that the line is lost."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from boxoffice.persistence.database import make_engine
from boxoffice.persistence.watch import Watch, WatchedConnection
from tests.contract.support import Stored, connect, eventually

PATIENT_S = 20.0
"""Long before the statement itself would end, and long after its deadline."""


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch()
    yield watch
    watch.stop()


@pytest.fixture
def engine(any_database_url: str, watch: Watch) -> Iterator[Engine]:
    """Whose answers are due within 0.3 s."""
    engine = make_engine(
        any_database_url,
        pool_size=1,
        statement_timeout_s=None,
        application_name="watched",
        connection_factory=watch.connections(0.3, WatchedConnection),
    )
    yield engine
    engine.dispose()


def test_a_statement_that_is_not_answered_in_time_is_given_up(engine: Engine) -> None:
    began_s = time.monotonic()
    with pytest.raises(OperationalError), engine.connect() as connection:
        connection.execute(text("SELECT pg_sleep(60)"))
    assert time.monotonic() - began_s < PATIENT_S


def test_a_page_of_a_server_side_cursor_that_is_not_answered_in_time_is_given_up(engine: Engine) -> None:
    slow = text("SELECT CASE WHEN n > 3 THEN pg_sleep(60) END FROM generate_series(1, 10) AS n")
    began_s = time.monotonic()
    with engine.connect() as connection:
        result = connection.execution_options(stream_results=True, max_row_buffer=2).execute(slow)
        pages = result.partitions(2)
        next(pages)
        with pytest.raises(OperationalError):
            list(pages)
    assert time.monotonic() - began_s < PATIENT_S


def test_a_commit_that_is_not_answered_in_time_is_given_up(engine: Engine, stored: Stored) -> None:
    stored.run("CREATE TABLE t (n int)")
    stored.run("""
        CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION sleep();
    """)
    began_s = time.monotonic()
    with pytest.raises(OperationalError), engine.begin() as connection:
        connection.execute(text("INSERT INTO t VALUES (1)"))
    assert time.monotonic() - began_s < PATIENT_S


def test_whoever_asks_nothing_is_left_in_peace(engine: Engine, stored: Stored) -> None:
    sessions = "SELECT pid FROM pg_stat_activity WHERE application_name = 'watched'"
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        before = stored.rows(sessions)
        looks = time.monotonic() + 1.0  # several looks of the watch, and three deadlines
        eventually(lambda: time.monotonic() > looks)
        assert connection.execute(text("SELECT 2")).scalar_one() == 2
    assert stored.rows(sessions) == before


def test_a_session_that_has_ended_is_known_before_it_is_asked(
    any_database_url: str, watch: Watch, stored: Stored
) -> None:
    connection = connect(
        any_database_url,
        application_name="watched",
        connection_factory=watch.connections(None, WatchedConnection),
    )
    assert isinstance(connection, WatchedConnection)
    with connection.cursor() as cursor:
        cursor.execute("LISTEN news")
        stored.run("NOTIFY news")  # which is said unasked as well
        eventually(lambda: not connection.has_ended() and connection.notifies)
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == [(1,)]
    assert not connection.has_ended()
    assert stored.end_sessions("watched") == 1
    assert connection.has_ended()
    connection.close()
    assert connection.has_ended()


def test_a_line_that_was_cut_has_ended(any_database_url: str, watch: Watch) -> None:
    connection = connect(any_database_url, connection_factory=watch.connections(None, WatchedConnection))
    assert isinstance(connection, WatchedConnection)
    connection.cut()
    assert connection.has_ended()
    connection.close()


def test_the_next_statement_has_a_line_of_its_own(engine: Engine) -> None:
    for _ in range(2):
        with pytest.raises(OperationalError), engine.connect() as connection:
            connection.execute(text("SELECT pg_sleep(60)"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
