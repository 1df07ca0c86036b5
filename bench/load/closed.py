"""The closed loop: whoever has been answered asks again. So the server sets the pace, and a slow answer keeps
others from being asked: what people would have waited for then is not seen. On a worker's event loop.
"""

from asyncio import TimerHandle
from time import monotonic

from boxoffice.bench.load.asks import NO_ANSWER, Answer, Ask
from boxoffice.bench.load.client import Client
from boxoffice.bench.load.load import PAUSE_S, Ground, Load


class ClosedLoad(Load):
    """Every client asks as soon as it may, and its visitor has thought for long enough."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self._thinking: dict[Client, TimerHandle] = {}
        self._staying = 0

    def begin(self) -> None:
        """All of them ask."""
        self._staying = len(self.clients)
        for client in self.clients:
            self._next(client, monotonic(), 0.0)

    def count(self) -> None:
        """All goes on as before."""

    def end(self) -> None:
        """Those who think do not ask any more, either."""
        for timer in self._thinking.values():
            timer.cancel()
        super().end()

    def _free(self, client: Client, answer: Answer, now_s: float) -> None:
        self._next(client, now_s, PAUSE_S if answer is NO_ANSWER else 0.0)

    def _next(self, client: Client, now_s: float, pause_s: float) -> None:
        if self._ended:
            return
        ask = client.visitor.next()
        if ask is None:
            client.close()
            self._staying -= 1
            if not self._staying:
                self.end()
        elif wait_s := max(ask.after_s, pause_s):
            self._thinking[client] = self._loop.call_later(wait_s, self._thought, client, ask)
        else:
            self._ask(client, ask, now_s)

    def _thought(self, client: Client, ask: Ask) -> None:
        del self._thinking[client]
        self._ask(client, ask, monotonic())

    def _ask(self, client: Client, ask: Ask, now_s: float) -> None:
        self._recorder.offer(now_s)
        self._send(client, ask, now_s, now_s)
