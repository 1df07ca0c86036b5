"""One event, as its log tells it: who has what, who waits, and whether each step was allowed to be made.

Written from what is promised, not from the server's code. It believes nothing: each change is held against
the rules, and what breaks one is a finding. A change that cannot be made at all (of an order that there is
not, a version that is left out) ends it. Some 250 bytes an order. Called by the proof, on one thread.

  - booked + held + offered never exceed the capacity
  - whoever comes while anybody waits, waits behind them; nobody waits for what is free
  - the head of the line is promoted first, and blocks; nothing lies idle that they could have
  - what is over stays over; holds and offers end at their time, and not before
"""

from collections import deque
from collections.abc import Callable

import msgspec

from boxoffice.bench.proof.findings import FIRST, RULES, SOLD, Findings
from boxoffice.bench.proof.places import Places
from boxoffice.bench.proof.said import Change, Promoted, Said

CONFIRMED, HELD, OFFERED, WAITLISTED, CANCELLED, EXPIRED = (
    "confirmed", "held", "offered", "waitlisted", "cancelled", "expired"
)  # fmt: skip
HAVING = (CONFIRMED, HELD, OFFERED)


class ImpossibleError(Exception):
    """The log goes on with what cannot follow."""


class Order(msgspec.Struct, gc=False):
    """An order as of now. `since`: the version that made it; `place`: in line, if those are counted."""

    customer: str
    quantity: int
    status: str
    since: int
    expires_at: str | None = None
    place: int = 0


def order_number(order_id: str) -> int:
    """An order's id without its event, in half the space."""
    try:
        return int(order_id.partition("-")[2].replace("-", ""), 16)
    except ValueError:
        raise ImpossibleError(f"{order_id!r} is no order's id") from None


