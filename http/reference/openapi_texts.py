"""What each call of the catalogue is for, what it takes and what it answers, for the API document.

One entry for each call, by its name: a call without one keeps the server from starting. The examples stand in
`openapi_examples.py`. Values only, made once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from boxoffice.actors.principals import Scope
from boxoffice.http import wire
from boxoffice.http.live.messages import HandshakeBody
from boxoffice.http.reference import problem_types

JSON = "application/json"
NDJSON = "application/x-ndjson"
HTML = "text/html"
EVENT_STREAM = "text/event-stream"

STREAMED = """\
retry: 2718

event: status
id: 1-4
data: {"type":"status","eventId":"1","eventName":"Tech Conference 2025","totalTickets":2, …}

"""
"""How a stream begins."""

TAGS: Mapping[str, str] = {
    "Organising": "Putting an event on sale, and changing it.",
    "Selling": "What a shop does for its customers.",
    "Looking": "What is left, and who has what.",
    "Listening": "Being told what is new, as it happens.",
    "Operating": "For whoever runs the server.",
    "Reading": "The documents, and what problems mean.",
}


INTRODUCTION = """\
Sells tickets for events, keeps a first-come waiting list, and gives freed tickets to whoever is next.

Put an event on sale (`/initialize`), book (`/book`), or hold and confirm (`/hold`, `/confirm`), cancel
(`/cancel`), and look (`/status/{eventId}`). The examples are one story: on a new server they can be tried in
their order.

- **JSON** in camelCase, UTF-8, at most 64 KiB, a batch 1 MiB. Unknown fields are refused. **Ids** are opaque
  texts. **Times** are RFC 3339; ours are in UTC.
- **`version`** counts an event's changes: an answer shows the event as of that version. Nothing is answered
  before it is durable.
- **Repeat safely**: send an `Idempotency-Key` with every POST. One key has one effect, and one answer for a
  day.
- **Problems** are [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) documents with a stable `code`, all of
  them [explained](/problems). 2xx and 4xx are final, but for 408, 429 and `in_progress`. 503 means that
  nothing was changed; 504, that nobody knows: ask again with the same key. `Retry-After` says when.
