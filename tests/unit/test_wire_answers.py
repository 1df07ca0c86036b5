"""What every answer is in HTTP's words, what an entry of the log looks like, and who gives which code."""

import ast
import json
from http.client import parse_headers
from io import BytesIO
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from aiohttp import web

from boxoffice.actors.changes import (
    Change,
    CustomerWaitlisted,
    EventAdjusted,
    EventInitialized,
    HoldExtended,
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderReduced,
    SaleClosed,
    TicketsBooked,
    TicketsHeld,
)
from boxoffice.actors.messages import (
    PASSING,
    Adjusted,
    Answer,
    Booked,
    Cancelled,
    CapacityExceeded,
    CapacityInUse,
    Closed,
    Confirmed,
    EventMoved,
    EventUnavailable,
    EventUnknown,
    Extended,
    Found,
    Held,
    Initialized,
    LimitExceeded,
    NotApplied,
    NotExtended,
    NotHeld,
    OrderAmbiguous,
    OrderSettled,
    OrderUnknown,
    OutcomeUnknown,
    Overloaded,
    QuantityExceeded,
    SalesClosed,
    SalesNotOpen,
    Seen,
    SoldOut,
    TermsContradictory,
    Ticked,
    VersionMoved,
    Waitlisted,
    WaitlistFull,
)
from boxoffice.actors.values import CustomerId, Instant, OrderId, OrderStatus, Terms, WaitlistMode
from boxoffice.http.answers import refusal, reply_to
from boxoffice.http.problems import RETRY_AFTER_S, STATUS_AND_TITLE, ProblemError
from boxoffice.http.wire import EventBody, change_body, encode, event_body
from tests.unit.desk import (
    CANCELLED,
    CONFIRMED,
    EVENT,
    HELD,
    NOW,
    OFFERED,
    WAITLISTED,
    a_status,
    an_order,
    promotion,
)

SOON = Instant(60_000_000)
AT, UNTIL = "1970-01-01T00:00:00.001000Z", "1970-01-01T00:01:00.000000Z"
TERMS = Terms(NOW, SOON, 2, 3, 4, WaitlistMode.OFFER, 5, 6, 7)
STATUS = a_status(
    capacity=9, booked=1, held=2, offered=3, waiting=4, waiting_tickets=5, version=6, terms=TERMS
)
PROMOTED = (promotion("bob"), promotion("cat", 2, SOON))
EXPIRED = OrderStatus.EXPIRED
ANN = an_order("ann", 2, CONFIRMED)

