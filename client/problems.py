"""Everything that may go wrong, as exceptions: the server's problems by their `code`, and no answer at all.

    BoxOfficeError
        Unreachable         no answer came
        BadAnswer           an answer came, but not from a box office: a proxy's error page, a redirect
        Problem             the server said no, and why; below it, a class for each `code`
            NotFound            404: EventNotFound, OrderNotFound …
            Unavailable         503, nothing was changed: NotApplied, Overloaded …

Raised on the event loop; they may be pickled and passed on.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

KNOWN = {"type", "title", "status", "detail", "code", "requestId", "errors"}
PASSING = {429, 502, 503, 504}


class BoxOfficeError(Exception):
    """What was asked for was not answered by what was asked for.

    `passing`: it may end otherwise if it is asked again later. `maybe_applied`: it may have been done all the
    same; whoever wants to know asks again with `key`, the `Idempotency-Key` it was sent under (None for what
    only looks). `retry_after_s`: when to ask again at the earliest, if the server said so.
    """

    passing: bool = False
    maybe_applied: bool = False
    key: str | None = None
    retry_after_s: float | None = None


class Unreachable(BoxOfficeError):
    """No answer came, or not all of it: no connection, a lost one, or a time that was up."""

    passing = True


class BadAnswer(BoxOfficeError):
    """The answer is not one of a box office's.

    `status` is HTTP's, 0 if the answer is not even that; `excerpt` is how the body begins.
    """

    def __init__(self, detail: str, status: int, excerpt: str = "") -> None:
        super().__init__(detail, status, excerpt)
        self.detail = detail
        self.status = status
        self.excerpt = excerpt
        self.passing = status in PASSING
        self.maybe_applied = not 300 <= status < 500

    def __str__(self) -> str:
        return f"{self.detail} (status {self.status}): {self.excerpt!r}"


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one place in the body: its JSON pointer, and why."""

    pointer: str
    detail: str


class Problem(BoxOfficeError):
    """The server's refusal: an RFC 9457 problem document.

    Rely on its class, its `code` and its `status`, never on the wording of `title` and `detail`. `more` has
    whatever else belongs to this code, by its name on the wire: `availableTickets`, `version`, …
    A `code` that this version does not know is a plain Problem, or with the status 503 an `Unavailable`.
    """

    code: str = ""

    def __init_subclass__(cls, code: str = "") -> None:
        if code:
            cls.code = code
            BY_CODE[code] = cls

    def __init__(self, status: int, document: Mapping[str, Any], retry_after_s: float | None = None) -> None:
        super().__init__(status, document, retry_after_s)
        self.status = status
        self.code = document["code"]
        self.title: str = document.get("title", "")
        self.detail: str = document.get("detail", "")
        self.request_id: str | None = document.get("requestId")
        self.errors = msgspec.convert(document.get("errors", ()), tuple[FieldError, ...])
        self.more = {name: value for name, value in document.items() if name not in KNOWN}
        self.retry_after_s = retry_after_s
        self.passing = status in PASSING or self.code == "in_progress"
        self.maybe_applied = self.code == "in_progress" or (status >= 500 and status != 503)

    def __str__(self) -> str:
        where = "".join(f" {error.pointer}: {error.detail}." for error in self.errors)
        return f"{self.code} ({self.status}): {self.detail}{where} [request {self.request_id}]"


BY_CODE: dict[str, type[Problem]] = {}
"""The class of each code."""


def problem_of(status: int, document: Any, retry_after_s: float | None = None) -> Problem | None:
    """The exception for a problem document; None if it is none. May raise `msgspec.ValidationError`, too."""
    if not isinstance(document, dict) or not isinstance(document.get("code"), str):
        return None
    kind = BY_CODE.get(document["code"], Unavailable if status == 503 else Problem)
    return kind(status, document, retry_after_s)


# --- who asks ------------------------------------------------------------------------------------


class Unauthenticated(Problem, code="unauthenticated"):
    """401: no key or token, or one that does not count, any more or at all."""


class Forbidden(Problem, code="forbidden"):
    """403: the key lacks a scope, which `more["scope"]` names."""


class RateLimited(Problem, code="rate_limited"):
    """429: too many requests in too short a time; nothing was changed."""


class TooManyListeners(Problem, code="too_many_listeners"):
    """429: this address watches over as many connections already as one may have."""


# --- what is not there ---------------------------------------------------------------------------


class NotFound(Problem, code="not_found"):
    """404: there is nothing at this address, or what a subclass says."""


class EventNotFound(NotFound, code="event_not_found"):
    """404: no such event."""


class OrderNotFound(NotFound, code="order_not_found"):
    """404: no such order, or it is somebody else's."""


