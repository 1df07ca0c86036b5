"""The state machine of one event: how many tickets are left, who has the others, and who waits in line.

    command ── decide ──▶ changes + answer          reads the state, never touches it
    change  ── apply  ──▶ the next state            never refuses, never asks

The rules, all of them:

1. `available + booked == capacity`, and none of the three is ever negative: nothing oversells.
2. An order gets all of its tickets or none.
3. While anybody waits, whoever comes later waits behind them, even if they would fit.
4. The head of the line blocks: a party of two at the head waits for two tickets, and nobody overtakes it.
5. What frees tickets, or moves the head of the line, promotes everyone at the head who now fits, in the
   same change: no ticket lies idle while the first in line could have it.
6. Nobody may wait for more tickets than the event has: they would block the line for ever.

    order:   (none) ──▶ confirmed ──▶ cancelled
             (none) ──▶ waitlisted ──▶ confirmed | cancelled

Only live orders are kept; a cancelled one is history and lives in the database. The log replayed from
nothing gives the same state as the commands gave, because both go through `apply`.

Pure: no clock, thread, randomness or I/O. Called by one event's actor, on whatever thread runs it, by the
rebuild at start-up and by the audit.
"""

from collections.abc import Iterable, Iterator
from heapq import nsmallest
from typing import assert_never

from sortedcontainers import SortedDict

from boxoffice.actors.changes import (
    Change,
    CustomerWaitlisted,
    EventInitialized,
    OrderCancelled,
    TicketsBooked,
)
from boxoffice.actors.messages import (
    ORDER_IDS_MAX,
    Answer,
    Book,
    Booked,
    Cancel,
    CancelFor,
    Cancelled,
    CapacityExceeded,
    Command,
    CustomerId,
    EventId,
    EventStatus,
    EventUnknown,
    Find,
    Found,
    Initialize,
    Initialized,
    Instant,
    Order,
    OrderAmbiguous,
    OrderId,
    OrderStatus,
    OrderUnknown,
    Promotion,
    SoldOut,
    Value,
    Waitlisted,
)

CONFIRMED, WAITLISTED, CANCELLED = OrderStatus.CONFIRMED, OrderStatus.WAITLISTED, OrderStatus.CANCELLED


class Decision(Value, frozen=True, gc=False):
    """What a command does to the event, and what its sender is told. No changes: a refusal, or a look."""

    changes: tuple[Change, ...]
    answer: Answer


