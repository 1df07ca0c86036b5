"""What the model decides, in the words of what it is compared with: the log's changes, and problem documents.

Written down here a second time, apart from the engine's own translation. Called by the version checker, on
the test's thread.
"""

from collections.abc import Iterator
from typing import Any

from boxoffice.actors.changes import (
    Change,
    CustomerWaitlisted,
    EventAdjusted,
    EventInitialized,
    HoldExtended,
    OrderCancelled,
    OrderConfirmed,
    OrderReduced,
    SaleClosed,
    TicketsBooked,
    TicketsHeld,
)
from boxoffice.actors.messages import (
    Adjusted,
    Answer,
    Booked,
    Cancelled,
    CapacityExceeded,
    CapacityInUse,
    Closed,
    Confirmed,
    Extended,
    Held,
    Initialized,
    LimitExceeded,
    NotExtended,
    NotHeld,
    OrderAmbiguous,
    QuantityExceeded,
    SalesClosed,
    SalesNotOpen,
    SoldOut,
    TermsContradictory,
    Waitlisted,
    WaitlistFull,
)
from boxoffice.actors.values import ORDER_IDS_MAX, SECOND, Instant, OrderStatus
from tests.support.log import moment
from tests.unit.model import Model

SLACK = 10 * SECOND
"""A second server may still decide what it let in this long ago, at the time it was let in."""


def effect_of(answer: Answer, at: Instant) -> Change | None:
    """The change that this answer to a command tells of; None for a refusal."""
    match answer:
        case Initialized(status):
            return EventInitialized(status.version, at, status.name, status.capacity, status.terms)
        case Booked(order, version):
            return TicketsBooked(version, at, order.id, order.customer, order.quantity)
        case Held(order, version):
            assert order.expires_at is not None
            return TicketsHeld(version, at, order.id, order.customer, order.quantity, order.expires_at)
        case Waitlisted(order, _, version):
            return CustomerWaitlisted(version, at, order.id, order.customer, order.quantity)
        case Confirmed(order, version):
            return OrderConfirmed(version, at, order.id)
        case Extended(order, version):
            assert order.expires_at is not None
            return HoldExtended(version, at, order.id, order.expires_at)
        case Cancelled(order, _, promoted, version):
            if order.status is OrderStatus.CANCELLED:
                return OrderCancelled(version, at, order.id, promoted)
            return OrderReduced(version, at, order.id, order.quantity, promoted)
        case Adjusted(status, _, promoted):
            return EventAdjusted(status.version, at, status.name, status.capacity, status.terms, promoted)
        case Closed(status):
            return SaleClosed(status.version, at)
    return None


def problem_of(event_number: int, answer: Answer) -> dict[str, Any]:
    """What a problem document says of this refusal: its code, its numbers, and no version."""
    match answer:
        case SoldOut(available, waiting):
            return {"code": "sold_out", "availableTickets": available, "waitingListCount": waiting}
        case WaitlistFull(limit):
            return {"code": "waitlist_full", "waitlistLimit": limit}
        case SalesNotOpen(opens_at):
            return {"code": "sales_not_open", "salesOpenAt": moment(opens_at)}
        case SalesClosed(closed_at):
            return {"code": "sales_closed", "closedAt": moment(closed_at)}
        case LimitExceeded(limit, maximum, asked):
            name = {"max_per_order": "maxPerOrder", "max_per_customer": "maxPerCustomer"}
            named = name.get(limit, "maxHoldSeconds")
            return {"code": "limit_exceeded", "limit": named, "maximum": maximum, "asked": asked}
        case CapacityExceeded(capacity):
            return {"code": "exceeds_capacity", "totalTickets": capacity}
        case CapacityInUse(booked, held, offered, largest):
            taken = {"bookedTickets": booked, "heldTickets": held, "offeredTickets": offered}
            return {"code": "capacity_in_use", **taken, "largestWaiting": largest}
        case TermsContradictory(field):
            name = {"sales_close_at": "salesCloseAt", "hold_seconds": "holdSeconds"}
            return {"code": "terms_contradictory", "field": name[field]}
        case NotHeld(order):
            code = "already_confirmed" if order.status is OrderStatus.CONFIRMED else "not_held"
            named = f"{event_number}-{order.id}"
            return {"code": code, "orderId": named, "orderStatus": order.status.value}
        case NotExtended(expires_at, latest):
            ends = {"expiresAt": moment(expires_at), "latestExpiresAt": moment(latest)}
            return {"code": "hold_not_extended", **ends}
        case QuantityExceeded(quantity):
            return {"code": "exceeds_order", "quantity": quantity}
        case OrderAmbiguous(order_ids, count):
            named_ids = sorted(f"{event_number}-{order_id}" for order_id in order_ids[:ORDER_IDS_MAX])
            return {"code": "ambiguous_order", "orderCount": count, "orderIds": named_ids}
    return {"code": f"none: it would be {type(answer).__name__}"}


def moments(model: Model, next_at: Instant | None) -> Iterator[Instant]:
    """The moments at which a refusal may have been decided between this version and the next one.

    Nobody knows the very moment, and need not: between two of these the rules give the same answer, since a
    refusal depends on the clock only by the sale's opening and its close. A hold that can be extended now
    can be extended later; and when a hold ends, that is a version.
    """
    yield model.at
    latest = [next_at + SLACK] if next_at is not None else []
    latest += [entry.expires_at - 1 for entry in model.live if entry.expires_at is not None]
    for edge in (model.terms.sales_open_at, model.terms.sales_close_at):
        if edge is not None and model.at < edge <= min(latest, default=edge):
            yield edge
