"""Who is compared with boxoffice: what each needs, and how it is started on a database of its own.

Each that needs PostgreSQL has a cluster made and set up like boxoffice's, by the same code; that it is
durable is looked up. What the programs are stands in `bench/peers/`. Used by `peers.py`, on its main thread.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

import machine
import stage
from sqlalchemy.engine import make_url

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "bench" / "peers"
INSTALLED = ROOT / "build" / "peers"
PYTHON = INSTALLED / "venv" / "bin" / "python"
MODULES = INSTALLED / "node" / "node_modules"

REDIS = (
    "redis-server", "--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "always",
    "--auto-aof-rewrite-percentage", "0",
)  # fmt: skip
"""All is on disk before it is answered; and nothing is done that the others do not do either."""

DURABLE = ("fsync", "synchronous_commit", "full_page_writes")

Start: TypeAlias = Callable[[Path, int | None], AbstractContextManager[str]]
"""Opens it in this folder, with so many connections to its database or the best number; yields its URL."""


class Peer(NamedTuple):
    """One of those that are compared."""

    letter: str
    name: str
    start: Start
    needs: tuple[Path | str, ...] = ()
    """Files, and programs; without them it is left out."""
    at_least: float | None = None
    """So many times its bookings should boxoffice make."""

    @property
    def missing(self) -> str | None:
        """What it cannot be started without."""
        there = (each if isinstance(each, Path) else shutil.which(each) for each in self.needs)
        absent = [
            need
            for need, found in zip(self.needs, there, strict=True)
            if not (found and Path(found).exists())
        ]
        return f"{absent[0]} is not installed" if absent else None


# --- how each is started ------------------------------------------------------------------------


@contextmanager
def boxoffice(folder: Path, _: int | None) -> Iterator[str]:
    """`boxoffice serve`, as it comes, on its embedded database."""
    with stage.serving(folder) as serving:
        yield serving.url


@contextmanager
def nothing(_: Path, __: int | None) -> Iterator[str]:
    """The handler that does nothing."""
    with stage.doing_nothing() as url:
        yield url


@contextmanager
def listening(pool: int | None, *command: str) -> Iterator[str]:
    """The URL at which this program says that it is open."""
    size = () if pool is None else ("--pool", str(pool))
    with stage.running("is open at", *command, "--port", "0", *size) as started:
        yield started.line.split()[-1]


def on_postgres(*command: str) -> Start:
    """This program on a PostgreSQL like boxoffice's."""

    @contextmanager
    def start(folder: Path, pool: int | None) -> Iterator[str]:
        with stage.database(folder) as url:
            with stage.connected(url) as connection, connection.cursor() as cursor:
                for setting in DURABLE:
                    cursor.execute(f"SHOW {setting}")
                    if cursor.fetchone() != ("on",):
                        raise SystemExit(f"{setting} is off")
            with listening(pool, *command, "--socket", str(make_url(url).query["host"])) as found:
                yield found

    return start


@contextmanager
def on_redis(folder: Path, pool: int | None) -> Iterator[str]:
    """The program on Redis, and one for it."""
    socket = folder / "redis.sock"
    command = (*REDIS, "--dir", str(folder), "--unixsocket", str(socket))
    with (
        stage.running("eady to accept connections", *command),
        listening(pool, str(PYTHON), str(PROGRAMS / "lua_and_list.py"), "--socket", str(socket)) as url,
    ):
        yield url


NODE = ("env", "NODE_ENV=production", f"NODE_PATH={MODULES}", "node", str(PROGRAMS / "express" / "server.js"))
ONE_STATEMENT, ORM = ((str(PYTHON), str(PROGRAMS / f"{name}.py")) for name in ("one_statement", "orm"))

FOR_UPDATE = "Express + Sequelize, `SELECT … FOR UPDATE`"

PEERS = (
    Peer("boxoffice", "boxoffice", boxoffice),
    Peer("a", FOR_UPDATE, on_postgres(*NODE), ("node", MODULES / "express"), 30),
    Peer("b", "aiohttp + asyncpg, one statement", on_postgres(*ONE_STATEMENT), (PYTHON,), 5),
    Peer("c", "FastAPI + SQLAlchemy, ORM", on_postgres(*ORM), (PYTHON,)),
    Peer("d", "aiohttp + Redis, Lua and a list", on_redis, ("redis-server", PYTHON), 1.5),
    Peer("e", "a handler that does nothing", nothing, (), 0.75),
)
BY_LETTER = {peer.letter: peer for peer in PEERS}

# --- what they are made of ------------------------------------------------------------------------

PACKAGES = ("aiohttp", "asyncpg", "fastapi", "uvicorn", "sqlalchemy", "redis", "hiredis", "uvloop")
ASK_VERSIONS = (
    f"from importlib.metadata import version\nprint(*(f'{{n}} {{version(n)}}' for n in {PACKAGES}), sep=', ')"
)


def versions(peers: Iterable[Peer]) -> dict[str, str]:
    """Of all that these are made of, by where it comes from."""
    needs = {need for peer in peers for need in peer.needs}
    found = {}
    if "node" in needs:
        packages = [
            f"{name} {json.loads((MODULES / name / 'package.json').read_bytes())['version']}"
            for name in ("express", "sequelize", "pg")
        ]
        found["node"] = ", ".join([machine.first_line("node", "--version"), *packages])
    if PYTHON in needs:
        found["Python"] = machine.first_line(str(PYTHON), "-c", ASK_VERSIONS)
    if "redis-server" in needs:
        found["Redis"] = machine.first_line("redis-server", "--version").partition("v=")[2].partition(" ")[0]
    return found
