"""`boxoffice serve` and `boxoffice migrate`: what they say when they cannot, options, and signals."""

import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxoffice.persistence.embedded import EmbeddedPostgres, running_url
from tests.support.log import database
from tests.support.postgres import public_folder
from tests.support.server import COMMAND, QUIET, Ended, Server, run

NOWHERE = "postgresql://user:secret@127.0.0.1:1/tickets"


@pytest.fixture
def folder() -> Iterator[Path]:
    with public_folder() as folder:
        yield folder


@pytest.fixture
def empty_url(database_url: str) -> str:
    """A database without tables."""
    with database(database_url) as cursor:
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return database_url


def said(ended: Ended) -> str:
    """The one line of a command that could not do its work."""
    assert ended.code not in (0, None)
    assert ended.code > 0, "not by a signal"
    lines = ended.err.splitlines()
    assert len(lines) == 1, ended.err
    assert ended.out == ""
    assert lines[0].startswith("boxoffice: ")
    assert lines[0].endswith(".")
    assert "secret" not in lines[0]
    return lines[0]


# --- what cannot be ------------------------------------------------------------------------------


def test_a_port_in_use_is_said(own_server: Server, database_url: str) -> None:
    port = str(own_server.address[1])
    line = said(run("serve", "--port", port, "--database-url", database_url))
    assert f"127.0.0.1:{port}" in line
    assert "in use" in line
    assert own_server.get("/events")[0] == 200


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_an_address_that_is_not_ours_is_said(host: str, database_url: str) -> None:
    assert host in said(run("serve", "--host", host, "--port", "0", "--database-url", database_url))


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_an_unreachable_database_is_said_without_its_password(command: str) -> None:
    line = said(run(command, "--database-url", NOWHERE, env={"PORT": "0"}))
    assert "Cannot reach PostgreSQL at postgresql://user:***@127.0.0.1:1/tickets" in line


@pytest.mark.parametrize("url", ["mysql://user:secret@localhost/x", "postgresql://:secret:x"])
def test_a_url_that_is_not_postgresqls_is_said(url: str) -> None:
    said(run("serve", "--database-url", url, env={"PORT": "0"}))


def test_two_databases_are_one_too_many(folder: Path) -> None:
    for command, arguments, env in (
        ("serve", ("--data-dir", str(folder), "--database-url", NOWHERE), {}),
        ("serve", ("--data-dir", str(folder)), {"DATABASE_URL": NOWHERE}),
        ("migrate", (), {"BOXOFFICE_DATA_DIR": str(folder), "DATABASE_URL": NOWHERE}),
    ):
        line = said(run(command, *arguments, env={"PORT": "0", **env}))
        assert "--data-dir" in line
        assert "--database-url" in line
    assert not list(folder.iterdir())


def test_a_database_without_tables_is_said_and_migrate_makes_them(empty_url: str) -> None:
    assert "run `boxoffice migrate`" in said(run("serve", "--port", "0", "--database-url", empty_url))
    for _ in ("once", "again, which changes nothing"):
        migrated = run("migrate", "--database-url", empty_url)
        assert (migrated.code, migrated.err.count("\n")) == (0, 1)
        assert "up to date" in migrated.err
    server = Server("--database-url", empty_url)
    assert server.book(server.event(), "alice")["status"] == "confirmed"
    assert server.stop() == 0


def test_tables_of_a_newer_boxoffice_are_said(database_url: str) -> None:
    with database(database_url) as cursor:
        cursor.execute("UPDATE boxoffice_schema SET version_num = '9999'")
    for command in ("serve", "migrate"):
        assert "newer boxoffice" in said(run(command, "--database-url", database_url, env={"PORT": "0"}))


def test_a_data_directory_of_another_version_is_said(folder: Path) -> None:
    cluster = folder / "data" / "postgres"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("16\n")
    if os.geteuid() == 0:
        shutil.chown(cluster, "boxoffice")
    line = said(run("serve", "--port", "0", "--data-dir", str(folder / "data")))
    assert "PostgreSQL 16" in line


def test_a_data_directory_in_use_is_said_and_its_server_goes_on(folder: Path) -> None:
    data_dir = str(folder / "data")
    server = Server("--data-dir", data_dir)
    for command in ("serve", "migrate"):
        line = said(run(command, "--data-dir", data_dir, env={"PORT": "0"}))
        assert f"in use by another boxoffice server (pid {server.process.pid})" in line
    assert server.book(server.event(), "alice")["status"] == "confirmed"
    assert server.stop() == 0


