"""`boxoffice audit` as a user runs it: beside a server and without one, on either kind of database."""

import json
import os
import pty
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxoffice.persistence.embedded import running_url
from tests.support.audit import assert_audit_passes
from tests.support.log import database
from tests.support.postgres import public_folder
from tests.support.server import COMMAND, QUIET, Server, run

CLEAN = r"no violations in 1 events, 3 changes, 2 orders and 0 recorded answers \(\d\.\d s\), on "


@pytest.fixture
def folder() -> Iterator[Path]:
    with public_folder() as folder:
        yield folder


def sell(server: Server) -> str:
    """An event with an order that has its ticket and one that waits."""
    event = server.event(tickets=1)
    server.book(event, "alice")
    server.book(event, "bob")
    return event


def oversell(database_url: str) -> None:
    """What no server would do."""
    with database(database_url) as cursor:
        cursor.execute(
            "UPDATE changes SET body = (body::jsonb || '{\"quantity\": 2}')::json WHERE version = 2"
        )
        assert cursor.rowcount == 1


# --- what it says --------------------------------------------------------------------------------


def test_a_sound_database_is_told_in_one_line(own_server: Server, database_url: str) -> None:
    sell(own_server)
    assert own_server.stop() == 0
    ended = run("audit", "--database-url", database_url)
    assert (ended.code, ended.err) == (0, "")
    assert re.fullmatch(CLEAN + r"postgresql://boxoffice@/test_\d+\?host=\S+\n", ended.out)


def test_each_violation_has_a_line_and_the_exit_code_is_3(own_server: Server, database_url: str) -> None:
    event = sell(own_server)
    oversell(database_url)
    ended = run("audit", env={"DATABASE_URL": database_url})
    *violations, summary = ended.out.splitlines()
    assert (ended.code, ended.err) == (3, "")
    assert violations[0] == f"event {event}, version 2, promise 1: 2 tickets are taken of 1"
    assert all(re.match(rf"event {event}, version \d, promise \d+: .", line) for line in violations)
    assert summary.startswith(f"{len(violations)} violations in 1 events, 3 changes, 2 orders")


def test_programs_get_one_json_document_and_nothing_else(own_server: Server, database_url: str) -> None:
    event = sell(own_server)
    clean = run("audit", "--json", "--database-url", database_url)
    assert (clean.code, clean.err, clean.out.count("\n")) == (0, "", 1)
    document = json.loads(clean.out)
    assert document.pop("seconds") > 0
    counts = {"events": 1, "changes": 3, "orders": 2, "replies": 0, "unlisted": 0}
    assert document == {**counts, "violations": []}
    oversell(database_url)
    damaged = run("audit", "--json", "--database-url", database_url)
    assert (damaged.code, damaged.err, damaged.out.count("\n")) == (3, "", 1)
    first = {"eventId": event, "version": 2, "promise": 1, "what": "2 tickets are taken of 1"}
    assert json.loads(damaged.out)["violations"][0] == first


def test_on_a_terminal_a_bar_shows_how_far_it_is_and_leaves_the_result_alone(
    own_server: Server, database_url: str
) -> None:
    sell(own_server)
    ours, theirs = pty.openpty()
    command = (COMMAND, "audit", "--json", "--database-url", database_url)
    environment = {**QUIET, "TERM": "xterm-256color"}
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.PIPE, env=environment) as process:
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 4_096):
                shown += chunk
        except OSError:  # what the end of a terminal is on Linux
            pass
        out, _ = process.communicate(timeout=10)
    os.close(ours)
    assert process.returncode == 0
    assert b"Replaying changes" in shown
    assert b"3/3" in shown
    assert json.loads(out)["changes"] == 3


# --- where it looks ------------------------------------------------------------------------------


def test_it_runs_while_a_server_sells(own_server: Server, database_url: str) -> None:
    event = own_server.event(tickets=5)
    enough = threading.Event()

    def sell_on() -> None:
        while not enough.is_set():
            own_server.book(event, "alice")

    seller = threading.Thread(target=sell_on)
    seller.start()
    try:
        before = own_server.status(event)["version"]
        first, second = (run("audit", "--json", "--database-url", database_url) for _ in range(2))
        after = own_server.status(event)["version"]
    finally:
        enough.set()
        seller.join()
    assert (first.code, second.code) == (0, 0), first.out + second.out
    changes = [json.loads(ended.out)["changes"] for ended in (first, second)]
    assert before <= changes[0] < changes[1] <= after, "something was sold meanwhile"
    assert_audit_passes(database_url)


def test_it_joins_the_embedded_database_of_a_running_server(folder: Path) -> None:
    data_dir = folder / "data"
    server = Server("--data-dir", str(data_dir))
    sell(server)
    for _ in range(2):
        ended = run("audit", "--data-dir", str(data_dir))
        assert (ended.code, ended.err) == (0, "")
        assert re.fullmatch(CLEAN + re.escape(f"the embedded PostgreSQL in {data_dir}\n"), ended.out)
    assert server.book(server.event(), "alice")["status"] == "confirmed", "it has stopped nothing"
    assert server.stop() == 0


def test_it_starts_the_embedded_database_if_nobody_has_and_stops_it_again(folder: Path) -> None:
    server = Server("--data-dir", str(folder / "boxoffice-data"))
    sell(server)
    assert server.stop() == 0
    ended = run("audit", cwd=folder)  # where the default data directory is
    assert (ended.code, ended.err) == (0, "")
    assert re.fullmatch(CLEAN + r"the embedded PostgreSQL in boxoffice-data\n", ended.out)
    assert running_url(folder / "boxoffice-data") is None
    server.start()
    assert server.stop() == 0


def test_it_looks_at_what_a_killed_server_has_left_running(folder: Path) -> None:
    server = Server("--data-dir", str(folder / "data"))
    sell(server)
    server.kill()
    assert run("audit", "--data-dir", str(folder / "data")).code == 0
    assert running_url(folder / "data") is not None
    server.start()
    assert server.stop() == 0


# --- what cannot be ------------------------------------------------------------------------------


def said(*arguments: str) -> str:
    """The one line of an audit that could not be made."""
    ended = run("audit", *arguments)
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1), ended
    return ended.err


def test_a_data_directory_that_is_not_there_is_said_and_not_made(folder: Path) -> None:
    for data_dir in (folder / "data", folder):
        assert f"There is no boxoffice database in {data_dir}: " in said("--data-dir", str(data_dir))
    assert not list(folder.iterdir())


def test_a_database_without_tables_is_said(database_url: str) -> None:
    with database(database_url) as cursor:
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    assert "has no tables of boxoffice yet" in said("--database-url", database_url)


def test_a_database_that_is_not_there_is_said() -> None:
    nowhere = "postgresql://user:secret@127.0.0.1:1/tickets"
    line = said("--database-url", nowhere)
    assert "Cannot reach PostgreSQL at postgresql://user:***@127.0.0.1:1/tickets" in line