DONE: list[tuple[Answer, int, dict[str, object]]] = [
    (Initialized(STATUS, NOW), 201, {"eventId": "7", "state": "open", "version": 6}),
    (Booked(ANN, 7), 201, {"orderId": "7-ann", "status": "confirmed", "version": 7}),
    (Held(an_order("ann", 2, HELD, expires_at=SOON), 7), 201, {"status": "held", "expiresAt": UNTIL}),
    (Waitlisted(an_order("ann", 2, WAITLISTED, 7), 3, 7), 202, {"status": "waitlisted", "position": 3}),
    (Confirmed(ANN, 7), 200, {"status": "confirmed"}),
    (Extended(an_order("ann", 2, HELD, expires_at=SOON), 7), 200, {"expiresAt": UNTIL}),
    (Cancelled(an_order("ann", 2, CANCELLED), 2, PROMOTED, 7), 200, {"cancelledQuantity": 2, "quantity": 2}),
    (Cancelled(ANN, 1, (), 7), 200, {"cancelledQuantity": 1, "status": "confirmed", "promoted": []}),
    (Adjusted(STATUS, NOW, PROMOTED, 2), 200, {"promotedCount": 2, "totalTickets": 9}),
    (Closed(STATUS, SOON), 200, {"state": "closed"}),
    (Found(ANN, None, 7), 200, {"orderId": "7-ann", "createdAt": AT}),
    (Found(an_order("ann", 2, WAITLISTED, 7), 3, 7), 200, {"position": 3}),
]
REFUSED: list[tuple[Answer, int, str, dict[str, object]]] = [
    (SoldOut(1, 2, 7), 409, "sold_out", {"availableTickets": 1, "waitingListCount": 2}),
    (WaitlistFull(2, 7), 409, "waitlist_full", {"waitlistLimit": 2}),
    (SalesNotOpen(NOW, 7), 409, "sales_not_open", {"salesOpenAt": AT}),
    (SalesClosed(NOW, 7), 409, "sales_closed", {"closedAt": AT}),
    (
        LimitExceeded("max_per_order", 2, 3, 7),
        409,
        "limit_exceeded",
        {"limit": "maxPerOrder", "maximum": 2, "asked": 3},
    ),
    (CapacityExceeded(5, 7), 409, "exceeds_capacity", {"totalTickets": 5}),
    (
        CapacityInUse(1, 2, 3, 4, 7),
        409,
        "capacity_in_use",
        {"bookedTickets": 1, "heldTickets": 2, "offeredTickets": 3, "largestWaiting": 4},
    ),
    (VersionMoved(7), 412, "version_moved", {"version": 7}),
    (TermsContradictory("hold_seconds", "too long", 7), 409, "terms_contradictory", {"field": "holdSeconds"}),
    (NotHeld(ANN, 7), 409, "already_confirmed", {"orderId": "7-ann", "orderStatus": "confirmed"}),
    (NotHeld(an_order("ann", 2, WAITLISTED, 7), 7), 409, "not_held", {"orderStatus": "waitlisted"}),
    (NotHeld(an_order("ann", 2, OFFERED, expires_at=SOON), 7), 409, "not_held", {"orderStatus": "offered"}),
    (NotExtended(NOW, SOON, 7), 409, "hold_not_extended", {"expiresAt": AT, "latestExpiresAt": UNTIL}),
    (QuantityExceeded(2, 7), 409, "exceeds_order", {"quantity": 2}),
    (
        OrderAmbiguous((OrderId("a"), OrderId("b")), 3, 7),
        409,
        "ambiguous_order",
        {"orderIds": ["7-a", "7-b"], "orderCount": 3},
    ),
    (OrderUnknown(7), 404, "order_not_found", {}),
    (OrderSettled(an_order("ann", 2, EXPIRED), 7), 409, "hold_expired", {"orderId": "7-ann", "version": 7}),
    (OrderSettled(an_order("ann", 2, CANCELLED), 7), 409, "already_cancelled", {"orderId": "7-ann"}),
    (EventUnknown(), 404, "event_not_found", {}),
    (NotApplied("the database is away"), 503, "not_applied", {}),
    (Overloaded(), 503, "overloaded", {}),
    (EventMoved(), 503, "event_moved", {}),
    (EventUnavailable("a row too few"), 503, "event_unavailable", {}),
    (OutcomeUnknown(), 504, "outcome_unknown", {}),
]
NOBODY_ASKS_FOR = {Seen, Ticked}
"""Answers to what only the server itself asks."""


def said(value: object) -> Any:
    """What a client reads."""
    return json.loads(encode(value))


# --- every answer --------------------------------------------------------------------------------


def test_every_kind_of_answer_is_tried() -> None:
    tried = {type(answer) for answer, *_ in (*DONE, *REFUSED)}
    assert tried | NOBODY_ASKS_FOR == set(get_args(Answer))
    assert tried & NOBODY_ASKS_FOR == set()


@pytest.mark.parametrize(("answer", "status", "members"), DONE)
def test_what_was_done_is_said(answer: Answer, status: int, members: dict[str, object]) -> None:
    reply = reply_to(EVENT, answer)
    assert reply.status == status
    body = said(reply.body)
    assert {name: body[name] for name in members} == members
    assert body["eventId"] == "7"


@pytest.mark.parametrize(("answer", "status", "code", "members"), REFUSED)
def test_a_refusal_has_a_status_a_code_and_the_numbers(
    answer: Answer, status: int, code: str, members: dict[str, object]
) -> None:
    with pytest.raises(ProblemError) as caught:
        reply_to(EVENT, answer)
    document = said(caught.value.document("some-id"))
    assert (document["status"], document["code"]) == (status, code) == (caught.value.status, code)
    assert code in STATUS_AND_TITLE
    assert document["requestId"] == "some-id"
    assert {name: document[name] for name in members} == members
    if hasattr(answer, "version"):
        assert document.get("version", answer.version) == answer.version


