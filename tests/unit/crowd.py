"""Whoever wants something of an event, at random: commands of every kind, sensible and not.

What comes is a function of the random numbers and of the event as it stands, so that a seed tells the whole
history. No Hypothesis in here: for long histories that need no shrinking.
"""

from random import Random

from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import (
    Adjust,
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
    Look,
    Tick,
)
from boxoffice.actors.values import (
    SECOND,
    CustomerId,
    Instant,
    OrderId,
    OrderStatus,
    Terms,
    WaitlistMode,
)

REGULARS = [CustomerId(name) for name in ("ada", "bob", "cy")]  # few, so that they come again
HELD, OFFERED, WAITLISTED = OrderStatus.HELD, OrderStatus.OFFERED, OrderStatus.WAITLISTED


class Crowd:
    """One sequence of commands for one event."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.handed_out: list[OrderId] = []  # every order's id, live or dead

    def opening(self, now: Instant) -> Initialize:
        terms = Terms(
            sales_open_at=self.random.choice([None, None, Instant(now + 3 * SECOND)]),
            max_per_order=self.random.choice([None, None, 3]),
            max_per_customer=self.random.choice([None, None, 5]),
            waitlist_limit=self.random.choice([None, None, 4]),
            waitlist_mode=self.random.choice(list(WaitlistMode)),
            offer_seconds=self.random.randint(1, 4),
            hold_seconds=self.random.randint(1, 3),
            max_hold_seconds=self.random.randint(3, 6),
        )
        return Initialize("Concert", self.random.randint(1, 8), terms)

    def moment(self, now: Instant) -> Instant:
        """A little later, mostly; sometimes much, sometimes earlier."""
        seconds = self.random.choice([0, 0, 0, 0, 0.1, 0.3, 0.7, 1, 2, 5, -1, -8])
        return Instant(now + round(seconds * SECOND))

    def command(self, inventory: Inventory, now: Instant) -> Command:
        """The next one. Two in five take tickets, so that there is always something to take away."""
        pick = self.random.random()
        if pick < 0.4:
            return self._taking()
        if pick < 0.65:
            return self._leaving(inventory, now)
        if pick < 0.8:
            return self._keeping(inventory, now)
        if pick < 0.9:
            return self._looking(inventory)
        if pick < 0.999:
            return self._adjusting(inventory, now)
        return Close()

    def _looking(self, inventory: Inventory) -> Tick | Find | Look:
        if self.random.random() < 0.5:
            return Tick()
        orders = [self._order(inventory, *OrderStatus) for _ in range(3)]
        return Find(orders[0]) if self.random.random() < 0.8 else Look(tuple(orders))

    def _taking(self) -> Book | Hold:
        order_id = OrderId(f"order-{len(self.handed_out):04}")
        customer = CustomerId(f"guest-{len(self.handed_out)}")
        self.handed_out.append(order_id)
        customer = self.random.choice([customer, customer, *REGULARS])
        quantity, waitlist = self.random.choice([1, 1, 1, 2, 2, 3, 4, 9]), self.random.random() < 0.8
        if self.random.random() < 0.3:
            return Book(order_id, customer, quantity, waitlist)
        return Hold(order_id, customer, quantity, waitlist, self.random.choice([None, None, 1, 3, 7]))

    def _leaving(self, inventory: Inventory, now: Instant) -> Cancel | CancelFor:
        quantity = self.random.choice([None, None, 1, 1, 2, 5])
        pick = self.random.random()
        if pick < 0.2 and inventory.line:
            return Cancel(inventory.line[0].id, quantity)
        if pick < 0.4:
            theirs = [order.customer for order in inventory.orders]
            return CancelFor(self.random.choice([*theirs, *REGULARS, CustomerId("nobody")]), quantity)
        if pick < 0.6:
            return Cancel(self._overdue(inventory, now) or self._order(inventory, *OrderStatus), quantity)
        return Cancel(self._order(inventory, OrderStatus.CONFIRMED), None)

    def _keeping(self, inventory: Inventory, now: Instant) -> Confirm | Extend:
        order_id = self._overdue(inventory, now) or self._order(inventory, HELD, OFFERED)
        if self.random.random() < 0.4:
            return Confirm(order_id)
        return Extend(order_id, self.random.choice([None, 1, 3, 9]))

    def _adjusting(self, inventory: Inventory, now: Instant) -> Adjust:
        """Mostly one thing at a time; a window that opens or closes soon, or is taken away again."""
        soon = [None, None, *(Instant(now + second * SECOND) for second in (-2, 2, 5))]
        version = inventory.version
        if_version = self.random.choice([None, None, version, version - 1])
        match self.random.randrange(10):
            case 0 | 1:
                capacity = inventory.status.capacity + self.random.choice([-2, -1, 0, 1, 2])
                return Adjust(if_version, capacity=max(1, capacity))
            case 2:
                return Adjust(if_version, sales_close_at=self.random.choice(soon))
            case 3:
                return Adjust(if_version, sales_open_at=self.random.choice(soon), sales_close_at=None)
            case 4:
                mode = self.random.choice(list(WaitlistMode))
                return Adjust(if_version, waitlist_mode=mode, offer_seconds=self.random.randint(1, 4))
            case 5:
                return Adjust(
                    if_version,
                    hold_seconds=self.random.randint(1, 4),
                    max_hold_seconds=self.random.randint(2, 6),
                )
            case 6:
                return Adjust(
                    if_version,
                    max_per_order=self.random.choice([None, None, 3]),
                    max_per_customer=self.random.choice([None, None, 5]),
                    waitlist_limit=self.random.choice([None, None, 0, 4]),
                )
            case _:
                # the sale is on again, and larger
                return Adjust(
                    name="Encore",
                    capacity=inventory.status.capacity + 1,
                    sales_open_at=None,
                    sales_close_at=None,
                )

    def _order(self, inventory: Inventory, *statuses: OrderStatus) -> OrderId:
        """Mostly one that stands so, else any, dead or never born."""
        fitting = [order.id for order in inventory.orders if order.status in statuses]
        if fitting and self.random.random() < 0.85:
            return self.random.choice(fitting)
        return self.random.choice([*self.handed_out, OrderId("never-was")])

    def _overdue(self, inventory: Inventory, now: Instant) -> OrderId | None:
        """Sometimes one whose time is up, though nobody has noticed yet."""
        overdue = [order.id for order in inventory.orders if order.expires_at and order.expires_at <= now]
        return self.random.choice(overdue) if overdue and self.random.random() < 0.5 else None
