"""What an event's answer is in HTTP's words: a status and a body, or a problem document.

The same for a call of its own, for an entry of a batch, and for an answer that is given again. No rule about
tickets is here. Called on the event loop.
"""

from collections.abc import Mapping
from typing import Any

from boxoffice.actors.messages import (
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
    SoldOut,
    TermsContradictory,
    VersionMoved,
    Waitlisted,
    WaitlistFull,
)
from boxoffice.actors.values import CustomerId, EventId, OrderStatus, Value
from boxoffice.http import wire
from boxoffice.http.problems import ProblemError


class Reply(Value, frozen=True):
    """A status and a body, and what else the headers are to say."""

    status: int
    body: wire.Body
    headers: Mapping[str, str] | None = None


def reply_to(event_id: EventId, answer: Answer, asker: CustomerId | None = None) -> Reply:
    """What was asked for, as it was done. Raises ProblemError for a refusal.

    An `asker` is a customer, who is not told of others.
    """
    match answer:
        case Booked() | Held():
            return Reply(201, wire.order_body(event_id, answer.order, answer.version))
        case Waitlisted(order, position, version):
            return Reply(202, wire.order_body(event_id, order, version, position))
        case Confirmed(order, version) | Extended(order, version):
            return Reply(200, wire.order_body(event_id, order, version))
        case Cancelled(order, quantity, promoted, version):
            shown = [each for each in promoted if asker in (None, each.customer)]
            return Reply(200, wire.cancelled_body(event_id, order, version, quantity, shown))
        case Found(order, position, version):
            return Reply(200, wire.order_body(event_id, order, version, position))
        case Adjusted(status, at, promoted, count):
            return Reply(200, wire.adjusted_body(status, at, promoted, count))
        case Closed(status, at):
            return Reply(200, wire.event_body(status, at))
        case Initialized(status, at):
            where = {"Location": f"/status/{status.event_id}"}
            return Reply(201, wire.event_body(status, at), where)
    raise refusal(event_id, answer)


def refusal(event_id: EventId, answer: Answer) -> ProblemError:
    """The problem document of an answer that is not what was asked for."""
    match answer:
        case SoldOut(available, waiting, version):
            return ProblemError(
                "sold_out",
                "The tickets are not to be had now, and `waitlist` is false; nothing was changed.",
                availableTickets=available,
                waitingListCount=waiting,
                version=version,
            )
        case WaitlistFull(limit, version):
            return ProblemError(
                "waitlist_full",
                f"The tickets are not to be had now, and {limit} orders wait already; nothing was changed.",
                waitlistLimit=limit,
                version=version,
            )
        case SalesNotOpen(opens_at, version):
            return ProblemError(
                "sales_not_open",
                f"The sale begins at {wire.rfc3339(opens_at)}; nothing was changed.",
                salesOpenAt=wire.rfc3339(opens_at),
                version=version,
            )
        case SalesClosed(closed_at, version):
            return ProblemError(
                "sales_closed",
                f"The sale ended at {wire.rfc3339(closed_at)}; nothing was changed.",
                closedAt=wire.rfc3339(closed_at),
                version=version,
            )
        case LimitExceeded(limit, maximum, asked, version):
            return ProblemError(
                "limit_exceeded",
                f"It would come to {asked}, and `{wire.camel(limit)}` is {maximum}; nothing was changed.",
                limit=wire.camel(limit),
                maximum=maximum,
                asked=asked,
                version=version,
            )
        case CapacityExceeded(capacity, version):
            return ProblemError(
                "exceeds_capacity",
                f"Nobody can get more than the {capacity} tickets that the event has; nothing was changed.",
                totalTickets=capacity,
                version=version,
            )
        case CapacityInUse(booked, held, offered, largest_waiting, version):
            return ProblemError(
                "capacity_in_use",
                f"{booked + held + offered} tickets are taken, and an order waits for {largest_waiting}: the"
                " event cannot become smaller than that. Nothing was changed.",
                bookedTickets=booked,
                heldTickets=held,
                offeredTickets=offered,
                largestWaiting=largest_waiting,
                version=version,
            )
        case VersionMoved(version):
            return ProblemError(
                "version_moved",
                f"The event is at version {version}, which `If-Match` does not name; nothing was changed.",
                version=version,
            )
        case TermsContradictory(field, reason, version):
            return ProblemError(
                "terms_contradictory",
                f"`{wire.camel(field)}` contradicts the other terms: {reason}. Nothing was changed.",
                field=wire.camel(field),
                version=version,
            )
        case NotHeld():
            return _not_held(event_id, answer)
        case NotExtended(expires_at, latest, version):
            return ProblemError(
                "hold_not_extended",
                f"The hold lasts until {wire.rfc3339(expires_at)} already, and until"
                f" {wire.rfc3339(latest)} at the most; nothing was changed.",
                expiresAt=wire.rfc3339(expires_at),
                latestExpiresAt=wire.rfc3339(latest),
                version=version,
            )
        case QuantityExceeded(quantity, version):
            return ProblemError(
                "exceeds_order",
                f"The order has only {quantity} tickets to cancel; nothing was changed.",
                quantity=quantity,
                version=version,
            )
        case OrderAmbiguous(order_ids, count, version):
            return ProblemError(
                "ambiguous_order",
                f"The customer has {count} orders here: name one by `orderId`. Nothing was changed.",
                orderCount=count,
                orderIds=[f"{event_id}-{order_id}" for order_id in order_ids],
                version=version,
            )
        case OrderSettled():
            return _settled(event_id, answer)
        case OrderUnknown():
            return no_such_order()
        case EventUnknown():
            return no_such_event()
        case _:
            return _passing(answer)


