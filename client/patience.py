"""How long to wait before asking again, and when to give up. No input or output.

`Retry-After` counts where there is one; otherwise the waits grow from a tenth of a second to five seconds,
each drawn at random from all of its range, so that many clients do not come back together. Called on the
event loop.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_WAIT_MAX_S = 0.1
WAIT_MAX_S = 5.0


@dataclass(frozen=True, slots=True)
class Clock:
    """The time and the chance that a client lives by; tests have others.

    `now_s` grows steadily, `chance` is from 0 to 1.
    """

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    chance: Callable[[], float] = random.random


REAL_CLOCK = Clock()


class Trials:
    """The attempts at one call: none begins later than `retry_for_s` after the first, or after one worked."""

    def __init__(self, retry_for_s: float, clock: Clock) -> None:
        self._clock = clock
        self._retry_for_s = retry_for_s
        self._ends_s = clock.now_s() + retry_for_s
        self._failed = 0

    async def wait(self, retry_after_s: float | None) -> bool:
        """Wait until it is time for the next attempt; false, at once, if there is to be none."""
        delay_s = retry_after_s or self._backoff_s()  # an invitation to come at once is none
        self._failed += 1
        if self._clock.now_s() + delay_s >= self._ends_s:
            return False
        await self._clock.sleep(delay_s)
        return True

    def worked(self, for_s: float) -> None:
        """An attempt did, for so long: the time begins anew, and after longer than any wait, the waits do."""
        self._ends_s = self._clock.now_s() + self._retry_for_s
        if for_s >= WAIT_MAX_S:
            self._failed = 0

    def _backoff_s(self) -> float:
        most_s = min(WAIT_MAX_S, FIRST_WAIT_MAX_S * 2.0 ** min(self._failed, 10))
        return most_s * self._clock.chance()


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The `Retry-After` of an answer in seconds, 0 if it is past; None without one that can be read."""
    given = headers.get("Retry-After", "").strip()
    if given.isascii() and given.isdigit():
        return float(given[:9])
    at = _date(given)
    if at is None:
        return None
    now = _date(headers.get("Date", "")) or datetime.now(UTC)  # its clock, which ours need not agree with
    return max(0.0, (at - now).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
