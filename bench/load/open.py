"""The open loop: people come at their own times, whatever has become of those before them, and latency counts
from then. On a worker's event loop.

Whoever finds every connection busy waits here, and keeps the time at which they came; whoever has waited so
for as long as a client has patience goes away, and was never sent. So what waits here is bounded.
"""

from collections import deque
from collections.abc import Iterator
from math import inf
from random import Random
from time import monotonic

from boxoffice.bench.load.arrivals import arrivals
from boxoffice.bench.load.asks import NO_ANSWER, Answer
from boxoffice.bench.load.client import Client
from boxoffice.bench.load.load import PAUSE_S, Ground, Load
from boxoffice.bench.load.wakeups import Wakeups


class OpenLoad(Load):
    """Asks for those who come, on whatever connection is free."""

    def __init__(self, ground: Ground, rate: float, chance: Random) -> None:
        super().__init__(ground)
        self._rate = rate
        self._chance = chance
        self._idle: deque[Client] = deque()
        self._waiting_s: deque[float] = deque()
        self._staying = 0
        self._wakeups = Wakeups(self._loop, self._look_who_has_come)
        self._times_s: Iterator[float] = iter(())
        self._next_s = inf

    def begin(self) -> None:
        """From now on, people come."""
        self._idle.extend(self.clients)
        self._staying = len(self.clients)
        self._times_s = arrivals(monotonic(), self._rate, self._chance)
        self._next_s = next(self._times_s)
        self._wakeups.at(self._next_s)

    def count(self) -> None:
        """Whoever still waits is of the warm-up: they go, or they would be served before all that counts."""
        self._waiting_s.clear()

    def end(self) -> None:
        """Nobody comes any more. If more wait than there are connections, the server has fallen behind, and
        they are never sent; else they had bad luck, and are.
        """
        self._wakeups.close()
        if self.waiting > len(self.clients) or not self._staying:
            self._waiting_s.clear()
        super().end()

    def close(self) -> None:
        """Close all connections."""
        self._wakeups.close()
        self._waiting_s.clear()
        super().close()

    @property
    def waiting(self) -> int:
        """How many have come and found no connection free."""
        return len(self._waiting_s)

    def _look_who_has_come(self) -> None:
        if self._ended:
            return
        now_s = monotonic()
        while self._next_s <= now_s:
            self._recorder.offer(self._next_s)
            self._waiting_s.append(self._next_s)
            self._next_s = next(self._times_s)
        self._lose_patience(now_s)
        self._serve()
        if not self._ended:
            self._wakeups.at(self._next_s)

    def _lose_patience(self, now_s: float) -> None:
        gone_s = now_s - self.patience_s
        while self._waiting_s and self._waiting_s[0] < gone_s:
            self._waiting_s.popleft()

    def _serve(self) -> None:
        waiting_s, idle = self._waiting_s, self._idle
        while waiting_s and idle:
            client = idle.popleft()
            ask = client.visitor.next()
            if ask is None:
                self._leave(client)
            else:
                self._send(client, ask, waiting_s.popleft(), monotonic())

    def _leave(self, client: Client) -> None:
        client.close()
        self._staying -= 1
        if not self._staying:
            self.end()

    def _free(self, client: Client, answer: Answer, now_s: float) -> None:  # noqa: ARG002
        if answer is NO_ANSWER:
            self._loop.call_later(PAUSE_S, self._back, client)
        else:
            self._back(client)

    def _back(self, client: Client) -> None:
        if self._ended and not self._waiting_s:
            return
        client.connect()
        self._idle.append(client)
        if self._waiting_s:
            self._serve()
