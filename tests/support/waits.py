"""A clock for the Python client, by which waiting takes no time."""

from collections.abc import Callable
from typing import Any

from boxoffice.client.patience import Clock


class Waits:
    """A clock that stands still but for the waits, which take no time; `chance` is what is drawn."""

    def __init__(self, chance: float = 1.0) -> None:
        self.slept: list[float] = []
        self.meanwhile: Callable[[], Any] | None = None
        self.clock = Clock(lambda: sum(self.slept), self._sleep, lambda: chance)

    async def _sleep(self, delay_s: float) -> None:
        self.slept.append(round(delay_s, 6))
        if self.meanwhile is not None:
            await self.meanwhile()
