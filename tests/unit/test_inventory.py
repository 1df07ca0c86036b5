"""The rules of the inventory, one by one, each in the smallest history that shows it.

Here an event begins, sells its tickets, is looked at and is made again; what else there is to it stands in
the other `test_inventory_*.py`.
"""

import pytest

from boxoffice.actors.changes import CustomerWaitlisted, EventInitialized, TicketsBooked
from boxoffice.actors.inventory import Decision, Inventory
from boxoffice.actors.messages import (
    Adjusted,
    Book,
    Booked,
    Cancel,
    CancelFor,
    Cancelled,
    CapacityExceeded,
    Closed,
    Command,
    EventUnknown,
    Found,
    Held,
    Initialize,
    Initialized,
    OrderUnknown,
    SalesClosed,
    SoldOut,
    Waitlisted,
)
from boxoffice.actors.values import CustomerId, Instant, Order, OrderId, Terms
from tests.unit.desk import (
    CONFIRMED,
    EVENT,
    HELD,
    NOW,
    OFFERED,
    OFFERS,
    ON_A_BUSY_DESK,
    WAITLISTED,
    Desk,
    a_busy_desk,
    a_status,
    after,
    an_order,
    numbers,
    snapshot,
)

# --- an event begins -----------------------------------------------------------------------------


def test_a_new_inventory_is_empty_at_version_0() -> None:
    inventory = Inventory(EVENT)
    assert inventory.version == 0
    assert inventory.status == a_status(name="", capacity=0, version=0)
    assert inventory.orders == inventory.line == []
    assert inventory.next_expiry is None


@pytest.mark.parametrize("command", ON_A_BUSY_DESK)
def test_before_it_is_initialised_an_event_is_unknown_to_everyone(command: Command) -> None:
    assert Inventory(EVENT).decide(command, NOW) == Decision((), EventUnknown())
    assert Inventory(EVENT).handle(command, NOW) == Decision((), EventUnknown())


def test_initialize_puts_all_tickets_on_sale() -> None:
    inventory = Inventory(EVENT)
    terms = Terms(max_per_order=4)
    status = a_status(capacity=5, version=1, terms=terms)
    decision = inventory.decide(Initialize("Concert", 5, terms), NOW)
    assert decision == Decision((EventInitialized(1, NOW, "Concert", 5, terms),), Initialized(status, NOW))
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
    changed = isinstance(answer, Booked | Held | Waitlisted | Cancelled | Adjusted | Closed)
    assert desk.inventory.version == 6 + changed
    assert [change.version for change in desk.log] == list(range(1, 7 + changed))


# --- made again ----------------------------------------------------------------------------------


def a_desk_with_a_past() -> Desk:
    """A desk with orders of every status: some were offered their tickets, and some are gone."""
    desk = Desk(6, OFFERS)
    desk.hold("gus")
    desk.book("ann", 3)
    for who, quantity in (("eve", 1), ("bob", 2), ("cat", 1)):
        desk.book(who, quantity)
    desk.book("ann", 4, order_id="ann-again")
    desk.wait(3)
    desk.cancel("eve")
    desk.hold("bob", 2, order_id="bob-again")
    desk.wait(4)
    desk.cancel("cat")
    return desk


def test_a_desk_with_a_past_has_orders_of_every_status() -> None:
    assert a_desk_with_a_past().standing == {
        "ann": CONFIRMED, "gus": HELD, "bob": OFFERED, "ann-again": WAITLISTED, "bob-again": WAITLISTED
    }  # fmt: skip


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


@pytest.mark.parametrize("seconds", [0, 100, 1_000])  # nothing has ended; the offer has; the hold has, too
@pytest.mark.parametrize("command", ON_A_BUSY_DESK)
def test_a_restored_event_decides_as_if_nothing_had_happened(command: Command, seconds: int) -> None:
    desk = a_desk_with_a_past()
    live = desk.inventory
    restored = Inventory.restored(live.status, desk.log[-1].at, live.orders)
    assert restored.next_expiry == live.next_expiry
    assert restored.handle(command, after(seconds)) == live.handle(command, after(seconds))
    assert snapshot(restored) == snapshot(live)


def test_an_event_that_was_closed_for_good_stays_so() -> None:
    desk = a_desk_with_a_past()
    desk.close()
    live = desk.inventory
    restored = Inventory.restored(live.status, desk.log[-1].at, live.orders)
    assert snapshot(restored) == snapshot(live)
    new = Book(OrderId("new"), CustomerId("new"))
    assert restored.decide(new, after(9)).answer == SalesClosed(closed_at=after(7), version=live.version)


def test_a_restored_event_does_not_go_back_in_time() -> None:
    desk = a_desk_with_a_past()
    live = desk.inventory
    restored = Inventory.restored(live.status, desk.log[-1].at, live.orders)
    (change,) = restored.decide(Cancel(OrderId("ann")), Instant(0)).changes
    assert change.at == after(7)


def test_restoring_counts_anew_instead_of_trusting_the_status() -> None:
    desk = a_busy_desk()
    wrong = a_status(capacity=5, booked=1, waiting=9, version=6)
    restored = Inventory.restored(wrong, NOW, desk.inventory.orders)
    assert restored.status == desk.inventory.status
    assert restored.contradiction(wrong) is not None


def test_an_event_that_was_stored_as_it_is_does_not_contradict_itself() -> None:
    live = a_desk_with_a_past().inventory
    assert live.contradiction(live.status) is None


def test_an_order_lost_from_the_tables_contradicts_the_stored_status() -> None:
    live = a_desk_with_a_past().inventory
    for lost in live.orders:
        rest = [order for order in live.orders if order is not lost]
        restored = Inventory.restored(live.status, after(7), rest)
        assert restored.status != live.status
        assert restored.contradiction(live.status) is not None


def idle(terms: Terms | None = None, closed_at: Instant | None = None) -> Inventory:
    """One of two tickets is free, and somebody waits for one."""
    status = a_status(capacity=2, booked=1, waiting=1, version=3, terms=terms, closed_at=closed_at)
    orders = [an_order("ann", 1, CONFIRMED), an_order("bob", 1, WAITLISTED, place=3)]
    return Inventory.restored(status, NOW, orders)


def test_a_ticket_that_lies_idle_contradicts_the_rules() -> None:
    inventory = idle()
    assert inventory.contradiction(inventory.status) == (
        "1 tickets lie idle while the first in line could have them"
    )


@pytest.mark.parametrize(
    "inventory", [idle(closed_at=NOW), idle(Terms(sales_close_at=NOW))], ids=["for good", "by its time"]
)
def test_after_the_end_of_the_sale_a_ticket_may_lie_idle(inventory: Inventory) -> None:
    assert inventory.contradiction(inventory.status) is None
