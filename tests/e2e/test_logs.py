"""What a real server logs: one form for every line, nothing forged, and nobody waits for it."""

import fcntl
import json
import re
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.log import database
from tests.support.server import Server

FAILURES = {"BOXOFFICE_FAILPOINTS": "journal.commit=raise RuntimeError@3, journal.answer=raise MemoryError@5"}
HTTP = b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n"
INJECTIONS = [
    HTTP % (b"/status/1%0A%7B%22event%22:%22forged%22%7D", b""),
    HTTP % (b"/%1B%5B2Jforged%E2%80%A8%C2%9B", b""),
    HTTP % (b"/status/\x1b[2J\xff\xfe", b""),
    HTTP % (b"/events", b'X-Request-ID: a%0A{"event":"forged"}\r\n'),
    HTTP % (b"/events", b"X-Request-ID: \x1b[2Jforged\xff\r\n"),
    HTTP % (b"/events", b'X-Request-ID: a\n{"event":"forged"}\r\n'),
    HTTP % (b"/events", b"traceparent: \x9b2J\xed\xa0\x80\r\n"),
    HTTP % (b"/events", b'User-Agent: \r {"event":"forged"}\r\n'),
    b'\n{"event":"forged"} \x1b[2J\r\n\r\n',
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
]


def documents(server: Server) -> list[dict[str, Any]]:
    """Every line but the sentence that says where the server is."""
    *_, last = server.said
    assert last.endswith("\n")
    return [json.loads(line) for line in server.said if " is open at " not in line]


def test_every_line_is_a_document_whatever_goes_wrong(database_url: str) -> None:
    env = {"LOG_LEVEL": "debug", "LOG_FORMAT": "json", **FAILURES}
    server = Server("--database-url", database_url, env=env)
    event = server.event(tickets=5)
    for number in range(10):
        server.post("/book", eventId=event, userId=f"user-{number}")
    with database(database_url) as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    server.post("/book", eventId=event, userId="the last")
    assert server.stop() == 0
    lines = documents(server)
    assert {"timestamp", "level", "logger", "event"} <= set.intersection(*map(set, lines))
    assert any("Traceback" in line.get("exception", "") for line in lines), "not vacuous"
    assert {line["logger"].split(".")[0] for line in lines} > {"boxoffice"}, "libraries' lines, too"


@pytest.mark.parametrize("form", ["json", "console"])
def test_nothing_that_a_client_sends_forges_a_line(database_url: str, form: str) -> None:
    server = Server("--database-url", database_url, env={"LOG_LEVEL": "debug", "LOG_FORMAT": form})
    for injection in INJECTIONS:
        server.send_raw(injection)
    event = server.event(name='\n{"event":"forged"}\x1b[2J')
    server.book(event, "\u2028\x1b[2Jforged\n")
    assert server.stop() == 0
    lines = [line.removesuffix("\n") for line in server.said]
    assert len(lines) > 5, "not vacuous"
    for line in lines:
        assert line.isprintable(), line
        assert " is open at " in line or is_whole[form](line), line


is_whole: dict[str, Callable[[str], object]] = {
    "json": lambda line: json.loads(line)["event"] != "forged",
    "console": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \[[a-z]+ *\] ").match,
}


def test_the_level_is_a_setting(database_url: str) -> None:
    server = Server("--database-url", database_url, "--log-level", "error", env=FAILURES)
    server.stop()
    assert len(server.said) == 1


class Unread(Server):
    """A server whose stderr nobody reads once it is open; it takes a few lines."""

    def _read(self) -> None:
        stderr = self.process.stderr
        assert stderr is not None
        fcntl.fcntl(stderr, fcntl.F_SETPIPE_SZ, 4_096)
        while " is open at " not in (line := stderr.readline()):
            assert line
        self.url = line.split(" is open at ")[1].split(",")[0]
        self._open.set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_though_nobody_reads_what_it_logs_it_books_and_ends(
    database_url: str, number: signal.Signals
) -> None:
    server = Unread("--database-url", database_url, env={"LOG_LEVEL": "debug"})
    event = server.event(tickets=20)
    for _ in range(100):
        server.send_raw(b"x" * 50 + b"\r\n\r\n")
    for customer in range(20):
        assert server.book(event, f"user-{customer}")["status"] == "confirmed"
    assert server.stop(number) == 0
    assert server.process.stderr is not None
    with server.process.stderr as unread:
        assert len(unread.read()) > 3_500, "not vacuous: the pipe was full"


# --- a line for each request ---------------------------------------------------------------------


def requests(server: Server) -> list[dict[str, Any]]:
    """The lines about requests, once the server has ended."""
    assert server.stop() == 0
    return [line for line in documents(server) if line["logger"] == "boxoffice.requests"]


def test_a_request_is_logged_with_all_that_is_known_of_it(own_server: Server) -> None:
    event = own_server.event(tickets=1)
    reply = own_server.send(
        "POST",
        "/book",
        json.dumps({"eventId": event, "userId": "alice"}).encode(),
        {"Content-Type": "application/json", "X-Request-ID": "my-request"},
    )
    missing = own_server.send("GET", "/nothing/at?all=bo_0123456789ab_hunter2")
    _, booked, not_found = requests(own_server)
    assert (booked["method"], booked["route"], booked["status"]) == ("POST", "/book", reply.status)
    assert (booked["requestId"], booked["eventId"], booked["principalId"]) == ("my-request", event, "")
    assert booked["batch"] > 0
    assert booked["remote"] == "127.0.0.1"
    assert booked["durationMs"] > 0
    assert (not_found["status"], not_found["eventId"]) == (404, None)
    assert not_found["requestId"] == missing.headers["X-Request-ID"]
    assert "hunter2" not in "".join(own_server.said)


def test_a_batch_is_about_its_event_if_there_is_one(own_server: Server) -> None:
    first, second = own_server.event(), own_server.event()
    for events in ([first, first], [first, second]):
        commands = [{"do": "book", "eventId": event, "userId": "alice"} for event in events]
        assert own_server.post("/batch", commands=commands)[0] == 200
    *_, of_one, of_two = requests(own_server)
    assert (of_one["eventId"], of_two["eventId"]) == (first, None)
    assert of_two["batch"] > of_one["batch"] > 0


def test_of_many_requests_some_are_logged_and_the_others_counted(database_url: str) -> None:
    server = Server("--database-url", database_url, env={"BOXOFFICE_LOG_REQUESTS_PER_SECOND": "1"})
    for _ in range(200):
        assert server.get("/events")[0] == 200
    metrics = server.send("GET", "/metrics").body.decode()
    lines = requests(server)
    left_out = re.search(r"^boxoffice_log_lines_skipped_total (\d+)", metrics, re.MULTILINE)
    assert left_out
    assert len(lines) < 200
    assert abs(len(lines) + int(left_out[1]) - 200) <= 1, "the line about the metrics may be one of them"


def test_none_are_logged_if_none_are_wanted(database_url: str) -> None:
    server = Server("--database-url", database_url, "--log-requests-per-second", "0")
    server.get("/events")
    assert requests(server) == []
