"""A customer who asks for themselves: others' orders are as unknown as ones that there never were."""

import pytest

from boxoffice.actors.messages import Answer, Cancel, Cancelled, Command, Confirm, Extend, Find, OrderUnknown
from boxoffice.actors.values import CustomerId, OrderId
from tests.unit.desk import Desk, snapshot

ANN, BOB = CustomerId("ann"), CustomerId("bob")


def asked_by(customer: CustomerId | None, order: str) -> list[Command]:
    """Whatever one can ask of an order."""
    order_id = OrderId(order)
    return [
        Find(order_id, customer),
        Extend(order_id, 60, customer),
        Confirm(order_id, customer),
        Cancel(order_id, 1, customer),
        Cancel(order_id, None, customer),
    ]


@pytest.fixture
def desk() -> Desk:
    """Ann holds the tickets, and waits for more."""
    desk = Desk(2)
    desk.hold("ann", 2, seconds=30)
    desk.book("ann", 1, order_id="ann-2")
    return desk


def answers(desk: Desk, commands: list[Command]) -> list[Answer]:
    return [desk.say(command) for command in commands]


@pytest.mark.parametrize("order", ["ann", "ann-2"])
def test_others_orders_are_unknown_and_stay_as_they_are(desk: Desk, order: str) -> None:
    before = snapshot(desk.inventory)
    assert answers(desk, asked_by(BOB, order)) == answers(desk, asked_by(BOB, "never-was"))
    assert snapshot(desk.inventory) == before


def test_ones_own_are_there(desk: Desk) -> None:
    said = answers(desk, asked_by(ANN, "ann"))
    assert not any(isinstance(answer, OrderUnknown) for answer in said)
    assert isinstance(said[-1], Cancelled)


def test_who_asks_for_others_sees_everything(desk: Desk) -> None:
    assert not any(isinstance(answer, OrderUnknown) for answer in answers(desk, asked_by(None, "ann")))
