"""What a cancellation gives back, to whom it goes, and whose order it is: of a whole order, and of a part."""

from boxoffice.actors.changes import OrderCancelled, OrderReduced
from boxoffice.actors.messages import (
    Book,
    Booked,
    Cancel,
    Cancelled,
    Found,
    OrderAmbiguous,
    OrderUnknown,
    QuantityExceeded,
)
from boxoffice.actors.values import ORDER_IDS_MAX, CustomerId, Instant, OrderId
from tests.unit.desk import (
    CANCELLED,
    CONFIRMED,
    HELD,
    NOW,
    WAITLISTED,
    Desk,
    a_busy_desk,
    after,
    an_order,
    numbers,
    promotion,
)

# --- a whole order -------------------------------------------------------------------------------


def test_cancelled_tickets_are_on_sale_again() -> None:
    desk = Desk(5)
    desk.book("ann", 3)
    answer = desk.say(Cancel(OrderId("ann")), at=NOW + 50)
    assert answer == Cancelled(an_order("ann", 3, CANCELLED, at=NOW), 3, promoted=(), version=3)
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
        an_order("ann", 4, CANCELLED), 4, promoted=everyone_who_fits, version=7
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
    assert answer == Cancelled(an_order("ann", 2, CANCELLED), 2, promoted=(promotion("bob"),), version=7)
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
        an_order("bob", 2, CANCELLED), 2, promoted=(promotion("cat", 2),), version=6
    )
    assert numbers(desk.inventory) == (0, 2, 0)


def test_when_the_waiting_head_leaves_the_next_are_let_through() -> None:
    desk = Desk(3)
    desk.book("ann")
    for who, quantity in (("crowd", 3), ("bob", 1), ("cat", 1), ("dan", 1)):
        desk.book(who, quantity)
    assert desk.cancel("crowd") == Cancelled(
        an_order("crowd", 3, CANCELLED), 3, promoted=(promotion("bob"), promotion("cat")), version=7
    )
    assert desk.line == ["dan"]
    assert numbers(desk.inventory) == (0, 3, 1)


def test_when_the_waiting_head_leaves_the_next_head_blocks() -> None:
    desk = Desk(3)
    desk.book("ann", 2)
    for who, quantity in (("crowd", 3), ("pair", 2), ("bob", 1)):
        desk.book(who, quantity)
    assert desk.cancel("crowd") == Cancelled(an_order("crowd", 3, CANCELLED), 3, promoted=(), version=6)
    assert desk.line == ["pair", "bob"]


def test_whoever_leaves_the_middle_of_the_line_frees_nothing_and_lets_those_behind_move_up() -> None:
    desk = Desk(2)
    desk.book("ann")
    for who, quantity in (("pair", 2), ("bob", 1), ("cat", 1)):
        desk.book(who, quantity)
    assert desk.cancel("bob") == Cancelled(an_order("bob", 1, CANCELLED), 1, promoted=(), version=6)
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
        an_order("eve", 1, CANCELLED), 1, promoted=(promotion("bob", 2),), version=7
    )


def test_a_customer_cancels_their_one_place_in_line() -> None:
    desk = a_busy_desk()
    assert desk.cancel_for("bob") == Cancelled(
        an_order("bob", 2, CANCELLED), 2, promoted=(promotion("cat"),), version=7
    )


def test_a_customer_cancels_the_order_they_were_promoted_with() -> None:
    desk = Desk(1)
    desk.book("ann")
    desk.book("bob")
    desk.cancel("ann")
    assert desk.cancel_for("bob") == Cancelled(an_order("bob", 1, CANCELLED), 1, promoted=(), version=5)
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
        an_order("ann", 1, CANCELLED, order_id="third"), 1, promoted=(), version=7
    )


def test_a_customer_who_comes_back_after_cancelling_has_one_order() -> None:
    desk = Desk(2)
    desk.book("ann", order_id="first")
    desk.cancel("first")
    desk.book("ann", order_id="second")
    assert desk.cancel_for("ann") == Cancelled(
        an_order("ann", 1, CANCELLED, order_id="second"), 1, promoted=(), version=5
    )


# --- a part of an order --------------------------------------------------------------------------


def test_a_part_of_an_order_is_given_back_and_the_rest_stays() -> None:
    desk = Desk(5)
    desk.book("ann", 3)
    desk.wait(1)
    assert desk.cancel("ann", 2) == Cancelled(an_order("ann", 1, CONFIRMED), 2, promoted=(), version=3)
    assert desk.log[-1] == OrderReduced(3, after(1), OrderId("ann"), 1, ())
    assert numbers(desk.inventory) == (4, 1, 0)


def test_a_part_that_is_given_back_promotes_whoever_fits_in_the_same_change() -> None:
    desk = Desk(4)
    desk.book("ann", 4)
    for who in ("bob", "cat", "dan"):
        desk.book(who)
    promoted = (promotion("bob"), promotion("cat"))
    assert desk.cancel("ann", 2) == Cancelled(an_order("ann", 2, CONFIRMED), 2, promoted, version=6)
    assert desk.log[-1] == OrderReduced(6, NOW, OrderId("ann"), 2, promoted)
    assert desk.line == ["dan"]
    assert numbers(desk.inventory) == (0, 4, 1)


def test_a_part_that_is_given_back_is_not_enough_for_a_party_and_nobody_overtakes_it() -> None:
    desk = Desk(3)
    desk.book("ann", 3)
    desk.book("pair", 2)
    desk.book("single")
    assert desk.cancel("ann", 1) == Cancelled(an_order("ann", 2, CONFIRMED), 1, promoted=(), version=5)
    assert desk.line == ["pair", "single"]
    assert desk.cancel("ann", 1) == Cancelled(
        an_order("ann", 1, CONFIRMED), 1, promoted=(promotion("pair", 2),), version=6
    )