@pytest.mark.parametrize(("answer", "status", "code", "members"), REFUSED)
def test_what_may_be_another_answer_the_next_time_says_when_to_ask_again(
    answer: Answer, status: int, code: str, members: dict[str, object]
) -> None:
    assert (code in RETRY_AFTER_S) == isinstance(answer, PASSING) == (status >= 500)


@pytest.mark.parametrize("answer", [Ticked(7), Seen((), 7), *(answer for answer, *_ in DONE)])
def test_what_is_no_refusal_is_a_mistake_of_ours(answer: Answer) -> None:
    with pytest.raises(TypeError, match="is no refusal"):
        refusal(EVENT, answer)


def test_only_a_new_event_has_a_location() -> None:
    headers = {type(answer): reply_to(EVENT, answer).headers for answer, *_ in DONE}
    assert headers.pop(Initialized) == {"Location": "/status/7"}
    assert set(headers.values()) == {None}


# --- every code ----------------------------------------------------------------------------------


def codes_in_the_sources() -> set[str]:
    """The codes of all problems that any module of the front makes."""
    found = set()
    for path in (Path(__file__).resolve().parents[2] / "http").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="ProblemError"), args=[ast.Constant(value=str() as code), *_]):
                    found.add(code)
    return found


def test_every_code_is_given_by_somebody_and_every_given_code_is_in_the_table() -> None:
    assert codes_in_the_sources() == set(STATUS_AND_TITLE)
    assert {code for _, _, code, _ in REFUSED} <= set(STATUS_AND_TITLE)


def test_whoever_is_told_when_to_ask_again_is_told_with_a_code_of_the_table() -> None:
    assert set(RETRY_AFTER_S) <= set(STATUS_AND_TITLE)


@pytest.mark.parametrize("code", RETRY_AFTER_S)
def test_those_who_are_refused_together_are_not_told_to_come_back_together(code: str) -> None:
    told = {problem_of(code).headers["Retry-After"] for _ in range(400)}
    assert {int(seconds) for seconds in told} == set(RETRY_AFTER_S[code])
    assert len(told) > 1
    assert min(RETRY_AFTER_S[code]) >= 1


def problem_of(code: str) -> web.Response:
    return ProblemError(code, "so it is").said("some-request").response()


@pytest.mark.parametrize("code", STATUS_AND_TITLE)
def test_a_problem_says_the_same_to_whom_it_is_told_unasked(code: str) -> None:
    asked, (first, _, rest) = problem_of(code), ProblemError(code, "so it is").unasked().partition(b"\r\n")
    head, _, body = rest.partition(b"\r\n\r\n")
    headers = parse_headers(BytesIO(head + b"\r\n\r\n"))
    assert first.startswith(b"HTTP/1.1 %d " % asked.status)
    assert isinstance(asked.body, bytes)
    answers = [json.loads(text) for text in (asked.body, body)]
    assert [answer.pop("requestId") for answer in answers] == [
        asked.headers["X-Request-ID"],
        headers["X-Request-ID"],
    ]
    assert answers[0] == answers[1]
    assert set(headers) - {"Content-Length", "Date", "Connection"} == set(asked.headers) - {"Content-Length"}


# --- an event ------------------------------------------------------------------------------------


def test_an_event_says_all_its_numbers_and_terms() -> None:
    assert said(event_body(STATUS, NOW)) == {
        "eventId": "7",
        "eventName": "Concert",
        "totalTickets": 9,
        "availableTickets": 3,
        "bookedTickets": 1,
        "heldTickets": 2,
        "offeredTickets": 3,
        "waitingListCount": 4,
        "waitingTickets": 5,
        "state": "open",
        "version": 6,
        "salesOpenAt": AT,
        "salesCloseAt": UNTIL,
        "closedAt": None,
        "maxPerOrder": 2,
        "maxPerCustomer": 3,
        "waitlistLimit": 4,
        "waitlistMode": "offer",
        "offerSeconds": 5,
        "holdSeconds": 6,
        "maxHoldSeconds": 7,
    }


