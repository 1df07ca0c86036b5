"""The composition root and the command line: puts the parts together, inside out, and stops them in reverse.

The only file that imports all three packages, and imported by none. Runs on the main thread.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

import cyclopts
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from boxoffice.actors import failpoints
from boxoffice.actors.directory import Bounds, Directory
from boxoffice.actors.dispatcher import Dispatcher
from boxoffice.actors.ports import DatabaseAway
from boxoffice.actors.values import Instant
from boxoffice.http import server
from boxoffice.http.app import application
from boxoffice.http.batch import Batches
from boxoffice.http.bridge import Bridge
from boxoffice.http.desk import Desk
from boxoffice.http.handlers import Handlers
from boxoffice.http.health import Health
from boxoffice.http.idempotency import Keys
from boxoffice.http.reads import Reads
from boxoffice.http.settings import AuditSettings, DatabaseSettings, ServeSettings
from boxoffice.persistence import database, embedded
from boxoffice.persistence.audit import audit as run_audit
from boxoffice.persistence.database import StartupError
from boxoffice.persistence.embedded import EmbeddedPostgres
from boxoffice.persistence.engines import Engines
from boxoffice.persistence.journal import GroupCommitJournal
from boxoffice.persistence.reading import DatabaseReading
from boxoffice.persistence.recovery import DatabaseRecovery
from boxoffice.persistence.replies import DatabaseReplies

log = logging.getLogger(__name__)

DEFAULT_DATA_DIR = Path("boxoffice-data")

DRAIN_S = 4.0
"""How long requests that were admitted may still take after SIGTERM. The whole exit takes 10 s at most."""

PRUNE_EVERY_S = 600.0
"""How often idempotency records that are a day old are looked for."""

REVIVE_EVERY_S = 1.0
"""How often the embedded PostgreSQL is looked at: one that has ended by itself is started again."""

WATCH_OWNERS_EVERY_S = 1.0
"""A status that is shown here is no older than this when another server has taken the event over."""

FAILPOINTS = "BOXOFFICE_FAILPOINTS"
"""For tests: see `actors/failpoints.py`."""

GC_THRESHOLDS = (50_000, 10, 10)
"""When garbage is looked for. A request under way has some 50 objects, none of which is garbage yet: with
Python's own 700, and thousands of requests, a third of the event loop's time goes into looking in vain.
"""

EXIT_VIOLATIONS = 3
"""Of an audit that found some; 1 is for what could not be done at all."""

app = cyclopts.App(name="boxoffice", help="A ticket booking engine for events that sell out.")
console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def main() -> None:
    """The command `boxoffice`."""
    try:
        app()
    except (StartupError, server.ListenError) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


@app.command
def serve(settings: ServeSettings = ServeSettings()) -> None:  # noqa: B008 - frozen
    """Run the server until SIGTERM or Ctrl-C."""
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    _arm_failpoints()
    # Until the event loop listens for them, they end us by way of every `finally`.
    for number in server.STOP_SIGNALS:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with ExitStack() as stack:
        bound = stack.enter_context(server.bind(settings.host, settings.port))
        url, shown, postgres = stack.enter_context(_database(settings))
        engines = Engines(url)
        stack.callback(engines.dispose)
        database.check_settings(engines.reading)
        if settings.database_url is None:
            database.upgrade(engines.reading)
        else:
            database.check_schema(engines.reading)
        host, port = bound.getsockname()[:2]
        where = f"http://{f'[{host}]' if ':' in host else host}:{port}"

        def ready() -> None:
            console.print(f"boxoffice is open at {where}, on {shown}")

        try:
            with asyncio.Runner(loop_factory=_fast_loop()) as runner:
                runner.run(_run(engines, bound, ready, postgres, settings.max_connections))
        finally:
            for number in server.STOP_SIGNALS:  # we are stopping already: nothing must cut it off
                signal.signal(number, signal.SIG_IGN)


@app.command
def migrate(settings: DatabaseSettings = DatabaseSettings()) -> None:  # noqa: B008 - frozen
    """Make or bring up to date the tables of a database. The embedded one needs no such call."""
    with _database(settings) as (url, shown, _):
        engine = database.make_engine(url)
        try:
            database.check_settings(engine)
            database.upgrade(engine)
        finally:
            engine.dispose()
        console.print(f"The tables are up to date on {shown}")


@app.command
def audit(settings: AuditSettings = AuditSettings()) -> None:  # noqa: B008 - frozen
    """Replay every event's log and check every promise it can: writes nothing, and may run beside a server.

    Exits with 0 if all are kept, with 3 if one is broken, with 1 if that could not be found out.
    """
    with _database(settings, beside_a_server=True) as (url, shown, _):
        engine = database.make_engine(url, pool_size=1, statement_timeout_s=None, idle_timeout_s=None)
        try:
            database.check_schema(engine, writable=False)
            with _bar("Replaying changes") as bar:
                task = bar.add_task("", total=None)
                report = run_audit(engine, lambda done, total: bar.update(task, completed=done, total=total))
        except DatabaseAway as away:
            raise StartupError(f"The audit could not be finished: {away}.") from away
        finally:
            engine.dispose()
    if settings.json:
        sys.stdout.buffer.write(msgspec.json.encode(report.document) + b"\n")
    else:
        output = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        for line in (*report.violations, f"{report.summary}, on {shown}"):
            output.print(str(line))
    if report.violations:
        sys.exit(EXIT_VIOLATIONS)


async def _run(
    engines: Engines,
    bound: socket.socket,
    ready: Callable[[], None],
    postgres: EmbeddedPostgres | None,
    connections_max: int,
) -> None:
    bridge = Bridge(asyncio.get_running_loop(), clock)
    dispatcher = Dispatcher()
    journal = GroupCommitJournal(engines.journal_connection, bridge)
    recovery = DatabaseRecovery(engines.loading)
    directory = Directory(dispatcher, journal, recovery, bridge, time.monotonic, Bounds())
    dispatcher.start()
    journal.start()
    try:
        rebuild(DatabaseRecovery(engines.starting), directory)
        engines.starting.dispose()
        bridge.open(directory)
        reading, replies = DatabaseReading(engines.reading), DatabaseReplies(engines.reading)
        desk, keys = Desk(bridge, reading, replies), Keys(bridge, replies)
        routes = [
            *Handlers(desk, keys).routes(),
            *Batches(desk, keys).routes(),
            *Reads(bridge, desk, reading, clock).routes(),
            *Health(bridge, reading).routes(),
        ]
        tasks = [
            asyncio.create_task(prune(bridge, replies)),
            asyncio.create_task(watch_owners(bridge, reading)),
        ]
        if postgres is not None:
            tasks.append(asyncio.create_task(revive(postgres)))

        async def drain() -> None:
            for task in tasks:
                task.cancel()
            if not await bridge.drain(DRAIN_S):
                console.print("Some requests were not answered in time.")

        await server.serve(
            application(routes), bound, ready=ready, drain=drain, connections_max=connections_max
        )
    finally:
        directory.stop()
        dispatcher.stop(timeout_s=1.0)
        journal.stop(timeout_s=1.0)
        bridge.close()


async def prune(bridge: Bridge, replies: DatabaseReplies) -> None:
    """Let go of idempotency records that are older than a day, for ever."""
    while True:
        try:
            while await bridge.read(replies.prune):
                pass
        except DatabaseAway:
            pass
        except Exception:
            log.exception("old idempotency records were not deleted")
        await asyncio.sleep(PRUNE_EVERY_S)


async def watch_owners(bridge: Bridge, reading: DatabaseReading) -> None:
    """Find out which of the events that are looked at here another server has taken over, for ever."""
    while True:
        await asyncio.sleep(WATCH_OWNERS_EVERY_S)
        try:
            if looked_at := bridge.directory.looked_at():
                bridge.directory.compare(await bridge.read(reading.epochs, looked_at))
        except DatabaseAway:
            pass
        except Exception:
            log.exception("the owners of events were not looked up")


async def revive(postgres: EmbeddedPostgres) -> None:
    """Start the embedded PostgreSQL again whenever it has ended by itself, for ever."""
    while True:
        await asyncio.sleep(REVIVE_EVERY_S)
        try:
            if await asyncio.to_thread(postgres.revive):
                log.error("the embedded PostgreSQL had ended, and is started again")
        except StartupError as error:
            log.error("the embedded PostgreSQL has ended: %s", error)


def rebuild(recovery: DatabaseRecovery, directory: Directory) -> None:
    """Take every open event over, with a progress bar on a terminal."""
    gc.disable()  # nothing of this is garbage, and looking through all of it again and again takes longer
    try:
        total = recovery.count()
        with _bar("Rebuilding events") as progress:
            task = progress.add_task("", total=total)
            for found in recovery.load_open():
                directory.adopt(found)
                progress.advance(task)
    except DatabaseAway as away:
        raise StartupError(f"The events could not be rebuilt: {away}.") from away
    finally:
        gc.enable()
    gc.freeze()  # what was rebuilt stays: collections need not look at it again
    gc.set_threshold(*GC_THRESHOLDS)


def _bar(what: str) -> Progress:
    """A progress bar that is there on a terminal only, and gone at the end."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def clock() -> Instant:
    """The server's time: microseconds since 1970-01-01 UTC."""
    return Instant(time.time_ns() // 1_000)


class _Found(NamedTuple):
    """A database: its URL, the same for people, and the embedded PostgreSQL if it is ours."""

    url: str
    shown: str
    postgres: EmbeddedPostgres | None = None


@contextmanager
def _database(settings: DatabaseSettings, *, beside_a_server: bool = False) -> Iterator[_Found]:
    """The database, as the settings name it; the embedded one runs until the end.

    `beside_a_server`, the embedded one may be a running server's, and must be there.
    """
    if settings.database_url is not None:
        if settings.data_dir is not None:
            raise StartupError(
                "Both a data directory and a database URL are given: drop --data-dir (BOXOFFICE_DATA_DIR)"
                " or --database-url (DATABASE_URL)."
            )
        shown = database.describe(database.normalise(settings.database_url))
        yield _Found(settings.database_url, shown)
        return
    data_dir = settings.data_dir or DEFAULT_DATA_DIR
    shown = f"the embedded PostgreSQL in {data_dir}"
    if beside_a_server:
        with embedded.joined(data_dir) as url:
            yield _Found(url, shown)
        return
    postgres = EmbeddedPostgres(data_dir)
    postgres.start()
    try:
        yield _Found(postgres.url, shown, postgres)
    finally:
        postgres.stop()


def _arm_failpoints() -> None:
    specification = os.environ.get(FAILPOINTS)
    if not specification:
        return
    try:
        failpoints.arm(specification)
    except ValueError as error:
        raise StartupError(f"{FAILPOINTS} cannot be read: {error}.") from error
    log.warning("failpoints are armed, and this server will fail on purpose: %s", specification)


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's event loop where it is installed (`pip install boxoffice[fast]`), else asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - it may not be there
    except ImportError:
        return None
    return uvloop.new_event_loop


def _fail(sentence: str) -> NoReturn:
    console.print(f"boxoffice: {sentence}")
    sys.exit(1)


if __name__ == "__main__":
    main()
