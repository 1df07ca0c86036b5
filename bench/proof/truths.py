"""Whether what a client was told is so, at the version that the answer names. Pure; None: it is.

Called by the proof for one event, right after the change of that version was made on the `Sale`.
"""

from collections.abc import Callable, Iterator

from boxoffice.bench.proof.ledger import Asked
from boxoffice.bench.proof.requests import Told
from boxoffice.bench.proof.said import Change, Promoted, Said
from boxoffice.bench.proof.sale import (
    CANCELLED,
    CONFIRMED,
    EXPIRED,
    HELD,
    OFFERED,
    WAITLISTED,
    Order,
    Sale,
)

MAKING = {"ticketsBooked": ("book",), "ticketsHeld": ("hold",), "customerWaitlisted": ("book", "hold")}
"""Which commands make an order, by the change that does it."""

OF_AN_ORDER = {"orderConfirmed": "confirm", "holdExtended": "extend"}
OF_THE_EVENT = {"eventAdjusted": "adjust", "saleClosed": "close", "eventInitialized": "initialize"}

PROMOTED_SHOWN = 1_000
"""How many an adjustment names."""


# --- is it what was asked for? -------------------------------------------------------------------


def asked_for(do: str, asked: Asked, change: Change, sale: Sale) -> bool:
    """Whether this command could have made the change that was just made."""
    kind = change.type
    if kind in MAKING:
        return (
            do in MAKING[kind]
            and str(asked.u) == change.user_id
            and (asked.q or 1) == change.quantity
            and (asked.w or kind != "customerWaitlisted")
        )
    if kind in OF_AN_ORDER:
        return do == OF_AN_ORDER[kind] and asked.o == change.order_id
    if kind in OF_THE_EVENT:
        return do == OF_THE_EVENT[kind] and asked.n in (None, change.total_tickets)
    return do == "cancel" and kind != "orderExpired" and _cancels(asked, change, sale)


def _cancels(asked: Asked, change: Change, sale: Sale) -> bool:
    order = sale.touched
    whose = asked.o == change.order_id if asked.o else order is not None and str(asked.u) == order.customer
    if change.type == "orderReduced":
        return whose and asked.q == sale.given_back
    return whose and asked.q in (None, sale.given_back)


# --- is it what was answered? --------------------------------------------------------------------


def difference(told: Told, said: Said, change: Change, sale: Sale) -> str | None:
    """How the answer to what made this change is not true."""
    order = sale.touched
    if order is None:
        return _of_the_event(said, change, sale)
    if told.do not in _STATUS_OF:
        return f"{told.do} makes no order"
    true: list[tuple[str, object, object]] = [
        ("orderId", said.order_id, change.order_id),
        ("userId", said.user_id, order.customer),
        ("quantity", said.quantity, order.quantity),
        ("status", said.status, order.status),
        ("HTTP status", told.status, _STATUS_OF[told.do] if order.status != WAITLISTED else _waiting(told)),
        ("expiresAt", said.expires_at, order.expires_at),
    ]
    if change.type == "customerWaitlisted":
        true.append(("position", said.position, sale.waiting))
    if told.do == "cancel":
        true.append(("cancelledQuantity", said.cancelled_quantity, sale.given_back))
        true.append(("promoted", _ids(said.promoted), _ids(change.promoted)))
    return _first_wrong(true)


_STATUS_OF = {"book": 201, "hold": 201, "confirm": 200, "extend": 200, "cancel": 200}


def _waiting(told: Told) -> int:
    return 200 if told.do == "cancel" else 202  # a part of what somebody waits for


def _of_the_event(said: Said, change: Change, sale: Sale) -> str | None:
    if change.type == "eventAdjusted":
        shown = _ids(change.promoted[:PROMOTED_SHOWN])
        if _ids(said.promoted) != shown or said.promoted_count != len(change.promoted):
            return f"it names {said.promoted_count} who were promoted, and the log {len(change.promoted)}"
    return status_difference(said, sale)


def _ids(promoted: list[Promoted] | None) -> list[tuple[str, str, int, str]]:
    return [(each.order_id, each.user_id, each.quantity, each.status) for each in promoted or ()]


def _first_wrong(true: list[tuple[str, object, object]]) -> str | None:
    for name, said, is_so in true:
        if said != is_so:
            return f"{name} was told as {said}, and is {is_so}"
    return None


# --- is it so at this version? -------------------------------------------------------------------


def status_difference(said: Said, sale: Sale) -> str | None:
    """How an event's numbers, as they were told, are not those of this version."""
    tickets = sale.tickets
    return _first_wrong(
        [
            ("totalTickets", said.total_tickets, sale.capacity),
            ("availableTickets", said.available_tickets, sale.available),
            ("bookedTickets", said.booked_tickets, tickets[CONFIRMED]),
            ("heldTickets", said.held_tickets, tickets[HELD]),
            ("offeredTickets", said.offered_tickets, tickets[OFFERED]),
            ("waitingListCount", said.waiting_list_count, sale.waiting),
            ("waitingTickets", said.waiting_tickets, tickets[WAITLISTED]),
            ("closedAt", said.closed_at, sale.closed_at),
        ]
    )


