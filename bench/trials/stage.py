"""What is measured, and beside what: a server on a throw-away database, a handler that does nothing.

Starts both as processes, and ends what it has started, however the script ends. Plain calls for preparing and
for looking, which are no part of a load. Used by the scripts here, on their main thread.
"""

import asyncio
import json
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg2
from processes import processes, resident_bytes
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy.engine import make_url

from boxoffice.persistence.embedded import EmbeddedPostgres, running_url

HERE = Path(__file__).parent
BOXOFFICE = str(Path(sys.executable).with_name("boxoffice"))
CAPACITY = 10_000_000
"""More tickets than are ever booked here."""

STOP_S = 30.0

_COUNTED = """
SELECT (SELECT sum(booked) FROM events), (SELECT sum(quantity) FROM orders WHERE status = 'confirmed'),
       (SELECT sum(waiting) FROM events), (SELECT count(*) FROM orders WHERE status = 'waitlisted')
"""


class Started(NamedTuple):
    """A process, and the line on which it said that it was ready."""

    line: str
    pid: int


@contextmanager
def running(ready: str, *command: str) -> Iterator[Started]:
    """A process, from the line on which it says `ready` to its orderly end. Ends here if it never says so."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    rest = threading.Thread(target=process.stdout.read, daemon=True)  # else it might wait for us
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if ready in line:
                rest.start()
                yield Started(line, process.pid)
                break
        else:
            raise SystemExit("".join(said) or f"{command} ended at once")
    finally:
        process.terminate()
        process.wait(STOP_S)
        if rest.ident is not None:
            rest.join(STOP_S)
        process.stdout.close()


@contextmanager
def folder(temporary: str) -> Iterator[Path]:
    """A new folder in this one, which PostgreSQL's user may enter; removed at the end."""
    made = Path(tempfile.mkdtemp(prefix="boxoffice-bench-", dir=temporary))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def database(data_dir: Path) -> Iterator[str]:
    """The embedded PostgreSQL without a server, for filling it beforehand: its SQLAlchemy URL."""
    postgres = EmbeddedPostgres(data_dir)
    postgres.start()
    try:
        yield postgres.url
    finally:
        postgres.stop()


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection of psycopg2's, in autocommit, to a database by its SQLAlchemy URL."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(plain)) as connection:
        connection.autocommit = True
        yield connection


class Stage:
    """A running server, and what our processes use of the processors. `pids`: these, by their names."""

    def __init__(self, url: str, pid: int, data_dir: Path) -> None:
        self.url = url
        self.pids = {"server": pid}
        self._data_dir = data_dir
        self._postgres = int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])

    @property
    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        return address_of(self.url)

    @property
    def database_url(self) -> str:
        """Its database, for what is measured beside it."""
        found = running_url(self._data_dir)
        if found is None:
            raise SystemExit("the server's PostgreSQL has gone")
        return found

    @property
    def resident_bytes(self) -> int:
        """The server's memory."""
        return resident_bytes(self.pids["server"])

    def cpu_s(self) -> dict[str, float]:
        """Seconds of processor time so far; only our own where there is no /proc."""
        used = processes()
        return {
            "generator": time.process_time(),
            **{name: used[pid].cpu_s for name, pid in self.pids.items() if pid in used},
            "PostgreSQL": sum(each.cpu_s for each in used.values() if each.parent == self._postgres),
        }

    def watch_cpu(self, seconds: float, warm_up_s: float) -> list[dict[str, float]]:
        """What has been used when the warm-up ends, and when the load does; complete only then."""
        marks: list[dict[str, float]] = []
        for after_s in (warm_up_s, warm_up_s + seconds):
            asyncio.get_running_loop().call_later(after_s, lambda: marks.append(self.cpu_s()))
        return marks

    def event(self, tickets: int = CAPACITY, key: str = "") -> str:
        """A new event; as a rule with enough tickets for everybody."""
        body = {"eventName": "Hot", "totalTickets": tickets}
        return str(post(f"{self.url}/initialize", body, key)["eventId"])

    def booked(self, event_id: str, key: str = "") -> int:
        """How many tickets of the event are booked."""
        return int(self.status(event_id, key)["bookedTickets"])

    def status(self, event_id: str, key: str = "") -> dict[str, Any]:
        """What the event shows."""
        return get(f"{self.url}/status/{event_id}", key)

    def audit(self) -> None:
        """Ends here if `boxoffice audit` finds anything."""
        command = [BOXOFFICE, "audit", "--data-dir", str(self._data_dir)]
        audit = subprocess.run(command, capture_output=True, text=True, check=False)
        if audit.returncode:
            raise SystemExit(audit.stdout + audit.stderr)

    def check(self) -> None:
        """Ends here if the events' counters say otherwise than their orders do."""
        with connected(self.database_url) as connection, connection.cursor() as cursor:
            cursor.execute(_COUNTED)
            booked, confirmed, waiting, waitlisted = cursor.fetchone() or (0, 0, 0, 0)
        if (booked, waiting) != (confirmed, waitlisted) or not booked:
            raise SystemExit(
                f"{booked} booked and {waiting} waiting, and {confirmed} and {waitlisted} orders of that kind"
            )


