"""One request on its way: what is known of it besides the request itself.

The door makes one for each request, and whatever runs on its behalf finds it by `current`: who asks, under
which id, and, once that is known, which event it was about and in which batch it was committed. On the event
loop.
"""

import re
from collections.abc import Sequence
from contextvars import ContextVar
from time import perf_counter

from aiohttp import web

from boxoffice.actors.principals import ALL_SCOPES, Principal, Scope
from boxoffice.actors.values import CustomerId, EventId
from boxoffice.http.problems import ProblemError, new_request_id
from boxoffice.http.said import OF_ALL

ANYBODY = Principal("", ALL_SCOPES)
"""Whoever asks a server that was told of no keys."""

STRANGER = Principal("", frozenset())
"""Whoever does not say who they are, where that matters."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)


class Visit:
    """The one request. `event_id` is None where it is about none, or several; `batch` is the last commit that
    it waited for; `address` stays "" for whoever has said who they are; `more` are headers of its answer.
    """

    __slots__ = ("address", "answered_s", "batch", "event_id", "more", "principal", "request_id")

    def __init__(self, request_id: str = "", principal: Principal = STRANGER) -> None:
        self.request_id = request_id
        self.principal = principal
        self.event_id: EventId | None = None
        self.batch: int | None = None
        self.address = ""
        self.answered_s: float | None = None
        self.more: dict[str, str] = {}

    @property
    def headers(self) -> dict[str, str]:
        """What its answer says, whatever it is."""
        return {**OF_ALL, "X-Request-ID": self.request_id, **self.more}

    def note_answer(self) -> None:
        """The answer has begun, and goes on for as long as the client likes: it took until now."""
        self.answered_s = perf_counter()

    @property
    def customer(self) -> CustomerId | None:
        """Whose orders alone are to be seen and changed; None for everybody's."""
        return self.principal.customer

    def require(self, scopes: Sequence[Scope]) -> None:
        """Raises ProblemError 401 or 403 unless the principal has one of these scopes."""
        principal = self.principal
        if not principal.scopes.isdisjoint(scopes):
            return
        if principal is STRANGER:
            raise unauthenticated("Say who you are: `Authorization: Bearer` and an API key or a token.")
        wanted = " or ".join(f"`{scope}`" for scope in scopes)
        raise ProblemError(
            "forbidden",
            f"This takes the scope {wanted}, which you do not have; nothing was changed.",
            headers={
                "WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{" ".join(scopes)}"'
            },
            scope=scopes[0],
        )


_CHALLENGE = 'Bearer realm="boxoffice"'

_visit: ContextVar[Visit] = ContextVar("visit", default=Visit(principal=ANYBODY))  # noqa: B039

begin = _visit.set

current = _visit.get
"""The request on whose behalf we run; in a task of the server's own, one that nobody looks at."""


def unauthenticated(detail: str, *, invalid: bool = False) -> ProblemError:
    """401, with the challenge of RFC 6750; `invalid` if something was presented, and is not good."""
    challenge = f'{_CHALLENGE}, error="invalid_token"' if invalid else _CHALLENGE
    return ProblemError("unauthenticated", detail, headers={"WWW-Authenticate": challenge})


def request_id_of(request: web.BaseRequest) -> str:
    """The request's id: its own, or its trace's, if that is well-formed, or a new one."""
    headers = request.headers
    if "X-Request-ID" in headers and _REQUEST_ID.fullmatch(given := headers["X-Request-ID"]):
        return given
    if "traceparent" in headers and (traced := _TRACEPARENT.fullmatch(headers["traceparent"])):
        return traced[1]
    return new_request_id()
