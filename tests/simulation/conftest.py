"""What the simulations share: servers that fail on purpose, or lack a safety, and a database of their own."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.simulation.story import History, tell
from tests.support.server import COMMAND, Server

UNSAFE = Path(__file__).with_name("unsafe.py")

Serve: TypeAlias = Callable[..., Server]


@pytest.fixture
def serve(database_url: str) -> Iterator[Serve]:
    """Starts servers on this test's database: with `failpoints`, or `without` one of the safeties."""
    started: list[Server] = []

    def start(failpoints: str = "", url: str = database_url, without: str = "") -> Server:
        env = {"BOXOFFICE_FAILPOINTS": failpoints} if failpoints else {}
        program = (sys.executable, str(UNSAFE), without) if without else (COMMAND,)
        started.append(Server("--database-url", url, env=env, program=program))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="session")
def story(server: Server) -> History:
    """A sale in which everything happens once."""
    return asyncio.run(tell(server))
