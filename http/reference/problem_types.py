"""What each problem's `code` means, and what whoever gets it should do: the texts behind `/problems/<code>`.

One entry for each code of `problems.py`; a test compares the two. The pages (`pages.py`) and the API document
(`openapi.py`) are made from it. Values only, made once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from boxoffice.actors.principals import Scope
from boxoffice.actors.values import ORDER_IDS_MAX
from boxoffice.http import wire
from boxoffice.http.problems import STATUS_AND_TITLE, FieldError

Changed = Literal["nothing", "unknown"]


class Retry(StrEnum):
    """Whether the same request, sent again, can end differently."""

    NEVER = "No. Sent again as it is, it is refused again."
    LATER = (
        "When the event has changed, which its `version` tells; and with a new `Idempotency-Key`, since the"
        " old one stands for this answer."
    )
    SOON = "Yes, as it is, after as many seconds as `Retry-After` says."
    SAME_KEY = "Yes, with the same `Idempotency-Key`, after as many seconds as `Retry-After` says."
    WITH_KEY = "Yes, with the same `Idempotency-Key`."
    AT_ONCE = "Yes, at once."


NEVER, LATER, SOON, SAME_KEY, WITH_KEY, AT_ONCE = Retry


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One code: what happened, what to do about it, and a `detail` as it may be said.

    `members`: what the document says besides the members that all have, with an example of each.
    """

    means: str
    do: str
    retry: Retry
    detail: str
    members: Mapping[str, Any] = field(default_factory=dict)
    changed: Changed = "nothing"


class ProblemBody(wire.Body, frozen=True, kw_only=True):
    """Why something was not done: a problem document (RFC 9457). Rely on `code` and `status`, and never on
    the wording of the others. Which members it has besides the first six depends on the `code`.
    """

    type: str
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    code: Annotated[str, Meta(extra_json_schema={"enum": list(STATUS_AND_TITLE)})]
    request_id: str
    errors: list[FieldError] | UnsetType = UNSET
    scope: Scope | UnsetType = UNSET
    version: wire.Version | UnsetType = UNSET
    total_tickets: wire.Tickets | UnsetType = UNSET
    available_tickets: wire.TicketCount | UnsetType = UNSET
    booked_tickets: wire.TicketCount | UnsetType = UNSET
    held_tickets: wire.TicketCount | UnsetType = UNSET
    offered_tickets: wire.TicketCount | UnsetType = UNSET
    waiting_list_count: wire.Count | UnsetType = UNSET
    waitlist_limit: wire.TicketCount | UnsetType = UNSET
    largest_waiting: wire.Count | UnsetType = UNSET
    sales_open_at: wire.Time | UnsetType = UNSET
    closed_at: wire.Time | UnsetType = UNSET
    limit: Literal["maxPerOrder", "maxPerCustomer", "maxHoldSeconds"] | UnsetType = UNSET
    maximum: wire.Count | UnsetType = UNSET
    asked: wire.Count | UnsetType = UNSET
    field: str | UnsetType = UNSET
    order_id: wire.OrderIdText | UnsetType = UNSET
    order_status: wire.Status | UnsetType = UNSET
    quantity: wire.Quantity | UnsetType = UNSET
    expires_at: wire.Time | UnsetType = UNSET
    latest_expires_at: wire.Time | UnsetType = UNSET
    order_count: wire.Count | UnsetType = UNSET
    order_ids: Annotated[list[wire.OrderIdText], Meta(max_length=ORDER_IDS_MAX)] | UnsetType = UNSET
    requests_in_flight: wire.Count | UnsetType = UNSET
    events_resident: wire.Count | UnsetType = UNSET
    events_quarantined: list[wire.QuarantineBody] | UnsetType = UNSET
    connections_open: wire.Count | UnsetType = UNSET
    loop_lag_seconds: wire.Measured | UnsetType = UNSET
    database_ms: wire.Measured | UnsetType = UNSET
    uptime_seconds: wire.Measured | UnsetType = UNSET
    release: str | UnsetType = UNSET


