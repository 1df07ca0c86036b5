"""Adjusting a sale that is on: its capacity, up and down, its name and its terms."""

import pytest

from boxoffice.actors.changes import EventAdjusted, OrderExpired
from boxoffice.actors.messages import (
    Adjust,
    Adjusted,
    Book,
    Booked,
    CapacityExceeded,
    CapacityInUse,
    LimitExceeded,
    TermsContradictory,
    VersionMoved,
    Waitlisted,
)
from boxoffice.actors.values import (
    PROMOTIONS_SHOWN_MAX,
    CustomerId,
    OrderId,
    Terms,
    WaitlistMode,
)
from tests.unit.desk import NOW, OFFERS, WAITLISTED, Desk, a_status, after, an_order, promotion, snapshot

# --- capacity ------------------------------------------------------------------------------------


def test_more_capacity_promotes_everyone_who_now_fits_in_the_same_change() -> None:
    desk = Desk(2)
    desk.book("ann", 2)
    for who, quantity in (("bob", 1), ("pair", 2), ("cat", 1)):
        desk.book(who, quantity)
    desk.wait(3)
    promoted = (promotion("bob"), promotion("pair", 2))
    status = a_status(capacity=5, booked=5, waiting=1, version=6)
    assert desk.grow(5) == Adjusted(status, after(3), promoted, promoted_count=2)
    assert desk.log[-1] == EventAdjusted(6, after(3), "Concert", 5, Terms(), promoted)
    assert desk.inventory.status == status
    assert desk.line == ["cat"]


def test_more_capacity_that_is_not_enough_for_the_head_promotes_nobody() -> None:
    desk = Desk(2)
    desk.book("ann", 2)
    desk.book("pair", 2)
    desk.book("bob")
    status = a_status(capacity=3, booked=2, waiting=2, waiting_tickets=3, version=5)
    assert desk.grow(3) == Adjusted(status, NOW, promoted=(), promoted_count=0)


def test_what_is_left_of_more_capacity_is_on_sale() -> None:
    desk = Desk(1)
    desk.book("ann")
    desk.book("bob")
    desk.grow(5)
    assert desk.counts == (3, 2, 0, 0, 0)
    assert isinstance(desk.book("crowd", 3), Booked)


def test_one_may_wait_for_as_many_tickets_as_there_are_now() -> None:
    desk = Desk(2)
    desk.book("ann")
    assert desk.book("crowd", 3) == CapacityExceeded(2, version=2)
    desk.grow(3)
    assert isinstance(desk.book("crowd", 3), Waitlisted)


def test_what_is_not_taken_may_be_taken_off_the_sale() -> None:
    desk = Desk(9)
    desk.book("ann", 2)
    desk.hold("bob", 1)
    assert desk.grow(3) == Adjusted(a_status(capacity=3, booked=2, held=1, version=4), NOW, (), 0)
    assert isinstance(desk.book("cat"), Waitlisted)


def test_an_event_never_becomes_smaller_than_what_is_taken_and_evicts_nobody() -> None:
    desk = Desk(6, OFFERS)
    desk.book("ann", 2)
    desk.hold("bob", 2)
    desk.book("eve", 2)
    desk.book("cat", 1)
    desk.cancel("eve")  # cat is offered one, one is left
    before = snapshot(desk.inventory)
    assert desk.grow(4) == CapacityInUse(booked=2, held=2, offered=1, largest_waiting=0, version=6)
    assert snapshot(desk.inventory) == before
    assert isinstance(desk.grow(5), Adjusted)
    assert desk.inventory.available == 0


def test_an_event_never_becomes_smaller_than_what_somebody_waits_for() -> None:
    desk = Desk(6)
    desk.book("ann", 3)
    desk.book("crowd", 5)
    desk.book("pair", 2)
    assert desk.grow(4) == CapacityInUse(booked=3, held=0, offered=0, largest_waiting=5, version=4)
    assert isinstance(desk.grow(5), Adjusted)
    desk.cancel("crowd", 2)  # waits for 3 now
    assert desk.grow(2) == CapacityInUse(booked=3, held=0, offered=0, largest_waiting=3, version=6)
    assert isinstance(desk.grow(3), Adjusted)


def test_whatever_waits_anywhere_in_the_line_counts() -> None:
    desk = Desk(6)
    desk.book("ann", 5)
    desk.book("pair", 2)
    desk.book("crowd", 6)
    assert desk.grow(5) == CapacityInUse(booked=5, held=0, offered=0, largest_waiting=6, version=4)


def test_holds_that_are_over_do_not_count_as_taken() -> None:
    desk = Desk(6, Terms(hold_seconds=30))
    desk.hold("ann", 6)
    desk.wait(30)
    assert desk.grow(1) == Adjusted(
        a_status(capacity=1, version=4, terms=Terms(hold_seconds=30)), after(30), (), 0
    )
    assert [type(change) for change in desk.log[2:]] == [OrderExpired, EventAdjusted]


def test_of_very_many_promotions_the_first_are_named_and_all_are_counted_and_made() -> None:
    desk = Desk(1)
    desk.book("ann")
    many = PROMOTIONS_SHOWN_MAX + 5
    for number in range(many):
        desk.say(Book(OrderId(f"{number:04}"), CustomerId("ann")))
    answer = desk.grow(many)
    assert isinstance(answer, Adjusted)
    assert answer.promoted_count == many - 1
    assert [each.order_id for each in answer.promoted] == [f"{n:04}" for n in range(PROMOTIONS_SHOWN_MAX)]
    change = desk.log[-1]
    assert isinstance(change, EventAdjusted)
    assert len(change.promoted) == many - 1
    assert desk.counts == (0, many, 0, 0, 1)


