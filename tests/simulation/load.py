"""Loads for the checkers: buyers who do all there is to do with one event, and look at it meanwhile.

Seeded, but what comes of it depends on who comes first. Driven by the checkers' tests, on the event loop.
"""

import asyncio
import random
from typing import Any

from tests.e2e.load import Crowd, at_once
from tests.simulation.requests import taken_apart

CALLS = ("/book", "/hold", "/hold", "/cancel", "/cancel", "/confirm", "/extend", "/adjust", "/batch", "?")
NEW = ("/book", "/hold")
MINE = ("/cancel", "/confirm", "/extend")


class Buyer:
    """Comes and goes; now and then asks twice under one key, or takes an order that was never his."""

    def __init__(self, crowd: Crowd, event: str, seed: int) -> None:
        self._crowd = crowd
        self._event = event
        self._dice = random.Random(seed)
        self._customer = f"user-{seed}"
        self._asked = 0
        self._orders: list[str] = []

    async def run(self, times: int) -> None:
        """Ask for this many things, one after the other."""
        for _ in range(times):
            await self._do(self._dice.choice(CALLS))
            if self._dice.random() < 0.1:
                await asyncio.sleep(0.3)  # some holds and offers lapse meanwhile

    async def _do(self, path: str) -> None:
        dice = self._dice
        if path == "?" or (path in MINE and not self._orders):
            places = [f"/status/{self._event}", f"/orders?eventId={self._event}&userId={self._customer}"]
            await self._crowd.look(dice.choice([*places, *(f"/orders/{order}" for order in self._orders)]))
        elif path == "/batch":
            commands = [self._command(dice.choice(NEW)) for _ in range(3)]
            await self._ask(path, {"commands": [{"do": path[1:], **asked} for path, asked in commands]})
        else:
            await self._ask(*self._command(path))

    async def _ask(self, path: str, asked: dict[str, Any]) -> None:
        self._asked += 1
        key = f"{self._event}-{self._customer}-{self._asked}" if self._dice.random() < 0.3 else None
        times = 1 if key is None else 2
        first = (await at_once(*(self._crowd.ask(path, key=key, **asked) for _ in range(times))))[0]
        made = [each for each in taken_apart([first]) if each.path in NEW and each.status in (201, 202)]
        self._orders += [each.answer["orderId"] for each in made]

    def _command(self, path: str) -> tuple[str, dict[str, Any]]:
        dice, event, quantity = self._dice, self._event, self._dice.randint(1, 3)
        match path:
            case "/book" | "/hold":
                asked = {"eventId": event, "userId": self._customer, "quantity": quantity}
                asked |= {"waitlist": dice.random() < 0.7}
                return path, asked | ({"holdSeconds": dice.choice([1, 60])} if path == "/hold" else {})
            case "/adjust":
                return path, {"eventId": event, "totalTickets": dice.randint(20, 60)}
            case "/cancel":
                part = {"quantity": quantity} if dice.random() < 0.5 else {}
                if dice.random() < 0.3:
                    return path, {"eventId": event, "userId": self._customer, **part}
                return path, {"orderId": dice.choice(self._orders), **part}
        return path, {"orderId": dice.choice(self._orders)}