- **Lists** come a page at a time: go on with `next` as the `cursor`, or follow `Link`.
- **Limits**: 429 says when to come back; a batch counts as its commands do.
- **Listen** rather than ask again: `/status/{eventId}/live` and `/live` tell what is new as it happens.
- Whatever takes GET takes HEAD.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a success says: a type of `wire.py`, or other media types; `headers` besides those of all."""

    means: str
    body: Any = None
    headers: tuple[str, ...] = ()
    media: tuple[str, ...] = (JSON,)


@dataclass(frozen=True, slots=True)
class Operation:
    """One call. `codes`: of the problems that are its own; `parameters`: names of `openapi_parts.py`;
    `more_scope`: what it takes to be told more; `links`: what to call next, with something from the answer.
    """

    tag: str
    summary: str
    description: str
    answers: Mapping[int, Answer]
    body: Any = None
    parameters: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    more_scope: Scope | None = None
    links: Mapping[str, Any] = field(default_factory=dict)


# --- problems that come in groups ----------------------------------------------------------------

OF_ALL = (
    "malformed_request", "unauthenticated", "request_timeout", "expectation_failed", "rate_limited",
    "internal_error", "overloaded",
)  # fmt: skip
OF_BODIES = ("malformed_json", "body_too_large", "unsupported_media_type", "invalid_request")
OF_KEYS = ("invalid_idempotency_key", "in_progress", "idempotency_mismatch")
OF_EVENTS = ("not_applied", "event_moved", "event_unavailable", "outcome_unknown")

_LISTENED = ("upgrade_required", "too_many_listeners", "forbidden")
_POSTED = (*OF_BODIES, *OF_KEYS, *OF_EVENTS)
_OF_TICKETS = (
    "event_not_found", "sold_out", "waitlist_full", "sales_not_open", "sales_closed", "limit_exceeded",
    "exceeds_capacity",
)  # fmt: skip
_OF_ORDERS = ("event_not_found", "order_not_found", "hold_expired", "already_cancelled")

# --- answers -------------------------------------------------------------------------------------

_REPLAYED = ("Idempotent-Replayed",)
_WAITS = Answer("They wait in line: `position` 1 is next.", wire.OrderBody, _REPLAYED)
_ORDER = {"orderId": "$response.body#/orderId"}
_WITH_AN_ORDER: Mapping[str, Any] = {
    "order": {"parameters": _ORDER, "description": "Where it stands."},
    "cancel": {"requestBody": _ORDER, "description": "Cancels it."},
}
_WITH_A_HOLD: Mapping[str, Any] = {
    **_WITH_AN_ORDER,
    "confirm": {"requestBody": _ORDER, "description": "Confirms it."},
    "extend": {"requestBody": _ORDER, "description": "Holds it for longer."},
}
_EVENT = {"eventId": "$response.body#/eventId"}
_WITH_AN_EVENT: Mapping[str, Any] = {
    "status": {"parameters": _EVENT, "description": "Its numbers."},
    "changes": {"parameters": _EVENT, "description": "Its log."},
    "close": {"requestBody": _EVENT, "description": "Ends its sale."},
}

_SOCKET = Answer("A WebSocket.", headers=("Upgrade",), media=())
_STREAM = Answer("A stream of events.", headers=("Cache-Control",), media=(EVENT_STREAM,))
_TOLD = "What is told stands in [the document for those who listen](/asyncapi.json)."

OPERATIONS: Mapping[str, Operation] = {
    # --- selling ---------------------------------------------------------------------------------
    "book": Operation(
        "Selling",
        "Book tickets",
        "Books all of the quantity, or nothing. If the tickets are not to be had now, or others wait for"
        " them, the customer waits in line, unless `waitlist` is false. Nobody books past the line.",
        {201: Answer("They are the customer's.", wire.OrderBody, _REPLAYED), 202: _WAITS},
        wire.BookBody,
        codes=(*_POSTED, *_OF_TICKETS),
        links=_WITH_AN_ORDER,
    ),
    "hold": Operation(
        "Selling",
        "Hold tickets for a while",
        "The same as a booking, but the tickets go back at `expiresAt`, unless the order is confirmed before."
        " Whoever has to wait is promoted like a booking: `confirmed` in the mode `book`, `offered` in the"
        " mode `offer`.",
        {201: Answer("They are held until `expiresAt`.", wire.OrderBody, _REPLAYED), 202: _WAITS},
        wire.HoldBody,
        codes=(*_POSTED, *_OF_TICKETS),
        links=_WITH_A_HOLD,
    ),
    "confirm": Operation(
        "Selling",
        "Confirm what is held, or accept what is offered",
        "Also after the sale has ended.",
        {200: Answer("The tickets are the customer's.", wire.OrderBody, _REPLAYED)},
        wire.ConfirmBody,
        codes=(*_POSTED, *_OF_ORDERS, "already_confirmed", "not_held"),
    ),
    "extend": Operation(
        "Selling",
        "Hold for longer",
        "From now on, and within `maxHoldSeconds` of the beginning.",
        {200: Answer("They are held until the new `expiresAt`.", wire.OrderBody, _REPLAYED)},
        wire.ExtendBody,
        codes=(
            *_POSTED,
            *_OF_ORDERS,
            "already_confirmed",
            "not_held",
            "hold_not_extended",
            "sales_closed",
        ),
    ),
    "cancel": Operation(
        "Selling",
        "Give tickets back",
        "Cancels an order, or the only live order of a customer; with `quantity` a part of it. That is also"
        " how a hold is let go, an offer declined, and the line left. In the same step, whoever is next in"
        " line gets what was given back: `promoted` says who.",
        {200: Answer("The order, cancelled, or what is left of it.", wire.CancelledBody, _REPLAYED)},
        wire.CancelBody,
        codes=(*_POSTED, *_OF_ORDERS, "exceeds_order", "ambiguous_order"),
    ),
    "batch": Operation(
        "Selling",
        "Many commands in one request",
        "Up to 1,000 commands, for any events; those for one event are done in their order. Each has its own"
        " outcome, which is what its own call would have answered, so 200 says nothing of them. Each takes"
        " the scope of its own call, and counts as a request of its own. A batch under an `Idempotency-Key`"
        " that was applied in part is completed by sending it again.",
        {200: Answer("What came of each.", wire.ResultsBody, _REPLAYED)},
        wire.BatchBody,
        codes=(*OF_BODIES, *OF_KEYS, "not_applied"),
    ),
    # --- organising ------------------------------------------------------------------------------
    "initialize": Operation(
        "Organising",
        "Put an event on sale",
        "Makes an event with so many tickets, on these terms.",
        {201: Answer("The event.", wire.EventBody, ("Location", *_REPLAYED))},
        wire.InitializeBody,
        codes=_POSTED,
        links=_WITH_AN_EVENT,
    ),
    "adjust": Operation(
        "Organising",
        "Change an event",
        "What is given changes, and the rest stays as it is; null takes a bound away. More tickets go to"
        " whoever waits, in the same step.",
        {200: Answer("The event, and who got tickets.", wire.AdjustedBody, _REPLAYED)},
        wire.AdjustBody,
        ("ifMatch",),
        codes=(
            *_POSTED,
            "event_not_found",
            "sales_closed",
            "capacity_in_use",
            "terms_contradictory",
            "version_moved",
        ),
    ),
    "close": Operation(
        "Organising",
        "End a sale for good",
        "What is held or offered may still be confirmed, and everything cancelled. The line stays as it was,"
        " and nobody in it is served.",
        {200: Answer("The event.", wire.EventBody, _REPLAYED)},
        wire.CloseBody,
        codes=(*_POSTED, "event_not_found", "sales_closed"),
    ),
    # --- looking ---------------------------------------------------------------------------------
    "status": Operation(
        "Looking",
        "An event's numbers and terms",
        "As they were committed last. Does not queue behind bookings, so it may be asked often; best with"
        " `If-None-Match`. The operator may have opened it to anybody.",
        {
            200: Answer("The event.", wire.EventBody, ("ETag", "Cache-Control")),
            304: Answer("Nothing is newer.", headers=("ETag", "Cache-Control"), media=()),
        },
        parameters=("eventId", "ifNoneMatch"),
        codes=("event_not_found", "not_applied", "event_moved", "event_unavailable"),
    ),
    "order": Operation(
        "Looking",
        "One order",
        "Live or not; with its `position` while it waits.",
        {200: Answer("The order.", wire.OrderBody, ("Cache-Control",))},
        parameters=("orderId",),
        codes=("order_not_found", *OF_EVENTS),
    ),
    "orders": Operation(
        "Looking",
        "Orders, a page at a time",
        "By event and age: those of an event, of a customer, of a status, or of all of these.",
        {200: Answer("A page.", wire.ListBody[wire.OrderBody], ("Link", "Cache-Control"))},
        parameters=("ofEvent", "ofCustomer", "ofStatus", "limit", "afterOrder"),
        codes=("invalid_request", "event_not_found", *OF_EVENTS),
    ),
    "events": Operation(
        "Looking",
        "All events, a page at a time",
        "By id, so the oldest come first; or, with `order=newest`, the newest.",
        {200: Answer("A page.", wire.ListBody[wire.EventBody], ("Link", "Cache-Control"))},
        parameters=("eventOrder", "limit", "afterEvent"),
        codes=("invalid_request", "not_applied"),
    ),
    # --- operating -------------------------------------------------------------------------------
    "changes": Operation(
        "Operating",
        "An event's log, oldest first",
        "Every change there was, each with its version, from which all else can be rebuilt. A page at a time;"
        f" or, with `Accept: {NDJSON}`, all of it in one answer, a line for each, without `limit` and"
        " `cursor`.",
        {
            200: Answer(
                "A page, or all of it.",
                wire.ListBody[wire.ChangeBody],
                ("Link", "Cache-Control"),
                (JSON, NDJSON),
            )
        },
        parameters=("eventId", "after", "limit", "afterVersion"),
        codes=("invalid_request", "event_not_found", "not_applied", "event_moved", "event_unavailable"),
    ),
    "keys": Operation(
        "Operating",
        "All API keys, a page at a time",
        "The oldest come first; those that were revoked or have expired are among them. Secrets are not"
        " shown, nor known. Keys are made with `boxoffice keys create`.",
        {200: Answer("A page.", wire.ListBody[wire.ApiKeyBody], ("Link", "Cache-Control"))},
        parameters=("limit", "afterKey"),
        codes=("invalid_request", "not_applied"),
    ),
    "revokeKey": Operation(
        "Operating",
        "Revoke an API key",
        "From now on it is not taken any more; by other servers on the same database after two seconds at the"
        " latest. To do it again changes nothing.",
        {200: Answer("The key.", wire.ApiKeyBody)},
        parameters=("keyId",),
        codes=("api_key_not_found", "outcome_unknown"),
    ),
    "metrics": Operation(
        "Operating",
        "Figures for Prometheus",
        "In its text format, or in OpenMetrics where `Accept` asks for that.",
        {
            200: Answer(
                "The figures.",
                headers=("Cache-Control",),
                media=("text/plain", "application/openmetrics-text"),
            )
        },
    ),
    # --- listening -------------------------------------------------------------------------------
    "liveStatus": Operation(
        "Listening",
        "An event's status, live",
        "The status at once, unless it is not newer than `since`; then every newer one, as soon as it is"
        " committed. The newest wins: versions may be left out, and never go back. By WebSocket"
        f" (`Upgrade: websocket`), or as Server-Sent Events (`Accept: {EVENT_STREAM}`). {_TOLD}",
        {101: _SOCKET, 200: _STREAM},
        parameters=("eventId", "since", "handshakeParameter", "lastEventId"),
        codes=(
            *_LISTENED,
            "event_not_found",
            "invalid_request",
            "not_applied",
            "event_moved",
            "event_unavailable",
        ),
    ),
    "live": Operation(
        "Listening",
        "Many events, and orders, live",
        "One connection for up to 100 events and 100 orders: their numbers, and who moves up in line, gets"
        " tickets, or is offered some. By WebSocket (`Upgrade: websocket`), over which what is watched can be"
        f" changed at any time; or as Server-Sent Events (`Accept: {EVENT_STREAM}`) of what stands in the"
        f" address. Customers may watch every event, and their own orders. {_TOLD}",
        {101: _SOCKET, 200: _STREAM},
        parameters=("watch", "watchOrder", "handshakeParameter"),
        codes=(*_LISTENED, "invalid_request"),
    ),
    "handshake": Operation(
        "Listening",
        "Get what lets a browser listen",
        "A browser cannot send an `Authorization` with a WebSocket, nor with an `EventSource`. What this"
        " gives stands in the address instead, and lets one connection in, once, within 30 seconds, as"
        " whoever asked for it. Takes no body.",
        {201: Answer("The handshake.", HandshakeBody, ("Cache-Control",))},
    ),
    "livez": Operation(
        "Operating",
        "Whether the process answers",
        "Asks nobody else. If it fails, restart the server.",
        {200: Answer("It does.", wire.LiveBody, ("Cache-Control",))},
    ),
    "readyz": Operation(
        "Operating",
        "Whether bookings are taken",
        "Asks the database. If it fails, send requests elsewhere. To be told more takes the scope `admin`.",
        {200: Answer("They are.", wire.ReadyBody, ("Cache-Control",))},
        parameters=("verbose",),
        codes=("not_ready", "forbidden"),
        more_scope=Scope.ADMIN,
    ),
    # --- reading ---------------------------------------------------------------------------------
    "page": Operation(
        "Reading",
        "The box office, to look at and to use",
        "A page for people: all events as they are now, and forms for most of these calls.",
        {
            200: Answer("The page.", headers=("ETag", "Cache-Control"), media=(HTML,)),
            304: Answer("It is the one you have.", headers=("ETag", "Cache-Control"), media=()),
        },
        parameters=("ifNoneMatch",),
    ),
    "asset": Operation(
        "Reading",
        "What the box office's page is made of",
        "Scripts, styles, letters.",
        {
            200: Answer(
                "The file.",
                headers=("ETag", "Cache-Control"),
                media=("text/javascript", "text/css", "image/svg+xml", "font/woff2"),
            ),
            304: Answer("It is the one you have.", headers=("ETag", "Cache-Control"), media=()),
        },
        parameters=("asset", "ifNoneMatch"),
    ),
    "openapi": Operation(
        "Reading",
        "This document",
        "OpenAPI 3.1, made from the types and the calls that the server runs on.",
        {
            200: Answer("The document.", headers=("ETag", "Cache-Control")),
            304: Answer("It is the one you have.", headers=("ETag", "Cache-Control"), media=()),
        },
        parameters=("ifNoneMatch",),
    ),
    "asyncapi": Operation(
        "Reading",
        "The document for those who listen",
        "AsyncAPI 3.0: what goes over a connection that stays open, made from the same types.",
        {
            200: Answer("The document.", headers=("ETag", "Cache-Control")),
            304: Answer("It is the one you have.", headers=("ETag", "Cache-Control"), media=()),
        },
        parameters=("ifNoneMatch",),
    ),
    "docs": Operation(
        "Reading",
        "This document, to read and to try out",
        "A page for people.",
        {
            200: Answer("The page.", headers=("ETag", "Cache-Control"), media=(HTML,)),
            304: Answer("It is the one you have.", headers=("ETag", "Cache-Control"), media=()),
        },
        parameters=("ifNoneMatch",),
    ),
    "docsAsset": Operation(
        "Reading",
        "What the pages are made of",
        "Scripts, styles, pictures.",
        {
            200: Answer(
                "The file.",
                headers=("ETag", "Cache-Control"),
                media=("text/javascript", "text/css", "image/svg+xml"),
            ),
            304: Answer("It is the one you have.", headers=("ETag", "Cache-Control"), media=()),
        },
        parameters=("file", "ifNoneMatch"),
    ),
    "problems": Operation(
        "Reading",
        "Every problem there is",
        "A page for people, or JSON where `Accept` asks for that.",
        {
            200: Answer(
                "All of them.", problem_types.ProblemTypesBody, ("ETag", "Cache-Control"), (JSON, HTML)
            ),
            304: Answer("It is what you have.", headers=("ETag", "Cache-Control"), media=()),
        },
        parameters=("ifNoneMatch",),
    ),
    "problem": Operation(
        "Reading",
        "What a problem means",
        "What the `type` of a problem leads to: what happened, what was changed, what to do. A page for"
        " people, or JSON where `Accept` asks for that.",
        {
            200: Answer(
                "What it means.", problem_types.ProblemTypeBody, ("ETag", "Cache-Control"), (JSON, HTML)
            ),
            304: Answer("It is what you have.", headers=("ETag", "Cache-Control"), media=()),
        },
        parameters=("code", "ifNoneMatch"),
    ),
}
