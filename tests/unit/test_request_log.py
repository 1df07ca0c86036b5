"""A line for each request: what it says, how important it is, and how many are left out."""

from collections.abc import Iterator
from typing import Any

import pytest

from boxoffice.http.operating.logs import RequestLog
from tests.unit.logs import Log, log_of


class Clock:
    """Seconds, as a test says."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def written() -> Iterator[Log]:
    with log_of("info") as written:
        yield written


def say(log: RequestLog, status: int = 201, times: int = 1, **more: Any) -> None:
    """Log requests with this status."""
    fields = {
        "call": "/book", "method": "POST", "duration_s": 0.0042, "request_id": "abc", "principal_id": "key:x",
        "event_id": 7, "batch": 3, "remote": "192.0.2.7", **more,
    }  # fmt: skip
    for _ in range(times):
        if log.is_due(status):
            log.line(status=status, **fields)


def numbers(written: Log) -> list[tuple[int, int]]:
    """The status of each line, and how many were left out before it."""
    return [(line["status"], line.get("skipped", 0)) for line in written.lines]


def test_a_line_says_who_asked_for_what_and_what_became_of_it(written: Log) -> None:
    say(RequestLog(100))
    line = written.line
    del line["timestamp"]
    assert line == {
        "level": "info", "logger": "boxoffice.requests", "event": "request", "requestId": "abc",
        "method": "POST", "route": "/book", "status": 201, "durationMs": 4.2,
        "principalId": "key:x", "eventId": "7", "batch": 3, "remote": "192.0.2.7",
    }  # fmt: skip


def test_what_was_about_no_event_and_changed_nothing_says_so(written: Log) -> None:
    say(RequestLog(100), 404, event_id=None, batch=None)
    line = written.line
    assert line["eventId"] is line["batch"] is None


@pytest.mark.parametrize(
    ("status", "level"),
    [
        (200, "info"), (201, "info"), (304, "info"), (404, "info"), (429, "info"), (499, "info"),
        (500, "error"), (501, "error"), (503, "warning"), (504, "warning"),
    ],
)  # fmt: skip
def test_a_client_s_mistake_is_information_and_ours_an_error(written: Log, status: int, level: str) -> None:
    say(RequestLog(100), status)
    assert written.line["level"] == level


def test_of_each_status_so_many_are_logged_in_a_second_and_the_others_counted(written: Log) -> None:
    log = RequestLog(2, clock := Clock())
    say(log, 201, 5)
    say(log, 409, 3)
    assert numbers(written) == [(201, 0)] * 2 + [(409, 0)] * 2
    assert log.skipped == 4
    clock.now += 0.999
    say(log)
    assert numbers(written) == []
    clock.now += 0.001
    say(log, 201, 3)
    assert numbers(written) == [(201, 4), (201, 0)], "the next line says how many, once"
    clock.now += 100
    say(log, 409)
    say(log, 201)
    assert numbers(written) == [(409, 1), (201, 1)]
    assert log.skipped == 6


def test_a_mistake_of_ours_is_never_left_out(written: Log) -> None:
    for lines_per_s in (0, 2):
        log = RequestLog(lines_per_s, Clock())
        say(log, 500, 10)
        assert numbers(written) == [(500, 0)] * 10
        assert log.skipped == 0


def test_none_a_second_are_none(written: Log) -> None:
    log = RequestLog(0, Clock())
    say(log, 201, 3)
    say(log, 503, 3)
    assert numbers(written) == []
    assert log.skipped == 6


def test_what_is_less_important_than_the_level_is_not_counted_as_left_out() -> None:
    with log_of("warning") as written:
        log = RequestLog(1, Clock())
        say(log, 201, 3)
        say(log, 503, 3)
        assert numbers(written) == [(503, 0)]
        assert log.skipped == 2


def test_a_client_s_text_is_shown_as_text(written: Log) -> None:
    say(RequestLog(1), method='GET\n{"forged":1}', request_id="\x1b[2J\udcff", remote="\n")
    line = written.line
    assert (line["method"], line["requestId"], line["remote"]) == (
        'GET\n{"forged":1}',
        "\x1b[2J\\udcff",
        "\n",
    )
