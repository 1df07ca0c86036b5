"""A running server: makes its parts, inside out, looks after them, and stops them in reverse.

With the command line (`__main__.py`, `key_commands.py`, `locate.py`) the composition root: only these import
all three packages. On the main thread, which is the event loop's.
"""

import asyncio
import gc
import logging
import socket
import time
from collections.abc import Callable

from aiohttp import web

from boxoffice.actors.directory import Bounds, Directory
from boxoffice.actors.dispatcher import Dispatcher
from boxoffice.actors.ports import ApiKeys, DatabaseAway
from boxoffice.actors.values import Instant
from boxoffice.http import server
from boxoffice.http.app import application
from boxoffice.http.batch import Batches
from boxoffice.http.bridge import Bridge
from boxoffice.http.catalogue import CALLS
from boxoffice.http.desk import Desk
from boxoffice.http.handlers import Handlers
from boxoffice.http.health import Health
from boxoffice.http.idempotency import Keys
from boxoffice.http.key_calls import KeyCalls
from boxoffice.http.keys import KeyRing
from boxoffice.http.reads import Reads
from boxoffice.http.terminal import console, progress
from boxoffice.persistence.database import StartupError
from boxoffice.persistence.embedded import EmbeddedPostgres
from boxoffice.persistence.engines import Engines
from boxoffice.persistence.journal import GroupCommitJournal
from boxoffice.persistence.keys import DatabaseApiKeys
from boxoffice.persistence.reading import DatabaseReading
from boxoffice.persistence.recovery import DatabaseRecovery
from boxoffice.persistence.replies import DatabaseReplies

log = logging.getLogger(__name__)

DRAIN_S = 4.0
"""How long requests that were admitted may still take after SIGTERM. The whole exit takes 10 s at most."""

PRUNE_EVERY_S = 600.0
"""How often idempotency records that are a day old are looked for."""

REVIVE_EVERY_S = 1.0
"""How often the embedded PostgreSQL is looked at: one that has ended by itself is started again."""

WATCH_OWNERS_EVERY_S = 1.0
"""A status that is shown here is no older than this when another server has taken the event over."""

WATCH_KEYS_EVERY_S = 1.0
"""How often the API keys are read anew: one that another server or a command has revoked holds no longer."""

GC_THRESHOLDS = (50_000, 10, 10)
"""When garbage is looked for. A request under way has some 50 objects, none of which is garbage yet: with
Python's own 700, and thousands of requests, a third of the event loop's time goes into looking in vain.
"""


async def run(
    engines: Engines,
    bound: socket.socket,
    ready: Callable[[], None],
    postgres: EmbeddedPostgres | None,
    connections_max: int,
) -> None:
    """Rebuild the events, call `ready`, serve until SIGTERM or SIGINT. Raises StartupError, ListenError."""
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
        api_keys = DatabaseApiKeys(engines.reading)
        ring = known_keys(api_keys)
        key_calls = KeyCalls(bridge, desk, api_keys, ring).handlers()
        routes += [web.route(c.method, c.path, key_calls[c.name]) for c in CALLS if c.name in key_calls]
        tasks = [
            asyncio.create_task(prune(bridge, replies)),
            asyncio.create_task(watch_owners(bridge, reading)),
            asyncio.create_task(watch_keys(bridge, api_keys, ring)),
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


def known_keys(api_keys: ApiKeys) -> KeyRing:
    """The API keys there are before the server opens. Raises StartupError."""
    try:
        return KeyRing(api_keys.all())
    except DatabaseAway as away:
        raise StartupError(f"The API keys could not be read: {away}.") from away


async def watch_keys(bridge: Bridge, api_keys: ApiKeys, ring: KeyRing) -> None:
    """Take notice of API keys that are new, and of those that were revoked elsewhere, for ever.

    While the database is away, those that were known last stay good.
    """
    while True:
        await asyncio.sleep(WATCH_KEYS_EVERY_S)
        try:
            ring.replace(await bridge.read(api_keys.all))
        except DatabaseAway:
            pass
        except Exception:
            log.exception("the API keys were not read anew")


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
        with progress("Rebuilding events") as bar:
            task = bar.add_task("", total=total)
            for found in recovery.load_open():
                directory.adopt(found)
                bar.advance(task)
    except DatabaseAway as away:
        raise StartupError(f"The events could not be rebuilt: {away}.") from away
    finally:
        gc.enable()
    gc.freeze()  # what was rebuilt stays: collections need not look at it again
    gc.set_threshold(*GC_THRESHOLDS)


def clock() -> Instant:
    """The server's time: microseconds since 1970-01-01 UTC."""
    return Instant(time.time_ns() // 1_000)
