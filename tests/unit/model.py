"""The sale as one would keep it on paper: the model that the inventory is compared with.

One plain list of live orders in the order of their arrival. Everything else is counted anew from it on
every question, so it is quadratic, and right at a glance. It shares the messages and the values with the
inventory, and no rule: what the rules say is written down here a second time, as directly as it goes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

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

CONFIRMED, HELD, OFFERED, WAITLISTED, CANCELLED = (
    OrderStatus.CONFIRMED,
    OrderStatus.HELD,
    OrderStatus.OFFERED,
    OrderStatus.WAITLISTED,
    OrderStatus.CANCELLED,
)


@dataclass(eq=False)
class Entry:
    """One line on the paper: a live order."""

    id: OrderId
    customer: CustomerId
    quantity: int
    status: OrderStatus
    created_at: Instant
    came_at_version: int
    expires_at: Instant | None = None

    @property
    def order(self) -> Order:
        place = self.came_at_version if self.status is WAITLISTED else None
        return Order(
            self.id, self.customer, self.quantity, self.status, self.created_at, place, self.expires_at
        )


def tickets(entries: Iterable[Entry]) -> int:
    return sum(entry.quantity for entry in entries)


class Model:
    """One event, from before its sale on."""

    def __init__(self, event_id: EventId) -> None:
        self.event_id = event_id
        self.name, self.capacity, self.terms = "", 0, Terms()
        self.closed_at: Instant | None = None
        self.version, self.at = 0, Instant(0)
        self.live: list[Entry] = []  # the first to come stands first

    # --- what stands on the paper ----------------------------------------------------------------

    def having(self, *statuses: OrderStatus) -> list[Entry]:
        return [entry for entry in self.live if entry.status in statuses]

    @property
    def line(self) -> list[Entry]:
        return self.having(WAITLISTED)

    @property
    def available(self) -> int:
        return self.capacity - tickets(self.having(CONFIRMED, HELD, OFFERED))

    @property
    def status(self) -> EventStatus:
        return EventStatus(
            event_id=self.event_id,
            name=self.name,
            capacity=self.capacity,
            available=self.available,
            booked=tickets(self.having(CONFIRMED)),
            held=tickets(self.having(HELD)),
            offered=tickets(self.having(OFFERED)),
            waiting=len(self.line),
            waiting_tickets=tickets(self.line),
            version=self.version,
            terms=self.terms,
            closed_at=self.closed_at,
        )

    def closed_since(self, now: Instant) -> Instant | None:
        """When the sale ended, if it has: for good, or else by its time."""
        by_its_time = self.terms.sales_close_at
        if self.closed_at is None and by_its_time is not None and by_its_time <= now:
            return by_its_time
        return self.closed_at

    # --- what is asked ---------------------------------------------------------------------------

    def ask(self, command: Command, now: Instant) -> Answer:
        """First whatever is overdue ends, the oldest first; then the command is looked at."""
        if isinstance(command, Initialize):
            return self.initialize(command, now)
        if self.version == 0:
            return EventUnknown()
        now = max(now, self.at)
        while self.end_one_overdue(now) is not None:
            pass
        return self.answer(command, now)

    def end_one_overdue(self, now: Instant) -> tuple[Entry, tuple[Promotion, ...]] | None:
        """Whoever is overdue the longest, ended, and who got tickets by it; None if nobody is overdue."""
        overdue = [entry for entry in self.live if entry.expires_at and entry.expires_at <= now]
        if not overdue:
            return None
        ended = min(overdue, key=lambda entry: (entry.expires_at, entry.id))
        self.live.remove(ended)
        promoted = self.serve_the_line(now)
        self.changed(now)
        return ended, promoted

    def answer(self, command: Command, now: Instant) -> Answer:
        match command:
            case Book() | Hold():
                return self.take(command, now)
            case Confirm(order_id, asker):
                return self.confirm(self.entry(order_id, asker), now)
            case Extend(order_id, seconds, asker):
                return self.extend(self.entry(order_id, asker), seconds, now)
            case Cancel(order_id, quantity, asker):
                return self.cancel(self.entry(order_id, asker), quantity, now)
            case CancelFor(customer, quantity):
                return self.cancel_for(customer, quantity, now)
            case Adjust():
                return self.adjust(command, now)
            case Close():
                return self.close(now)
            case Find(order_id, asker):
                return self.find(self.entry(order_id, asker))
            case Look(order_ids):
                return Seen(tuple(map(self.look, order_ids)), self.version)
            case Tick():
                return Ticked(self.version)
            case _:
                raise AssertionError(f"nobody asks {command}")

    def initialize(self, command: Initialize, now: Instant) -> Answer:
        self.name, self.capacity, self.terms = command.name, command.capacity, command.terms
        self.changed(now)
        return Initialized(self.status, now)

    def take(self, command: Book | Hold, now: Instant) -> Answer:
        refusal = self.refusal(command, now)
        if refusal is not None:
            return refusal
        entry = Entry(command.order_id, command.customer, command.quantity, WAITLISTED, now, self.version + 1)
        if self.line or command.quantity > self.available:
            limit = self.terms.waitlist_limit
            if not command.waitlist:
                return SoldOut(self.available, len(self.line), self.version)
            if limit is not None and len(self.line) + 1 > limit:
                return WaitlistFull(limit, self.version)
            self.live.append(entry)
            self.changed(now)
            return Waitlisted(entry.order, len(self.line), self.version)
        self.live.append(entry)
        self.changed(now)
        if isinstance(command, Book):
            entry.status = CONFIRMED
            return Booked(entry.order, self.version)
        entry.status, entry.expires_at = HELD, after(command.seconds or self.terms.hold_seconds, now)
        return Held(entry.order, self.version)

    def refusal(self, command: Book | Hold, now: Instant) -> Answer | None:
        closed_since, opens = self.closed_since(now), self.terms.sales_open_at
        if closed_since is not None:
            return SalesClosed(closed_since, self.version)
        if opens is not None and opens > now:
            return SalesNotOpen(opens, self.version)
        theirs = tickets(entry for entry in self.live if entry.customer == command.customer)
        asked = {
            "max_per_order": command.quantity,
            "max_per_customer": command.quantity + theirs,
            "max_hold_seconds": (isinstance(command, Hold) and command.seconds) or 0,
        }
        for limit, amount in asked.items():
            maximum = getattr(self.terms, limit)
            if maximum is not None and amount > maximum:
                return LimitExceeded(limit, maximum, amount, self.version)
        if command.quantity > self.capacity:
            return CapacityExceeded(self.capacity, self.version)
        return None

    def confirm(self, entry: Entry | None, now: Instant) -> Answer:
        if entry is None:
            return OrderUnknown(self.version)
        if entry not in self.having(HELD, OFFERED):
            return NotHeld(entry.order, self.version)
        entry.status, entry.expires_at = CONFIRMED, None
        self.changed(now)
        return Confirmed(entry.order, self.version)

    def extend(self, entry: Entry | None, seconds: int | None, now: Instant) -> Answer:
        if entry is None:
            return OrderUnknown(self.version)
        if entry not in self.having(HELD) or entry.expires_at is None:
            return NotHeld(entry.order, self.version)
        closed_since = self.closed_since(now)
        if closed_since is not None:
            return SalesClosed(closed_since, self.version)
        latest = after(self.terms.max_hold_seconds, entry.created_at)
        wanted = after(seconds or self.terms.hold_seconds, now)
        if min(wanted, latest) <= entry.expires_at:
            return NotExtended(entry.expires_at, latest, self.version)
        entry.expires_at = min(wanted, latest)
        self.changed(now)
        return Extended(entry.order, self.version)

    def cancel(self, entry: Entry | None, quantity: int | None, now: Instant) -> Answer:
        if entry is None:
            return OrderUnknown(self.version)
        if quantity is not None and quantity > entry.quantity:
            return QuantityExceeded(entry.quantity, self.version)
        if quantity is not None and quantity < entry.quantity:
            entry.quantity -= quantity
            promoted = self.serve_the_line(now)
            self.changed(now)
            return Cancelled(entry.order, quantity, promoted, self.version)
        self.live.remove(entry)
        promoted = self.serve_the_line(now)
        self.changed(now)
        gone = Order(entry.id, entry.customer, entry.quantity, CANCELLED, entry.created_at)
        return Cancelled(gone, entry.quantity, promoted, self.version)

    def cancel_for(self, customer: CustomerId, quantity: int | None, now: Instant) -> Answer:
        theirs = [entry for entry in self.live if entry.customer == customer]
        if len(theirs) > 1:
            return OrderAmbiguous(tuple(entry.id for entry in theirs), len(theirs), self.version)
        return self.cancel(theirs[0] if theirs else None, quantity, now)

    def adjust(self, command: Adjust, now: Instant) -> Answer:
        if self.closed_at is not None:
            return SalesClosed(self.closed_at, self.version)
        if command.if_version is not None and command.if_version != self.version:
            return VersionMoved(self.version)
        asked = {field: getattr(command, field) for field in command.__struct_fields__}
        given = {field: value for field, value in asked.items() if value is not msgspec.UNSET}
        terms = msgspec.structs.replace(
            self.terms, **{field: value for field, value in given.items() if hasattr(self.terms, field)}
        )
        opens, closes = terms.sales_open_at, terms.sales_close_at
        if opens is not None and closes is not None and opens >= closes:
            return TermsContradictory("sales_close_at", "the sale would end before it begins", self.version)
        if terms.hold_seconds > terms.max_hold_seconds:
            return TermsContradictory(
                "hold_seconds", "a hold would last longer than `maxHoldSeconds`", self.version
            )
        capacity = given.get("capacity", self.capacity)
        booked, held, offered = (tickets(self.having(each)) for each in (CONFIRMED, HELD, OFFERED))
        largest_waiting = max((entry.quantity for entry in self.line), default=0)
        if capacity < booked + held + offered or capacity < largest_waiting:
            return CapacityInUse(booked, held, offered, largest_waiting, self.version)
        self.name, self.capacity, self.terms = given.get("name", self.name), capacity, terms
        promoted = self.serve_the_line(now)
        self.changed(now)
        return Adjusted(self.status, now, promoted, len(promoted))

    def close(self, now: Instant) -> Answer:
        if self.closed_at is not None:
            return SalesClosed(self.closed_at, self.version)
        self.closed_at = now
        self.changed(now)
        return Closed(self.status, now)

    def find(self, entry: Entry | None) -> Answer:
        if entry is None:
            return OrderUnknown(self.version)
        position = self.line.index(entry) + 1 if entry in self.line else None
        return Found(entry.order, position, self.version)

    def look(self, order_id: OrderId) -> Found | None:
        found = self.find(self.entry(order_id, None))
        return found if isinstance(found, Found) else None

    # --- what follows ----------------------------------------------------------------------------

    def entry(self, order_id: OrderId, asker: CustomerId | None = None) -> Entry | None:
        """The live order by this id; whoever asks for themselves sees only their own."""
        seen = [entry for entry in self.live if asker is None or entry.customer == asker]
        return next((entry for entry in seen if entry.id == order_id), None)

    def serve_the_line(self, now: Instant) -> tuple[Promotion, ...]:
        """As long as the sale is on, the first in line gets their tickets, and so on, while they fit."""
        served = []
        while self.closed_since(now) is None and self.line and self.line[0].quantity <= self.available:
            first = self.line[0]
            if self.terms.waitlist_mode is WaitlistMode.BOOK:
                first.status = CONFIRMED
            else:
                first.status, first.expires_at = OFFERED, after(self.terms.offer_seconds, now)
            served.append(Promotion(first.id, first.customer, first.quantity, first.expires_at))
        return tuple(served)

    def changed(self, now: Instant) -> None:
        self.version += 1
        self.at = now


def after(seconds: int, moment: Instant) -> Instant:
    return Instant(moment + seconds * SECOND)
