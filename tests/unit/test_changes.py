"""The stored form of a log: pinned byte for byte, because logs written yesterday are read tomorrow.

A red golden test means that the database holds changes which the program no longer reads, or reads
otherwise: add a field with a default, but rename none.
"""

import json
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.actors.changes import (
    Change,
    CustomerWaitlisted,
    EventInitialized,
    OrderCancelled,
    TicketsBooked,
    decode,
    encode,
)
from boxoffice.actors.messages import CustomerId, Instant, OrderId, Promotion

ADA = CustomerId("ada")
FIRST = OrderId("019a0000-0000-7000-8000-000000000001")
SECOND = OrderId("019a0000-0000-7000-8000-000000000002")
NOW = Instant(1_767_225_600_000_000)

GOLDEN: list[tuple[Change, bytes]] = [
    (
        EventInitialized(1, NOW, "Concert", 500),
        b'{"kind":"EventInitialized","version":1,"at":1767225600000000,"name":"Concert","capacity":500}',
    ),
    (
        TicketsBooked(2, NOW, FIRST, ADA, 3),
        (
            b'{"kind":"TicketsBooked","version":2,"at":1767225600000000,'
            b'"orderId":"019a0000-0000-7000-8000-000000000001","customer":"ada","quantity":3}'
        ),
    ),
    (
        CustomerWaitlisted(3, NOW, SECOND, ADA, 2),
        (
            b'{"kind":"CustomerWaitlisted","version":3,"at":1767225600000000,'
            b'"orderId":"019a0000-0000-7000-8000-000000000002","customer":"ada","quantity":2}'
        ),
    ),
    (
        OrderCancelled(4, NOW, FIRST, (Promotion(SECOND, ADA, 2),)),
        (
            b'{"kind":"OrderCancelled","version":4,"at":1767225600000000,'
            b'"orderId":"019a0000-0000-7000-8000-000000000001","promoted":['
            b'{"orderId":"019a0000-0000-7000-8000-000000000002","customer":"ada","quantity":2}]}'
        ),
    ),
    (
        OrderCancelled(5, NOW, SECOND),
        (
            b'{"kind":"OrderCancelled","version":5,"at":1767225600000000,'
            b'"orderId":"019a0000-0000-7000-8000-000000000002","promoted":[]}'
        ),
    ),
]

UNUSUAL = [
    "Zoë Ångström",
    "李小龍",
    "عائشة",
    "👩‍👩‍👧 family",
    "\U0010ffff",
    'Robert "Bobby" Tables',
    "O'Brien'); DROP TABLE orders; --",
    "back\\slash \\u0041 \\",
    "<script>alert(1)</script>",
    " \t\r\n ",
    "\x01\x1b[31m\x1f\x7f\x85",
    "\u2028\u2029\ufeff\u202e",
    "e\u0301 is not \u00e9",
    "null",
    "x" * 200,
]

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=200)


def in_every_change(name: str) -> list[Change]:
    """Each kind of change, with `name` wherever somebody else chose the words."""
    customer = CustomerId(name)
    return [
        EventInitialized(1, NOW, name, 1),
        TicketsBooked(2, NOW, FIRST, customer, 1),
        CustomerWaitlisted(3, NOW, SECOND, customer, 1),
        OrderCancelled(4, NOW, FIRST, (Promotion(SECOND, customer, 1),)),
    ]


def test_every_kind_of_change_is_pinned() -> None:
    assert {type(change) for change, _ in GOLDEN} == set(get_args(Change))


@pytest.mark.parametrize(("change", "stored"), GOLDEN)
def test_a_change_is_stored_as_it_always_was(change: Change, stored: bytes) -> None:
    assert encode(change) == stored


@pytest.mark.parametrize(("change", "stored"), GOLDEN)
def test_a_stored_change_is_read_as_it_always_was(change: Change, stored: bytes) -> None:
    assert decode(stored) == change


@pytest.mark.parametrize(("change", "stored"), GOLDEN)
def test_the_order_of_the_fields_does_not_matter(change: Change, stored: bytes) -> None:
    """A `jsonb` column keeps its own order."""
    fields = json.loads(stored)
    assert decode(json.dumps(dict(sorted(fields.items()))).encode()) == change


@pytest.mark.parametrize(("change", "stored"), GOLDEN)
def test_a_field_that_a_later_release_added_is_passed_over(change: Change, stored: bytes) -> None:
    assert decode(stored[:-1] + b',"addedLater":{"deep":[1]}}') == change


def test_a_cancellation_without_promotions_may_leave_them_out() -> None:
    assert decode(b'{"kind":"OrderCancelled","version":5,"at":0,"orderId":"x"}') == OrderCancelled(
        5, Instant(0), OrderId("x"), ()
    )


@pytest.mark.parametrize("name", [name for name in json.loads(GOLDEN[1][1]) if name != "kind"])
def test_a_change_with_a_field_missing_is_refused(name: str) -> None:
    fields = json.loads(GOLDEN[1][1])
    del fields[name]
    with pytest.raises(msgspec.ValidationError, match=name):
        decode(json.dumps(fields).encode())


def test_a_kind_that_nobody_knows_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="Invalid value 'TicketsLost'"):
        decode(b'{"kind":"TicketsLost","version":2,"at":0,"orderId":"x","customer":"ada","quantity":1}')


def test_a_change_without_its_kind_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="kind"):
        decode(b'{"version":2,"at":0,"orderId":"x","customer":"ada","quantity":1}')


@pytest.mark.parametrize("name", UNUSUAL)
def test_an_unusual_name_comes_back_as_it_was(name: str) -> None:
    for change in in_every_change(name):
        assert decode(encode(change)) == change


@given(names)
def test_any_name_without_nul_comes_back_as_it_was(name: str) -> None:
    for change in in_every_change(name):
        assert decode(encode(change)) == change


@given(names)
def test_another_reader_of_json_sees_the_same_name(name: str) -> None:
    initialized, booked, waitlisted, cancelled = (
        json.loads(encode(change)) for change in in_every_change(name)
    )
    assert initialized["name"] == name
    assert booked["customer"] == waitlisted["customer"] == name
    assert cancelled["promoted"][0]["customer"] == name
