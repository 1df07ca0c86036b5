"""The stored form of answers: what was answered yesterday under a key is answered again today.

A red golden test means that records kept for a day are not read any more, or are read otherwise, while a
new release takes over: add a field with a default, but rename none.
"""

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    decode_answer,
    encode_answer,
)
from boxoffice.actors.values import CustomerId, Instant, Order, OrderId, OrderStatus, Terms, WaitlistMode
from tests.unit.desk import (
    CANCELLED,
    CONFIRMED,
    HELD,
    NOW,
    OFFERED,
    WAITLISTED,
    a_status,
    after,
    an_order,
    promotion,
)

TERMS = Terms(NOW, after(60), 2, 3, 4, WaitlistMode.OFFER, 5, 6, 7)
STATUS = a_status(
    capacity=9,
    booked=1,
    held=2,
    offered=3,
    waiting=4,
    waiting_tickets=5,
    version=6,
    terms=TERMS,
    closed_at=NOW,
)
PROMOTED = (promotion("bob"), promotion("cat", 2, until=after(5)))

ANSWERS: list[Answer] = [
    Initialized(a_status(capacity=5, version=1), NOW),
    Booked(an_order("ann", 2, CONFIRMED), 7),
    Held(an_order("ann", 2, HELD, expires_at=after(5)), 7),
    Waitlisted(an_order("ann", 2, WAITLISTED, place=7), 3, 7),
    Confirmed(an_order("ann", 2, CONFIRMED), 7),
    Extended(an_order("ann", 2, HELD, expires_at=after(5)), 7),
    Cancelled(an_order("ann", 2, CANCELLED), 2, PROMOTED, 7),
    Cancelled(an_order("ann", 2, OFFERED, expires_at=after(5)), 1, (), 7),
    Adjusted(STATUS, NOW, PROMOTED, 2),
    Closed(STATUS, NOW),
    Found(an_order("ann", 2, CONFIRMED), None, 7),
    Found(an_order("ann", 2, WAITLISTED, place=7), 3, 7),
    Seen((Found(an_order("ann", 2, WAITLISTED, place=7), 3, 7), None), 7),
    Ticked(7),
    SoldOut(1, 2, 7),
    WaitlistFull(2, 7),
    SalesNotOpen(NOW, 7),
    SalesClosed(NOW, 7),
    LimitExceeded("max_per_order", 2, 3, 7),
    CapacityExceeded(5, 7),
    CapacityInUse(1, 2, 3, 4, 7),
    VersionMoved(7),
    TermsContradictory("hold_seconds", "a hold would last longer", 7),
    NotHeld(an_order("ann", 2, CONFIRMED), 7),
    NotExtended(NOW, after(5), 7),
    QuantityExceeded(2, 7),
    OrderAmbiguous((OrderId("first"), OrderId("second")), 3, 7),
    OrderUnknown(7),
    OrderSettled(an_order("ann", 2, OrderStatus.EXPIRED), 7),
    EventUnknown(),
    NotApplied("the database is away"),
    Overloaded(),
    EventMoved(),
    EventUnavailable("a row too few"),
    OutcomeUnknown(),
]

GOLDEN: list[tuple[Answer, bytes]] = [
    (
        Booked(an_order("ann", 2, CONFIRMED), 7),
        (
            b'{"answer":"Booked","order":{"id":"ann","customer":"ann","quantity":2,"status":"confirmed",'
            b'"created_at":1000,"place":null,"expires_at":null},"version":7}'
        ),
    ),
    (
        Cancelled(an_order("ann", 2, CANCELLED), 2, (promotion("bob", 1, Instant(5)),), 7),
        (
            b'{"answer":"Cancelled","order":{"id":"ann","customer":"ann","quantity":2,"status":"cancelled",'
            b'"created_at":1000,"place":null,"expires_at":null},"quantity":2,"promoted":['
            b'{"orderId":"bob","customer":"bob","quantity":1,"expiresAt":5}],"version":7}'
        ),
    ),
    (
        Initialized(a_status(capacity=5, version=1), NOW),
        (
            b'{"answer":"Initialized","status":{"event_id":7,"name":"Concert","capacity":5,"available":5,'
            b'"booked":0,"held":0,"offered":0,"waiting":0,"waiting_tickets":0,"version":1,"terms":{'
            b'"salesOpenAt":null,"salesCloseAt":null,"maxPerOrder":null,"maxPerCustomer":null,'
            b'"waitlistLimit":null,"waitlistMode":"book","offerSeconds":3600,"holdSeconds":600,'
            b'"maxHoldSeconds":3600},"closed_at":null},"at":1000}'
        ),
    ),
    (SoldOut(1, 2, 7), b'{"answer":"SoldOut","available":1,"waiting":2,"version":7}'),
    (EventUnknown(), b'{"answer":"EventUnknown"}'),
]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def test_every_kind_of_answer_is_tried() -> None:
    assert {type(answer) for answer in ANSWERS} == set(get_args(Answer))


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: type(answer).__name__)
def test_an_answer_comes_back_as_it_was(answer: Answer) -> None:
    again = decode_answer(encode_answer(answer))
    assert again == answer
    assert type(again) is type(answer)


@pytest.mark.parametrize(("answer", "stored"), GOLDEN, ids=lambda value: type(value).__name__)
def test_an_answer_is_stored_as_it_always_was(answer: Answer, stored: bytes) -> None:
    assert encode_answer(answer) == stored
    assert decode_answer(stored) == answer


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: type(answer).__name__)
def test_a_field_that_a_later_release_added_is_passed_over(answer: Answer) -> None:
    stored = encode_answer(answer)
    assert decode_answer(stored[:-1] + b',"addedLater":[1]}') == answer


def test_an_answer_that_nobody_knows_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="Invalid value 'Applauded'"):
        decode_answer(b'{"answer":"Applauded","version":7}')


@given(name=texts)
def test_any_name_comes_back_as_it_was(name: str) -> None:
    order = Order(OrderId("x"), CustomerId(name), 1, CONFIRMED, NOW)
    for answer in (Booked(order, 2), Closed(a_status(name=name, capacity=5, version=1), NOW)):
        assert decode_answer(encode_answer(answer)) == answer


def test_what_may_be_another_answer_the_next_time_is_told_apart() -> None:
    passing = [type(answer) for answer in ANSWERS if isinstance(answer, PASSING)]
    assert passing == [NotApplied, Overloaded, EventMoved, EventUnavailable, OutcomeUnknown]
