"""What an event and an order take of memory, as Python asks for it: a little less than the process gets.

`bench/trials/rebuild.py` and `idle_events.py` measure the process.
"""

import gc
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from boxoffice.actors.event_actor import Requests
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.ports import Recovered
from boxoffice.actors.values import CustomerId, EventId, EventStatus, Instant, Order, OrderId, OrderStatus
from tests.unit.fakes import finish_turns
from tests.unit.house import NOW, House, find

EVENTS = 300
ORDERS = 500
"""Of one event."""


def bytes_of(make: Callable[[], object]) -> int:
    """What is left of making it, as long as what it returns is kept."""
    gc.collect()
    tracemalloc.start()
    kept = make()
    gc.collect()
    took, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return took


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.close()


@pytest.mark.parametrize("told", [False, True], ids=["left alone", "told once"])
def test_an_idle_event_takes_less_than_two_kilobytes(house: House, told: bool) -> None:
    def adopt() -> None:
        for number in range(1_000, 1_000 + EVENTS):
            status = EventStatus(EventId(number), f"Event {number}", 100, 100, 0, 0, 0, 0, 0, 1)
            house.directory.adopt(Recovered(Inventory.restored(status, NOW, []), 1))
        finish_turns(house.dispatcher)
        for number in range(1_000, 1_000 + EVENTS) if told else ():
            house.directory._residents[EventId(number)].actor.tell(Requests(NOW, [find("nobody")]))
        finish_turns(house.dispatcher)
        finish_turns(house.dispatcher)
        house.journal.entries.clear()

    assert bytes_of(adopt) / EVENTS < 2_048


@pytest.mark.parametrize(("at_once", "bound"), [(True, 265), (False, 297)], ids=["at once", "one by one"])
def test_a_live_order_takes_less_than_300_bytes(at_once: bool, bound: int) -> None:
    def make() -> object:
        now = Instant(int("1767225600000000"))
        orders = (
            Order(
                OrderId(f"019a0000-0000-7000-8000-{number:012x}"),
                CustomerId(f"customer-1000-{number}"),
                1,
                OrderStatus.CONFIRMED if number < 450 else OrderStatus.WAITLISTED,
                now if at_once else Instant(now + number),
                None if number < 450 else number,
            )
            for number in range(ORDERS)
        )
        return Inventory.restored(
            EventStatus(EventId(1_000), "Concert", 450, 0, 450, 0, 0, 50, 50, 501), now, orders
        )

    assert bytes_of(make) / ORDERS < bound
