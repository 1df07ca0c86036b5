"""A crowd of HTTP clients that is cheap enough to share two cores with the server it loads.

In an open loop requests go out at their intended times (Poisson, seeded), whatever comes back; in a closed
loop each client asks again as soon as it is answered. One request at a time on a keep-alive connection. A
request that finds no free connection opens one; if `connections_max` are open and busy it is `not sent`: did
it wait here, it would be the crowd that makes it late. After `PATIENCE_S` from its intended time a client
gives up and closes its connection: `timed out`. Latency, too, counts from the intended time.

Raw bytes on an event loop's transports, requests made beforehand: run it on uvloop. Used by `overload.py` and
`listeners.py`.
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable
from typing import cast

PATIENCE_S = 5.0
TICK_S = 0.001
"""How often it is looked what is due: a request goes out this much late at the most."""

CONNECTING_MAX = 256
"""Connections being made at once."""

OFFERED, SENT = "offered", "sent"
GOOD, OVERLOADED, OTHER = "good", "overloaded", "other"
TIMED_OUT, LOST, NO_CONNECTION, NOT_SENT = "timed out", "lost", "no connection", "not sent"
EVERYTHING = (OFFERED, SENT, GOOD, OVERLOADED, OTHER, TIMED_OUT, LOST, NO_CONNECTION, NOT_SENT)


class Tally:
    """What was counted, and the latencies of answers in seconds, by their kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.latencies_s: dict[str, list[float]] = {GOOD: [], OVERLOADED: [], OTHER: []}

    def percentile_ms(self, kind: str, percent: float) -> float:
        """So many percent of these answers came within the milliseconds returned."""
        latencies = sorted(self.latencies_s[kind])
        return latencies[int(len(latencies) * percent / 100)] * 1_000


def kind_of(answer: bytes) -> str:
    """What an answer means to whoever wants a ticket."""
    status = answer[9:12]
    if status in (b"201", b"202"):
        return GOOD
    return OVERLOADED if status == b"503" and b'"overloaded"' in answer else OTHER


class Connection(asyncio.Protocol):
    """One client's connection; `asked_s` is the intended time of what is under way, if anything is."""

    def __init__(self, crowd: "Crowd") -> None:
        self._crowd = crowd
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self.asked_s: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether something can be sent."""
        return self._transport is not None

    def send(self, request: bytes, asked_s: float) -> None:
        """Ask."""
        assert self._transport is not None
        self.asked_s = asked_s
        self._transport.write(request)

    def give_up(self) -> None:
        """Close, whatever is still to come."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The server, or its kernel, has accepted."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by descent

    def data_received(self, data: bytes) -> None:
        """Pass an answer on once all of it is there."""
        if self._received:
            data = self._received + data
        end, length = data.find(b"\r\n\r\n"), data.find(b"Content-Length: ")
        if end < 0 or len(data) < end + 4 + int(data[length + 16 : data.find(b"\r", length)]):
            self._received = data
            return
        self._received = b""
        self._crowd.answered(self, self._crowd.kind_of(data))

    def connection_lost(self, _: Exception | None) -> None:
        """Leave the crowd."""
        self._transport = None
        self._crowd.lost(self)


