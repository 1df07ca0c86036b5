"""Replays one event's log and says which promises it breaks, change by change: the audit's judgement.

Every change is decided anew by the rules, and checked by arithmetic of this file's own as well: it keeps its
own sums, its own line and its own list of ends, from the rows that the changes make, so that a mistake in the
inventory does not hide itself. It knows no table but what `rows.py` makes of the log.

Pure. Called by the audit on its thread, and by the tests, which replay a log to learn what was answered when.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import islice, zip_longest
from typing import TypeAlias, assert_never

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
from boxoffice.actors.inventory import Decision, Inventory
from boxoffice.actors.messages import (
    Adjust,
    Answer,
    Book,
    Cancel,
    Close,
    Command,
    Confirm,
    Extend,
    Find,
    Found,
    Hold,
    Initialize,
    Tick,
)
from boxoffice.actors.terms import contradiction_in, sale_state
from boxoffice.actors.values import (
    SECOND,
    EventId,
    EventStatus,
    Instant,
    OrderId,
    Promotion,
    SaleState,
    Terms,
)
from boxoffice.persistence.rows import OrderRow, OrderRows, timestamp

Fault: TypeAlias = tuple[int, str]
"""The number of a promise that is broken, and a sentence's worth of how."""

SHOWN_MAX = 200
"""Characters of a value that a fault shows."""

_MAKING = (TicketsBooked, TicketsHeld, CustomerWaitlisted)
_ENDING = ("held", "offered")
_LIVE = ("confirmed", "held", "offered", "waitlisted")


