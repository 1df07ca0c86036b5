"""People who book, hold, confirm and cancel on one event that is too small for them, at a steady pace.

An open loop: each has a connection, and asks at their own times, whatever the answers take; late answers
count from when their request was due. Each keeps as many orders as `KEPT` and then cancels the oldest, so
that the event stays as full, and its line as long. On an event loop. Used by `churn.py`.
"""

import asyncio
import random
import time
from collections import deque
from itertools import count

import msgspec
from probe import request

KEPT = 40
"""Orders of one visitor."""

REFUSED_MAX = 0.01
"""So much may be refused: who cancels an order that was promoted or let go meanwhile."""


class Order(msgspec.Struct, rename="camel"):
    """What a visitor remembers of an order."""

    order_id: str
    status: str


_decode = msgspec.json.Decoder(Order).decode


class Seen:
    """What all of them saw: latencies in ms since it was last taken, and how much was refused at all."""

    def __init__(self) -> None:
        self._latencies_ms: list[float] = []
        self.asked = 0
        self.refused = 0

    def note(self, took_s: float, status: int) -> None:
        """One was answered. Ends here if it was answered as nothing should be."""
        self._latencies_ms.append(took_s * 1_000)
        self.asked += 1
        if status not in (200, 201, 202):
            if status != 409:
                raise SystemExit(f"a visitor was answered {status}")
            self.refused += 1

    def take(self) -> list[float]:
        """The latencies since the last time."""
        taken, self._latencies_ms = self._latencies_ms, []
        return taken


async def look(address: tuple[str, int], seen: Seen, every_s: float, end_s: float) -> None:
    """Somebody else, who only looks at a status, as often, until then."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        due_s = time.monotonic()
        while due_s < end_s:
            await asyncio.sleep(due_s - time.monotonic())
            writer.write(request("GET", "/status/1"))
            status, _ = await answer(reader)
            seen.note(time.monotonic() - due_s, status)
            due_s += every_s
    finally:
        writer.close()


class Visitor:
    """One of them."""

    def __init__(self, number: int, event_id: str, seen: Seen) -> None:
        self._chance = random.Random(number)
        self._event_id = event_id
        self._seen = seen
        self._name = f"visitor-{number}"
        self._numbers = count(1)
        self._orders: deque[Order] = deque()
        self._held: Order | None = None

    async def run(self, address: tuple[str, int], due_s: float, every_s: float, end_s: float) -> None:
        """Ask at these times, on the monotonic clock: uvloop's own has milliseconds."""
        reader, writer = await asyncio.open_connection(*address)
        try:
            while due_s < end_s:
                await asyncio.sleep(due_s - time.monotonic())
                writer.write(self._ask())
                status, body = await answer(reader)
                self._seen.note(time.monotonic() - due_s, status)
                self._take(status, body)
                due_s += every_s
        finally:
            writer.close()

    def _ask(self) -> bytes:
        """What to ask next: to keep what is held, to let go of the oldest order, or for another one."""
        if self._held is not None:
            return request("POST", "/confirm", {"orderId": self._held.order_id})
        if len(self._orders) >= KEPT:
            return request("POST", "/cancel", {"orderId": self._orders.popleft().order_id})
        call = self._chance.choice(("/book", "/hold"))
        return request(
            "POST", call, {"eventId": self._event_id, "userId": f"{self._name}-{next(self._numbers)}"}
        )

    def _take(self, status: int, body: bytes) -> None:
        """Remember a new order; of one that is held, that it must be confirmed."""
        self._held = None
        if status not in (201, 202):
            return
        order = _decode(body)
        self._orders.append(order)
        if order.status == "held":
            self._held = order


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status and the body of the next answer. Raises asyncio.IncompleteReadError when none comes."""
    head = await reader.readuntil(b"\r\n\r\n")
    at = head.index(b"Content-Length: ") + 16
    return int(head[9:12]), await reader.readexactly(int(head[at : head.index(b"\r", at)]))