def test_a_part_of_a_hold_is_given_back_and_the_rest_ends_when_it_would_have() -> None:
    desk = Desk(5)
    desk.hold("ann", 3, seconds=60)
    desk.wait(10)
    assert desk.cancel("ann", 1) == Cancelled(
        an_order("ann", 2, HELD, expires_at=after(60)), 1, promoted=(), version=3
    )
    assert desk.counts == (3, 0, 2, 0, 0)


def test_whoever_waits_for_fewer_keeps_their_place() -> None:
    desk = Desk(2)
    desk.book("ann", 2)
    for who in ("bob", "cat", "dan"):
        desk.book(who, 2)
    assert desk.cancel("cat", 1) == Cancelled(
        an_order("cat", 1, WAITLISTED, place=4), 1, promoted=(), version=6
    )
    assert desk.find("cat") == Found(an_order("cat", 1, WAITLISTED, place=4), position=2, version=6)
    assert desk.line == ["bob", "cat", "dan"]
    assert desk.inventory.status.waiting_tickets == 5


def test_the_head_of_the_line_that_waits_for_fewer_and_now_fits_promotes_itself() -> None:
    desk = Desk(3)
    desk.book("ann", 2)
    desk.book("pair", 2)
    desk.book("bob")
    promoted = (promotion("pair", 1),)
    assert desk.cancel("pair", 1) == Cancelled(an_order("pair", 1, CONFIRMED), 1, promoted, version=5)
    assert desk.log[-1] == OrderReduced(5, NOW, OrderId("pair"), 1, promoted)
    assert desk.line == ["bob"]
    assert numbers(desk.inventory) == (0, 3, 1)


def test_the_head_of_the_line_that_waits_for_fewer_lets_those_behind_through_as_well() -> None:
    desk = Desk(4)
    desk.book("ann")
    desk.book("crowd", 4)
    for who in ("bob", "cat", "dan"):
        desk.book(who)
    promoted = (promotion("crowd", 1), promotion("bob"), promotion("cat"))
    assert desk.cancel("crowd", 3) == Cancelled(an_order("crowd", 1, CONFIRMED), 3, promoted, version=7)
    assert desk.line == ["dan"]


def test_whoever_behind_the_head_waits_for_fewer_does_not_overtake_it() -> None:
    desk = Desk(3)
    desk.book("ann", 2)
    desk.book("pair", 2)
    desk.book("bob", 2)
    assert desk.cancel("bob", 1) == Cancelled(
        an_order("bob", 1, WAITLISTED, place=4), 1, promoted=(), version=5
    )
    assert numbers(desk.inventory) == (1, 2, 2)


def test_an_order_of_which_all_is_given_back_is_cancelled() -> None:
    desk = Desk(5)
    desk.book("ann", 3)
    assert desk.cancel("ann", 3) == Cancelled(an_order("ann", 3, CANCELLED), 3, promoted=(), version=3)
    assert desk.log[-1] == OrderCancelled(3, NOW, OrderId("ann"), ())
    assert desk.find("ann") == OrderUnknown(version=3)


def test_nobody_gives_back_more_than_they_have() -> None:
    desk = Desk(5)
    desk.book("ann", 3)
    assert desk.cancel("ann", 4) == QuantityExceeded(quantity=3, version=2)
    desk.cancel("ann", 2)
    assert desk.cancel("ann", 2) == QuantityExceeded(quantity=1, version=3)
    assert numbers(desk.inventory) == (4, 1, 0)


def test_a_customer_gives_back_a_part_of_their_one_order() -> None:
    desk = Desk(5)
    desk.book("ann", 3)
    assert desk.cancel_for("ann", 1) == Cancelled(an_order("ann", 2, CONFIRMED), 1, promoted=(), version=3)
    assert desk.cancel_for("ann", 3) == QuantityExceeded(quantity=2, version=3)
    assert desk.cancel_for("nobody", 1) == OrderUnknown(version=3)


def test_a_customer_with_several_orders_must_say_of_which_they_give_back_a_part() -> None:
    desk = Desk(5)
    desk.book("ann", 2, order_id="first")
    desk.book("ann", 2, order_id="second")
    assert desk.cancel_for("ann", 1) == OrderAmbiguous((OrderId("first"), OrderId("second")), 2, version=3)


def test_one_cancellation_promotes_only_who_fits_and_not_everyone() -> None:
    desk = Desk(3)
    desk.book("ann", 3)
    for number in range(50):
        desk.book(f"guest-{number:02}")
    answer = desk.cancel("ann", 1)
    assert isinstance(answer, Cancelled)
    assert answer.promoted == (promotion("guest-00"),)
    assert len(desk.line) == 49


def test_a_promoted_order_that_is_cancelled_goes_to_the_next_and_never_comes_back() -> None:
    desk = Desk(1)
    for who in ("ann", "bob", "cat"):
        desk.book(who)
    desk.cancel("ann")
    assert desk.cancel("bob") == Cancelled(
        an_order("bob", 1, CANCELLED), 1, promoted=(promotion("cat"),), version=6
    )
    assert desk.cancel("cat") == Cancelled(an_order("cat", 1, CANCELLED), 1, promoted=(), version=7)
    assert desk.standing == {}
    assert numbers(desk.inventory) == (1, 0, 0)
