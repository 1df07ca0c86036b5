"""A small event for the linearizability checker: who booked, who waits, who left. No time, no versions.

Immutable, and as plain as it goes. With the version checker it shares only what puts the sendings under one
key together; with the engine and the model, nothing. An order that nobody was told of has no id until a
promotion names it. Called by the search, on the test's thread.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

from tests.simulation.linearizability import Operation
from tests.simulation.requests import Outcome, Request, is_look, looked_at, requests_of, seen_of
from tests.support.log import Seen

Told: TypeAlias = dict[str, Any]
"""What an answer says, with its HTTP status under `http`."""

NOT_APPLIED = Outcome.NOT_APPLIED
CONFIRMED, WAITLISTED, CANCELLED = "confirmed", "waitlisted", "cancelled"


class Order(NamedTuple):
    """An order; `order_id` is None while nobody knows it."""

    order_id: str | None
    customer: str
    quantity: int
    status: str


def _by_id(order: Order) -> tuple[str, str, int, str]:
    return (order.order_id or "", order.customer, order.quantity, order.status)


class SmallEvent(NamedTuple):
    """The event: its tickets; who waits, the next to be served first; and all other orders, in no order.

    Those are kept sorted: who booked before whom makes no difference any more, and is to make no other state.
    """

    capacity: int
    line: tuple[Order, ...] = ()
    others: tuple[Order, ...] = ()

    @property
    def available(self) -> int:
        """Tickets that nobody has."""
        return self.capacity - sum(order.quantity for order in self.others if order.status == CONFIRMED)

    def having(self, order: Order) -> "SmallEvent":
        """The event with this order, too: at the end of the line if it waits."""
        if order.status == WAITLISTED:
            return self._replace(line=(*self.line, order))
        return self._replace(others=tuple(sorted((*self.others, order), key=_by_id)))

    def without(self, order: Order) -> "SmallEvent":
        """The event without this order."""
        line, others = (tuple(o for o in orders if o is not order) for orders in (self.line, self.others))
        return self._replace(line=line, others=others)

    def find(self, order_id: str) -> Order | None:
        """The order with this id."""
        return next((order for order in (*self.line, *self.others) if order.order_id == order_id), None)

    def serve_the_line(self, said: list[Told]) -> tuple[list[Told], "SmallEvent"]:
        """Whoever now fits gets their tickets, the first first; `said` names those that nobody knew."""
        event, served = self, list[Told]()
        while event.line and event.line[0].quantity <= event.available:
            first = event.line[0]
            named = said[len(served)]["orderId"] if len(served) < len(said) else None
            order_id = first.order_id or named
            event = event.without(first).having(first._replace(order_id=order_id, status=CONFIRMED))
            told = {"userId": first.customer, "quantity": first.quantity, "status": CONFIRMED}
            served.append({"orderId": order_id, **told})
        return served, event


def operations_of(event_id: str, seen: Iterable[Seen]) -> list[Operation]:
    """What was asked of this event and what was told, ready for the search, if it is what `step` knows.

    What was not applied is left out: it says nothing of the event.
    """
    seen = seen_of(event_id, seen)
    requests = [
        r for r in requests_of(each for each in seen if not is_look(each)) if r.outcome is not NOT_APPLIED
    ]
    looks = [each for each in seen if is_look(each) and each.status in (200, 404)]
    names = _names_of_unanswered(
        requests, [each.final for each in requests if each.final is not None] + looks
    )
    operations = [
        Operation((each.path, each.asked, names.get(each)), _told(each.final), each.began_s, each.ended_s)
        for each in requests
    ]
    return operations + [
        Operation(("", {"orderId": looked_at(each)}, None), _told(each), each.began_s, each.ended_s)
        for each in looks
    ]


def _names_of_unanswered(requests: Iterable[Request], answers: Iterable[Seen]) -> dict[Request, str]:
    """The orders of bookings without an answer, if somebody was told of them, and no two can be mixed up."""
    named: dict[str, set[str]] = defaultdict(set)
    for each in answers:
        for order in (each.answer, *each.answer.get("promoted", ())):
            if "userId" in order and "orderId" in order:
                named[order["userId"]].add(order["orderId"])
    bookings: dict[str, list[Request]] = defaultdict(list)
    for request in requests:
        if request.path == "/book" and request.final is None:
            bookings[request.asked["userId"]].append(request)
        elif request.path == "/book" and request.final is not None:
            named[request.asked["userId"]].discard(request.final.answer.get("orderId", ""))
    alone = {
        customer: theirs[0]
        for customer, theirs in bookings.items()
        if len(theirs) == len(named[customer]) == 1
    }
    return {request: next(iter(named[customer])) for customer, request in alone.items()}


def _told(seen: Seen | None) -> Told | None:
    return None if seen is None else {"http": seen.status, **seen.answer}


# --- what may happen -----------------------------------------------------------------------------


def step(event: SmallEvent, operation: Operation) -> tuple[bool, SmallEvent]:
    """Whether what was told is what this event tells, and the event after it."""
    path, asked, name = operation.asked
    match path:
        case "/book":
            told, after = _book(event, asked, operation.told or {"orderId": name})
        case "/cancel":
            told, after = _cancel(event, asked["orderId"], operation.told or {})
        case "":
            told, after = _look(event, asked["orderId"]), event
        case _:
            raise ValueError(f"a small event does not know {path}")
    return operation.told is None or told.items() <= operation.told.items(), after


def _book(event: SmallEvent, asked: dict[str, Any], said: Told) -> tuple[Told, SmallEvent]:
    quantity = asked.get("quantity", 1)
    if quantity > event.capacity:
        return {"http": 409, "code": "exceeds_capacity"}, event
    order = Order(said.get("orderId"), asked["userId"], quantity, CONFIRMED)
    if not event.line and quantity <= event.available:
        return {"http": 201, "status": CONFIRMED}, event.having(order)
    if not asked.get("waitlist", True):
        return {"http": 409, "code": "sold_out"}, event
    after = event.having(order._replace(status=WAITLISTED))
    return {"http": 202, "status": WAITLISTED, "position": len(after.line)}, after


def _cancel(event: SmallEvent, order_id: str, said: Told) -> tuple[Told, SmallEvent]:
    order = event.find(order_id)
    if order is None:
        return {"http": 404}, event
    if order.status == CANCELLED:
        return {"http": 409, "code": "already_cancelled"}, event
    left = event.without(order).having(order._replace(status=CANCELLED))
    served, after = left.serve_the_line(said.get("promoted", []))
    return {"http": 200, "status": CANCELLED, "promoted": served}, after


def _look(event: SmallEvent, name: str) -> Told:
    if "-" not in name:
        return {"http": 200, "availableTickets": event.available, "waitingListCount": len(event.line)}
    order = event.find(name)
    if order is None:
        return {"http": 404}
    told = {"http": 200, "status": order.status, "quantity": order.quantity}
    return told | ({"position": event.line.index(order) + 1} if order.status == WAITLISTED else {})
