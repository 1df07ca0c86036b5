"""The aiohttp application: the routes, and the last word on whatever goes wrong in them.

Nothing that a client sends gives a 500. What we get wrong ourselves does, is logged, and says so.
"""

import logging
from collections.abc import Iterable

from aiohttp import web

from boxoffice.http.handlers import Handler
from boxoffice.http.problems import ProblemError

log = logging.getLogger(__name__)

BODY_SIZE_MAX = 64 * 1024
"""Bytes in a request's body."""


def application(routes: Iterable[web.RouteDef]) -> web.Application:
    """An application with these routes; whatever they do not take is answered by us and not by aiohttp."""
    app = web.Application(middlewares=[problem_documents], client_max_size=BODY_SIZE_MAX)
    allowed: dict[str, set[str]] = {}
    for route in routes:
        app.add_routes([_expecting(route)])
        also = {"HEAD"} if route.method == "GET" else set()
        allowed.setdefault(route.path, set()).update({route.method}, also)
    for path, methods in allowed.items():
        app.add_routes([_expecting(web.route("*", path, _method_not_allowed(methods)))])
    app.add_routes([_expecting(web.route("*", "/{path:.*}", _not_found))])
    return app


def _method_not_allowed(allowed: set[str]) -> Handler:
    async def refuse(request: web.Request) -> web.StreamResponse:
        raise web.HTTPMethodNotAllowed(request.method, allowed)

    return refuse


async def _not_found(_: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound


def _expecting(route: web.RouteDef) -> web.RouteDef:
    return web.RouteDef(route.method, route.path, route.handler, {**route.kwargs, "expect_handler": _expect})


async def _expect(request: web.Request) -> web.Response | None:
    """Answer an `Expect` header; aiohttp's own way fails on one that is not text."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # what was sent is no part of the answer
        return None
    problem = ProblemError("expectation_failed", "The only expectation that is met here is `100-continue`.")
    return problem.response(request)


@web.middleware
async def problem_documents(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error with a problem document."""
    try:
        return await handler(request)
    except ProblemError as problem:
        return problem.response(request)
    except web.HTTPException as error:
        return _of_aiohttp(request, error).response(request)
    except web.RequestPayloadError:
        return ProblemError("malformed_request", "The body is not coded as it says.").response(request)
    except Exception as failure:
        if isinstance(failure, ConnectionError) and _is_gone(request):
            return web.Response()  # nobody reads it, but the failure, passed on, would be logged as ours
        log.exception("%s %s failed", request.method, request.path)
        return ProblemError("internal_error", "We could not handle this; it has been logged.").response(
            request
        )


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _of_aiohttp(request: web.Request, error: web.HTTPException) -> ProblemError:
    match error:
        case web.HTTPNotFound():
            return ProblemError("not_found", f"There is nothing at {request.path}.")
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            detail = f"{request.path} takes {allowed}, not {request.method}."
            return ProblemError("method_not_allowed", detail, headers={"Allow": allowed})
        case _:
            return ProblemError("malformed_request", error.reason)