def test_a_database_that_may_lose_bookings_is_refused(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder / "data")
    postgres.start()
    try:
        # A setting of the whole server may not be changed in a transaction, and `database` makes one.
        configuration = folder / "data" / "postgres" / "postgresql.auto.conf"
        configuration.write_text("fsync = off\nfull_page_writes = off\n")
        with database(postgres.url) as cursor:
            cursor.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 10
        while True:
            with database(postgres.url) as cursor:
                cursor.execute("SHOW fsync")
                if cursor.fetchone() == ("off",):
                    break
            assert time.monotonic() < deadline
        for command in ("serve", "migrate"):
            line = said(run(command, "--database-url", postgres.url, env={"PORT": "0"}))
            assert "fsync = off and full_page_writes = off" in line
            assert "set fsync = on and full_page_writes = on" in line
    finally:
        postgres.stop("immediate")


@pytest.mark.parametrize("arguments", [("--port", "65536"), ("--nonsense",)])
def test_a_wrong_option_is_said_without_a_traceback(arguments: tuple[str, ...]) -> None:
    ended = run("serve", *arguments, env={"DATABASE_URL": NOWHERE})
    assert ended.code == 2
    assert arguments[0] in ended.err
    assert "Traceback" not in ended.err


# --- how it is told what to do -------------------------------------------------------------------


def test_help_names_every_option() -> None:
    ended = run("serve", "--help")
    assert ended.code == 0
    assert ended.err == ""
    for word in ("--host", "--port", "--data-dir", "--database-url", "HOST", "PORT", "DATABASE_URL"):
        assert word in ended.out
    commands = run("--help")
    assert commands.code == 0
    assert {"serve", "migrate"} <= set(commands.out.split())


def test_the_start_up_line_says_where_it_listens_and_on_which_database(own_server: Server) -> None:
    (line,) = own_server.said
    assert re.fullmatch(
        r"boxoffice is open at http://127\.0\.0\.1:\d+, on postgresql://boxoffice@/test_\d+\?host=/\S+\n",
        line,
    )


def test_on_a_terminal_a_bar_shows_how_far_the_rebuild_is(own_server: Server) -> None:
    for _ in range(3):
        own_server.event()
    own_server.stop()
    ours, theirs = pty.openpty()
    command = (COMMAND, "serve", "--port", "0", "--database-url", own_server.database_url)
    with subprocess.Popen(command, stderr=theirs, env={**QUIET, "TERM": "xterm-256color"}) as process:
        os.close(theirs)
        shown = b""
        while b"is open at" not in shown:
            shown += os.read(ours, 4_096)
        process.send_signal(signal.SIGINT)
    os.close(ours)
    assert process.returncode == 0
    assert b"Rebuilding events" in shown
    assert b"3/3" in shown


def test_the_environment_says_where_to_listen_and_which_database(database_url: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(env={"PORT": str(port), "HOST": "::1", "DATABASE_URL": database_url})
    assert server.url == f"http://[::1]:{port}"
    assert server.get("/events")[0] == 200
    assert server.stop() == 0


def test_a_flag_counts_more_than_the_environment(database_url: str) -> None:
    server = Server("--port", "0", "--database-url", database_url, env={"PORT": "1", "DATABASE_URL": NOWHERE})
    assert server.stop() == 0


# --- how it is told to stop ----------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(own_server: Server, number: signal.Signals) -> None:
    own_server.book(own_server.event(), "alice")
    assert own_server.stop(number) == 0
    complaints = [line for line in own_server.said[1:] if '"level":"info"' not in line]
    assert complaints == []


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("data/serve.lock", signal.SIGTERM),
        ("data/postgres-init-*/base", signal.SIGINT),
        ("data/postgres-init-*/base", signal.SIGTERM),
        ("data/postgres/postmaster.pid", signal.SIGTERM),
    ],
)
def test_a_signal_during_start_up_leaves_nothing_running(
    folder: Path, moment: str, number: signal.Signals
) -> None:
    data_dir = folder / "data"
    server = Server("--data-dir", str(data_dir), wait=False)
    while not list(folder.glob(moment)):
        assert server.process.poll() is None
        os.sched_yield()
    assert server.stop(number) in (0, 128 + number)
    assert "Traceback" not in "".join(server.said)
    assert running_url(data_dir) is None
    assert not (data_dir / "postgres" / "postmaster.pid").exists()
    server.start()
    assert server.book(server.event(), "alice")["status"] == "confirmed"
    assert server.stop() == 0
