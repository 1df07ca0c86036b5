"""How far a cancellation reaches: a bound that is known before it is decided, and that nothing goes beyond.

The histories of `test_inventory_machine.py` hold every cancellation to it, one by one.
"""

from collections.abc import Callable
from random import Random

import pytest

from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import Book, Cancel, CancelFor, Cancelled, Command, Confirm, Extend, Find, Hold
from boxoffice.actors.values import CustomerId, Instant, OrderId
from tests.unit.crowd import Crowd
from tests.unit.desk import NOW, Desk, a_busy_desk

QUICK = (Book, Hold, Confirm, Extend, Find, Cancel, CancelFor)


def of_ann(quantity: int | None = None) -> Cancel:
    return Cancel(OrderId("ann"), quantity)


def test_as_far_as_tickets_are_cancelled_while_somebody_waits() -> None:
    inventory = a_busy_desk().inventory
    assert [inventory.reach(of_ann(quantity)) for quantity in (None, 1, 2, 3, 4)] == [3, 1, 2, 3, 3]


def test_nowhere_while_nobody_waits_or_when_there_is_no_such_order() -> None:
    desk = Desk(5)
    desk.book("ann", 5)
    assert desk.inventory.reach(of_ann()) == 0
    desk.book("bob")
    assert desk.inventory.reach(of_ann()) == 5
    assert desk.inventory.reach(Cancel(OrderId("nobody"))) == 0


def test_to_every_order_until_it_is_known_which_are_the_customers() -> None:
    desk = a_busy_desk()
    desk.book("fay")
    eve, fay, ann, nobody = (CancelFor(CustomerId(who)) for who in ("eve", "fay", "ann", "nobody"))
    assert [desk.inventory.reach(each) for each in (eve, ann, nobody)] == [6, 6, 6]
    desk.cancel_for("fay")
    assert [desk.inventory.reach(each) for each in (eve, fay, ann, nobody)] == [1, 0, 5, 0]


def lines(dice: Random) -> Desk:
    """An event that is sold out, in orders large and small, and a long line of the same."""
    desk = Desk(60)
    while desk.inventory.status.waiting < 60:
        number = desk.inventory.version
        who = dice.choice([f"guest {number}", "ann", "bob"])
        desk.book(who, dice.choice([1, 1, 1, 2, 5, 20]), order_id=f"order {number:03}")
    return desk


def histories(dice: Random) -> Desk:
    """An event to which anything may have happened."""
    crowd, desk = Crowd(dice), Desk(1)
    desk.inventory = Inventory(desk.inventory.status.event_id)
    desk.say(crowd.opening(desk.now))
    for _ in range(60):
        desk.now = crowd.moment(desk.now)
        desk.say(crowd.command(desk.inventory, desk.now))
    return desk


@pytest.mark.parametrize("make", [lines, histories])
def test_what_many_in_a_row_promote_is_within_what_they_reach_and_make(
    make: Callable[[Random], Desk],
) -> None:
    promoted_in_all = 0
    for seed in range(150):
        dice = Random(seed)
        desk = make(dice)
        while desk.inventory.is_overdue(desk.now):
            desk.tick()
        commands = burst(dice, desk.inventory, desk.now)
        reach = sum(desk.inventory.reach(each) for each in commands if isinstance(each, Cancel | CancelFor))
        answers = [desk.say(command) for command in commands]
        promoted = sum(len(answer.promoted) for answer in answers if isinstance(answer, Cancelled))
        assert promoted <= reach + sum(isinstance(each, Book | Hold) for each in commands), f"seed {seed}"
        promoted_in_all += promoted
    assert promoted_in_all > 150


def burst(dice: Random, inventory: Inventory, now: Instant) -> list[Command]:
    """Commands of the quick kinds; some cancel what others among them have just made."""
    crowd, commands = Crowd(dice), list[Command]()
    crowd.handed_out = [OrderId(f"of old {number}") for number in range(1_000)]
    while len(commands) < 64:
        command = crowd.command(inventory, now)
        if isinstance(command, QUICK):
            commands.append(command)
        if isinstance(command, Book | Hold) and dice.random() < 0.2:
            gone: list[Command] = [Cancel(command.order_id), CancelFor(command.customer)]
            commands.append(dice.choice(gone))
    return commands


def test_an_event_is_overdue_from_the_moment_of_its_first_end_on_even_if_the_clock_goes_back() -> None:
    desk = Desk(5)
    assert not desk.inventory.is_overdue(NOW)
    desk.hold("ann", seconds=30)
    end = desk.inventory.next_expiry or 0
    assert [desk.inventory.is_overdue(Instant(end + by)) for by in (-1, 0, 1)] == [False, True, True]
    desk.inventory._at = Instant(end)
    assert desk.inventory.is_overdue(NOW)
