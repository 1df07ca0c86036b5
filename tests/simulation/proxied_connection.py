"""One client's connection through the proxy, with one of its own to PostgreSQL, and what becomes of both.

Two tasks carry the chunks, up to PostgreSQL and down to the client. The one up looks at each query, and the
one down only at those answers that a fault concerns: psycopg2 asks one question at a time, so PostgreSQL's
side stands between two messages whenever a query is sent. Made by the proxy (`proxy.py`); all of it happens
on the proxy's loop, on its thread, but for the tests' end of `Held`.
"""

import asyncio
import socket
import threading
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self, TypeAlias

from tests.simulation.wire_protocol import (
    GSS_ENCRYPTION_REQUEST,
    NOT_ENCRYPTED,
    QUERY,
    SSL_REQUEST,
    CutRows,
    Messages,
    Withheld,
)

CHUNK_MAX = 65_536  # bytes; beyond 128 KB each read would cost a system call to get the memory
PATIENCE_S = 30.0  # for what a test waits for

Upstream: TypeAlias = tuple[socket.AddressFamily, Any]
"""The family and address of PostgreSQL's socket."""


COMMITS = b"EXECUTE write_batch"
"""What the journal's message has in it, somewhere, that writes a batch and commits it (`batch.py`)."""


class Fault(StrEnum):
    """What befalls the message with which the journal commits."""

    LOST_BEFORE = "lost before"
    """PostgreSQL never gets it; both connections are closed."""

    LOST_AFTER = "lost after"
    """PostgreSQL has answered it for certain; the client gets no answer, and both connections are closed."""

    TORN = "torn"
    """PostgreSQL gets the first half of it; both connections are closed."""

    CUT_INSIDE = "cut inside"
    """It is passed on, and both connections are closed at once, before PostgreSQL can have answered.

    Through a unix socket PostgreSQL still reads it, and commits a moment after the client has heard the end.
    """

    SWALLOWED = "swallowed"
    """PostgreSQL never gets it, and this connection is silent from then on, for ever."""

    ANSWER_SWALLOWED = "answer swallowed"
    """PostgreSQL has answered it for certain, and this connection is silent from then on, for ever."""


class Held:
    """A message that waits in the proxy. `with held:` goes on once it is there, and lets it go at the end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._reached = threading.Event()
        self._released = asyncio.Event()

    def wait_until_reached(self) -> None:
        """Wait for the message, for at most `PATIENCE_S`."""
        assert self._reached.wait(PATIENCE_S), "no such message came"

    def release(self) -> None:
        """Pass it on; if it has not come yet, it will not be held."""
        with suppress(RuntimeError):  # the proxy has ended
            self._loop.call_soon_threadsafe(self._released.set)

    def __enter__(self) -> Self:
        self.wait_until_reached()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    async def hold(self) -> None:
        """The message is here: wait for its release."""
        self._reached.set()
        await self._released.wait()


@dataclass
class Plan:
    """What is to go wrong on all connections, and what has. Of the proxy's loop alone."""

    armed: deque[Fault | Held] = field(default_factory=deque)
    row_cuts: list[tuple[bytes, int]] = field(default_factory=list)  # part of a query, rows to keep
    counts: Counter[str] = field(default_factory=Counter)
    refusing: bool = False
    black_hole: bool = False
    delay_s: float = 0.0

    def disarm(self) -> None:
        """Forget whatever has not struck yet."""
        self.row_cuts.clear()
        self.armed.clear()


