"""How late the event loop comes to what is due: the one figure that says whether the server keeps up.

A task sleeps for a moment, over and over, and sees how much later it wakes. On the event loop.
"""

import asyncio
import time
from collections.abc import Callable

EVERY_S = 0.1
WINDOW_S = 5.0


class LoopLag:
    """The worst of the last 5 to 10 seconds: of this window and the one before it. 0 until `watch` runs."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._due_s: float | None = None
        self._window_until_s = 0.0
        self._worst_s = 0.0
        self._worst_before_s = 0.0

    async def watch(self) -> None:
        """Watch, for ever."""
        while True:
            self.sleep()
            await asyncio.sleep(EVERY_S)
            self.wake()

    @property
    def worst_s(self) -> float:
        """How late the loop has been, or is just now, in seconds."""
        return max(self._worst_s, self._worst_before_s, self._late_s(self._monotonic_s()))

    def sleep(self) -> None:
        """From now on we are to wake in a moment."""
        self._due_s = self._monotonic_s() + EVERY_S

    def wake(self) -> None:
        """We are awake, and see how late it is."""
        now_s = self._monotonic_s()
        if now_s >= self._window_until_s:
            is_next = now_s < self._window_until_s + WINDOW_S
            self._worst_before_s = self._worst_s if is_next else 0.0
            self._worst_s, self._window_until_s = 0.0, now_s + WINDOW_S
        self._worst_s = max(self._worst_s, self._late_s(now_s))

    def _late_s(self, now_s: float) -> float:
        return 0.0 if self._due_s is None else now_s - self._due_s
