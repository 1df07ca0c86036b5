"""Watching with the Python client, when the server says what it likes and hangs up; waits take no time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from math import inf
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from boxoffice.client import (
    BadAnswer,
    BoxOffice,
    BoxOfficeError,
    Event,
    EventNotFound,
    Forbidden,
    OrderNotFound,
    OrderStatus,
    Overloaded,
    SaleState,
    TooManyListeners,
    Unauthenticated,
    Unreachable,
    UpgradeRequired,
)
from boxoffice.client import connection as of_the_client
from tests.support.live_server import PATIENCE_S, Listener, LiveServer, document, problem
from tests.support.waits import Waits

SECRET = "bo_0123456789ab_verysecret"
EVENT = {
    "eventId": "1", "eventName": "Tech Conference 2025", "totalTickets": 9, "availableTickets": 9,
    "bookedTickets": 0, "heldTickets": 0, "offeredTickets": 0, "waitingListCount": 0, "waitingTickets": 0,
    "state": "open", "salesOpenAt": None, "salesCloseAt": None, "closedAt": None, "maxPerOrder": None,
    "maxPerCustomer": None, "waitlistLimit": None, "waitlistMode": "book", "offerSeconds": 900,
    "holdSeconds": 600, "maxHoldSeconds": 3600,
}  # fmt: skip
ORDER = {
    "orderId": "1-a", "eventId": "1", "userId": "ann", "quantity": 1, "status": "waitlisted", "position": 2,
    "createdAt": "2026-11-26T04:07:43.410833Z",
}  # fmt: skip


def status(version: int, **fields: object) -> dict[str, object]:
    return {"type": "status", **EVENT, "version": version, "newerField": 1, **fields}


def order(version: int, **fields: object) -> dict[str, object]:
    return {"type": "order", **ORDER, "version": version, **fields}


@pytest.fixture
async def live() -> AsyncIterator[LiveServer]:
    async with LiveServer().on() as server:
        yield server


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
async def box(live: LiveServer, waits: Waits) -> AsyncIterator[BoxOffice]:
    async with BoxOffice(live.url, api_key=SECRET, clock=waits.clock) as box:
        yield box


class Watching:
    """Somebody who watches event 1, and takes what there is when told to."""

    def __init__(self, box: BoxOffice, **more: Any) -> None:
        self.told: list[BoxOfficeError | None] = []
        self._statuses = box.watch(1, on_connection=self.told.append, **more)
        self._next: asyncio.Task[Event] | None = None

    def begin(self) -> None:
        """Ask for the next status; it is there when it is there."""
        self._next = asyncio.ensure_future(anext(self._statuses))

    async def next(self) -> Event:
        """The next status."""
        if self._next is None:
            self.begin()
        assert self._next is not None
        coming, self._next = self._next, None
        async with asyncio.timeout(PATIENCE_S):
            return await coming

    async def version(self) -> int:
        """That of the next status."""
        return (await self.next()).version

    async def failure(self) -> BoxOfficeError:
        """What it ends with."""
        with pytest.raises(BoxOfficeError) as raised:
            await self.next()
        return raised.value

    async def close(self) -> None:
        """Enough."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
        await self._statuses.aclose()


@pytest.fixture
async def watching(box: BoxOffice) -> AsyncIterator[Watching]:
    watching = Watching(box)
    yield watching
    await watching.close()


async def connected(live: LiveServer, watching: Watching) -> Listener:
    watching.begin()
    return await live.listener()


# --- the newest, and never an older one ----------------------------------------------------------


async def test_each_status_comes_as_it_is_said(live: LiveServer, watching: Watching) -> None:
    listener = await connected(live, watching)
    assert listener.target == "/status/1/live"
    assert listener.headers["Authorization"] == f"Bearer {SECRET}"
    await listener.says(status(3))
    first = await watching.next()
    assert (type(first), first.version, first.available_tickets) == (Event, 3, 9)
    await listener.says({"type": "somethingNew"}, status(4))
    assert await watching.version() == 4


async def test_who_is_slow_gets_the_newest_and_no_backlog(live: LiveServer, watching: Watching) -> None:
    listener = await connected(live, watching)
    await listener.says(status(1))
    assert await watching.version() == 1
    await listener.says(*map(status, range(2, 200)))
    await listener.has_been_heard()
    assert await watching.version() == 199
    watching.begin()
    await listener.says(status(200))
    assert await watching.version() == 200


