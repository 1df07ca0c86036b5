"""A running server: makes its parts, inside out, looks after them, and stops them in reverse.

With the command line (`__main__.py`, `key_commands.py`, `locate.py`) the composition root: only these import
all three packages. On the main thread, which is the event loop's.
"""

import asyncio
import gc
import logging
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import web

from boxoffice.actors.directory import Bounds, Directory
from boxoffice.actors.dispatcher import Dispatcher
from boxoffice.actors.ports import ApiKeys, DatabaseAway
from boxoffice.http import server
from boxoffice.http.app import application
from boxoffice.http.batch import Batches
from boxoffice.http.bridge import Bridge
from boxoffice.http.clock import clock
from boxoffice.http.connection import Connection
from boxoffice.http.desk import Desk
from boxoffice.http.door import Door
from boxoffice.http.handlers import Handlers
from boxoffice.http.idempotency import Keys
from boxoffice.http.identity.access import Access
from boxoffice.http.identity.cors import Cors
from boxoffice.http.identity.exposure import refusal_to_listen
from boxoffice.http.identity.key_calls import KeyCalls
from boxoffice.http.identity.keys import KeyRing
from boxoffice.http.identity.limits import ANONYMOUS, RateLimits
from boxoffice.http.identity.origin import Addresses
from boxoffice.http.identity.rates import rate_of
from boxoffice.http.identity.token_rules import TokenRulesError
from boxoffice.http.live.audience import Audience
from boxoffice.http.live.calls import LiveCalls
from boxoffice.http.live.entrance import Entrance
from boxoffice.http.live.handshakes import Handshakes
from boxoffice.http.live.orders import WatchedOrders
from boxoffice.http.operating.health import Health
from boxoffice.http.operating.lag import LoopLag
from boxoffice.http.operating.logs import RequestLog
from boxoffice.http.operating.metrics import Metrics, RequestFigures
from boxoffice.http.operating.settings import ServeSettings, tokens_taken
from boxoffice.http.reads import Reads
from boxoffice.http.reference.on_demand import DocumentsOnDemand
from boxoffice.http.terminal import progress
from boxoffice.persistence.database import StartupError
from boxoffice.persistence.embedded import EmbeddedPostgres
from boxoffice.persistence.engines import Engines
from boxoffice.persistence.journal import GroupCommitJournal
from boxoffice.persistence.keys import DatabaseApiKeys
from boxoffice.persistence.reading import DatabaseReading
from boxoffice.persistence.recovery import DatabaseRecovery
from boxoffice.persistence.replies import DatabaseReplies

if TYPE_CHECKING:
    from boxoffice.http.identity.tokens import CustomerTokens

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


class Ground(NamedTuple):
    """What a server stands on."""

    engines: Engines
    postgres: EmbeddedPostgres | None
    bound: socket.socket


class House(NamedTuple):
    """What is behind the door."""

    bridge: Bridge
    directory: Directory
    journal: GroupCommitJournal
    reading: DatabaseReading
    replies: DatabaseReplies
    api_keys: DatabaseApiKeys
    lag: LoopLag
    connections: set[Connection]
    audience: Audience
    orders: WatchedOrders
    desk: Desk


async def run(settings: ServeSettings, ground: Ground, ready: Callable[[], None]) -> None:
    """Rebuild the events, call `ready`, serve until SIGTERM or SIGINT. Raises StartupError, ListenError."""
    engines = ground.engines
    api_keys = DatabaseApiKeys(engines.reading)
    ring, tokens = known_keys(api_keys), await known_tokens(settings)
    refuse_exposure(settings, ring, tokens)
    bridge = Bridge(asyncio.get_running_loop(), clock)
    dispatcher = Dispatcher()
    journal = GroupCommitJournal(engines.journal_connection, bridge)
    recovery = DatabaseRecovery(engines.loading)
    directory = Directory(dispatcher, journal, recovery, bridge, time.monotonic, Bounds())
    reading, replies = DatabaseReading(engines.reading), DatabaseReplies(engines.reading)
    desk = Desk(bridge, reading, replies)
    audience = Audience(bridge, reading, clock, settings.max_listeners, settings.max_listeners_per_address)
    orders = WatchedOrders(bridge, desk, audience)
    house = House(
        *(bridge, directory, journal, reading, replies, api_keys), LoopLag(), set(), audience, orders, desk
    )
    dispatcher.start()
    journal.start()
    try:
        rebuild(DatabaseRecovery(engines.starting), directory)
        engines.starting.dispose()
        bridge.open(directory)
        tasks = [asyncio.create_task(each) for each in care(ground, house, ring, tokens)]

        async def drain() -> None:
            audience.close()
            for task in tasks:
                task.cancel()
            if not await bridge.drain(DRAIN_S):
                log.warning("some requests were not answered in time")

        await server.serve(
            front(settings, house, ring, tokens),
            ground.bound,
            ready=ready,
            drain=drain,
            connections_max=settings.max_connections,
            open_connections=house.connections,
        )
    finally:
        directory.stop()
        dispatcher.stop(timeout_s=1.0)
        await journal.stop(timeout_s=1.0)
        bridge.close()


