"""Promises 10, 11 and 13 for those who watch: whatever fails, they are shown what is committed, in its order,
and the newest in the end.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias

import aiohttp
import pytest

from tests.e2e.house import open_house
from tests.e2e.load import Crowd, at_once, crowd
from tests.simulation.conftest import Serve
from tests.simulation.ears import Ears, Message, socket, stream
from tests.simulation.proxy import Proxy
from tests.simulation.test_two_servers import epoch
from tests.support.log import Log, Seen
from tests.support.server import Server

QUIET_S = 1.2
"""Long enough for every turn there is: orders are looked at once a second, other servers' events twice. A
commit may take 4 s.
"""


@pytest.fixture
def proxy(database_url: str) -> Iterator[Proxy]:
    with Proxy(database_url) as proxy:
        yield proxy


@asynccontextmanager
async def audience(server: Server, event: str, order: str, since: int = 0) -> AsyncIterator[list[Ears]]:
    """Three who watch an event, each in another way; the last one watches one of its orders, too."""
    path = f"/status/{event}/live?since={since}"
    async with aiohttp.ClientSession(server.url) as session, AsyncExitStack() as stack:
        enter = stack.enter_async_context
        yield [
            await enter(socket(session, path)),
            await enter(stream(session, f"/status/{event}/live", str(since))),
            await enter(socket(session, f"/live?watch={event}&watchOrder={order}")),
        ]


async def nothing_comes(ears: Iterable[Ears]) -> list[asyncio.Task[Any]]:
    """They are told nothing for a while; returns what is being waited for."""
    waiting = [asyncio.create_task(each.hear()) for each in ears]
    told, silent = await asyncio.wait(waiting, timeout=QUIET_S, return_when=asyncio.FIRST_COMPLETED)
    if told:
        for each in silent:
            each.cancel()
        raise AssertionError(f"too early: {[each.result() for each in told]}")
    return waiting


Told: TypeAlias = list[tuple[Ears, list[Message]]]


async def told_up_to(version: int, ears: Iterable[Ears]) -> Told:
    """What each of them is told up to this version, or a later one, of the event."""
    return [(each, await each.until(type="status", version=version)) for each in ears]


async def hears_of_order(ears: Ears, told: Told, **fields: Any) -> None:
    """It is told this of the order, unless it was already."""
    so_far = [message for whom, messages in told if whom is ears for message in messages]
    if not any(message.items() >= {"type": "order", **fields}.items() for message in so_far):
        told.append((ears, await ears.until(type="order", **fields)))


async def applied(clients: Crowd, path: str, **asked: Any) -> Seen:
    """Ask as a client does who is told that nothing was applied."""
    for _ in range(200):
        seen = await clients.ask(path, **asked)
        if seen.status < 500:
            return seen
        await asyncio.sleep(0.05)
    raise AssertionError(f"in vain: {seen}")


def check(told: Told, database_url: str, event: str) -> None:
    """What each was told of the event is what the log has at that version, and nobody was told of an earlier
    version than before, nor of one twice.
    """
    log, newest = Log(database_url, event), Counter[Ears]()
    for ears, messages in told:
        for message in messages:
            if message["type"] == "status":
                log.check_status({name: value for name, value in message.items() if name != "type"})
                assert message["version"] > newest[ears]
                newest[ears] = message["version"]


# --- promise 10 ----------------------------------------------------------------------------------


async def shows_nothing_early(server: Server, proxy: Proxy) -> None:
    """While a COMMIT is under way, no listener is told what it may commit, nor whoever comes meanwhile."""
    event = server.event(tickets=1)
    booked, waits = server.book(event, "ann"), server.book(event, "ben")
    async with crowd(server) as clients, audience(server, event, waits["orderId"]) as ears:
        for each in ears:
            await each.until(type="status", version=3)
        await ears[2].until(type="order", status="waitlisted", position=1, version=3)
        held = proxy.hold_commit()
        cancelling = asyncio.create_task(clients.ask("/cancel", orderId=booked["orderId"]))
        try:
            await asyncio.to_thread(held.wait_until_reached)
            async with audience(server, event, "") as late:
                shown = [(await each.hear() or {})["version"] for each in late]
                assert shown == [3, 3, 3], "too early"
                waiting = await nothing_comes([*ears, *late])
        finally:
            held.release()
        told = [(each, [await heard]) for each, heard in zip(ears, waiting, strict=False)]
        assert [messages[0]["version"] for _, messages in told] == [4, 4, 4]
        await hears_of_order(ears[2], told, status="confirmed", version=4)
        assert (await cancelling).status == 200


async def test_no_listener_is_shown_what_can_still_be_undone(serve: Serve, proxy: Proxy) -> None:
    await shows_nothing_early(serve(url=proxy.url), proxy)


# --- promise 11: several servers -----------------------------------------------------------------


async def test_listeners_follow_events_to_another_server_and_back(serve: Serve, database_url: str) -> None:
    former, owner = serve(), serve()
    event, other = former.event(tickets=3), former.event()
    parties = ("ann", 3), ("ben", 1), ("cem", 1)
    booked, _, waits = (former.book(event, user, number) for user, number in parties)
    async with (
        crowd(former) as clients,
        audience(former, event, waits["orderId"]) as ears,
        audience(former, other, "") as others,
    ):
        told, of_other = await told_up_to(4, ears), await told_up_to(1, others)
        await hears_of_order(ears[2], told, status="waitlisted", position=2, version=4)
        owner.cancel(booked, quantity=1)  # the server that is listened to hears nothing of it
        told += await told_up_to(5, ears)
        await hears_of_order(ears[2], told, status="waitlisted", position=1, version=5)
        owned = epoch(database_url, event)
        async with audience(former, event, waits["orderId"]) as late:
            told_late = await told_up_to(5, late)
            await hears_of_order(late[2], told_late, status="waitlisted", position=1, version=5)
        assert epoch(database_url, event) == owned  # whoever looks takes nothing over
        owner.cancel(booked, quantity=1)
        await applied(clients, "/book", eventId=event, userId="dan")
        told += await told_up_to(7, ears)
        owner.book(other, "dan")  # of which nobody has asked there for a while
        of_other += await told_up_to(2, others)
    check(told, database_url, event)
    check(of_other, database_url, other)


async def book_all(clients: Crowd, event: str, name: str) -> None:
    """Many orders at once, for better or worse."""
    await at_once(*(clients.ask("/book", eventId=event, userId=f"{name}-{n}") for n in range(50)))


async def test_a_server_that_comes_to_itself_again_tells_its_listeners_nothing_that_never_was(
    serve: Serve, database_url: str
) -> None:
    """Stopped in the middle of a load, so that another takes over, and then let go on."""
    stopped, other = serve(), serve()
    event = stopped.event(tickets=30)
    order = stopped.book(event, "ann")["orderId"]
    async with crowd(stopped) as before, crowd(other) as after, audience(stopped, event, order) as ears:
        told = await told_up_to(2, ears)
        load = asyncio.create_task(book_all(before, event, "before"))
        await asyncio.sleep(0)
        os.kill(stopped.process.pid, signal.SIGSTOP)
        try:
            await applied(after, "/book", eventId=event, userId="after")
        finally:
            os.kill(stopped.process.pid, signal.SIGCONT)
        await load
        last = await applied(after, "/book", eventId=event, userId="last")
        told += await told_up_to(last.answer["version"], ears)
    check(told, database_url, event)


# --- promise 13: whoever comes back, and whoever stays -------------------------------------------


async def test_whoever_comes_back_after_a_death_is_told_only_what_is_newer(
    serve: Serve, database_url: str
) -> None:
    server = serve()
    event = server.event(tickets=9)
    order = server.book(event, "ann")["orderId"]
    async with audience(server, event, order) as ears:
        for each in ears:
            await each.until(type="status", version=2)
        server.restart(signal.SIGKILL)
        assert [await each.hear() for each in ears[:2]] == [None, None]
    async with audience(server, event, order, since=2) as ears:
        await ears[2].until(type="status", version=2)
        for waiting in await nothing_comes(ears[:2]):
            waiting.cancel()
    async with audience(server, event, order, since=1) as ears:
        told = await at_once(*(each.until(version=2) for each in ears[:2]))
        server.book(event, "ben")
        told += await at_once(*(each.until(version=3) for each in ears[:2]))
    assert [[each["version"] for each in so_far] for so_far in told] == [[2], [2], [3], [3]]


async def test_listeners_stay_while_postgresql_is_away_and_go_on_afterwards() -> None:
    with open_house() as house:
        server = house.server
        event, quiet = server.event(tickets=1), server.event()
        booked, waits = server.book(event, "ann"), server.book(event, "ben")
        async with crowd(server) as clients, audience(server, event, waits["orderId"]) as ears:
            told = await told_up_to(3, ears)
            await hears_of_order(ears[2], told, status="waitlisted", position=1, version=3)
            await asyncio.to_thread(house.postgres.stop, "immediate")
            lost = await clients.ask("/cancel", orderId=booked["orderId"])
            assert lost.status in (503, 504), "not vacuous"
            async with audience(server, quiet, waits["orderId"]) as late:
                assert [(await each.until(version=1))[-1]["type"] for each in late] == ["status"] * 3
            await asyncio.to_thread(house.postgres.start)
            await applied(clients, "/cancel", orderId=booked["orderId"])
            told += await told_up_to(4, ears)
            await hears_of_order(ears[2], told, status="confirmed", version=4)
        check(told, house.url, event)
