"""The log's lines: their form, what is in them, and what never is, whoever has logged it."""

import logging
import os
import pty
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextvars import copy_context
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from boxoffice.http.operating import logs
from boxoffice.http.operating.log_forms import TEXT_SIZE_MAX
from boxoffice.http.visit import Visit, begin
from tests.unit.logs import Log, log_of

log = logging.getLogger("boxoffice.somewhere")

NASTY = [
    '\n{"level":"info","event":"forged"}',
    "\r\n2026-01-01T00:00:00.000000Z [info     ] forged",
    "\x1b[2J\x1b[1;1Hforged",
    "\x9b2J",
    "\x00\x08\x7f",
    "\u2028forged\u2029\x85\x0b\x0c",
    "\u202egnorts\u2066",
    "\ud800 \udcff",
    '"}',
    "%s %d",
]


@pytest.fixture
def written() -> Iterator[Log]:
    with log_of() as written:
        yield written


@pytest.fixture
def for_people() -> Iterator[Log]:
    with log_of(form="console") as written:
        yield written


def within(request_id: str, say: Callable[[], None]) -> None:
    """Say it on behalf of a request."""
    context = copy_context()
    context.run(begin, Visit(request_id))
    context.run(say)


# --- what is in a line ---------------------------------------------------------------------------


def test_a_line_says_when_how_important_who_and_what(written: Log) -> None:
    before = datetime.now(UTC)
    log.warning("event %d is refused", 7)
    line = written.line
    assert list(line) == ["timestamp", "level", "logger", "event"]
    assert (line["level"], line["logger"], line["event"]) == ("warning", log.name, "event 7 is refused")
    assert len(line["timestamp"]) == len("2026-01-01T00:00:00.000000Z")
    assert line["timestamp"].endswith("Z")
    at = datetime.fromisoformat(line["timestamp"])
    assert before - timedelta(milliseconds=1) < at < datetime.now(UTC) + timedelta(milliseconds=1)


def test_a_line_within_a_request_says_which(written: Log) -> None:
    within("abc", lambda: log.info("inside"))
    log.info("outside")
    inside, outside = written.lines
    assert inside["requestId"] == "abc"
    assert "requestId" not in outside


def test_a_failure_is_in_the_same_line(written: Log) -> None:
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError:
        log.exception("it failed", stack_info=True)
    line = written.line
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert line["exception"].endswith("RuntimeError: first\nsecond")
    assert "test_logs.py" in line["stack"]


def test_what_is_less_important_than_the_level_is_not_logged() -> None:
    with log_of("warning") as written:
        log.info("no")
        log.warning("yes")
        assert written.line["event"] == "yes"


def test_the_text_is_that_of_the_moment(written: Log) -> None:
    waiting = [1]
    log.info("waiting: %s", waiting)
    waiting.clear()
    assert written.line["event"] == "waiting: [1]"


def test_a_long_value_is_cut_in_its_middle(written: Log) -> None:
    log.info("begin %s end", "x" * 1_000_000)
    event = written.line["event"]
    assert event.startswith("begin xxx")
    assert event.endswith("xxx end")
    assert len(event) < TEXT_SIZE_MAX + 100


# --- whose lines ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["aiohttp.server", "alembic.runtime.migration", "sqlalchemy.pool", "pykka"])
def test_a_librarys_line_is_like_ours(written: Log, name: str) -> None:
    logging.getLogger(name).error("Error handling %s", "request")
    assert (written.line | {"timestamp": ""}) == {
        "timestamp": "", "level": "error", "logger": name, "event": "Error handling request",
    }  # fmt: skip


def test_a_warning_is_logged(written: Log) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old\nfashioned", DeprecationWarning, stacklevel=1)
    line = written.line
    assert line["logger"] == "py.warnings"
    assert "DeprecationWarning: old\nfashioned" in line["event"]


def test_the_end_of_a_thread_is_logged(written: Log) -> None:
    def fail(failure: type[BaseException]) -> None:
        raise failure("too bad")

    for failure in (RuntimeError, SystemExit):
        thread = threading.Thread(target=fail, args=(failure,), name="a-thread")
        thread.start()
        thread.join()
    line = written.line
    assert (line["level"], line["event"]) == ("critical", "a-thread has ended")
    assert "RuntimeError: too bad" in line["exception"]


def test_a_failure_that_nobody_caught_is_logged(written: Log) -> None:
    try:
        raise RuntimeError("too bad")
    except RuntimeError as failure:
        sys.excepthook(RuntimeError, failure, failure.__traceback__)
    assert "RuntimeError: too bad" in written.line["exception"]


