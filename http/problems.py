"""Every way of saying no: RFC 9457 problem documents with a stable `code`, made from answers and errors.

The table below is the whole vocabulary; a client may rely on `code` and `status`, never on the wording of
`detail`. 4xx is final. 503 means that nothing was changed and asking again is safe; 504 that nobody knows.
Called on the event loop.
"""

import itertools
import random
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from boxoffice.http.said import Said

STATUS_AND_TITLE: Mapping[str, tuple[int, str]] = {
    "malformed_json": (400, "The body is not JSON"),
    "malformed_request": (400, "The request is not HTTP as we understand it"),
    "invalid_idempotency_key": (400, "The idempotency key is none"),
    "unauthenticated": (401, "Nobody we know"),
    "forbidden": (403, "Not allowed"),
    "not_found": (404, "There is nothing at this address"),
    "event_not_found": (404, "No such event"),
    "order_not_found": (404, "No such order"),
    "api_key_not_found": (404, "No such API key"),
    "method_not_allowed": (405, "This address does not take that method"),
    "request_timeout": (408, "The request took too long to arrive"),
    "sold_out": (409, "Sold out"),
    "waitlist_full": (409, "The waiting list is full"),
    "sales_not_open": (409, "The sale has not begun"),
    "sales_closed": (409, "The sale is over"),
    "limit_exceeded": (409, "More than the event allows"),
    "exceeds_capacity": (409, "More than the event has"),
    "exceeds_order": (409, "More than the order has"),
    "capacity_in_use": (409, "The tickets are in use"),
    "terms_contradictory": (409, "The terms contradict each other"),
    "hold_expired": (409, "The hold has expired"),
    "hold_not_extended": (409, "The hold cannot last longer"),
    "not_held": (409, "The order is not held"),
    "ambiguous_order": (409, "The customer has several orders"),
    "already_cancelled": (409, "The order is cancelled already"),
    "already_confirmed": (409, "The order is confirmed already"),
    "in_progress": (409, "The same request is under way"),
    "version_moved": (412, "The event has changed"),
    "body_too_large": (413, "The body is too large"),
    "expectation_failed": (417, "We do not do what is expected"),
    "unsupported_media_type": (415, "The body is not plain JSON"),
    "invalid_request": (422, "The request is not valid"),
    "idempotency_mismatch": (422, "The idempotency key is another request's"),
    "upgrade_required": (426, "Ask for a connection that stays open"),
    "rate_limited": (429, "Too many requests"),
    "too_many_listeners": (429, "Too many listeners"),
    "internal_error": (500, "A mistake of ours"),
    "not_applied": (503, "Not applied"),
    "overloaded": (503, "Too much at once"),
    "event_moved": (503, "Another server has the event"),
    "not_ready": (503, "Not ready"),
    "event_unavailable": (503, "The event is out of service"),
    "outcome_unknown": (504, "Nobody knows whether it was applied"),
}

RETRY_AFTER_S = {
    "in_progress": range(1, 3),
    "too_many_listeners": range(5, 11),
    "not_applied": range(1, 4),
    "overloaded": range(1, 4),
    "event_moved": range(1, 4),
    "not_ready": range(1, 4),
    "event_unavailable": range(20, 41),
    "outcome_unknown": range(1, 4),
}
"""Seconds, of which each client is told others: whoever is refused together should not come back together."""

_MEDIA_TYPE = "application/problem+json"


_PROCESS = secrets.token_hex(6)
_numbers = itertools.count()


def new_request_id() -> str:
    """An id that no request has had: a UUID would cost it half a microsecond more."""
    return f"{_PROCESS}{next(_numbers):012x}"


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one place in the body: its JSON pointer (RFC 6901), and why."""

    pointer: str
    detail: str


class ProblemError(Exception):
    """A request that is answered by a problem document. `more` joins the document's members."""

    def __init__(
        self,
        code: str,
        detail: str,
        errors: list[FieldError] | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers
        self.more = more

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS_AND_TITLE[self.code][0]

    def document(self, request_id: str) -> dict[str, Any]:
        """The document."""
        status, title = STATUS_AND_TITLE[self.code]
        return {
            "type": f"/problems/{self.code}",
            "title": title,
            "status": status,
            "detail": self.detail,
            "code": self.code,
            "requestId": request_id,
            **({"errors": self.errors} if self.errors else {}),
            **self.more,
        }

    def said(self, request_id: str) -> Said:
        """The document, under the request's id."""
        return Said(self.status, self._body(request_id), self._headers(), _MEDIA_TYPE, request_id)

    def unasked(self) -> bytes:
        """The whole answer as it goes over the wire, for a client whose request was not read."""
        said = self.said(new_request_id())
        said.headers = {**said.headers, "Connection": "close"}
        return said.sent()

    def _body(self, request_id: str) -> bytes:
        return msgspec.json.encode(self.document(request_id))

    def _headers(self) -> dict[str, str]:
        headers = dict(self.headers or {})
        if self.code in RETRY_AFTER_S:
            headers["Retry-After"] = str(random.choice(RETRY_AFTER_S[self.code]))  # noqa: S311 - no secret
        return headers


def problem_of(request: web.BaseRequest, error: web.HTTPException) -> ProblemError:
    """The same as aiohttp says, in our words."""
    match error:
        case web.HTTPNotFound():
            return ProblemError("not_found", f"There is nothing at {request.path}.")
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            detail = f"{request.path} takes {allowed}, not {request.method}."
            return ProblemError("method_not_allowed", detail, headers={"Allow": allowed})
        case _:
            return ProblemError("malformed_request", error.reason)
