"""What the tests share that send anything at all, take the database away, or look at pages."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.house import House, open_house
from tests.e2e.watched import Watched
from tests.support.audit import assert_audit_passes
from tests.support.browser import open_browser
from tests.support.postgres import Cluster
from tests.support.server import Server


@pytest.fixture(scope="module")
def attacked(embedded_cluster: Cluster) -> Iterator[Server]:
    """A server of a module's own: afterwards, everything it has written is as promised."""
    with embedded_cluster.database() as url:
        server = Server("--database-url", url)
        yield server
        server.stop()
        assert_audit_passes(url)


@pytest.fixture
def watched(attacked: Server) -> Iterator[Watched]:
    """An event there, for all that a test sends."""
    watched = Watched(attacked)
    yield watched
    watched.end()


@pytest.fixture
def house() -> Iterator[House]:
    """A server and a PostgreSQL of this test's own."""
    with open_house() as house:
        yield house


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser: for a module, since it keeps an event loop running that other tests would trip over."""
    with open_browser() as browser:
        yield browser