def front(
    settings: ServeSettings, house: House, ring: KeyRing, tokens: "CustomerTokens | None"
) -> web.Application:
    """The door, and behind it a handler for each call."""
    bridge, reading, desk = house.bridge, house.reading, house.desk
    keys, handshakes = Keys(bridge, house.replies), Handshakes(time.time)
    figures, request_log = RequestFigures(), RequestLog(settings.log_requests_per_second)
    limits = rate_limits(settings)
    access = Access(
        *(ring, tokens, handshakes, clock),
        public_status=settings.public_status,
        local_only=not settings.insecure,
    )
    addresses, cors = Addresses(settings.trusted_proxies), Cors(settings.cors_origins)
    entrance = Entrance(house.audience, access, addresses, cors)
    metrics = Metrics(
        figures,
        house.journal.figures,
        house.directory,
        house.lag,
        house.connections,
        house.audience,
        lambda: request_log.skipped,
    )
    handlers = {
        **Handlers(desk, keys).handlers(),
        **Batches(desk, keys, limits).handlers(),
        **Reads(desk, reading, clock).handlers(),
        **LiveCalls(house.audience, house.orders, desk, entrance, handshakes, limits, addresses).handlers(),
        **KeyCalls(bridge, desk, house.api_keys, ring).handlers(),
        **Health(bridge, reading, house.lag, house.connections).handlers(),
        **metrics.handlers(),
        **DocumentsOnDemand().handlers(),
    }
    return application(handlers, Door(access, limits, addresses, cors, figures, request_log))


def care(
    ground: Ground, house: House, ring: KeyRing, tokens: "CustomerTokens | None"
) -> Iterator[Coroutine[Any, Any, None]]:
    """What is looked after, as long as it runs."""
    yield prune(house.bridge, house.replies)
    yield watch_owners(house.bridge, house.reading)
    yield watch_keys(house.api_keys, ring)
    yield house.lag.watch()
    yield house.audience.publish()
    yield house.audience.look_elsewhere()
    yield house.audience.look_after()
    yield house.orders.look()
    if tokens is not None:
        yield tokens.watch()
    if ground.postgres is not None:
        yield revive(ground.postgres)


# --- what it is told -----------------------------------------------------------------------------


def known_keys(api_keys: ApiKeys) -> KeyRing:
    """The API keys there are before the server opens. Raises StartupError."""
    try:
        return KeyRing(api_keys.all())
    except DatabaseAway as away:
        raise StartupError(f"The API keys could not be read: {away}.") from away


async def known_tokens(settings: ServeSettings) -> "CustomerTokens | None":
    """Whose customers' tokens are taken, if any are. Raises StartupError."""
    try:
        rules = tokens_taken(settings)
        if rules is None:
            return None
        from boxoffice.http.identity.tokens import CustomerTokens  # noqa: PLC0415 - and cryptography, for few servers

        tokens = CustomerTokens(rules)
        await tokens.load()
    except TokenRulesError as error:
        raise StartupError(str(error)) from error
    return tokens


def refuse_exposure(settings: ServeSettings, ring: KeyRing, tokens: "CustomerTokens | None") -> None:
    """Raise StartupError rather than open to the world what everybody may do everything with."""
    refusal = refusal_to_listen(
        settings.host,
        has_keys=not ring.is_open,
        has_tokens=tokens is not None,
        insecure=settings.insecure,
        trusted_proxies=bool(settings.trusted_proxies),
    )
    if refusal is not None:
        raise StartupError(refusal)


def rate_limits(settings: ServeSettings) -> RateLimits:
    """The limits for those who have none of their own."""
    match settings.rate_limit:
        case None:
            return RateLimits(None, ANONYMOUS, time.monotonic)
        case "off":
            return RateLimits(None, None, time.monotonic)
        case text:
            return RateLimits(rate_of(text), None, time.monotonic)


# --- what is looked after, as long as it runs ----------------------------------------------------


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


async def watch_keys(api_keys: ApiKeys, ring: KeyRing) -> None:
    """Take notice of API keys that are new, and of those that were revoked elsewhere, for ever.

    While the database is away, those that were known last stay good. Not by way of the bridge, which refuses
    a query when 256 are under way: whoever has a key could keep it from being revoked by asking enough.
    """
    while True:
        await asyncio.sleep(WATCH_KEYS_EVERY_S)
        try:
            ring.replace(await asyncio.to_thread(api_keys.all))
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