def look_difference(said: Said, sale: Sale) -> str | None:
    """How a status, or an order that was looked at, is not what it was at this version."""
    if said.order_id is None:
        return status_difference(said, sale)
    order = sale.order(said.order_id)
    if order is None:
        return "there is no such order"
    return _first_wrong(
        [
            ("userId", said.user_id, order.customer),
            ("quantity", said.quantity, order.quantity),
            ("status", said.status, order.status),
            ("expiresAt", said.expires_at, order.expires_at),
            ("position", said.position, sale.position(order)),
        ]
    )


def refusal_difference(told: Told, said: Said, sale: Sale) -> str | None:
    """How a refusal is not so. One of which nothing is known but its version is taken to be."""
    check = _REFUSALS.get(said.code or "")
    return None if check is None else next(check(told.asked, said, sale), None)


Wrong = Iterator[str]


def _sold_out(asked: Asked, said: Said, sale: Sale) -> Wrong:
    yield from _not_had(asked, sale)
    if asked.w:
        yield "the customer was ready to wait"
    if said.available_tickets != sale.available:
        yield f"availableTickets was told as {said.available_tickets}, and is {sale.available}"
    if said.waiting_list_count != sale.waiting:
        yield f"waitingListCount was told as {said.waiting_list_count}, and is {sale.waiting}"


def _waitlist_full(asked: Asked, said: Said, sale: Sale) -> Wrong:
    yield from _not_had(asked, sale)
    limit = sale.terms.waitlist_limit
    if said.waitlist_limit != limit:
        yield f"waitlistLimit was told as {said.waitlist_limit}, and is {limit}"
    elif limit is None or sale.waiting < limit:
        yield f"only {sale.waiting} wait"


def _not_had(asked: Asked, sale: Sale) -> Wrong:
    if not sale.waiting and (asked.q or 1) <= sale.available:
        yield f"nobody waits, and {sale.available} tickets are free"


def _exceeds_capacity(asked: Asked, said: Said, sale: Sale) -> Wrong:
    if said.total_tickets != sale.capacity or (asked.q or 1) <= sale.capacity:
        yield f"the event has {sale.capacity} tickets"


def _limit_exceeded(asked: Asked, said: Said, sale: Sale) -> Wrong:
    if said.limit == "maxPerOrder":
        most = sale.terms.max_per_order
        if said.maximum != most or most is None or (asked.q or 1) <= most:
            yield f"an order may have {most}"
    elif said.limit == "maxPerCustomer" and said.maximum != sale.terms.max_per_customer:
        yield f"a customer may have {sale.terms.max_per_customer}"


def _is(*statuses: str) -> "Callable[[Asked, Said, Sale], Wrong]":
    def check(_: Asked, said: Said, sale: Sale) -> Wrong:
        order = sale.order(said.order_id)
        if order is None or order.status not in statuses:
            yield f"order {said.order_id} is {_status(order)}"

    return check


def _not_held(_: Asked, said: Said, sale: Sale) -> Wrong:
    order = sale.order(said.order_id)
    if order is None or order.status != said.order_status or order.status == HELD:
        yield f"order {said.order_id} is {_status(order)}"


def _status(order: Order | None) -> str:
    return "not there" if order is None else order.status


def _exceeds_order(asked: Asked, said: Said, sale: Sale) -> Wrong:
    order = sale.order(asked.o)
    if order is not None and (said.quantity != order.quantity or (asked.q or 0) <= order.quantity):
        yield f"the order has {order.quantity} tickets"


def _sales_closed(_: Asked, said: Said, sale: Sale) -> Wrong:
    if said.closed_at is None or said.closed_at not in (sale.closed_at, sale.terms.sales_close_at):
        yield "the sale is not over"


def _sales_not_open(_: Asked, said: Said, sale: Sale) -> Wrong:
    if said.sales_open_at is None or said.sales_open_at != sale.terms.sales_open_at:
        yield f"the sale begins at {sale.terms.sales_open_at}"


def _capacity_in_use(asked: Asked, said: Said, sale: Sale) -> Wrong:
    tickets = sale.tickets
    told = (said.booked_tickets, said.held_tickets, said.offered_tickets)
    if told != (tickets[CONFIRMED], tickets[HELD], tickets[OFFERED]):
        yield f"{tickets[CONFIRMED]} are booked, {tickets[HELD]} held and {tickets[OFFERED]} offered"
    if asked.n is not None and asked.n >= sale.capacity:
        yield f"the event has no more than {sale.capacity}"


_REFUSALS: dict[str, Callable[[Asked, Said, Sale], Wrong]] = {
    "sold_out": _sold_out,
    "waitlist_full": _waitlist_full,
    "exceeds_capacity": _exceeds_capacity,
    "limit_exceeded": _limit_exceeded,
    "already_cancelled": _is(CANCELLED),
    "hold_expired": _is(EXPIRED),
    "already_confirmed": _is(CONFIRMED),
    "not_held": _not_held,
    "exceeds_order": _exceeds_order,
    "sales_closed": _sales_closed,
    "sales_not_open": _sales_not_open,
    "capacity_in_use": _capacity_in_use,
}