@pytest.mark.parametrize(
    ("now", "state"), [(NOW - 1, "scheduled"), (NOW, "open"), (SOON - 1, "open"), (SOON, "closed")]
)
def test_an_events_state_goes_by_the_time(now: int, state: str) -> None:
    assert event_body(STATUS, Instant(now)).state == state


def test_an_adjusted_event_says_who_got_tickets_and_all_that_an_event_says() -> None:
    body = said(reply_to(EVENT, Adjusted(STATUS, NOW, PROMOTED, 2_000)).body)
    assert body.pop("promotedCount") == 2_000
    assert body.pop("promoted") == [
        {"orderId": "7-bob", "userId": "bob", "quantity": 1, "status": "confirmed"},
        {"orderId": "7-cat", "userId": "cat", "quantity": 2, "status": "offered", "expiresAt": UNTIL},
    ]
    assert body == said(event_body(STATUS, NOW))
    assert set(body) == {field.encode_name for field in msgspec.structs.fields(EventBody)}


# --- the log -------------------------------------------------------------------------------------

ADA, FIRST = CustomerId("ada"), OrderId("first")
BY_TERMS = {
    "salesOpenAt": AT,
    "salesCloseAt": UNTIL,
    "maxPerOrder": 2,
    "maxPerCustomer": 3,
    "waitlistLimit": 4,
    "waitlistMode": "offer",
    "offerSeconds": 5,
    "holdSeconds": 6,
    "maxHoldSeconds": 7,
}
NAMED = {"eventName": "Play", "totalTickets": 5}
GOT = [{"orderId": "7-bob", "userId": "bob", "quantity": 1, "status": "confirmed"}]
BOB = (promotion("bob"),)
ORDERED = {"orderId": "7-first", "userId": "ada", "quantity": 2}

CHANGES: list[tuple[Change, str, dict[str, object]]] = [
    (EventInitialized(1, NOW, "Play", 5, TERMS), "eventInitialized", {**NAMED, **BY_TERMS}),
    (TicketsBooked(1, NOW, FIRST, ADA, 2), "ticketsBooked", ORDERED),
    (TicketsHeld(1, NOW, FIRST, ADA, 2, SOON), "ticketsHeld", {**ORDERED, "expiresAt": UNTIL}),
    (CustomerWaitlisted(1, NOW, FIRST, ADA, 2), "customerWaitlisted", ORDERED),
    (OrderConfirmed(1, NOW, FIRST), "orderConfirmed", {"orderId": "7-first"}),
    (HoldExtended(1, NOW, FIRST, SOON), "holdExtended", {"orderId": "7-first", "expiresAt": UNTIL}),
    (
        OrderReduced(1, NOW, FIRST, 1, BOB),
        "orderReduced",
        {"orderId": "7-first", "quantity": 1, "promoted": GOT},
    ),
    (OrderCancelled(1, NOW, FIRST), "orderCancelled", {"orderId": "7-first", "promoted": []}),
    (OrderExpired(1, NOW, FIRST, BOB), "orderExpired", {"orderId": "7-first", "promoted": GOT}),
    (EventAdjusted(1, NOW, "Play", 5, TERMS, BOB), "eventAdjusted", {**NAMED, **BY_TERMS, "promoted": GOT}),
    (SaleClosed(1, NOW), "saleClosed", {}),
]


def test_every_kind_of_change_is_tried() -> None:
    assert {type(change) for change, _, _ in CHANGES} == set(get_args(Change))


@pytest.mark.parametrize(("change", "kind", "members"), CHANGES)
def test_an_entry_of_the_log_says_what_changed_and_nothing_else(
    change: Change, kind: str, members: dict[str, object]
) -> None:
    assert said(change_body(EVENT, change)) == {"version": 1, "at": AT, "type": kind, **members}


def test_terms_without_a_bound_are_null_in_the_log() -> None:
    body = said(change_body(EVENT, EventInitialized(1, NOW, "Play", 5)))
    assert [name for name, value in body.items() if value is None] == [
        "salesOpenAt",
        "salesCloseAt",
        "maxPerOrder",
        "maxPerCustomer",
        "waitlistLimit",
    ]
