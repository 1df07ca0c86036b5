"""What every version of every event keeps, said without the inventory's rules and without the model's.

`check_state` looks at one version, `check_step` at two that follow each other and the change between them.
Called by the tests that make histories up, once for each version of each history.
"""

from boxoffice.actors.changes import (
    Change,
    CustomerWaitlisted,
    EventAdjusted,
    HoldExtended,
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderReduced,
    TicketsBooked,
    TicketsHeld,
)
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.values import (
    SECOND,
    EventStatus,
    Instant,
    Order,
    OrderId,
    OrderStatus,
    Promotion,
    WaitlistMode,
)


class Version:
    """An event at one version, apart from the inventory that it was seen in."""

    def __init__(self, inventory: Inventory, at: Instant) -> None:
        self.status: EventStatus = inventory.status
        self.at = at
        self.orders: dict[OrderId, Order] = {order.id: order for order in inventory.orders}
        self.line: list[OrderId] = [order.id for order in inventory.line]

    @property
    def is_closed(self) -> bool:
        closes = self.status.terms.sales_close_at
        return self.status.closed_at is not None or (closes is not None and closes <= self.at)

    def tickets(self, status: OrderStatus) -> int:
        return sum(order.quantity for order in self.orders.values() if order.status is status)

    def overdue(self, now: Instant) -> list[Order]:
        """What ought to have ended by now, the oldest first."""
        found = [order for order in self.orders.values() if order.expires_at and order.expires_at <= now]
        return sorted(found, key=lambda order: (order.expires_at, order.id))


def check_state(now: Version) -> None:
    status = now.status
    assert status.available >= 0, "oversold"
    assert status.available + status.booked + status.held + status.offered == status.capacity
    assert status.booked == now.tickets(OrderStatus.CONFIRMED)
    assert status.held == now.tickets(OrderStatus.HELD)
    assert status.offered == now.tickets(OrderStatus.OFFERED)
    assert status.waiting_tickets == now.tickets(OrderStatus.WAITLISTED)
    waiting = [order for order in now.orders.values() if order.status is OrderStatus.WAITLISTED]
    waiting.sort(key=lambda order: order.place or 0)
    assert [order.id for order in waiting] == now.line
    assert status.waiting == len(waiting)
    assert all(order.quantity <= status.capacity for order in waiting), "one blocks the line for ever"
    if waiting and not now.is_closed:
        assert waiting[0].quantity > status.available, "an idle ticket: the head of the line fits"
    for order in now.orders.values():
        assert order.quantity > 0
        assert (order.place is not None) == (order.status is OrderStatus.WAITLISTED)
        ends = order.status in (OrderStatus.HELD, OrderStatus.OFFERED)
        assert (order.expires_at is not None) == ends


def check_step(before: Version, change: Change, after: Version) -> None:
    assert change.version == after.status.version == before.status.version + 1
    assert change.at >= before.at, "time ran backwards"
    promoted: tuple[Promotion, ...] = getattr(change, "promoted", ())
    _check_order_of_service(before, change, after, promoted)
    _check_promotions(before, after, promoted)
    _check_expiry(before, change)
    _check_terms(change, after)
    named = {promotion.order_id for promotion in promoted} | {getattr(change, "order_id", None)}
    for order in before.orders.values():
        assert order.id in named or after.orders.get(order.id) == order, "an order that nobody named changed"


def _check_order_of_service(
    before: Version, change: Change, after: Version, promoted: tuple[Promotion, ...]
) -> None:
    come, gone = [], None
    match change:
        case TicketsBooked() | TicketsHeld():
            assert before.line == [], "taken past the line"
        case CustomerWaitlisted():
            come = [change.order_id]
        case OrderCancelled():
            gone = change.order_id
    expected = [order_id for order_id in before.line if order_id != gone]
    assert [promotion.order_id for promotion in promoted] + after.line == [*expected, *come], "overtaken"
    for place, order_id in enumerate(after.line):
        assert order_id in come or place <= before.line.index(order_id), "a place got worse"
        assert order_id in come or after.orders[order_id].place == before.orders[order_id].place


def _check_promotions(before: Version, after: Version, promoted: tuple[Promotion, ...]) -> None:
    terms = after.status.terms
    assert not (promoted and after.is_closed), "promoted after the end of the sale"
    for promotion in promoted:
        was, now = before.orders[promotion.order_id], after.orders[promotion.order_id]
        assert was.status is OrderStatus.WAITLISTED
        assert (now.customer, now.quantity) == (promotion.customer, promotion.quantity)
        assert (now.created_at, now.expires_at) == (was.created_at, promotion.expires_at)
        if terms.waitlist_mode is WaitlistMode.OFFER:
            assert now.status is OrderStatus.OFFERED
            assert promotion.expires_at == after.at + terms.offer_seconds * SECOND
        else:
            assert now.status is OrderStatus.CONFIRMED


def _check_expiry(before: Version, change: Change) -> None:
    overdue = before.overdue(change.at)
    if isinstance(change, OrderExpired):
        assert overdue, "ended before its time"
        assert overdue[0].id == change.order_id, "not the oldest first"
    else:
        assert not overdue, f"{overdue} should have ended first"
    if isinstance(change, HoldExtended):
        held = before.orders[change.order_id]
        assert held.status is OrderStatus.HELD, "only a hold can be extended"
        assert held.expires_at is not None
        assert held.expires_at < change.expires_at, "extended to an earlier end"


def _check_terms(change: Change, after: Version) -> None:
    """What is taken is taken on the event's terms; nothing that is taken already is touched by new ones."""
    terms, at = after.status.terms, change.at
    if isinstance(change, TicketsBooked | TicketsHeld | CustomerWaitlisted):
        assert not after.is_closed
        assert terms.sales_open_at is None or terms.sales_open_at <= at
        theirs = sum(order.quantity for order in after.orders.values() if order.customer == change.customer)
        assert terms.max_per_order is None or change.quantity <= terms.max_per_order
        assert terms.max_per_customer is None or theirs <= terms.max_per_customer
    match change:
        case CustomerWaitlisted():
            assert terms.waitlist_limit is None or len(after.line) <= terms.waitlist_limit
        case TicketsHeld():
            assert at < change.expires_at <= at + terms.max_hold_seconds * SECOND
        case HoldExtended():
            assert not after.is_closed
            created = after.orders[change.order_id].created_at
            assert at < change.expires_at <= created + terms.max_hold_seconds * SECOND
        case OrderConfirmed():
            assert after.orders[change.order_id].status is OrderStatus.CONFIRMED
        case OrderReduced():
            assert after.orders[change.order_id].quantity == change.quantity
        case OrderCancelled() | OrderExpired():
            assert change.order_id not in after.orders
        case EventAdjusted():
            assert (after.status.name, after.status.capacity) == (change.name, change.capacity)
            assert terms == change.terms
