"""`GET /livez` and `/readyz`, on a real directory, and a database and a loop that are as the test says."""

import asyncio
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any, cast

import pytest
from aiohttp.test_utils import TestClient, TestServer

from boxoffice.actors.ports import DatabaseAway, Reading
from boxoffice.http.app import application
from boxoffice.http.catalogue import BY_NAME
from boxoffice.http.operating.health import LAG_MAX_S, Health
from boxoffice.http.operating.lag import EVERY_S, LoopLag
from tests.support.doors import open_door
from tests.unit.fakes import FakeTime
from tests.unit.test_bridge import Crossing


class FakeReading:
    """A database that answers, unless it is `away`."""

    away: DatabaseAway | None = None

    def ping(self) -> None:
        if self.away is not None:
            raise self.away


class Door(Crossing):
    """A crossing behind these two calls alone."""

    reading: FakeReading
    time: FakeTime
    lag: LoopLag
    client: TestClient[Any, Any]

    async def look(self, query: str = "") -> tuple[int, Any]:
        async with self.client.get(f"/readyz{query}") as answered:
            return answered.status, await answered.json(content_type=None)

    def wake(self, late_s: float) -> None:
        """The event loop comes to what is due that late."""
        self.lag.sleep()
        self.time.now_s += EVERY_S + late_s
        self.lag.wake()


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    door = Door(asyncio.get_running_loop())
    door.bridge.open(door.directory)
    door.reading = FakeReading()
    door.time = FakeTime()
    door.lag = LoopLag(door.time)
    connections = [object(), object()]
    handlers = Health(door.bridge, cast("Reading", door.reading), door.lag, connections).handlers()
    calls = [BY_NAME[name] for name in handlers]
    async with TestClient(TestServer(application(handlers, open_door(), calls))) as client:
        door.client = client
        yield door
    door.close()


async def test_it_is_ready(door: Door) -> None:
    assert await door.look() == (200, {"status": "ready"})


async def test_it_is_not_while_the_database_is_away(door: Door) -> None:
    door.reading.away = DatabaseAway("the database is read-only")
    status, problem = await door.look()
    assert (status, problem["code"]) == (503, "not_ready")
    assert problem["detail"] == "Bookings are not taken now: the database is read-only."
    door.reading.away = None
    assert (await door.look())[0] == 200


async def test_it_is_not_while_it_is_shutting_down(door: Door) -> None:
    door.directory.close()
    status, problem = await door.look("?verbose")
    assert (status, problem["code"]) == (503, "not_ready")
    assert problem["detail"] == "Bookings are not taken now: the server is shutting down."
    assert (problem["requestsInFlight"], problem["eventsQuarantined"]) == (0, [])


async def test_it_is_not_while_the_event_loop_is_far_behind(door: Door) -> None:
    door.wake(LAG_MAX_S - 0.1)
    assert await door.look() == (200, {"status": "ready"})
    door.wake(LAG_MAX_S + 0.1)
    status, problem = await door.look("?verbose")
    assert (status, problem["code"]) == (503, "not_ready")
    assert problem["detail"] == "Bookings are not taken now: the server was 2.1 s behind a moment ago."
    assert problem["loopLagSeconds"] == 2.1
    for _ in range(200):
        door.wake(0.0)
    assert (await door.look())[0] == 200, "and then it goes on"


async def test_with_verbose_it_says_how_everything_is(door: Door) -> None:
    door.ask()
    status, ready = await door.look("?verbose")
    assert status == 200
    assert ready.pop("databaseMs") >= 0.0
    assert ready.pop("uptimeSeconds") >= 0.0
    assert ready == {
        "status": "ready",
        "requestsInFlight": 1,
        "eventsResident": 2,
        "eventsQuarantined": [],
        "connectionsOpen": 2,
        "loopLagSeconds": 0.0,
        "release": version("boxoffice"),
    }


async def test_a_database_that_does_not_answer_has_no_time(door: Door) -> None:
    door.reading.away = DatabaseAway("the database is away")
    _, problem = await door.look("?verbose")
    assert "databaseMs" not in problem
    assert problem["connectionsOpen"] == 2


async def test_it_is_alive_whatever_is_the_matter(door: Door) -> None:
    door.reading.away = DatabaseAway("the database is away")
    door.wake(99.0)
    door.directory.close()
    async with door.client.get("/livez") as answered:
        assert (answered.status, await answered.json()) == (200, {"status": "alive"})
        assert answered.headers["Cache-Control"] == "no-store"
