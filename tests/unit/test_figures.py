"""What is counted: values in their buckets, and committed changes by what they did."""

import pytest

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
from boxoffice.actors.figures import Histogram, JournalFigures
from boxoffice.actors.values import CustomerId, Instant, OrderId, Promotion, Terms

AT = Instant(1)
ANN, ORDER = CustomerId("ann"), OrderId("order")
PROMOTED = tuple(Promotion(OrderId(f"p{number}"), ANN, 1) for number in range(3))


def test_a_value_is_counted_in_the_first_bucket_that_holds_it() -> None:
    histogram = Histogram((1.0, 2.0, 5.0))
    for value in (0.0, 1.0, 1.1, 2.0, 5.0, 5.1, 99.0):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1, 2]
    assert histogram.total == pytest.approx(113.2)


@pytest.mark.parametrize(
    ("change", "counted"),
    [
        (TicketsBooked(2, AT, ORDER, ANN, 3), {"bookings": 1}),
        (TicketsHeld(2, AT, ORDER, ANN, 3, AT), {"holds": 1}),
        (CustomerWaitlisted(2, AT, ORDER, ANN, 3), {"waits": 1}),
        (OrderConfirmed(2, AT, ORDER), {"confirmations": 1}),
        (OrderCancelled(2, AT, ORDER), {"cancellations": 1}),
        (OrderCancelled(2, AT, ORDER, PROMOTED), {"cancellations": 1, "promotions": 3}),
        (OrderExpired(2, AT, ORDER), {"expiries": 1}),
        (OrderExpired(2, AT, ORDER, PROMOTED[:1]), {"expiries": 1, "promotions": 1}),
        (OrderReduced(2, AT, ORDER, 1, PROMOTED), {"promotions": 3}),
        (EventAdjusted(2, AT, "Concert", 9, Terms(), PROMOTED), {"promotions": 3}),
        (EventInitialized(1, AT, "Concert", 9), {}),
        (HoldExtended(2, AT, ORDER, AT), {}),
        (SaleClosed(2, AT), {}),
    ],
    ids=lambda each: type(each).__name__ if not isinstance(each, dict) else "-".join(each) or "nothing",
)
def test_each_kind_of_change_is_counted_as_what_it_is(change: Change, counted: dict[str, int]) -> None:
    figures = JournalFigures()
    figures.commit([change, change], 2)
    assert {name: number for name, number in figures.sales.items() if number} == {
        name: 2 * number for name, number in counted.items()
    }


def test_batches_are_numbered_from_one_and_their_answers_counted() -> None:
    figures = JournalFigures()
    assert [figures.commit([], answers) for answers in (1, 2, 700)] == [1, 2, 3]
    counted = zip((*figures.commit_requests.bounds, None), figures.commit_requests.counts, strict=True)
    assert [bound for bound, number in counted if number] == [1, 2, 1_000]
    assert figures.commit_requests.total == 703
