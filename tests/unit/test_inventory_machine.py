"""Any history of commands: the inventory answers as the model does, and its log keeps every promise.

Hypothesis makes the histories up and shrinks the one that goes wrong. What must hold is checked twice, by
different means: each answer and each state against the model, and each prefix of the log against the
promises alone. The clock may jump back, and the inventory may be restored between any two commands.
"""

from random import Random

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from boxoffice.actors.changes import (
    Change,
    CustomerWaitlisted,
    OrderCancelled,
    TicketsBooked,
    decode,
    encode,
)
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import (
    Answer,
    Book,
    Booked,
    Cancel,
    CancelFor,
    Cancelled,
    Command,
    CustomerId,
    EventId,
    Find,
    Initialize,
    Initialized,
    Instant,
    Order,
    OrderId,
    OrderStatus,
    Waitlisted,
)
from tests.unit.model import Model

EVENT = EventId(7)
NAME = "Concert"
REGULARS = [CustomerId(name) for name in ("ada", "bob", "cy")]  # few, so that they come again

NOBODY = CustomerId("nobody")

any_of_them = st.integers(0, 99)  # taken modulo how many there are
new_or_regular = st.none() | st.sampled_from(REGULARS)
quantities = st.integers(1, 4)
parties = st.lists(st.tuples(new_or_regular, quantities), min_size=1, max_size=8)


def snapshot(inventory: Inventory) -> dict[str, object]:
    """Everything the inventory knows, private or not, apart from it."""
    return {slot: apart(getattr(inventory, slot)) for slot in Inventory.__slots__}


def apart(fact: object) -> object:
    """A copy as deep as it must be: the values within are frozen. No `deepcopy`: this runs at every step."""
    match fact:
        case dict():
            return {key: apart(value) for key, value in fact.items()}
        case set():
            return frozenset(fact)
        case _:
            return fact


def replay(log: list[Change]) -> Inventory:
    inventory = Inventory(EVENT)
    for change in log:
        inventory.apply(decode(encode(change)))
    return inventory


def check_state(inventory: Inventory) -> None:
    status, line = inventory.status, inventory.line
    with_tickets = [order for order in inventory.orders if order.status is OrderStatus.CONFIRMED]
    assert status.available >= 0, "oversold"
    assert status.available + status.booked == status.capacity
    assert status.booked == sum(order.quantity for order in with_tickets)
    assert status.waiting == len(line) == len(inventory.orders) - len(with_tickets)
    assert not line or line[0].quantity > status.available, "an idle ticket: the head of the line fits"


def check_order_of_service(before: list[Order], change: Change, after: list[Order]) -> None:
    came, stayed = [order.id for order in before], [order.id for order in after]
    match change:
        case TicketsBooked():
            assert came == [], "booked past the line"
        case CustomerWaitlisted():
            assert stayed == [*came, change.order_id], "not at the end of the line"
        case OrderCancelled():
            left = [order_id for order_id in came if order_id != change.order_id]
            assert [promotion.order_id for promotion in change.promoted] + stayed == left, "overtaken"


