"""The embedded PostgreSQL, started for real: how it starts, stops, survives, and what it refuses.

Every test has a folder of its own, not pytest's: for root PostgreSQL runs as a user that may not enter that.
"""

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy.engine import make_url

from boxoffice.persistence.database import StartupError
from boxoffice.persistence.embedded import EmbeddedPostgres, joined, running_url
from tests.support.postgres import public_folder

Make = Callable[[Path], EmbeddedPostgres]

START_AND_BE_KILLED = """
import os, signal, sys
from pathlib import Path
from boxoffice.persistence.embedded import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]))
postgres.start()
print(postgres.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


START_AND_STOP = """
import sys
from pathlib import Path
from boxoffice.persistence.embedded import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]))
postgres.start()
sys.stdin.read()
postgres.stop()
"""


@pytest.fixture
def base() -> Iterator[Path]:
    with public_folder() as folder:
        yield folder


@pytest.fixture
def make(base: Path) -> Iterator[Make]:
    made: list[EmbeddedPostgres] = []

    def make_one(data_dir: Path) -> EmbeddedPostgres:
        made.append(EmbeddedPostgres(data_dir))
        return made[-1]

    yield make_one
    for postgres in made:
        postgres.stop("immediate")


def ask(url: str, *statements: str) -> object:
    """Run the statements, commit, and return the first column of the last one's first row."""
    host = make_url(url).query["host"]
    with (
        closing(psycopg2.connect(host=host, port=5432, user="boxoffice", dbname="boxoffice")) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        for statement in statements:
            cursor.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def maintain(url: str, statement: str) -> None:
    """Run what cannot be run in our database."""
    host = make_url(url).query["host"]
    with closing(psycopg2.connect(host=host, port=5432, user="boxoffice", dbname="postgres")) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)


