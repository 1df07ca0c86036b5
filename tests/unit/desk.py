"""Builders for tests of one inventory: an event on sale, and somebody who passes commands to it.

No rule and no check is in here. Orders are called after their customers unless a test says otherwise.
"""

from boxoffice.actors.changes import Change
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import (
    Adjust,
    Answer,
    Book,
    Cancel,
    CancelFor,
    Close,
    Command,
    Confirm,
    Extend,
    Find,
    Hold,
    Initialize,
    Tick,
)
from boxoffice.actors.orders import LiveOrders
from boxoffice.actors.values import (
    SECOND,
    CustomerId,
    EventId,
    EventStatus,
    Instant,
    Order,
    OrderId,
    OrderStatus,
    Promotion,
    Terms,
    WaitlistMode,
)

CONFIRMED, HELD, OFFERED = OrderStatus.CONFIRMED, OrderStatus.HELD, OrderStatus.OFFERED
WAITLISTED, CANCELLED = OrderStatus.WAITLISTED, OrderStatus.CANCELLED
EVENT = EventId(7)
NOW = Instant(1_000)
OFFERS = Terms(waitlist_mode=WaitlistMode.OFFER, offer_seconds=60)


def after(seconds: float, since: int = NOW) -> Instant:
    """So many seconds after `since`."""
    return Instant(since + round(seconds * SECOND))


def an_order(
    who: str,
    quantity: int,
    status: OrderStatus,
    place: int | None = None,
    at: int = NOW,
    order_id: str = "",
    expires_at: Instant | None = None,
) -> Order:
    """The order of `who`."""
    return Order(OrderId(order_id or who), CustomerId(who), quantity, status, Instant(at), place, expires_at)


def a_status(
    *,
    version: int,
    name: str = "Concert",
    capacity: int,
    booked: int = 0,
    held: int = 0,
    offered: int = 0,
    waiting: int = 0,
    waiting_tickets: int | None = None,
    terms: Terms | None = None,
    closed_at: Instant | None = None,
) -> EventStatus:
    """An event whose sums add up. Who waits, waits for one ticket, unless a test says otherwise."""
    return EventStatus(
        EVENT,
        name,
        capacity,
        capacity - booked - held - offered,
        booked,
        held,
        offered,
        waiting,
        waiting if waiting_tickets is None else waiting_tickets,
        version,
        terms or Terms(),
        closed_at,
    )


def promotion(who: str, quantity: int = 1, until: Instant | None = None) -> Promotion:
    """That `who` got their tickets, for good or until then."""
    return Promotion(OrderId(who), CustomerId(who), quantity, until)


def numbers(inventory: Inventory) -> tuple[int, int, int]:
    """Available, booked, waiting."""
    status = inventory.status
    return status.available, status.booked, status.waiting


def snapshot(inventory: Inventory) -> dict[str, object]:
    """Everything the inventory knows, private or not, apart from it."""
    return {slot: _apart(getattr(inventory, slot)) for slot in Inventory.__slots__}


def _apart(fact: object) -> object:
    """A copy as deep as it must be: the values within are frozen. No `deepcopy`, which takes its time."""
    match fact:
        case LiveOrders():
            # what is only made when it is needed is as good as made
            made = {
                "_of": fact._of or LiveOrders.restored(fact)._customers(),
                "_line": [*fact.line()],
                "_expiries": fact._expiries or [],
            }
            kept = {slot: getattr(fact, slot) for slot in LiveOrders.__slots__}
            return {slot: _apart(each) for slot, each in (kept | made).items()}
        case dict():
            return {key: _apart(value) for key, value in fact.items()}
        case set():
            return frozenset(fact)
        case int() | str() | None | Order() | Terms():
            return fact
        case _:
            return list(fact)  # type: ignore[call-overload] # a SortedList


