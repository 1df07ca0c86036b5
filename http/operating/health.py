"""`GET /livez`, whether the process can answer, and `GET /readyz`, whether it should be sent requests: with
`?verbose` also what is the matter.

Whoever restarts servers asks the first, which asks nobody else: a database that is away is no reason for it.
Whoever sends them requests asks the second, which asks the database and takes as long as that. Called on the
event loop.
"""

import time
from collections.abc import Sized
from importlib.metadata import version
from typing import Any

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from boxoffice.actors.ports import DatabaseAway, Reading
from boxoffice.actors.principals import Scope
from boxoffice.http import wire
from boxoffice.http.bridge import Bridge
from boxoffice.http.handlers import Handler, response
from boxoffice.http.operating.lag import LoopLag
from boxoffice.http.problems import ProblemError
from boxoffice.http.said import Said
from boxoffice.http.visit import current

LAG_MAX_S = 2.0
"""A server whose event loop is later than this is not sent more. Asked for three times what it can do, it is
0.3 s late at the worst, and still books as much as it can.
"""

_NOT_STORED = {"Cache-Control": "no-store"}


class Health:
    """The calls, on one bridge to the actors and one set of questions to the database."""

    def __init__(self, bridge: Bridge, reading: Reading, lag: LoopLag, connections: Sized) -> None:
        self._bridge = bridge
        self._reading = reading
        self._lag = lag
        self._connections = connections
        self._began_s = time.monotonic()

    def handlers(self) -> dict[str, Handler]:
        """Of the calls of the catalogue, by name."""
        return {"livez": self.livez, "readyz": self.readyz}

    async def livez(self, _: web.Request) -> Said:
        """200, as long as there is anybody to say so."""
        return response(200, wire.LiveBody("alive"), _NOT_STORED)

    async def readyz(self, request: web.Request) -> Said:
        """200 if bookings are taken; 503 while we shut down or are far behind, or the database is away."""
        trouble, database_ms = await self._look()
        ready = wire.ReadyBody("ready")
        if "verbose" in request.query:
            current().require([Scope.ADMIN])
            ready = self._verbose(UNSET if database_ms is None else round(database_ms, 1))
        if trouble is not None:
            more: dict[str, Any] = msgspec.to_builtins(ready)
            del more["status"]
            raise ProblemError("not_ready", f"Bookings are not taken now: {trouble}.", **more)
        return response(200, ready, _NOT_STORED)

    async def _look(self) -> tuple[str | None, float | None]:
        """Why not, if that is so; and how long the database took to answer, in ms, if it did."""
        if self._bridge.directory.closing:
            return "the server is shutting down", None
        asked_s = time.perf_counter()
        try:
            await self._bridge.read(self._reading.ping)
        except DatabaseAway as away:
            return str(away), None
        database_ms = 1_000 * (time.perf_counter() - asked_s)
        lag_s = self._lag.worst_s
        if lag_s > LAG_MAX_S:
            return f"the server was {lag_s:.1f} s behind a moment ago", database_ms
        return None, database_ms

    def _verbose(self, database_ms: float | UnsetType) -> wire.ReadyBody:
        directory = self._bridge.directory
        quarantined = sorted(directory.quarantined.items())
        return wire.ReadyBody(
            "ready",
            directory.in_flight,
            directory.residents,
            [wire.QuarantineBody(str(event_id), reason) for event_id, reason in quarantined],
            len(self._connections),
            round(self._lag.worst_s, 3),
            database_ms,
            round(time.monotonic() - self._began_s, 1),
            version("boxoffice"),
        )