class Sale:
    """An event, taken through its log. `with_positions`: those in line are going to be asked for theirs."""

    def __init__(self, event_id: str, findings: Findings, *, with_positions: bool = False) -> None:
        self.event_id = event_id
        self.version = 0
        self.at = ""
        self.terms = Change(version=0, at="", type="")
        self.capacity = 0
        self.closed_at: str | None = None
        self.tickets = dict.fromkeys((*HAVING, WAITLISTED), 0)
        self.waiting = 0
        self.orders: dict[int, Order] = {}
        self.touched: Order | None = None
        """The order that the last change was about."""
        self.given_back = 0
        """The tickets that it took from an order."""
        self._line = deque[Order]()
        self._places = Places() if with_positions else None
        self._findings = findings
        self._idle = False
        self._over = False
        self._steps: dict[str, Callable[[Change], None]] = {
            "eventInitialized": self._initialized,
            "ticketsBooked": self._taken,
            "ticketsHeld": self._taken,
            "customerWaitlisted": self._waitlisted,
            "orderConfirmed": self._confirmed,
            "holdExtended": self._extended,
            "orderReduced": self._reduced,
            "orderCancelled": self._cancelled,
            "orderExpired": self._expired,
            "eventAdjusted": self._adjusted,
            "saleClosed": self._closed,
        }

    # --- asking ----------------------------------------------------------------------------------

    @property
    def taken(self) -> int:
        """Tickets that somebody has."""
        tickets = self.tickets
        return tickets[CONFIRMED] + tickets[HELD] + tickets[OFFERED]

    @property
    def available(self) -> int:
        """Tickets that nobody has."""
        return self.capacity - self.taken

    @property
    def head(self) -> Order | None:
        """Who is next in line."""
        while self._line and self._line[0].status != WAITLISTED:
            self._line.popleft()
        return self._line[0] if self._line else None

    def order(self, order_id: str | None) -> Order | None:
        """The order with this id, over or not."""
        try:
            return self.orders.get(order_number(order_id or ""))
        except ImpossibleError:
            return None

    def position(self, order: Order) -> int | None:
        """Where a waiting order stands; None if it does not wait."""
        if order.status != WAITLISTED or self._places is None:
            return None
        return self._places.position(order.place)

    def is_closed(self, at: str) -> bool:
        """Whether nothing is sold any more at this moment."""
        closes = self.terms.sales_close_at
        return self.closed_at is not None or (closes is not None and closes <= at)

    # --- one version on --------------------------------------------------------------------------

    def take(self, change: Change) -> None:
        """Make this change. Raises ImpossibleError."""
        if change.version != self.version + 1:
            raise ImpossibleError(f"version {self.version} is followed by {change.version}")
        step = self._steps.get(change.type)
        if step is None:
            raise ImpossibleError(f"nobody knows what {change.type!r} is")
        if (change.type == "eventInitialized") != (change.version == 1):
            raise ImpossibleError(f"version {change.version} is {change.type!r}")
        if change.at < self.at:
            self._breaks(RULES, change, f"is of {change.at}, and the one before it of {self.at}")
        self.version, self.at = change.version, change.at
        self.touched, self.given_back = None, 0
        step(change)
        self._findings.look(SOLD)
        self._findings.look(RULES)
        self._look_at_sums(change)

    def _look_at_sums(self, change: Change) -> None:
        available, over, idle = self.available, False, False
        if available < 0:
            over = True
            if not self._over:
                what = f"leaves {self.taken:,} tickets booked, held or offered, of {self.capacity:,}"
                self._breaks(SOLD, change, what)
        elif self.waiting and available and not self.is_closed(change.at):
            head = self.head
            idle = head is not None and head.quantity <= available
            if idle and head is not None and not self._idle:
                what = f"leaves {available:,} tickets idle, and {_shown(head)} could have them"
                self._breaks(FIRST, change, what)
        self._over, self._idle = over, idle

    def _breaks(self, check: str, change: Change, what: str) -> None:
        self._findings.found(check, f"event {self.event_id}: version {change.version} ({change.type}) {what}")

    # --- the steps -------------------------------------------------------------------------------

    def _initialized(self, change: Change) -> None:
        self.terms, self.capacity = change, change.total_tickets

    def _taken(self, change: Change) -> None:
        self._findings.look(FIRST)
        if self.waiting and (head := self.head) is not None:
            what = f"gives {change.user_id} {change.quantity} tickets past {_shown(head)}"
            self._breaks(FIRST, change, what)
        self._make(change, CONFIRMED if change.type == "ticketsBooked" else HELD)

    def _waitlisted(self, change: Change) -> None:
        self._findings.look(FIRST)
        if not self.waiting and change.quantity <= self.available:
            what = f"has {change.user_id} wait for {change.quantity} tickets, and {self.available:,} are free"
            self._breaks(FIRST, change, what)
        limit = self.terms.waitlist_limit
        if limit is not None and self.waiting >= limit:
            self._breaks(RULES, change, f"is one more than the {limit:,} who may wait")
        order = self._make(change, WAITLISTED)
        self._line.append(order)

    def _make(self, change: Change, status: str) -> Order:
        number = order_number(change.order_id)
        if number in self.orders or change.quantity < 1:
            raise ImpossibleError(
                f"{change.order_id} for {change.quantity} is made at version {change.version}"
            )
        if self.is_closed(change.at):
            self._breaks(RULES, change, "sells after the end of the sale")
        most = self.terms.max_per_order
        if most is not None and change.quantity > most:
            self._breaks(RULES, change, f"is of {change.quantity} tickets, and an order may have {most}")
        order = Order(change.user_id, change.quantity, status, change.version, change.expires_at)
        self.orders[number] = order
        self._count(order, order.quantity)
        if status == WAITLISTED and self._places is not None:
            order.place = self._places.join()
        self.touched = order
        return order

    def _confirmed(self, change: Change) -> None:
        order = self._known(change, HELD, OFFERED)
        if order.expires_at is not None and order.expires_at <= change.at:
            self._breaks(RULES, change, f"confirms {_shown(order)} at {change.at}: that is too late")
        self._become(order, CONFIRMED, None)

    def _extended(self, change: Change) -> None:
        order = self._known(change, HELD)
        self._become(order, HELD, change.expires_at)

    def _reduced(self, change: Change) -> None:
        order = self._known(change, *HAVING, WAITLISTED)
        self.given_back = order.quantity - change.quantity
        if change.quantity < 1 or self.given_back < 1:
            raise ImpossibleError(f"{change.order_id}, of {order.quantity}, is reduced to {change.quantity}")
        self.tickets[order.status] -= self.given_back
        order.quantity = change.quantity
        self._promote(change)

    def _cancelled(self, change: Change) -> None:
        order = self._known(change, *HAVING, WAITLISTED)
        self.given_back = order.quantity
        self._become(order, CANCELLED, None)
        self._promote(change)

    def _expired(self, change: Change) -> None:
        order = self._known(change, HELD, OFFERED)
        if order.expires_at is None or order.expires_at > change.at:
            self._breaks(RULES, change, f"ends {_shown(order)} at {change.at}, before its time")
        self._become(order, EXPIRED, None)
        self._promote(change)

    def _adjusted(self, change: Change) -> None:
        self.terms, self.capacity = change, change.total_tickets
        self._promote(change)

    def _closed(self, change: Change) -> None:
        self.closed_at = change.at

    # --- the line --------------------------------------------------------------------------------

    def _promote(self, change: Change) -> None:
        if not change.promoted:
            return
        self._findings.look(FIRST, len(change.promoted))
        if self.is_closed(change.at):
            self._breaks(FIRST, change, "promotes somebody after the end of the sale")
        status = CONFIRMED if self.terms.waitlist_mode == "book" else OFFERED
        for each in change.promoted:
            self._promote_one(change, each, status)

    def _promote_one(self, change: Change, promoted: Promoted, status: str) -> None:
        order = self.orders.get(order_number(promoted.order_id))
        if order is None or order.status != WAITLISTED:
            raise ImpossibleError(f"{promoted.order_id} is promoted, and did not wait")
        head = self.head
        if head is not None and order is not head:
            self._breaks(FIRST, change, f"promotes {_shown(order)} before {_shown(head)}")
        if (promoted.user_id, promoted.quantity, promoted.status) != (order.customer, order.quantity, status):
            said = f"{promoted.user_id}, {promoted.quantity}, {promoted.status}"
            self._breaks(RULES, change, f"promotes {_shown(order)}, and says {said}")
        self._become(order, promoted.status, promoted.expires_at)

    def _known(self, change: Change, *statuses: str) -> Order:
        order = self.orders.get(order_number(change.order_id))
        if order is None or order.status not in statuses:
            now = "not there" if order is None else order.status
            raise ImpossibleError(
                f"version {change.version} is {change.type} of {change.order_id}, which is {now}"
            )
        self.touched = order
        return order

    def _become(self, order: Order, status: str, expires_at: str | None) -> None:
        self._count(order, -order.quantity)
        if order.place and self._places is not None:
            self._places.leave(order.place)
            order.place = 0
        order.status, order.expires_at = status, expires_at
        if status in self.tickets:
            self._count(order, order.quantity)

    def _count(self, order: Order, tickets: int) -> None:
        self.tickets[order.status] += tickets
        if order.status == WAITLISTED:
            self.waiting += 1 if tickets > 0 else -1


def initialized(status: Said) -> Change:
    """The first change of an event that has had no other, from its status."""
    return Change(
        version=1,
        at="",
        type="eventInitialized",
        total_tickets=status.total_tickets or 0,
        sales_open_at=status.sales_open_at,
        sales_close_at=status.sales_close_at,
        max_per_order=status.max_per_order,
        max_per_customer=status.max_per_customer,
        waitlist_limit=status.waitlist_limit,
        waitlist_mode=status.waitlist_mode or "book",
    )


def _shown(order: Order) -> str:
    since = f"since version {order.since}"
    match order.status:
        case "waitlisted":
            return f"{order.customer}, who waits for {order.quantity} {since}"
        case _:
            return f"{order.customer}'s order of {order.quantity}, {order.status}, {since}"
