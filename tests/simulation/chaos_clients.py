"""The clients of the chaos run: they ask for all there is, and again until they know, and keep the ledger.

Each POST has a key, and is asked again under it, of whichever server, until the answer is final: as a client
should. Now and then one gives up waiting, hangs up in the middle, or asks twice at once. All of it is kept as
`Seen`, for the version checker. On the run's event loop.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import aiohttp

from tests.support.log import Seen

NO_ANSWER = 0
PATIENCE_S = 60.0
"""How long a client asks again before it gives up for good; longer than any fault lasts."""

LAST_TICKETS = 1_000
"""An event's tickets at the end: more than anybody can have taken."""


class Ledger:
    """What every client saw, and how often what happened."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.counts: Counter[str] = Counter()

    def note(self, seen: Seen, *, replayed: bool = False) -> None:
        """Keep it."""
        self.seen.append(seen)
        self.counts["replays"] += replayed
        if seen.status == NO_ANSWER:
            self.counts["no answer"] += 1
        elif seen.status >= 400:
            self.counts[f"{seen.status} {seen.answer.get('code')}"] += 1
        else:
            self.counts["answers"] += 1


class Shop:
    """Whom the clients ask, and about which events: both change while they run."""

    def __init__(self, urls: Callable[[int], str], events: list[str]) -> None:
        self.url = urls
        self.events = events
        self.made: list[str] = []  # by the clients themselves
        self.orders: deque[str] = deque(maxlen=40)  # the newest, for whoever likes to watch some


class Client:
    """One customer after another, at one of the servers mostly, with chances of his own."""

    def __init__(self, number: int, shop: Shop, ledger: Ledger, chance: Random) -> None:
        self._name = f"client-{number}"
        self._shop = shop
        self._ledger = ledger
        self._chance = chance
        self._asked = 0
        self._orders: list[str] = []

    async def run(self, session: aiohttp.ClientSession, done: Callable[[], bool]) -> None:
        """Ask for one thing after the other until `done`; what was begun is brought to its end."""
        self._session = session
        while not done():
            await self._one_thing()
            if self._chance.random() < 0.1:
                await asyncio.sleep(self._chance.random() * 0.2)

    async def have_the_last_word(self, session: aiohttp.ClientSession, events: Iterable[str]) -> None:
        """Change each of these events once more, when nothing is broken any more."""
        self._session = session
        bodies = [{"eventId": event, "totalTickets": LAST_TICKETS} for event in events]
        changed = await asyncio.gather(*(self._until_known("/adjust", body) for body in bodies))
        assert all(seen is not None and seen.status == 200 for seen in changed), changed

    async def _one_thing(self) -> None:
        chance = self._chance
        event = chance.choice([*self._shop.events, *self._shop.made[-2:]])
        weights = {
            "take": 400,
            "change": 380,
            "adjust": 30,
            "look": 140,
            "batch": 50,
            "initialize": 5,
            "close": 5,
        }
        what = chance.choices(list(weights), list(weights.values()))[0]
        if what == "look":
            await self._look(event)
        elif what == "adjust":
            await self._until_known("/adjust", {"eventId": event, "totalTickets": chance.randint(5, 30)})
        elif what == "initialize":
            made = await self._until_known("/initialize", {"eventName": "Chaos", "totalTickets": 20})
            self._shop.made += [made.answer["eventId"]] if made is not None else []
        elif what == "close" and self._shop.made:
            await self._until_known("/close", {"eventId": chance.choice(self._shop.made)})
        elif what == "change" and self._orders:
            await self._until_known(*self._change())
        elif what == "batch":
            await self._batch(event)
        else:
            await self._until_known(*self._take(event))

    def _take(self, event: str) -> tuple[str, dict[str, Any]]:
        chance = self._chance
        body: dict[str, Any] = {
            "eventId": event,
            "userId": f"{self._name}-{self._asked}",
            "quantity": chance.choice([1, 1, 1, 2, 3]),
            "waitlist": chance.random() < 0.85,
        }
        if chance.random() < 0.4:
            return "/hold", {**body, "holdSeconds": chance.choice([1, 1, 2, 30])}
        return "/book", body

    def _change(self) -> tuple[str, dict[str, Any]]:
        chance = self._chance
        order = self._orders[chance.randrange(len(self._orders))]
        if chance.random() < 0.15:  # any of mine: whoever has none, or several, is told so
            user = f"{self._name}-{chance.randint(1, max(1, self._asked))}"
            return "/cancel", {"eventId": order.partition("-")[0], "userId": user}
        path = chance.choice(["/cancel", "/cancel", "/cancel", "/confirm", "/extend"])
        if path == "/cancel" and chance.random() < 0.7:
            self._orders.remove(order)
        elif path == "/cancel":
            return path, {"orderId": order, "quantity": chance.randint(1, 2)}
        return path, {"orderId": order}

    # --- asking ----------------------------------------------------------------------------------

    async def _until_known(self, path: str, body: dict[str, Any]) -> Seen | None:
        """Ask again under the same key until the answer is final."""
        self._asked += 1
        key = f"{self._name}-{self._asked}"
        twice = self._chance.random() < 0.05
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            asked = [self._ask(path, key, body) for _ in range(1 + twice)]
            for seen in await asyncio.gather(*asked):
                if _is_final(seen):
                    self._keep_orders(seen)
                    return seen
            await asyncio.sleep(0.05 + self._chance.random() * 0.3)
        self._ledger.counts["given up"] += 1
        return None

    def _keep_orders(self, seen: Seen) -> None:
        for answer in _answers(seen):
            if answer.get("status") in ("confirmed", "held", "waitlisted"):
                self._orders.append(answer["orderId"])
                self._shop.orders.append(answer["orderId"])

    async def _batch(self, event: str) -> None:
        commands = []
        for _ in range(self._chance.randint(2, 6)):
            self._asked += 1
            path, body = self._take(event)
            commands.append({"do": path.removeprefix("/"), **body})
        await self._until_known("/batch", {"commands": commands})

    async def _look(self, event: str) -> None:
        order = self._chance.choice(self._orders) if self._orders and self._chance.random() < 0.6 else None
        await self._ask(f"/status/{event}" if order is None else f"/orders/{order}", None, {})

    def _server(self, body: dict[str, Any], path: str) -> int:
        """Most of what is asked of an event goes to one server, as a load balancer would have it."""
        named = str(body.get("eventId") or body.get("orderId") or path.rpartition("/")[2])
        event = named.partition("-")[0]
        home = int(event) % 2 if event.isdigit() else 0
        return home if self._chance.random() < 0.85 else 1 - home

    async def _ask(self, path: str, key: str | None, body: dict[str, Any]) -> Seen:
        began_s = time.monotonic()
        status, answer, replayed = NO_ANSWER, None, False
        patience_s = self._chance.choice([0.02, 0.3, 4.0, 12.0, 12.0, 12.0, 12.0, 12.0])
        url = self._shop.url(self._server(body, path)) + path
        how: dict[str, Any] = {"json": body, "headers": {"Idempotency-Key": key}} if key is not None else {}
        try:
            async with (
                asyncio.timeout(patience_s),  # then it hangs up
                self._session.request("GET" if key is None else "POST", url, **how) as response,
            ):
                answer = await response.json(content_type=None)
                status, replayed = response.status, "Idempotent-Replayed" in response.headers
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            answer = {"error": repr(error)}
        seen = Seen(path, body, status, answer, began_s, time.monotonic(), key)
        self._ledger.note(seen, replayed=replayed)
        return seen


def _answers(seen: Seen) -> list[dict[str, Any]]:
    """The answer, or those of a batch."""
    if seen.path == "/batch" and seen.status == 200:
        return [result["body"] for result in seen.answer["results"]]
    return [seen.answer]


def _is_final(seen: Seen) -> bool:
    """Whether it is of no use to ask again; a batch is asked again until all of it is final."""
    if seen.status == NO_ANSWER or seen.status >= 500:
        return False
    codes = {answer.get("code") for answer in _answers(seen)}
    return codes.isdisjoint(
        {"in_progress", "not_applied", "overloaded", "event_moved", "event_unavailable", "outcome_unknown"}
    )
