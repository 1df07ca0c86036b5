"""All live orders of one event, found by their id, their customer, their place in line or their end.

Keeps the sums of their tickets, too. It knows no rule: what it is told to take in, change or let go of, it
does. There are a hundred thousand of these, most of them without an order, and millions of orders: what not
every event needs is made when it is. Used by the inventory alone, on the thread that runs it.
"""

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import TypeAlias

from sortedcontainers import SortedKeyList, SortedList

from boxoffice.actors.values import CustomerId, Instant, Order, OrderId, OrderStatus

CONFIRMED, HELD, OFFERED, WAITLISTED = (
    OrderStatus.CONFIRMED,
    OrderStatus.HELD,
    OrderStatus.OFFERED,
    OrderStatus.WAITLISTED,
)

INDEXED_FROM = 20_000
"""So many orders are indexed by their customer whether anybody asks for it or not.

Fewer are when somebody does, and waits 5 ms for it at the most: the index takes 26 bytes an order or more,
and many an event is never asked.
"""

Customers: TypeAlias = dict[CustomerId, OrderId | set[OrderId]]
"""Whose orders these are. Nearly all have one: no set for those."""


class LiveOrders:
    """The orders; `booked`, `held`, `offered` and `waiting_tickets` count what those of each status have.

    `taken` counts the tickets that somebody has: booked, held or offered; `first_expiry` is which hold or
    offer ends next, and when. They are looked at for every booking: so they are kept, and not worked out.
    """

    __slots__ = (
        *("_by_id", "_expiries", "_line", "_of"),
        *("booked", "first_expiry", "held", "offered", "taken", "waiting_tickets"),
    )

    def __init__(self) -> None:
        self._by_id: dict[OrderId, Order] = {}
        self._of: Customers | None = None  # see INDEXED_FROM
        self._line: SortedKeyList[Order] | None = None  # by place; the first is served next
        self._expiries: SortedList[tuple[Instant, OrderId]] | None = None
        self.first_expiry: tuple[Instant, OrderId] | None = None
        self.taken = 0
        self.booked = 0
        self.held = 0
        self.offered = 0
        self.waiting_tickets = 0

    @classmethod
    def restored(cls, orders: Iterable[Order]) -> "LiveOrders":
        """These orders, in any order. Faster than one by one."""
        self = cls()
        waiting: dict[int, Order] = {}  # no two are in the same place, and whoever counts sees it
        expiring = []
        for order in orders:
            self._by_id[order.id] = order
            self._count(order.status, order.quantity)
            if order.place is not None:
                waiting[order.place] = order
            if order.expires_at is not None:
                expiring.append((order.expires_at, order.id))
        if waiting:
            self._line = _line(waiting.values())
        if expiring:
            self._expiries = SortedList(expiring)
        self._note_first_expiry()
        if self.number >= INDEXED_FROM:
            self._customers()
        return self

    # --- asking ----------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Order]:
        return iter(self._by_id.values())

    @property
    def number(self) -> int:
        """How many orders there are."""
        return len(self._by_id)

    @property
    def waiting(self) -> int:
        """How many orders wait in line."""
        return 0 if self._line is None else len(self._line)

    @property
    def first_in_line(self) -> Order | None:
        """Who is served next."""
        return self._line[0] if self._line else None

    def line(self) -> Iterator[Order]:
        """The waiting list, the next to be served first."""
        return iter(self._line or ())

    def get(self, order_id: OrderId) -> Order | None:
        """The live order with this id."""
        return self._by_id.get(order_id)

    def position(self, order: Order) -> int | None:
        """Where a waiting order stands, 1 is next; None for any other. Takes O(log n)."""
        if order.place is None or self._line is None:
            return None
        return int(self._line.bisect_key_left(order.place)) + 1

    def number_of(self, customer: CustomerId) -> int | None:
        """How many live orders a customer has; None if there is no index yet that knows it."""
        if self._of is None:
            return None
        theirs = self._of.get(customer)
        return len(theirs) if isinstance(theirs, set) else int(theirs is not None)

    def of(self, customer: CustomerId) -> list[Order]:
        """The live orders of a customer, in no order. The first time makes the index."""
        match self._customers().get(customer):
            case None:
                return []
            case set() as several:
                return [self._by_id[order_id] for order_id in several]
            case only:
                return [self._by_id[only]]

    # --- changing --------------------------------------------------------------------------------

    def add(self, order: Order) -> None:
        """Take in an order that is not there yet."""
        self._by_id[order.id] = order
        if self._of is not None:
            _enter(self._of, order)
        elif len(self._by_id) >= INDEXED_FROM:
            self._customers()
        self._index(order)

    def replace(self, order: Order) -> None:
        """Let `order` stand for the one with its id, which has the same customer."""
        self._unindex(self._by_id[order.id])
        self._by_id[order.id] = order
        self._index(order)

    def remove(self, order_id: OrderId) -> None:
        """Let go of an order. Raises KeyError if it is not there."""
        order = self._by_id.pop(order_id)
        self._unindex(order)
        if self._of is not None:
            _leave(self._of, order)

    def _customers(self) -> Customers:
        """Whose orders they are: from now on, an index."""
        if self._of is None:
            customers: Customers = {}
            for order in self:
                _enter(customers, order)
            self._of = customers
        return self._of

    def _index(self, order: Order) -> None:
        self._count(order.status, order.quantity)
        if order.place is not None:
            if self._line is None:
                self._line = _line()
            self._line.add(order)
        if order.expires_at is not None:
            if self._expiries is None:
                self._expiries = SortedList()
            self._expiries.add((order.expires_at, order.id))
            self._note_first_expiry()

    def _unindex(self, order: Order) -> None:
        self._count(order.status, -order.quantity)
        if order.place is not None and self._line is not None:
            if self._line[0] is order:  # as who is promoted: half the time of looking for it
                del self._line[0]
            else:
                self._line.remove(order)
        if order.expires_at is not None and self._expiries is not None:
            self._expiries.remove((order.expires_at, order.id))
            self._note_first_expiry()

    def _note_first_expiry(self) -> None:
        self.first_expiry = self._expiries[0] if self._expiries else None

    def _count(self, status: OrderStatus, tickets: int) -> None:
        if status is CONFIRMED:
            self.booked += tickets
        elif status is WAITLISTED:
            self.waiting_tickets += tickets
            return
        elif status is HELD:
            self.held += tickets
        elif status is OFFERED:
            self.offered += tickets
        else:
            raise ValueError(f"an order that is {status.value} is not live")
        self.taken += tickets


def _line(orders: Iterable[Order] = ()) -> "SortedKeyList[Order]":
    return SortedKeyList(orders, key=attrgetter("place"))


def _enter(customers: Customers, order: Order) -> None:
    known = customers.setdefault(order.customer, order.id)
    if known is order.id:
        return
    if isinstance(known, set):
        known.add(order.id)
    else:
        customers[order.customer] = {known, order.id}


def _leave(customers: Customers, order: Order) -> None:
    known = customers[order.customer]
    if not isinstance(known, set):
        del customers[order.customer]
        return
    known.remove(order.id)
    if len(known) == 1:
        customers[order.customer] = known.pop()
