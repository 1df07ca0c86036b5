"""Offers: an event asks those whom it promotes, and passes the tickets on when they do not want them."""

from boxoffice.actors.changes import EventAdjusted, OrderCancelled, OrderConfirmed, OrderExpired, OrderReduced
from boxoffice.actors.messages import (
    Adjust,
    Adjusted,
    Booked,
    Cancelled,
    Confirmed,
    Found,
    Held,
    NotHeld,
    OrderUnknown,
    Ticked,
    Waitlisted,
)
from boxoffice.actors.values import OrderId, WaitlistMode
from tests.unit.desk import (
    CANCELLED,
    CONFIRMED,
    HELD,
    NOW,
    OFFERED,
    OFFERS,
    WAITLISTED,
    Desk,
    after,
    an_order,
    promotion,
)

ANN, BOB, CAT = OrderId("ann"), OrderId("bob"), OrderId("cat")


def a_desk_with_an_offer() -> Desk:
    """One ticket, offered to bob for a minute (version 5); cat waits."""
    desk = Desk(1, OFFERS)
    for who in ("ann", "bob", "cat"):
        desk.book(who)
    desk.cancel("ann")
    return desk


def test_while_tickets_last_they_are_booked_and_held_and_not_offered() -> None:
    desk = Desk(3, OFFERS)
    assert desk.book("ann") == Booked(an_order("ann", 1, CONFIRMED), version=2)
    assert desk.hold("bob") == Held(an_order("bob", 1, HELD, expires_at=after(600)), version=3)


def test_a_promotion_offers_the_tickets_for_so_long_and_keeps_them() -> None:
    desk = Desk(1, OFFERS)
    for who in ("ann", "bob", "cat"):
        desk.book(who)
    desk.wait(5)
    promoted = (promotion("bob", until=after(65)),)
    assert desk.cancel("ann") == Cancelled(an_order("ann", 1, CANCELLED), 1, promoted, version=5)
    assert desk.log[-1] == OrderCancelled(5, after(5), ANN, promoted)
    assert desk.find("bob") == Found(an_order("bob", 1, OFFERED, expires_at=after(65)), None, version=5)
    assert desk.counts == (0, 0, 0, 1, 1)
    assert desk.inventory.next_expiry == after(65)


def test_what_is_offered_is_not_sold_to_anyone_else() -> None:
    desk = a_desk_with_an_offer()
    assert isinstance(desk.book("dan"), Waitlisted)
    assert desk.standing == {"bob": OFFERED, "cat": WAITLISTED, "dan": WAITLISTED}


def test_an_offer_that_is_confirmed_is_the_customers() -> None:
    desk = a_desk_with_an_offer()
    desk.wait(59)
    assert desk.confirm("bob") == Confirmed(an_order("bob", 1, CONFIRMED), version=6)
    assert desk.log[-1] == OrderConfirmed(6, after(59), BOB)
    desk.wait(1_000)
    assert desk.tick() == Ticked(version=6)
    assert desk.counts == (0, 1, 0, 0, 1)


def test_an_offer_that_is_declined_goes_to_the_next_in_the_same_change() -> None:
    desk = a_desk_with_an_offer()
    promoted = (promotion("cat", until=after(60)),)
    assert desk.cancel("bob") == Cancelled(an_order("bob", 1, CANCELLED), 1, promoted, version=6)
    assert desk.log[-1] == OrderCancelled(6, NOW, BOB, promoted)
    assert desk.standing == {"cat": OFFERED}


def test_an_offer_that_lapses_goes_to_the_next_in_the_same_change() -> None:
    desk = a_desk_with_an_offer()
    desk.wait(60)
    desk.tick()
    assert desk.log[-1] == OrderExpired(6, after(60), BOB, (promotion("cat", until=after(120)),))
    assert desk.standing == {"cat": OFFERED}
    assert desk.inventory.next_expiry == after(120)


def test_when_nobody_is_left_an_offer_that_lapses_puts_its_tickets_on_sale_again() -> None:
    desk = a_desk_with_an_offer()
    desk.cancel("cat")
    desk.wait(60)
    assert isinstance(desk.book("dan"), Booked)
    assert desk.standing == {"dan": CONFIRMED}


def test_whoever_declined_or_let_lapse_is_not_offered_again() -> None:
    desk = a_desk_with_an_offer()
    desk.cancel("bob")
    desk.wait(60)
    desk.tick()
    assert desk.standing == {}
    assert desk.grow(5) == Adjusted(desk.inventory.status, after(60), promoted=(), promoted_count=0)
    assert desk.counts == (5, 0, 0, 0, 0)
    assert desk.confirm("bob") == desk.confirm("cat") == OrderUnknown(version=8)


