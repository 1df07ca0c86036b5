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
    decode,
    encode,
)
from boxoffice.actors.values import CustomerId, Instant, OrderId, Promotion, Terms, WaitlistMode

ADA = CustomerId("ada")
FIRST = OrderId("019a0000-0000-7000-8000-000000000001")
SECOND = OrderId("019a0000-0000-7000-8000-000000000002")
NOW = Instant(1_767_225_600_000_000)
LATER = Instant(1_767_225_660_000_000)


BY_DEFAULT = (
    b'{"salesOpenAt":null,"salesCloseAt":null,"maxPerOrder":null,"maxPerCustomer":null,'
    b'"waitlistLimit":null,"waitlistMode":"book","offerSeconds":3600,"holdSeconds":600,'
    b'"maxHoldSeconds":3600}'
)
ALL_GIVEN = Terms(
    sales_open_at=NOW,
    sales_close_at=LATER,
    max_per_order=2,
    max_per_customer=3,
    waitlist_limit=4,
    waitlist_mode=WaitlistMode.OFFER,
    offer_seconds=5,
    hold_seconds=6,
    max_hold_seconds=7,
)

GOLDEN: list[tuple[Change, bytes]] = [
    (
        EventInitialized(1, NOW, "Concert", 500),
        (
            b'{"kind":"EventInitialized","version":1,"at":1767225600000000,"name":"Concert","capacity":500,'
            b'"terms":' + BY_DEFAULT + b"}"
        ),
    ),
    (
        TicketsBooked(2, NOW, FIRST, ADA, 3),
        (
            b'{"kind":"TicketsBooked","version":2,"at":1767225600000000,'
            b'"orderId":"019a0000-0000-7000-8000-000000000001","customer":"ada","quantity":3}'
        ),
    ),
    (
        TicketsHeld(2, NOW, FIRST, ADA, 3, LATER),
        (
            b'{"kind":"TicketsHeld","version":2,"at":1767225600000000,'
            b'"orderId":"019a0000-0000-7000-8000-000000000001","customer":"ada","quantity":3,'
            b'"expiresAt":1767225660000000}'
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
        OrderConfirmed(4, NOW, FIRST),
        (
            b'{"kind":"OrderConfirmed","version":4,"at":1767225600000000,'
            b'"orderId":"019a0000-0000-7000-8000-000000000001"}'
        ),
    ),
    (
        HoldExtended(4, NOW, FIRST, LATER),
        (
            b'{"kind":"HoldExtended","version":4,"at":1767225600000000,'
            b'"orderId":"019a0000-0000-7000-8000-000000000001","expiresAt":1767225660000000}'
        ),
    ),
    (
        OrderReduced(4, NOW, FIRST, 1, (Promotion(SECOND, ADA, 2, LATER),)),
        (
            b'{"kind":"OrderReduced","version":4,"at":1767225600000000,'
            b'"orderId":"019a0000-0000-7000-8000-000000000001","quantity":1,"promoted":['
            b'{"orderId":"019a0000-0000-7000-8000-000000000002","customer":"ada","quantity":2,'
            b'"expiresAt":1767225660000000}]}'
        ),
    ),
    (
        OrderCancelled(4, NOW, FIRST, (Promotion(SECOND, ADA, 2),)),
        (
            b'{"kind":"OrderCancelled","version":4,"at":1767225600000000,'
            b'"orderId":"019a0000-0000-7000-8000-000000000001","promoted":['
            b'{"orderId":"019a0000-0000-7000-8000-000000000002","customer":"ada","quantity":2,'
            b'"expiresAt":null}]}'
        ),
    ),
    (
        OrderCancelled(5, NOW, SECOND),
        (
            b'{"kind":"OrderCancelled","version":5,"at":1767225600000000,'
            b'"orderId":"019a0000-0000-7000-8000-000000000002","promoted":[]}'
        ),
    ),
    (
        OrderExpired(5, NOW, FIRST, (Promotion(SECOND, ADA, 2, LATER),)),
        (
            b'{"kind":"OrderExpired","version":5,"at":1767225600000000,'
            b'"orderId":"019a0000-0000-7000-8000-000000000001","promoted":['
            b'{"orderId":"019a0000-0000-7000-8000-000000000002","customer":"ada","quantity":2,'
            b'"expiresAt":1767225660000000}]}'
        ),
    ),
    (
        EventAdjusted(6, NOW, "Encore", 501, ALL_GIVEN, (Promotion(SECOND, ADA, 2),)),
        (
            b'{"kind":"EventAdjusted","version":6,"at":1767225600000000,"name":"Encore","capacity":501,'
            b'"terms":{"salesOpenAt":1767225600000000,"salesCloseAt":1767225660000000,"maxPerOrder":2,'
            b'"maxPerCustomer":3,"waitlistLimit":4,"waitlistMode":"offer","offerSeconds":5,"holdSeconds":6,'
            b'"maxHoldSeconds":7},"promoted":['
            b'{"orderId":"019a0000-0000-7000-8000-000000000002","customer":"ada","quantity":2,'
            b'"expiresAt":null}]}'
        ),
    ),
    (
        SaleClosed(7, NOW),
        b'{"kind":"SaleClosed","version":7,"at":1767225600000000}',
    ),
]

AS_THEY_ONCE_WERE: list[tuple[bytes, Change]] = [
    (
        b'{"kind":"EventInitialized","version":1,"at":1,"name":"x","capacity":2}',
        EventInitialized(
            1,
            Instant(1),
            "x",
            2,
            Terms(
                sales_open_at=None,
                sales_close_at=None,
                max_per_order=None,
                max_per_customer=None,
                waitlist_limit=None,
                waitlist_mode=WaitlistMode.BOOK,
                offer_seconds=3600,
                hold_seconds=600,
                max_hold_seconds=3600,
            ),
        ),
    ),
    (
        (
            b'{"kind":"OrderCancelled","version":4,"at":1,"orderId":"x","promoted":['
            b'{"orderId":"y","customer":"ada","quantity":2}]}'
        ),
        OrderCancelled(4, Instant(1), OrderId("x"), (Promotion(OrderId("y"), ADA, 2, None),)),
    ),
    (
        b'{"kind":"OrderCancelled","version":5,"at":0,"orderId":"x"}',
        OrderCancelled(5, Instant(0), OrderId("x"), ()),
    ),
]
"""Written by earlier releases: what they did not know yet is what they did."""

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
    """Each kind of change that has one, with `name` wherever somebody else chose the words."""
    customer = CustomerId(name)
    promoted = (Promotion(SECOND, customer, 1),)
    return [
        EventInitialized(1, NOW, name, 1),
        TicketsBooked(2, NOW, FIRST, customer, 1),
        TicketsHeld(2, NOW, FIRST, customer, 1, LATER),
        CustomerWaitlisted(3, NOW, SECOND, customer, 1),
        OrderReduced(4, NOW, FIRST, 1, promoted),
        OrderCancelled(4, NOW, FIRST, promoted),
        OrderExpired(4, NOW, FIRST, promoted),
        EventAdjusted(4, NOW, name, 1, Terms(), promoted),
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


@pytest.mark.parametrize(("stored", "change"), AS_THEY_ONCE_WERE)
def test_what_an_earlier_release_stored_is_read_as_what_it_meant(stored: bytes, change: Change) -> None:
    assert decode(stored) == change


def test_a_term_that_a_later_release_added_is_passed_over() -> None:
    assert decode(GOLDEN[0][1].replace(b'"salesOpenAt":null', b'"addedLater":1')) == GOLDEN[0][0]


OPTIONAL = {"kind", "terms", "promoted"}
"""What may be missing, besides the kind, which is told apart otherwise."""


@pytest.mark.parametrize(
    ("stored", "name"),
    [(stored, name) for _, stored in GOLDEN for name in json.loads(stored) if name not in OPTIONAL],
)
def test_a_change_with_a_field_missing_is_refused(stored: bytes, name: str) -> None:
    fields = json.loads(stored)
    del fields[name]
    with pytest.raises(msgspec.ValidationError, match=name):
        decode(json.dumps(fields).encode())


def test_an_adjustment_without_its_terms_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="terms"):
        decode(b'{"kind":"EventAdjusted","version":6,"at":1,"name":"x","capacity":2}')


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
    for change in in_every_change(name):
        seen = json.loads(encode(change))
        told = [seen[field] for field in ("name", "customer") if field in seen]
        told += [promotion["customer"] for promotion in seen.get("promoted", ())]
        assert told
        assert set(told) == {name}