async def test_a_version_never_goes_back_nor_comes_again_as_it_was(
    live: LiveServer, watching: Watching
) -> None:
    listener = await connected(live, watching)
    await listener.says(status(5, state="scheduled"))
    assert await watching.version() == 5
    watching.begin()
    for not_newer in (status(4), status(5, state="scheduled"), status(4, state="closed")):
        await listener.says(not_newer)
        await listener.has_been_heard()
    await listener.says(status(5))
    again = await watching.next()
    assert (again.version, again.state) == (5, SaleState.OPEN)
    await listener.hangs_up(1001, "the server is shutting down")
    after = await connected(live, watching)
    for not_newer in (status(4), status(5)):
        await after.says(not_newer)
        await after.has_been_heard()
    await after.says(status(6))
    assert await watching.version() == 6


async def test_what_the_caller_has_seen_is_not_asked_for(live: LiveServer, box: BoxOffice) -> None:
    watching = Watching(box, since=7)
    listener = await connected(live, watching)
    assert listener.target == "/status/1/live?since=7"
    await listener.hangs_up(1013)
    listener = await live.listener()
    assert listener.target == "/status/1/live?since=7"
    await listener.says(status(6), status(9))
    assert await watching.version() == 9
    await listener.hangs_up(1013)
    listener = await connected(live, watching)
    assert listener.target == "/status/1/live?since=8"  # the same again, in case that its state has changed
    await watching.close()


async def test_who_leaves_hangs_up(live: LiveServer, box: BoxOffice) -> None:
    async with aclosing(box.watch(1)) as statuses:
        coming = asyncio.ensure_future(anext(statuses))
        listener = await live.listener()
        await listener.says(status(1))
        assert (await coming).version == 1
        assert not listener.closed.is_set()
    async with asyncio.timeout(PATIENCE_S):
        await listener.closed.wait()


async def test_a_session_of_ones_own_is_used_and_left_open(live: LiveServer) -> None:
    async with aiohttp.ClientSession(headers={"X-Ours": "yes"}, raise_for_status=True) as session:
        async with BoxOffice(live.url, session=session) as box, aclosing(box.watch(1)) as statuses:
            coming = asyncio.ensure_future(anext(statuses))
            listener = await live.listener()
            assert listener.headers["X-Ours"] == "yes"
            await listener.says(status(1))
            assert (await coming).version == 1
        live.refusals.append(web.Response(text="hello"))
        async with session.get(live.url) as response:
            assert await response.text() == "hello"


# --- lost, and found again -----------------------------------------------------------------------


@pytest.mark.parametrize("code", [None, 1000, 1001, 1013])
async def test_a_connection_that_ends_is_followed_by_another(
    code: int | None, live: LiveServer, watching: Watching
) -> None:
    listener = await connected(live, watching)
    await listener.says(status(1))
    assert await watching.version() == 1
    await listener.hangs_up(code, "of its own accord")
    listener = await connected(live, watching)
    await listener.says(status(2))
    assert await watching.version() == 2
    first, lost, second = watching.told
    assert (first, second) == (None, None)
    assert isinstance(lost, Unreachable)
    assert ("of its own accord" in str(lost)) == (code is not None)


async def test_refusals_that_pass_are_waited_for(live: LiveServer, watching: Watching, waits: Waits) -> None:
    live.refusals.append(problem(503, "overloaded", **{"Retry-After": "2"}))
    live.refusals.append(problem(429, "too_many_listeners"))
    live.refusals.append(web.Response(status=502, text="<h1>Bad Gateway</h1>"))
    listener = await connected(live, watching)
    await listener.says(status(1))
    assert await watching.version() == 1
    kinds = [type(each) for each in watching.told]
    assert kinds == [Overloaded, TooManyListeners, BadAnswer, type(None)]
    assert waits.slept == [2, 0.2, 0.4]


async def test_a_connection_on_which_nothing_comes_is_taken_for_lost(
    live: LiveServer, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_the_client, "SILENCE_MAX_S", 0.1)
    await connected(live, watching)
    listener = await live.listener()
    assert isinstance(watching.told[1], Unreachable)
    await listener.says(status(1))
    assert await watching.version() == 1


async def test_without_a_connection_for_too_long_it_is_given_up(live: LiveServer, waits: Waits) -> None:
    async with BoxOffice(live.url, clock=waits.clock, retry_for_s=9) as box:
        watching = Watching(box)
        for version in (1, 2):  # the time begins anew with each that brings something
            listener = await connected(live, watching)
            await listener.says(status(version))
            assert await watching.version() == version
            waits.slept.append(60)  # it lasted
            live.refusals.extend(problem(503, "overloaded") for _ in range(4))
            await listener.hangs_up()
        listener = await connected(live, watching)
        live.refusals.extend(problem(503, "overloaded") for _ in range(99))
        await listener.hangs_up()  # one that brings nothing is as good as none
        assert isinstance(await watching.failure(), Overloaded)
        assert waits.slept == [60, 0.1, 0.2, 0.4, 0.8, 1.6] * 2 + [3.2]