def _passing(answer: Answer) -> ProblemError:
    """The refusals that may be another answer the next time."""
    match answer:
        case Overloaded():
            return ProblemError("overloaded", "Nothing was changed: too many requests are under way.")
        case NotApplied(reason):
            return ProblemError("not_applied", f"Nothing was changed: {reason}. Try again shortly.")
        case EventMoved():
            return ProblemError(
                "event_moved",
                "Nothing was changed: another server owns the event now. Ask there, or try again shortly.",
            )
        case EventUnavailable():
            return ProblemError(
                "event_unavailable",
                "Nothing was changed: the event contradicts itself, or fails again and again, and is refused"
                " until somebody has looked at it.",
            )
        case OutcomeUnknown():
            return ProblemError(
                "outcome_unknown",
                f"It may or may not have been applied: {answer.reason}. Ask again with the same"
                " Idempotency-Key, or look at the status or the order first.",
            )
    raise TypeError(f"{answer!r} is no refusal")


def _not_held(event_id: EventId, answer: NotHeld) -> ProblemError:
    order = answer.order
    more: dict[str, Any] = {
        "orderId": f"{event_id}-{order.id}",
        "orderStatus": order.status.value,
        "version": answer.version,
    }
    if order.status is OrderStatus.CONFIRMED:
        return ProblemError(
            "already_confirmed", "That order is confirmed already; nothing was changed.", **more
        )
    return ProblemError("not_held", f"That order is {order.status.value}; nothing was changed.", **more)


def _settled(event_id: EventId, answer: OrderSettled) -> ProblemError:
    more: dict[str, Any] = {"orderId": f"{event_id}-{answer.order.id}", "version": answer.version}
    if answer.order.status is OrderStatus.EXPIRED:
        return ProblemError(
            "hold_expired", "That order was not confirmed in time; nothing was changed.", **more
        )
    return ProblemError("already_cancelled", "That order was cancelled before; nothing was changed.", **more)


def no_such_event() -> ProblemError:
    """404 for an event."""
    return ProblemError("event_not_found", "There is no event with this id.")


def no_such_order() -> ProblemError:
    """404 for an order."""
    return ProblemError("order_not_found", "There is no such order.")
