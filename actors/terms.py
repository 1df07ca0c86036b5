"""What the terms of a sale mean: when it is open, and whether they make sense.

Pure. The inventory goes by it; the front asks it before an event is made, and what to show of one.
"""

from boxoffice.actors.values import Instant, SaleState, Terms

SCHEDULED, OPEN, CLOSED = SaleState.SCHEDULED, SaleState.OPEN, SaleState.CLOSED


def sale_state(terms: Terms, closed_at: Instant | None, now: Instant) -> SaleState:
    """Whether an event on these terms, ended for good at `closed_at` if ever, sells at `now`."""
    if closed_at is not None or (terms.sales_close_at is not None and terms.sales_close_at <= now):
        return CLOSED
    if terms.sales_open_at is not None and now < terms.sales_open_at:
        return SCHEDULED
    return OPEN


def contradiction_in(terms: Terms) -> tuple[str, str] | None:
    """The field that contradicts another, and how; None if the terms make sense."""
    opens, closes = terms.sales_open_at, terms.sales_close_at
    if opens is not None and closes is not None and closes <= opens:
        return "sales_close_at", "the sale would end before it begins"
    if terms.hold_seconds > terms.max_hold_seconds:
        return "hold_seconds", "a hold would last longer than `maxHoldSeconds`"
    return None
