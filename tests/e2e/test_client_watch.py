"""Watching with the Python client, at the real server: events as they sell, orders as they move up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from boxoffice.actors.principals import Scope
from boxoffice.client import (
    BoxOffice,
    BoxOfficeError,
    Event,
    EventNotFound,
    Order,
    OrderNotFound,
    OrderStatus,
    Unauthenticated,
    Unreachable,
)
from tests.support.people import api_key, api_keys, id_of
from tests.support.server import Server
from tests.support.sockets import free_port

PATIENCE_S = 20.0


@pytest.fixture
async def box(server: Server, audited: None) -> AsyncIterator[BoxOffice]:
    async with asyncio.timeout(PATIENCE_S), BoxOffice(server.url) as box:
        yield box


async def until(statuses: AsyncIterator[Event], **numbers: int) -> list[Event]:
    """The statuses up to the one that shows these numbers."""
    seen: list[Event] = []
    while not seen or any(getattr(seen[-1], name) != number for name, number in numbers.items()):
        seen.append(await anext(statuses))
    return seen


async def test_the_status_comes_at_once_and_then_every_newer_one(box: BoxOffice) -> None:
    event = await box.initialize("Tech Conference 2025", 2)
    async with aclosing(box.watch(event.event_id)) as statuses:
        assert await anext(statuses) == event
        await box.book(event.event_id, "ann")
        assert await anext(statuses) == await box.status(event.event_id)
        await box.adjust(event.event_id, total_tickets=9)
        assert (await anext(statuses)).total_tickets == 9


async def test_of_many_bookings_whoever_watches_sees_the_last_and_never_goes_back(box: BoxOffice) -> None:
    event_id = (await box.initialize("Tech Conference 2025", 200)).event_id
    watching = [asyncio.create_task(until(box.watch(event_id), booked_tickets=200)) for _ in range(5)]
    async with aclosing(box.watch(event_id)) as slow:
        assert (await anext(slow)).version >= 1
        await asyncio.gather(*(box.book(event_id, f"user-{number}") for number in range(200)))
        for seen in await asyncio.gather(*watching):
            versions = [status.version for status in seen]
            assert versions == sorted(set(versions))
            assert versions[-1] == 201
        assert len(await until(slow, booked_tickets=200)) <= 2  # what lay there, and the last


async def test_what_the_caller_has_seen_is_not_told_again(box: BoxOffice) -> None:
    event = await box.initialize("Tech Conference 2025", 2)
    async with aclosing(box.watch(event.event_id, since=event.version)) as statuses:
        coming = asyncio.ensure_future(anext(statuses))
        await box.book(event.event_id, "ann")
        assert (await coming).version == 2


async def test_an_event_or_an_order_that_is_not_there_is_said(box: BoxOffice) -> None:
    for nothing in ("987654", "nothing", "..", "1/live"):
        with pytest.raises(EventNotFound):
            await anext(box.watch(nothing))
    event_id = (await box.initialize("Tech Conference 2025", 1)).event_id
    for nothing in (f"{event_id}-01a0b2c3-0000-7000-8000-000000000000", "nothing"):
        with pytest.raises(OrderNotFound):
            await anext(box.watch_order(nothing))


async def test_an_order_moves_up_gets_its_ticket_and_ends(box: BoxOffice) -> None:
    event_id = (await box.initialize("Tech Conference 2025", 1)).event_id
    first, second, third = [await box.book(event_id, name) for name in ("ann", "bob", "cy")]

    async with aclosing(box.watch_order(third.order_id)) as orders:

        async def next_seen() -> tuple[OrderStatus, int | None]:
            order: Order = await anext(orders)
            return order.status, order.position

        assert await next_seen() == (OrderStatus.WAITLISTED, 2)
        await box.cancel(second.order_id)
        assert await next_seen() == (OrderStatus.WAITLISTED, 1)
        await box.cancel(first.order_id)
        assert await next_seen() == (OrderStatus.CONFIRMED, None)
        await box.cancel(third.order_id)
        assert await next_seen() == (OrderStatus.CANCELLED, None)
        with pytest.raises(StopAsyncIteration):
            await anext(orders)
    assert [each.status async for each in box.watch_order(third.order_id)] == [OrderStatus.CANCELLED]


async def test_it_goes_on_after_a_restart_and_ends_with_the_key(database_url: str) -> None:
    key = api_key(database_url, Scope.READ, Scope.SELL, Scope.ORGANISE)
    server = await asyncio.to_thread(Server, "--database-url", database_url, "--port", str(free_port()))
    told: list[BoxOfficeError | None] = []
    try:
        async with asyncio.timeout(60), BoxOffice(server.url, api_key=key) as box:
            event_id = (await box.initialize("Tech Conference 2025", 3)).event_id
            async with aclosing(box.watch(event_id, on_connection=told.append)) as statuses:
                assert (await anext(statuses)).version == 1
                coming = asyncio.ensure_future(anext(statuses))
                await asyncio.to_thread(server.restart)
                await box.book(event_id, "ann")
                assert (await coming).booked_tickets == 1
                first, lost, *others = told
                assert (first, others[-1]) == (None, None)
                assert isinstance(lost, Unreachable)
                assert "1001" in str(lost)
                with api_keys(database_url) as kept:
                    kept.revoke(id_of(key))
                with pytest.raises(Unauthenticated, match="1008"):
                    await anext(statuses)
    finally:
        await asyncio.to_thread(server.stop)
