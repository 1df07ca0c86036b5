"""The examples of the document for listeners: what is asked and told in the story of `openapi_examples.py`.

Whoever listens on `/live` after that step, and asks so, is told what stands here, but for order ids, times
and request ids; a test does just that. Values only, made once.
"""

from dataclasses import dataclass

from boxoffice.http.reference.openapi_examples import (
    CLEO,
    ENDED,
    HAL,
    OFFERED_UNTIL,
    TERMS_OF_TWO,
    Document,
    event_at,
    order_at,
)
from boxoffice.http.reference.problem_types import example


@dataclass(frozen=True, slots=True)
class Told:
    """One message that a listener gets."""

    name: str
    summary: str
    payload: Document


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a listener sends, and what it is told at once. `after`: a step of the story, by call and name."""

    after: tuple[str, str]
    name: str
    summary: str
    asked: Document
    told: tuple[Told, ...]


def _status(name: str, summary: str, event: Document) -> Told:
    return Told(name, summary, {"type": "status", **event})


def _order(name: str, summary: str, order: Document) -> Told:
    return Told(name, summary, {"type": "order", **order})


_SOLD_OUT, _PROMOTED = ("book", "waitlisted"), ("cancel", "byCustomer")
_OFFERED, _OVER = ("cancel", "byOrder"), ("close", "closed")
_NO_ORDER = "1-00000000-0000-7000-8000-000000000000"
_WRONG = [{"pointer": "/watch", "detail": "expected `array`, got `str`"}]

EXCHANGES: tuple[Exchange, ...] = (
    Exchange(
        _SOLD_OUT,
        "event",
        "Watch an event",
        {"watch": ["1"]},
        (
            _status(
                "soldOut",
                "Nothing is left, and Cleo waits",
                event_at("1", 4, bookedTickets=2, waitingListCount=1, waitingTickets=1),
            ),
        ),
    ),
    Exchange(
        _SOLD_OUT,
        "order",
        "Watch an order",
        {"watchOrder": CLEO},
        (_order("waiting", "Cleo is next in line", order_at(CLEO, "waitlisted", 4, position=1)),),
    ),
    Exchange(
        _PROMOTED,
        "both",
        "Watch an event and an order",
        {"watch": [1], "watchOrder": CLEO},
        (
            _status("stillSoldOut", "Cleo has got Ann's ticket", event_at("1", 5, bookedTickets=2)),
            _order("promoted", "Cleo has her ticket", order_at(CLEO, "confirmed", 5)),
        ),
    ),
    Exchange(
        _OFFERED,
        "others",
        "Watch others from now on",
        {"watch": ["2"], "unwatch": ["1"], "watchOrder": HAL, "unwatchOrder": CLEO},
        (
            _status(
                "offered", "The ticket is offered to Hal", event_at("2", 4, offeredTickets=1, **TERMS_OF_TWO)
            ),
            _order(
                "offered",
                "Hal may have a ticket, if he is quick",
                order_at(HAL, "offered", 4, expiresAt=OFFERED_UNTIL),
            ),
        ),
    ),
    Exchange(
        _OVER,
        "last",
        "Watch an event whose sale is over",
        {"watch": ["2"]},
        (_status("over", "The sale is over", ENDED),),
    ),
    Exchange(
        _OVER,
        "unknown",
        "Watch what there is not",
        {"watch": ["999"], "watchOrder": _NO_ORDER},
        (
            Told(
                "noEvent",
                "There is no such event",
                {"type": "problem", "problem": example("event_not_found"), "eventId": "999"},
            ),
            Told(
                "noOrder",
                "There is no such order, or it is somebody else's",
                {"type": "problem", "problem": example("order_not_found"), "orderId": _NO_ORDER},
            ),
        ),
    ),
)

MISTAKE = Exchange(
    _OVER,
    "mistaken",
    "A message that is not valid",
    {"watch": "1"},
    (
        Told(
            "invalid",
            "A message was not understood",
            {"type": "problem", "problem": {**example("invalid_request"), "errors": _WRONG}},
        ),
    ),
)
"""The only one whose question is not as it should be."""

CLOSED = Told(
    "closed", "The server is shutting down", {"code": 1001, "reason": "the server is shutting down"}
)
