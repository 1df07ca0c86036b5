"""All live orders of one event, found by their id, their customer, their place in line or their end.

Keeps the sums of their tickets, too. It knows no rule: what it is told to take in, change or let go of, it
does. Used by the inventory alone, on the thread that runs it.
"""

from collections.abc import Iterable, Iterator

from sortedcontainers import SortedDict, SortedList

from boxoffice.actors.values import CustomerId, Instant, Order, OrderId, OrderStatus

CONFIRMED, HELD, OFFERED, WAITLISTED = (
    OrderStatus.CONFIRMED,
    OrderStatus.HELD,
    OrderStatus.OFFERED,
    OrderStatus.WAITLISTED,
)


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
        self._of: dict[CustomerId, OrderId | set[OrderId]] = {}  # nearly all have one: no set for those
        self._line: SortedDict[int, Order] = SortedDict()  # by place; the first is served next
        self._expiries: SortedList[tuple[Instant, OrderId]] = SortedList()
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
        waiting, expiring = [], []
        for order in orders:
            self._enter(order)
            self._count(order.status, order.quantity)
            if order.place is not None:
                waiting.append((order.place, order))
            if order.expires_at is not None:
                expiring.append((order.expires_at, order.id))
        self._line.update(waiting)
        self._expiries.update(expiring)
        self._note_first_expiry()
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
        return len(self._line)

    @property
    def first_in_line(self) -> Order | None:
        """Who is served next."""
        return self._line.peekitem(0)[1] if self._line else None

    def line(self) -> Iterator[Order]:
        """The waiting list, the next to be served first."""
        return iter(self._line.values())

    def get(self, order_id: OrderId) -> Order | None:
        """The live order with this id."""
        return self._by_id.get(order_id)

    def position(self, order: Order) -> int | None:
        """Where a waiting order stands, 1 is next; None for any other. Takes O(log n)."""
        return None if order.place is None else self._line.index(order.place) + 1

    def of(self, customer: CustomerId) -> list[Order]:
        """The live orders of a customer, in no order."""
        match self._of.get(customer):
            case None:
                return []
            case set() as several:
                return [self._by_id[order_id] for order_id in several]
            case only:
                return [self._by_id[only]]

    # --- changing --------------------------------------------------------------------------------

    def add(self, order: Order) -> None:
        """Take in an order that is not there yet."""
        self._enter(order)
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
        known = self._of[order.customer]
        if not isinstance(known, set):
            del self._of[order.customer]
            return
        known.remove(order_id)
        if len(known) == 1:
            self._of[order.customer] = known.pop()

    def _enter(self, order: Order) -> None:
        self._by_id[order.id] = order
        known = self._of.setdefault(order.customer, order.id)
        if known is order.id:
            return
        if isinstance(known, set):
            known.add(order.id)
        else:
            self._of[order.customer] = {known, order.id}

    def _index(self, order: Order) -> None:
        self._count(order.status, order.quantity)
        if order.place is not None:
            self._line[order.place] = order
        if order.expires_at is not None:
            self._expiries.add((order.expires_at, order.id))
            self._note_first_expiry()

    def _unindex(self, order: Order) -> None:
        self._count(order.status, -order.quantity)
        if order.place is not None:
            del self._line[order.place]
        if order.expires_at is not None:
            self._expiries.remove((order.expires_at, order.id))
            self._note_first_expiry()

    def _note_first_expiry(self) -> None:
        self.first_expiry = self._expiries[0] if self._expiries else None

    def _count(self, status: OrderStatus, tickets: int) -> None:
        if status is WAITLISTED:
            self.waiting_tickets += tickets
            return
        if status is CONFIRMED:
            self.booked += tickets
        elif status is HELD:
            self.held += tickets
        elif status is OFFERED:
            self.offered += tickets
        else:
            raise ValueError(f"an order that is {status.value} is not live")
        self.taken += tickets
