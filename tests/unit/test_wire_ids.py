"""How ids and orders look outside, and which ids name nothing."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.actors.values import (
    CustomerId,
    EventId,
    Instant,
    Order,
    OrderId,
    OrderStatus,
    Promotion,
)
from boxoffice.http.wire import (
    cancelled_body,
    customer_of,
    encode,
    event_id_of,
    order_body,
    order_id_of,
    rfc3339,
)

ORDER = "019a0000-0000-7000-8000-000000000001"

# --- ids -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_id", "event_id"),
    [
        *((1, 1), (7, 7), (2**63 - 1, 2**63 - 1), ("1", 1), ("7", 7), (str(2**63 - 1), 2**63 - 1)),
        *(
            (given, None)
            for given in (0, -1, 2**63, "", "0", "-1", "+1", "01", " 1", "1 ", "1\n", "1.0", "1e3")
        ),
        *(
            (given, None)
            for given in (
                str(2**63),
                "9" * 19,
                "1" * 5_000,
                "one",
                "\N{ARABIC-INDIC DIGIT THREE}",
                "\N{FULLWIDTH DIGIT ONE}",
                "\N{SUPERSCRIPT TWO}",
                "1_000",
                "\0",
            )
        ),
    ],
)
def test_which_event_an_id_names(given_id: int | str, event_id: int | None) -> None:
    assert event_id_of(given_id) == event_id


@pytest.mark.parametrize(
    "given_id",
    [
        *(7, 0, "", "7", "7-", ORDER, f"-{ORDER}", f"0-{ORDER}", f"07-{ORDER}", f"{2**63}-{ORDER}"),
        *(
            f"7-{ORDER.upper()}",
            f"7-{ORDER}\n",
            f" 7-{ORDER}",
            f"7-{ORDER[:-1]}",
            f"7-{ORDER}0",
            f"\N{ARABIC-INDIC DIGIT THREE}-{ORDER}",
        ),
        *(f"7-{{{ORDER}}}", f"7-{ORDER.replace('-', '')}", f"7-7-{ORDER}", "7-" + "-" * 36, f"1_0-{ORDER}"),
        f"{'1' * 5_000}-{ORDER}",
    ],
)
def test_no_order_has_such_an_id(given_id: int | str) -> None:
    assert order_id_of(given_id) is None


@pytest.mark.parametrize("event_id", [1, 7, 2**63 - 1])
def test_an_order_id_names_its_event(event_id: int) -> None:
    assert order_id_of(f"{event_id}-{ORDER}") == (event_id, ORDER)


@given(event_id=st.integers(1, 2**63 - 1), order_id=st.uuids())
def test_an_order_id_that_we_gave_names_that_order(event_id: int, order_id: object) -> None:
    order = Order(OrderId(str(order_id)), CustomerId("ann"), 1, OrderStatus.CONFIRMED, Instant(0))
    given_id = order_body(EventId(event_id), order, 2).order_id
    assert order_id_of(given_id) == (event_id, str(order_id))


def test_a_customer_is_the_same_as_a_number_and_as_its_text() -> None:
    assert customer_of(42) == customer_of("42") == "42"


# --- what clients get ----------------------------------------------------------------------------


def test_a_position_is_sent_only_while_an_order_waits() -> None:
    order = Order(OrderId(ORDER), CustomerId("ann"), 2, OrderStatus.WAITLISTED, Instant(1_500_000), place=3)
    common = {
        "orderId": f"7-{ORDER}",
        "eventId": "7",
        "userId": "ann",
        "quantity": 2,
        "status": "waitlisted",
        "version": 4,
        "createdAt": "1970-01-01T00:00:01.500000Z",
    }
    assert json.loads(encode(order_body(EventId(7), order, 4, 1))) == {**common, "position": 1}
    assert json.loads(encode(order_body(EventId(7), order, 4))) == common


def test_a_cancelled_order_says_who_got_its_tickets() -> None:
    order = Order(OrderId(ORDER), CustomerId("ann"), 2, OrderStatus.CANCELLED, Instant(0))
    promoted = (
        Promotion(OrderId("next"), CustomerId("bob"), 2),
        Promotion(OrderId("last"), CustomerId("cat"), 1, Instant(1_500_000)),
    )
    said = json.loads(encode(cancelled_body(EventId(7), order, 4, 3, promoted)))
    assert said["cancelledQuantity"] == 3
    assert said["promoted"] == [
        {"orderId": "7-next", "userId": "bob", "quantity": 2, "status": "confirmed"},
        {
            "orderId": "7-last",
            "userId": "cat",
            "quantity": 1,
            "status": "offered",
            "expiresAt": "1970-01-01T00:00:01.500000Z",
        },
    ]


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (999_999, "1970-01-01T00:00:00.999999Z"),
        (1_767_225_600_000_000, "2026-01-01T00:00:00.000000Z"),
        (1_709_164_799_123_456, "2024-02-28T23:59:59.123456Z"),
        (1_709_208_000_000_000, "2024-02-29T12:00:00.000000Z"),
    ],
)
def test_times_are_in_utc_to_the_microsecond(at: int, text: str) -> None:
    assert rfc3339(Instant(at)) == text


@given(at=st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_times_come_back_exactly(at: datetime) -> None:
    seconds = int(at.replace(microsecond=0).timestamp())
    assert datetime.fromisoformat(rfc3339(Instant(seconds * 1_000_000 + at.microsecond))) == at
