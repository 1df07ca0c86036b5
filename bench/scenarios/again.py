"""Asking again, as a patient program or an impatient person does: the same request, under the same key, until
it is answered for good.

What is asked again waits first: as `Retry-After` says, or a moment. In a closed loop the one who asks waits
with it; in an open loop, whose times are not theirs, others come meanwhile. Called on a worker's event loop.
"""

import time
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random

import msgspec

from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.bench.options import Options
from boxoffice.bench.scenarios.reading import code_in

LATER_MAX = 1_000
"""Those of one visitor that may wait while others come: who is refused after that many goes away for good."""

UNANSWERED_S = (0.05, 0.3)
"""How long somebody looks at a page that does not move before they press again."""

NO_TIME_SAID_S = 1.0
"""The wait when an answer says "later" and not when."""

_LATER = frozenset({0, 408, 429, 502, 503, 504})


def is_final(answer: Answer) -> bool:
    """Whether it is of no use to ask the same again: 2xx and 4xx, but for those that say "later"."""
    if answer.status in _LATER:
        return False
    return answer.status != 409 or code_in(answer.body) != "in_progress"


class Again:
    """What one visitor has to ask again."""

    __slots__ = ("_chance", "_clock", "_count", "_is_open", "_later", "_next")

    def __init__(self, options: Options, chance: Random, clock: Callable[[], float] = time.monotonic) -> None:
        self._is_open = options.rate is not None
        self._chance = chance
        self._clock = clock
        self._next: Ask | None = None
        self._later: list[tuple[float, int, Ask]] = []
        self._count = 0

    def put(self, ask: Ask, answer: Answer, patience_s: float | None = None) -> bool:
        """Have it asked again; False when too many wait already."""
        if answer.status == 0:
            wait_s = self._chance.uniform(*UNANSWERED_S)
        else:
            wait_s = NO_TIME_SAID_S if answer.retry_after_s is None else answer.retry_after_s
        return self.put_in(wait_s, msgspec.structs.replace(ask, patience_s=patience_s))

    def put_in(self, wait_s: float, ask: Ask) -> bool:
        """Have it asked in so long; False when too many wait already."""
        if not self._is_open:
            self._next = msgspec.structs.replace(ask, after_s=wait_s)
            return True
        return self.put_later(wait_s, ask)

    def put_later(self, wait_s: float, ask: Ask) -> bool:
        """Have it asked after so long, and others come meanwhile, in a closed loop, too; False when too many
        wait already.
        """
        if len(self._later) >= LATER_MAX:
            return False
        self._count += 1
        heappush(self._later, (self._clock() + wait_s, self._count, ask))
        return True

    @property
    def waiting(self) -> int:
        """How many requests are to be made again, now or later."""
        return len(self._later) + (self._next is not None)

    def next(self) -> Ask | None:
        """What is to be asked now; None: nothing yet."""
        if self._next is not None:
            ask, self._next = self._next, None
            return ask
        if self._later and self._later[0][0] <= self._clock():
            return heappop(self._later)[2]
        return None
