"""Holds: tickets for a while. What they take, how they are kept, and that they end by themselves."""

import pytest

from boxoffice.actors.changes import (
    HoldExtended,
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    TicketsBooked,
    TicketsHeld,
)
from boxoffice.actors.messages import (
    Book,
    Booked,
    Cancel,
    Cancelled,
    Confirm,
    Confirmed,
    Extend,
    Extended,
    Find,
    Found,
    Held,
    NotExtended,
    NotHeld,
    OrderUnknown,
    SoldOut,
    Tick,
    Ticked,
    Waitlisted,
)
from boxoffice.actors.values import CustomerId, OrderId, Terms
from tests.unit.desk import (
    CANCELLED,
    CONFIRMED,
    HELD,
    NOW,
    WAITLISTED,
    Desk,
    after,
    an_order,
    promotion,
    snapshot,
)

SHORT = Terms(hold_seconds=30, max_hold_seconds=100)
ANN, BOB, CAT = OrderId("ann"), OrderId("bob"), OrderId("cat")

# --- holding -------------------------------------------------------------------------------------


def test_a_hold_takes_tickets_until_its_time() -> None:
    desk = Desk(5)
    held = an_order("ann", 3, HELD, expires_at=after(120))
    assert desk.hold("ann", 3, seconds=120) == Held(held, version=2)
    assert desk.log[-1] == TicketsHeld(2, NOW, ANN, CustomerId("ann"), 3, after(120))
    assert desk.counts == (2, 0, 3, 0, 0)
    assert desk.find("ann") == Found(held, position=None, version=2)
    assert desk.inventory.next_expiry == after(120)


def test_a_hold_lasts_as_long_as_the_event_says_unless_its_customer_does() -> None:
    desk = Desk(5, SHORT)
    assert desk.hold("ann") == Held(an_order("ann", 1, HELD, expires_at=after(30)), version=2)
    assert desk.hold("bob", seconds=100) == Held(an_order("bob", 1, HELD, expires_at=after(100)), version=3)


def test_held_tickets_are_not_sold_to_anyone_else() -> None:
    desk = Desk(2)
    desk.hold("ann", 2)
    assert desk.book("bob", waitlist=False) == SoldOut(available=0, waiting=0, version=2)
    assert desk.hold("bob", waitlist=False) == SoldOut(available=0, waiting=0, version=2)


def test_whoever_would_hold_what_is_not_there_waits_like_everyone_else() -> None:
    desk = Desk(2)
    desk.book("ann", 2)
    assert desk.hold("bob", 2, seconds=5) == Waitlisted(
        an_order("bob", 2, WAITLISTED, place=3), position=1, version=3
    )
    assert desk.hold("cat") == Waitlisted(an_order("cat", 1, WAITLISTED, place=4), position=2, version=4)
    assert desk.inventory.next_expiry is None


def test_a_hold_that_waited_is_confirmed_by_its_promotion() -> None:
    desk = Desk(1)
    desk.book("ann")
    desk.hold("bob")
    assert desk.cancel("ann") == Cancelled(
        an_order("ann", 1, CANCELLED), 1, promoted=(promotion("bob"),), version=4
    )
    assert desk.standing == {"bob": CONFIRMED}


def test_nobody_slips_past_the_line_with_a_hold() -> None:
    desk = Desk(2)
    desk.hold("ann")
    desk.book("pair", 2)
    assert desk.hold("single", waitlist=False) == SoldOut(available=1, waiting=1, version=3)
    assert isinstance(desk.hold("single"), Waitlisted)
    assert desk.line == ["pair", "single"]


def test_a_party_gets_all_of_its_hold_or_none() -> None:
    desk = Desk(3)
    desk.hold("ann", 2)
    assert isinstance(desk.hold("bob", 2), Waitlisted)
    assert desk.counts == (1, 0, 2, 0, 1)


# --- confirming ----------------------------------------------------------------------------------


def test_what_is_held_is_confirmed_and_does_not_end_any_more() -> None:
    desk = Desk(5)
    desk.hold("ann", 3, seconds=60)
    desk.wait(59)
    assert desk.confirm("ann") == Confirmed(an_order("ann", 3, CONFIRMED), version=3)
    assert desk.log[-1] == OrderConfirmed(3, after(59), ANN)
    desk.wait(1_000)
    assert desk.tick() == Ticked(version=3)
    assert desk.counts == (2, 3, 0, 0, 0)
    assert desk.inventory.next_expiry is None


def test_a_hold_can_be_confirmed_until_the_last_moment() -> None:
    desk = Desk(1)
    desk.hold("ann", seconds=60)
    assert isinstance(desk.say(Confirm(ANN), at=after(60) - 1), Confirmed)


def test_whoever_confirms_at_the_very_moment_of_the_end_is_late() -> None:
    desk = Desk(1)
    desk.hold("ann", seconds=60)
    assert desk.say(Confirm(ANN), at=after(60)) == OrderUnknown(version=3)
    assert desk.log[-1] == OrderExpired(3, after(60), ANN, ())
    assert desk.counts == (1, 0, 0, 0, 0)


