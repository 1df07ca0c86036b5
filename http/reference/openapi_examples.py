"""The examples of the API document: one story, told in order, in which each step is a request and its answer.

A new server with these two API keys answers them as they stand here, but for order ids, times and request
ids; a test does just that.
Values only, made once.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from boxoffice.http.reference.problem_types import problem_type_body

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One request, and what it is answered. `parameters` by their names on the wire, headers too.

    `answer` is the body; of a problem, `code` stands for it.
    """

    call: str
    name: str
    summary: str
    status: int
    body: Document | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    answer: Any = None
    code: str | None = None


# --- who is who ----------------------------------------------------------------------------------

ANN = "1-01a21439-cf2d-74c0-b827-0d3925c938ac"
BOB = "1-01a21439-cf36-70d1-94fc-9c1e66480bbd"
CLEO = "1-01a21439-cf40-703b-b0ca-c386cb7cf713"
EVE = "1-01a21439-cf8b-77a2-812e-cdbb8760371b"
GUS = "2-01a21439-cfd0-77cd-aa2b-3b8676c12ddf"
HAL = "2-01a21439-cfd9-715b-8284-c0803ccee99f"
NAMES = {ANN: "ann", BOB: "bob", CLEO: "cleo", EVE: "eve", GUS: "gus", HAL: "hal"}
ORDERED = {
    ANN: "2026-11-25T19:41:02.637406Z",
    BOB: "2026-11-25T19:41:02.646790Z",
    CLEO: "2026-11-25T19:41:02.656141Z",
    EVE: "2026-11-25T19:41:02.731612Z",
    GUS: "2026-11-25T19:41:02.800195Z",
    HAL: "2026-11-25T19:41:02.800195Z",
}
OPERATOR: Document = {
    "keyId": "q7m0c2x9d4hb",
    "name": "operator",
    "scopes": ["read", "sell", "organise", "admin"],
    "limit": None,
    "createdAt": "2026-11-20T08:00:00.000000Z",
    "expiresAt": None,
    "revokedAt": None,
}
SHOP: Document = {
    "keyId": "k3v9q0zt1m2x",
    "name": "shop",
    "scopes": ["read", "sell"],
    "limit": "100/second",
    "createdAt": "2026-11-20T08:05:00.000000Z",
    "expiresAt": "2027-11-20T08:05:00.000000Z",
    "revokedAt": None,
}
_HELD_UNTIL = "2026-11-25T19:46:02.731612Z"
_HELD_LONGER = "2026-11-25T19:56:02.742011Z"
OFFERED_UNTIL = "2026-11-25T19:56:02.818115Z"
_CLOSED = "2026-11-25T19:41:02.849383Z"


def event_at(event_id: str, version: int, **others: Any) -> Document:
    """An event of the story: numbers that are not given are 0, terms are as without any."""
    numbers = {
        "availableTickets": 0,
        "bookedTickets": 0,
        "heldTickets": 0,
        "offeredTickets": 0,
        "waitingListCount": 0,
        "waitingTickets": 0,
        "state": "open",
    }
    terms = {
        "salesOpenAt": None,
        "salesCloseAt": None,
        "closedAt": None,
        "maxPerOrder": None,
        "maxPerCustomer": None,
        "waitlistLimit": None,
        "waitlistMode": "book",
        "offerSeconds": 3600,
        "holdSeconds": 600,
        "maxHoldSeconds": 3600,
    }
    name, total = {"1": ("Tech Conference 2025", 2), "2": ("Reading", 1)}[event_id]
    known = {"eventId": event_id, "eventName": name, "totalTickets": total}
    return {**known, **numbers, "version": version, **terms, **others}


def order_at(order_id: str, status: str, version: int, quantity: int = 1, **others: Any) -> Document:
    """An order of the story."""
    return {
        "orderId": order_id,
        "eventId": order_id[0],
        "userId": NAMES[order_id],
        "quantity": quantity,
        "status": status,
        "version": version,
        "createdAt": ORDERED[order_id],
        **others,
    }


def _promoted(order_id: str, status: str, **others: Any) -> Document:
    return {"orderId": order_id, "userId": NAMES[order_id], "quantity": 1, "status": status, **others}


_ADJUSTED = event_at("1", 6, totalTickets=6, availableTickets=4, bookedTickets=2, maxPerCustomer=3)
_HELD = order_at(EVE, "held", 7, 3, expiresAt=_HELD_UNTIL)
_HOLD: Document = {"eventId": "1", "userId": "eve", "quantity": 3, "holdSeconds": 300}
_KEY = {"Idempotency-Key": "5f0b7a52-4d0f-4a5e-9f0a-6d1f3f2f7c11"}
TERMS_OF_TWO = {"waitlistMode": "offer", "offerSeconds": 900, "maxPerOrder": 1}
_LEFT = event_at("1", 10, totalTickets=6, availableTickets=2, bookedTickets=4, maxPerCustomer=3)
ENDED = event_at("2", 6, bookedTickets=1, state="closed", closedAt=_CLOSED, **TERMS_OF_TWO)

