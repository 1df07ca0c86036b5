"""The aiohttp application: a route for each call, and our own answers for whatever there is no route for.

Made once, by the composition root.
"""

from collections.abc import Mapping, Sequence

from aiohttp import web

from boxoffice.http.catalogue import CALLS, Call
from boxoffice.http.door import Door
from boxoffice.http.handlers import Handler
from boxoffice.http.lane import Lane, Walk
from boxoffice.http.problems import ProblemError
from boxoffice.http.said import Said
from boxoffice.http.visit import request_id_of

LANE = web.AppKey("lane", Lane)

SHORT = frozenset({"book", "hold", "confirm", "extend", "cancel", "batch", "status", "order"})
"""Calls whose requests may go the short way: they wait for futures only, and are answered in one piece."""

BODY_SIZE_MAX = 64 * 1024
"""Bytes in a request's body."""


def application(
    handlers: Mapping[str, Handler], door: Door, calls: Sequence[Call] = CALLS
) -> web.Application:
    """An application with these calls. Raises ValueError unless each has a handler, and the reverse."""
    if {call.name for call in calls} != set(handlers):
        raise ValueError(f"calls without handlers, or the reverse: {_differing(calls, handlers)}")
    app = web.Application(client_max_size=BODY_SIZE_MAX)
    walks = {}
    allowed: dict[str, set[str]] = {}
    for call in calls:
        walk = door.guard(call, handlers[call.name])
        app.add_routes([_route(call.method, call.path, walk)])
        if call.name in SHORT:
            walks[call.method, call.path] = walk
        also = {"HEAD"} if call.method == "GET" else set()
        allowed.setdefault(call.path, set()).update({call.method}, also)
    others = [(path, _method_not_allowed(methods)) for path, methods in allowed.items()]
    for path, handler in (*others, ("/{path:.*}", _not_found)):
        app.add_routes([_route("*", path, door.guard_unknown(handler))])
    app[LANE] = Lane(walks)
    return app


def _route(method: str, path: str, walk: Walk) -> web.RouteDef:
    async def handle(request: web.Request) -> web.StreamResponse:
        answer = await walk(request)
        return answer.response() if isinstance(answer, Said) else answer

    return web.route(method, path, handle, expect_handler=_expect)


def _differing(calls: Sequence[Call], handlers: Mapping[str, Handler]) -> str:
    return ", ".join(sorted({call.name for call in calls} ^ set(handlers)))


def _method_not_allowed(allowed: set[str]) -> Handler:
    async def refuse(request: web.Request) -> Said:
        raise web.HTTPMethodNotAllowed(request.method, allowed)

    return refuse


async def _not_found(_: web.Request) -> Said:
    raise web.HTTPNotFound


async def _expect(request: web.Request) -> web.Response | None:
    """Answer an `Expect` header; aiohttp's own way fails on one that is not text."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # what was sent is no part of the answer
        return None
    problem = ProblemError("expectation_failed", "The only expectation that is met here is `100-continue`.")
    return problem.said(request_id_of(request)).response()
