"""`GET /readyz`, on a real directory and a database that is as the test says."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from aiohttp.test_utils import TestClient, TestServer

from boxoffice.actors.ports import DatabaseAway, Reading
from boxoffice.http.app import application
from boxoffice.http.catalogue import BY_NAME
from boxoffice.http.health import Health
from tests.support.doors import open_door
from tests.unit.test_bridge import Crossing


class FakeReading:
    """A database that answers, unless it is `away`."""

    away: DatabaseAway | None = None

    def ping(self) -> None:
        if self.away is not None:
            raise self.away


class Door(Crossing):
    """A crossing behind `/readyz` alone."""

    reading: FakeReading
    client: TestClient[Any, Any]

    async def look(self, query: str = "") -> tuple[int, Any]:
        async with self.client.get(f"/readyz{query}") as answered:
            return answered.status, await answered.json(content_type=None)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    door = Door(asyncio.get_running_loop())
    door.bridge.open(door.directory)
    door.reading = FakeReading()
    handlers = Health(door.bridge, cast("Reading", door.reading)).handlers()
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
