"""The terms of a sale as they bind whoever takes tickets: limits, the sale's window, and its end for good."""

from collections.abc import Callable

import pytest

from boxoffice.actors.changes import SaleClosed
from boxoffice.actors.messages import (
    Adjust,
    Adjusted,
    Answer,
    Booked,
    Cancelled,
    CapacityExceeded,
    Close,
    Closed,
    Confirmed,
    Extended,
    Held,
    LimitExceeded,
    OrderUnknown,
    SalesClosed,
    SalesNotOpen,
    SoldOut,
    Waitlisted,
    WaitlistFull,
)
from boxoffice.actors.values import Terms, WaitlistMode
from tests.unit.desk import (
    CANCELLED,
    CONFIRMED,
    HELD,
    NOW,
    OFFERED,
    OFFERS,
    WAITLISTED,
    Desk,
    a_status,
    after,
    an_order,
    promotion,
)

Path = Callable[..., Answer]

by_every_path = pytest.mark.parametrize("take", [Desk.book, Desk.hold], ids=["book", "hold"])


# --- limits --------------------------------------------------------------------------------------


@by_every_path
@pytest.mark.parametrize("waitlist", [True, False])
def test_nobody_takes_more_in_one_order_than_is_allowed(take: Path, waitlist: bool) -> None:
    desk = Desk(9, Terms(max_per_order=2))
    assert take(desk, "ann", 3, waitlist=waitlist) == LimitExceeded("max_per_order", 2, 3, version=1)
    assert isinstance(take(desk, "ann", 2, waitlist=waitlist), Booked | Held)


@by_every_path
def test_nobody_waits_for_more_in_one_order_than_is_allowed(take: Path) -> None:
    desk = Desk(9, Terms(max_per_order=9))
    desk.book("eve", 9)
    desk.say(Adjust(max_per_order=2))
    assert take(desk, "ann", 3) == LimitExceeded("max_per_order", 2, 3, version=3)
    assert desk.line == []


@by_every_path
def test_nobody_takes_more_in_several_orders_than_is_allowed(take: Path) -> None:
    desk = Desk(9, Terms(max_per_customer=4))
    desk.book("ann", 1, order_id="first")
    desk.hold("ann", 2, order_id="second")
    assert take(desk, "ann", 2, order_id="third") == LimitExceeded("max_per_customer", 4, 5, version=3)
    assert isinstance(take(desk, "ann", 1, order_id="third"), Booked | Held)
    assert isinstance(take(desk, "bob", 4), Booked | Held), "it is a limit for each"


@by_every_path
def test_what_somebody_waits_for_counts_towards_their_limit(take: Path) -> None:
    desk = Desk(2, Terms(max_per_customer=2))
    desk.book("eve", 2)
    desk.book("ann", order_id="first")
    desk.hold("ann", order_id="second")
    assert take(desk, "ann", order_id="third") == LimitExceeded("max_per_customer", 2, 3, version=4)
    assert desk.line == ["first", "second"]


def test_what_is_offered_counts_towards_the_limit() -> None:
    desk = Desk(1, Terms(max_per_customer=1, waitlist_mode=WaitlistMode.OFFER))
    desk.book("eve")
    desk.book("ann")
    desk.cancel("eve")
    assert desk.standing == {"ann": OFFERED}
    assert desk.book("ann", order_id="again") == LimitExceeded("max_per_customer", 1, 2, version=4)


def test_only_live_orders_count_towards_the_limit() -> None:
    desk = Desk(9, Terms(max_per_customer=3, hold_seconds=30))
    desk.book("ann", 3, order_id="first")
    desk.cancel("first", 1)
    assert isinstance(desk.hold("ann", 1, order_id="second"), Held)
    desk.cancel("first")
    assert isinstance(desk.hold("ann", 2, order_id="third"), Held)
    desk.wait(30)
    assert isinstance(desk.book("ann", 3, order_id="fourth"), Booked)


def test_a_hold_may_not_be_asked_for_longer_than_it_may_last() -> None:
    desk = Desk(9, Terms(hold_seconds=30, max_hold_seconds=100))
    assert desk.hold("ann", seconds=101) == LimitExceeded("max_hold_seconds", 100, 101, version=1)
    assert isinstance(desk.hold("ann", seconds=100), Held)


