"""The listeners of the chaos run: some read fast, some stall, some come back all the time, one watches all.

They watch by WebSocket and by Server-Sent Events, one event or many and some orders, at either server.
Whoever is cut off comes back, and names what it had last. All that they got is kept for the checker.
On the run's event loop.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from random import Random

import aiohttp

from tests.simulation.chaos_clients import Shop
from tests.simulation.ears import LOST, Ears, Message, socket, stream

LET_IN_S = 15.0
"""How long a listener waits to be let in; a server that is stopped, or has no database, takes its time."""

STALLS_S = (1.0, 3.0, 5.0, 16.0)
"""How long one reads nothing. The longest is too long: the server closes."""

ORDERS_MAX = 6
"""Orders that one listener watches at a time."""

ASK_AGAIN_S = 3.0
"""After so long, what was to be watched and is not told of is asked for again."""


@dataclass(eq=False, slots=True)
class Connection:
    """All that a listener got on one connection, each with the moment it came (monotonic seconds). `since`:
    what it said that it had already, 0 for nothing; `ended` is the code with which it was closed.
    """

    listener: str
    server: int
    since: int = 0
    told: list[tuple[Message, float]] = field(default_factory=list)
    is_open: bool = True
    ended: int | None = None


class Stage:
    """What all listeners of a run share: how far it is, and what they got."""

    def __init__(self, is_broken: Callable[[], bool]) -> None:
        self.is_broken = is_broken
        self.calm = asyncio.Event()
        """From now on nobody stalls, nor leaves by himself."""
        self.done = False
        """Whoever is cut off does not come back."""
        self.connections: list[Connection] = []
        self.counts: Counter[str] = Counter()


@dataclass(frozen=True, slots=True)
class Habits:
    """How a listener behaves: how likely it leaves after a message, or reads no more for a while."""

    leaves: float = 0.0
    stalls: float = 0.0
    by_stream: bool = False


HABITS = {
    "fast": Habits(),
    "stalling": Habits(stalls=0.3),
    "restless": Habits(leaves=0.3),
    "stream": Habits(leaves=0.2, by_stream=True),
}


class Listener:
    """Watches one event, from now on until the run is done."""

    def __init__(self, name: str, event: str, shop: Shop, stage: Stage, chance: Random) -> None:
        self.name = f"{name} listener {event}".strip()
        self._habits = HABITS.get(name, Habits(leaves=0.01))
        self._event = event
        self._shop = shop
        self._stage = stage
        self._chance = chance
        self._last_id = ""
        self.newest: dict[str, int] = {}
        """The newest version of each event that it was told of, on whatever connection."""

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Listen, and come back whenever it has ended."""
        while not self._stage.done:
            try:
                await self._once(session)
            except LOST:
                self._stage.counts["listeners not let in"] += 1
            await asyncio.sleep(0.05 + 0.3 * self._chance.random())

    async def _once(self, session: aiohttp.ClientSession) -> None:
        stage, server = self._stage, self._chance.randrange(2)
        opening = self._opening(session, self._shop.url(server))
        async with asyncio.timeout(LET_IN_S) as patience, opening as ears:
            patience.reschedule(None)
            connection = Connection(self.name, server, self._since())
            stage.connections.append(connection)
            stage.counts["listeners came back"] += bool(self.newest)
            stage.counts["listeners came back by Last-Event-ID"] += bool(self._last_id)
            try:
                await self._listen(ears, connection)
            finally:
                connection.is_open = False

    async def _listen(self, ears: Ears, connection: Connection) -> None:
        """Until it leaves, or is left."""
        counts, calm = self._stage.counts, self._stage.calm
        async for message in self._heard(ears):
            self._keep(connection, message)
            if not calm.is_set() and self._chance.random() < self._habits.leaves:
                counts["listeners left"] += 1
                return
            if not calm.is_set() and self._chance.random() < self._habits.stalls:
                await self._stall()
        connection.ended = ears.closed
        counts[f"listeners closed with {ears.closed or 'nothing'}"] += 1

    @property
    def events(self) -> Sequence[str]:
        """What it watches."""
        return [self._event]

    def _since(self) -> int:
        return self.newest.get(self._event, 0)

    def _opening(self, session: aiohttp.ClientSession, url: str) -> AbstractAsyncContextManager[Ears]:
        path = f"{url}/status/{self._event}/live"
        if self._habits.by_stream:
            return stream(session, path, self._last_id)
        return socket(session, f"{path}?since={self._since()}")

    async def _heard(self, ears: Ears) -> AsyncIterator[Message]:
        while (message := await ears.hear()) is not None:
            self._last_id = ears.last_id
            yield message

    def _keep(self, connection: Connection, message: Message) -> None:
        counts = self._stage.counts
        connection.told.append((message, time.monotonic()))
        counts[f"listeners told of {message['type']}"] += 1
        counts["listeners told of a position"] += "position" in message
        counts["listeners told while something was broken"] += self._stage.is_broken()
        if message["type"] == "status":
            event, version = message["eventId"], message["version"]
            self.newest[event] = max(version, self.newest.get(event, 0))

    async def _stall(self) -> None:
        self._stage.counts["listeners stalled"] += 1
        try:
            async with asyncio.timeout(self._chance.choice(STALLS_S)):
                await self._stage.calm.wait()
        except TimeoutError:
            pass


