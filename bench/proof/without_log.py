"""What can be proved of an event without its log, from its orders as they are now, for want of a scope.

Every acknowledged order is there; the orders add up to the status, and to no more than the capacity; and each
of them was asked for. Who was first, and what was so in between, only the log could tell. Called on a thread.
"""

from collections import Counter
from collections.abc import Iterable

import msgspec

from boxoffice.bench.proof.findings import (
    ASKED,
    FIRST,
    NO_EFFECT,
    RULES,
    SOLD,
    STATUS,
    THERE,
    TRUE,
    Findings,
)
from boxoffice.bench.proof.requests import DONE, UNKNOWN, Records, Requests, Told
from boxoffice.bench.proof.said import Said, read_said

MAKING = ("book", "hold")
REASON = "the API key lacks the scope `admin`, without which no log can be read"
LEFT_OUT = (FIRST, RULES, NO_EFFECT, TRUE)
"""Checks that need the log."""


class OrdersProof:
    """One event: hand over its orders in any number of pieces, then `end` it."""

    def __init__(
        self, event_id: str, requests: Requests, records: Records, findings: Findings, *, all_known: bool
    ) -> None:
        self._event_id = event_id
        self._findings = findings
        self._all_known = all_known
        self._asked: dict[str, list[Told]] = {}
        self._missing: dict[str, tuple[Told, Said]] = {}
        self._tickets: Counter[object] = Counter()
        self._orders = 0
        self.applied = 0
        """Requests of unknown outcome that have made an order."""
        for check in LEFT_OUT:
            findings.skip(check, REASON)
        for row in requests.rows(DONE, UNKNOWN):
            self._enter(requests.roles[row], records[requests.numbers[row]])

    def _enter(self, role: int, told: Told) -> None:
        if told.do not in MAKING:
            return
        if role == DONE:
            self._findings.look(THERE)
            try:
                said = read_said(told.body)
            except msgspec.MsgspecError as error:
                self._found(THERE, f"the answer to {told} cannot be read: {error}")
                return
            self._missing[said.order_id or ""] = told, said
        elif role == UNKNOWN:
            self._asked.setdefault(str(told.asked.u), []).append(told)

    def _found(self, check: str, what: str) -> None:
        self._findings.found(check, f"event {self._event_id}: {what}")

    def take(self, orders: Iterable[Said]) -> None:
        """Look at these orders, each once."""
        for order in orders:
            self._tickets[order.status] += order.quantity or 0
            self._orders += order.status == "waitlisted"
            owner = self._missing.pop(order.order_id or "", None)
            if owner is not None:
                self._look_at_owner(*owner, order)
            elif self._all_known:
                self._look_for_owner(order)
            if self._all_known:
                self._findings.look(ASKED)

    def _look_at_owner(self, told: Told, said: Said, order: Said) -> None:
        if (said.user_id, str(told.asked.u)) != (order.user_id, order.user_id):
            self._found(THERE, f"{told} was answered with {order.order_id}, which is {order.user_id}'s")
        elif (order.quantity or 0) > (said.quantity or 0) or said.quantity != (told.asked.q or 1):
            self._found(
                THERE, f"{told} was answered with {said.quantity} tickets; now it has {order.quantity}"
            )

    def _look_for_owner(self, order: Said) -> None:
        asked = self._asked.get(order.user_id or "", [])
        if asked:
            asked.pop()
            self.applied += 1
        else:
            self._found(ASKED, f"nobody asked for {order.order_id}, {order.user_id}'s of {order.quantity}")

    def end(self, status: Said | None) -> None:
        """There are no more orders. The status is what it was before the first of them and after the last."""
        for told, said in self._missing.values():
            self._found(THERE, f"{told} was answered with {said.order_id}, and there is no such order")
        if status is None:
            return
        self._findings.look(SOLD)
        taken = sum(self._tickets[name] for name in ("confirmed", "held", "offered"))
        if taken > (status.total_tickets or 0):
            self._found(SOLD, f"{taken:,} tickets are booked, held or offered, of {status.total_tickets:,}")
        self._findings.look(STATUS)
        shown = (
            status.booked_tickets, status.held_tickets, status.offered_tickets, status.waiting_list_count
        )  # fmt: skip
        counted = (
            self._tickets["confirmed"], self._tickets["held"], self._tickets["offered"], self._orders
        )  # fmt: skip
        if shown != counted:
            self._found(
                STATUS, f"it shows {shown} booked, held, offered and waiting; the orders make {counted}"
            )