@contextmanager
def serving(data_dir: Path, *options: str) -> Iterator[Stage]:
    """A server with these options on the database in this folder."""
    serve = (BOXOFFICE, "serve", "--port", "0", "--data-dir", str(data_dir), *options)
    with running("is open at", *serve) as started:
        yield Stage(started.line.split("is open at ")[1].split(",")[0], started.pid, data_dir)


@contextmanager
def staged(temporary: str, *options: str) -> Iterator[Stage]:
    """A server with these options on a throw-away database in this folder."""
    with folder(temporary) as data_dir, serving(data_dir, *options) as stage:
        yield stage


def open_all_files() -> None:
    """Let this process, and those that it starts, open all the files that they may."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def doing_nothing() -> Iterator[str]:
    """The URL of a server whose handlers do nothing (see `do_nothing.py`)."""
    with running("do nothing at", sys.executable, str(HERE / "do_nothing.py"), "--port", "0") as started:
        yield started.line.split()[-1]


def end_on_sigterm() -> None:
    """End by an exception, so that all that was begun is ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))


# --- plain calls ---------------------------------------------------------------------------------


def address_of(url: str) -> tuple[str, int]:
    """Host and port."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def as_holder(key: str) -> dict[str, str]:
    """The header of whoever has an API key."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def fetched(request: str | urllib.request.Request) -> bytes:
    """The body of an answer. Raises urllib.error.HTTPError if it is a refusal."""
    with urllib.request.urlopen(request, timeout=30) as answer:
        body: bytes = answer.read()
        return body


def _call(request: urllib.request.Request) -> Any:
    return json.loads(fetched(request))


def post(url: str, body: dict[str, Any], key: str = "") -> dict[str, Any]:
    """The JSON answer of a POST. Raises urllib.error.HTTPError if it is refused."""
    headers = {"Content-Type": "application/json", **as_holder(key)}
    found: dict[str, Any] = _call(urllib.request.Request(url, json.dumps(body).encode(), headers))
    return found


def get(url: str, key: str = "") -> dict[str, Any]:
    """The JSON answer of a GET. Raises urllib.error.HTTPError if it is refused."""
    found: dict[str, Any] = _call(urllib.request.Request(url, headers=as_holder(key)))
    return found


def new_key(data_dir: Path) -> str:
    """An API key for all that is done here; the server that has this database must not run yet."""
    scopes = [part for scope in ("read", "sell", "organise") for part in ("--scope", scope)]
    limit = ("--limit", "1000000/second", "--data-dir", str(data_dir))
    command = [BOXOFFICE, "keys", "create", "--name", "bench", *scopes, *limit]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
