"""The waiting list as one would keep it on paper: the model that the inventory is compared with.

One plain list of live orders in the order of their arrival. Everything else is counted anew from it on
every question, so it is quadratic, and right at a glance. It shares the messages with the inventory and
no rule: here everybody joins the line first, and then the line is served from its head.
"""

from dataclasses import dataclass

from boxoffice.actors.messages import (
    Answer,
    Book,
    Booked,
    Cancelled,
    CapacityExceeded,
    CustomerId,
    EventId,
    EventStatus,
    Found,
    Instant,
    Order,
    OrderAmbiguous,
    OrderId,
    OrderStatus,
    OrderUnknown,
    Promotion,
    SoldOut,
    Waitlisted,
)


@dataclass(eq=False)
class Entry:
    """One live order: it waits until it `has_tickets`."""

    id: OrderId
    customer: CustomerId
    quantity: int
    created_at: Instant
    came_at_version: int
    has_tickets: bool = False

    @property
    def order(self) -> Order:
        if self.has_tickets:
            return Order(self.id, self.customer, self.quantity, OrderStatus.CONFIRMED, self.created_at)
        return Order(
            self.id,
            self.customer,
            self.quantity,
            OrderStatus.WAITLISTED,
            self.created_at,
            self.came_at_version,
        )


class Model:
    """An event that was just initialised, at version 1."""

    def __init__(self, event_id: EventId, name: str, capacity: int, now: Instant) -> None:
        self.event_id = event_id
        self.name = name
        self.capacity = capacity
        self.version = 1
        self.at = now
        self.live: list[Entry] = []  # the first to come stands first

    @property
    def line(self) -> list[Entry]:
        return [entry for entry in self.live if not entry.has_tickets]

    @property
    def booked(self) -> int:
        return sum(entry.quantity for entry in self.live if entry.has_tickets)

    @property
    def available(self) -> int:
        return self.capacity - self.booked

    @property
    def status(self) -> EventStatus:
        return EventStatus(
            self.event_id,
            self.name,
            self.capacity,
            self.available,
            self.booked,
            len(self.line),
            self.version,
        )

    def book(self, command: Book, now: Instant) -> Answer:
        if command.quantity > self.capacity:
            return CapacityExceeded(self.capacity, self.version)
        now = max(now, self.at)
        entry = Entry(command.order_id, command.customer, command.quantity, now, self.version + 1)
        self.live.append(entry)
        self._serve_the_line()
        if not entry.has_tickets and not command.waitlist:
            self.live.remove(entry)
            return SoldOut(self.available, len(self.line), self.version)
        self._changed(now)
        if entry.has_tickets:
            return Booked(entry.order, self.version)
        return Waitlisted(entry.order, self.line.index(entry) + 1, self.version)

    def cancel(self, order_id: OrderId, now: Instant) -> Answer:
        for entry in self.live:
            if entry.id == order_id:
                self.live.remove(entry)
                served = self._serve_the_line()
                self._changed(now)
                promoted = tuple(Promotion(each.id, each.customer, each.quantity) for each in served)
                return Cancelled(cancelled(entry), promoted, self.version)
        return OrderUnknown(self.version)

    def cancel_for(self, customer: CustomerId, now: Instant) -> Answer:
        theirs = [entry.id for entry in self.live if entry.customer == customer]
        if len(theirs) > 1:
            return OrderAmbiguous(tuple(theirs), len(theirs), self.version)
        if len(theirs) == 1:
            return self.cancel(theirs[0], now)
        return OrderUnknown(self.version)

    def find(self, order_id: OrderId) -> Answer:
        for entry in self.live:
            if entry.id == order_id:
                position = None if entry.has_tickets else self.line.index(entry) + 1
                return Found(entry.order, position, self.version)
        return OrderUnknown(self.version)

    def _serve_the_line(self) -> list[Entry]:
        served = []
        while self.line and self.line[0].quantity <= self.available:
            first = self.line[0]
            first.has_tickets = True
            served.append(first)
        return served

    def _changed(self, now: Instant) -> None:
        self.version += 1
        self.at = max(self.at, now)


def cancelled(entry: Entry) -> Order:
    return Order(entry.id, entry.customer, entry.quantity, OrderStatus.CANCELLED, entry.created_at)
