"""Canaries: with a safety switched off, the checkers go red. With it on, the same scenario passes.

A checker that has never been seen to fail proves nothing. Each scenario runs twice: on the engine as it is,
and on one from which `unsafe.py` has taken the safety out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

import pytest

from boxoffice.persistence import database as database_of
from boxoffice.persistence.embedded import EmbeddedPostgres
from tests.e2e.load import NO_ANSWER, Crowd, at_once, crowd
from tests.simulation.conftest import Serve
from tests.simulation.proxy import Fault, Proxy
from tests.simulation.test_listeners import shows_nothing_early
from tests.simulation.test_two_servers import book_until, epoch
from tests.support.log import Log, database
from tests.support.postgres import public_folder

Scenario: TypeAlias = Callable[[str], Awaitable[None]]


async def check_both(scenario: Scenario, safety: str) -> None:
    """Green with the safety, red without."""
    await scenario("")
    with pytest.raises(AssertionError):
        await scenario(safety)


async def test_without_the_fence_two_servers_write_the_same_version(serve: Serve, database_url: str) -> None:
    with database(database_url) as cursor:  # which would refuse a version twice: the fence's own net
        cursor.execute("ALTER TABLE changes DROP CONSTRAINT changes_pkey")

    async def scenario(without: str) -> None:
        one, other = serve(without=without), serve(without=without)
        event = one.event(tickets=2)
        async with crowd(one) as here, crowd(other) as there:
            await here.ask("/book", eventId=event, userId="ann")
            await there.ask("/book", eventId=event, userId="ben")
            await here.ask("/book", eventId=event, userId="cem")
            Log(database_url, event).check([*here.seen, *there.seen])

    await check_both(scenario, "fence")


@pytest.fixture
def proxy(database_url: str) -> Iterator[Proxy]:
    with Proxy(database_url) as proxy:
        yield proxy


async def test_with_answers_before_the_commit_an_answered_order_is_lost(
    serve: Serve, database_url: str, proxy: Proxy
) -> None:
    async def scenario(without: str) -> None:
        event = serve().event(tickets=2)
        server = serve(url=proxy.url, without=without)
        proxy.at_commit(Fault.SWALLOWED)
        async with crowd(server) as clients:
            asked = asyncio.create_task(clients.ask("/book", eventId=event, userId="ann"))
            await asyncio.wait([asked], timeout=1.0)  # the commit's own deadline is later
            server.kill()
            await asked
        Log(database_url, event).check(clients.seen, all_answered=False)

    await check_both(scenario, "answer-after-commit")


async def test_with_a_status_before_the_commit_listeners_see_what_is_never_committed(
    serve: Serve, proxy: Proxy
) -> None:
    """With the safety it passes: that is a test of its own."""
    with pytest.raises(AssertionError, match="too early"):
        await shows_nothing_early(serve(url=proxy.url, without="status-after-commit"), proxy)


async def test_while_the_last_session_lives_what_was_not_applied_may_be_yet(
    serve: Serve, database_url: str, proxy: Proxy
) -> None:
    """The COMMIT arrives long after its deadline."""

    async def scenario(without: str) -> None:
        server = serve(url=proxy.url, without=without)
        event = server.event(tickets=2)
        held = proxy.hold_commit()
        async with crowd(server) as clients:
            told = await clients.ask("/book", eventId=event, userId="ann")
            assert told.status == 503, "not vacuous"
            held.release()
            for _ in range(20):
                await asyncio.sleep(0.05)  # for it to arrive
                assert Log(database_url, event).order_ids == set(), "503 means that nothing was changed"

    await check_both(scenario, "last-session")


async def test_with_the_wrong_order_of_promotion_somebody_is_overtaken(
    serve: Serve, database_url: str
) -> None:
    async def scenario(without: str) -> None:
        server = serve(without=without)
        event = server.event(tickets=1)
        async with crowd(server) as clients:
            first = await clients.ask("/book", eventId=event, userId="ann")
            for user in ("ben", "cem"):
                await clients.ask("/book", eventId=event, userId=user)
            await clients.ask("/cancel", orderId=first.answer["orderId"])
            Log(database_url, event).check(clients.seen)

    await check_both(scenario, "promotion-order")


async def test_with_a_key_in_a_transaction_of_its_own_it_has_two_effects(
    serve: Serve, database_url: str
) -> None:
    async def scenario(without: str) -> None:
        event = serve().event(tickets=5)
        dying = serve("journal.committed=kill", without=without)
        async with crowd(dying) as clients:
            lost = await clients.ask("/book", key=f"key-{event}", eventId=event, userId="ann")
        assert lost.status == NO_ANSWER, "not vacuous"
        async with crowd(serve()) as clients:
            again = await clients.ask("/book", key=f"key-{event}", eventId=event, userId="ann")
        Log(database_url, event).check([lost, again])

    await check_both(scenario, "key-in-transaction")


async def test_without_backing_off_two_servers_take_an_event_from_each_other(
    serve: Serve, database_url: str
) -> None:
    async def scenario(without: str) -> None:
        one, other = serve(without=without), serve(without=without)
        event = one.event(tickets=5)
        async with crowd(one) as here, crowd(other) as there:

            def done() -> bool:
                return len(here.seen) + len(there.seen) > 600

            await at_once(
                book_until(done, here, event, f"here-{event}", 0),
                book_until(done, there, event, f"there-{event}", 0),
            )
        assert epoch(database_url, event) < 20

    await check_both(scenario, "backing-off")


@pytest.fixture
def postgres() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL to be ended at once, with its tables."""
    with public_folder() as folder:
        postgres = EmbeddedPostgres(folder / "data")
        postgres.start()
        engine = database_of.make_engine(postgres.url)
        database_of.upgrade(engine)
        engine.dispose()
        yield postgres
        postgres.stop("immediate")


async def book_until_it_ends(clients: Crowd, event: str, buyer: int) -> None:
    for number in range(10_000):
        seen = await clients.ask("/book", eventId=event, userId=f"{buyer}-{number}")
        if seen.status not in (201, 202):
            return


async def test_without_synchronous_commit_an_answered_order_is_lost(
    serve: Serve, postgres: EmbeddedPostgres
) -> None:
    async def scenario(without: str) -> None:
        server = serve(url=postgres.url, without=without)
        event = server.event(tickets=5)
        async with crowd(server) as clients:
            under_way = asyncio.Event()
            clients.when_answered = lambda: under_way.set() if len(clients.seen) > 500 else None
            load = asyncio.gather(*(book_until_it_ends(clients, event, buyer) for buyer in range(20)))
            await under_way.wait()
            await asyncio.to_thread(postgres.stop, "immediate")
            await asyncio.to_thread(postgres.start)
            await load
        server.kill()
        Log(postgres.url, event).check(clients.seen, all_answered=False)

    await check_both(scenario, "synchronous-commit")