class Crowd:
    """Clients before one server. `request` makes each request's bytes; `kind_of` is shown every answer."""

    def __init__(
        self,
        host: str,
        port: int,
        connections_max: int,
        request: Callable[[], bytes],
        kind_of: Callable[[bytes], str] = kind_of,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._address = host, port
        self._connections_max = connections_max
        self._request = request
        self.kind_of = kind_of
        self._connections: set[Connection] = set()
        self._free: list[Connection] = []  # the last to be free is the first to ask: no more open than needed
        self._connecting: set[asyncio.Task[None]] = set()
        self._due: deque[float] = deque()  # intended times of what is not sent yet
        self._under_way: deque[tuple[float, Connection]] = deque()  # by their intended times
        self._asks_again = False
        self._counting = False
        self.counted = Tally()
        """What happened in the time that counts."""
        self.all: Counter[str] = Counter()
        """What happened at all."""

    # --- loads -----------------------------------------------------------------------------------

    async def offer(self, rate: float, warm_up_s: float, seconds: float) -> None:
        """An open loop at `rate` requests/s; what happens after the warm-up counts."""
        chance = random.Random(1)
        began_s = due_s = self._loop.time()
        while (now_s := self._loop.time()) < began_s + warm_up_s + seconds:
            self._counting = now_s >= began_s + warm_up_s
            while due_s <= now_s:
                self._due.append(due_s)
                self._count(OFFERED)
                due_s += chance.expovariate(rate)
            self._look_after()
            await asyncio.sleep(TICK_S)
        await self._finish()

    async def press(self, warm_up_s: float, seconds: float) -> None:
        """A closed loop on all connections; what happens after the warm-up counts."""
        self._asks_again = True
        began_s = self._loop.time()
        self._due.extend([began_s] * self._connections_max)
        while (now_s := self._loop.time()) < began_s + warm_up_s + seconds:
            self._counting = now_s >= began_s + warm_up_s
            self._look_after()
            await asyncio.sleep(10 * TICK_S)
        await self._finish()

    async def _finish(self) -> None:
        """Wait for what is under way while anybody has patience; then everybody leaves."""
        self._counting = self._asks_again = False
        while self._due or self._connecting or any(each.asked_s is not None for each in self._connections):
            self._look_after()
            await asyncio.sleep(10 * TICK_S)
        for connection in self._connections:
            connection.give_up()
        while self._connections:  # noqa: ASYNC110 - once in a load
            await asyncio.sleep(TICK_S)

    # --- each tick -------------------------------------------------------------------------------

    def _look_after(self) -> None:
        """Send what is due, open connections for what has none, and give up what takes too long."""
        while self._due and self._free:
            self._send(self._free.pop())
        wanted = len(self._due) - len(self._connecting)
        room = self._connections_max - len(self._connections) - len(self._connecting)
        for _ in range(min(wanted, room, CONNECTING_MAX - len(self._connecting))):
            task = self._loop.create_task(self._connect())
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)
        for _ in range(wanted - room):
            self._due.pop()
            self._count(NOT_SENT)
        self._give_up(self._loop.time() - PATIENCE_S)

    def _give_up(self, too_long_s: float) -> None:
        while self._due and self._due[0] < too_long_s:
            self._due.popleft()
            self._count(NO_CONNECTION)
        while self._under_way and self._under_way[0][0] < too_long_s:
            asked_s, connection = self._under_way.popleft()
            if connection.asked_s == asked_s and connection.is_open:
                connection.asked_s = None
                connection.give_up()
                self._count(TIMED_OUT)

    def _send(self, connection: Connection) -> None:
        if not (connection.is_open and self._due):
            return
        asked_s = self._due.popleft()
        connection.send(self._request(), asked_s)
        self._under_way.append((asked_s, connection))
        self._count(SENT)

    async def _connect(self) -> None:
        try:
            _, connection = await self._loop.create_connection(lambda: Connection(self), *self._address)
        except OSError:
            if self._due:
                self._due.popleft()
                self._count(NO_CONNECTION)
            return
        if not connection.is_open:
            return  # closed at once
        self._connections.add(connection)
        self._next(connection)

    def _next(self, connection: Connection) -> None:
        if self._due:
            self._send(connection)
        else:
            self._free.append(connection)

    # --- what comes back -------------------------------------------------------------------------

    def answered(self, connection: Connection, kind: str) -> None:
        """An answer has come."""
        asked_s, connection.asked_s = connection.asked_s, None
        if asked_s is None:
            return
        self._count(kind)
        now_s = self._loop.time()
        if self._counting:
            self.counted.latencies_s[kind].append(now_s - asked_s)
        if self._asks_again:
            self._due.append(now_s)
        self._next(connection)

    def lost(self, connection: Connection) -> None:
        """A connection has been closed, by whomever."""
        self._connections.discard(connection)
        if connection.asked_s is not None:
            connection.asked_s = None
            self._count(LOST)

    def _count(self, what: str) -> None:
        self.all[what] += 1
        if self._counting:
            self.counted.counts[what] += 1
