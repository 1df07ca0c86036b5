"""The state machine of one event: how many tickets are left, who has the others, and who waits in line.

    command ── decide ──▶ changes + answer          reads the state, never touches it
    change  ── apply  ──▶ the next state            never refuses, never asks

The rules, all of them:

 1. `available + booked + held + offered == capacity`, and none is ever negative: nothing oversells.
 2. An order gets all of its tickets or none.
 3. While anybody waits, whoever comes later waits behind them, even if they would fit.
 4. The head of the line blocks: a party of two at the head waits for two tickets, and nobody overtakes it.
 5. What frees tickets, adds some, or moves the head of the line promotes everyone at the head who now
    fits, in the same change: no ticket lies idle while the first in line could have it.
 6. Nobody may wait for more tickets than the event has: they would block the line for ever.
 7. A promotion confirms the order, or offers it its tickets: as the event's terms say at that moment.
 8. A hold and an offer end at their time. Whatever is asked, those that are overdue end first, oldest first.
 9. The terms bind whoever takes tickets, by whatever path: one check, before anything else is looked at.
10. A sale that is closed sells nothing and promotes nobody. What was held or offered before may still be
    confirmed, until it expires. Closed by its time it may be opened again; closed for good it is.

    order:   (none) ──▶ confirmed ──▶ cancelled
             (none) ──▶ held ──▶ confirmed | expired | cancelled
             (none) ──▶ waitlisted ──▶ confirmed | offered | cancelled
                        offered ──▶ confirmed | expired | cancelled

    sale:    scheduled ──▶ open ──▶ closed          by the clock; by `Close`, for good

Only live orders are kept; a cancelled or expired one is history and lives in the database. The log replayed
from nothing gives the same state as the commands gave, because both go through `apply`.

Pure: no clock, thread, randomness or I/O. Called by one event's actor, on whatever thread runs it, by the
rebuild at start-up and by the audit.
"""

from collections.abc import Iterable
from heapq import nsmallest
from typing import assert_never

import msgspec

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
from boxoffice.actors.messages import (
    Adjust,
    Adjusted,
    Answer,
    Book,
    Booked,
    Cancel,
    CancelFor,
    Cancelled,
    CapacityExceeded,
    CapacityInUse,
    Close,
    Closed,
    Command,
    Confirm,
    Confirmed,
    EventUnknown,
    Extend,
    Extended,
    Find,
    Found,
    Held,
    Hold,
    Initialize,
    Initialized,
    LimitExceeded,
    Look,
    NotExtended,
    NotHeld,
    OrderAmbiguous,
    OrderUnknown,
    QuantityExceeded,
    SalesClosed,
    SalesNotOpen,
    Seen,
    SoldOut,
    TermsContradictory,
    Tick,
    Ticked,
    VersionMoved,
    Waitlisted,
    WaitlistFull,
)
from boxoffice.actors.orders import LiveOrders
from boxoffice.actors.terms import CLOSED, SCHEDULED, contradiction_in, sale_state
from boxoffice.actors.values import (
    ORDER_IDS_MAX,
    PROMOTIONS_SHOWN_MAX,
    SECOND,
    EventId,
    EventStatus,
    Instant,
    Order,
    OrderId,
    OrderStatus,
    Promotion,
    Terms,
    Value,
    WaitlistMode,
)

CONFIRMED, HELD, OFFERED, WAITLISTED, CANCELLED = (
    OrderStatus.CONFIRMED,
    OrderStatus.HELD,
    OrderStatus.OFFERED,
    OrderStatus.WAITLISTED,
    OrderStatus.CANCELLED,
)


class Decision(Value, frozen=True, gc=False):
    """What a command does to the event, and what its sender is told. No changes: a refusal, or a look."""

    changes: tuple[Change, ...]
    answer: Answer


