"""Watched orders: that none is let go which somebody watches, and all are which nobody does."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from boxoffice.actors.messages import Find, Found, Look, Seen
from boxoffice.actors.values import EventId, EventStatus, Order, OrderId
from boxoffice.http.live.audience import Audience
from boxoffice.http.live.listener import UNSENT_MAX
from boxoffice.http.live.orders import WatchedOrders
from tests.unit.desk import CANCELLED, CONFIRMED, EVENT, NOW, WAITLISTED, an_order
from tests.unit.fakes import FakeTime
from tests.unit.house import House
from tests.unit.wires import Ends, at_version, web_socket

ANN = OrderId("ann")


class FakeDesk:
    """Has one order, and says how it stands."""

    def __init__(self) -> None:
        self.order = an_order("ann", 1, WAITLISTED, place=2)
        self.position: int | None = 1
        self.version = 2
        self.asked = 0

    def stands(self, order: Order, position: int | None = None) -> None:
        self.order, self.position, self.version = order, position, self.version + 1

    @property
    def found(self) -> Found:
        return Found(self.order, self.position, self.version)

    async def ask(self, _event_id: EventId, command: Find | Look) -> Found | Seen:
        self.asked += 1
        return self.found if isinstance(command, Find) else Seen((self.found,), self.version)

    async def statuses(self, event_ids: tuple[EventId, ...]) -> dict[EventId, EventStatus]:
        return {event_id: at_version(self.version) for event_id in event_ids}

    async def standing(self, _event_id: EventId, _order_ids: Sequence[OrderId]) -> list[Found]:
        return [self.found]


class Room:
    """Orders, and who watches them."""

    def __init__(self, house: House) -> None:
        house.adopt(EVENT)
        bridge: Any = house
        reading: Any = None
        desk: Any = FakeDesk()
        self.audience = Audience(bridge, reading, lambda: NOW, 9, 9, FakeTime())
        self.desk: FakeDesk = desk
        self.orders = WatchedOrders(bridge, desk, self.audience)

    async def watch(self, ends: Ends) -> None:
        if ends.listener not in self.audience.listeners:
            self.audience.enter(ends.listener, "127.0.0.1")
        await self.orders.watch(ends.listener, EVENT, ANN, None)

    async def look(self) -> None:
        for event_id, status in (await self.desk.statuses(tuple(self.orders._feeds))).items():
            await self.orders._look_at(event_id, status)


@pytest.fixture
def room() -> Iterator[Room]:
    house = House()
    yield Room(house)
    house.close()


def statuses(ends: Ends) -> list[str]:
    """Of the order, as it was told."""
    return [text.partition(b'"status":"')[2].split(b'"')[0].decode() for text in ends.wire.written]


async def test_whoever_comes_while_the_last_one_leaves_is_told_what_follows(room: Room) -> None:
    leaving, coming = web_socket(), web_socket()
    await room.watch(leaving)
    room.desk.stands(an_order("ann", 1, CONFIRMED))  # news for both
    begun = asyncio.ensure_future(room.watch(coming))
    await asyncio.sleep(0)  # which is as far as it comes before others have their turn
    room.audience.leave(leaving.listener)
    await room.look()
    await begun
    room.desk.stands(an_order("ann", 1, CANCELLED))
    await room.look()
    assert statuses(coming) == ["confirmed", "cancelled"]


async def test_nothing_is_kept_of_an_order_that_is_settled_but_for_who_has_still_to_be_told(
    room: Room,
) -> None:
    fast, slow = web_socket(), web_socket()
    for ends in (fast, slow):
        await room.watch(ends)
    slow.wire.unread = UNSENT_MAX + 1
    room.desk.stands(an_order("ann", 1, CANCELLED))
    await room.look()
    assert statuses(fast) == ["waitlisted", "cancelled"]
    assert (fast.listener.feeds, room.orders._feeds, room.orders._looked_at) == ({}, {}, {})
    slow.wire.unread = 0
    slow.listener.catch_up(0.0)
    assert statuses(slow) == ["waitlisted", "cancelled"]
    assert slow.listener.feeds == {}
    await room.watch(fast)
    assert statuses(fast)[2:] == ["cancelled"]
    assert (fast.listener.feeds, room.orders._feeds) == ({}, {})


async def test_an_order_is_asked_about_only_when_its_event_has_moved_and_while_it_is_watched(
    room: Room,
) -> None:
    ends = web_socket()
    await room.watch(ends)
    for asked in (2, 2):
        await room.look()
        assert room.desk.asked == asked
    room.desk.version += 1  # others have booked
    await room.look()
    assert (room.desk.asked, statuses(ends)) == (3, ["waitlisted"])
    room.audience.leave(ends.listener)
    room.desk.version += 1
    await room.look()
    assert (room.desk.asked, room.orders._feeds, room.orders._looked_at) == (3, {}, {})


async def test_nothing_is_asked_for_a_listener_that_has_left_before_it_was_its_turn(room: Room) -> None:
    gone, staying = web_socket(), web_socket()
    room.audience.enter(gone.listener, "127.0.0.1")
    gone.listener.end(1001, "the client has gone")
    await room.watch(gone)
    assert (room.desk.asked, gone.wire.written, gone.listener.feeds) == (0, [], {})
    await room.watch(staying)
    assert statuses(staying) == ["waitlisted"]