class Onlooker(Listener):
    """Watches all events of the run, and now and then another order."""

    def __init__(self, shop: Shop, stage: Stage, chance: Random) -> None:
        super().__init__("onlooking", "", shop, stage, chance)
        self._events: list[str] = []

    @property
    def events(self) -> Sequence[str]:
        """What it watches."""
        return self._events

    def watch(self, events: Iterable[str]) -> None:
        """These, too, from now on."""
        self._events += events

    def _since(self) -> int:
        return 0

    def _opening(self, session: aiohttp.ClientSession, url: str) -> AbstractAsyncContextManager[Ears]:
        return socket(session, f"{url}/live?watch={','.join(self.events[:3])}")

    async def _heard(self, ears: Ears) -> AsyncIterator[Message]:
        """What comes, and meanwhile it asks for what else there is."""
        watched, asked_s = dict.fromkeys(self.events[:3], False), time.monotonic()
        orders: dict[str, bool] = {}
        hearing = asyncio.create_task(ears.hear())
        try:
            while True:
                await asyncio.wait([hearing], timeout=0.3)
                if time.monotonic() - asked_s > ASK_AGAIN_S:
                    watched = {event: told for event, told in watched.items() if told}
                    asked_s = time.monotonic()
                with suppress(*LOST):  # it may be closing just now: with which code is heard below
                    await self._ask_for_more(ears, watched, orders)
                if not hearing.done():
                    continue
                message = hearing.result()
                if message is None:
                    return
                _note(message, watched, orders)
                yield message
                hearing = asyncio.create_task(ears.hear())
        finally:
            hearing.cancel()

    async def _ask_for_more(self, ears: Ears, watched: dict[str, bool], orders: dict[str, bool]) -> None:
        if new := [event for event in self.events if event not in watched]:
            watched.update(dict.fromkeys(new, False))
            await ears.say(watch=new)
        candidates = set(self._shop.orders) - set(orders)
        if candidates and sum(orders.values()) < ORDERS_MAX:
            order = self._chance.choice(sorted(candidates))
            orders[order] = True
            await ears.say(watchOrder=order)


def _note(message: Message, watched: dict[str, bool], orders: dict[str, bool]) -> None:
    """Which events have been told of by now, and which orders are no longer watched."""
    if message["type"] == "status":
        watched[message["eventId"]] = True
    elif message["type"] == "problem":
        watched.pop(message.get("eventId", ""), None)
        orders[message.get("orderId", "")] = False
    elif message["status"] in ("cancelled", "expired"):
        orders[message["orderId"]] = False


class Audience:
    """All listeners of a run."""

    def __init__(self, shop: Shop, stage: Stage, seed: int) -> None:
        self._shop = shop
        self._stage = stage
        self._seed = seed
        self._onlooker = Onlooker(shop, stage, Random(f"{seed}-onlooker"))
        self._listeners: list[Listener] = []
        self._tasks: list[asyncio.Task[None]] = []

    def come(self, session: aiohttp.ClientSession, events: list[str]) -> None:
        """These events are new: they have listeners from now on, and the onlooker watches them, too."""
        self._onlooker.watch(events)
        new: list[Listener] = [
            Listener(name, event, self._shop, self._stage, Random(f"{self._seed}-{name}-{event}"))
            for name, event in zip(HABITS, events, strict=False)
        ]
        if not self._listeners:
            new.append(self._onlooker)
        self._listeners += new
        self._tasks += [asyncio.create_task(each.run(session)) for each in new]

    def behind(self, versions: Mapping[str, int]) -> list[str]:
        """Who has not been told of these versions, or of later ones, of the events that they watch."""
        for task in self._tasks:
            if task.done():
                task.result()  # raises what befell it
        return [
            f"the {each.name} knows version {each.newest.get(event)} of event {event}, and not {version}"
            for each in self._listeners
            for event, version in versions.items()
            if event in each.events and each.newest.get(event, 0) < version
        ]

    async def end(self) -> None:
        """Wait until all have gone; raises what befell one of them."""
        await asyncio.gather(*self._tasks)