class Replay:
    """One event, from nothing up to where its log has led so far.

    `inventory` is the event by the rules, `status` by this file's own sums; `rows` are its orders, live and
    settled; `answer` is what the rules answered to the last change's command, if they decide that change.
    """

    def __init__(self, event_id: EventId) -> None:
        self.inventory = Inventory(event_id)
        self.rows = OrderRows(())
        self.answer: Answer | None = None
        self.at = Instant(0)
        self.created_at = Instant(0)
        self._event_id = event_id
        self._version = 0
        self._name, self._capacity, self._terms = "", 0, Terms()
        self._closed_at: Instant | None = None
        self._tickets: defaultdict[str, int] = defaultdict(int)  # by the status of their order
        self._line: OrderedDict[OrderId, None] = OrderedDict()  # not a dict: those are slow at the front
        self._ends: list[tuple[Instant, OrderId]] = []  # a heap; what is no longer true is dropped late
        self._was_oversold = self._was_idle = False

    @property
    def status(self) -> EventStatus:
        """The event's numbers, counted here."""
        booked, held, offered = (self._tickets[status] for status in ("confirmed", "held", "offered"))
        available = self._capacity - booked - held - offered
        return EventStatus(
            self._event_id,
            self._name,
            self._capacity,
            available,
            booked,
            held,
            offered,
            len(self._line),
            self._tickets["waitlisted"],
            self._version,
            self._terms,
            self._closed_at,
        )

    def impossible(self, change: Change) -> str | None:
        """Why nothing after this change can be replayed, nor it itself; None if it can. Breaks promise 3."""
        if change.version != self._version + 1:
            return f"it follows version {self._version}, so that the log has a gap or a repetition"
        if isinstance(change, EventInitialized) != (change.version == 1):
            return f"{type(change).__name__} cannot be change number {change.version}"
        if isinstance(change, _MAKING):
            if change.order_id in self.rows.added:
                return f"{self._named(change.order_id)} is made a second time"
            return None
        for order_id in _touched(change):
            row = self.rows.added.get(order_id)
            if row is None:
                return f"{self._named(order_id)} is changed, and was never made"
            if row.status not in _LIVE:
                return f"{self._named(order_id)} is changed, and was {row.status} before"
        return None

    def take(self, change: Change) -> list[Fault]:
        """The next change, which is not impossible: everything that is wrong with it."""
        faults = list(self._faults_before(change))
        decision = self.inventory.decide(command_of(change, self.inventory), change.at)
        self._apply(change)
        faults += self._faults_after()
        self.answer = decision.answer if decision.changes == (change,) else None
        if not faults and self.answer is None:
            faults.append((3, f"it is not what the rules decide: {_difference(decision, change)}"))
        return faults

    # --- what is wrong with a change, seen from before it ----------------------------------------

    def _faults_before(self, change: Change) -> Iterator[Fault]:
        if change.at < self.at:
            yield 3, f"time runs backwards, from {shown_at(self.at)} to {shown_at(change.at)}"
        first_end = self._first_end()
        if first_end is not None and first_end[0] <= change.at and not isinstance(change, OrderExpired):
            yield (
                3,
                f"{self._named(first_end[1])} ended at {shown_at(first_end[0])} and did not expire first",
            )
        match change:
            case TicketsBooked() | TicketsHeld() | CustomerWaitlisted():
                yield from self._faults_of_new(change)
            case OrderConfirmed() | OrderExpired():
                yield from self._fault_of_status(change.order_id, _ENDING)
            case HoldExtended():
                yield from self._fault_of_status(change.order_id, ("held",))
            case OrderReduced():
                whole = self.rows.added[change.order_id].quantity
                if not 0 < change.quantity < whole:
                    yield 3, f"{self._named(change.order_id)} of {whole} is reduced to {change.quantity}"
            case EventInitialized() | EventAdjusted():
                yield from _faults_of_terms(change.capacity, change.terms)
            case OrderCancelled() | SaleClosed():
                pass
            case _:
                assert_never(change)
        if isinstance(change, OrderExpired):
            end = self.rows.added[change.order_id].expires_at
            if end is not None and end > change.at:
                yield 3, f"{self._named(change.order_id)} expired before its end at {shown_at(end)}"
        yield from self._faults_of_promotions(change)

    def _faults_of_new(self, change: TicketsBooked | TicketsHeld | CustomerWaitlisted) -> Iterator[Fault]:
        if change.quantity < 1:
            yield 3, f"{self._named(change.order_id)} is for {change.quantity} tickets"
        if self._line and not isinstance(change, CustomerWaitlisted):
            yield 7, f"{self._named(change.order_id)} got its tickets past {len(self._line)} in line"

    def _fault_of_status(self, order_id: OrderId, possible: tuple[str, ...]) -> Iterator[Fault]:
        status = self.rows.added[order_id].status
        if status not in possible:
            yield 3, f"that cannot happen to {self._named(order_id)}, which is {status}"

    def _faults_of_promotions(self, change: Change) -> Iterator[Fault]:
        """Promise 7: whoever is promoted is the head of the line, and the next one, and so on."""
        promoted = _promoted_by(change)
        leaver = change.order_id if isinstance(change, OrderCancelled | OrderExpired) else None
        line = (order_id for order_id in self._line if order_id != leaver)
        for promotion, head in zip_longest(promoted, islice(line, len(promoted))):
            if head is None:
                yield 7, f"{self._named(promotion.order_id)} is promoted and does not wait"
            elif promotion.order_id != head:
                yield 7, f"{self._named(promotion.order_id)} is promoted before {self._named(head)}"
            else:
                continue
            return  # whoever follows is out of order, too

    # --- what is wrong after it ------------------------------------------------------------------

    def _faults_after(self) -> Iterator[Fault]:
        """Promises 1 and 8; told once, not at every version for as long as it lasts."""
        status = self.status
        oversold = status.available < 0
        if oversold and not self._was_oversold:
            yield 1, f"{self._capacity - status.available} tickets are taken of {self._capacity}"
        first = next(iter(self._line), None)
        idle = first is not None and self.rows.added[first].quantity <= status.available
        idle = idle and sale_state(self._terms, self._closed_at, self.at) is not SaleState.CLOSED
        if idle and not self._was_idle and first is not None:
            yield 8, f"{self._named(first)} at the head of the line fits into {status.available} idle tickets"
        self._was_oversold, self._was_idle = oversold, idle

    # --- this file's own books -------------------------------------------------------------------

    def _apply(self, change: Change) -> None:
        touched = _touched(change)
        for order_id in touched:
            self._count(self.rows.added.get(order_id), -1)
        self.rows.fold(change)
        self.inventory.apply(change)
        for order_id in touched:
            self._enter(order_id, self.rows.added[order_id])
        match change:
            case EventInitialized(at=at):
                self.created_at = at
                self._name, self._capacity, self._terms = change.name, change.capacity, change.terms
            case EventAdjusted():
                self._name, self._capacity, self._terms = change.name, change.capacity, change.terms
            case SaleClosed(at=at):
                self._closed_at = at
        self._version, self.at = change.version, change.at

    def _enter(self, order_id: OrderId, row: OrderRow) -> None:
        self._count(row, 1)
        if row.status == "waitlisted":
            self._line.setdefault(order_id)
        else:
            self._line.pop(order_id, None)
        if row.expires_at is not None:
            heappush(self._ends, (row.expires_at, order_id))

    def _count(self, row: OrderRow | None, sign: int) -> None:
        if row is not None:
            self._tickets[row.status] += sign * row.quantity

    def _first_end(self) -> tuple[Instant, OrderId] | None:
        """The hold or offer that ends first."""
        while self._ends:
            end, order_id = self._ends[0]
            if self.rows.added[order_id].expires_at == end:
                return end, order_id
            heappop(self._ends)
        return None

    def _named(self, order_id: OrderId) -> str:
        return f"order {self._event_id}-{order_id}"


