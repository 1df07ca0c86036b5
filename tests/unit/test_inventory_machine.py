"""Any history of commands: the inventory answers as the model does, and its log keeps every promise.

Hypothesis makes the histories up and shrinks the one that goes wrong. What must hold is checked twice, by
different means: each answer and each state against the model, and each prefix of the log against the
promises alone. Time moves forward by seconds, so that holds, offers and sales end; the clock may jump back;
the terms change; and the inventory may be made anew between any two commands.
"""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TypeAlias, get_args

from hypothesis import Phase, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import UNSET, UnsetType

from boxoffice.actors.changes import Change
from boxoffice.actors.messages import (
    Adjust,
    Answer,
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
from tests.unit.crowd import REGULARS, Crowd
from tests.unit.desk import snapshot
from tests.unit.history import ALL_AT_ONCE, History
from tests.unit.model import Entry

HELD, OFFERED = OrderStatus.HELD, OrderStatus.OFFERED
Party: TypeAlias = list[tuple[CustomerId | None, int]]
NEVER_WAS, NOBODY = OrderId("never-was"), CustomerId("nobody")

any_of_them = st.integers(0, 99)  # taken modulo how many there are
new_or_regular = st.none() | st.sampled_from(REGULARS)
quantities = st.integers(1, 4)
parts = st.none() | st.integers(1, 4)
seconds = st.none() | st.integers(1, 7)
moments = st.none() | st.integers(-2, 4)  # in seconds from now
parties = st.lists(st.tuples(new_or_regular, quantities), min_size=1, max_size=8)
limits = st.none() | st.integers(1, 6)
terms = st.builds(
    Terms,
    max_per_order=st.none() | st.integers(2, 4),
    max_per_customer=st.none() | st.integers(3, 8),
    waitlist_limit=st.none() | st.integers(0, 5),
    waitlist_mode=st.sampled_from(WaitlistMode),
    offer_seconds=st.integers(1, 4),
    hold_seconds=st.integers(1, 3),
    max_hold_seconds=st.integers(3, 6),
)


OnBehalf = type[Confirm | Extend | Cancel | Find]
on_behalf = st.sampled_from([Confirm, Extend, Cancel, Find])


class InventoryMachine(RuleBasedStateMachine):
    @initialize(capacity=st.integers(1, 12), terms=terms, first=parties, how=st.sampled_from([Book, Hold]))
    def the_sale_opens(
        self, capacity: int, terms: Terms, first: Party, how: Callable[..., Book | Hold]
    ) -> None:
        self.history = History()
        self.handed_out: list[OrderId] = []  # every order's id, live or dead
        self.ask(Initialize("Concert", capacity, terms))
        for customer, quantity in first:
            self.take(how, customer, quantity, waitlist=True)

    def ask(self, command: Command) -> None:
        self.history.ask(command)

    def take(
        self, how: Callable[..., Book | Hold], customer: CustomerId | None, quantity: int, **also: object
    ) -> None:
        number = len(self.handed_out)
        order_id = OrderId(f"order-{number:04}")  # like a UUIDv7: the later, the greater
        self.handed_out.append(order_id)
        self.ask(how(order_id, customer or CustomerId(f"guest-{number}"), quantity, **also))

    def having(self, *statuses: OrderStatus) -> list[Entry]:
        return self.history.model.having(*statuses)

    def nth_having(self, nth: int, *statuses: OrderStatus) -> OrderId:
        """One of these; if there is none, any at all: live, dead, or never born."""
        order_ids = [entry.id for entry in self.having(*statuses)] or [*self.handed_out, NEVER_WAS]
        return order_ids[nth % len(order_ids)]

    def nth_order(self, nth: int) -> OrderId:
        order_ids = [*self.handed_out, NEVER_WAS]
        return order_ids[nth % len(order_ids)]

    # --- taking ----------------------------------------------------------------------------------

    @rule(customer=new_or_regular, quantity=quantities, waitlist=st.booleans())
    def somebody_books(self, customer: CustomerId | None, quantity: int, waitlist: bool) -> None:
        self.take(Book, customer, quantity, waitlist=waitlist)

    @rule(customer=new_or_regular, quantity=quantities, waitlist=st.booleans(), seconds=seconds)
    def somebody_holds(
        self, customer: CustomerId | None, quantity: int, waitlist: bool, seconds: int | None
    ) -> None:
        self.take(Hold, customer, quantity, waitlist=waitlist, seconds=seconds)

    @rule(party=parties, how=st.sampled_from([Book, Hold]))
    def many_come_at_once(self, party: Party, how: Callable[..., Book | Hold]) -> None:
        for customer, quantity in party:
            self.take(how, customer, quantity, waitlist=True)

    # --- keeping ---------------------------------------------------------------------------------

    @rule(nth=any_of_them)
    def what_is_held_or_offered_is_confirmed(self, nth: int) -> None:
        self.ask(Confirm(self.nth_having(nth, HELD, OFFERED)))

    @rule(nth=any_of_them, seconds=seconds)
    def a_hold_is_extended(self, nth: int, seconds: int | None) -> None:
        self.ask(Extend(self.nth_having(nth, HELD), seconds))

    @rule(nth=any_of_them, seconds=seconds, how=st.sampled_from([Confirm, Extend]))
    def any_order_is_confirmed_or_extended(
        self, nth: int, seconds: int | None, how: type[Confirm | Extend]
    ) -> None:
        order_id = self.nth_order(nth)
        self.ask(Confirm(order_id) if how is Confirm else Extend(order_id, seconds))

    # --- leaving ---------------------------------------------------------------------------------

    @rule(nth=any_of_them, quantity=parts)
    def a_live_order_is_cancelled(self, nth: int, quantity: int | None) -> None:
        self.ask(Cancel(self.nth_having(nth, *OrderStatus), quantity))

    @rule(nth=any_of_them)
    def an_offer_is_declined(self, nth: int) -> None:
        self.ask(Cancel(self.nth_having(nth, OFFERED)))

    @precondition(lambda self: self.history.model.line)
    @rule(quantity=parts)
    def the_head_of_the_line_is_cancelled(self, quantity: int | None) -> None:
        self.ask(Cancel(self.history.model.line[0].id, quantity))

    @rule(nth=any_of_them)
    def an_order_live_or_dead_or_unknown_is_cancelled(self, nth: int) -> None:
        self.ask(Cancel(self.nth_order(nth)))

    @rule(nth=any_of_them, quantity=parts)
    def a_customer_cancels(self, nth: int, quantity: int | None) -> None:
        customers = [*(entry.customer for entry in self.having(*OrderStatus)), *REGULARS, NOBODY]
        self.ask(CancelFor(customers[nth % len(customers)], quantity))

    # --- on one's own behalf ---------------------------------------------------------------------

    @rule(nth=any_of_them, other=any_of_them, is_own=st.booleans(), how=on_behalf)
    def a_customer_asks_for_an_order(self, nth: int, other: int, is_own: bool, how: OnBehalf) -> None:
        orders = self.having(*OrderStatus)
        customers = [*(entry.customer for entry in orders), *REGULARS, NOBODY]
        customer = customers[(nth if is_own and orders else other) % len(customers)]
        self.ask(how(self.nth_having(nth, *OrderStatus), on_behalf_of=customer))

    # --- the organiser ---------------------------------------------------------------------------

    @rule(by=st.integers(-3, 4), version_behind=st.none() | st.integers(0, 1))
    def it_grows_or_shrinks(self, by: int, version_behind: int | None) -> None:
        model = self.history.model
        if_version = None if version_behind is None else model.version - version_behind
        self.ask(Adjust(if_version, capacity=max(1, model.capacity + by)))

    @rule(opens=moments, closes=moments)
    def the_window_moves(self, opens: int | None, closes: int | None) -> None:
        self.ask(Adjust(sales_open_at=self.moment(opens), sales_close_at=self.moment(closes)))

    @rule(capacity=st.just(UNSET) | st.integers(1, 12))
    def the_window_is_taken_away(self, capacity: int | UnsetType) -> None:
        self.ask(Adjust(sales_open_at=None, sales_close_at=None, capacity=capacity))

    @rule(order=limits, customer=limits, waitlist=st.none() | st.integers(0, 5))
    def the_limits_change(self, order: int | None, customer: int | None, waitlist: int | None) -> None:
        self.ask(Adjust(max_per_order=order, max_per_customer=customer, waitlist_limit=waitlist))

    @rule(mode=st.sampled_from(WaitlistMode), offer=st.integers(1, 4), hold=st.integers(1, 4))
    def the_times_change(self, mode: WaitlistMode, offer: int, hold: int) -> None:
        longest = UNSET if hold == 1 else 6 - hold
        self.ask(Adjust(None, "Encore", UNSET, waitlist_mode=mode, offer_seconds=offer, hold_seconds=hold,
                        max_hold_seconds=longest))  # fmt: skip

    @precondition(lambda self: len(self.history.log) > 25)
    @rule()
    def the_sale_is_closed_for_good(self) -> None:
        self.ask(Close())

    def moment(self, in_seconds: int | None) -> Instant | None:
        return None if in_seconds is None else Instant(self.history.clock + in_seconds * SECOND)

    # --- looking, and time -----------------------------------------------------------------------

    @rule(nth=any_of_them)
    def an_order_live_or_dead_or_unknown_is_looked_up(self, nth: int) -> None:
        self.ask(Find(self.nth_order(nth)))

    @precondition(lambda self: self.history.model.line)
    @rule(nth=any_of_them)
    def a_waiting_order_is_looked_up(self, nth: int) -> None:
        self.ask(Find(self.nth_having(nth, OrderStatus.WAITLISTED)))

    @rule(nths=st.lists(any_of_them, max_size=5))
    def many_orders_are_looked_at(self, nths: list[int]) -> None:
        self.ask(Look(tuple(map(self.nth_order, nths))))

    @rule(seconds=st.integers(0, 5))
    def time_passes(self, seconds: int) -> None:
        self.history.clock = Instant(self.history.clock + seconds * SECOND)
        self.ask(Tick())

    @rule(milliseconds=st.integers(0, 3_000))
    def time_passes_unnoticed(self, milliseconds: int) -> None:
        self.history.clock = Instant(self.history.clock + milliseconds * 1_000)

    @precondition(lambda self: self.history.inventory.next_expiry is not None)
    @rule(by=st.integers(-1, 0))
    def it_is_the_very_moment_of_an_expiry_or_the_last_one_before(self, by: int) -> None:
        self.history.clock = Instant((self.history.inventory.next_expiry or 0) + by)

    @rule(milliseconds=st.integers(1, 10_000))
    def the_clock_jumps_back(self, milliseconds: int) -> None:
        self.history.clock = Instant(self.history.clock - milliseconds * 1_000)

    # --- made anew -------------------------------------------------------------------------------

    @rule(random=st.randoms(use_true_random=False))
    def the_inventory_is_restored_from_its_live_orders(self, random: Random) -> None:
        self.history.inventory = self.history.restored(random)

    @rule()
    def the_inventory_is_replayed_from_its_log(self) -> None:
        self.history.inventory = self.history.replayed()

    @invariant()
    def all_of_them_stand_at_the_same_version(self) -> None:
        self.history.check()

    def teardown(self) -> None:
        for kind in self.history.seen if hasattr(self, "history") else ():
            event(kind)


# Without `Phase.explain`: a red run would spend minutes on comments in the history that it found.
TestInventoryAgainstTheModel = InventoryMachine.TestCase
TestInventoryAgainstTheModel.settings = settings(
    max_examples=300,
    stateful_step_count=50,
    print_blob=True,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)


# --- not vacuous: what a long history must have come across --------------------------------------

NEVER_OF_AN_INVENTORY = {
    "OrderSettled", "NotApplied", "Overloaded", "EventMoved", "EventUnavailable", "OutcomeUnknown",
    "LimitExceeded",
}  # fmt: skip
"""Answers of those who keep the event; a limit is told with its name."""

NOTABLE = {
    *(change.__name__ for change in get_args(Change)),
    *({answer.__name__ for answer in get_args(Answer)} - NEVER_OF_AN_INVENTORY),
    *(f"LimitExceeded {limit}" for limit in ("max_per_order", "max_per_customer", "max_hold_seconds")),
    *(f"Order{how} promotes" for how in ("Cancelled", "Expired", "Reduced")),
    *(f"{status} OrderCancelled" for status in ("confirmed", "held", "offered", "waitlisted")),
    "held OrderExpired",
    "offered OrderExpired",
    "EventAdjusted promotes",
    "offer",
    "promotion",
    "promotes itself",
    "several end at once",
    "idle after the end",
    "too late to Confirm",
    "too late to Extend",
    "too late to Cancel",
    ALL_AT_ONCE,
}


def a_long_history(seed: int) -> Counter[str]:
    history, crowd = History(), Crowd(Random(seed))
    history.ask(Tick())
    history.ask(crowd.opening(history.clock))
    for _ in range(250):
        history.clock = crowd.moment(history.clock)
        history.ask(crowd.command(history.inventory, history.clock))
    assert snapshot(history.replayed()) == snapshot(history.inventory)
    return history.seen


def test_long_histories_keep_every_promise_and_come_across_everything_that_can_happen() -> None:
    seen: Counter[str] = Counter()
    for seed in range(40):
        seen += a_long_history(seed)
    assert {what for what in NOTABLE if seen[what] < 3} == set()