def test_whoever_lapsed_may_come_again_and_stands_at_the_end() -> None:
    desk = a_desk_with_an_offer()
    desk.wait(60)
    assert desk.book("bob", order_id="bob-again") == Waitlisted(
        an_order("bob", 1, WAITLISTED, place=7, at=after(60), order_id="bob-again"), position=1, version=7
    )
    assert desk.standing == {"cat": OFFERED, "bob-again": WAITLISTED}


def test_a_late_acceptance_finds_the_offer_gone_to_the_next() -> None:
    desk = a_desk_with_an_offer()
    desk.wait(60)
    assert desk.confirm("bob") == OrderUnknown(version=6)
    assert desk.standing == {"cat": OFFERED}


def test_an_offer_cannot_be_extended() -> None:
    desk = a_desk_with_an_offer()
    offered = an_order("bob", 1, OFFERED, expires_at=after(60))
    assert desk.extend("bob") == NotHeld(offered, version=5)


def test_a_party_of_two_is_not_overtaken_by_a_single_when_one_ticket_could_be_offered() -> None:
    desk = Desk(2, OFFERS)
    desk.book("ann")
    desk.book("eve")
    desk.book("pair", 2)
    desk.book("single")
    desk.cancel("ann")
    assert desk.counts == (1, 1, 0, 0, 2)
    desk.cancel("eve")
    assert desk.standing == {"pair": OFFERED, "single": WAITLISTED}
    assert desk.counts == (0, 0, 0, 2, 1)


def test_a_part_of_an_offer_is_declined_and_goes_to_the_next() -> None:
    desk = Desk(2, OFFERS)
    desk.book("ann", 2)
    desk.book("pair", 2)
    desk.book("bob")
    desk.cancel("ann")
    desk.wait(10)
    promoted = (promotion("bob", until=after(70)),)
    assert desk.cancel("pair", 1) == Cancelled(
        an_order("pair", 1, OFFERED, expires_at=after(60)), 1, promoted, version=6
    )
    assert desk.log[-1] == OrderReduced(6, after(10), OrderId("pair"), 1, promoted)


def test_the_head_of_the_line_that_waits_for_fewer_and_now_fits_is_offered_them() -> None:
    desk = Desk(3, OFFERS)
    desk.book("ann", 2)
    desk.book("pair", 2)
    assert desk.cancel("pair", 1) == Cancelled(
        an_order("pair", 1, OFFERED, expires_at=after(60)),
        1,
        promoted=(promotion("pair", 1, until=after(60)),),
        version=4,
    )


def test_several_offers_that_lapse_at_once_go_to_the_next_one_by_one() -> None:
    desk = Desk(2, OFFERS)
    desk.book("ann", 2)
    for who in ("bob", "cat", "dan", "eve"):
        desk.book(who)
    desk.cancel("ann")  # bob and cat are offered one each
    desk.wait(60)
    desk.tick()
    assert desk.log[-2:] == [
        OrderExpired(8, after(60), BOB, (promotion("dan", until=after(120)),)),
        OrderExpired(9, after(60), CAT, (promotion("eve", until=after(120)),)),
    ]


def test_what_a_promotion_does_is_what_the_terms_say_at_that_moment() -> None:
    desk = a_desk_with_an_offer()
    desk.say(Adjust(waitlist_mode=WaitlistMode.BOOK))
    assert desk.standing == {"bob": OFFERED, "cat": WAITLISTED}, "what is offered stays so"
    assert desk.cancel("bob") == Cancelled(
        an_order("bob", 1, CANCELLED), 1, promoted=(promotion("cat"),), version=7
    )
    assert desk.standing == {"cat": CONFIRMED}


def test_an_offer_keeps_the_time_that_it_was_made_for() -> None:
    desk = a_desk_with_an_offer()
    desk.say(Adjust(offer_seconds=5))
    assert desk.inventory.next_expiry == after(60)


def test_more_capacity_offers_tickets_to_everyone_who_now_fits() -> None:
    desk = Desk(1, OFFERS)
    desk.book("ann")
    for who in ("bob", "cat", "dan"):
        desk.book(who)
    desk.grow(3)
    promoted = (promotion("bob", until=after(60)), promotion("cat", until=after(60)))
    assert desk.log[-1] == EventAdjusted(6, NOW, "Concert", 3, OFFERS, promoted)
    assert desk.counts == (0, 1, 0, 2, 1)
