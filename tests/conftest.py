"""What tests share: real PostgreSQL servers, a database for each test, and real servers on real sockets."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support import postgres
from tests.support.audit import assert_audit_passes
from tests.support.postgres import Cluster
from tests.support.server import Server

settings.register_profile("untimed", deadline=None)  # a machine that has others to serve is no failure
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def no_actors_left() -> Iterator[None]:
    """No test leaves a dispatcher's thread behind: one that never waits slows down all tests after it."""
    yield
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("actors-")]


@pytest.fixture(scope="session")
def embedded_cluster() -> Iterator[Cluster]:
    """The embedded PostgreSQL."""
    with postgres.embedded() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def debian_cluster() -> Iterator[Cluster]:
    """Debian's PostgreSQL, where it is installed."""
    programs = postgres.debian_programs()
    if programs is None:
        pytest.skip("Debian's PostgreSQL is not installed")
    with postgres.debian(programs) as cluster:
        yield cluster


@pytest.fixture
def database_url(embedded_cluster: Cluster) -> Iterator[str]:
    """A fresh, migrated database of this test's own, on the embedded PostgreSQL."""
    with embedded_cluster.database() as url:
        yield url


@pytest.fixture(params=["embedded", "debian"])
def any_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh, migrated database on each PostgreSQL there is: for contract tests."""
    cluster: Cluster = request.getfixturevalue(f"{request.param}_cluster")
    with cluster.database() as url:
        yield url


@pytest.fixture(scope="session")
def server(embedded_cluster: Cluster) -> Iterator[Server]:
    """A server that many tests share; each makes events of its own."""
    with embedded_cluster.database() as url:
        server = Server("--database-url", url)
        yield server
        server.stop()


@pytest.fixture
def audited(server: Server) -> Iterator[None]:
    """After the test, everything that the shared server has written is as promised."""
    yield
    assert_audit_passes(server.database_url)


@pytest.fixture
def own_server(database_url: str) -> Iterator[Server]:
    """A server and a database of this test's own, to be stopped, killed and started again."""
    server = Server("--database-url", database_url)
    yield server
    if server.process.poll() is None:
        server.stop()
