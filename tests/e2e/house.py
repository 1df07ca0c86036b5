"""A server with a PostgreSQL of its own that can be taken away from it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from boxoffice.persistence import database
from boxoffice.persistence.embedded import EmbeddedPostgres
from tests.support.postgres import public_folder
from tests.support.server import Server


@dataclass
class House:
    """A server, and a PostgreSQL of its own that can be taken away."""

    server: Server
    postgres: EmbeddedPostgres
    url: str


@contextmanager
def open_house() -> Iterator[House]:
    """One for the time of this block; if its server still runs at the end, it must end in order."""
    with public_folder() as folder:
        postgres = EmbeddedPostgres(Path(folder) / "data")
        postgres.start()
        url = postgres.url
        try:
            engine = database.make_engine(url)
            database.upgrade(engine)
            engine.dispose()
            server = Server("--database-url", url)
            yield House(server, postgres, url)
            if server.process.poll() is None:
                assert server.stop() == 0
        finally:
            postgres.stop("immediate")