@by_every_path
def test_limits_are_looked_at_before_what_there_is(take: Path) -> None:
    desk = Desk(2, Terms(max_per_order=3))
    desk.book("eve", 2)
    assert take(desk, "ann", 4, waitlist=False) == LimitExceeded("max_per_order", 3, 4, version=2)
    assert take(desk, "ann", 3, waitlist=False) == CapacityExceeded(2, version=2)
    assert take(desk, "ann", 2, waitlist=False) == SoldOut(0, 0, version=2)


@by_every_path
def test_only_so_many_may_wait(take: Path) -> None:
    desk = Desk(1, Terms(waitlist_limit=2))
    for who in ("ann", "bob", "cat"):
        desk.book(who)
    assert take(desk, "dan") == WaitlistFull(limit=2, version=4)
    assert take(desk, "dan", waitlist=False) == SoldOut(available=0, waiting=2, version=4)
    desk.cancel("bob")
    assert isinstance(take(desk, "dan"), Waitlisted)


@by_every_path
def test_where_nobody_may_wait_tickets_are_sold_all_the_same(take: Path) -> None:
    desk = Desk(1, Terms(waitlist_limit=0))
    assert isinstance(take(desk, "ann"), Booked | Held)
    assert take(desk, "bob") == WaitlistFull(limit=0, version=2)


def test_a_full_waiting_list_does_not_stop_those_who_wait_from_being_promoted() -> None:
    desk = Desk(1, Terms(waitlist_limit=1))
    desk.book("ann")
    desk.book("bob")
    desk.say(Adjust(waitlist_limit=0, max_per_order=1, max_per_customer=1))
    desk.cancel("ann")
    assert desk.standing == {"bob": CONFIRMED}


def test_a_lower_limit_takes_nothing_away_from_anyone() -> None:
    desk = Desk(3, Terms(max_per_customer=3))
    desk.hold("ann", 3)
    desk.book("bob", 2)
    desk.say(Adjust(max_per_order=1, max_per_customer=1))
    assert desk.confirm("ann") == Confirmed(an_order("ann", 3, CONFIRMED), version=5)
    assert desk.line == ["bob"]
    desk.cancel("ann")
    assert desk.standing == {"bob": CONFIRMED}


@by_every_path
def test_a_raised_limit_holds_by_every_path(take: Path) -> None:
    desk = Desk(9, Terms(max_per_order=1, max_per_customer=1))
    assert isinstance(take(desk, "ann", 2), LimitExceeded)
    desk.say(Adjust(max_per_order=2, max_per_customer=None))
    assert isinstance(take(desk, "ann", 2), Booked | Held)


# --- the window ----------------------------------------------------------------------------------


@by_every_path
@pytest.mark.parametrize("waitlist", [True, False])
def test_before_the_sale_begins_nobody_takes_anything(take: Path, waitlist: bool) -> None:
    desk = Desk(9, Terms(sales_open_at=after(60)))
    desk.now = after(60 - 0.000_001)
    assert take(desk, "ann", waitlist=waitlist) == SalesNotOpen(opens_at=after(60), version=1)
    desk.now = after(60)
    assert isinstance(take(desk, "ann", waitlist=waitlist), Booked | Held)


@by_every_path
@pytest.mark.parametrize("waitlist", [True, False])
def test_from_the_end_of_the_sale_on_nobody_takes_anything(take: Path, waitlist: bool) -> None:
    desk = Desk(9, Terms(sales_close_at=after(60)))
    desk.now = after(60 - 0.000_001)
    assert isinstance(take(desk, "ann", waitlist=waitlist), Booked | Held)
    desk.now = after(60)
    assert take(desk, "bob", waitlist=waitlist) == SalesClosed(closed_at=after(60), version=2)


