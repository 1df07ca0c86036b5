"""The server takes notice of keys that are made and revoked elsewhere, and lives through a lost database."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import msgspec
import pytest

from boxoffice.actors.ports import DatabaseAway
from boxoffice.actors.principals import ApiKey, Scope
from boxoffice.actors.values import Instant
from boxoffice.http import composition
from boxoffice.http.composition import known_keys, watch_keys
from boxoffice.http.identity.keys import KeyRing, mint
from boxoffice.persistence.database import StartupError
from tests.unit.fakes import PATIENCE_S

NOW = Instant(1)


class FakeApiKeys:
    """Keys in memory, or whatever `trouble` there is instead."""

    def __init__(self, *keys: ApiKey) -> None:
        self.kept = {key.id: key for key in keys}
        self.trouble: Exception | None = None
        self.asked = 0

    def all(self) -> list[ApiKey]:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        return list(self.kept.values())

    def create(self, key: ApiKey) -> None:
        self.kept[key.id] = key

    def revoke(self, key_id: str) -> ApiKey | None:
        if self.trouble is not None:
            raise self.trouble
        if key_id in self.kept and self.kept[key_id].revoked_at is None:
            self.kept[key_id] = msgspec.structs.replace(self.kept[key_id], revoked_at=NOW)
        return self.kept.get(key_id)


class Watching:
    """A ring that is kept up to date."""

    def __init__(self, ring: KeyRing, stored: FakeApiKeys) -> None:
        self.ring = ring
        self.stored = stored

    async def until(self, so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not so():  # noqa: ASYNC110 - each turn of the loop counts
                await asyncio.sleep(0.001)

    async def some_rounds(self) -> None:
        asked = self.stored.asked
        await self.until(lambda: self.stored.asked >= asked + 3)


@pytest.fixture
async def watching(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watching]:
    monkeypatch.setattr(composition, "WATCH_KEYS_EVERY_S", 0.001)
    stored = FakeApiKeys()
    watching = Watching(known_keys(stored), stored)
    task = asyncio.create_task(watch_keys(stored, watching.ring))
    yield watching
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_keys_that_are_made_and_revoked_elsewhere_are_taken_notice_of(watching: Watching) -> None:
    ring, stored = watching.ring, watching.stored
    assert ring.is_open
    key, token = mint("shop", [Scope.READ], None, None, NOW)
    stored.create(key)
    await watching.until(lambda: ring.find(token, NOW) is not None)
    assert not ring.is_open
    stored.revoke(key.id)
    await watching.until(lambda: ring.find(token, NOW) is None)


async def test_while_the_database_is_away_the_last_known_keys_are_good(
    watching: Watching, caplog: pytest.LogCaptureFixture
) -> None:
    ring, stored = watching.ring, watching.stored
    (key, token), (new, news) = (mint("shop", [Scope.READ], None, None, NOW) for _ in range(2))
    stored.create(key)
    await watching.until(lambda: ring.find(token, NOW) is not None)
    stored.trouble = DatabaseAway("away")
    stored.create(new)
    await watching.some_rounds()
    assert ring.find(token, NOW) is not None
    assert ring.find(news, NOW) is None
    assert not caplog.records
    stored.trouble = None
    await watching.until(lambda: ring.find(news, NOW) is not None)


async def test_a_failure_of_our_own_is_logged_and_tried_again(
    watching: Watching, caplog: pytest.LogCaptureFixture
) -> None:
    stored = watching.stored
    stored.trouble = RuntimeError("no such thing")
    await watching.some_rounds()
    assert "the API keys were not read anew" in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    stored.trouble = None
    key, token = mint("shop", [Scope.READ], None, None, NOW)
    stored.create(key)
    await watching.until(lambda: watching.ring.find(token, NOW) is not None)


def test_a_server_that_cannot_read_the_keys_does_not_open() -> None:
    stored = FakeApiKeys()
    stored.trouble = DatabaseAway("the database is away")
    with pytest.raises(StartupError, match=r"The API keys could not be read: the database is away\."):
        known_keys(stored)
