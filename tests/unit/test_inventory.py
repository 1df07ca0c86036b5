"""The rules of the inventory, one by one, each in the smallest history that shows it."""

from copy import deepcopy

import pytest

from boxoffice.actors.changes import (
    Change,
    CustomerWaitlisted,
    EventInitialized,
    OrderCancelled,
    TicketsBooked,
)
from boxoffice.actors.inventory import Decision, Inventory
from boxoffice.actors.messages import (
    ORDER_IDS_MAX,
    Answer,
    Book,
    Booked,
    Cancel,
    CancelFor,
    Cancelled,
    CapacityExceeded,
    Command,
    CustomerId,
    EventId,
    EventStatus,
    EventUnknown,
    Find,
    Found,
    Initialize,
    Initialized,
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

CONFIRMED, WAITLISTED, CANCELLED = OrderStatus.CONFIRMED, OrderStatus.WAITLISTED, OrderStatus.CANCELLED
EVENT = EventId(7)
NOW = Instant(1_000)


def an_order(
    who: str, quantity: int, status: OrderStatus, place: int | None = None, at: int = NOW, order_id: str = ""
) -> Order:
    """The order of `who`; by default it is called after them, and so is the next one they make."""
    return Order(OrderId(order_id or who), CustomerId(who), quantity, status, Instant(at), place)


def promotion(who: str, quantity: int = 1) -> Promotion:
    return Promotion(OrderId(who), CustomerId(who), quantity)


def numbers(inventory: Inventory) -> tuple[int, int, int]:
    """Available, booked, waiting."""
    status = inventory.status
    return status.available, status.booked, status.waiting


def snapshot(inventory: Inventory) -> dict[str, object]:
    """Everything the inventory knows, private or not, apart from it."""
    return {slot: deepcopy(getattr(inventory, slot)) for slot in Inventory.__slots__}


class Desk:
    """An event on sale, and somebody who passes commands to it and keeps the log."""

    def __init__(self, capacity: int) -> None:
        self.inventory = Inventory(EVENT)
        self.log: list[Change] = []
        self.say(Initialize("Concert", capacity))

    def say(self, command: Command, at: int = NOW) -> Answer:
        decision = self.inventory.decide(command, Instant(at))
        for change in decision.changes:
            self.inventory.apply(change)
            self.log.append(change)
        return decision.answer

    def book(self, who: str, quantity: int = 1, *, waitlist: bool = True, order_id: str = "") -> Answer:
        return self.say(Book(OrderId(order_id or who), CustomerId(who), quantity, waitlist))

    def cancel(self, order_id: str) -> Answer:
        return self.say(Cancel(OrderId(order_id)))

    def cancel_for(self, who: str) -> Answer:
        return self.say(CancelFor(CustomerId(who)))

    def find(self, order_id: str) -> Answer:
        return self.say(Find(OrderId(order_id)))

    @property
    def line(self) -> list[str]:
        return [order.id for order in self.inventory.line]


def a_busy_desk() -> Desk:
    """Five tickets: ann has 3 and eve 1, one is left; then wait bob (2), cat (1), and ann again (4)."""
    desk = Desk(5)
    desk.book("ann", 3)
    desk.book("eve")
    desk.book("bob", 2)
    desk.book("cat")
    desk.book("ann", 4, order_id="ann-again")
    return desk


ON_A_BUSY_DESK: list[Command] = [
    Book(OrderId("new"), CustomerId("new")),
    Book(OrderId("new"), CustomerId("ann"), 2),
    Book(OrderId("new"), CustomerId("new"), waitlist=False),
    Book(OrderId("new"), CustomerId("new"), 6),
    Cancel(OrderId("ann")),
    Cancel(OrderId("bob")),
    Cancel(OrderId("cat")),
    Cancel(OrderId("nobody")),
    CancelFor(CustomerId("ann")),
    CancelFor(CustomerId("eve")),
    CancelFor(CustomerId("nobody")),
    Find(OrderId("ann")),
    Find(OrderId("cat")),
    Find(OrderId("nobody")),
]


# --- an event begins -----------------------------------------------------------------------------


def test_a_new_inventory_is_empty_at_version_0() -> None:
    inventory = Inventory(EVENT)
    assert inventory.version == 0
    assert inventory.status == EventStatus(EVENT, "", 0, 0, 0, 0, 0)
    assert inventory.orders == inventory.line == []


@pytest.mark.parametrize("command", ON_A_BUSY_DESK)
def test_before_it_is_initialised_an_event_is_unknown_to_everyone(command: Command) -> None:
    assert Inventory(EVENT).decide(command, NOW) == Decision((), EventUnknown())


def test_initialize_puts_all_tickets_on_sale() -> None:
    inventory = Inventory(EVENT)
    status = EventStatus(EVENT, "Concert", capacity=5, available=5, booked=0, waiting=0, version=1)
    decision = inventory.decide(Initialize("Concert", 5), NOW)
    assert decision == Decision((EventInitialized(1, NOW, "Concert", 5),), Initialized(status))
    inventory.apply(decision.changes[0])
    assert inventory.status == status


def test_an_event_is_initialised_once() -> None:
    desk = a_busy_desk()
    before = snapshot(desk.inventory)
    with pytest.raises(ValueError, match="event 7 is initialised already"):
        desk.say(Initialize("Again", 9))
    assert snapshot(desk.inventory) == before


# --- booking -------------------------------------------------------------------------------------


def test_whoever_comes_while_tickets_last_gets_them() -> None:
    desk = Desk(5)
    assert desk.book("ann", 3) == Booked(an_order("ann", 3, CONFIRMED), version=2)
    assert desk.log[-1] == TicketsBooked(2, NOW, OrderId("ann"), CustomerId("ann"), 3)
    assert numbers(desk.inventory) == (2, 3, 0)


def test_the_last_tickets_are_sold() -> None:
    desk = Desk(5)
    desk.book("ann", 3)
    assert isinstance(desk.book("bob", 2), Booked)
    assert numbers(desk.inventory) == (0, 5, 0)


def test_one_order_may_take_every_ticket() -> None:
    desk = Desk(5)
    assert isinstance(desk.book("ann", 5), Booked)
    assert numbers(desk.inventory) == (0, 5, 0)


def test_a_party_gets_all_of_its_tickets_or_none() -> None:
    desk = Desk(3)
    desk.book("ann", 2)
    assert isinstance(desk.book("bob", 2), Waitlisted)
    assert numbers(desk.inventory) == (1, 2, 1)


def test_whoever_comes_too_late_waits_at_the_end_of_the_line() -> None:
    desk = Desk(1)
    desk.book("ann")
    assert desk.book("bob") == Waitlisted(an_order("bob", 1, WAITLISTED, place=3), position=1, version=3)
    assert desk.log[-1] == CustomerWaitlisted(3, NOW, OrderId("bob"), CustomerId("bob"), 1)
    assert desk.book("cat") == Waitlisted(an_order("cat", 1, WAITLISTED, place=4), position=2, version=4)
    assert desk.book("dan") == Waitlisted(an_order("dan", 1, WAITLISTED, place=5), position=3, version=5)
    assert desk.line == ["bob", "cat", "dan"]


def test_a_place_that_became_free_is_never_handed_out_anew() -> None:
    desk = Desk(1)
    for who in ("ann", "bob", "cat"):
        desk.book(who)
    desk.cancel("cat")  # version 5; places 3 and 4 are taken
    assert desk.book("dan") == Waitlisted(an_order("dan", 1, WAITLISTED, place=6), position=2, version=6)


def test_whoever_does_not_want_to_wait_is_told_that_it_is_sold_out() -> None:
    desk = Desk(3)
    desk.book("ann", 2)
    assert desk.book("bob", 2, waitlist=False) == SoldOut(available=1, waiting=0, version=2)
    assert numbers(desk.inventory) == (1, 2, 0)


def test_whoever_does_not_want_to_wait_need_not_while_tickets_last() -> None:
    assert isinstance(Desk(1).book("ann", waitlist=False), Booked)


def test_a_party_of_two_at_the_head_is_not_overtaken_by_a_single() -> None:
    desk = Desk(2)
    desk.book("ann")
    desk.book("pair", 2)
    assert desk.book("single") == Waitlisted(
        an_order("single", 1, WAITLISTED, place=4), position=2, version=4
    )
    assert numbers(desk.inventory) == (1, 1, 2)


def test_nobody_slips_past_the_line_by_refusing_to_wait() -> None:
    desk = Desk(2)
    desk.book("ann")
    desk.book("pair", 2)
    assert desk.book("single", waitlist=False) == SoldOut(available=1, waiting=1, version=3)
    assert desk.line == ["pair"]


@pytest.mark.parametrize("waitlist", [True, False])
def test_nobody_may_wait_for_more_tickets_than_the_event_has(waitlist: bool) -> None:
    desk = Desk(5)
    assert desk.book("crowd", 6, waitlist=waitlist) == CapacityExceeded(capacity=5, version=1)
    desk.book("ann", 5)
    assert desk.book("crowd", 6, waitlist=waitlist) == CapacityExceeded(capacity=5, version=2)
    assert desk.line == []


def test_one_may_wait_for_all_the_tickets_there_are() -> None:
    desk = Desk(5)
    desk.book("ann")
    desk.book("crowd", 5)
    desk.cancel("ann")
    assert numbers(desk.inventory) == (0, 5, 0)


def test_a_customer_may_have_several_orders() -> None:
    desk = Desk(3)
    desk.book("ann", order_id="first")
    desk.book("ann", 2, order_id="second")
    assert [order.id for order in desk.inventory.orders] == ["first", "second"]
    assert numbers(desk.inventory) == (0, 3, 0)


# --- cancelling ----------------------------------------------------------------------------------


def test_cancelled_tickets_are_on_sale_again() -> None:
    desk = Desk(5)
    desk.book("ann", 3)
    answer = desk.say(Cancel(OrderId("ann")), at=NOW + 50)
    assert answer == Cancelled(an_order("ann", 3, CANCELLED, at=NOW), promoted=(), version=3)
    assert desk.log[-1] == OrderCancelled(3, Instant(NOW + 50), OrderId("ann"), ())
    assert numbers(desk.inventory) == (5, 0, 0)
    assert isinstance(desk.book("bob", 5), Booked)


def test_freed_tickets_go_to_everyone_at_the_head_who_fits_in_the_same_change() -> None:
    desk = Desk(4)
    desk.book("ann", 4)
    for who, quantity in (("bob", 1), ("cat", 2), ("dan", 1), ("eve", 1)):
        desk.book(who, quantity)
    everyone_who_fits = (promotion("bob"), promotion("cat", 2), promotion("dan"))
    assert desk.cancel("ann") == Cancelled(
        an_order("ann", 4, CANCELLED), promoted=everyone_who_fits, version=7
    )
    assert desk.log[-1] == OrderCancelled(7, NOW, OrderId("ann"), everyone_who_fits)
    assert desk.line == ["eve"]
    assert numbers(desk.inventory) == (0, 4, 1)


def test_the_first_in_line_who_does_not_fit_blocks_those_behind_them_who_would() -> None:
    desk = Desk(3)
    desk.book("ann", 2)
    desk.book("eve")
    for who, quantity in (("bob", 1), ("pair", 2), ("cat", 1)):
        desk.book(who, quantity)
    answer = desk.cancel("ann")  # two are free: one for bob, one lies idle until pair can have two
    assert answer == Cancelled(an_order("ann", 2, CANCELLED), promoted=(promotion("bob"),), version=7)
    assert desk.line == ["pair", "cat"]
    assert numbers(desk.inventory) == (1, 2, 2)


def test_the_head_waits_until_enough_single_tickets_came_back() -> None:
    desk = Desk(2)
    desk.book("ann")
    desk.book("bob")
    desk.book("pair", 2)
    desk.cancel("ann")
    assert numbers(desk.inventory) == (1, 1, 1)
    desk.cancel("bob")
    assert numbers(desk.inventory) == (0, 2, 0)


def test_a_promoted_order_is_confirmed_and_keeps_its_time() -> None:
    desk = Desk(1)
    desk.book("ann")
    desk.book("bob")
    desk.say(Book(OrderId("cat"), CustomerId("cat")), at=NOW + 20)
    desk.say(Cancel(OrderId("ann")), at=NOW + 50)
    assert desk.find("bob") == Found(an_order("bob", 1, CONFIRMED, at=NOW), position=None, version=5)


def test_a_promoted_order_gives_its_tickets_back_when_it_is_cancelled() -> None:
    desk = Desk(2)
    for who in ("ann", "bob", "cat"):
        desk.book(who, 2)
    desk.cancel("ann")
    assert desk.cancel("bob") == Cancelled(
        an_order("bob", 2, CANCELLED), promoted=(promotion("cat", 2),), version=6
    )
    assert numbers(desk.inventory) == (0, 2, 0)


def test_when_the_waiting_head_leaves_the_next_are_let_through() -> None:
    desk = Desk(3)
    desk.book("ann")
    for who, quantity in (("crowd", 3), ("bob", 1), ("cat", 1), ("dan", 1)):
        desk.book(who, quantity)
    assert desk.cancel("crowd") == Cancelled(
        an_order("crowd", 3, CANCELLED), promoted=(promotion("bob"), promotion("cat")), version=7
    )
    assert desk.line == ["dan"]
    assert numbers(desk.inventory) == (0, 3, 1)


def test_when_the_waiting_head_leaves_the_next_head_blocks() -> None:
    desk = Desk(3)
    desk.book("ann", 2)
    for who, quantity in (("crowd", 3), ("pair", 2), ("bob", 1)):
        desk.book(who, quantity)
    assert desk.cancel("crowd") == Cancelled(an_order("crowd", 3, CANCELLED), promoted=(), version=6)
    assert desk.line == ["pair", "bob"]


def test_whoever_leaves_the_middle_of_the_line_frees_nothing_and_lets_those_behind_move_up() -> None:
    desk = Desk(2)
    desk.book("ann")
    for who, quantity in (("pair", 2), ("bob", 1), ("cat", 1)):
        desk.book(who, quantity)
    assert desk.cancel("bob") == Cancelled(an_order("bob", 1, CANCELLED), promoted=(), version=6)
    assert desk.find("cat") == Found(an_order("cat", 1, WAITLISTED, place=5), position=2, version=6)
    assert numbers(desk.inventory) == (1, 1, 2)


def test_an_order_is_cancelled_once() -> None:
    desk = Desk(2)
    desk.book("ann")
    desk.cancel("ann")
    assert desk.cancel("ann") == OrderUnknown(version=3)
    assert numbers(desk.inventory) == (2, 0, 0)


def test_an_order_that_never_was_cannot_be_cancelled() -> None:
    assert Desk(2).cancel("ann") == OrderUnknown(version=1)


# --- cancelling by customer ----------------------------------------------------------------------


def test_a_customer_cancels_their_one_order() -> None:
    desk = a_busy_desk()
    assert desk.cancel_for("eve") == Cancelled(
        an_order("eve", 1, CANCELLED), promoted=(promotion("bob", 2),), version=7
    )


def test_a_customer_cancels_their_one_place_in_line() -> None:
    desk = a_busy_desk()
    assert desk.cancel_for("bob") == Cancelled(
        an_order("bob", 2, CANCELLED), promoted=(promotion("cat"),), version=7
    )


def test_a_customer_cancels_the_order_they_were_promoted_with() -> None:
    desk = Desk(1)
    desk.book("ann")
    desk.book("bob")
    desk.cancel("ann")
    assert desk.cancel_for("bob") == Cancelled(an_order("bob", 1, CANCELLED), promoted=(), version=5)
    assert numbers(desk.inventory) == (1, 0, 0)


def test_a_customer_without_orders_has_nothing_to_cancel() -> None:
    assert Desk(2).cancel_for("ann") == OrderUnknown(version=1)


def test_a_customer_whose_orders_are_all_cancelled_has_nothing_to_cancel() -> None:
    desk = Desk(2)
    desk.book("ann", order_id="first")
    desk.book("ann", order_id="second")
    desk.cancel("first")
    desk.cancel("second")
    assert desk.cancel_for("ann") == OrderUnknown(version=5)


def test_a_customer_with_several_orders_must_say_which_and_sees_the_oldest_first() -> None:
    desk = Desk(9)
    order_ids = tuple(OrderId(f"order-{n}") for n in range(8))
    for order_id in order_ids:
        desk.book("ann", 2, order_id=order_id)  # the first four are confirmed, the others wait
    assert desk.cancel_for("ann") == OrderAmbiguous(order_ids, len(order_ids), version=9)
    assert numbers(desk.inventory) == (1, 8, 4)


def test_of_very_many_orders_the_oldest_are_named_and_all_are_counted() -> None:
    desk = Desk(1)
    order_ids = tuple(OrderId(f"order-{n:03}") for n in range(ORDER_IDS_MAX + 1))
    for number, order_id in enumerate(reversed(order_ids)):
        desk.say(Book(order_id, CustomerId("ann"), 1, waitlist=True), at=NOW + number)
    oldest_first = order_ids[:0:-1]
    assert desk.cancel_for("ann") == OrderAmbiguous(oldest_first, ORDER_IDS_MAX + 1, version=102)


def test_a_customer_with_one_order_left_need_not_say_which() -> None:
    desk = Desk(3)
    for order_id in ("first", "second", "third"):
        desk.book("ann", order_id=order_id)
    desk.cancel("second")
    assert desk.cancel_for("ann") == OrderAmbiguous((OrderId("first"), OrderId("third")), 2, version=5)
    desk.cancel("first")
    assert desk.cancel_for("ann") == Cancelled(
        an_order("ann", 1, CANCELLED, order_id="third"), promoted=(), version=7
    )


def test_a_customer_who_comes_back_after_cancelling_has_one_order() -> None:
    desk = Desk(2)
    desk.book("ann", order_id="first")
    desk.cancel("first")
    desk.book("ann", order_id="second")
    assert desk.cancel_for("ann") == Cancelled(
        an_order("ann", 1, CANCELLED, order_id="second"), promoted=(), version=5
    )


# --- looking -------------------------------------------------------------------------------------


def test_a_confirmed_order_is_found_without_a_position() -> None:
    assert a_busy_desk().find("ann") == Found(an_order("ann", 3, CONFIRMED), position=None, version=6)


@pytest.mark.parametrize(
    ("order", "position"),
    [
        (an_order("bob", 2, WAITLISTED, place=4), 1),
        (an_order("cat", 1, WAITLISTED, place=5), 2),
        (an_order("ann", 4, WAITLISTED, place=6, order_id="ann-again"), 3),
    ],
)
def test_a_waiting_order_is_found_with_its_position(order: Order, position: int) -> None:
    assert a_busy_desk().find(order.id) == Found(order, position, version=6)


def test_a_position_counts_those_who_still_wait() -> None:
    desk = a_busy_desk()
    desk.cancel("eve")  # bob leaves the line with his tickets
    assert desk.find("ann-again") == Found(
        an_order("ann", 4, WAITLISTED, place=6, order_id="ann-again"), position=2, version=7
    )


def test_a_cancelled_order_is_not_found() -> None:
    desk = a_busy_desk()
    desk.cancel("bob")
    assert desk.find("bob") == OrderUnknown(version=7)


def test_an_order_that_never_was_is_not_found() -> None:
    assert Desk(2).find("ann") == OrderUnknown(version=1)


def test_only_live_orders_are_kept() -> None:
    desk = a_busy_desk()
    desk.cancel("ann")
    assert [order.id for order in desk.inventory.orders] == ["ann-again", "bob", "cat", "eve"]
    assert [order.status for order in desk.inventory.orders] == [WAITLISTED, CONFIRMED, CONFIRMED, CONFIRMED]


# --- time, and who may touch what ----------------------------------------------------------------


def test_time_never_runs_backwards() -> None:
    desk = Desk(1)
    ann, bob = (Book(OrderId(who), CustomerId(who)) for who in ("ann", "bob"))
    assert desk.say(ann, at=NOW + 9) == Booked(an_order("ann", 1, CONFIRMED, at=NOW + 9), 2)
    assert desk.say(bob, at=NOW - 5) == Waitlisted(
        an_order("bob", 1, WAITLISTED, place=3, at=NOW + 9), position=1, version=3
    )
    desk.say(Cancel(OrderId("ann")), at=NOW + 8)
    desk.say(CancelFor(CustomerId("bob")), at=0)
    assert [change.at - NOW for change in desk.log] == [0, 9, 9, 9, 9]


@pytest.mark.parametrize("command", ON_A_BUSY_DESK)
def test_deciding_touches_nothing(command: Command) -> None:
    inventory = a_busy_desk().inventory
    before = snapshot(inventory)
    first = inventory.decide(command, Instant(NOW + 1))
    assert snapshot(inventory) == before
    assert inventory.decide(command, Instant(NOW + 1)) == first


@pytest.mark.parametrize("command", ON_A_BUSY_DESK)
def test_the_version_grows_by_one_with_a_change_and_not_with_a_refusal(command: Command) -> None:
    desk = a_busy_desk()
    answer = desk.say(command)
    changed = isinstance(answer, Booked | Waitlisted | Cancelled)
    assert desk.inventory.version == 6 + changed
    assert [change.version for change in desk.log] == list(range(1, 7 + changed))


# --- made again ----------------------------------------------------------------------------------


def a_desk_with_a_past() -> Desk:
    """A busy desk at which orders were cancelled, and others promoted, since."""
    desk = a_busy_desk()
    desk.say(Cancel(OrderId("eve")), at=NOW + 30)
    desk.book("bob", 2, order_id="bob-again")
    desk.say(Cancel(OrderId("cat")), at=NOW + 40)
    return desk


def test_the_log_replayed_from_nothing_gives_the_same_state() -> None:
    desk = a_desk_with_a_past()
    replayed = Inventory(EVENT)
    for change in desk.log:
        replayed.apply(change)
    assert snapshot(replayed) == snapshot(desk.inventory)


@pytest.mark.parametrize("backwards", [False, True])
def test_live_orders_in_any_order_restore_the_same_state(backwards: bool) -> None:
    desk = a_desk_with_a_past()
    live = desk.inventory
    orders = live.orders[::-1] if backwards else live.orders
    restored = Inventory.restored(live.status, desk.log[-1].at, orders)
    assert snapshot(restored) == snapshot(live)
    assert [order.id for order in restored.line] == ["ann-again", "bob-again"]


@pytest.mark.parametrize("command", ON_A_BUSY_DESK)
def test_a_restored_event_decides_as_if_nothing_had_happened(command: Command) -> None:
    desk = a_desk_with_a_past()
    live = desk.inventory
    restored = Inventory.restored(live.status, desk.log[-1].at, live.orders)
    assert restored.decide(command, Instant(0)) == live.decide(command, Instant(0))


def test_restoring_counts_anew_instead_of_trusting_the_status() -> None:
    desk = a_busy_desk()
    wrong = EventStatus(EVENT, "Concert", capacity=5, available=4, booked=1, waiting=9, version=6)
    assert Inventory.restored(wrong, NOW, desk.inventory.orders).status == desk.inventory.status


def test_an_order_lost_from_the_tables_shows_in_the_restored_status() -> None:
    desk = a_busy_desk()
    live = desk.inventory
    for lost in live.orders:
        rest = [order for order in live.orders if order is not lost]
        assert Inventory.restored(live.status, NOW, rest).status != live.status