@by_every_path
def test_that_the_sale_is_not_on_is_said_first(take: Path) -> None:
    desk = Desk(1, Terms(sales_open_at=after(60), max_per_order=1))
    assert isinstance(take(desk, "ann", 9), SalesNotOpen)
    desk.say(Adjust(sales_close_at=after(90)))
    desk.wait(90)
    assert isinstance(take(desk, "ann", 9), SalesClosed)


def test_a_clock_that_jumped_back_does_not_reopen_a_sale() -> None:
    desk = Desk(2, Terms(sales_close_at=after(60)))
    desk.book("ann")
    desk.wait(60)
    desk.cancel("ann")
    desk.now = NOW
    assert desk.book("bob") == SalesClosed(closed_at=after(60), version=3)


def a_desk_after_hours() -> Desk:
    """Three tickets: ann has one, bob holds one, cat was offered one, dan waits; the sale has just ended."""
    desk = Desk(3, Terms(sales_close_at=after(60), waitlist_mode=WaitlistMode.OFFER, offer_seconds=600))
    desk.book("ann")
    desk.hold("bob", seconds=600)
    desk.book("eve")
    desk.book("cat")
    desk.book("dan")
    desk.cancel("eve")
    desk.wait(60)
    return desk


def test_after_hours_everything_stands_as_it_did() -> None:
    desk = a_desk_after_hours()
    assert desk.standing == {"ann": CONFIRMED, "bob": HELD, "cat": OFFERED, "dan": WAITLISTED}


@pytest.mark.parametrize("for_good", [False, True])
def test_after_the_end_what_was_held_or_offered_may_still_be_confirmed(for_good: bool) -> None:
    desk = a_desk_after_hours()
    if for_good:
        desk.close()
    assert isinstance(desk.confirm("bob"), Confirmed)
    assert isinstance(desk.confirm("cat"), Confirmed)
    assert desk.counts == (0, 3, 0, 0, 1)


@pytest.mark.parametrize("for_good", [False, True])
def test_after_the_end_holds_and_offers_end_and_promote_nobody(for_good: bool) -> None:
    desk = a_desk_after_hours()
    if for_good:
        desk.close()
    desk.wait(540)
    assert isinstance(desk.confirm("bob"), OrderUnknown)
    desk.tick()
    assert desk.standing == {"ann": CONFIRMED, "dan": WAITLISTED}
    assert all(not getattr(change, "promoted", ()) for change in desk.log[7:])
    assert desk.counts == (2, 1, 0, 0, 1)


@pytest.mark.parametrize("for_good", [False, True])
@pytest.mark.parametrize("who", ["ann", "bob", "cat"])
def test_after_the_end_a_cancellation_promotes_nobody(who: str, for_good: bool) -> None:
    desk = a_desk_after_hours()
    if for_good:
        desk.close()
    answer = desk.cancel(who)
    assert isinstance(answer, Cancelled)
    assert answer.promoted == ()
    assert desk.line == ["dan"]
    assert desk.inventory.available == 1


@pytest.mark.parametrize("for_good", [False, True])
def test_after_the_end_a_hold_is_not_extended(for_good: bool) -> None:
    desk = a_desk_after_hours()
    if for_good:
        desk.close()
    closed = SalesClosed(closed_at=after(60), version=desk.inventory.version)
    assert desk.extend("bob", 3_000) == closed


def test_whoever_waits_may_leave_after_the_end_and_still_promotes_nobody() -> None:
    desk = Desk(2, Terms(sales_close_at=after(60)))
    desk.book("ann")
    desk.book("pair", 2)
    desk.book("bob")
    desk.wait(60)
    assert desk.cancel("pair", 1) == Cancelled(
        an_order("pair", 1, WAITLISTED, place=3), 1, promoted=(), version=5
    )
    assert desk.cancel("pair") == Cancelled(an_order("pair", 1, CANCELLED), 1, promoted=(), version=6)
    assert desk.counts == (1, 1, 0, 0, 1)


