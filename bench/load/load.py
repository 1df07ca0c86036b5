"""A load: clients, the server they ask, and what is kept of it. Its two ways are `closed.py` and `open.py`.

On a worker's event loop. Begun once; ended once, after which nothing new is asked; finished when the last
request that was under way has been answered or given up.
"""

import asyncio
from abc import ABC, abstractmethod
from time import monotonic
from typing import NamedTuple, Protocol

from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.bench.load.client import Client
from boxoffice.bench.load.connection import Connection
from boxoffice.bench.load.machinery import Address
from boxoffice.bench.load.recorder import Recorder
from boxoffice.bench.load.requests import Requests
from boxoffice.bench.scenarios.scenario import Visitor

CONNECTING_MAX = 256
"""Connections being made at once: more might find the server's backlog full, and wait for seconds."""

LOOK_S = 0.02
"""How often it is looked who has waited for too long."""

PAUSE_S = 0.1
"""How long a client that got no answer waits at least before it asks again: no server is down for less."""


class Notes(Protocol):
    """A ledger."""

    def note(self, ask: Ask, answer: Answer, sent_s: float, answered_s: float) -> None:
        """Remember this request."""


class Ground(NamedTuple):
    """What a load stands on. `patience_s`: of an ask that names none of its own."""

    address: Address
    requests: Requests
    recorder: Recorder
    ledger: Notes
    patience_s: float


class Load(ABC):
    """What both ways have in common."""

    def __init__(self, ground: Ground) -> None:
        self._address, self.requests, self._recorder, ledger, self.patience_s = ground
        self.clients: list[Client] = []
        self.unreachable: OSError | None = None
        """Why the last connection that could not be made was not."""
        self._note = ledger.note
        self._loop = asyncio.get_running_loop()
        self._connecting = asyncio.Semaphore(CONNECTING_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._look = self._loop.call_later(LOOK_S, self._look_at_clocks)
        self._ended = False
        self._under_way = 0
        self._finished = asyncio.Event()

    # --- from outside ----------------------------------------------------------------------------

    async def open(self, visitors: list[Visitor]) -> None:
        """Make all connections, one for each visitor. Raises OSError if there is not a single one."""
        self.clients = [Client(self, visitor) for visitor in visitors]
        for client in self.clients:
            client.connect()
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self.unreachable is not None and not self.connections:
            raise self.unreachable

    @abstractmethod
    def begin(self) -> None:
        """Ask from now on."""

    def end(self) -> None:
        """Ask nothing new."""
        self._ended = True
        self._check_finished()

    async def finished(self) -> None:
        """Wait until nothing is under way any more, after `end`, or because nobody has anything to ask."""
        await self._finished.wait()

    def close(self) -> None:
        """Close all connections. What is under way is given up."""
        self._ended = True
        self._look.cancel()
        for client in self.clients:
            if client.is_busy:
                client.give_up()
            client.close()
        for task in self._tasks:
            task.cancel()

    @property
    def connections(self) -> int:
        """How many are open."""
        return sum(client.is_connected for client in self.clients)

    @property
    def waiting(self) -> int:
        """How many want to ask, and find no connection free."""
        return 0

    @abstractmethod
    def count(self) -> None:
        """The warm-up is over."""

    def _lose_patience(self, now_s: float) -> None:  # noqa: B027 - of those who wait, and here is nobody
        """Whoever has waited for too long goes."""

    # --- what the clients tell -------------------------------------------------------------------

    def answered(self, client: Client, ask: Ask, answer: Answer, now_s: float) -> None:
        """Write it down, and go on."""
        taken = client.visitor.answered(ask, answer)
        self._recorder.answer(ask, answer, taken, client.since_s, now_s)
        self._note(ask, answer, client.sent_s, now_s)
        self._under_way -= 1
        self._free(client, answer, now_s)
        if self._ended:
            self._check_finished()

    @abstractmethod
    def _free(self, client: Client, answer: Answer, now_s: float) -> None:
        """The client may ask again."""

    def _send(self, client: Client, ask: Ask, since_s: float, now_s: float) -> None:
        self._under_way += 1
        self._recorder.send(since_s)
        client.send(ask, since_s, now_s)

    def _check_finished(self) -> None:
        if self._ended and not self._under_way and not self.waiting:
            self._finished.set()

    def _look_at_clocks(self) -> None:
        now_s = monotonic()
        for client in self.clients:
            if client.until_s < now_s:
                client.give_up()
        self._lose_patience(now_s)
        self._check_finished()
        self._look = self._loop.call_later(LOOK_S, self._look_at_clocks)

    # --- connections -----------------------------------------------------------------------------

    def connect(self, client: Client) -> None:
        """Make it one."""
        task = self._loop.create_task(self._connect(client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, client: Client) -> None:
        host, port, tls, name = self._address
        try:
            async with self._connecting:
                await self._loop.create_connection(
                    lambda: Connection(client), host, port, ssl=tls, server_hostname=name
                )
        except OSError as error:
            self.unreachable = error
            client.not_connected()
