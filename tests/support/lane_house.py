"""The real listener, connections and lane in this process, on a thread and either event loop.

Bookings are the real ones, too, down to a journal that commits when the test says so. What else is asked for
does as its name says, and tells which way it came: on the short way a request has no writer.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from aiohttp import web

from boxoffice.actors.changes import EventInitialized
from boxoffice.actors.directory import Bounds, Directory
from boxoffice.actors.dispatcher import Dispatcher
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.ports import Recovered, Settled
from boxoffice.actors.values import EventId, Instant
from boxoffice.http import binding
from boxoffice.http.app import LANE, application
from boxoffice.http.bridge import Bridge
from boxoffice.http.catalogue import BY_NAME
from boxoffice.http.connection import Connection, Timeouts
from boxoffice.http.desk import Desk
from boxoffice.http.handlers import Handler, Handlers, response
from boxoffice.http.listener import Listener
from boxoffice.http.said import Said
from boxoffice.http.visit import current
from tests.support.doors import open_door
from tests.support.small_server import LOOPS
from tests.unit.fakes import PATIENCE_S, FakeJournal, FakeRecovery, FakeTime

T = TypeVar("T")

EVENT = EventId(1_000_000_007)
LARGE = 20_000
"""Bytes in a large answer."""


class GoneError(BaseException):
    """Nobody expects this one."""


class LaneHouse:
    """All of it. What is open is looked at, and changed, by `on_loop`; `complaints` are the loop's own."""

    def __init__(self, timeouts: Timeouts, answer_timeout_s: float, shutdown_timeout_s: float) -> None:
        self._timeouts = timeouts
        self._shutdown_timeout_s = shutdown_timeout_s
        self._answer_timeout_s = answer_timeout_s
        self.open: set[Connection] = set()
        self.held: dict[str, asyncio.Future[None]] = {}
        self.begun: list[str] = []
        self.complaints: list[dict[str, Any]] = []
        self.journal = FakeJournal()
        self._ready = threading.Event()

    # --- the test's side -------------------------------------------------------------------------

    def on_loop(self, what: Callable[[], T]) -> T:
        """Have it done where the server runs."""

        async def do() -> T:
            return what()

        return asyncio.run_coroutine_threadsafe(do(), self._loop).result(PATIENCE_S)

    def until(self, so: Callable[[], bool]) -> None:
        """Wait until it is so, where the server runs."""

        async def look() -> None:
            while not so():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.002)

        asyncio.run_coroutine_threadsafe(look(), self._loop).result(PATIENCE_S)

    def release(self, name: str) -> None:
        """Have the one of this name answered, once it has come."""
        self.until(lambda: name in self.held)
        self.on_loop(lambda: self.held.pop(name).set_result(None))

    def give_up(self, name: str) -> None:
        """Have what it waits for cancelled."""
        self.until(lambda: name in self.held)
        self.on_loop(self.held.pop(name).cancel)

    def commit(self, requests: int) -> None:
        """Wait for so many requests in the journal, and say that all that is there is durable."""
        self.journal.until(lambda: sum(len(each.answers) for each in self.journal.entries) >= requests)
        done = list(self.journal.entries)
        del self.journal.entries[: len(done)]
        self.bridge.deliver([Settled(each.lease, each.answers, status=each.status) for each in done])

    def unsent(self) -> int:
        """Bytes that wait for clients to read, in this process."""
        wires = [each.transport for each in self.open if each.transport is not None]
        return sum(wire.get_write_buffer_size() for wire in wires)

    def end(self) -> None:
        """What a SIGTERM does; does not wait."""
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._stop.set)

    # --- the server's ----------------------------------------------------------------------------

    async def main(self) -> None:
        """Serve until `end`, and then as `server.serve` does."""
        self._loop = loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.complaints.append(context))
        self._stop = asyncio.Event()
        dispatcher = Dispatcher(threads=1)
        dispatcher.start()
        self.bridge = Bridge(loop, lambda: Instant(1), self._answer_timeout_s)
        directory = Directory(
            dispatcher, self.journal, FakeRecovery(), self.bridge, FakeTime(), Bounds()
        )  # fmt: skip
        inventory = Inventory(EVENT)
        inventory.apply(EventInitialized(1, Instant(1), "Concert", 100_000))
        directory.adopt(Recovered(inventory, epoch=1))
        self.bridge.open(directory)
        try:
            await self._serve()
        finally:
            directory.stop()
            dispatcher.stop()
            self.bridge.close()

    async def _serve(self) -> None:
        calls = [BY_NAME[name] for name in ("book", "status", "events")]
        app = application(self._handlers(), open_door(), calls)
        runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=self._shutdown_timeout_s)
        await runner.setup()
        bound = binding.bind("127.0.0.1", 0)
        self.address = bound.getsockname()[:2]
        assert runner.server is not None
        listener = Listener(runner.server, bound, self._timeouts, 1_000, self.open, app[LANE])
        listener.open()
        self._ready.set()
        await self._stop.wait()
        listener.close()
        await self.bridge.drain(PATIENCE_S)
        listener.stop()
        await runner.cleanup()

    def _handlers(self) -> dict[str, Handler]:
        nothing: Any = None
        book = Handlers(Desk(self.bridge, nothing, nothing), nothing).handlers()["book"]
        return {"book": self._noting(book), "status": self._named, "events": self._always_long}

    def _noting(self, handler: Handler) -> Handler:
        async def handle(request: web.Request) -> Said:
            self.begun.append(way_of(request))
            said = await handler(request)
            assert isinstance(said, Said)
            said.headers = {**said.headers, "X-Way": way_of(request)}
            return said

        return handle

    async def _always_long(self, request: web.Request) -> Said:
        return self._said(request, "events")

    async def _named(self, request: web.Request) -> Said:
        name = request.match_info["eventId"]
        self.begun.append(name)
        before = current().request_id
        await self._do(name)
        assert current().request_id == before
        said = self._said(request, name)
        if name.startswith("broken"):
            said.headers = {"X-Name": "a\r\nSet-Cookie: b"}
        if name.startswith("odd"):
            said.status = 299
        return said

    async def _do(self, name: str) -> None:
        match name.partition("-")[0]:
            case "held":
                await self._hold(name)
            case "turns" | "broken" | "odd":
                for _ in range(3):
                    await asyncio.sleep(0)
            case "fails":
                raise ValueError(name)
            case "failsLater":
                await self._hold(name)
                raise ValueError(name)
            case "gone":
                raise GoneError(name)
            case "goneLater":
                await self._hold(name)
                raise GoneError(name)

    async def _hold(self, name: str) -> None:
        self.held[name] = asyncio.get_running_loop().create_future()
        await self.held[name]

    def _said(self, request: web.Request, name: str) -> Said:
        padding = "x" * (LARGE if name.startswith("large") else 0)
        what: Any = {"name": name, "id": current().request_id, "padding": padding}
        return response(200, what, {"X-Way": way_of(request)})

    def wait_until_ready(self) -> None:
        """It is open."""
        assert self._ready.wait(PATIENCE_S)


def way_of(request: web.Request) -> str:
    """Which way a request came."""
    writer: object = request.writer
    return "short" if writer is None else "long"


@contextmanager
def lane_house(
    loop: str, *, answer_timeout_s: float = 60.0, shutdown_timeout_s: float = 1.0, **timeouts: float
) -> Iterator[LaneHouse]:
    """One for the time of this block. Clients are waited for, for long, unless `timeouts` say otherwise."""
    patience = {"headers_s": 90.0, "body_s": 90.0, "write_s": 90.0, "linger_s": 0.3, "sweep_s": 0.05}
    house = LaneHouse(Timeouts(**{**patience, **timeouts}), answer_timeout_s, shutdown_timeout_s)

    def run() -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(house.main())

    thread = threading.Thread(target=run, name=f"server on {loop}")
    thread.start()
    house.wait_until_ready()
    try:
        yield house
    finally:
        house.end()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
