"""A box office on paper: what a load test's visitors ask for is decided by the real inventories, at once.

The rules, the bodies and the answers are the real ones; there is no network and no database, and the time is
told. Keys are remembered, and what has become of orders that have ended. No check is in here.
"""

from collections import Counter
from typing import Any

import msgspec

from boxoffice.actors.changes import (
    CustomerWaitlisted,
    OrderCancelled,
    OrderExpired,
    TicketsBooked,
    TicketsHeld,
)
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import Answer as Answered
from boxoffice.actors.messages import (
    Cancel,
    CancelFor,
    Command,
    Confirm,
    Extend,
    Find,
    Found,
    Initialize,
    OrderSettled,
    OrderUnknown,
)
from boxoffice.actors.values import (
    SECOND,
    CustomerId,
    EventId,
    Instant,
    Order,
    OrderId,
    OrderStatus,
    Terms,
    WaitlistMode,
)
from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.http import wire
from boxoffice.http.answers import reply_to
from boxoffice.http.commands import command_of
from boxoffice.http.problems import ProblemError

_BODIES: dict[str, Any] = {
    "/book": wire.BookBody,
    "/hold": wire.HoldBody,
    "/confirm": wire.ConfirmBody,
    "/extend": wire.ExtendBody,
    "/cancel": wire.CancelBody,
}


class PaperBox:
    """Events 1 … `events`, of so many tickets; those with odd numbers offer them to whoever waits."""

    def __init__(self, events: int, tickets: int, offer_s: int = 1, hold_s: int = 30) -> None:
        self.now = Instant(SECOND)
        self.seen: Counter[str] = Counter()
        self._events: dict[str, Inventory] = {}
        self._under_keys: dict[str, Answer] = {}
        self._orders: dict[OrderId, Order] = {}
        self._order_of: dict[CustomerId, OrderId] = {}
        for number in range(1, events + 1):
            mode = WaitlistMode.OFFER if number % 2 else WaitlistMode.BOOK
            terms = Terms(waitlist_mode=mode, offer_seconds=offer_s, hold_seconds=hold_s)
            event = self._events[str(number)] = Inventory(EventId(number))
            event.handle(Initialize("Concert", tickets, terms), self.now)

    @property
    def event_ids(self) -> list[str]:
        """All events."""
        return list(self._events)

    @property
    def live(self) -> int:
        """Orders that are live, what is overdue left out."""
        for event in self._events.values():
            event.end_overdue(self.now)
        return sum(event.live_orders for event in self._events.values())

    @property
    def waiting(self) -> int:
        """Orders in line."""
        return sum(event.status.waiting for event in self._events.values())

    def pass_time(self, seconds: float) -> None:
        """It is later."""
        self.now = Instant(self.now + round(seconds * SECOND))

    def ask(self, ask: Ask) -> Answer:
        """The answer, after its effect; the same as before under a key that was used."""
        if ask.key in self._under_keys:
            self.seen["a replay"] += 1
            return msgspec.structs.replace(self._under_keys[ask.key], replayed=True)
        answer = self._answer(ask)
        if ask.key is not None:
            self._under_keys[ask.key] = answer
        self.seen[f"{ask.call} {answer.status}"] += 1
        return answer

    def _answer(self, ask: Ask) -> Answer:
        if ask.call == "status":
            return Answer(200 if ask.path.removeprefix("/status/") in self._events else 404)
        try:
            reply = self._reply(*_read(ask))
        except ProblemError as problem:
            return Answer(problem.status, msgspec.json.encode(problem.document("request")))
        self.seen["promoted"] += len(getattr(reply.body, "promoted", ()))
        return Answer(reply.status, msgspec.json.encode(reply.body))

    def _reply(self, event_id: EventId, command: Command) -> Any:
        decision = self._events[str(event_id)].handle(command, self.now)
        for change in decision.changes:
            self._note(change)
        answer = decision.answer
        if isinstance(answer, OrderUnknown):
            answer = self._looked_up(command, answer.version) or answer
        return reply_to(event_id, answer, None)

    def _looked_up(self, command: Command, version: int) -> Answered | None:
        """What the desk would find in the database."""
        match command:
            case Find(order_id) if order_id in self._orders:
                return Found(self._orders[order_id], None, version)
            case Cancel(order_id) | Confirm(order_id) | Extend(order_id) if order_id in self._orders:
                return OrderSettled(self._orders[order_id], version)
            case CancelFor(customer) if customer in self._order_of:
                return OrderSettled(self._orders[self._order_of[customer]], version)
        return None

    def _note(self, change: object) -> None:
        """As the database would."""
        match change:
            case TicketsBooked(_, at, order_id, customer, quantity):
                self._orders[order_id] = Order(order_id, customer, quantity, OrderStatus.CONFIRMED, at)
                self._order_of[customer] = order_id
            case TicketsHeld(_, at, order_id, customer, quantity) | CustomerWaitlisted(
                _, at, order_id, customer, quantity
            ):
                self._orders[order_id] = Order(order_id, customer, quantity, OrderStatus.HELD, at)
                self._order_of[customer] = order_id
            case OrderCancelled() | OrderExpired():
                self._settle(change)

    def _settle(self, change: OrderCancelled | OrderExpired) -> None:
        is_cancelled = isinstance(change, OrderCancelled)
        status = OrderStatus.CANCELLED if is_cancelled else OrderStatus.EXPIRED
        self._orders[change.order_id] = msgspec.structs.replace(self._orders[change.order_id], status=status)
        self.seen["expired"] += not is_cancelled


def _read(ask: Ask) -> tuple[EventId, Command]:
    """What the server would read of it. Raises ValidationError for what it would not take."""
    if ask.call == "order":
        named = wire.order_id_of(ask.path.removeprefix("/orders/"))
        assert named is not None
        return named[0], Find(named[1])
    return command_of(msgspec.json.decode(ask.body, type=_BODIES[ask.path]), None)
