"""What another server records under a key while we look up what to answer is the answer."""

import asyncio
from typing import Any

import pytest

from boxoffice.actors.messages import Book, EventUnknown, NotApplied, SoldOut
from boxoffice.actors.ports import Key, Recorded
from boxoffice.actors.values import CustomerId, EventId, OrderId
from boxoffice.http.desk import Desk
from tests.unit.test_bridge import Crossing
from tests.unit.test_idempotency import FakeReplies

NOWHERE = EventId(999)
BOOK = Book(OrderId("order"), CustomerId("ann"), 1)
UNUSED: Any = None


@pytest.fixture
async def crossing() -> Any:
    crossing = Crossing(asyncio.get_running_loop())
    crossing.bridge.open(crossing.directory)
    yield crossing
    crossing.close()


@pytest.fixture
def replies() -> FakeReplies:
    return FakeReplies()


def key(fingerprint: bytes = b"ours") -> Key:
    return Key("", "k", fingerprint)


async def test_what_nobody_has_recorded_is_recorded_and_answered(
    crossing: Crossing, replies: FakeReplies
) -> None:
    desk = Desk(crossing.bridge, UNUSED, replies)
    assert await desk.ask(NOWHERE, BOOK, key()) == EventUnknown()
    assert replies.found["", "k"][0] == Recorded(b"ours", EventUnknown())


async def test_what_another_server_has_recorded_is_answered(crossing: Crossing, replies: FakeReplies) -> None:
    replies.found["", "k"] = {0: Recorded(b"ours", SoldOut(0, 1, 2))}
    desk = Desk(crossing.bridge, UNUSED, replies)
    assert await desk.ask(NOWHERE, BOOK, key()) == SoldOut(0, 1, 2)


async def test_what_it_has_recorded_for_something_else_is_not(
    crossing: Crossing, replies: FakeReplies
) -> None:
    replies.found["", "k"] = {0: Recorded(b"theirs", SoldOut(0, 1, 2))}
    desk = Desk(crossing.bridge, UNUSED, replies)
    assert isinstance(await desk.ask(NOWHERE, BOOK, key()), NotApplied)
    assert replies.found["", "k"][0].fingerprint == b"theirs"