class Sour:
    def __del__(self) -> None:
        raise RuntimeError("too bad")


def test_a_failure_that_cannot_be_raised_is_logged(written: Log) -> None:
    Sour()
    assert "RuntimeError: too bad" in written.line["exception"]


# --- who reads -----------------------------------------------------------------------------------


def test_programs_read_a_pipe_and_people_a_terminal() -> None:
    with log_of(form="auto") as written:
        log.info("hello")
        assert written.line["event"] == "hello"
    ours, theirs = pty.openpty()
    record = logging.LogRecord("a", logging.INFO, "", 0, "hello", None, None)
    assert re.search(r"Z.* .*info.* .*hello", logs.formatter_for("auto", theirs).format(record))
    assert "{" in logs.formatter_for("json", theirs).format(record)
    os.close(ours)
    os.close(theirs)


def test_people_read_a_line_and_below_it_an_indented_traceback(for_people: Log) -> None:
    try:
        raise RuntimeError("too bad\nat once")
    except RuntimeError:
        log.exception("it failed", extra={"fields": {"eventId": "7"}})
    first, *rest = for_people.text.rstrip("\n").split("\n")
    assert first[19:].split() == [first[19:27], "[error", "]", "it", "failed", f"[{log.name}]", "eventId=7"]
    assert rest[0] == "    Traceback (most recent call last):"
    assert rest[-2:] == ["    RuntimeError: too bad", "    at once"]
    assert all(line.startswith("    ") for line in rest)


# --- nobody forges a line ------------------------------------------------------------------------


def say_everywhere(nasty: str) -> None:
    """Log this in every place of a line that a client may have a hand in."""

    def say() -> None:
        try:
            raise ValueError(nasty)
        except ValueError:
            log.exception("GET %s failed", nasty, extra={"fields": {"remote": nasty}})

    within(nasty, say)


@pytest.mark.parametrize("nasty", NASTY)
def test_whatever_a_client_sends_is_one_document(nasty: str) -> None:
    with log_of() as written:  # in here pytest, which cannot pass on every text, does not see what is logged
        say_everywhere(nasty)
        line = written.line
    shown = nasty.encode(errors="backslashreplace").decode()
    assert line["event"] == f"GET {shown} failed"
    assert line["remote"] == line["requestId"] == shown
    assert f"ValueError: {shown}" in line["exception"]


@pytest.mark.parametrize("nasty", NASTY)
def test_whatever_a_client_sends_moves_no_cursor(nasty: str) -> None:
    with log_of(form="console") as written:
        say_everywhere(nasty)
        first, *rest = written.text.rstrip("\n").split("\n")
    assert first.isprintable()
    assert all(line.isprintable() and line.startswith("    ") for line in rest)


# --- no secret -----------------------------------------------------------------------------------


@pytest.fixture(params=["json", "console"])
def any_form(request: pytest.FixtureRequest) -> Iterator[Log]:
    with log_of(form=request.param) as written:
        yield written


@pytest.mark.parametrize(
    "secret", ["bo_0123456789ab_{}", "Bearer {}", "postgresql://user:{}@db/t", "password={}"]
)
def test_no_secret_of_ours_is_logged_wherever_it_stands(any_form: Log, secret: str) -> None:
    text = secret.format("hunter2" * 6)

    def say() -> None:
        try:
            try:
                raise ValueError(text)
            except ValueError as cause:
                raise RuntimeError("because") from cause
        except RuntimeError:
            log.exception("%s", text, extra={"fields": {"remote": text}}, stack_info=True)

    within(text, say)
    written = any_form.text
    assert written.count("***") == 4
    assert "hunter2" not in written


@pytest.mark.parametrize(
    "url",
    ["postgresql://user:hunter2@[::1", "postgresql://user:hunter2@[::1]x/tickets"],
    ids=["cut", "wrong"],
)
def test_no_secret_is_logged_that_a_driver_tells(any_form: Log, url: str) -> None:
    engine = create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(url))
    with pytest.raises(DBAPIError) as caught:
        engine.connect()
    assert "hunter2" in str(caught.value), "not vacuous"
    log.error("the database is away: %s", caught.value, exc_info=caught.value)
    written = any_form.text
    assert "in URI" in written
    assert "hunter2" not in written


def test_no_secret_is_logged_with_the_parameters_of_a_statement(
    any_form: Log, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sqlalchemy.engine")
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT ? AS a", ("bo_0123456789ab_" + "hunter2" * 6,))
    engine.dispose()
    written = any_form.text
    assert "SELECT ? AS a" in written
    assert "bo_0123456789ab_***" in written
    assert "hunter2" not in written
