"""One event from its beginning on, followed by four at once: whatever any of them sees otherwise, fails.

The inventory handles each command; the model answers it on paper; a replica knows only the log in its
stored form; and each version of it is checked against the promises. Driven by the tests that make
histories up.
"""

from collections import Counter
from random import Random

from boxoffice.actors.changes import Change, OrderCancelled, OrderExpired, OrderReduced, decode, encode
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import (
    Answer,
    Cancel,
    CancelFor,
    Cancelled,
    Command,
    LimitExceeded,
    OrderUnknown,
)
from boxoffice.actors.values import Instant, OrderId
from tests.unit.desk import EVENT, snapshot
from tests.unit.model import Model
from tests.unit.promises import Version, check_state, check_step


class History:
    """Everything that was ever said about one event, and what it was answered."""

    def __init__(self) -> None:
        self.clock = Instant(1_000_000_000)
        self.inventory = Inventory(EVENT)
        self.replica = Inventory(EVENT)
        self.model = Model(EVENT)
        self.log: list[Change] = []
        self.over: set[OrderId] = set()
        self.seen: Counter[str] = Counter()
        """How often each kind of change and of answer came, and what else is worth coming across."""

    def ask(self, command: Command) -> Answer:
        """Have it handled, and see that all four agree on everything."""
        untouched = snapshot(self.inventory)
        self.inventory.decide(command, self.clock)
        assert snapshot(self.inventory) == untouched, "decide changed something"
        reach = self.inventory.reach(command) if isinstance(command, Cancel | CancelFor) else 0
        expected = self.model.ask(command, self.clock)
        decision = self.inventory.handle(command, self.clock)
        assert decision.answer == expected
        if isinstance(expected, Cancelled):
            assert len(expected.promoted) <= reach, "it reached further than was said"
        for change in decision.changes:
            self._follow(change)
        assert self.inventory.version == self.model.version == len(self.log)
        now = max(self.clock, self._at)
        assert not Version(self.inventory, now).overdue(now), "something overdue is left"
        self._note(command, decision.changes, decision.answer)
        self.clock = Instant(self.clock + 1)
        self.check()
        return decision.answer

    def check(self) -> None:
        """They stand at the same version of the same event."""
        assert self.inventory.status == self.model.status
        assert self.inventory.line == [entry.order for entry in self.model.line]
        assert self.inventory.orders == [entry.order for entry in self.model.live]
        expiries = [entry.expires_at for entry in self.model.live if entry.expires_at is not None]
        assert self.inventory.next_expiry == min(expiries, default=None)
        now = snapshot(self.inventory)
        assert snapshot(self.replica) == now, "its log gives something else"
        assert snapshot(self.restored()) == now, "its live orders give something else"
        assert self.restored().contradiction(self.inventory.status) is None

    def restored(self, random: Random | None = None) -> Inventory:
        """As it comes back at start-up: from its status and its live orders, in any order."""
        orders = self.inventory.orders
        if random is not None:
            random.shuffle(orders)
        return Inventory.restored(self.inventory.status, self._at, orders)

    def replayed(self) -> Inventory:
        """As the audit makes it: from its log alone."""
        inventory = Inventory(EVENT)
        for change in self.log:
            inventory.apply(decode(encode(change)))
        return inventory

    @property
    def _at(self) -> Instant:
        return self.log[-1].at if self.log else Instant(0)

    def _follow(self, change: Change) -> None:
        """The log grows by one version, so checking every change here checks every prefix."""
        before = Version(self.replica, self._at)
        stored = decode(encode(change))
        assert stored == change
        assert stored.at == max(self.clock, self._at)
        self.log.append(stored)
        self.replica.apply(stored)
        after = Version(self.replica, stored.at)
        check_state(after)
        check_step(before, stored, after)
        if isinstance(stored, OrderCancelled | OrderExpired):
            self.over.add(stored.order_id)
            self.seen[f"{before.orders[stored.order_id].status.value} {type(stored).__name__}"] += 1
        assert not self.over & after.orders.keys(), "an order that was over came back"

    def _note(self, command: Command, changes: tuple[Change, ...], answer: Answer) -> None:
        kind = type(answer).__name__
        self.seen[f"{kind} {answer.limit}" if isinstance(answer, LimitExceeded) else kind] += 1
        for change in changes:
            name = type(change).__name__
            self.seen[name] += 1
            for promotion in getattr(change, "promoted", ()):
                self.seen[f"{name} promotes"] += 1
                self.seen["offer" if promotion.expires_at else "promotion"] += 1
                if isinstance(change, OrderReduced) and promotion.order_id == change.order_id:
                    self.seen["promotes itself"] += 1
        if len(changes) > 2:
            self.seen["several end at once"] += 1
        line = self.inventory.line
        if line and line[0].quantity <= self.inventory.available:
            self.seen["idle after the end"] += 1
        ended = [change.order_id for change in changes if isinstance(change, OrderExpired)]
        if isinstance(answer, OrderUnknown) and getattr(command, "order_id", "") in ended:
            self.seen[f"too late to {type(command).__name__}"] += 1
        self.seen["has " + "+".join(sorted({order.status.value for order in self.inventory.orders}))] += 1


ALL_AT_ONCE = "has confirmed+held+offered+waitlisted"
"""What is seen of an event that has live orders of every status."""
