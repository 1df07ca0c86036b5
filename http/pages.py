"""Lists a page at a time: their query parameters, and the page with the way to the next one.

What is in a list is said by the calls that give it. Called on the event loop.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from boxoffice.http.handlers import response
from boxoffice.http.problems import ProblemError
from boxoffice.http.said import Said
from boxoffice.http.wire import ListBody

PAGE_DEFAULT = 50
PAGE_MAX = 500
"""Items in one page of a list."""


def page_response(
    request: web.Request, items: list[Any], cursor: str | None, query: Mapping[str, str]
) -> Said:
    """A page; with a cursor, the next one is had with it and with the same `query`."""
    headers = {"Cache-Control": "no-store"}
    if cursor is not None:
        headers["Link"] = f'<{request.path}?{urlencode({**query, "cursor": cursor})}>; rel="next"'
    return response(200, ListBody(items, cursor), headers)


def parameters(query: Mapping[str, str], *names: str) -> dict[str, str]:
    """The query parameters. Raises ProblemError 422 if there is one of another name."""
    for name in query:
        if name not in names:
            raise invalid_parameter(name, "is not a parameter of this call")
    return dict(query)


def limit_of(query: Mapping[str, str]) -> int:
    """How many items a page is to have. Raises ProblemError 422."""
    limit = whole_number(query.get("limit", str(PAGE_DEFAULT)))
    if limit is None or not 1 <= limit <= PAGE_MAX:
        raise invalid_parameter("limit", f"must be a whole number from 1 to {PAGE_MAX}")
    return limit


def whole_number(text: str) -> int | None:
    """The number that is written so in at most 18 digits; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def invalid_parameter(name: str, detail: str) -> ProblemError:
    """422: a query parameter is not what the call takes."""
    return ProblemError("invalid_request", f"The query parameter `{name}` {detail}.")