class ProxiedConnection:
    """Owns the client's socket from now on. `run` it as a task, cancel that to cut it, then `close` it."""

    def __init__(self, client: socket.socket, upstream: Upstream, plan: Plan) -> None:
        family, self._address = upstream
        self._client, self._server = client, socket.socket(family)
        for each in (self._client, self._server):
            each.setblocking(False)
            if each.family != socket.AF_UNIX:
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self._connected, self._silent = asyncio.Event(), asyncio.Event()
        self._cut: CutRows | None = None  # of the answer that comes next
        self._withheld: tuple[Withheld, Fault] | None = None

    async def run(self) -> None:
        """Until either side closes; if `silent`, until both have."""
        up, down = asyncio.create_task(self._carry_up()), asyncio.create_task(self._carry_down())
        silent = asyncio.create_task(self._silent.wait())
        try:
            await asyncio.wait((up, down, silent), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (up, down, silent):
                task.cancel()
            results = await asyncio.gather(up, down, silent, return_exceptions=True)
        for failure in results:
            if isinstance(failure, Exception):
                raise failure
        if self._silent.is_set():
            await asyncio.gather(self._ignore(self._client), self._ignore(self._server))

    def fall_silent(self) -> None:
        """Pass nothing on from now on, not even an end."""
        self._silent.set()

    def close(self) -> None:
        """Close both sockets, once `run` is over."""
        self._client.close()
        self._server.close()

    # --- up to PostgreSQL ----------------------------------------------------------------------------

    async def _carry_up(self) -> None:
        messages = Messages()
        with suppress(OSError):
            await self._start()
            while chunk := await self._loop.sock_recv(self._client, CHUNK_MAX):
                for piece in messages.feed(chunk):
                    if piece.kind == QUERY and not await self._passes(piece.body, piece.data):
                        return
                    await self._send(self._server, piece.data)
        if self._withheld is not None:  # the client has given up; PostgreSQL is to finish all the same
            await self._loop.create_future()

    async def _start(self) -> None:
        """Pass the client's first packet on; for it, connect to whatever PostgreSQL is there now."""
        while True:
            length = await self._receive(4)
            packet = length + await self._receive(int.from_bytes(length) - 4)
            if int.from_bytes(packet[4:8]) not in (SSL_REQUEST, GSS_ENCRYPTION_REQUEST):
                break
            await self._send(self._client, NOT_ENCRYPTED)
        await self._loop.sock_connect(self._server, self._address)
        self._connected.set()
        await self._send(self._server, packet)

    async def _passes(self, query: bytes, message: bytes) -> bool:
        """Whether this query goes on its way. If it does not, the connection is over, or silent."""
        self._prepare_cut(query)
        if COMMITS not in query or not self._plan.armed:
            return True
        fault = self._plan.armed.popleft()
        if isinstance(fault, Held):
            self._plan.counts["commit held"] += 1
            await fault.hold()
            return True
        if fault in (Fault.LOST_AFTER, Fault.ANSWER_SWALLOWED):
            self._withheld = (Withheld(), fault)
            return True
        if fault is Fault.TORN:
            await self._send(self._server, message[: len(message) // 2])
        elif fault is Fault.CUT_INSIDE:
            await self._send(self._server, message)
        elif fault is Fault.SWALLOWED:
            self.fall_silent()
        self._plan.counts[f"commit {fault}"] += 1
        return False

    def _prepare_cut(self, query: bytes) -> None:
        for cut in self._plan.row_cuts:
            part, keep = cut
            if part in query:
                self._plan.row_cuts.remove(cut)
                self._cut = CutRows(keep, query)
                return

    # --- down to the client --------------------------------------------------------------------------

    async def _carry_down(self) -> None:
        await self._connected.wait()
        with suppress(OSError):
            while chunk := await self._loop.sock_recv(self._server, CHUNK_MAX):
                if self._withheld is not None:
                    if self._withhold(*self._withheld, chunk):
                        return
                    continue
                if self._cut is not None:
                    chunk = self._cut_rows(self._cut, chunk)
                await self._send(self._client, chunk)

    def _withhold(self, withheld: Withheld, fault: Fault, chunk: bytes) -> bool:
        """Whether the answer is over, and with it the connection: closed, or silent."""
        withheld.take(chunk)
        if withheld.ended:
            self._plan.counts[f"commit {fault}"] += 1
            if fault is Fault.ANSWER_SWALLOWED:
                self.fall_silent()
        return withheld.ended

    def _cut_rows(self, cut: CutRows, chunk: bytes) -> bytes:
        lost_before = cut.lost
        left = cut.take(chunk)
        if cut.lost and not lost_before:
            self._plan.counts["rows cut"] += 1
        if cut.ended:
            self._cut = None
        return left

    # --- sockets -------------------------------------------------------------------------------------

    async def _receive(self, length: int) -> bytes:
        """Exactly so many bytes from the client. Raises ConnectionError when it closes before."""
        received = b""
        while len(received) < length:
            chunk = await self._loop.sock_recv(self._client, length - len(received))
            if not chunk:
                raise ConnectionError("the client is gone")
            received += chunk
        return received

    async def _send(self, to: socket.socket, chunk: bytes) -> None:
        if self._plan.delay_s:
            self._plan.counts["delayed"] += 1
            await asyncio.sleep(self._plan.delay_s)
        if not self._silent.is_set():  # `run` hears of it only in its turn
            await self._loop.sock_sendall(to, chunk)

    async def _ignore(self, side: socket.socket) -> None:
        """Read whatever comes from this side, until it closes."""
        with suppress(OSError):
            while await self._loop.sock_recv(side, CHUNK_MAX):
                pass