# --- the name and the terms ----------------------------------------------------------------------

EVERY_TERM = Terms(
    sales_open_at=after(10),
    sales_close_at=after(20),
    max_per_order=2,
    max_per_customer=3,
    waitlist_limit=4,
    waitlist_mode=WaitlistMode.OFFER,
    offer_seconds=5,
    hold_seconds=6,
    max_hold_seconds=700,
)


def test_every_term_is_adjusted_and_the_others_stay() -> None:
    for field in Terms.__struct_fields__:
        desk = Desk(5)
        value = getattr(EVERY_TERM, field)
        desk.say(Adjust(**{field: value}))
        terms = desk.inventory.status.terms
        assert terms != Terms(), field
        assert {other: getattr(terms, other) for other in terms.__struct_fields__} == {
            **{other: getattr(Terms(), other) for other in terms.__struct_fields__},
            field: value,
        }


def test_every_term_is_adjusted_at_once_and_every_bound_is_taken_away_again() -> None:
    desk = Desk(5)
    given = {field: getattr(EVERY_TERM, field) for field in Terms.__struct_fields__}
    desk.say(Adjust(name="Encore", capacity=6, **given))
    assert desk.inventory.status == a_status(name="Encore", capacity=6, version=2, terms=EVERY_TERM)
    assert desk.log[-1] == EventAdjusted(2, NOW, "Encore", 6, EVERY_TERM, ())
    unbounded = Adjust(
        sales_open_at=None,
        sales_close_at=None,
        max_per_order=None,
        max_per_customer=None,
        waitlist_limit=None,
    )
    desk.say(unbounded)
    assert desk.inventory.status.terms == Terms(
        waitlist_mode=WaitlistMode.OFFER, offer_seconds=5, hold_seconds=6, max_hold_seconds=700
    )


def test_new_terms_bind_from_the_next_order_on() -> None:
    desk = Desk(5)
    assert isinstance(desk.book("ann", 3), Booked)
    desk.say(Adjust(max_per_order=2))
    assert desk.book("bob", 3) == LimitExceeded("max_per_order", 2, 3, version=3)


def test_an_adjustment_that_says_nothing_is_a_version_all_the_same() -> None:
    desk = Desk(5)
    assert desk.say(Adjust()) == Adjusted(a_status(capacity=5, version=2), NOW, (), 0)


@pytest.mark.parametrize(
    ("adjust", "field"),
    [
        (Adjust(sales_open_at=after(9), sales_close_at=after(9)), "sales_close_at"),
        (Adjust(sales_open_at=after(60)), "sales_close_at"),
        (Adjust(hold_seconds=3_601), "hold_seconds"),
        (Adjust(max_hold_seconds=599), "hold_seconds"),
        (Adjust(max_hold_seconds=599, capacity=9, name="Encore"), "hold_seconds"),
    ],
)
def test_terms_that_would_contradict_themselves_are_refused_as_a_whole(adjust: Adjust, field: str) -> None:
    desk = Desk(5, Terms(sales_close_at=after(60)))
    before = snapshot(desk.inventory)
    answer = desk.say(adjust)
    assert isinstance(answer, TermsContradictory)
    assert (answer.field, answer.version) == (field, 1)
    assert snapshot(desk.inventory) == before


# --- by version ----------------------------------------------------------------------------------


def test_an_adjustment_for_another_version_is_refused() -> None:
    desk = Desk(5)
    desk.book("ann")
    assert desk.say(Adjust(if_version=1, capacity=9)) == VersionMoved(version=2)
    assert desk.say(Adjust(if_version=3, capacity=9)) == VersionMoved(version=2)
    assert desk.inventory.status.capacity == 5
    assert isinstance(desk.say(Adjust(if_version=2, capacity=9)), Adjusted)


def test_a_hold_that_ended_meanwhile_moves_the_version() -> None:
    desk = Desk(5)
    desk.hold("ann", seconds=30)
    desk.wait(30)
    assert desk.say(Adjust(if_version=2, capacity=9)) == VersionMoved(version=3)


def test_that_the_version_moved_is_said_before_that_it_could_not_be_done() -> None:
    desk = Desk(5)
    desk.book("ann", 5)
    assert desk.say(Adjust(if_version=1, capacity=2)) == VersionMoved(version=2)
    assert desk.say(Adjust(if_version=2, capacity=2)) == CapacityInUse(5, 0, 0, 0, version=2)


# --- places --------------------------------------------------------------------------------------


def test_no_adjustment_makes_anybodys_place_worse() -> None:
    desk = Desk(2)
    desk.book("ann", 2)
    for who in ("bob", "cat", "dan"):
        desk.book(who, 2)
    for adjust in (Adjust(capacity=3), Adjust(capacity=2), Adjust(waitlist_limit=0, max_per_order=1)):
        desk.say(adjust)
        assert desk.line == ["bob", "cat", "dan"]
    desk.grow(4)
    assert desk.inventory.line == [
        an_order("cat", 2, WAITLISTED, place=4), an_order("dan", 2, WAITLISTED, place=5)
    ]  # fmt: skip
