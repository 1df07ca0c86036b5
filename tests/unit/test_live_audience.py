"""All listeners of one server: who is told what, what one of them cannot do to the others, what is left."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import msgspec
import pytest

from boxoffice.actors.values import EventId, EventStatus, OrderId, Terms
from boxoffice.http.live.audience import Audience
from boxoffice.http.live.feeds import OrderFeed
from boxoffice.http.live.frames import PING
from boxoffice.http.live.listener import UNSENT_MAX
from boxoffice.http.live.transports import WebSocketListener
from boxoffice.http.problems import ProblemError
from tests.unit.desk import CONFIRMED, EVENT, NOW, after, an_order
from tests.unit.fakes import FakeTime
from tests.unit.house import OTHER, House, committed
from tests.unit.wires import Ends, at_version, stream, web_socket

HERE = "127.0.0.1"


class FakeBridge:
    """A real directory, and a database that has what a test puts into it."""

    def __init__(self, house: House) -> None:
        self.directory = house.directory
        self.stored: dict[EventId, EventStatus] = {}

    async def read(self, _query: object, event_ids: list[EventId]) -> list[EventStatus]:
        return [self.stored[event_id] for event_id in event_ids if event_id in self.stored]


class Room:
    """An audience, and who is in it."""

    def __init__(self, house: House) -> None:
        self.bridge = FakeBridge(house)
        self.house = house
        self.time = FakeTime()
        self.now = NOW
        nothing: Any = self
        bridge: Any = self.bridge
        self.audience = Audience(bridge, nothing, lambda: self.now, 3, 2, self.time)

    statuses: Any = None  # the query that the database is asked

    def let_in(self, ends: Ends, address: str = HERE) -> Ends:
        self.audience.enter(ends.listener, address)
        return ends

    def watching(self, *many: Ends, status: EventStatus | None = None) -> None:
        """They watch the event, and have been told how it stands."""
        for ends in many:
            self.audience.watch(self.let_in(ends).listener, status or at_version(1))

    async def told(self, status: EventStatus) -> None:
        """This is committed, elsewhere, and found in the database."""
        self.bridge.stored[status.event_id] = status
        await self.audience._look_elsewhere()
        await self.audience._tell_news()


@pytest.fixture
def room() -> Iterator[Room]:
    house = House()
    yield Room(house)
    house.close()


def versions(ends: Ends) -> list[int]:
    """What it was sent."""
    texts = [data.removesuffix(PING) for data in ends.wire.written]
    return [int(text.partition(b'"version":')[2].split(b",")[0]) for text in texts if b'"version"' in text]


async def test_one_that_cannot_be_told_is_given_up_and_all_others_are_told(room: Room) -> None:
    ends = [web_socket(), web_socket(), web_socket()]
    room.watching(*ends)
    ends[1].wire.written = cast("list[bytes]", None)  # so that to write raises
    await room.told(at_version(2))
    assert [versions(each) for each in (ends[0], ends[2])] == [[1, 2], [1, 2]]
    assert [each.listener.ended is None for each in ends] == [True, False, True]


async def test_one_that_cannot_catch_up_keeps_nobody_else_behind(room: Room) -> None:
    ends = [web_socket() for _ in range(3)]
    room.watching(*ends)
    for each in ends:
        each.wire.unread = UNSENT_MAX + 1
    await room.told(at_version(2))
    for each in ends:
        each.wire.unread = 0
    ends[1].wire.written = cast("list[bytes]", None)
    await room.audience._tell_news()
    assert [versions(each) for each in (ends[0], ends[2])] == [[1, 2], [1, 2]]
    assert room.audience._behind == set()


async def test_one_that_cannot_be_looked_after_keeps_nobody_else_from_it(room: Room) -> None:
    odd, other = web_socket(), web_socket()
    room.watching(odd, other)
    odd.listener.is_welcome = cast("Any", None)
    room.audience.monotonic_s = lambda: 5_000.0
    for each in (odd, other):
        cast("WebSocketListener", each.listener)._asked_s = 4_999.0
    other.listener.is_welcome = lambda: False
    await room.audience._look_after((odd.listener, other.listener))
    assert (odd.listener.ended, other.listener.ended) == (
        "we could not handle this",
        "what let you in is no longer good",
    )


async def test_what_is_committed_here_is_told_and_what_is_older_elsewhere_is_not(room: Room) -> None:
    ends = web_socket()
    room.watching(ends, status=at_version(4))
    await room.told(at_version(3))
    room.house.adopt(EVENT)  # at version 1: it has been another server's meanwhile
    await room.audience._tell_news()
    await room.told(at_version(5))
    assert versions(ends) == [4]
    room.house.directory.compare({EVENT: 2})  # it still is
    await room.told(at_version(5))
    assert versions(ends) == [4, 5]


async def test_the_time_is_told_whatever_version_the_client_has(room: Room) -> None:
    ends, late = web_socket(), stream()
    scheduled = at_version(1, Terms(sales_open_at=after(60)))
    room.watching(ends, status=scheduled)
    room.now = after(60)
    await room.told(scheduled)
    assert [b'"state":"open"' in data for data in ends.wire.written] == [False, True]
    late.listener.since = 1
    room.watching(late, status=scheduled)
    assert versions(late) == [1]
    early, known = web_socket(), at_version(1)
    early.listener.since = 1
    room.audience.watch(early.listener, msgspec.structs.replace(known, event_id=OTHER))
    assert versions(early) == []


async def test_nothing_is_left_of_a_listener_that_has_left(room: Room) -> None:
    ends, other = web_socket(), web_socket()
    room.watching(ends, other)
    order = OrderFeed(EVENT, OrderId("ann"))
    order.renew(an_order("ann", 1, CONFIRMED), 1, None)
    room.audience.attend(ends.listener, order)
    ends.wire.unread = UNSENT_MAX + 1
    await room.told(at_version(2))
    assert ends.listener.behind
    room.audience.leave(ends.listener)
    assert (ends.listener.feeds, ends.listener.behind, order.listeners) == ({}, {}, {})
    assert room.audience._behind == set()
    assert room.house.directory._watched == {EVENT}
    room.audience.leave(other.listener)
    assert room.house.directory._watched == set()
    assert (room.audience._feeds, room.audience._networks, room.audience.listeners) == ({}, {}, {})


async def test_whoever_comes_while_the_last_place_is_given_away_is_told_to_come_back(room: Room) -> None:
    first = room.let_in(web_socket(), "192.0.2.1")
    room.audience.refuse_if_full("192.0.2.1")
    second, third = (room.let_in(web_socket(), "192.0.2.1") for _ in range(2))  # both were let in by then
    await asyncio.sleep(0)
    assert [each.socket.codes for each in (first, second, third)] == [[], [], [1013]]
    with pytest.raises(ProblemError, match="more fit in"):
        room.audience.refuse_if_full(HERE)
    room.audience.leave(third.listener)
    with pytest.raises(ProblemError, match="from your address"):
        room.audience.refuse_if_full("192.0.2.1")
    room.audience.refuse_if_full(HERE)


async def test_news_that_were_lost_on_their_way_are_found_again(room: Room) -> None:
    ends = web_socket()
    room.house.adopt(EVENT)
    room.watching(ends)
    room.house.directory.settle(committed(room.house.entry(EVENT)))
    room.bridge.directory.moved()  # and then memory ran out, say
    await room.audience._look_elsewhere()
    await room.audience._tell_news()
    assert versions(ends) == [1, 2]