class InventoryMachine(RuleBasedStateMachine):
    @initialize(capacity=st.integers(1, 10), first=parties)
    def the_sale_opens(self, capacity: int, first: list[tuple[CustomerId | None, int]]) -> None:
        self.clock = Instant(1_000)
        self.log: list[Change] = []
        self.handed_out: list[OrderId] = []  # every order's id, live or dead
        self.inventory = Inventory(EVENT)
        self.replica = Inventory(EVENT)  # knows only the log, from nothing, in its stored form
        self.model = Model(EVENT, NAME, capacity, self.clock)
        self.ask(Initialize(NAME, capacity), Initialized(self.model.status))
        for customer, quantity in first:
            self.book(customer, quantity, waitlist=True)

    def ask(self, command: Command, expected: Answer) -> None:
        """The inventory decides without being touched, answers like the model, and applies its one change."""
        before = snapshot(self.inventory)
        decision = self.inventory.decide(command, self.clock)
        assert snapshot(self.inventory) == before, "decide changed something"
        assert decision.answer == expected
        changed = isinstance(expected, Initialized | Booked | Waitlisted | Cancelled)
        assert len(decision.changes) == changed
        for change in decision.changes:
            self.inventory.apply(change)
            self.follow(change)
        assert self.inventory.version == len(self.log)
        self.clock = Instant(self.clock + 1)

    def follow(self, change: Change) -> None:
        """The log grows by one version, so checking every change here checks every prefix."""
        before = self.replica.line
        stored = decode(encode(change))
        assert stored == change
        assert not self.log or stored.at >= self.log[-1].at, "time ran backwards"
        self.log.append(stored)
        self.replica.apply(stored)
        assert self.replica.version == stored.version == len(self.log)
        check_state(self.replica)
        check_order_of_service(before, stored, self.replica.line)

    def book(self, customer: CustomerId | None, quantity: int, waitlist: bool) -> None:
        number = len(self.handed_out)
        order_id = OrderId(f"order-{number:03}")  # like a UUIDv7: the later, the greater
        self.handed_out.append(order_id)
        command = Book(order_id, customer or CustomerId(f"guest-{number}"), quantity, waitlist)
        self.ask(command, self.model.book(command, self.clock))

    def cancel(self, order_id: OrderId) -> None:
        self.ask(Cancel(order_id), self.model.cancel(order_id, self.clock))

    def cancel_for(self, customer: CustomerId) -> None:
        self.ask(CancelFor(customer), self.model.cancel_for(customer, self.clock))

    def find(self, order_id: OrderId) -> None:
        self.ask(Find(order_id), self.model.find(order_id))

    @rule(customer=new_or_regular, quantity=quantities, waitlist=st.booleans())
    def somebody_books(self, customer: CustomerId | None, quantity: int, waitlist: bool) -> None:
        self.book(customer, quantity, waitlist)

    @rule(party=parties)
    def many_come_at_once(self, party: list[tuple[CustomerId | None, int]]) -> None:
        for customer, quantity in party:
            self.book(customer, quantity, waitlist=True)

    @precondition(lambda self: self.model.live)
    @rule(nth=any_of_them)
    def a_live_order_is_cancelled(self, nth: int) -> None:
        self.cancel(self.model.live[nth % len(self.model.live)].id)

    @precondition(lambda self: self.model.line)
    @rule()
    def the_head_of_the_line_is_cancelled(self) -> None:
        self.cancel(self.model.line[0].id)

    @rule(nth=any_of_them)
    def an_order_live_or_dead_or_unknown_is_cancelled(self, nth: int) -> None:
        order_ids = [*self.handed_out, OrderId("never-was")]
        self.cancel(order_ids[nth % len(order_ids)])

    @rule(nth=any_of_them)
    def a_customer_cancels(self, nth: int) -> None:
        customers = [*(entry.customer for entry in self.model.live), *REGULARS, NOBODY]
        self.cancel_for(customers[nth % len(customers)])

    @rule(nth=any_of_them)
    def an_order_live_or_dead_or_unknown_is_looked_up(self, nth: int) -> None:
        order_ids = [*self.handed_out, OrderId("never-was")]
        self.find(order_ids[nth % len(order_ids)])

    @precondition(lambda self: self.model.line)
    @rule(nth=any_of_them)
    def a_waiting_order_is_looked_up(self, nth: int) -> None:
        self.find(self.model.line[nth % len(self.model.line)].id)

    @rule(by=st.integers(-100, 100))
    def the_clock_jumps(self, by: int) -> None:
        self.clock = Instant(self.clock + by)

    @rule(random=st.randoms(use_true_random=False))
    def the_inventory_is_restored_from_its_live_orders(self, random: Random) -> None:
        self.inventory = self.restored(random)

    @rule()
    def the_inventory_is_replayed_from_its_log(self) -> None:
        self.inventory = replay(self.log)

    def restored(self, random: Random) -> Inventory:
        orders = self.inventory.orders
        random.shuffle(orders)
        return Inventory.restored(self.inventory.status, self.log[-1].at, orders)

    @invariant()
    def it_stands_where_the_model_stands(self) -> None:
        check_state(self.inventory)
        assert self.inventory.status == self.model.status
        assert self.inventory.line == [entry.order for entry in self.model.line]
        assert self.inventory.orders == [entry.order for entry in self.model.live]

    @invariant()
    def its_log_gives_the_same(self) -> None:
        assert snapshot(self.replica) == snapshot(self.inventory)

    @invariant()
    def its_live_orders_give_the_same(self) -> None:
        assert snapshot(self.restored(Random(0))) == snapshot(self.inventory)


# Without `Phase.explain`: a red run would spend minutes on comments in the history that it found.
TestInventoryAgainstTheModel = InventoryMachine.TestCase
TestInventoryAgainstTheModel.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)
