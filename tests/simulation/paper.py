"""One event replayed on the model, change by change, and what could truly be said of it at each version.

Unlike the engine's own replay it is told what was asked for, and decides anew what must have come of it. Says
how something differs from that, in words; None if it does not. Called by the version checker, on the test's
thread.
"""

from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any

import msgspec

from boxoffice.actors.changes import (
    Change,
    CustomerWaitlisted,
    OrderCancelled,
    OrderExpired,
    TicketsBooked,
    TicketsHeld,
)
from boxoffice.actors.messages import Adjusted, Answer, Cancel, CancelFor, Command, Confirm, Confirmed, Extend
from boxoffice.actors.values import (
    PROMOTIONS_SHOWN_MAX,
    CustomerId,
    EventId,
    Instant,
    Order,
    OrderId,
    OrderStatus,
)
from tests.simulation.requests import without_request_id
from tests.simulation.rules import effect_of, moments, problem_of
from tests.support.log import on_the_wire, status_on_the_wire
from tests.unit.model import Entry, Model

SETTLED = {"already_cancelled": OrderStatus.CANCELLED, "hold_expired": OrderStatus.EXPIRED}
"""Refusals of what is over for good."""

_ABSENT = "nothing"


class Paper:
    """The event at the version to which it has been replayed."""

    def __init__(self, event_number: int) -> None:
        self.model = Model(EventId(event_number))
        self._number = event_number
        self._spare, self._spare_from = self.model, -1  # a copy, and the version that it was made at
        self._settled: dict[OrderId, Order] = {}
        self._newest: dict[CustomerId, OrderId] = {}

    @property
    def version(self) -> int:
        """How many changes were replayed."""
        return self.model.version

    def entry(self, order_id: str) -> Entry | None:
        """The live order with this id."""
        return self.model.entry(OrderId(order_id))

    # --- one version on --------------------------------------------------------------------------

    def take(self, command: Command, change: Change) -> tuple[Answer, str | None]:
        """Ask for this at the time of the change: the answer, and how its effect is not the change."""
        before = self._order_of(change)
        answer = self.model.ask(command, change.at)
        if self.model.version > change.version:
            return answer, "something overdue should have ended first"
        self._note(change, before)
        return answer, _difference(effect_of(answer, self.model.at), change)

    def expire(self, change: OrderExpired) -> str | None:
        """Let end what is overdue the longest at the time of the change."""
        before = self._order_of(change)
        ended = self.model.end_one_overdue(max(change.at, self.model.at))
        if ended is None:
            return f"nothing was overdue, and the log has {change}"
        self._note(change, before)
        entry, promoted = ended
        return _difference(OrderExpired(self.model.version, self.model.at, entry.id, promoted), change)

    def would_make(self, command: Command, change: Change) -> bool:
        """Whether asking for this would have made the change. It is not made."""
        return effect_of(self._on_a_copy(command, change.at), change.at) == change

    def _order_of(self, change: Change) -> Entry | None:
        order_id = getattr(change, "order_id", None)
        return None if order_id is None else self.model.entry(order_id)

    def _note(self, change: Change, before: Entry | None) -> None:
        """What the model forgets, as the event's actor does: how orders ended, and whose is the newest."""
        if isinstance(change, OrderCancelled | OrderExpired) and before is not None:
            is_end = isinstance(change, OrderExpired)
            status = OrderStatus.EXPIRED if is_end else OrderStatus.CANCELLED
            gone = Order(before.id, before.customer, before.quantity, status, before.created_at)
            self._settled[before.id] = gone
        if isinstance(change, TicketsBooked | TicketsHeld | CustomerWaitlisted):
            newest = self._newest.get(change.customer, change.order_id)
            self._newest[change.customer] = max(newest, change.order_id)

    def _on_a_copy(self, command: Command, now: Instant) -> Answer:
        """What would be answered. Most of it is refused and changes nothing, so a copy lasts for a while."""
        if not self._spare.version == self._spare_from == self.model.version:
            self._spare, self._spare_from = copy(self.model), self.model.version
            self._spare.live = [Entry(**vars(entry)) for entry in self.model.live]
        return self._spare.ask(command, now)

    # --- what was said at this version -----------------------------------------------------------

    def answered(self, answer: Answer, status: int, said: Mapping[str, Any]) -> str | None:
        """How what a client was told is not this answer."""
        if isinstance(answer, Adjusted):
            answer = msgspec.structs.replace(answer, promoted=answer.promoted[:PROMOTIONS_SHOWN_MAX])
        true_status, true = on_the_wire(self._number, answer)
        return differences({"HTTP status": status, **said}, {"HTTP status": true_status, **true})

    def refused(
        self, command: Command, status: int, said: Mapping[str, Any], next_at: Instant | None
    ) -> str | None:
        """How a refusal, which says that this is its version, is not what the rules give.

        It was decided at a moment that nobody knows, so it need only be right at one of those possible.
        """
        facts = {"HTTP status": status, **_facts(said)}
        code = facts.get("code")
        if code == "version_moved":  # the `If-Match` is not known
            true = [self._problem(412, {"code": "version_moved"})] * (self.model.closed_at is None)
        elif code in SETTLED:
            true = [self._problem(409, self._settled_as(command))]
        else:
            answers = (self._on_a_copy(command, now) for now in moments(self.model, next_at))
            true = [self._problem(409, problem_of(self._number, answer)) for answer in answers]
        return None if facts in true else differences(facts, true[0] if true else {})

    def _problem(self, status: int, facts: dict[str, Any]) -> dict[str, Any]:
        told = {"HTTP status": status, "status": status, "type": f"/problems/{facts['code']}"}
        return {**told, **facts, "version": self.model.version}

    def _settled_as(self, command: Command) -> dict[str, Any]:
        """What no actor knows any more is looked up: it ended at this version or before."""
        named: OrderId | None = None
        match command:
            case Cancel(order_id) | Confirm(order_id) | Extend(order_id):
                named = order_id
            case CancelFor(customer):
                named = self._newest.get(customer)
        order = self._settled.get(named) if named is not None else None
        if order is None:
            return {"code": "none: the order is not over"}
        code = next(code for code, status in SETTLED.items() if status is order.status)
        return {"code": code, "orderId": f"{self._number}-{order.id}"}

    def shown(self, name: str, said: Mapping[str, Any]) -> str | None:
        """How a status, or an order if `name` is an order's, is not what it was at this version."""
        _, _, order_id = name.partition("-")
        return self._shown_order(OrderId(order_id), said) if order_id else self._shown_status(said)

    def _shown_status(self, said: Mapping[str, Any]) -> str | None:
        """It was looked at at any moment since: the sale may have opened, or closed, by then."""
        true = [status_on_the_wire(self.model.status, now) for now in moments(self.model, None)]
        return None if said in true else differences(said, true[0])

    def _shown_order(self, order_id: OrderId, said: Mapping[str, Any]) -> str | None:
        entry, position = self.model.entry(order_id), {}
        order = self._settled.get(order_id)
        if entry is not None:
            order = entry.order
            if order.status is OrderStatus.WAITLISTED:
                position = {"position": self.model.line.index(entry) + 1}
        if order is None:
            return "there is no such order"
        _, true = on_the_wire(self._number, Confirmed(order, self.model.version))
        return differences(said, {**true, **position})


def _facts(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a problem document says of the event, without the words around it."""
    words = ("title", "detail")
    facts = {name: value for name, value in without_request_id(said).items() if name not in words}
    if "orderIds" in facts:
        facts["orderIds"] = sorted(facts["orderIds"])  # the oldest first, by the engine's ids
    return facts


def differences(said: Mapping[str, Any], true: Mapping[str, Any]) -> str | None:
    """The fields in which two documents differ."""
    return "; ".join(_different(said, true)) or None


def _different(said: Mapping[str, Any], true: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*said, *true}):
        was, should_be = said.get(name, _ABSENT), true.get(name, _ABSENT)
        if was != should_be:
            yield f"{name} is {was}, and should be {should_be}"


def _difference(effect: Change | None, found: Change) -> str | None:
    return None if effect == found else f"the log has {found}, and should have {effect or 'nothing'}"
