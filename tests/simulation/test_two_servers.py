"""Promise 11: any number of servers on one database, and one commit for one version of an event."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable

import pytest

from tests.e2e.load import Crowd, at_once, crowd
from tests.simulation.conftest import Serve
from tests.support.figures import figures, named
from tests.support.log import Log, Seen, database

MOVED = "event_moved"


def epoch(database_url: str, event: str) -> int:
    """How often the event has been taken over."""
    with database(database_url) as cursor:
        cursor.execute("SELECT owner_epoch FROM events WHERE id = %s", (int(event),))
        return int((cursor.fetchone() or (0,))[0])


def codes(seen: list[Seen]) -> Counter[str]:
    """The codes of the refusals."""
    return Counter(each.answer["code"] for each in seen if each.status >= 400)


async def book_until(done: Callable[[], bool], clients: Crowd, event: str, name: str, seed: int) -> None:
    """One order after the other, under a key that is kept until there is an answer."""
    number = 0
    while not done():
        seen = await clients.ask(
            "/book", key=f"{name}-{seed}-{number}", eventId=event, userId=f"{name}-{seed}-{number}"
        )
        if seen.status in (201, 202):
            number += 1
        else:
            assert (seen.status, seen.answer["code"]) in [(503, MOVED), (503, "not_applied")]
            await asyncio.sleep(0.02)


async def test_an_event_has_one_owner_at_a_time_and_stays_with_it(serve: Serve, database_url: str) -> None:
    """Both are asked all the time; whoever loses the event leaves it alone for a while."""
    servers = [serve(), serve()]
    event = servers[0].event(tickets=50)
    async with crowd(servers[0]) as here, crowd(servers[1]) as there:

        def done() -> bool:
            return len(here.seen) + len(there.seen) > 1_500 or codes(here.seen + there.seen)[MOVED] > 600

        await at_once(
            *(book_until(done, here, event, "here", seed) for seed in range(6)),
            *(book_until(done, there, event, "there", seed) for seed in range(6)),
        )
        log = Log(database_url, event)
        log.check([*here.seen, *there.seen], all_answered=False)
        seen = [*here.seen, *there.seen]
    assert codes(seen)[MOVED] > 0, "not vacuous"
    assert any(each.status < 300 for each in here.seen)
    assert any(each.status < 300 for each in there.seen)
    answered = sum(each.status < 300 for each in seen)
    assert epoch(database_url, event) < 20, f"it went to and fro while {answered} orders were answered"


async def test_a_server_that_comes_to_itself_again_commits_nothing_on_what_it_remembers(
    serve: Serve, database_url: str
) -> None:
    """Stopped in the middle of a load, so that another takes over, and then let go on."""
    stopped, other = serve(), serve()
    event = stopped.event(tickets=30)
    async with crowd(stopped) as before, crowd(other) as after:
        for number in range(20):
            await before.ask("/book", eventId=event, userId=f"before-{number}")
        load = [
            asyncio.create_task(before.ask("/book", eventId=event, userId=f"during-{number}"))
            for number in range(50)
        ]
        os.kill(stopped.process.pid, signal.SIGSTOP)
        try:
            taken = [
                await after.ask("/book", eventId=event, userId=f"after-{number}", key=f"after-{number}")
                for number in range(20)
            ]
        finally:
            os.kill(stopped.process.pid, signal.SIGCONT)
        during = await at_once(*load)
        late = await before.ask("/book", eventId=event, userId="late")
        log = Log(database_url, event)
        log.check([*before.seen, *after.seen], all_answered=False)
    assert {each.status for each in taken} <= {201, 202, 503}
    assert any(each.status < 300 for each in taken), "not vacuous"
    stored = {order.customer for order in log.inventory.orders}
    for each in [*during, *taken, late]:
        if each.status == 503:
            assert each.asked["userId"] not in stored, "503 means that nothing was changed"
        elif each.status < 300:
            assert each.asked["userId"] in stored
    assert any(each.status == 503 for each in [*during, late]), "not vacuous"


@pytest.mark.parametrize("number", [3])
async def test_many_servers_share_many_events(serve: Serve, database_url: str, number: int) -> None:
    servers = [serve() for _ in range(number)]
    events = [servers[0].event(tickets=20) for _ in range(6)]
    crowds = [crowd(server) for server in servers]
    clients = [await each.__aenter__() for each in crowds]
    try:
        await at_once(
            *(
                each.ask("/book", eventId=event, userId=f"{place}-{who}", key=f"{place}-{who}-{event}")
                for place, each in enumerate(clients)
                for event in events
                for who in range(20)
            )
        )
    finally:
        for each in crowds:
            await each.__aexit__(None, None, None)
    seen = [seen for each in clients for seen in each.seen]
    assert {each.status for each in seen} <= {201, 202, 503}
    assert sum(each.status < 300 for each in seen) > 100, "not vacuous"
    for event in events:
        Log(database_url, event).check([each for each in seen if each.asked["eventId"] == event])


def test_a_status_is_not_that_of_a_former_owner_for_long(serve: Serve) -> None:
    former, owner = serve(), serve()
    event = former.event(tickets=5)
    assert former.status(event)["version"] == 1
    owner.book(event, "ann")
    assert former.until(event, version=2)["bookedTickets"] == 1
    owner.book(event, "ben")
    assert former.status(event)["version"] == 3, "from now on it asks the database"


def test_a_lost_event_is_counted_by_who_lost_it_and_by_who_has_it(serve: Serve) -> None:
    former, owner = serve(), serve()
    event = former.event(tickets=5)
    former.book(event, "ann")
    owner.book(event, "ben")
    assert former.post("/book", eventId=event, userId="cem")[0] == 503
    lost, has = figures(former), figures(owner)
    assert (named(lost, "fences_lost_total"), named(has, "fences_lost_total")) == (1, 0)
    assert (named(lost, "rebuilds_total"), named(has, "rebuilds_total")) == (0, 1)
    assert (named(lost, "bookings_total"), named(has, "bookings_total")) == (1, 1)
    assert (named(lost, "orders_resident"), named(has, "orders_resident")) == (0, 2)
