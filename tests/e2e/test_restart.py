"""Whatever ends the server, what it answered is there when it is started again, and nothing else is."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from boxoffice.persistence.embedded import EmbeddedPostgres, running_url
from tests.e2e.load import NO_ANSWER, Crowd, at_once, crowd, of
from tests.support.log import Log, Seen, database
from tests.support.postgres import public_folder
from tests.support.server import Server

EXIT_S = 10.0
BACK_S = 30.0

ends = pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "kill-9"])


def fill(server: Server) -> tuple[list[str], list[Any]]:
    """Events in all conditions, and all orders that were ever made for them."""
    empty, free, full, gone = (server.event(tickets=n, name=f"of {n}") for n in (7, 10, 3, 4))
    orders = [server.book(free, f"f{n}", 2) for n in range(4)]
    orders += [server.book(full, f"u{n}", 1 + n % 2) for n in range(12)]
    orders += [server.book(gone, f"g{n}") for n in range(6)]
    for order in (orders[1], orders[4], orders[9], orders[12], *orders[-6:]):
        server.cancel(order)
    return [empty, free, full, gone], orders


def read_all(server: Server, events: list[str], orders: list[Any]) -> list[Any]:
    """Everything that anybody can look at."""
    return [
        *(server.order(order) for order in orders),
        *(server.status(event) for event in events),
        server.get("/events"),
    ]


@ends
def test_everything_is_there_after_a_restart(
    own_server: Server, database_url: str, end: signal.Signals
) -> None:
    events, orders = fill(own_server)
    before = read_all(own_server, events, orders)
    assert {order["status"] for order in before[: len(orders)]} == {"confirmed", "waitlisted", "cancelled"}
    own_server.restart(end)
    assert read_all(own_server, events, orders) == before
    for event in events:
        Log(database_url, event)


@ends
def test_booking_and_promotion_go_on_after_a_restart(
    own_server: Server, database_url: str, end: signal.Signals
) -> None:
    event = own_server.event(tickets=2)
    alice, bob, carol = (
        own_server.book(event, user, n) for user, n in (("alice", 1), ("bob", 2), ("carol", 1))
    )
    own_server.restart(end)
    dave = own_server.book(event, "dave")
    assert (dave["status"], dave["position"], dave["version"]) == ("waitlisted", 3, 5)
    assert [each["userId"] for each in own_server.cancel(alice)["promoted"]] == ["bob"]
    assert [each["userId"] for each in own_server.cancel(bob)["promoted"]] == ["carol", "dave"]
    assert own_server.order(carol)["status"] == "confirmed"
    assert own_server.event() > event, "no id is given out twice"
    Log(database_url, event)


def test_the_server_comes_back_after_many_deaths(own_server: Server, database_url: str) -> None:
    event = own_server.event(tickets=2)
    for n in range(3):
        assert own_server.book(event, f"user-{n}")["version"] == n + 2
        own_server.restart(signal.SIGKILL)
    assert own_server.status(event)["waitingListCount"] == 1
    Log(database_url, event)


# --- in the middle of a load ---------------------------------------------------------------------


async def buy_until_it_ends(crowd: Crowd, events: list[str], buyer: int) -> None:
    """Book one ticket after the other, and cancel every fourth, until nobody answers any more."""
    for n in range(10_000):
        event = events[(buyer + n) % len(events)]
        seen = await crowd.ask("/book", eventId=event, userId=f"{buyer}-{n}")
        if seen.status in (201, 202) and n % 4 == 3:
            seen = await crowd.ask("/cancel", orderId=seen.answer["orderId"])
        if seen.status not in (200, 201, 202):
            return


async def load_until(server: Server, events: list[str], end: signal.Signals, answers: int) -> list[Seen]:
    """What 100 clients saw of a server that gets `end` after so many answers."""
    async with crowd(server) as clients:

        def count() -> None:
            if len(clients.seen) == answers:
                server.process.send_signal(end)

        clients.when_answered = count
        await at_once(*(buy_until_it_ends(clients, events, buyer) for buyer in range(100)))
        return clients.seen


def in_database(database_url: str) -> set[tuple[str, str]]:
    """Event and customer of every order."""
    with database(database_url) as cursor:
        cursor.execute("SELECT event_id::text, customer FROM orders")
        return {(event, customer) for event, customer in cursor.fetchall()}


def bookings(seen: list[Seen], *statuses: int) -> set[tuple[str, str]]:
    """Event and customer of the bookings that were answered like this; of all, if nothing is said."""
    return {
        (each.asked["eventId"], each.asked["userId"])
        for each in seen
        if each.path == "/book" and (not statuses or each.status in statuses)
    }


@pytest.mark.parametrize("answers", [150, 1_000, 3_000])
async def test_killed_under_load_it_keeps_every_answer_and_nothing_else(
    own_server: Server, database_url: str, answers: int
) -> None:
    events = [own_server.event(tickets=200) for _ in range(3)]
    seen = await load_until(own_server, events, signal.SIGKILL, answers)
    await asyncio.to_thread(own_server.process.wait)
    await asyncio.to_thread(own_server.start)
    stored = in_database(database_url)
    assert bookings(seen, 201, 202) <= stored, "an answered booking was lost"
    assert stored <= bookings(seen), "nobody asked for this"
    assert any(each.status == NO_ANSWER for each in seen), "not vacuous: it died in the middle of something"
    for event in events:
        log = Log(database_url, event)
        log.check(of(seen, event), all_answered=False)
        assert own_server.status(event)["version"] == len(log.changes)


async def test_whoever_asks_again_after_a_kill_has_booked_once(own_server: Server, database_url: str) -> None:
    events = [own_server.event(tickets=300) for _ in range(3)]
    bodies = {f"key-{n}": {"eventId": events[n % 3], "userId": f"user-{n}"} for n in range(1_500)}
    async with crowd(own_server) as clients:

        def kill_in_the_middle() -> None:
            if len(clients.seen) == 500:
                own_server.process.send_signal(signal.SIGKILL)

        clients.when_answered = kill_in_the_middle
        some = asyncio.Semaphore(200)  # were all sent at once, all might be answered before any is read

        async def ask(key: str, body: dict[str, str]) -> Seen:
            async with some:
                return await clients.ask("/book", key=key, **body)

        first = await at_once(*(ask(key, body) for key, body in bodies.items()))
        await asyncio.to_thread(own_server.process.wait)
        await asyncio.to_thread(own_server.start)
    assert any(each.status == NO_ANSWER for each in first), "not vacuous"
    async with crowd(own_server) as clients:
        again = await at_once(*(clients.ask("/book", key=key, **body) for key, body in bodies.items()))
    assert {each.status for each in again} == {201, 202}
    for once, twice in zip(first, again, strict=True):
        assert once.status == NO_ANSWER or (once.status, once.answer) == (twice.status, twice.answer)
    for event in events:
        log = Log(database_url, event)
        log.check(of([*first, *again], event))
        assert len(log.order_ids) == 500


async def test_sigterm_under_load_answers_all_that_it_took_in(own_server: Server, database_url: str) -> None:
    events = [own_server.event(tickets=200) for _ in range(3)]
    began = time.monotonic()
    seen = await load_until(own_server, events, signal.SIGTERM, 1_000)
    code = await asyncio.to_thread(own_server.process.wait, EXIT_S)
    assert code == 0
    assert time.monotonic() - began < EXIT_S + 5
    assert {each.status for each in seen} <= {200, 201, 202, 503, NO_ANSWER}
    assert {each.answer["code"] for each in seen if each.status == 503} <= {"not_applied"}
    assert in_database(database_url) == bookings(seen, 201, 202), (
        "a booking without an answer, or the reverse"
    )
    for event in events:
        Log(database_url, event).check(of(seen, event))


@contextmanager
def stalled(database_url: str) -> Iterator[None]:
    """PostgreSQL does nothing that the server asks for, until the end of this block."""
    ours = "datname = current_database() AND application_name = 'boxoffice'"
    with database(database_url) as cursor:
        cursor.execute(f"SELECT pid FROM pg_stat_activity WHERE {ours}")
        sessions = [pid for (pid,) in cursor.fetchall()]
    for pid in sessions:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in sessions:
            os.kill(pid, signal.SIGCONT)


async def test_sigterm_waits_for_a_commit_that_takes_its_time(own_server: Server, database_url: str) -> None:
    event = own_server.event(tickets=1)
    async with crowd(own_server) as clients:
        await clients.get(f"/status/{event}")
        with stalled(database_url):
            asked = asyncio.create_task(clients.ask("/book", eventId=event, userId="alice"))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(asked), 0.5)
            own_server.process.send_signal(signal.SIGTERM)
            with pytest.raises(TimeoutError):  # longer than aiohttp alone would wait
                await asyncio.wait_for(asyncio.shield(asked), 3.0)
        assert (await asked).status == 201, "it was taken in, so it is answered"
    assert await asyncio.to_thread(own_server.process.wait, EXIT_S) == 0
    assert in_database(database_url) == {(event, "alice")}


async def test_sigterm_does_not_wait_for_ever_and_leaves_nobody_without_an_answer(
    own_server: Server, database_url: str
) -> None:
    event = own_server.event(tickets=2)
    async with crowd(own_server) as clients:
        with stalled(database_url):
            asked = [
                asyncio.create_task(clients.ask("/book", eventId=event, userId=user))
                for user in ("ann", "bob")
            ]
            await asyncio.sleep(0.5)  # for them to be on their way
            own_server.process.send_signal(signal.SIGTERM)
            for each in await asyncio.gather(*asked):  # by then PostgreSQL's time to answer is up, too
                told = each.status, each.answer["code"]
                assert told in [(503, "not_applied"), (504, "outcome_unknown")]
            assert await asyncio.to_thread(own_server.process.wait, EXIT_S) == 0


async def test_sigterm_waits_for_no_idle_client(own_server: Server) -> None:
    async with crowd(own_server) as clients:
        await clients.get("/events")  # its connection is kept
        began = time.monotonic()
        assert await asyncio.to_thread(own_server.stop) == 0
        assert time.monotonic() - began < EXIT_S


# --- with the embedded database ------------------------------------------------------------------


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with public_folder() as folder:
        yield folder / "data"
        if running_url(folder / "data") is not None:
            leftover = EmbeddedPostgres(folder / "data")
            leftover.start()
            leftover.stop("immediate")


def postgres_pid(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_the_embedded_database_outlives_a_killed_server_and_is_joined(data_dir: Path) -> None:
    server = Server("--data-dir", str(data_dir))
    events, orders = fill(server)
    before = read_all(server, events, orders)
    pid = postgres_pid(data_dir)
    server.kill()
    assert is_alive(pid)
    server.start()
    assert postgres_pid(data_dir) == pid
    assert read_all(server, events, orders) == before
    assert server.stop() == 0
    assert not is_alive(pid)
    assert not (data_dir / "postgres" / "postmaster.pid").exists()
    server.start()
    assert postgres_pid(data_dir) != pid
    assert read_all(server, events, orders) == before
    assert server.stop(signal.SIGINT) == 0
    assert running_url(data_dir) is None


def test_the_server_and_its_database_may_both_be_killed(data_dir: Path) -> None:
    server = Server("--data-dir", str(data_dir))
    events, orders = fill(server)
    before = read_all(server, events, orders)
    server.kill()
    os.kill(postgres_pid(data_dir), signal.SIGKILL)
    server.start()
    assert read_all(server, events, orders) == before
    assert server.stop() == 0


def test_an_embedded_postgresql_that_dies_is_started_again(data_dir: Path) -> None:
    server = Server("--data-dir", str(data_dir))
    event = server.event(tickets=2)
    ann = server.book(event, "ann")
    pid = postgres_pid(data_dir)
    os.kill(pid, signal.SIGKILL)
    until_s = time.monotonic() + BACK_S
    while not any("is started again" in line for line in server.said):  # its sessions outlive it for a moment
        assert time.monotonic() < until_s, "it is not started again"
        time.sleep(0.05)
    while (told := server.post("/book", eventId=event, userId="ben"))[0] != 201:
        assert (told[0], told[1]["code"]) == (503, "not_applied")
        assert time.monotonic() < until_s, "it does not come back"
        time.sleep(0.1)
    assert told[1]["version"] == 3
    assert postgres_pid(data_dir) != pid
    assert server.order(ann)["status"] == "confirmed"
    assert server.stop() == 0
    assert running_url(data_dir) is None
