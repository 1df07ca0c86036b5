"""Many clients at once, and what each of them saw. Each request that is under way has a connection."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.support.log import Seen
from tests.support.server import Server

NO_ANSWER = 0


class Crowd:
    """Asks one server, and keeps a record of it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.seen: list[Seen] = []
        self.when_answered: Callable[[], object] = lambda: None

    async def ask(self, path: str, key: str | None = None, **asked: Any) -> Seen:
        """One request, under this key if there is one. If the connection is refused or lost: status 0."""
        began_s = time.monotonic()
        headers = {} if key is None else {"Idempotency-Key": key}
        status, answer = NO_ANSWER, None
        try:
            async with self._session.post(path, json=asked, headers=headers) as response:
                answer = await response.json(content_type=None)
                status = response.status
        except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
            answer = {"error": repr(error)}
        seen = Seen(path, asked, status, answer, began_s, time.monotonic(), key)
        self.seen.append(seen)
        self.when_answered()
        return seen

    async def look(self, path: str) -> Seen:
        """One GET, kept like the rest of what was asked."""
        began_s = time.monotonic()
        status, answer = NO_ANSWER, None
        try:
            async with self._session.get(path) as response:
                answer = await response.json(content_type=None)
                status = response.status
        except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
            answer = {"error": repr(error)}
        seen = Seen(path, {}, status, answer, began_s, time.monotonic())
        self.seen.append(seen)
        self.when_answered()
        return seen

    async def get(self, path: str) -> Any:
        """The document at `path`."""
        async with self._session.get(path) as response:
            assert response.status == 200
            return await response.json()

    def of(self, event_id: str) -> list[Seen]:
        """What was seen of one event."""
        return of(self.seen, event_id)


def of(seen: Iterable[Seen], event_id: str) -> list[Seen]:
    """Those that asked this event."""
    return [
        each
        for each in seen
        if (each.asked.get("eventId") or each.asked["orderId"].partition("-")[0]) == event_id
    ]


@asynccontextmanager
async def crowd(server: Server) -> AsyncIterator[Crowd]:
    """A crowd before this server's door."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(server.url, connector=connector, timeout=timeout) as session:
        yield Crowd(session)


async def at_once(*asked: Any) -> list[Any]:
    """All of these at the same time; what came back, in the order given."""
    return await asyncio.gather(*asked)
