"""What the simulations share: servers that fail on purpose, and a database of their own."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from tests.support.server import Server

Serve: TypeAlias = Callable[..., Server]


@pytest.fixture
def serve(database_url: str) -> Iterator[Serve]:
    """Starts servers on this test's database; with `failpoints`, some that fail on purpose."""
    started: list[Server] = []

    def start(failpoints: str = "", url: str = database_url) -> Server:
        env = {"BOXOFFICE_FAILPOINTS": failpoints} if failpoints else {}
        started.append(Server("--database-url", url, env=env))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()