class ProblemTypeBody(wire.Body, frozen=True):
    """What a problem's `code` means, and what to do about it."""

    type: str
    code: str
    title: str
    status: int
    means: str
    changed: Changed
    do: str
    retry: str
    members: list[str]


class ProblemTypesBody(wire.Body, frozen=True):
    """Every problem there is."""

    items: list[ProblemTypeBody]


def problem_type_body(code: str) -> ProblemTypeBody:
    """The type of the problems with this code, for programs. Raises KeyError."""
    status, title = STATUS_AND_TITLE[code]
    of = PROBLEM_TYPES[code]
    texts = of.means, of.changed, of.do, of.retry.value
    return ProblemTypeBody(f"/problems/{code}", code, title, status, *texts, list(of.members))


def example(code: str) -> dict[str, Any]:
    """A document with this code, as it may be answered."""
    status, title = STATUS_AND_TITLE[code]
    of = PROBLEM_TYPES[code]
    return {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": of.detail,
        "code": code,
        "requestId": "01a21439cf4a71dba170d9e8",
        **of.members,
    }


_ORDER_ID = "1-01a21439-cf2d-74c0-b827-0d3925c938ac"
_OTHER_ID = "1-01a21439-cf40-703b-b0ca-c386cb7cf713"

PROBLEM_TYPES: Mapping[str, ProblemType] = {
    # --- 400: it could not be read ---------------------------------------------------------------
    "malformed_json": ProblemType(
        "The body is not JSON: it is cut off, not UTF-8, nested too deeply, or gives one key twice.",
        "Mend what makes the body. `detail` says where reading it came to an end.",
        NEVER,
        "The body is not JSON: Input data was truncated.",
    ),
    "malformed_request": ProblemType(
        "What arrived is no HTTP/1.1 request that we read: a broken request line, header or chunk, say.",
        "Use an HTTP library, and look at whatever stands between it and us.",
        NEVER,
        "The body is not coded as it says.",
    ),
    "invalid_idempotency_key": ProblemType(
        "The `Idempotency-Key` is not 1 to 255 printable ASCII characters, or there are two of them.",
        "Send one key, for instance a UUID, with or without double quotes.",
        NEVER,
        "Give one Idempotency-Key of 1 to 255 printable ASCII characters, in double quotes or without.",
    ),
    # --- 401, 403: who is it? --------------------------------------------------------------------
    "unauthenticated": ProblemType(
        "The call is not for everybody, and the request does not say who it comes from; or it says so with an"
        " API key or a token that is unknown, has expired, or was revoked.",
        "Send `Authorization: Bearer` and an API key (`bo_…`), which the operator makes with `boxoffice keys"
        " create`, or a customer's token. `WWW-Authenticate` says whether what was sent is not good.",
        NEVER,
        "Say who you are: `Authorization: Bearer` and an API key or a token.",
    ),
    "forbidden": ProblemType(
        "We know who asks, but their API key or token does not have the scope that the call takes; or a"
        " customer would order in another's name.",
        "Use a key that has the scope named by `scope`, if one is named. No scope includes another.",
        NEVER,
        "This takes the scope `organise`, which you do not have; nothing was changed.",
        {"scope": "organise"},
    ),
    # --- 404, 405: there is no such thing --------------------------------------------------------
    "not_found": ProblemType(
        "There is nothing at this address.",
        "Look at the path. All calls are listed under `/docs`.",
        NEVER,
        "There is nothing at /bok.",
    ),
    "event_not_found": ProblemType(
        "No event has this id. Ids are given out by `/initialize`.",
        "Look at the id, and at which server, or database, it comes from.",
        NEVER,
        "There is no event with this id.",
    ),
    "order_not_found": ProblemType(
        "There is no such order, or it is not one of the customer's whose token was sent. By `eventId` and"
        " `userId`: the customer has never had an order there.",
        "Look at the id. `/orders` lists those that there are.",
        NEVER,
        "There is no such order.",
    ),
    "api_key_not_found": ProblemType(
        "No API key has this id.",
        "Look at the id: it is the part of a key between `bo_` and the second underscore. `/keys` lists all.",
        NEVER,
        "There is no API key with this id.",
    ),
    "method_not_allowed": ProblemType(
        "There is such an address, but not for this method.",
        "Use one of the methods that `Allow` names.",
        NEVER,
        "/book takes POST, not GET.",
    ),
    # --- 408, 413, 415, 417: HTTP's own reasons --------------------------------------------------
    "request_timeout": ProblemType(
        "The headers, or the body, did not arrive within 10 s. The connection is closed.",
        "Ask again over a better connection. Send the body as soon as you have begun.",
        AT_ONCE,
        "The body did not arrive within 10 s of its headers.",
    ),
    "body_too_large": ProblemType(
        "A body may have 64 KiB, a batch 1 MiB.",
        "Send less at a time: several batches, say.",
        NEVER,
        "A body may have 65536 bytes.",
    ),
    "unsupported_media_type": ProblemType(
        "The body does not say that it is JSON, or is compressed.",
        "Send `Content-Type: application/json`, and no `Content-Encoding`.",
        NEVER,
        "Send JSON, and say so: `Content-Type: application/json`.",
    ),
    "expectation_failed": ProblemType(
        "There is an `Expect` header that asks for something else than `100-continue`.",
        "Leave it out.",
        NEVER,
        "The only expectation that is met here is `100-continue`.",
    ),
    # --- 409: the tickets cannot be had ----------------------------------------------------------
    "sold_out": ProblemType(
        "The tickets are not to be had now, or others wait for them, and `waitlist` is false.",
        "Ask for fewer, or wait in line: leave `waitlist` out.",
        LATER,
        "The tickets are not to be had now, and `waitlist` is false; nothing was changed.",
        {"availableTickets": 0, "waitingListCount": 1, "version": 4},
    ),
    "waitlist_full": ProblemType(
        "The tickets are not to be had now, and as many orders wait for some as `waitlistLimit` allows.",
        "Tell the customer; somebody may leave the line.",
        LATER,
        "The tickets are not to be had now, and 500 orders wait already; nothing was changed.",
        {"waitlistLimit": 500, "version": 1041},
    ),
    "sales_not_open": ProblemType(
        "The sale begins later: at `salesOpenAt`.",
        "Ask again then. The server's clock counts.",
        LATER,
        "The sale begins at 2026-12-01T09:00:00.000000Z; nothing was changed.",
        {"salesOpenAt": "2026-12-01T09:00:00.000000Z", "version": 1},
    ),
    "sales_closed": ProblemType(
        "The sale has ended: at `salesCloseAt`, or for good by `/close`. What is held or offered may still be"
        " confirmed, and everything cancelled.",
        "Tell the customer. Unless the event was closed for good, `/adjust` can move `salesCloseAt`.",
        LATER,
        "The sale ended at 2026-12-24T12:00:00.000000Z; nothing was changed.",
        {"closedAt": "2026-12-24T12:00:00.000000Z", "version": 90},
    ),
    "limit_exceeded": ProblemType(
        "It would be more than one of the event's terms allows: `limit` names it (`maxPerOrder`,"
        " `maxPerCustomer` or `maxHoldSeconds`), `maximum` is its value, and `asked` what it would come to.",
        "Ask for less.",
        NEVER,
        "It would come to 4, and `maxPerCustomer` is 3; nothing was changed.",
        {"limit": "maxPerCustomer", "maximum": 3, "asked": 4, "version": 6},
    ),
    "exceeds_capacity": ProblemType(
        "The event has fewer tickets than were asked for, sold or not, so waiting would be in vain.",
        "Ask for fewer.",
        LATER,
        "Nobody can get more than the 2 tickets that the event has; nothing was changed.",
        {"totalTickets": 2, "version": 4},
    ),
    # --- 409: the order is not in that state -----------------------------------------------------
    "hold_expired": ProblemType(
        "The hold, or the offer, was not confirmed before its `expiresAt`. Its tickets have gone to others.",
        "Book or hold anew.",
        NEVER,
        "That order was not confirmed in time; nothing was changed.",
        {"orderId": _ORDER_ID, "version": 12},
    ),
    "hold_not_extended": ProblemType(
        "The hold would not last longer than it does: at the most `maxHoldSeconds` from its beginning.",
        "Confirm it before `expiresAt`.",
        LATER,
        "The hold lasts until 2026-11-25T20:41:02.731612Z already, and until 2026-11-25T20:41:02.731612Z at"
        " the most; nothing was changed.",
        {
            "expiresAt": "2026-11-25T20:41:02.731612Z",
            "latestExpiresAt": "2026-11-25T20:41:02.731612Z",
            "version": 8,
        },
    ),
    "not_held": ProblemType(
        "There is nothing to confirm, or to extend: the order waits in line, say, or is only offered."
        " `orderStatus` is what it is.",
        "What waits will be `offered`, or `confirmed` by itself. An offer is confirmed, not extended.",
        LATER,
        "That order is waitlisted; nothing was changed.",
        {"orderId": _ORDER_ID, "orderStatus": "waitlisted", "version": 4},
    ),
    "already_confirmed": ProblemType(
        "The order is confirmed already.",
        "Nothing: the customer has the tickets.",
        NEVER,
        "That order is confirmed already; nothing was changed.",
        {"orderId": _ORDER_ID, "orderStatus": "confirmed", "version": 8},
    ),
    "already_cancelled": ProblemType(
        "The order was cancelled before.",
        "Nothing, if that was the aim.",
        NEVER,
        "That order was cancelled before; nothing was changed.",
        {"orderId": _ORDER_ID, "version": 5},
    ),
    "exceeds_order": ProblemType(
        "More tickets are to be cancelled than the order has: it has `quantity`.",
        "Cancel fewer; or all of them, by leaving `quantity` out.",
        NEVER,
        "The order has only 2 tickets to cancel; nothing was changed.",
        {"quantity": 2, "version": 9},
    ),
    "ambiguous_order": ProblemType(
        "The customer has several live orders here: `orderCount`. `orderIds` are the oldest 100 of them.",
        "Name one of them by `orderId`.",
        NEVER,
        "The customer has 2 orders here: name one by `orderId`. Nothing was changed.",
        {"orderCount": 2, "orderIds": [_ORDER_ID, _OTHER_ID], "version": 7},
    ),
    # --- 409, 412: the event cannot be adjusted like that ----------------------------------------
    "capacity_in_use": ProblemType(
        "The event cannot have fewer tickets than are booked, held and offered together, nor fewer than an"
        " order in line waits for (`largestWaiting`).",
        "Ask for more, or cancel some first.",
        LATER,
        "2 tickets are taken, and an order waits for 1: the event cannot become smaller than that. Nothing"
        " was changed.",
        {"bookedTickets": 2, "heldTickets": 0, "offeredTickets": 0, "largestWaiting": 1, "version": 4},
    ),
    "terms_contradictory": ProblemType(
        "The term named by `field` contradicts the others that the event has, or would have.",
        "Change both, in one request.",
        LATER,
        "`salesCloseAt` contradicts the other terms: the sale would end before it begins. Nothing was"
        " changed.",
        {"field": "salesCloseAt", "version": 3},
    ),
    "version_moved": ProblemType(
        "`If-Match` names another version than the event has; or nothing that is one.",
        "Look at the event's status, decide anew, and send its `version` (or its `ETag`).",
        LATER,
        "The event is at version 6, which `If-Match` does not name; nothing was changed.",
        {"version": 6},
    ),
    # --- 409, 422: idempotency keys --------------------------------------------------------------
    "in_progress": ProblemType(
        "Another request with this `Idempotency-Key` is still under way, or its outcome is not known yet.",
        "Wait, and ask again with the same key: then you get its answer.",
        SAME_KEY,
        "A request with this Idempotency-Key is still under way.",
    ),
    "idempotency_mismatch": ProblemType(
        "This `Idempotency-Key` came with another request within the last day: another call, another body, or"
        " another `If-Match`.",
        "Use a new key for a new request, and the old one only to repeat the old one to the letter.",
        NEVER,
        "This Idempotency-Key was given with another request before; nothing was changed.",
    ),
    # --- 422, 429: the request -------------------------------------------------------------------
    "invalid_request": ProblemType(
        "It can be read, but is not what the call takes. `errors` lists what is wrong with the body: a JSON"
        " pointer to the place, and why. For a query parameter, `detail` says so.",
        "Mend it. What each call takes stands under `/docs`.",
        NEVER,
        "The body is not what this call takes.",
        {"errors": [{"pointer": "/quantity", "detail": "expected `int` >= 1"}]},
    ),
    "upgrade_required": ProblemType(
        "The call is for connections that stay open, and the request asks for neither kind of them.",
        "Open a WebSocket; or ask for a stream, with `Accept: text/event-stream`.",
        NEVER,
        "Ask for a WebSocket (`Upgrade: websocket`), or for a stream (`Accept: text/event-stream`).",
    ),
    "too_many_listeners": ProblemType(
        "As many connections from your address listen already as may. All addresses of an IPv6 /64 count as"
        " one.",
        "Watch many events over one connection, by `/live`, and close those that you do not need. Whoever"
        " runs the server can allow more.",
        SOON,
        "200 listeners from your address are here already. One connection to `/live` watches many events.",
    ),
    "rate_limited": ProblemType(
        "The caller has asked more often than they may: `RateLimit-Policy` says how often that is, and"
        " `RateLimit` what is left of it. Refused before anything was done, so no key was used up.",
        "Wait, and ask less often. Whoever runs the server can give an API key a limit of its own.",
        SOON,
        "100 requests in 1 s are allowed; nothing was changed, and the same request is welcome in 1 s.",
    ),
    # --- 500, 503, 504: not the client's doing ---------------------------------------------------
    "internal_error": ProblemType(
        "We made a mistake. It is in the log, under `requestId`.",
        "Tell whoever runs the server. Without an `Idempotency-Key`, look at the order or the event before"
        " you ask again.",
        WITH_KEY,
        "We could not handle this; it has been logged.",
        changed="unknown",
    ),
    "not_applied": ProblemType(
        "It could not be made durable, so it was undone: the database is away, or slow, or has refused it.",
        "Ask again. Neither 503 nor 504 is kept under an `Idempotency-Key`, so use the same one.",
        SOON,
        "Nothing was changed: the database cannot be reached. Try again shortly.",
    ),
    "overloaded": ProblemType(
        "More requests, or connections, are under way than we take in at once.",
        "Ask again, each time after a longer while.",
        SOON,
        "Nothing was changed: too many requests are under way.",
    ),
    "event_moved": ProblemType(
        "Another server on the same database has taken the event over.",
        "Ask again; send what concerns one event to one server.",
        SOON,
        "Nothing was changed: another server owns the event now. Ask there, or try again shortly.",
    ),
    "event_unavailable": ProblemType(
        "What is stored of the event contradicts itself, or its handling has failed again and again. Other"
        " events are not concerned.",
        "Tell the operator, who finds the reason under `/readyz?verbose` and with `boxoffice audit`.",
        SOON,
        "Nothing was changed: the event contradicts itself, or fails again and again, and is refused until"
        " somebody has looked at it.",
    ),
    "not_ready": ProblemType(
        "Bookings are not taken: the server is shutting down or far behind, or its database is away.",
        "Send requests to another server, or wait.",
        SOON,
        "Bookings are not taken now: the server is shutting down.",
        {
            "requestsInFlight": 3,
            "eventsResident": 12,
            "eventsQuarantined": [{"eventId": "7", "reason": "it failed 3 times in a short while"}],
            "connectionsOpen": 40,
            "loopLagSeconds": 0.002,
            "databaseMs": 0.4,
            "uptimeSeconds": 86400.5,
            "release": "0.1.0",
        },
    ),
    "outcome_unknown": ProblemType(
        "The change had been sent to the database when the connection was lost, or when it was time to"
        " answer. Nobody knows yet whether it was committed.",
        "Ask again with the same `Idempotency-Key`: if it was applied you get its answer, if not it is"
        " applied now. Without a key, look at the order or the event first.",
        SAME_KEY,
        "It may or may not have been applied: the database did not say whether it committed. Ask again with"
        " the same Idempotency-Key, or look at the status or the order first.",
        changed="unknown",
    ),
}