def start_and_be_killed(data_dir: Path) -> int:
    """What a server does that gets SIGKILL; returns the pid of the PostgreSQL that it left."""
    command = [sys.executable, "-c", START_AND_BE_KILLED, str(data_dir)]
    killed = subprocess.run(command, check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    return int(killed.stdout)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def is_stopped(data_dir: Path) -> bool:
    """PostgreSQL removes its postmaster.pid as the last thing it does."""
    return not (data_dir / "postgres" / "postmaster.pid").exists() and running_url(data_dir) is None


def test_it_starts_in_a_new_folder_and_listens_on_no_network(base: Path, make: Make) -> None:
    postgres = make(base / "deep" / "data")
    postgres.start()
    assert ask(postgres.url, "SELECT current_database()") == "boxoffice"
    assert ask(postgres.url, "SHOW listen_addresses") == ""
    assert ask(postgres.url, "SHOW server_encoding") == "UTF8"
    assert ask(postgres.url, "SHOW data_checksums") == "on"
    assert ask(postgres.url, "SHOW fsync") == "on"


def test_ctrl_c_in_our_terminal_does_not_reach_postgresql(base: Path, make: Make) -> None:
    postgres = make(base / "data")
    postgres.start()
    assert os.getsid(postgres.pid) != os.getsid(0)


def test_stopping_ends_the_process_and_may_be_repeated(base: Path, make: Make) -> None:
    postgres = make(base / "data")
    postgres.stop()
    postgres.start()
    postgres.stop()
    postgres.stop()
    assert is_stopped(base / "data")
    with pytest.raises(StartupError, match="does not run"):
        _ = postgres.url


def test_a_client_that_stays_connected_does_not_hold_up_the_end(base: Path, make: Make) -> None:
    postgres = make(base / "data")
    postgres.start()
    host = make_url(postgres.url).query["host"]
    with closing(psycopg2.connect(host=host, port=5432, user="boxoffice", dbname="boxoffice")):
        postgres.stop()
        assert is_stopped(base / "data")


def test_data_survive_an_immediate_stop(base: Path, make: Make) -> None:
    first = make(base / "data")
    first.start()
    ask(first.url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42)")
    first.stop("immediate")
    second = make(base / "data")
    second.start()
    assert ask(second.url, "SELECT n FROM kept") == 42


def test_data_survive_a_killed_postgresql(base: Path, make: Make) -> None:
    first = make(base / "data")
    first.start()
    ask(first.url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42)")
    os.kill(first.pid, signal.SIGKILL)  # leaves its postmaster.pid behind
    first.stop()
    second = make(base / "data")
    second.start()
    assert ask(second.url, "SELECT n FROM kept") == 42


def test_a_second_server_is_refused_with_the_pid_of_the_first(base: Path, make: Make) -> None:
    first, second = make(base / "data"), make(base / "data")
    first.start()
    with pytest.raises(StartupError, match=rf"in use by another boxoffice server \(pid {os.getpid()}\)"):
        second.start()
    second.stop()
    assert ask(first.url, "SELECT 1") == 1, "the one that was refused stops nothing"
    first.stop()
    second.start()


def test_the_next_start_joins_what_a_killed_server_left_running(base: Path, make: Make) -> None:
    left_running = start_and_be_killed(base / "data")
    postgres = make(base / "data")
    postgres.start()
    assert postgres.pid == left_running
    assert ask(postgres.url, "SELECT 1") == 1
    postgres.stop()
    assert is_stopped(base / "data")


def test_other_commands_find_the_running_database_without_the_lock(base: Path, make: Make) -> None:
    assert running_url(base / "data") is None
    postgres = make(base / "data")
    postgres.start()
    url = running_url(base / "data")
    assert url == postgres.url
    os.kill(postgres.pid, signal.SIGKILL)
    postgres.stop()
    assert running_url(base / "data") is None, "a postmaster.pid that outlived its process is no answer"
    postgres.start()  # clears away the shared memory that a killed PostgreSQL leaves behind


def test_a_command_beside_a_server_joins_it_and_leaves_it_running(base: Path, make: Make) -> None:
    postgres = make(base / "data")
    postgres.start()
    for _ in range(2):
        with joined(base / "data") as (url, started):
            assert (url, started) == (postgres.url, False)
            assert ask(url, "SELECT 1") == 1
    assert ask(postgres.url, "SELECT 1") == 1


def test_a_command_without_a_server_starts_the_database_and_stops_it(base: Path, make: Make) -> None:
    postgres = make(base / "data")
    postgres.start()
    ask(postgres.url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42)")
    postgres.stop()
    with joined(base / "data") as (url, started):
        assert started
        assert ask(url, "SELECT n FROM kept") == 42
    assert is_stopped(base / "data")
    postgres.start()


def test_a_command_beside_a_server_makes_no_data_directory(base: Path) -> None:
    with pytest.raises(StartupError, match=f"no boxoffice database in {base}/data"), joined(base / "data"):
        pass
    assert not list(base.iterdir())


def test_a_command_beside_a_server_makes_one_if_it_is_told_to(base: Path, make: Make) -> None:
    with joined(base / "data", make=True) as (url, started):
        assert started
        assert ask(url, "SELECT 1") == 1
    assert is_stopped(base / "data")
    make(base / "data").start()


def test_a_command_waits_for_a_server_that_is_starting(base: Path, make: Make) -> None:
    first = make(base / "data")
    first.start()
    first.stop()
    command = [sys.executable, "-c", START_AND_STOP, str(base / "data")]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as starting:
        while (base / "data" / "serve.lock").read_text() != f"{starting.pid}\n":
            assert starting.poll() is None
            os.sched_yield()
        with joined(base / "data") as (url, started):
            assert not started
            assert ask(url, "SELECT 1") == 1
        assert starting.poll() is None
        starting.communicate()
    assert is_stopped(base / "data")


def test_a_command_waits_for_the_database_of_a_server_that_starts_for_the_first_time(
    base: Path, make: Make
) -> None:
    postgres = make(base / "data")
    postgres.start()
    maintain(postgres.url, "DROP DATABASE boxoffice")
    made = threading.Timer(0.3, maintain, (postgres.url, "CREATE DATABASE boxoffice"))
    made.start()
    with joined(base / "data") as (url, started):
        assert not started
        assert ask(url, "SELECT 1") == 1
    made.join()


def test_a_command_makes_the_database_that_a_first_start_did_not_come_to(base: Path, make: Make) -> None:
    start_and_be_killed(base / "data")
    url = running_url(base / "data")
    assert url is not None
    maintain(url, "DROP DATABASE boxoffice")
    with joined(base / "data") as (url, started):
        assert started
        assert ask(url, "SELECT 1") == 1
    assert is_stopped(base / "data")


def test_a_command_does_not_wait_for_ever_for_a_server_that_is_starting(
    base: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres = make(base / "data")
    postgres.start()
    postgres.stop()
    monkeypatch.setattr("boxoffice.persistence.embedded.JOIN_TIMEOUT_S", 0.2)
    with (base / "data" / "serve.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StartupError, match="in use by another boxoffice server"), joined(base / "data"):
            pass
    postgres.start()


def test_a_server_killed_in_the_middle_of_initdb_does_not_break_the_next_start(
    base: Path, make: Make
) -> None:
    starting = subprocess.Popen(
        [sys.executable, "-c", START_AND_BE_KILLED, str(base / "data")], stdout=subprocess.DEVNULL
    )
    while not list(base.glob("data/postgres-init-*/base")):
        assert starting.poll() is None
        os.sched_yield()
    starting.kill()
    starting.wait()
    assert not (base / "data" / "postgres").exists()
    postgres = make(base / "data")
    postgres.start()
    assert ask(postgres.url, "SELECT 1") == 1


def test_a_half_made_cluster_is_swept_away(base: Path, make: Make) -> None:
    leftover = base / "data" / "postgres-init-abandoned"
    leftover.mkdir(parents=True)
    (leftover / "PG_VERSION").write_text("18\n")
    make(base / "data").start()
    assert not leftover.exists()


def test_the_database_is_made_when_a_start_was_cut_off_before_it(base: Path, make: Make) -> None:
    first = make(base / "data")
    first.start()
    maintain(first.url, "DROP DATABASE boxoffice")
    first.stop()
    second = make(base / "data")
    second.start()
    assert ask(second.url, "SELECT current_database()") == "boxoffice"


def test_a_cluster_of_another_version_is_refused_naming_both(base: Path, make: Make) -> None:
    postgres = make(base / "data")
    postgres.start()
    postgres.stop()
    (base / "data" / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(StartupError, match=r"made by PostgreSQL 16, and this boxoffice brings 18: .*pg_dump"):
        postgres.start()


def test_a_folder_that_is_no_cluster_is_refused_and_kept(base: Path, make: Make) -> None:
    cluster = base / "data" / "postgres"
    cluster.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(cluster, "boxoffice")
    (cluster / "precious").touch()
    with pytest.raises(StartupError, match="not a PostgreSQL cluster"):
        make(base / "data").start()
    assert (cluster / "precious").exists()


def test_a_file_as_data_directory_is_refused(base: Path, make: Make) -> None:
    (base / "data").touch()
    with pytest.raises(StartupError, match="is a file"):
        make(base / "data").start()


@pytest.mark.parametrize(
    "name", ["long-" + "x" * 120, "a,comma", "blank, \"quotes', $HOME and `backticks` % ü"]
)
def test_any_path_will_do(base: Path, make: Make, name: str) -> None:
    postgres = make(base / name)
    postgres.start()
    socket_dir = Path(str(make_url(postgres.url).query["host"]))
    assert ask(postgres.url, "SELECT 1") == 1
    assert mode(socket_dir) == 0o700
    if socket_dir.parent != base / name:
        postgres.stop()
        assert not socket_dir.exists(), "a socket's own folder goes with it"


def test_a_private_socket_folder_is_found_again_when_joining(base: Path, make: Make) -> None:
    data_dir = base / ("long-" + "x" * 120)
    start_and_be_killed(data_dir)
    postgres = make(data_dir)
    postgres.start()
    socket_dir = Path(str(make_url(postgres.url).query["host"]))
    assert ask(postgres.url, "SELECT 1") == 1
    postgres.stop()
    assert not socket_dir.exists()


def test_the_environment_of_the_server_changes_nothing(
    base: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGUSER", "nobody")
    postgres = make(base / "data")
    postgres.start()
    assert ask(postgres.url, "SELECT 1") == 1


def test_what_is_made_is_closed_to_others(base: Path, make: Make) -> None:
    before = os.umask(0o000)
    try:
        make(base / "data").start()
    finally:
        os.umask(before)
    assert mode(base / "data") & 0o007 == 0
    assert mode(base / "data" / "postgres") == 0o700
    assert mode(base / "data" / "postgres.log") == 0o600
    assert mode(base / "data" / "serve.lock") == 0o600
    assert mode(base) == 0o755


def test_a_start_that_fails_tells_why_and_unlocks(base: Path, make: Make) -> None:
    first = make(base / "data")
    first.start()
    first.stop()
    configuration = base / "data" / "postgres" / "postgresql.conf"
    sound = configuration.read_text()
    configuration.write_text(sound + "shared_buffers = lots\n")
    with pytest.raises(
        StartupError, match=r"did not start: .*contains errors \(see .*postgres\.log\)"
    ) as refusal:
        make(base / "data").start()
    assert "\n" not in str(refusal.value)
    configuration.write_text(sound)
    make(base / "data").start()


def test_a_socket_that_is_no_longer_there_is_not_joined_and_its_process_left_alone(
    base: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a crash of the machine, when the pid in postmaster.pid is some other program's."""
    first = make(base / "data")
    first.start()
    pid_file = base / "data" / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines(keepends=True)
    first.stop()
    owner = pid_file.parent.stat().st_uid if os.geteuid() == 0 else None  # only its own count for pg_ctl
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, user=owner) as other:
        pid_file.write_text("".join([f"{other.pid}\n", *lines[1:]]))
        monkeypatch.setattr("boxoffice.persistence.embedded.JOIN_TIMEOUT_S", 0.2)
        with pytest.raises(StartupError, match="has not become ready"):
            make(base / "data").start()
        assert other.poll() is None
        other.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
class TestAsRoot:
    def test_postgresql_is_not_root(self, base: Path, make: Make) -> None:
        postgres = make(base / "data")
        postgres.start()
        assert (base / "data" / "postgres").owner() == "boxoffice"
        assert Path(f"/proc/{postgres.pid}").stat().st_uid == (base / "data" / "postgres").stat().st_uid
        assert Path(base / "data").owner() == "root", "the database's user can plant no links for root"

    def test_a_data_directory_below_a_private_folder_is_refused_and_stays_private(
        self, base: Path, make: Make
    ) -> None:
        private = base / "private"
        private.mkdir(mode=0o700)
        with pytest.raises(
            StartupError, match=rf"^{private} is closed to the system user boxoffice.*ordinary user"
        ):
            make(private / "below" / "data").start()
        assert mode(private) == 0o700
        assert mode(base) == 0o755
        assert not list(private.iterdir())

    def test_an_existing_private_data_directory_is_refused(self, base: Path, make: Make) -> None:
        (base / "data").mkdir(mode=0o700)
        with pytest.raises(StartupError, match="chmod o\\+x"):
            make(base / "data").start()
        assert mode(base / "data") == 0o700

    def test_a_cluster_of_another_user_is_refused(self, base: Path, make: Make) -> None:
        postgres = make(base / "data")
        postgres.start()
        postgres.stop()
        shutil.chown(base / "data" / "postgres", "nobody")
        with pytest.raises(StartupError, match="belongs to the user nobody"):
            postgres.start()

    def test_a_link_in_place_of_the_log_is_not_followed(self, base: Path, make: Make) -> None:
        (base / "data").mkdir()
        (base / "victim").write_text("untouched")
        (base / "data" / "postgres.log").symlink_to(base / "victim")
        with pytest.raises(StartupError, match=r"postgres\.log"):
            make(base / "data").start()
        assert (base / "victim").read_text() == "untouched"
