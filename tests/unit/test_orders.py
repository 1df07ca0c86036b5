"""The live orders of an event: found by every one of their names, and counted, whatever becomes of them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from boxoffice.actors.orders import INDEXED_FROM, LiveOrders
from boxoffice.actors.values import CustomerId, Instant, Order, OrderId, OrderStatus
from tests.unit.desk import CANCELLED, CONFIRMED, HELD, OFFERED, WAITLISTED, an_order

EXPIRED = OrderStatus.EXPIRED

ANN = an_order("ann", 3, CONFIRMED)
BOB = an_order("bob", 2, HELD, expires_at=Instant(50))
CAT = an_order("cat", 1, OFFERED, expires_at=Instant(40))
DAN = an_order("dan", 4, WAITLISTED, place=7)
EVE = an_order("eve", 1, WAITLISTED, place=5)
ONE_OF_EACH = [ANN, BOB, CAT, DAN, EVE]


def one_by_one(orders: list[Order]) -> LiveOrders:
    live = LiveOrders()
    for order in orders:
        live.add(order)
    return live


made = pytest.mark.parametrize("make", [one_by_one, LiveOrders.restored], ids=["added", "restored"])
Make = Callable[[list[Order]], LiveOrders]


def sums(live: LiveOrders) -> tuple[int, int, int, int, int]:
    """Booked, held, offered, and how many tickets and orders wait."""
    return live.booked, live.held, live.offered, live.waiting_tickets, live.waiting


# --- asking --------------------------------------------------------------------------------------


def test_where_there_are_no_orders_none_is_found() -> None:
    live = LiveOrders()
    assert list(live) == list(live.line()) == live.of(CustomerId("ann")) == []
    assert (live.first_in_line, live.first_expiry, live.get(OrderId("ann"))) == (None, None, None)
    assert sums(live) == (0, 0, 0, 0, 0)


@made
@pytest.mark.parametrize("order", ONE_OF_EACH, ids=lambda order: order.status.value)
def test_an_order_is_found_by_its_id_and_by_its_customer(make: Make, order: Order) -> None:
    live = make(ONE_OF_EACH)
    assert live.get(order.id) == order
    assert live.of(order.customer) == [order]


@made
def test_the_tickets_of_each_status_are_counted(make: Make) -> None:
    live = make(ONE_OF_EACH)
    assert sums(live) == (3, 2, 1, 5, 2)
    assert live.taken == 6


@made
def test_the_line_goes_by_place(make: Make) -> None:
    live = make(ONE_OF_EACH)
    assert list(live.line()) == [EVE, DAN]
    assert live.first_in_line == EVE
    assert [live.position(order) for order in (EVE, DAN, ANN, BOB)] == [1, 2, None, None]


@made
def test_the_first_expiry_is_the_earliest_of_holds_and_offers(make: Make) -> None:
    live = make(ONE_OF_EACH)
    assert live.first_expiry == (40, "cat")
    live.remove(CAT.id)
    assert live.first_expiry == (50, "bob")
    live.remove(BOB.id)
    assert live.first_expiry is None


@made
def test_of_those_that_end_at_once_the_lower_id_is_first(make: Make) -> None:
    orders = [an_order(who, 1, HELD, expires_at=Instant(9)) for who in ("cat", "ann", "bob")]
    assert make(orders).first_expiry == (9, "ann")


@made
def test_a_customer_may_have_many_orders_and_each_is_let_go_by_itself(make: Make) -> None:
    orders = [an_order("ann", 1, CONFIRMED, order_id=order_id) for order_id in ("a", "b", "c")]
    live = make(orders)
    ann = CustomerId("ann")
    assert sorted(order.id for order in live.of(ann)) == ["a", "b", "c"]
    live.remove(OrderId("b"))
    assert sorted(order.id for order in live.of(ann)) == ["a", "c"]
    live.remove(OrderId("a"))
    assert live.of(ann) == [orders[2]]
    live.remove(OrderId("c"))
    assert live.of(ann) == []
    live.add(orders[0])
    assert live.of(ann) == [orders[0]]


@made
def test_orders_of_a_customer_are_counted_once_there_is_an_index_and_none_is_made_for_it(make: Make) -> None:
    live = make([ANN, BOB, an_order("bob", 1, CONFIRMED, order_id="another")])
    ann, bob, nobody = (CustomerId(name) for name in ("ann", "bob", "nobody"))
    assert live.number_of(ann) is None
    live.of(ann)
    assert [live.number_of(each) for each in (ann, bob, nobody)] == [1, 2, 0]


# --- changing ------------------------------------------------------------------------------------


@made
def test_what_is_let_go_of_is_found_by_nothing_any_more(make: Make) -> None:
    live = make(ONE_OF_EACH)
    for order in ONE_OF_EACH:
        live.remove(order.id)
        assert live.get(order.id) is None
        assert live.of(order.customer) == []
        assert order not in list(live.line())
    assert sums(live) == (0, 0, 0, 0, 0)
    assert (live.first_expiry, live.first_in_line) == (None, None)


@made
@pytest.mark.parametrize("before", ONE_OF_EACH, ids=lambda order: order.status.value)
@pytest.mark.parametrize("now", ONE_OF_EACH, ids=lambda order: order.status.value)
def test_whatever_stands_for_an_order_is_found_in_its_stead(make: Make, before: Order, now: Order) -> None:
    instead = replace(
        before, quantity=9, status=now.status, place=now.place and now.place + 1, expires_at=now.expires_at
    )
    live = make(ONE_OF_EACH)
    live.replace(instead)
    others = [order for order in ONE_OF_EACH if order is not before]
    same = LiveOrders.restored([*others, instead])
    assert sums(live) == sums(same)
    assert list(live.line()) == list(same.line())
    assert live.first_expiry == same.first_expiry
    assert live.get(before.id) is instead
    assert live.of(before.customer) == [instead]


def test_an_order_that_waits_for_fewer_keeps_its_place() -> None:
    live = one_by_one(ONE_OF_EACH)
    fewer = replace(DAN, quantity=1)
    live.replace(fewer)
    assert list(live.line()) == [EVE, fewer]
    assert live.position(fewer) == 2


def test_an_order_that_is_not_there_cannot_be_let_go_of_or_replaced() -> None:
    live = one_by_one([ANN])
    with pytest.raises(KeyError):
        live.remove(BOB.id)
    with pytest.raises(KeyError):
        live.replace(BOB)
    assert list(live) == [ANN]


@made
@pytest.mark.parametrize("status", [CANCELLED, EXPIRED])
def test_an_order_that_is_over_is_not_taken_in(make: Make, status: OrderStatus) -> None:
    with pytest.raises(ValueError, match=f"an order that is {status.value} is not live"):
        make([an_order("ann", 1, status)])


# --- at length -----------------------------------------------------------------------------------

kinds = st.sampled_from([CONFIRMED, HELD, OFFERED, WAITLISTED])
steps = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2), st.integers(1, 5), kinds), max_size=40)


@given(steps=steps)
def test_whatever_is_added_replaced_and_removed_the_rest_is_as_if_just_restored(
    steps: list[tuple[int, int, int, OrderStatus]],
) -> None:
    live, known = LiveOrders(), dict[OrderId, Order]()
    for place, (number, customer, quantity, status) in enumerate(steps):
        order = an_order(
            f"customer-{customer if number < 5 else number}",
            quantity,
            status,
            place=place if status is WAITLISTED else None,
            expires_at=Instant(quantity) if status in (HELD, OFFERED) else None,
            order_id=f"order-{number}",
        )
        if order.id not in known:
            live.add(order)
            known[order.id] = order
        elif quantity > 3:
            live.remove(order.id)
            del known[order.id]
        else:
            order = replace(order, customer=known[order.id].customer)
            live.replace(order)
            known[order.id] = order
        same = LiveOrders.restored(known.values())
        assert sums(live) == sums(same)
        assert list(live.line()) == list(same.line())
        assert live.first_expiry == same.first_expiry
        for customer_id in {each.customer for each in known.values()}:
            assert sorted(each.id for each in live.of(customer_id)) == sorted(
                each.id for each in same.of(customer_id)
            )


class Place(int):
    """Counts how often any of its kind is compared."""

    compared = 0

    def __lt__(self, other: int) -> bool:
        Place.compared += 1
        return int(self) < int(other)

    def __gt__(self, other: int) -> bool:
        Place.compared += 1
        return int(self) > int(other)

    def __eq__(self, other: object) -> bool:
        Place.compared += 1
        return int(self) == other

    __hash__ = int.__hash__


@contextmanager
def counted_steps() -> Iterator[list[int]]:
    """Every line of Python that is run meanwhile, and every comparison of places: their sum is at [0]."""
    steps = [0]

    def step(*_: object) -> Any:
        steps[0] += 1
        return step

    before, compared = sys.gettrace(), Place.compared
    sys.settrace(step)
    try:
        yield steps
    finally:
        sys.settrace(before)
        steps[0] += Place.compared - compared


def test_a_position_among_a_hundred_thousand_is_looked_up_without_counting() -> None:
    waiting = [an_order(f"{n:06}", 1, WAITLISTED, place=Place(2 * n + 1)) for n in range(100_000)]
    live = LiveOrders.restored(waiting)
    live.position(waiting[0])  # the first look-up makes the index
    for n in (*range(0, 100_000, 997), 99_999):
        with counted_steps() as steps:
            position = live.position(waiting[n])
        assert position == n + 1
        assert steps[0] < 500, "as many as a tree is deep, not as many as wait"


# --- the index of customers, which is not made before it is needed -------------------------------

additions = st.tuples(st.just("add"), st.integers(0, 3), kinds)
others = st.tuples(st.sampled_from(["replace", "remove", "ask"]), st.integers(0, 99), kinds)


@given(steps=st.lists(additions | others, max_size=40))
def test_whenever_it_is_asked_first_a_customer_has_the_orders_that_are_theirs(
    steps: list[tuple[str, int, OrderStatus]],
) -> None:
    """The model has no index: it looks at every order."""
    live, known = LiveOrders(), dict[OrderId, Order]()

    def ask() -> None:
        for customer in map(CustomerId, "0123"):
            theirs = sorted((each for each in known.values() if each.customer == customer), key=by_id)
            assert sorted(live.of(customer), key=by_id) == theirs

    for number, (step, nth, status) in enumerate(steps):
        place = number if status is WAITLISTED else None
        end = Instant(number) if status in (HELD, OFFERED) else None
        one = list(known.values())[nth % len(known)] if known else None
        if step == "add":
            order = an_order(str(nth), 1, status, place=place, expires_at=end, order_id=f"order-{number:02}")
            live.add(order)
            known[order.id] = order
        elif step == "replace" and one is not None:
            known[one.id] = replace(one, quantity=2, status=status, place=place, expires_at=end)
            live.replace(known[one.id])
        elif step == "remove" and one is not None:
            live.remove(one.id)
            del known[one.id]
        elif step == "ask":
            ask()
    ask()


def by_id(order: Order) -> OrderId:
    return order.id


def some_orders(number: int) -> list[Order]:
    return [an_order(f"{n:06}", 1, CONFIRMED) for n in range(number)]


@made
@pytest.mark.parametrize("more", [0, 1])
def test_a_multitude_of_orders_is_not_gone_through_even_the_first_time(make: Make, more: int) -> None:
    live = make(some_orders(INDEXED_FROM + more))
    with counted_steps() as steps:
        assert len(live.of(CustomerId("000007"))) == 1
    assert steps[0] < 50


@made
def test_orders_are_gone_through_once_however_often_customers_are_asked_for(make: Make) -> None:
    live = make(some_orders(1_000))
    with counted_steps() as first:
        live.of(CustomerId("000007"))
    with counted_steps() as second:
        live.of(CustomerId("000008"))
    assert first[0] > 1_000 > 50 > second[0]