class Inventory:
    """One event. A new one is empty, at version 0, and knows only `Initialize`."""

    __slots__ = ("_at", "_capacity", "_closed_at", "_event_id", "_name", "_orders", "_terms", "_version")

    def __init__(self, event_id: EventId) -> None:
        self._event_id = event_id
        self._name = ""
        self._capacity = 0
        self._terms = Terms()
        self._closed_at: Instant | None = None
        self._version = 0
        self._at = Instant(0)
        self._orders = LiveOrders()

    @classmethod
    def restored(cls, status: EventStatus, at: Instant, orders: Iterable[Order]) -> "Inventory":
        """The inventory at `status.version`, made from its live orders in any order.

        Only the event's own facts are taken from `status`; what is counted is counted anew from the
        orders. Ask for the `contradiction` between the two before trusting either.
        """
        self = cls(status.event_id)
        self._name, self._capacity, self._terms = status.name, status.capacity, status.terms
        self._closed_at, self._version, self._at = status.closed_at, status.version, at
        self._orders = LiveOrders.restored(orders)
        return self

    def contradiction(self, stored: EventStatus) -> str | None:
        """Why this cannot be the event that was stored with these numbers; None if it can."""
        if self.status != stored:
            return f"its orders make {self.status}, but it is stored as {stored}"
        first = self._orders.first_in_line
        if first is not None and first.quantity <= self.available and not self._is_closed(self._at):
            return f"{self.available} tickets lie idle while the first in line could have them"
        return None

    @property
    def version(self) -> int:
        """How many changes made this state; 0 before the event is initialised."""
        return self._version

    @property
    def available(self) -> int:
        """Tickets that nobody has."""
        return self._capacity - self._orders.taken

    @property
    def status(self) -> EventStatus:
        """The event's numbers now."""
        orders = self._orders
        return EventStatus(
            self._event_id,
            self._name,
            self._capacity,
            self._capacity - orders.taken,
            orders.booked,
            orders.held,
            orders.offered,
            orders.waiting,
            orders.waiting_tickets,
            self._version,
            self._terms,
            self._closed_at,
        )

    @property
    def orders(self) -> list[Order]:
        """Every live order, by id."""
        return sorted(self._orders, key=lambda order: order.id)

    @property
    def live_orders(self) -> int:
        """How many orders are live."""
        return self._orders.number

    @property
    def line(self) -> list[Order]:
        """The waiting list, the next to be served first."""
        return list(self._orders.line())

    @property
    def next_expiry(self) -> Instant | None:
        """When the next hold or offer ends, if there is one: then `Tick` has something to do."""
        first = self._orders.first_expiry
        return None if first is None else first[0]

    def is_overdue(self, now: Instant) -> bool:
        """Whether a hold or an offer is to end before anything is decided at `now`."""
        first = self._orders.first_expiry
        return first is not None and first[0] <= max(now, self._at)

    def reach(self, command: Cancel | CancelFor) -> int:
        """How many orders besides its own a cancellation may look at or change, at the most.

        Never more are promoted than tickets are cancelled. While anybody waits less is available than the
        first in line wants (rule 5). So once those who fit first have theirs, less is left than was freed:
        one ticket less, at least. And of a line that is moved on, because its head goes or wants less,
        those who follow have to do with what was too little for the head. (While the sale is closed nobody is
        promoted, and whatever opens it again promotes all who fit.)

        It holds for several in a row, too, added up, with bookings between them: what those make is not
        known here yet, but whoever is promoted by its end has come after it, so is one of theirs as well.
        """
        orders = self._orders
        if isinstance(command, Cancel):
            order = orders.get(command.order_id)
        else:
            theirs = orders.number_of(command.customer)
            if theirs is None or theirs > 1:
                return orders.number
            order = orders.of(command.customer)[0] if theirs else None
        if order is None or not orders.waiting:
            return 0
        return min(command.quantity or order.quantity, order.quantity)

    def handle(self, command: Command, now: Instant) -> Decision:
        """Everything that `command` does at `now`, done: what is overdue ends first, then it is decided."""
        ended = self.end_overdue(now) if self.is_overdue(now) else None
        decision = self.decide(command, now)
        for change in decision.changes:
            self.apply(change)
        return Decision((*ended, *decision.changes), decision.answer) if ended else decision

    def end_overdue(self, now: Instant, most: int | None = None) -> list[Change]:
        """End what is overdue at `now`, the longest overdue first; not more than `most`, if that is given."""
        ended: list[Change] = []
        while len(ended) != most and (expired := self._first_overdue(now)) is not None:
            self.apply(expired)
            ended.append(expired)
        return ended

    # --- deciding: nothing below this line changes anything --------------------------------------

    def decide(self, command: Command, now: Instant) -> Decision:
        """What `command` does at `now`. Time never runs backwards here: an earlier `now` is the last one.

        Takes what is held or offered at its word; only `handle` and `Tick` look at what is overdue.
        """
        if not self._version and not isinstance(command, Initialize):
            return Decision((), EventUnknown())
        if now < self._at:
            now = self._at
        match command:
            case Book() | Hold():
                return self._take(command, now)
            case Cancel():
                return self._cancel(command, now)
            case Confirm():
                return self._confirm(command, now)
            case Extend():
                return self._extend(command, now)
            case CancelFor():
                return self._cancel_for(command, now)
            case Find():
                return self._find(command)
            case Look():
                return self._look(command)
            case Tick():
                return self._tick(now)
            case Adjust():
                return self._adjust(command, now)
            case Close():
                return self._close(now)
            case Initialize():
                return self._initialize(command, now)
            case _:
                assert_never(command)

    def _initialize(self, command: Initialize, now: Instant) -> Decision:
        if self._version:
            raise ValueError(f"event {self._event_id} is initialised already")
        name, capacity, terms = command.name, command.capacity, command.terms
        status = EventStatus(self._event_id, name, capacity, capacity, 0, 0, 0, 0, 0, 1, terms)
        return Decision((EventInitialized(1, now, name, capacity, terms),), Initialized(status, now))

    def _take(self, command: Book | Hold, now: Instant) -> Decision:
        refusal = self._refusal(command, now)
        if refusal is not None:
            return Decision((), refusal)
        version = self._version + 1
        order_id, customer, quantity = command.order_id, command.customer, command.quantity
        waiting = self._orders.waiting
        if not waiting and quantity <= self.available:
            if isinstance(command, Book):
                booked = TicketsBooked(version, now, order_id, customer, quantity)
                order = Order(order_id, customer, quantity, CONFIRMED, now)
                return Decision((booked,), Booked(order, version))
            end = Instant(now + (command.seconds or self._terms.hold_seconds) * SECOND)
            held = TicketsHeld(version, now, order_id, customer, quantity, end)
            order = Order(order_id, customer, quantity, HELD, now, expires_at=end)
            return Decision((held,), Held(order, version))
        if not command.waitlist:
            return Decision((), SoldOut(self.available, waiting, self._version))
        if self._terms.waitlist_limit is not None and waiting >= self._terms.waitlist_limit:
            return Decision((), WaitlistFull(self._terms.waitlist_limit, self._version))
        waitlisted = CustomerWaitlisted(version, now, order_id, customer, quantity)
        order = Order(order_id, customer, quantity, WAITLISTED, now, place=version)
        return Decision((waitlisted,), Waitlisted(order, waiting + 1, version))

    def _refusal(self, command: Book | Hold, now: Instant) -> Answer | None:
        """Why this customer may not have these tickets, be they there or not: the only such check."""
        terms, quantity = self._terms, command.quantity
        state = sale_state(terms, self._closed_at, now)
        if state is CLOSED:
            return self._sales_closed()
        if terms.sales_open_at is not None and state is SCHEDULED:
            return SalesNotOpen(terms.sales_open_at, self._version)
        if terms.max_per_order is not None and quantity > terms.max_per_order:
            return LimitExceeded("max_per_order", terms.max_per_order, quantity, self._version)
        if terms.max_per_customer is not None:
            asked = quantity + sum(order.quantity for order in self._orders.of(command.customer))
            if asked > terms.max_per_customer:
                return LimitExceeded("max_per_customer", terms.max_per_customer, asked, self._version)
        if isinstance(command, Hold) and (command.seconds or 0) > terms.max_hold_seconds:
            return LimitExceeded(
                "max_hold_seconds", terms.max_hold_seconds, command.seconds or 0, self._version
            )
        if quantity > self._capacity:
            return CapacityExceeded(self._capacity, self._version)
        return None

    def _named(self, command: Confirm | Extend | Cancel | Find) -> Order | None:
        """The live order that is meant; None if there is none, or none of the customer it is asked for."""
        order = self._orders.get(command.order_id)
        if command.on_behalf_of is None or (order is not None and order.customer == command.on_behalf_of):
            return order
        return None

    def _confirm(self, command: Confirm, now: Instant) -> Decision:
        order = self._named(command)
        if order is None:
            return Decision((), OrderUnknown(self._version))
        if order.status not in (HELD, OFFERED):
            return Decision((), NotHeld(order, self._version))
        version = self._version + 1
        confirmed = Confirmed(_confirmed(order), version)
        return Decision((OrderConfirmed(version, now, order.id),), confirmed)

    def _extend(self, command: Extend, now: Instant) -> Decision:
        order = self._named(command)
        if order is None:
            return Decision((), OrderUnknown(self._version))
        if order.status is not HELD or order.expires_at is None:
            return Decision((), NotHeld(order, self._version))
        if self._is_closed(now):
            return Decision((), self._sales_closed())
        latest = Instant(order.created_at + self._terms.max_hold_seconds * SECOND)
        end = Instant(min(latest, now + (command.seconds or self._terms.hold_seconds) * SECOND))
        if end <= order.expires_at:
            return Decision((), NotExtended(order.expires_at, latest, self._version))
        version = self._version + 1
        extended = msgspec.structs.replace(order, expires_at=end)
        return Decision((HoldExtended(version, now, order.id, end),), Extended(extended, version))

    def _cancel(self, command: Cancel, now: Instant) -> Decision:
        order = self._named(command)
        if order is None:
            return Decision((), OrderUnknown(self._version))
        return self._cancel_order(order, command.quantity, now)

    def _cancel_order(self, order: Order, quantity: int | None, now: Instant) -> Decision:
        if quantity is not None and quantity > order.quantity:
            return Decision((), QuantityExceeded(order.quantity, self._version))
        if quantity is not None and quantity < order.quantity:
            return self._reduce(order, quantity, now)
        version = self._version + 1
        promoted = self._promotions_without(order, None, now)
        cancelled = Order(order.id, order.customer, order.quantity, CANCELLED, order.created_at)
        return Decision(
            (OrderCancelled(version, now, order.id, promoted),),
            Cancelled(cancelled, order.quantity, promoted, version),
        )

    def _reduce(self, order: Order, quantity: int, now: Instant) -> Decision:
        version = self._version + 1
        left = msgspec.structs.replace(order, quantity=order.quantity - quantity)
        promoted = self._promotions_without(order, left, now)
        own = next((promotion for promotion in promoted if promotion.order_id == order.id), None)
        return Decision(
            (OrderReduced(version, now, order.id, left.quantity, promoted),),
            Cancelled(left if own is None else _promoted(left, own), quantity, promoted, version),
        )

    def _cancel_for(self, command: CancelFor, now: Instant) -> Decision:
        theirs = self._orders.of(command.customer)
        if not theirs:
            return Decision((), OrderUnknown(self._version))
        if len(theirs) > 1:
            oldest = nsmallest(ORDER_IDS_MAX, theirs, key=lambda order: (order.created_at, order.id))
            order_ids = tuple(order.id for order in oldest)
            return Decision((), OrderAmbiguous(order_ids, len(theirs), self._version))
        return self._cancel_order(theirs[0], command.quantity, now)

    def _find(self, command: Find) -> Decision:
        order = self._named(command)
        if order is None:
            return Decision((), OrderUnknown(self._version))
        return Decision((), Found(order, self._orders.position(order), self._version))

    def _look(self, command: Look) -> Decision:
        orders, version = self._orders, self._version
        found = [
            None if order is None else Found(order, orders.position(order), version)
            for order in map(orders.get, command.order_ids)
        ]
        return Decision((), Seen(tuple(found), version))

    def _tick(self, now: Instant) -> Decision:
        expired = self._first_overdue(now)
        if expired is None:
            return Decision((), Ticked(self._version))
        return Decision((expired,), Ticked(expired.version))

    def _first_overdue(self, now: Instant) -> OrderExpired | None:
        """The end of the hold or offer that is overdue the longest at `now`, if one is."""
        first = self._orders.first_expiry
        now = max(now, self._at)
        if first is None or first[0] > now:
            return None
        promoted = self._promotions_without(self._known(first[1]), None, now)
        return OrderExpired(self._version + 1, now, first[1], promoted)

    def _adjust(self, command: Adjust, now: Instant) -> Decision:
        name = self._name if command.name is msgspec.UNSET else command.name
        capacity = self._capacity if command.capacity is msgspec.UNSET else command.capacity
        given = ((field, getattr(command, field)) for field in Terms.__struct_fields__)
        changed = {field: value for field, value in given if value is not msgspec.UNSET}
        terms = msgspec.structs.replace(self._terms, **changed)
        refusal = self._adjust_refusal(command, capacity, terms)
        if refusal is not None:
            return Decision((), refusal)
        promoted = self._promotions(self._orders.line(), capacity - self._orders.taken, terms, now)
        adjusted = EventAdjusted(self._version + 1, now, name, capacity, terms, promoted)
        return Decision((adjusted,), self._adjusted(adjusted))

    def _adjust_refusal(self, command: Adjust, capacity: int, terms: Terms) -> Answer | None:
        if self._closed_at is not None:
            return self._sales_closed()
        if command.if_version not in (None, self._version):
            return VersionMoved(self._version)
        if (contradiction := contradiction_in(terms)) is not None:
            return TermsContradictory(*contradiction, self._version)
        orders = self._orders
        if capacity >= self._capacity:
            return None
        largest_waiting = max((order.quantity for order in orders.line()), default=0)
        if capacity >= max(orders.taken, largest_waiting):
            return None
        return CapacityInUse(orders.booked, orders.held, orders.offered, largest_waiting, self._version)

    def _adjusted(self, change: EventAdjusted) -> Adjusted:
        """What is said of a change that is not applied yet."""
        orders, promoted = self._orders, change.promoted
        booked = sum(promotion.quantity for promotion in promoted if promotion.expires_at is None)
        offered = sum(promotion.quantity for promotion in promoted) - booked
        status = EventStatus(
            self._event_id,
            change.name,
            change.capacity,
            change.capacity - orders.taken - booked - offered,
            orders.booked + booked,
            orders.held,
            orders.offered + offered,
            orders.waiting - len(promoted),
            orders.waiting_tickets - booked - offered,
            change.version,
            change.terms,
            self._closed_at,
        )
        return Adjusted(status, change.at, promoted[:PROMOTIONS_SHOWN_MAX], len(promoted))

    def _close(self, now: Instant) -> Decision:
        if self._closed_at is not None:
            return Decision((), self._sales_closed())
        version = self._version + 1
        status = msgspec.structs.replace(self.status, version=version, closed_at=now)
        return Decision((SaleClosed(version, now),), Closed(status, now))

    def _is_closed(self, now: Instant) -> bool:
        return sale_state(self._terms, self._closed_at, now) is CLOSED

    def _sales_closed(self) -> SalesClosed:
        closed_at = self._terms.sales_close_at if self._closed_at is None else self._closed_at
        return SalesClosed(closed_at or Instant(0), self._version)

    def _promotions_without(self, order: Order, left: Order | None, now: Instant) -> tuple[Promotion, ...]:
        """Everyone who fits once `order` is gone, or `left` stands for it, first come first."""
        available, line = self.available, self._orders.line()
        if order.place is None:
            available += order.quantity if left is None else order.quantity - left.quantity
        else:
            changed = (left if waiting is order else waiting for waiting in line)
            line = (waiting for waiting in changed if waiting is not None)
        return self._promotions(line, available, self._terms, now)

    def _promotions(
        self, line: Iterable[Order], available: int, terms: Terms, now: Instant
    ) -> tuple[Promotion, ...]:
        """Everyone at the head of this line who fits into `available` tickets, first come first."""
        if sale_state(terms, self._closed_at, now) is CLOSED:
            return ()
        is_offer = terms.waitlist_mode is WaitlistMode.OFFER
        end = Instant(now + terms.offer_seconds * SECOND) if is_offer else None
        promoted: list[Promotion] = []
        for order in line:
            if order.quantity > available:
                break
            available -= order.quantity
            promoted.append(Promotion(order.id, order.customer, order.quantity, end))
        return tuple(promoted)

    # --- applying: nothing below this line decides anything --------------------------------------

    def apply(self, change: Change) -> None:
        """The state after `change`: one that `decide` made from this state, or the log's next one.

        Takes that on trust. Should it raise all the same, the inventory is half changed: throw it away.
        """
        orders = self._orders
        match change:
            case TicketsBooked():
                orders.add(Order(change.order_id, change.customer, change.quantity, CONFIRMED, change.at))
            case CustomerWaitlisted():
                customer, place = change.customer, change.version
                orders.add(Order(change.order_id, customer, change.quantity, WAITLISTED, change.at, place))
            case OrderCancelled() | OrderExpired():
                orders.remove(change.order_id)
                self._promote(change.promoted)
            case TicketsHeld():
                customer, end = change.customer, change.expires_at
                orders.add(Order(change.order_id, customer, change.quantity, HELD, change.at, None, end))
            case OrderConfirmed():
                orders.replace(_confirmed(self._known(change.order_id)))
            case HoldExtended():
                held = self._known(change.order_id)
                orders.replace(msgspec.structs.replace(held, expires_at=change.expires_at))
            case OrderReduced():
                whole = self._known(change.order_id)
                orders.replace(msgspec.structs.replace(whole, quantity=change.quantity))
                self._promote(change.promoted)
            case EventAdjusted():
                self._name, self._capacity, self._terms = change.name, change.capacity, change.terms
                self._promote(change.promoted)
            case SaleClosed():
                self._closed_at = change.at
            case EventInitialized():
                self._name, self._capacity, self._terms = change.name, change.capacity, change.terms
            case _:
                assert_never(change)
        self._version = change.version
        self._at = change.at

    def _promote(self, promoted: Iterable[Promotion]) -> None:
        for promotion in promoted:
            self._orders.replace(_promoted(self._known(promotion.order_id), promotion))

    def _known(self, order_id: OrderId) -> Order:
        order = self._orders.get(order_id)
        if order is None:
            raise KeyError(order_id)
        return order


def _confirmed(order: Order) -> Order:
    return Order(order.id, order.customer, order.quantity, CONFIRMED, order.created_at)


def _promoted(order: Order, promotion: Promotion) -> Order:
    end = promotion.expires_at
    status = CONFIRMED if end is None else OFFERED
    return Order(order.id, order.customer, order.quantity, status, order.created_at, expires_at=end)