STORY: tuple[Step, ...] = (
    # --- two tickets, three customers ------------------------------------------------------------
    Step(
        "initialize",
        "event",
        "Two tickets go on sale",
        201,
        {"eventName": "Tech Conference 2025", "totalTickets": 2},
        answer=event_at("1", 1, availableTickets=2),
    ),
    Step(
        "book",
        "booked",
        "Ann books",
        201,
        {"eventId": "1", "userId": "ann"},
        answer=order_at(ANN, "confirmed", 2),
    ),
    Step(
        "book",
        "another",
        "Bob books, too",
        201,
        {"eventId": "1", "userId": "bob", "quantity": 1, "waitlist": True},
        answer=order_at(BOB, "confirmed", 3),
    ),
    Step(
        "book",
        "waitlisted",
        "It is sold out: Cleo waits",
        202,
        {"eventId": "1", "userId": "cleo"},
        answer=order_at(CLEO, "waitlisted", 4, position=1),
    ),
    Step(
        "book",
        "unwilling",
        "Dan does not want to wait",
        409,
        {"eventId": "1", "userId": "dan", "waitlist": False},
        code="sold_out",
    ),
    Step(
        "status",
        "soldOut",
        "Nothing is left",
        200,
        parameters={"eventId": "1"},
        answer=event_at("1", 4, bookedTickets=2, waitingListCount=1, waitingTickets=1),
    ),
    Step(
        "status",
        "unchanged",
        "Nothing has changed since",
        304,
        parameters={"eventId": "1", "If-None-Match": '"4-open"'},
    ),
    Step(
        "order",
        "waiting",
        "Cleo's place in line",
        200,
        parameters={"orderId": CLEO},
        answer=order_at(CLEO, "waitlisted", 4, position=1),
    ),
    Step(
        "cancel",
        "byCustomer",
        "Ann cannot come, and Cleo gets her ticket",
        200,
        {"eventId": "1", "userId": "ann"},
        answer=order_at(ANN, "cancelled", 5, cancelledQuantity=1, promoted=[_promoted(CLEO, "confirmed")]),
    ),
    Step("cancel", "again", "Ann cancels again", 409, {"orderId": ANN}, code="already_cancelled"),
    # --- a larger hall ---------------------------------------------------------------------------
    Step(
        "adjust",
        "larger",
        "Six tickets, and not more than three for each customer",
        200,
        {"eventId": "1", "totalTickets": 6, "maxPerCustomer": 3},
        {"If-Match": '"5"'},
        answer={**_ADJUSTED, "promotedCount": 0, "promoted": []},
    ),
    Step(
        "adjust",
        "outdated",
        "Somebody else was faster",
        412,
        {"eventId": "1", "totalTickets": 5},
        {"If-Match": '"5"'},
        code="version_moved",
    ),
    Step(
        "book",
        "tooMany",
        "Bob wants three more",
        409,
        {"eventId": "1", "userId": "bob", "quantity": 3},
        code="limit_exceeded",
    ),
    Step(
        "book",
        "invalid",
        "A request that is not valid",
        422,
        {"eventId": "1", "userId": "ivy", "quantity": 0},
        code="invalid_request",
    ),
    # --- hold, extend, confirm -------------------------------------------------------------------
    Step("hold", "held", "Eve holds three, for five minutes", 201, _HOLD, _KEY, answer=_HELD),
    Step("hold", "replayed", "Eve clicks twice, and gets the same hold", 201, _HOLD, _KEY, answer=_HELD),
    Step(
        "hold",
        "mismatched",
        "The same key for something else",
        422,
        {**_HOLD, "quantity": 2},
        _KEY,
        code="idempotency_mismatch",
    ),
    Step(
        "extend",
        "longer",
        "Eve needs a quarter of an hour more",
        200,
        {"orderId": EVE, "holdSeconds": 900},
        answer=order_at(EVE, "held", 8, 3, expiresAt=_HELD_LONGER),
    ),
    Step(
        "confirm",
        "confirmed",
        "Eve has paid",
        200,
        {"orderId": EVE},
        answer=order_at(EVE, "confirmed", 9, 3),
    ),
    Step("confirm", "twice", "Eve confirms again", 409, {"orderId": EVE}, code="already_confirmed"),
    Step(
        "cancel",
        "inPart",
        "Eve gives one back",
        200,
        {"orderId": EVE, "quantity": 1},
        answer=order_at(EVE, "confirmed", 10, 2, cancelledQuantity=1, promoted=[]),
    ),
    # --- an event that asks those in line --------------------------------------------------------
    Step(
        "initialize",
        "offering",
        "Whoever is next in line is asked first",
        201,
        {"eventName": "Reading", "totalTickets": 1, **TERMS_OF_TWO},
        answer=event_at("2", 1, availableTickets=1, **TERMS_OF_TWO),
    ),
    Step(
        "batch",
        "three",
        "Gus gets the ticket, Hal waits, and the third command is not valid",
        200,
        {
            "commands": [
                {"do": "book", "eventId": "2", "userId": "gus"},
                {"do": "book", "eventId": "2", "userId": "hal"},
                {"do": "confirm"},
            ]
        },
        answer={
            "results": [
                {"status": 201, "body": order_at(GUS, "confirmed", 2)},
                {"status": 202, "body": order_at(HAL, "waitlisted", 3, position=1)},
                {
                    "status": 422,
                    "body": {
                        "type": "/problems/invalid_request",
                        "title": "The request is not valid",
                        "status": 422,
                        "detail": "The body is not what this call takes.",
                        "code": "invalid_request",
                        "requestId": "01a21439d001740fa91a0c05",
                        "errors": [
                            {
                                "pointer": "/commands/2/orderId",
                                "detail": "object missing required field `orderId`",
                            }
                        ],
                    },
                },
            ]
        },
    ),
    Step(
        "cancel",
        "byOrder",
        "Gus cancels, and Hal is offered the ticket",
        200,
        {"orderId": GUS},
        answer=order_at(
            GUS,
            "cancelled",
            4,
            cancelledQuantity=1,
            promoted=[_promoted(HAL, "offered", expiresAt=OFFERED_UNTIL)],
        ),
    ),
    Step(
        "confirm",
        "accepted",
        "Hal accepts",
        200,
        {"orderId": HAL},
        answer=order_at(HAL, "confirmed", 5),
    ),
    Step("close", "closed", "The sale is over", 200, {"eventId": "2"}, answer=ENDED),
    Step("close", "already", "It is over already", 409, {"eventId": "2"}, code="sales_closed"),
    # --- lists -----------------------------------------------------------------------------------
    Step(
        "orders",
        "first",
        "The first page",
        200,
        parameters={"eventId": "1", "status": "confirmed", "limit": "2"},
        answer={"items": [order_at(BOB, "confirmed", 10), order_at(CLEO, "confirmed", 10)], "next": CLEO},
    ),
    Step(
        "orders",
        "last",
        "The last page",
        200,
        parameters={"eventId": "1", "status": "confirmed", "limit": "2", "cursor": CLEO},
        answer={"items": [order_at(EVE, "confirmed", 10, 2)], "next": None},
    ),
    Step("events", "both", "Both events", 200, answer={"items": [_LEFT, ENDED], "next": None}),
    Step(
        "events",
        "newest",
        "The newest event",
        200,
        parameters={"order": "newest", "limit": "1"},
        answer={"items": [ENDED], "next": "2"},
    ),
    Step(
        "changes",
        "lately",
        "What came after version 8",
        200,
        parameters={"eventId": "1", "after": "8"},
        answer={
            "items": [
                {
                    "version": 9,
                    "at": "2026-11-25T19:41:02.748120Z",
                    "type": "orderConfirmed",
                    "orderId": EVE,
                },
                {
                    "version": 10,
                    "at": "2026-11-25T19:41:02.753366Z",
                    "type": "orderReduced",
                    "orderId": EVE,
                    "quantity": 2,
                    "promoted": [],
                },
            ],
            "next": None,
        },
    ),
    # --- listening -------------------------------------------------------------------------------
    Step(
        "handshake",
        "browser",
        "For a page that wants to listen",
        201,
        answer={
            "handshake": "bh_5Yp3q0Qk2mHn8sWv1xZc7bRt4uEo9aLd6gJf0iKyNwM",
            "expiresAt": "2026-11-25T19:41:32.861904Z",
        },
    ),
    # --- the server itself -----------------------------------------------------------------------
    Step("livez", "alive", "It answers", 200, answer={"status": "alive"}),
    Step("readyz", "ready", "It takes bookings", 200, answer={"status": "ready"}),
    Step(
        "keys",
        "two",
        "The operator's key, and a shop's",
        200,
        answer={"items": [OPERATOR, SHOP], "next": None},
    ),
    Step(
        "revokeKey",
        "lost",
        "The shop has lost its key",
        200,
        parameters={"keyId": SHOP["keyId"]},
        answer={**SHOP, "revokedAt": "2026-11-25T19:41:02.861904Z"},
    ),
    Step(
        "revokeKey",
        "unknown",
        "There is no such key",
        404,
        parameters={"keyId": "000000000000"},
        code="api_key_not_found",
    ),
    Step(
        "problem",
        "soldOut",
        "What `sold_out` means",
        200,
        parameters={"code": "sold_out"},
        answer=msgspec.to_builtins(problem_type_body("sold_out")),
    ),
)
