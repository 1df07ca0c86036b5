"""The embedded PostgreSQL 18: the one that an operator gets who names no database.

Keeps one cluster in the operator's data directory: locks it for one server, makes it, starts PostgreSQL or
joins one that a killed server left, and stops it; a command beside a server joins without a lock and stops
nothing. How PostgreSQL's programs are run is in `programs.py`; there are no tables and no bookings in here.
The composition root calls it on the main thread, first at start and last at stop, and waits.
"""

import fcntl
import os
import pwd
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from sqlalchemy.engine import URL

from boxoffice.persistence.database import DRIVER, StartupError
from boxoffice.persistence.programs import NAME, PORT, POSTGRES_MAJOR, Account, Programs, account, last_lines

SOCKET_PATH_MAX = 107  # bytes; sun_path holds 108 with its closing zero
JOIN_TIMEOUT_S = 30
PRIVATE_PREFIX = "boxoffice-"  # of a socket's own folder


class InUseError(StartupError):
    """Another process holds the data directory."""


class EmbeddedPostgres:
    """One cluster in `<data_dir>/postgres`, for one server at a time.

    `<data_dir>/serve.lock` is locked from `start` to `stop`; `<data_dir>/postgres.log` is PostgreSQL's log.
    A server that was killed leaves PostgreSQL running, and the next `start` joins it.
    """

    def __init__(self, data_dir: Path) -> None:
        self._home = data_dir.expanduser().resolve()
        self._cluster = self._home / "postgres"
        self._lock: int | None = None
        self._programs: Programs | None = None
        self._socket_dir: Path | None = None

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the database. Raises StartupError when PostgreSQL does not run."""
        return _url(self._postmaster())

    @property
    def pid(self) -> int:
        """PostgreSQL's main process. Raises StartupError when it does not run."""
        return self._postmaster().pid

    def start(self) -> None:
        """Make the cluster if there is none, start PostgreSQL or join it, make the database if there is none.

        Takes about a second, or as long as a crash recovery does (at most 10 minutes). Raises StartupError,
        and then leaves nothing running or locked.
        """
        if self._lock is not None:
            raise RuntimeError("already started")
        try:
            self._start()
        except OSError as error:
            self.stop()
            raise StartupError(f"Cannot start PostgreSQL in {self._home}: {_told(error)}.") from error
        except BaseException:
            self.stop()
            raise

    def revive(self) -> bool:
        """Start PostgreSQL again if it has ended by itself, without waiting until it is ready.

        Whether it had ended. Does nothing when not started. Raises StartupError.
        """
        if self._programs is None or self._socket_dir is None or self._lives():
            return False
        self._programs.launch(self._socket_dir, self._home / "postgres.log", wait=False)
        return True

    def _lives(self) -> bool:
        postmaster = _read_postmaster(self._cluster)
        if postmaster is None and self._programs is not None:
            return self._programs.is_running()  # its file may just be being written
        try:
            os.kill(self._postmaster().pid, 0)
        except PermissionError:
            return True  # it is another user's, and alive
        except (ProcessLookupError, StartupError):
            return False
        return True

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop PostgreSQL and unlock the data directory; does nothing when not started.

        After 3 s without an orderly end PostgreSQL is stopped as `immediate` does it, without a last
        checkpoint: nothing is lost, the next start recovers from the write-ahead log.
        """
        if self._lock is None:
            return
        try:
            if self._programs is not None:
                self._programs.stop(mode)
            if self._socket_dir is not None:
                _remove_private_folder(self._socket_dir)
        finally:
            os.close(self._lock)  # the file stays: to delete it would let two servers lock two files
            self._lock = None
            self._programs = None
            self._socket_dir = None

    def _start(self) -> None:
        if self._home.exists() and not self._home.is_dir():
            raise StartupError(f"The data directory {self._home} is a file: give a folder as --data-dir.")
        user = account()
        if self._cluster.exists():
            _check_owner(self._cluster, user)
        programs = Programs(self._cluster, user)
        programs.check_passage(programs.binaries, "install boxoffice outside it")
        programs.check_passage(self._home, "give a --data-dir outside it")
        if not self._home.exists():
            _make_home(self._home, user)
            programs.check_passage(self._home, "give a --data-dir outside it")  # our umask may be strict
        self._lock = _take_lock(self._home)
        if not self._cluster.exists():
            _make_cluster(self._cluster, programs)
        _check_version(self._cluster)
        if not self._join(programs):
            self._launch(programs)
        _make_database(self._postmaster())

    def _join(self, programs: Programs) -> bool:
        """Whether PostgreSQL runs here already; waits while it is starting or stopping."""
        deadline = time.monotonic() + JOIN_TIMEOUT_S
        while programs.is_running():
            postmaster = _read_postmaster(self._cluster)
            if postmaster is not None and _is_ready(postmaster):
                self._programs, self._socket_dir = programs, postmaster.socket_dir
                return True
            if time.monotonic() > deadline:
                # Left alone: after a crash of the machine the file may name any program, even ourselves.
                raise StartupError(
                    f"The process that {self._cluster}/postmaster.pid names has not become ready in"
                    f" {JOIN_TIMEOUT_S} s: see {self._home}/postgres.log, or remove that file if the process"
                    " is not PostgreSQL."
                )
            time.sleep(0.05)
        return False

    def _launch(self, programs: Programs) -> None:
        self._programs = programs  # from here on, a start that fails stops what runs
        self._socket_dir = _make_socket_dir(self._cluster, programs)
        programs.launch(self._socket_dir, self._home / "postgres.log")

    def _postmaster(self) -> "_Postmaster":
        postmaster = _read_postmaster(self._cluster)
        if postmaster is None:
            raise StartupError(f"PostgreSQL does not run in {self._cluster}.")
        return postmaster


def running_url(data_dir: Path) -> str | None:
    """The SQLAlchemy URL of the PostgreSQL that runs in `data_dir`, or None; for commands beside a server."""
    postmaster = _running(data_dir)
    return None if postmaster is None else _url(postmaster)


def _running(data_dir: Path) -> "_Postmaster | None":
    postmaster = _read_postmaster(data_dir.expanduser().resolve() / "postgres")
    return postmaster if postmaster is not None and _is_ready(postmaster) else None


class Joined(NamedTuple):
    """The SQLAlchemy URL of a database, and whether we started it: if so, nobody else uses it."""

    url: str
    started: bool


@contextmanager
def joined(data_dir: Path, *, make: bool = False) -> Iterator[Joined]:
    """The database in `data_dir`, for a command that may run beside a server.

    Joins the PostgreSQL that runs there, waiting for one that is being started for at most 30 s, and then
    stops nothing; where none runs, starts it and stops it at the end. Makes a data directory only if told
    to `make` one. Raises StartupError.
    """
    if not make and not os.path.isdir(data_dir.expanduser() / "postgres"):
        raise StartupError(f"There is no boxoffice database in {data_dir}: give the --data-dir of one.")
    own = EmbeddedPostgres(data_dir)
    try:
        yield _join_or_start(own, data_dir)
    finally:
        own.stop()  # does nothing unless we started it


def _join_or_start(own: EmbeddedPostgres, data_dir: Path) -> Joined:
    deadline = time.monotonic() + JOIN_TIMEOUT_S
    # One that is started for the very first time is there for a moment before its database is.
    while (postmaster := _running(data_dir)) is None or not _has_database(postmaster):
        try:
            own.start()
            return Joined(own.url, started=True)
        except InUseError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    return Joined(_url(postmaster), started=False)


# --- The data directory -----------------------------------------------------------------------------------


def _make_home(home: Path, user: Account | None) -> None:
    """Beside its place, then renamed: a start that ends half-way leaves no folder that the next refuses."""
    home.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{home.name}-", dir=home.parent))
    try:
        if user is not None:
            # Root's, so that the database's user cannot plant links here that root would follow.
            os.chown(unfinished, -1, user.gid)
            unfinished.chmod(0o710)
        unfinished.rename(home)
    except BaseException:
        unfinished.rmdir()
        raise


def _take_lock(home: Path) -> int:
    """Lock `home` for this server, with a lock that ends with our process however it ends."""
    lock = os.open(home / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.truncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
    except BlockingIOError:
        holder = os.read(lock, 32).decode().strip()
        os.close(lock)
        raise InUseError(
            f"The data directory {home} is in use by another boxoffice server (pid {holder or 'unknown'})."
        ) from None
    except BaseException:
        os.close(lock)
        raise
    return lock


def _make_cluster(cluster: Path, programs: Programs) -> None:
    """initdb beside the final place, then rename: nothing half-made can ever stand there."""
    prefix = "postgres-init-"
    for leftover in cluster.parent.glob(f"{prefix}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    unfinished = Path(tempfile.mkdtemp(prefix=prefix, dir=cluster.parent))
    try:
        programs.own(unfinished)
        programs.initialise(unfinished)
        unfinished.rename(cluster)
        _sync_folder(cluster.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _check_owner(cluster: Path, account: Account | None) -> None:
    owner, wanted = cluster.stat().st_uid, os.geteuid() if account is None else account.uid
    if owner != wanted:
        raise StartupError(
            f"{cluster} belongs to the user {_user_name(owner)} and PostgreSQL would run as"
            f" {_user_name(wanted)}: start boxoffice as the user who made it."
        )


def _check_version(cluster: Path) -> None:
    version_file = cluster / "PG_VERSION"
    if not version_file.is_file():
        raise StartupError(f"{cluster} is not a PostgreSQL cluster (no PG_VERSION): move it out of the way.")
    version = version_file.read_text().strip()
    if version != POSTGRES_MAJOR:
        raise StartupError(
            f"{cluster} was made by PostgreSQL {version}, and this boxoffice brings {POSTGRES_MAJOR}:"
            " carry the data over with pg_upgrade or with pg_dump, or install the boxoffice that made it."
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- The socket -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Postmaster:
    """What PostgreSQL writes about itself into postmaster.pid; the file outlives a crash."""

    pid: int
    socket_dir: Path
    status: str  # starting, ready, stopping


def _read_postmaster(cluster: Path) -> _Postmaster | None:
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
        return _Postmaster(pid=int(lines[0]), socket_dir=Path(lines[4]), status=lines[7].strip())
    except (OSError, IndexError, ValueError):
        return None  # absent, or still being written


def _url(postmaster: _Postmaster) -> str:
    # The port is in it because libpq would else take PGPORT from our environment.
    where = {"host": str(postmaster.socket_dir), "port": str(PORT)}
    return URL.create(DRIVER, username=NAME, database=NAME, query=where).render_as_string()


def _socket_path(socket_dir: Path) -> str:
    return str(socket_dir / f".s.PGSQL.{PORT}")


def _is_ready(postmaster: _Postmaster) -> bool:
    """Whether it says so and answers: the file outlives a crash, and one that recovers answers already."""
    if postmaster.status != "ready":
        return False
    with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
        client.connect(_socket_path(postmaster.socket_dir))
        return True
    return False


def _make_socket_dir(cluster: Path, programs: Programs) -> Path:
    """The cluster's own folder, or a short private one when the path cannot be used for a socket."""

    def fits(folder: Path) -> bool:
        # libpq reads a comma as the end of one host and the beginning of the next.
        return len(os.fsencode(_socket_path(folder))) <= SOCKET_PATH_MAX and "," not in str(folder)

    if fits(cluster):
        return cluster
    folder = Path(tempfile.mkdtemp(prefix=PRIVATE_PREFIX)).resolve()
    try:
        programs.own(folder)
        programs.check_passage(folder, "set TMPDIR to a folder outside it")
        if not fits(folder):
            raise StartupError(f"No socket fits into {cluster} nor {folder}: give a shorter --data-dir.")
    except BaseException:
        folder.rmdir()
        raise
    return folder