def command_of(change: Change, before: Inventory) -> Command:
    """A command that makes the rules decide this change, if it is one that they make of that state.

    Where they can make it of several, any of them: `Book` for whoever joined the line by holding.
    """
    match change:
        case EventInitialized():
            return Initialize(change.name, change.capacity, change.terms)
        case TicketsBooked() | CustomerWaitlisted():
            return Book(change.order_id, change.customer, change.quantity)
        case TicketsHeld():
            seconds = (change.expires_at - change.at) // SECOND
            return Hold(change.order_id, change.customer, change.quantity, seconds=seconds)
        case OrderConfirmed():
            return Confirm(change.order_id)
        case HoldExtended():  # rounded up: if the event's bound has cut it short, then it does so again
            return Extend(change.order_id, -((change.at - change.expires_at) // SECOND))
        case OrderReduced():
            found = before.decide(Find(change.order_id), change.at).answer
            whole = found.order.quantity if isinstance(found, Found) else 0
            return Cancel(change.order_id, whole - change.quantity)
        case OrderCancelled():
            return Cancel(change.order_id)
        case OrderExpired():
            return Tick()
        case EventAdjusted():
            terms = msgspec.structs.asdict(change.terms)
            return Adjust(name=change.name, capacity=change.capacity, **terms)
        case SaleClosed():
            return Close()
        case _:
            assert_never(change)


def _touched(change: Change) -> tuple[OrderId, ...]:
    """The orders that a change makes or alters, each once."""
    if isinstance(change, EventInitialized | SaleClosed):
        return ()
    promoted = [promotion.order_id for promotion in _promoted_by(change)]
    if isinstance(change, EventAdjusted):
        return tuple(dict.fromkeys(promoted))
    return tuple(dict.fromkeys((change.order_id, *promoted))) if promoted else (change.order_id,)


def _promoted_by(change: Change) -> tuple[Promotion, ...]:
    if isinstance(change, OrderReduced | OrderCancelled | OrderExpired | EventAdjusted):
        return change.promoted
    return ()


def _faults_of_terms(capacity: int, terms: Terms) -> Iterator[Fault]:
    """What those who put an event on sale are refused before the rules are asked."""
    if capacity < 1:
        yield 3, f"the event has {capacity} tickets"
    if (contradiction := contradiction_in(terms)) is not None:
        yield 3, f"its terms contradict themselves in {contradiction[0]}: {contradiction[1]}"


def _difference(decision: Decision, found: Change) -> str:
    """What the rules decide instead of what was found."""
    if not decision.changes:
        return f"they refuse it ({type(decision.answer).__name__})"
    (decided,) = decision.changes
    if type(decided) is not type(found):
        return f"they make it {type(decided).__name__}, the log has {type(found).__name__}"
    return "; ".join(differences(decided, found, "they have {}, the log has {}"))


def differences(one: msgspec.Struct, other: msgspec.Struct, template: str) -> Iterator[str]:
    """The fields in which two values of one type differ, and what each has."""
    for name in one.__struct_fields__:
        left, right = getattr(one, name), getattr(other, name)
        if isinstance(left, Terms) and isinstance(right, Terms):
            yield from differences(left, right, template)
        elif left != right:
            yield f"{name}: {template.format(_shown(name, left), _shown(name, right))}"


def _shown(name: str, value: object) -> str:
    """A field's value in one line without control characters, and not too long."""
    if isinstance(value, int) and (name == "at" or name.endswith("_at")):
        return shown_at(Instant(value))
    shown = repr(value)
    return shown if len(shown) <= SHOWN_MAX else f"{shown[:SHOWN_MAX]}…"


def shown_at(at: Instant) -> str:
    """A moment for people; what no calendar has, as it is."""
    try:
        return timestamp(at)
    except (ValueError, OverflowError, OSError):
        return f"{at} µs"