@pytest.mark.parametrize("command", [Confirm(ANN), Extend(ANN), Cancel(ANN), Find(ANN)], ids=str)
def test_nothing_can_be_done_with_a_hold_that_has_ended_though_nobody_noticed(command: Confirm) -> None:
    desk = Desk(1)
    desk.hold("ann", seconds=60)
    desk.wait(61)
    assert desk.say(command) == OrderUnknown(version=3)
    assert [type(change) for change in desk.log[2:]] == [OrderExpired]


@pytest.mark.parametrize("how", ["confirm", "extend"])
def test_what_is_not_held_is_neither_confirmed_nor_extended(how: str) -> None:
    desk = Desk(1)
    desk.book("ann")
    desk.book("bob")
    confirmed, waiting = an_order("ann", 1, CONFIRMED), an_order("bob", 1, WAITLISTED, place=3)
    say = desk.confirm if how == "confirm" else desk.extend
    assert say("ann") == NotHeld(confirmed, version=3)
    assert say("bob") == NotHeld(waiting, version=3)
    assert say("nobody") == OrderUnknown(version=3)


def test_a_hold_is_confirmed_once() -> None:
    desk = Desk(1)
    desk.hold("ann")
    desk.confirm("ann")
    assert desk.confirm("ann") == NotHeld(an_order("ann", 1, CONFIRMED), version=3)


# --- extending -----------------------------------------------------------------------------------


def test_a_hold_is_extended_from_now_on() -> None:
    desk = Desk(1, SHORT)
    desk.hold("ann")
    desk.wait(20)
    assert desk.extend("ann", 45) == Extended(an_order("ann", 1, HELD, expires_at=after(65)), version=3)
    assert desk.log[-1] == HoldExtended(3, after(20), ANN, after(65))
    assert desk.inventory.next_expiry == after(65)
    desk.wait(40)
    assert desk.tick() == Ticked(version=3)


def test_a_hold_is_extended_by_what_the_event_says_unless_its_customer_does() -> None:
    desk = Desk(1, SHORT)
    desk.hold("ann")
    desk.wait(20)
    assert desk.extend("ann") == Extended(an_order("ann", 1, HELD, expires_at=after(50)), version=3)


def test_with_all_its_extensions_a_hold_lasts_no_longer_than_the_event_allows() -> None:
    desk = Desk(1, SHORT)
    desk.hold("ann")
    desk.wait(20)
    assert desk.extend("ann", 1_000) == Extended(an_order("ann", 1, HELD, expires_at=after(100)), version=3)
    desk.wait(75)
    assert desk.extend("ann", 1_000) == NotExtended(expires_at=after(100), latest=after(100), version=3)
    desk.wait(5)
    assert desk.extend("ann", 1_000) == OrderUnknown(version=4)


def test_an_extension_never_makes_a_hold_shorter() -> None:
    desk = Desk(1, SHORT)
    desk.hold("ann", seconds=60)
    assert desk.extend("ann", 60) == NotExtended(expires_at=after(60), latest=after(100), version=2)
    assert desk.extend("ann", 10) == NotExtended(expires_at=after(60), latest=after(100), version=2)


def test_an_extended_hold_is_not_ended_at_its_first_time() -> None:
    desk = Desk(2, SHORT)
    desk.hold("ann")
    desk.hold("bob")
    desk.extend("ann", 60)
    desk.wait(30)
    assert desk.tick() == Ticked(version=5)
    assert desk.standing == {"ann": HELD}


# --- giving up -----------------------------------------------------------------------------------


def test_a_hold_that_is_cancelled_gives_its_tickets_to_the_next_in_line_in_the_same_change() -> None:
    desk = Desk(2)
    desk.hold("ann", 2)
    desk.book("bob")
    desk.book("cat")
    promoted = (promotion("bob"), promotion("cat"))
    assert desk.cancel("ann") == Cancelled(an_order("ann", 2, CANCELLED), 2, promoted, version=5)
    assert desk.log[-1] == OrderCancelled(5, NOW, ANN, promoted)
    assert desk.inventory.next_expiry is None


# --- ending --------------------------------------------------------------------------------------


def test_a_hold_that_nobody_confirmed_gives_its_tickets_back_at_its_time() -> None:
    desk = Desk(5)
    desk.hold("ann", 3, seconds=60)
    desk.wait(60)
    assert desk.tick() == Ticked(version=3)
    assert desk.log[-1] == OrderExpired(3, after(60), ANN, ())
    assert desk.counts == (5, 0, 0, 0, 0)
    assert desk.find("ann") == OrderUnknown(version=3)


def test_a_hold_does_not_end_before_its_time() -> None:
    desk = Desk(5)
    desk.hold("ann", 3, seconds=60)
    assert desk.say(Tick(), at=after(60) - 1) == Ticked(version=2)
    assert desk.counts == (2, 0, 3, 0, 0)