def _remove_private_folder(socket_dir: Path) -> None:
    if socket_dir.name.startswith(PRIVATE_PREFIX):
        with suppress(OSError):  # rmdir takes only an empty folder, so nobody's files are at risk
            socket_dir.rmdir()


def _has_database(postmaster: _Postmaster) -> bool:
    """Whether our database is there; also if that cannot be found out, which whoever connects will tell."""
    try:
        with _maintenance(postmaster) as cursor:
            return _is_made(cursor)
    except psycopg2.Error:
        return True


def _is_made(cursor: Cursor) -> bool:
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (NAME,))
    return cursor.fetchone() is not None


@contextmanager
def _maintenance(postmaster: _Postmaster) -> Iterator[Cursor]:
    with closing(
        psycopg2.connect(
            host=str(postmaster.socket_dir), port=PORT, user=NAME, dbname="postgres", connect_timeout=10
        )
    ) as connection:
        connection.autocommit = True  # CREATE DATABASE refuses to run in a transaction
        with connection.cursor() as cursor:
            yield cursor


def _make_database(postmaster: _Postmaster) -> None:
    try:
        with _maintenance(postmaster) as cursor:
            if not _is_made(cursor):
                cursor.execute(f"CREATE DATABASE {NAME}")
    except psycopg2.Error as error:
        raise StartupError(
            f"Cannot make the database in the embedded PostgreSQL: {last_lines(str(error))}."
        ) from error


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _told(error: OSError) -> str:
    return f"{error.strerror} ({error.filename})" if error.filename else str(error.strerror or error)
