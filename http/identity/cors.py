"""Cross-origin requests of browsers: none, unless an exact list of origins is given.

Called on the event loop.
"""

from collections.abc import Sequence

from aiohttp import web

METHODS = "GET, POST, DELETE"
REQUEST_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-ID, traceparent"
)
RESPONSE_HEADERS = (
    "ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate,"
    " X-Request-ID"
)
PREFLIGHT_S = 600


class Cors:
    """Answers browsers that ask on behalf of pages from these origins."""

    def __init__(self, origins: Sequence[str] = ()) -> None:
        self.origins = frozenset(origins)

    def headers(self, request: web.BaseRequest) -> dict[str, str]:
        """What an answer needs for its browser to show it to the page that asked."""
        origin = request.headers.get("Origin")
        if origin not in self.origins:
            return {"Vary": "Origin"}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": RESPONSE_HEADERS,
            "Vary": "Origin",
        }

    def preflight(self, request: web.BaseRequest) -> web.Response | None:
        """The answer to a browser that asks whether it may ask; None to all others."""
        asked = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if not asked or request.headers.get("Origin") not in self.origins:
            return None
        allowed = {
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": REQUEST_HEADERS,
            "Access-Control-Max-Age": str(PREFLIGHT_S),
        }
        return web.Response(status=204, headers=allowed)