def test_dead_holds_do_not_make_an_event_look_sold_out() -> None:
    desk = Desk(4)
    desk.hold("ann", 2, seconds=60)
    desk.book("bob", 2)
    desk.wait(60)
    booked = desk.book("cat", 2, waitlist=False)
    assert booked == Booked(an_order("cat", 2, CONFIRMED, at=after(60)), version=5)
    assert [type(change) for change in desk.log[-2:]] == [OrderExpired, TicketsBooked]


def test_a_hold_that_ends_promotes_whoever_fits_in_the_same_change() -> None:
    desk = Desk(2)
    desk.hold("ann", 2, seconds=60)
    desk.book("bob")
    desk.book("pair", 2)
    desk.wait(60)
    desk.tick()
    assert desk.log[-1] == OrderExpired(5, after(60), ANN, (promotion("bob"),))
    assert desk.line == ["pair"]
    assert desk.counts == (1, 1, 0, 0, 1)


def test_whoever_comes_when_a_hold_has_just_ended_stands_behind_those_who_waited_for_it() -> None:
    desk = Desk(1)
    desk.hold("ann", seconds=60)
    desk.book("bob")
    desk.wait(61)
    assert desk.book("cat", waitlist=False) == SoldOut(available=0, waiting=0, version=4)
    assert desk.standing == {"bob": CONFIRMED}


def test_those_who_are_overdue_end_one_by_one_and_the_oldest_first() -> None:
    desk = Desk(3)
    desk.hold("ann", seconds=50)
    desk.hold("bob", seconds=30)
    desk.hold("cat", seconds=40)
    desk.wait(45)
    assert desk.say(Book(OrderId("dan"), CustomerId("dan"), 3)) == Waitlisted(
        an_order("dan", 3, WAITLISTED, place=7, at=after(45)), position=1, version=7
    )
    assert desk.log[4:6] == [OrderExpired(5, after(45), BOB, ()), OrderExpired(6, after(45), CAT, ())]
    assert desk.standing == {"ann": HELD, "dan": WAITLISTED}
    desk.wait(5)
    desk.tick()
    assert desk.log[-1] == OrderExpired(8, after(50), ANN, (promotion("dan", 3),))


def test_those_whose_time_is_the_same_end_in_the_order_of_their_ids() -> None:
    desk = Desk(3)
    for who in ("cat", "ann", "bob"):
        desk.hold(who, seconds=30)
    desk.wait(30)
    desk.tick()
    assert desk.log[4:] == [
        OrderExpired(5 + nth, after(30), who, ()) for nth, who in enumerate((ANN, BOB, CAT))
    ]


def test_a_refusal_keeps_what_ended_before_it() -> None:
    desk = Desk(1)
    desk.hold("ann", seconds=30)
    desk.wait(30)
    assert desk.cancel("nobody") == OrderUnknown(version=3)
    assert desk.standing == {}


def test_deciding_ends_one_at_a_time_and_touches_nothing() -> None:
    desk = Desk(2)
    desk.hold("ann", seconds=30)
    desk.hold("bob", seconds=30)
    before = snapshot(desk.inventory)
    decision = desk.inventory.decide(Tick(), after(30))
    assert decision.changes == (OrderExpired(4, after(30), ANN, ()),)
    assert decision.answer == Ticked(version=4)
    assert snapshot(desk.inventory) == before


def test_what_is_found_overdue_when_the_clock_is_behind_ends_at_the_events_last_time() -> None:
    desk = Desk(2)
    desk.hold("ann", seconds=30)
    desk.inventory.apply(TicketsBooked(3, after(50), BOB, CustomerId("bob"), 1))
    desk.say(Tick(), at=after(40))
    assert desk.log[-1] == OrderExpired(4, after(50), ANN, ())


def test_a_clock_that_jumped_back_does_not_bring_a_hold_back() -> None:
    desk = Desk(1)
    desk.hold("ann", seconds=30)
    desk.wait(30)
    desk.tick()
    assert desk.say(Confirm(ANN), at=NOW) == OrderUnknown(version=3)


def test_while_the_clock_is_behind_the_event_goes_by_its_last_time() -> None:
    desk = Desk(2)
    desk.hold("ann", seconds=30)
    desk.say(Book(BOB, CustomerId("bob")), at=after(29))
    assert isinstance(desk.say(Extend(ANN, 31), at=NOW), Extended)
    assert desk.log[-1] == HoldExtended(4, after(29), ANN, after(60))


def test_the_next_expiry_is_the_earliest_there_is() -> None:
    desk = Desk(3)
    desk.hold("ann", seconds=50)
    desk.hold("bob", seconds=30)
    assert desk.inventory.next_expiry == after(30)
    desk.cancel("bob")
    assert desk.inventory.next_expiry == after(50)
    desk.confirm("ann")
    assert desk.inventory.next_expiry is None