async def test_without_an_end_it_waits_for_ever(live: LiveServer, waits: Waits) -> None:
    async with BoxOffice(live.url, clock=waits.clock, retry_for_s=inf) as box:
        watching = Watching(box)
        live.refusals.extend(problem(503, "overloaded") for _ in range(99))
        listener = await connected(live, watching)
        await listener.says(status(1))
        assert await watching.version() == 1
        assert max(waits.slept) == 5
        await watching.close()


# --- what does not pass --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (lambda: problem(401, "unauthenticated"), Unauthenticated),
        (lambda: problem(403, "forbidden"), Forbidden),
        (lambda: problem(404, "event_not_found"), EventNotFound),
        (lambda: problem(426, "upgrade_required"), UpgradeRequired),
        (lambda: web.Response(text="hello"), BadAnswer),
        (lambda: web.Response(status=302, headers={"Location": "/elsewhere"}), BadAnswer),
    ],
    ids=["401", "403", "404", "426", "200", "302"],
)
async def test_a_refusal_that_does_not_pass_is_raised(
    refusal: Any, kind: type[BoxOfficeError], live: LiveServer, watching: Watching, waits: Waits
) -> None:
    live.refusals.append(refusal())
    failure = await watching.failure()
    assert type(failure) is kind
    assert not failure.maybe_applied
    assert (len(live.asked), waits.slept) == (1, [])
    assert SECRET not in repr(failure.__cause__)


@pytest.mark.parametrize("said", [b"binary", "no object", {}, {"type": "status"}, {"type": "problem"}])
async def test_what_is_not_understood_is_raised(said: object, live: LiveServer, watching: Watching) -> None:
    listener = await connected(live, watching)
    await listener.says(status(1), said)
    await listener.closed.wait()
    assert await watching.version() == 1  # what came before is not lost
    assert isinstance(await watching.failure(), BadAnswer)


async def test_a_key_that_is_no_longer_good_is_raised(live: LiveServer, watching: Watching) -> None:
    listener = await connected(live, watching)
    await listener.hangs_up(1008, "the API key is no longer good")
    failure = await watching.failure()
    assert isinstance(failure, Unauthenticated)
    assert "the API key is no longer good" in failure.detail


# --- orders --------------------------------------------------------------------------------------


async def test_an_order_is_told_until_it_has_ended(live: LiveServer, box: BoxOffice) -> None:
    async def seen() -> list[tuple[OrderStatus, int | None]]:
        async with aclosing(box.watch_order("1-a")) as orders:
            return [(each.status, each.position) async for each in orders]

    watching = asyncio.ensure_future(seen())
    listener = await live.listener()
    assert listener.target == "/live"
    assert await listener.heard.get() == '{"watchOrder":"1-a"}'
    for version, position in ((5, 2), (6, 2), (4, 1)):
        await listener.says(order(version, position=position))
        await listener.has_been_heard()
    await listener.hangs_up()
    listener = await live.listener()
    assert await listener.heard.get() == '{"watchOrder":"1-a"}'
    await listener.says(order(6))
    await listener.has_been_heard()
    offered = order(7, status="offered", position=None, expiresAt="2026-11-26T04:07:43Z")
    await listener.says(offered)
    await listener.has_been_heard()
    await listener.says(order(8, status="expired", position=None))
    async with asyncio.timeout(PATIENCE_S):
        found = await watching
        await listener.closed.wait()
    assert found == [
        (OrderStatus.WAITLISTED, 2),
        (OrderStatus.OFFERED, None),
        (OrderStatus.EXPIRED, None),
    ]


async def test_an_order_that_is_not_there_is_raised(live: LiveServer, box: BoxOffice) -> None:
    async with aclosing(box.watch_order("1-b")) as orders:
        coming = asyncio.ensure_future(anext(orders))
        passes = {"type": "problem", "orderId": "1-b", "problem": document(503, "overloaded")}
        await (await live.listener()).says(passes)
        absent = {"type": "problem", "orderId": "1-b", "problem": document(404, "order_not_found")}
        await (await live.listener()).says(absent)
        with pytest.raises(OrderNotFound):
            await coming
