"""The network between server and PostgreSQL fails at the worst moment: what clients hear is true all the
same, and the server goes on by itself.
"""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.contract.support import eventually
from tests.e2e.load import Crowd, at_once, crowd
from tests.simulation.conftest import Serve
from tests.simulation.proxy import Fault, Held, Proxy
from tests.support.log import Log, Seen, database
from tests.support.server import Server

APPLIED, NOT_APPLIED = 201, 503


@pytest.fixture
def proxy(database_url: str) -> Iterator[Proxy]:
    with Proxy(database_url) as proxy:
        yield proxy


@pytest.fixture
def server(serve: Serve, proxy: Proxy) -> Server:
    """Behind the proxy."""
    return serve(url=proxy.url)


STATUSES = {
    Fault.LOST_BEFORE: {NOT_APPLIED},
    Fault.LOST_AFTER: {APPLIED},
    Fault.TORN: {NOT_APPLIED},
    Fault.CUT_INSIDE: {APPLIED, NOT_APPLIED},
    Fault.SWALLOWED: {NOT_APPLIED},
    Fault.ANSWER_SWALLOWED: {APPLIED},
}
"""What whoever's commit that befell may be told."""


class Dawdling:
    """PostgreSQL writes all there is of this customer's order, and commits it when it is let go."""

    def __init__(self, url: str, customer: str) -> None:
        self._url = url
        self._run(f"""
            CREATE TABLE let_go ();
            CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                WHILE NOT EXISTS (SELECT FROM let_go) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER late AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW WHEN (NEW.customer = '{customer}') EXECUTE FUNCTION dawdle();
        """)

    def wait_until_reached(self) -> None:
        """Wait until it is there."""
        here = (
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
            " AND query LIKE '%EXECUTE write_batch%' AND wait_event = 'PgSleep'"
        )
        eventually(lambda: self._run(here))

    def release(self) -> None:
        """Have it committed."""
        self._run("INSERT INTO let_go DEFAULT VALUES")

    def _run(self, statement: str) -> int:
        with database(self._url) as cursor:
            cursor.execute(statement)
            return cursor.rowcount


@pytest.mark.parametrize("fault", list(Fault))
async def test_whatever_befalls_a_commit_its_clients_hear_the_truth(
    server: Server, proxy: Proxy, database_url: str, fault: Fault
) -> None:
    statuses = STATUSES[fault]
    events = [server.event(tickets=10) for _ in range(2)]
    proxy.at_commit(fault)
    async with crowd(server) as clients:
        for number in range(5):
            await at_once(
                *(clients.ask("/book", eventId=event, userId=f"{number}") for event in events),
                *(
                    clients.ask("/book", eventId=event, userId=f"big-{number}", quantity=9)
                    for event in events
                ),
            )
        seen = clients.seen
    assert proxy.counts[f"commit {fault}"] == 1, "not vacuous"
    assert {each.status for each in seen} <= {201, 202, 503}
    assert {each.answer["code"] for each in seen if each.status == 503} <= {"not_applied"}
    if NOT_APPLIED not in statuses:
        assert {each.status for each in seen} == {201, 202}, (
            "what was committed goes on as if nothing had been"
        )
    if APPLIED not in statuses:
        assert any(each.status == 503 for each in seen)
    assert {each.status for each in seen[-4:]} <= {201, 202}, "it goes on by itself"
    for event in events:
        Log(database_url, event).check(clients.of(event))


async def asked_until_applied(clients: Crowd, event: str, user: str) -> Seen:
    """Ask as a client does who is told that nothing was applied; in vain after a while."""
    for _ in range(200):
        seen = await clients.ask("/book", eventId=event, userId=user)
        if seen.status != NOT_APPLIED:
            break
        await asyncio.sleep(0.05)
    return seen


@pytest.mark.parametrize("fault", list(Fault))
async def test_whatever_befalls_a_commit_the_next_is_written_at_once(
    server: Server, proxy: Proxy, database_url: str, fault: Fault
) -> None:
    event = server.event(tickets=10)
    proxy.at_commit(fault)
    async with crowd(server) as clients:
        first = await clients.ask("/book", eventId=event, userId="ann")
        again = await clients.ask("/book", eventId=event, userId="ben")
    assert proxy.counts[f"commit {fault}"] == 1, "not vacuous"
    assert first.status in STATUSES[fault]
    if first.status == NOT_APPLIED:
        assert first.answer["code"] == "not_applied"
    assert again.status == APPLIED, "at once: what the lost session held is free"
    Log(database_url, event).check(clients.seen)


async def test_what_is_written_and_not_committed_when_the_line_is_cut_was_not_applied(
    server: Server, proxy: Proxy, database_url: str
) -> None:
    """PostgreSQL does not hear of it while it commits, and has to be told that it is not to."""
    event = server.event(tickets=10)
    dawdling = Dawdling(database_url, "ann")
    async with crowd(server) as clients:
        booking = asyncio.create_task(clients.ask("/book", eventId=event, userId="ann"))
        await asyncio.to_thread(dawdling.wait_until_reached)
        await asyncio.to_thread(proxy.close_all)
        first = await booking
        again = await clients.ask("/book", eventId=event, userId="ben")
    assert (first.status, first.answer["code"]) == (NOT_APPLIED, "not_applied")
    assert again.status == APPLIED
    dawdling.release()
    Log(database_url, event).check(clients.seen)