def test_a_sale_that_closed_by_its_time_is_opened_again_and_promotes_in_the_same_change() -> None:
    desk = a_desk_after_hours()
    desk.cancel("ann")
    desk.wait(10)
    answer = desk.say(Adjust(sales_close_at=after(500)))
    assert isinstance(answer, Adjusted)
    assert answer.promoted == (promotion("dan", until=after(670)),)
    assert desk.standing == {"bob": HELD, "cat": OFFERED, "dan": OFFERED}
    assert isinstance(desk.extend("bob", 1_000), Extended)
    assert isinstance(desk.book("eve", order_id="eve-again"), Waitlisted)


def test_a_sale_may_be_ended_at_once_by_moving_its_end_into_the_past() -> None:
    desk = Desk(1)
    desk.book("ann")
    desk.book("bob")
    desk.wait(60)
    answer = desk.say(Adjust(sales_close_at=after(1), capacity=5))
    assert isinstance(answer, Adjusted)
    assert answer.promoted == ()
    assert desk.book("cat") == SalesClosed(closed_at=after(1), version=4)


def test_before_a_sale_that_was_put_off_what_is_given_back_still_promotes() -> None:
    desk = Desk(1)
    desk.book("ann")
    desk.book("bob")
    desk.say(Adjust(sales_open_at=after(60)))
    assert isinstance(desk.book("cat"), SalesNotOpen)
    desk.cancel("ann")
    assert desk.standing == {"bob": CONFIRMED}


# --- the end for good ----------------------------------------------------------------------------


def test_closing_ends_the_sale_for_good() -> None:
    desk = Desk(5)
    desk.book("ann", 2)
    desk.wait(9)
    status = a_status(capacity=5, booked=2, version=3, closed_at=after(9))
    assert desk.close() == Closed(status, after(9))
    assert desk.log[-1] == SaleClosed(3, after(9))
    assert desk.inventory.status == status


@by_every_path
def test_after_the_close_nobody_takes_anything(take: Path) -> None:
    desk = Desk(5)
    desk.close()
    desk.wait(9)
    assert take(desk, "ann") == SalesClosed(closed_at=NOW, version=2)


def test_after_the_close_what_becomes_free_promotes_nobody_however_it_becomes_free() -> None:
    desk = Desk(4)
    desk.hold("ann", 1, seconds=60)
    desk.book("bob", 2)
    desk.book("pair", 2)
    desk.book("cat")
    desk.close()
    answers = [desk.cancel("bob", 1), desk.cancel("bob"), desk.cancel("pair", 1)]
    assert [answer.promoted for answer in answers if isinstance(answer, Cancelled)] == [(), (), ()]
    desk.wait(60)
    desk.tick()
    assert desk.standing == {"pair": WAITLISTED, "cat": WAITLISTED}
    assert desk.counts == (4, 0, 0, 0, 2)


def test_a_sale_is_closed_once() -> None:
    desk = Desk(5)
    desk.close()
    desk.wait(9)
    assert desk.close() == SalesClosed(closed_at=NOW, version=2)


def test_a_sale_that_closed_by_its_time_may_be_closed_for_good() -> None:
    desk = Desk(5, Terms(sales_close_at=after(60)))
    desk.wait(90)
    assert isinstance(desk.close(), Closed)
    assert desk.book("ann") == SalesClosed(closed_at=after(90), version=2)


def test_a_sale_may_be_closed_before_it_begins() -> None:
    desk = Desk(5, Terms(sales_open_at=after(60)))
    assert isinstance(desk.close(), Closed)
    assert desk.book("ann") == SalesClosed(closed_at=NOW, version=2)


def test_after_the_close_nothing_is_adjusted_and_so_nobody_is_promoted() -> None:
    desk = Desk(1, OFFERS)
    desk.book("ann")
    desk.book("bob")
    desk.close()
    assert desk.grow(5) == SalesClosed(closed_at=NOW, version=4)
    assert desk.say(Adjust(if_version=1, name="Encore")) == SalesClosed(closed_at=NOW, version=4)
    assert desk.line == ["bob"]


def test_whoever_waits_when_the_sale_is_closed_may_still_be_seen_and_may_leave() -> None:
    desk = Desk(1)
    desk.book("ann")
    desk.book("bob")
    desk.say(Close())
    assert desk.cancel("bob") == Cancelled(an_order("bob", 1, CANCELLED), 1, promoted=(), version=5)
