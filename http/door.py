"""What every request passes: who is it, may they, and not too often; on the way out, what is noted of it.

    request ── id, principal, limit, scope ──▶ handler ──▶ answer or problem ── headers, figures, log ──▶

Nothing of a body is read, and nothing is done, for whoever is not let in. Nothing that a client sends gives a
500; what we get wrong ourselves does, is logged, and says so. On the event loop, for each request.
"""

import logging
from time import perf_counter
from typing import Protocol

from aiohttp import web

from boxoffice.actors.values import EventId
from boxoffice.http.catalogue import Call
from boxoffice.http.handlers import Handler
from boxoffice.http.identity.access import Access
from boxoffice.http.identity.cors import Cors
from boxoffice.http.identity.limits import RateLimits
from boxoffice.http.identity.origin import Addresses
from boxoffice.http.lane import Walk
from boxoffice.http.problems import ProblemError, problem_of
from boxoffice.http.said import Said
from boxoffice.http.visit import Visit, begin, request_id_of

log = logging.getLogger(__name__)

UNKNOWN = Call("unknown", "*", "*")
"""What somebody asks for that there is not."""


CLIENT_GONE = 499
"""The status of an answer that nobody is left to read, for the log and the figures."""


class Figures(Protocol):
    """Counts requests."""

    def observe(self, call: str, status: int, duration_s: float) -> None:
        """One was answered."""

    def rate_limited(self, principal_id: str) -> None:
        """One was refused for being one too many."""


class Journalist(Protocol):
    """Writes about requests."""

    def is_due(self, status: int) -> bool:
        """Whether one that was answered like this is worth a line."""

    def line(
        self,
        *,
        call: str,
        method: str,
        status: int,
        duration_s: float,
        request_id: str,
        principal_id: str,
        event_id: EventId | None,
        batch: int | None,
        remote: str,
    ) -> None:
        """One was answered."""


class Door:
    """The one door of a server."""

    def __init__(
        self,
        access: Access,
        limits: RateLimits,
        addresses: Addresses,
        cors: Cors,
        figures: Figures,
        journalist: Journalist,
    ) -> None:
        self._access = access
        self._limits = limits
        self._addresses = addresses
        self._cors = cors
        self._figures = figures
        self._journalist = journalist

    def guard(self, call: Call, handler: Handler) -> Walk:
        """The handler of a call, for whoever is let in."""
        name, observe, is_due = call.name, self._figures.observe, self._journalist.is_due
        scopes = () if self._access.is_public(call) else call.scopes

        async def guarded(request: web.Request) -> Said | web.StreamResponse:
            begun_s = perf_counter()
            visit = Visit(request_id_of(request))
            begin(visit)
            response: Said | web.StreamResponse
            try:
                self._let_in(call, request, visit)
                if scopes:
                    visit.require(scopes)
                response = await handler(request)
            except ProblemError as problem:
                response = problem.said(visit.request_id)
            except Exception as failure:
                response = _answer_to(failure, request, visit)
            if isinstance(response, Said):
                response.complete(visit.request_id, visit.more)
            elif not response.prepared:
                complete(response, visit)
            duration_s = (visit.answered_s or perf_counter()) - begun_s
            status = response.status
            observe(name, status, duration_s)
            if is_due(status):
                self._note(call, request, status, duration_s, visit)
            return response

        return guarded

    def guard_unknown(self, handler: Handler) -> Walk:
        """The handler of what there is not; there, browsers may ask what they may ask."""

        async def handle(request: web.Request) -> Said | web.StreamResponse:
            return self._cors.preflight(request) or await handler(request)

        return self.guard(UNKNOWN, handle)

    def _let_in(self, call: Call, request: web.Request, visit: Visit) -> None:
        """Find out who it is. Raises ProblemError 401 or 429."""
        if self._cors.origins:
            visit.more.update(self._cors.headers(request))
        try:
            visit.principal = self._access.principal(request, call)
        finally:
            self._count(request, visit)  # guessing counts, too

    def _count(self, request: web.Request, visit: Visit) -> None:
        principal = visit.principal
        if not principal.id:
            visit.address = self._addresses.of(request)
        try:
            limit = self._limits.enter(principal, visit.address)
        except ProblemError:
            self._figures.rate_limited(principal.id)
            raise
        if limit is not None:
            visit.more.update(limit)

    def _note(self, call: Call, request: web.Request, status: int, duration_s: float, visit: Visit) -> None:
        self._journalist.line(
            call=call.path,
            method=request.method,
            status=status,
            duration_s=duration_s,
            request_id=visit.request_id,
            principal_id=visit.principal.id,
            event_id=visit.event_id,
            batch=visit.batch,
            remote=visit.address or self._addresses.of(request),
        )


def complete(response: web.StreamResponse, visit: Visit) -> None:
    """Give an answer of aiohttp's the headers that every answer has."""
    headers = visit.headers
    if "Vary" in response.headers and "Vary" in headers:
        headers["Vary"] += f", {response.headers['Vary']}"
    response.headers.update(headers)


def _answer_to(failure: Exception, request: web.Request, visit: Visit) -> Said | web.StreamResponse:
    """What a client is told of anything but a problem."""
    match failure:
        case web.HTTPException():
            problem = problem_of(request, failure)
        case web.RequestPayloadError():
            problem = ProblemError("malformed_request", "The body is not coded as it says.")
        case ConnectionError() if request.transport is None or request.transport.is_closing():
            return web.Response(status=CLIENT_GONE)  # the failure, passed on, would be logged as ours
        case _:
            log.error("%s %s failed", request.method, request.path, exc_info=failure)
            problem = ProblemError("internal_error", "We could not handle this; it has been logged.")
    return problem.said(visit.request_id)
