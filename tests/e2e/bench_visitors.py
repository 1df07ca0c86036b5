"""Some clients who book, hold, confirm, cancel and look at a real server, each with a line in a ledger.

They do all that the proof looks at: people give up and ask again under their key, parties wait, parts are
given back. Seeded; what they meet is the server's.
"""

import asyncio
import json
import time
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.bench.proof.ledger import Ledger


class Visitors:
    """Those who write in one ledger."""

    def __init__(self, session: aiohttp.ClientSession, ledger: Ledger, seed: int) -> None:
        self._session = session
        self._ledger = ledger
        self._chance = Random(seed)
        self._orders: list[str] = []
        self._name = f"{seed}"
        self._count = 0

    async def ask(
        self, call: str, facts: Any, key: str | None = None, patience_s: float | None = None
    ) -> Any:
        """One command, or a batch of them; the answer, None if it was not waited for."""
        body = _batch(facts) if isinstance(facts, list) else _body(facts)
        headers = {"Content-Type": "application/json"} | ({} if key is None else {"Idempotency-Key": key})
        ask = Ask(call, f"/{call}", json.dumps(body).encode(), key=key, facts=facts)
        return await self._send("POST", ask, headers, patience_s)

    async def look(self, path: str) -> Any:
        """One GET."""
        return await self._send("GET", Ask("look", path, method="GET"), {}, None)

    async def _send(self, method: str, ask: Ask, headers: dict[str, str], patience_s: float | None) -> Any:
        sent_s, answer = time.monotonic(), Answer(0)
        try:
            async with asyncio.timeout(patience_s), self._session.request(
                method, ask.path, data=ask.body or None, headers=headers
            ) as response:  # fmt: skip
                replayed = response.headers.get("Idempotent-Replayed") == "true"
                answer = Answer(response.status, await response.read(), None, replayed)
        except (TimeoutError, aiohttp.ClientError):
            pass
        self._ledger.note(ask, answer, sent_s, time.monotonic())
        return json.loads(answer.body) if answer.status else None

    def somebody(self) -> str:
        """A new name."""
        self._count += 1
        return f"{self._name}-{self._count}"

    async def come(self, event_id: str, times: int) -> None:
        """Do something, so many times."""
        does = (self._book, self._book, self._hold, self._cancel, self._look, self._batch)
        for _ in range(times):
            await self._chance.choice(does)(event_id)

    async def _book(self, event_id: str) -> None:
        user, chance = self.somebody(), self._chance
        facts = {"e": event_id, "u": user, "q": chance.choice((1, 1, 2, 3)), "w": chance.random() < 0.7}
        if chance.random() < 0.5:
            self._note(await self.ask("book", facts))
            return
        await self.ask("book", facts, key=user, patience_s=chance.choice((0.0005, 0.002, 0.01)))
        for _ in range(chance.choice((1, 2))):
            self._note(await self.ask("book", facts, key=user))

    async def _hold(self, event_id: str) -> None:
        order = await self.ask(
            "hold", {"e": event_id, "u": self.somebody(), "q": self._chance.choice((1, 2))}
        )
        if order.get("status") == "held":
            await self.ask("confirm", {"o": order["orderId"]}, key=order["orderId"])
            self._note(order)

    async def _cancel(self, _event_id: str) -> None:
        if not self._orders:
            return
        order_id = self._orders.pop(self._chance.randrange(len(self._orders)))
        part = self._chance.choice((None, None, 1))
        facts = {"o": order_id} if part is None else {"o": order_id, "q": part}
        await self.ask("cancel", facts, patience_s=self._chance.choice((None, None, 0.001)))

    async def _look(self, event_id: str) -> None:
        await self.look(f"/status/{event_id}")
        if self._orders:
            await self.look(f"/orders/{self._chance.choice(self._orders)}")

    async def _batch(self, event_id: str) -> None:
        commands = [{"do": "book", "e": event_id, "u": self.somebody()} for _ in range(3)]
        answer = await self.ask("batch", [*commands, {"do": "cancel", "o": f"{event_id}-nobodys"}])
        for result in answer["results"]:
            self._note(result["body"])

    def _note(self, order: Any) -> None:
        if order and "orderId" in order:
            self._orders.append(order["orderId"])


NAMES = {
    "e": "eventId", "u": "userId", "q": "quantity", "w": "waitlist", "o": "orderId", "n": "totalTickets",
    "do": "do",
}  # fmt: skip


def _body(facts: dict[str, Any]) -> dict[str, Any]:
    return {NAMES[name]: value for name, value in facts.items()}


def _batch(facts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"commands": [_body(each) for each in facts]}


async def load(url: str, event_ids: list[str], folder: Path, seed: int = 1, crowd: int = 12) -> list[Path]:
    """Let a crowd do something at each of these events; their ledgers."""
    ledgers = [folder / f"ledger-{number}" for number in range(2)]
    writers = [Ledger(path) for path in ledgers]
    async with aiohttp.ClientSession(url) as session:
        people = [Visitors(session, writers[number % 2], seed * 1000 + number) for number in range(crowd)]
        await asyncio.gather(*(one.come(event_id, 20) for one in people for event_id in event_ids))
        for one in people:
            await one.ask("adjust", {"e": event_ids[0], "n": 200 + len(one.somebody())})
    for writer in writers:
        writer.close()
    return ledgers