class Inventory:
    """One event. A new one is empty, at version 0, and knows only `Initialize`."""

    __slots__ = (
        "_at",
        "_available",
        "_capacity",
        "_event_id",
        "_line",
        "_name",
        "_of",
        "_orders",
        "_version",
    )

    def __init__(self, event_id: EventId) -> None:
        self._event_id = event_id
        self._name = ""
        self._capacity = 0
        self._available = 0
        self._version = 0
        self._at = Instant(0)
        self._orders: dict[OrderId, Order] = {}
        self._of: dict[CustomerId, OrderId | set[OrderId]] = {}  # nearly all have one: no set for those
        self._line: SortedDict[int, Order] = SortedDict()  # by place; the first is served next

    @classmethod
    def restored(cls, status: EventStatus, at: Instant, orders: Iterable[Order]) -> "Inventory":
        """The inventory at `status.version`, made from its live orders in any order.

        Only the event's own facts are taken from `status`; what is counted is counted anew from the
        orders. Ask for the `contradiction` between the two before trusting either.
        """
        self = cls(status.event_id)
        self._name, self._capacity, self._version, self._at = status.name, status.capacity, status.version, at
        booked = 0
        waiting = []
        for order in orders:
            self._admit(order)
            if order.place is None:
                booked += order.quantity
            else:
                waiting.append((order.place, order))
        self._available = self._capacity - booked
        self._line.update(waiting)
        return self

    def contradiction(self, stored: EventStatus) -> str | None:
        """Why this cannot be the event that was stored with these numbers; None if it can."""
        if self.status != stored:
            return f"its orders make {self.status}, but it is stored as {stored}"
        if self._line and self._line.peekitem(0)[1].quantity <= self._available:
            return f"{self._available} tickets lie idle while the first in line could have them"
        return None

    @property
    def version(self) -> int:
        """How many changes made this state; 0 before the event is initialised."""
        return self._version

    @property
    def status(self) -> EventStatus:
        """The event's numbers now."""
        return EventStatus(
            self._event_id,
            self._name,
            self._capacity,
            self._available,
            self._capacity - self._available,
            len(self._line),
            self._version,
        )

    @property
    def orders(self) -> list[Order]:
        """Every live order, by id."""
        return sorted(self._orders.values(), key=lambda order: order.id)

    @property
    def line(self) -> list[Order]:
        """The waiting list, the next to be served first."""
        return list(self._line.values())

    # --- deciding: nothing below this line changes anything --------------------------------------

    def decide(self, command: Command, now: Instant) -> Decision:
        """What `command` does at `now`. Time never runs backwards here: an earlier `now` is the last one."""
        if not self._version and not isinstance(command, Initialize):
            return Decision((), EventUnknown())
        now = max(now, self._at)
        match command:
            case Book():
                return self._book(command, now)
            case Cancel():
                return self._cancel(command.order_id, now)
            case CancelFor():
                return self._cancel_for(command.customer, now)
            case Find():
                return self._find(command.order_id)
            case Initialize():
                return self._initialize(command, now)
            case _:
                assert_never(command)

    def _initialize(self, command: Initialize, now: Instant) -> Decision:
        if self._version:
            raise ValueError(f"event {self._event_id} is initialised already")
        status = EventStatus(self._event_id, command.name, command.capacity, command.capacity, 0, 0, 1)
        return Decision((EventInitialized(1, now, command.name, command.capacity),), Initialized(status))

    def _book(self, command: Book, now: Instant) -> Decision:
        if command.quantity > self._capacity:
            return Decision((), CapacityExceeded(self._capacity, self._version))
        version = self._version + 1
        order_id, customer, quantity = command.order_id, command.customer, command.quantity
        if quantity <= self._available and not self._line:
            order = Order(order_id, customer, quantity, CONFIRMED, now)
            return Decision(
                (TicketsBooked(version, now, order_id, customer, quantity),), Booked(order, version)
            )
        if not command.waitlist:
            return Decision((), SoldOut(self._available, len(self._line), self._version))
        order = Order(order_id, customer, quantity, WAITLISTED, now, place=version)
        return Decision(
            (CustomerWaitlisted(version, now, order_id, customer, quantity),),
            Waitlisted(order, len(self._line) + 1, version),
        )

    def _cancel(self, order_id: OrderId, now: Instant) -> Decision:
        order = self._orders.get(order_id)
        if order is None:
            return Decision((), OrderUnknown(self._version))
        version = self._version + 1
        promoted = tuple(self._promotions_without(order))
        cancelled = Order(order.id, order.customer, order.quantity, CANCELLED, order.created_at)
        return Decision(
            (OrderCancelled(version, now, order_id, promoted),), Cancelled(cancelled, promoted, version)
        )

    def _cancel_for(self, customer: CustomerId, now: Instant) -> Decision:
        match self._of.get(customer):
            case None:
                return Decision((), OrderUnknown(self._version))
            case set() as several:
                oldest = nsmallest(
                    ORDER_IDS_MAX, several, key=lambda order_id: (self._orders[order_id].created_at, order_id)
                )
                return Decision((), OrderAmbiguous(tuple(oldest), len(several), self._version))
            case only:
                return self._cancel(only, now)

    def _find(self, order_id: OrderId) -> Decision:
        order = self._orders.get(order_id)
        if order is None:
            return Decision((), OrderUnknown(self._version))
        position = None if order.place is None else self._line.index(order.place) + 1
        return Decision((), Found(order, position, self._version))

    def _promotions_without(self, leaver: Order) -> Iterator[Promotion]:
        """Everyone at the head of the line who fits once `leaver` is gone, first come first."""
        free = self._available + (leaver.quantity if leaver.place is None else 0)
        for order in self._line.values():
            if order is leaver:
                continue
            if order.quantity > free:
                return
            free -= order.quantity
            yield Promotion(order.id, order.customer, order.quantity)

    # --- applying: nothing below this line decides anything --------------------------------------

    def apply(self, change: Change) -> None:
        """The state after `change`: one that `decide` made from this state, or the log's next one.

        Takes that on trust. Should it raise all the same, the inventory is half changed: throw it away.
        """
        match change:
            case TicketsBooked():
                self._admit(Order(change.order_id, change.customer, change.quantity, CONFIRMED, change.at))
                self._available -= change.quantity
            case CustomerWaitlisted():
                order = Order(
                    change.order_id, change.customer, change.quantity, WAITLISTED, change.at, change.version
                )
                self._admit(order)
                self._line[change.version] = order
            case OrderCancelled():
                self._dismiss(change.order_id)
                for promotion in change.promoted:
                    self._promote(promotion.order_id)
            case EventInitialized():
                self._name = change.name
                self._capacity = self._available = change.capacity
            case _:
                assert_never(change)
        self._version = change.version
        self._at = change.at

    def _admit(self, order: Order) -> None:
        self._orders[order.id] = order
        known = self._of.setdefault(order.customer, order.id)
        if isinstance(known, set):
            known.add(order.id)
        elif known != order.id:
            self._of[order.customer] = {known, order.id}

    def _dismiss(self, order_id: OrderId) -> None:
        order = self._orders.pop(order_id)
        if order.place is None:
            self._available += order.quantity
        else:
            del self._line[order.place]
        known = self._of[order.customer]
        if not isinstance(known, set):
            del self._of[order.customer]
            return
        known.remove(order_id)
        if len(known) == 1:
            self._of[order.customer] = known.pop()

    def _promote(self, order_id: OrderId) -> None:
        order = self._orders[order_id]
        del self._line[order.place]
        self._available -= order.quantity
        self._orders[order_id] = Order(order.id, order.customer, order.quantity, CONFIRMED, order.created_at)
