"""What a scenario is: it prepares events, and says what those behind the connections ask for, and when."""

from random import Random
from typing import Any, Protocol

import msgspec

from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.bench.options import Options
from boxoffice.bench.target import Target


class LoadError(Exception):
    """Why a load cannot be made, in words for whoever asked for it."""


class Taken(msgspec.Struct, frozen=True):
    """What a scenario makes of an answer."""

    good: int = 0
    """Bookings, or whatever is counted, that succeeded."""
    failed: str | None = None
    """A short name for the table of errors; None when it is as it should be."""


class Plan(msgspec.Struct, frozen=True):
    """What was prepared: sent to every worker."""

    event_ids: list[str]
    more: Any = None
    """The scenario's own; msgpack can carry it."""


class Visitor(Protocol):
    """Whoever stands behind one connection, and makes one request at a time. On a worker's event loop."""

    def next(self) -> Ask | None:
        """What is asked next; None: nothing, ever again."""

    def answered(self, ask: Ask, answer: Answer) -> Taken:
        """Take note of what came of it. Called once for each `next`."""


class Scenario(Protocol):
    """One way in which people come to a box office. `counted`: what is good, in the plural."""

    name: str
    counted: str

    async def prepare(self, target: Target, options: Options) -> Plan:
        """Make the events. In the parent process, before the load. Raises LoadError when that cannot be."""

    def visitor(self, plan: Plan, options: Options, number: int, chance: Random) -> Visitor:
        """Somebody new; `number` is theirs alone in this run. In a worker."""