@pytest.fixture(params=["before it arrives", "when all is written"])
def hold(request: pytest.FixtureRequest, proxy: Proxy, database_url: str) -> Callable[[], Held | Dawdling]:
    """Has ann's booking held up, there, from when it is called until it is let go."""
    early = request.param == "before it arrives"
    return proxy.hold_commit if early else lambda: Dawdling(database_url, "ann")


async def test_nothing_shows_what_can_still_be_undone(
    server: Server, hold: Callable[[], Held | Dawdling], database_url: str
) -> None:
    """Promise 10: while a commit is under way, nothing moves."""
    event = server.event(tickets=1)
    held = hold()
    async with crowd(server) as clients:
        booking = asyncio.create_task(clients.ask("/book", eventId=event, userId="ann"))
        await asyncio.to_thread(held.wait_until_reached)  # it is on its way
        try:
            refusal = asyncio.create_task(clients.ask("/book", eventId=event, userId="ben", waitlist=False))
            for _ in range(5):
                status = await clients.get(f"/status/{event}")
                assert (status["version"], status["availableTickets"]) == (1, 1)
                assert (await clients.get(f"/orders?eventId={event}"))["items"] == []
                assert len((await clients.get(f"/events/{event}/changes"))["items"]) == 1
            assert not booking.done()
            assert not refusal.done(), "a refusal may stand on what is undone yet"
        finally:
            held.release()
        assert (await booking).status == 201
        assert (await refusal).answer["code"] == "sold_out"
        assert (await clients.get(f"/status/{event}"))["version"] == 2
    Log(database_url, event).check(clients.seen)


async def test_nobody_sees_an_event_go_back(server: Server, proxy: Proxy) -> None:
    """The database shows a commit of which the server has not heard yet."""
    event = server.event(tickets=1)
    proxy.at_commit(Fault.ANSWER_SWALLOWED)
    async with crowd(server) as clients:
        booking = asyncio.create_task(clients.ask("/book", eventId=event, userId="ann"))
        while not (page := await clients.get(f"/orders?eventId={event}"))["items"]:
            pass
        assert page["items"][0]["version"] == 2
        assert (await clients.get(f"/status/{event}"))["version"] == 2
        assert (await booking).status == 201


async def test_in_a_black_hole_everybody_hears_of_it_in_time_and_afterwards_it_goes_on(
    server: Server, proxy: Proxy, database_url: str
) -> None:
    events = [server.event(tickets=10) for _ in range(8)]
    async with crowd(server) as clients:
        with proxy.black_hole():
            first = await at_once(*(clients.ask("/book", eventId=event, userId="ann") for event in events))
            # Their events must be loaded again, which cannot be done either.
            second = await at_once(*(clients.ask("/book", eventId=event, userId="ben") for event in events))
        for event in events:
            assert (await asked_until_applied(clients, event, "cem")).status == 201
    told_first, told_second = (
        {(each.status, each.answer["code"]) for each in some} for some in (first, second)
    )
    assert (504, "outcome_unknown") in told_first, "what was sent may have arrived, and nobody can be asked"
    assert told_first <= {(503, "not_applied"), (504, "outcome_unknown")}
    assert told_second == {(503, "not_applied")}, "of theirs nothing was sent"
    for event in events:
        Log(database_url, event).check(clients.of(event))


async def test_a_slow_network_is_only_slow(server: Server, proxy: Proxy, database_url: str) -> None:
    event = server.event(tickets=100)
    async with crowd(server) as clients:
        with proxy.delayed(0.2):
            seen = await at_once(
                *(clients.ask("/book", eventId=event, userId=f"{number}") for number in range(100))
            )
    assert {each.status for each in seen} == {201}
    Log(database_url, event).check(clients.seen)


def test_an_event_of_which_too_little_was_read_is_refused_and_never_guessed(
    server: Server, proxy: Proxy, database_url: str
) -> None:
    """A result set that ends too early, without an error: at the start, and when an event is loaded."""
    sound, cut = server.event(tickets=5), server.event(tickets=5)
    for event in (sound, cut):
        for user in ("ann", "ben", "cem"):
            server.book(event, user)
    proxy.cut_rows("FROM orders", keep=5)
    server.restart()
    assert proxy.counts["rows cut"] == 1, "not vacuous"
    status, problem = server.post("/book", eventId=cut, userId="dan")
    assert (status, problem["code"]) == (503, "event_unavailable")
    assert server.book(sound, "dan")["version"] == 5
    assert [each["eventId"] for each in server.get("/readyz?verbose")[1]["eventsQuarantined"]] == [cut]
    server.restart()
    assert server.book(cut, "dan")["version"] == 5, "it was whole all the time"
    for event in (sound, cut):
        Log(database_url, event)
