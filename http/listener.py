"""Accepts connections, up to a bound, and looks after those that are open.

The event loops' own accepting fails when descriptors run out: asyncio's logs thousands of errors a second,
uvloop's hangs up on clients without a word, or stops listening for good. This one waits. On the event loop.
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from aiohttp import web

from boxoffice.http.connection import Connection, Timeouts
from boxoffice.http.lane import Lane
from boxoffice.http.problems import ProblemError

log = logging.getLogger(__name__)

BACKLOG = 4096
"""Connections that may wait to be accepted. aiohttp's 128 overflows in the first instant of a sale."""

ACCEPTS_PER_TICK = 64
"""Connections accepted before the loop looks for requests again."""

LOOKED_AFTER_PER_TICK = 500

ACCEPT_AGAIN_S = 0.1
"""How long we wait when nothing can be accepted, since there are no descriptors left, say."""

SAY_AGAIN_S = 60.0
"""How often the log says what goes on and on."""

TURNED_AWAY_MAX = 128
"""Connections beyond the bound that may still be open, for their clients to read why."""


class Listener:
    """On one socket, for one of aiohttp's servers. `open_connections` are those that are open now."""

    def __init__(
        self,
        manager: web.Server,
        bound: socket.socket,
        timeouts: Timeouts,
        connections_max: int,
        open_connections: set[Connection],
        lane: Lane | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._manager = manager
        self._bound = bound
        self._timeouts = timeouts
        self._max = connections_max
        self._open = open_connections
        self._lane = lane
        self._attaching: set[asyncio.Task[None]] = set()
        self._turned_away: deque[tuple[float, socket.socket]] = deque()  # until then
        self._listening = False
        self._said_s: dict[str, float] = {}
        self._swept_s = self._loop.time()
        self._excused = False
        self._sweeper: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Listen. Raises OSError if another server was faster."""
        self._bound.setblocking(False)
        self._bound.listen(BACKLOG)
        self._listening = True
        self._loop.add_reader(self._bound, self._accept)
        self._sweep()

    def close(self) -> None:
        """Accept nothing more; those that are open are still looked after."""
        if self._listening:
            self._listening = False
            self._loop.remove_reader(self._bound)
            self._bound.close()

    def stop(self) -> None:
        """Look after nobody any more."""
        self.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        while self._turned_away:
            _hang_up(self._turned_away.popleft()[1])

    # --- accepting -------------------------------------------------------------------------------

    def _accept(self) -> None:
        for _ in range(ACCEPTS_PER_TICK):
            try:
                client, _ = self._bound.accept()
            except ConnectionAbortedError:
                continue  # it has gone already
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._wait(error)
                return
            client.setblocking(False)
            if len(self._open) < self._max:
                self._connect(client)
            else:
                self._turn_away(client)

    def _wait(self, error: OSError) -> None:
        """The socket stays readable, so the loop would call again at once."""
        self._say(f"no connection can be accepted for now: {error.strerror}")
        self._loop.remove_reader(self._bound)
        self._loop.call_later(ACCEPT_AGAIN_S, self._again)

    def _again(self) -> None:
        if self._listening:
            self._loop.add_reader(self._bound, self._accept)

    def _connect(self, client: socket.socket) -> None:
        connection = Connection(self._manager, self._timeouts, self._open, self._lane)
        self._open.add(connection)
        task = self._loop.create_task(self._attach(connection, client))
        self._attaching.add(task)
        task.add_done_callback(self._attaching.discard)

    async def _attach(self, connection: Connection, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: connection, client)
        except OSError:  # it has gone already
            client.close()
            self._open.discard(connection)

    # --- the bound -------------------------------------------------------------------------------

    def _turn_away(self, client: socket.socket) -> None:
        """Answer without waiting for the request. Closed at once, TCP might reset it before that is read."""
        why = f"{self._max} connections are open, and no more are taken"
        self._say(why)
        problem = ProblemError("overloaded", f"{why}.")
        with suppress(OSError):
            client.send(problem.unasked())
            client.shutdown(socket.SHUT_WR)
        self._turned_away.append((self._loop.time() + self._timeouts.linger_s, client))
        if len(self._turned_away) > TURNED_AWAY_MAX:
            _hang_up(self._turned_away.popleft()[1])

    def _say(self, what: str) -> None:
        now = self._loop.time()
        if now - self._said_s.get(what, -SAY_AGAIN_S) >= SAY_AGAIN_S:
            self._said_s[what] = now
            log.warning(what)

    def _sweep(self) -> None:
        self._sweeper = self._loop.call_later(self._timeouts.sweep_s, self._sweep)
        now = self._loop.time()
        while self._turned_away and self._turned_away[0][0] <= now:
            _hang_up(self._turned_away.popleft()[1])
        # If we were late ourselves (stopped, say), what clients have sent since may not have been read yet.
        self._excused = not self._excused and now - self._swept_s > 2 * self._timeouts.sweep_s
        self._swept_s = now
        if not self._excused:
            self._look_after(iter(tuple(self._open)))

    def _look_after(self, connections: Iterator[Connection]) -> None:
        """Some, and then whatever else there is to do: ten thousand at once would take 7 ms."""
        some = tuple(islice(connections, LOOKED_AFTER_PER_TICK))
        now = self._loop.time()
        for connection in some:
            try:
                connection.look_after(now)
            except Exception:  # the others still have to be
                log.exception("a connection could not be looked after")
        if some:
            self._loop.call_soon(self._look_after, connections)


def _hang_up(client: socket.socket) -> None:
    with suppress(OSError):
        client.recv(64 * 1024)  # closed with something unread, it is reset
    client.close()
