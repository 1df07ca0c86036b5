"""What the terms of a sale mean at a given moment, and which contradict themselves."""

import pytest

from boxoffice.actors.terms import contradiction_in, sale_state
from boxoffice.actors.values import Instant, SaleState, Terms

OPENS, CLOSES = Instant(100), Instant(200)
SCHEDULED, OPEN, CLOSED = SaleState.SCHEDULED, SaleState.OPEN, SaleState.CLOSED


@pytest.mark.parametrize(
    ("opens", "closes", "closed_at", "now", "state"),
    [
        (None, None, None, 0, OPEN),
        (OPENS, None, None, 99, SCHEDULED),
        (OPENS, None, None, 100, OPEN),
        (None, CLOSES, None, 199, OPEN),
        (None, CLOSES, None, 200, CLOSED),
        (OPENS, CLOSES, None, 99, SCHEDULED),
        (OPENS, CLOSES, None, 100, OPEN),
        (OPENS, CLOSES, None, 199, OPEN),
        (OPENS, CLOSES, None, 200, CLOSED),
        (None, None, 50, 50, CLOSED),
        (None, None, 50, 0, CLOSED),  # for good, whatever the clock says
        (OPENS, CLOSES, 50, 60, CLOSED),
        (OPENS, CLOSES, 50, 150, CLOSED),
    ],
)
def test_a_sale_is_scheduled_then_open_then_closed(
    opens: Instant | None, closes: Instant | None, closed_at: Instant | None, now: int, state: SaleState
) -> None:
    assert sale_state(Terms(opens, closes), closed_at, Instant(now)) is state


@pytest.mark.parametrize(
    "terms",
    [
        Terms(),
        Terms(OPENS, None),
        Terms(None, CLOSES),
        Terms(OPENS, CLOSES),
        Terms(OPENS, Instant(OPENS + 1)),
        Terms(hold_seconds=60, max_hold_seconds=60),
        Terms(max_per_order=9, max_per_customer=1),  # odd, and clear: the lower one binds
        Terms(waitlist_limit=0),
        Terms(offer_seconds=9_000, max_hold_seconds=3_600),
    ],
)
def test_terms_that_make_sense_contradict_nothing(terms: Terms) -> None:
    assert contradiction_in(terms) is None


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (Terms(CLOSES, OPENS), "sales_close_at"),
        (Terms(OPENS, OPENS), "sales_close_at"),
        (Terms(hold_seconds=61, max_hold_seconds=60), "hold_seconds"),
        (Terms(max_hold_seconds=599), "hold_seconds"),
        (Terms(CLOSES, OPENS, hold_seconds=61, max_hold_seconds=60), "sales_close_at"),
    ],
)
def test_terms_that_contradict_themselves_are_found_and_named(terms: Terms, field: str) -> None:
    found = contradiction_in(terms)
    assert found is not None
    assert found[0] == field
    assert found[1]
