"""`GET /readyz`: whether this server should be sent requests, and with `?verbose` what is the matter.

Asks the database, so it takes as long as that. Called on the event loop.
"""

from typing import Any

import msgspec
from aiohttp import web

from boxoffice.actors.ports import DatabaseAway, Reading
from boxoffice.http import wire
from boxoffice.http.bridge import Bridge
from boxoffice.http.handlers import Handler, response
from boxoffice.http.problems import ProblemError


class Health:
    """The calls, on one bridge to the actors and one set of questions to the database."""

    def __init__(self, bridge: Bridge, reading: Reading) -> None:
        self._bridge = bridge
        self._reading = reading

    def handlers(self) -> dict[str, Handler]:
        """The handler of each call, by its name."""
        return {"readyz": self.readyz}

    async def readyz(self, request: web.Request) -> web.Response:
        """200 if bookings are taken; 503 while the server is shutting down or the database away."""
        directory = self._bridge.directory
        trouble = "the server is shutting down" if directory.closing else await self._trouble()
        ready = wire.ReadyBody("ready")
        if "verbose" in request.query:
            quarantined = sorted(directory.quarantined.items())
            events = [wire.QuarantineBody(str(event_id), reason) for event_id, reason in quarantined]
            ready = wire.ReadyBody("ready", directory.in_flight, directory.residents, events)
        if trouble is not None:
            more: dict[str, Any] = msgspec.to_builtins(ready)
            del more["status"]
            raise ProblemError("not_ready", f"Bookings are not taken now: {trouble}.", **more)
        return response(200, ready, {"Cache-Control": "no-store"})

    async def _trouble(self) -> str | None:
        try:
            await self._bridge.read(self._reading.ping)
        except DatabaseAway as away:
            return str(away)
        return None