class ApiKeyNotFound(NotFound, code="api_key_not_found"):
    """404: no such API key."""


# --- the tickets cannot be had -------------------------------------------------------------------


class SoldOut(Problem, code="sold_out"):
    """409: the tickets are not to be had now, and `waitlist` is false."""


class WaitlistFull(Problem, code="waitlist_full"):
    """409: the tickets are not to be had now, and too many wait already."""


class SalesNotOpen(Problem, code="sales_not_open"):
    """409: the sale has not begun; it will at `more["salesOpenAt"]`."""


class SalesClosed(Problem, code="sales_closed"):
    """409: the sale is over, since `more["closedAt"]`."""


class LimitExceeded(Problem, code="limit_exceeded"):
    """409: it would come to `more["asked"]`, and `more["limit"]` is `more["maximum"]`."""


class ExceedsCapacity(Problem, code="exceeds_capacity"):
    """409: more than the event has."""


# --- the order is not in that state --------------------------------------------------------------


class HoldExpired(Problem, code="hold_expired"):
    """409: the hold or the offer was not confirmed in time."""


class HoldNotExtended(Problem, code="hold_not_extended"):
    """409: the hold cannot last longer than until `more["latestExpiresAt"]`."""


class NotHeld(Problem, code="not_held"):
    """409: the order is `more["orderStatus"]`."""


class AlreadyCancelled(Problem, code="already_cancelled"):
    """409: the order is cancelled already."""


class AlreadyConfirmed(Problem, code="already_confirmed"):
    """409: the order is confirmed already."""


class ExceedsOrder(Problem, code="exceeds_order"):
    """409: the order has only `more["quantity"]` tickets to cancel."""


class AmbiguousOrder(Problem, code="ambiguous_order"):
    """409: the customer has `more["orderCount"]` orders here, `more["orderIds"]` names the oldest 100."""


# --- the event cannot be adjusted like that ------------------------------------------------------


class CapacityInUse(Problem, code="capacity_in_use"):
    """409: the event cannot become smaller than what is taken, or waited for by one order."""


class TermsContradictory(Problem, code="terms_contradictory"):
    """409: the terms contradict each other, at `more["field"]`."""


class VersionMoved(Problem, code="version_moved"):
    """412: the event is at `more["version"]`, not at `if_version`."""


# --- the request itself --------------------------------------------------------------------------


class InvalidRequest(Problem, code="invalid_request"):
    """422: the request is not valid; `errors` says where and why."""


class IdempotencyMismatch(Problem, code="idempotency_mismatch"):
    """422: the key was given with another request before."""


class InvalidIdempotencyKey(Problem, code="invalid_idempotency_key"):
    """400: a key has 1 to 255 printable ASCII characters."""


class MalformedJson(Problem, code="malformed_json"):
    """400: the body is not JSON."""


class MalformedRequest(Problem, code="malformed_request"):
    """400: the request is not HTTP as the server understands it."""


class MethodNotAllowed(Problem, code="method_not_allowed"):
    """405: this address does not take that method."""


class RequestTimeout(Problem, code="request_timeout"):
    """408: the request took too long to arrive; nothing was changed."""


class BodyTooLarge(Problem, code="body_too_large"):
    """413: a body may have 64 KiB, that of a batch 1 MiB."""


class UnsupportedMediaType(Problem, code="unsupported_media_type"):
    """415: the body is not plain JSON."""


class UpgradeRequired(Problem, code="upgrade_required"):
    """426: this address is for WebSockets, and somebody on the way has made a plain request of ours."""


class ExpectationFailed(Problem, code="expectation_failed"):
    """417: the server does not do what is expected."""


# --- it may be otherwise the next time -----------------------------------------------------------


class InProgress(Problem, code="in_progress"):
    """409: the same request is still under way."""


class Unavailable(Problem):
    """503: **nothing was changed** by this request; ask again later."""


class NotApplied(Unavailable, code="not_applied"):
    """503: it could not be made durable, so it was not done."""


class Overloaded(Unavailable, code="overloaded"):
    """503: too much at once."""


class EventMoved(Unavailable, code="event_moved"):
    """503: another server has the event."""


class EventUnavailable(Unavailable, code="event_unavailable"):
    """503: the event contradicts itself, or fails again and again, until somebody has looked at it."""


class NotReady(Unavailable, code="not_ready"):
    """503: bookings are not taken now."""


class OutcomeUnknown(Problem, code="outcome_unknown"):
    """504: nobody knows whether it was applied: ask again with the same key."""


class InternalError(Problem, code="internal_error"):
    """500: a mistake of the server's."""
