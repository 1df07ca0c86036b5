"""Real PostgreSQL servers for the tests: the embedded one, and Debian's when its programs are there.

Each is started once in a run, with one migrated template; every test gets a database of its own, copied
from it in some tens of milliseconds.
"""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
from sqlalchemy.engine import make_url

from boxoffice.persistence import database
from boxoffice.persistence.embedded import EmbeddedPostgres

TEMPLATE = "boxoffice_template"
_numbers = itertools.count(1)


@contextmanager
def public_folder() -> Iterator[Path]:
    """A temporary folder that PostgreSQL's user may enter, also when the tests run as root.

    In memory where there is enough: making a cluster syncs a thousand files, seconds on a busy disk.
    """
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2**30
    folder = Path(tempfile.mkdtemp(prefix="bo-", dir=memory if roomy else "/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Cluster:
    """A running server, known by the URL of its maintenance database."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg2")
        plain = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = psycopg2.connect(plain)
        self._connection.autocommit = True
        self._execute(f"CREATE DATABASE {TEMPLATE}")
        engine = database.make_engine(self._url.set(database=TEMPLATE))
        database.upgrade(engine)
        engine.dispose()

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a fresh, migrated database, dropped at the end."""
        name = f"test_{next(_numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        try:
            yield self._url.set(database=name).render_as_string(hide_password=False)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        """End its session."""
        self._connection.close()

    def _execute(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)


@contextmanager
def embedded() -> Iterator[Cluster]:
    """The PostgreSQL that `boxoffice serve` brings along."""
    with public_folder() as folder:
        server = EmbeddedPostgres(folder)
        server.start()
        try:
            with closing(Cluster(server.url)) as cluster:
                yield cluster
        finally:
            server.stop()


def debian_programs() -> Path | None:
    """The folder of Debian's PostgreSQL programs, the newest version's, if they are installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def debian(programs: Path) -> Iterator[Cluster]:
    """A throw-away cluster of Debian's PostgreSQL."""
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name

    def run(*command: str) -> None:
        subprocess.run(
            command, check=True, user=user if os.geteuid() == 0 else None, cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    with public_folder() as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        cluster = str(folder / "cluster")
        run(
            str(programs / "initdb"),
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "-U",
            "boxoffice",
            cluster,
        )
        options = f"-c listen_addresses='' -c unix_socket_directories={folder}"
        pg_ctl = (str(programs / "pg_ctl"), "-D", cluster, "-w", "-l", str(folder / "log"))
        run(*pg_ctl, "-o", options, "start")
        try:
            with closing(Cluster(f"postgresql://boxoffice@/postgres?host={folder}")) as found:
                yield found
        finally:
            run(*pg_ctl, "-m", "immediate", "stop")