class Desk:
    """An event on sale at `NOW`, and whoever passes commands to it and keeps the log.

    `now` is what its clock shows; it moves when a test has it moved.
    """

    def __init__(self, capacity: int, terms: Terms | None = None) -> None:
        self.inventory = Inventory(EVENT)
        self.log: list[Change] = []
        self.now = NOW
        self.say(Initialize("Concert", capacity, Terms() if terms is None else terms))

    def say(self, command: Command, at: int | None = None) -> Answer:
        """Have it handled now, or `at` another time."""
        decision = self.inventory.handle(command, self.now if at is None else Instant(at))
        self.log += decision.changes
        return decision.answer

    def wait(self, seconds: float) -> None:
        """Nothing is said for so long."""
        self.now = after(seconds, self.now)

    def book(self, who: str, quantity: int = 1, *, waitlist: bool = True, order_id: str = "") -> Answer:
        return self.say(Book(OrderId(order_id or who), CustomerId(who), quantity, waitlist))

    def hold(
        self,
        who: str,
        quantity: int = 1,
        seconds: int | None = None,
        *,
        waitlist: bool = True,
        order_id: str = "",
    ) -> Answer:
        return self.say(Hold(OrderId(order_id or who), CustomerId(who), quantity, waitlist, seconds))

    def confirm(self, order_id: str) -> Answer:
        return self.say(Confirm(OrderId(order_id)))

    def extend(self, order_id: str, seconds: int | None = None) -> Answer:
        return self.say(Extend(OrderId(order_id), seconds))

    def cancel(self, order_id: str, quantity: int | None = None) -> Answer:
        return self.say(Cancel(OrderId(order_id), quantity))

    def cancel_for(self, who: str, quantity: int | None = None) -> Answer:
        return self.say(CancelFor(CustomerId(who), quantity))

    def grow(self, capacity: int) -> Answer:
        """Have it made larger, or smaller."""
        return self.say(Adjust(capacity=capacity))

    def close(self) -> Answer:
        return self.say(Close())

    def find(self, order_id: str) -> Answer:
        return self.say(Find(OrderId(order_id)))

    def tick(self) -> Answer:
        return self.say(Tick())

    @property
    def line(self) -> list[str]:
        return [order.id for order in self.inventory.line]

    @property
    def standing(self) -> dict[str, OrderStatus]:
        """Where each live order stands."""
        return {order.id: order.status for order in self.inventory.orders}

    @property
    def counts(self) -> tuple[int, int, int, int, int]:
        """Available, booked, held and offered tickets, and the orders that wait."""
        status = self.inventory.status
        return status.available, status.booked, status.held, status.offered, status.waiting


def a_busy_desk() -> Desk:
    """Five tickets: ann has 3 and eve 1, one is left; then wait bob (2), cat (1), and ann again (4)."""
    desk = Desk(5)
    desk.book("ann", 3)
    desk.book("eve")
    desk.book("bob", 2)
    desk.book("cat")
    desk.book("ann", 4, order_id="ann-again")
    return desk


ON_A_BUSY_DESK: list[Command] = [
    Book(OrderId("new"), CustomerId("new")),
    Book(OrderId("new"), CustomerId("ann"), 2),
    Book(OrderId("new"), CustomerId("new"), waitlist=False),
    Book(OrderId("new"), CustomerId("new"), 6),
    Hold(OrderId("new"), CustomerId("new")),
    Hold(OrderId("new"), CustomerId("new"), waitlist=False),
    Hold(OrderId("new"), CustomerId("new"), seconds=3_601),
    Confirm(OrderId("ann")),
    Confirm(OrderId("nobody")),
    Extend(OrderId("bob")),
    Extend(OrderId("nobody")),
    Cancel(OrderId("ann")),
    Cancel(OrderId("ann"), 1),
    Cancel(OrderId("ann"), 4),
    Cancel(OrderId("bob")),
    Cancel(OrderId("bob"), 1),
    Cancel(OrderId("cat")),
    Cancel(OrderId("nobody")),
    CancelFor(CustomerId("ann")),
    CancelFor(CustomerId("eve")),
    CancelFor(CustomerId("nobody")),
    Adjust(name="Another", max_per_order=2),
    Adjust(capacity=8),
    Adjust(capacity=3),
    Adjust(if_version=3),
    Adjust(hold_seconds=7_200),
    Close(),
    Find(OrderId("ann")),
    Find(OrderId("cat")),
    Find(OrderId("nobody")),
    Tick(),
]
"""Every command; those that are done, and those that are refused."""
