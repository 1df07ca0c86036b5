"""Whoever is there beside a scenario's visitors, and asks for nothing that is counted: listeners, say.

A scenario that has one says so by a method `companion` (see `Accompanied`). It is entered in the parent
process, on its event loop, before the first request is sent; it is asked what it has found once the last
answer has come and before the audit; and it is left in any case, so that it ends what it has begun.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from boxoffice.bench.options import Options
from boxoffice.bench.proof.findings import Check
from boxoffice.bench.scenarios.scenario import Plan
from boxoffice.bench.target import Target


class Found(msgspec.Struct, frozen=True):
    """What a companion has to report."""

    figures: dict[str, float]
    """For the report's `extra`; their names end in their units."""
    checks: list[Check]
    """For the proof."""
    undone: str | None = None
    """Why not everything could be looked at; None if nothing stood in the way."""


class Companion(Protocol):
    """One that is there, from its entry to its exit."""

    async def found(self, begin_s: float, end_s: float, ledgers: Sequence[Path]) -> Found:
        """What it has seen; figures are of the time between these two, on the monotonic clock of all
        processes. `ledgers` are complete.
        """


@runtime_checkable
class Accompanied(Protocol):
    """A scenario that has a companion. `figures`: those that it finds and thresholds may name."""

    figures: Sequence[str]

    def companion(
        self, target: Target, plan: Plan, options: Options
    ) -> AbstractAsyncContextManager[Companion]:
        """Enter before the load. Raises LoadError when it cannot be there."""
