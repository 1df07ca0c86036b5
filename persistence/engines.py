"""The pools of connections of one server, and how long each may wait for what.

A row that somebody else holds must not hold up the events of all: the journal and the loaders give up on it
soon, and whoever asked is told that nothing was applied. Made by the composition root.
"""

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812

from boxoffice.persistence.database import make_engine

READ_TIMEOUT_S = 5.0
"""For a query of a reader's. Less than an exit may take: the interpreter waits for its threads."""

WRITE_LOCK_TIMEOUT_S = 1.0
LOAD_LOCK_TIMEOUT_S = 2.0
START_LOCK_TIMEOUT_S = 12.0
"""For a row's lock. Start-up outlasts the 10 s after which PostgreSQL ends a former owner's idle session."""


class Engines:
    """One pool for each purpose. None of them connects before it is needed."""

    def __init__(self, url: str) -> None:
        self.reading = make_engine(url, pool_size=4, statement_timeout_s=READ_TIMEOUT_S)
        self.loading = make_engine(
            url, pool_size=2, statement_timeout_s=None, lock_timeout_s=LOAD_LOCK_TIMEOUT_S
        )
        # Between two fetches of its one transaction, start-up makes actors, for as long as that takes.
        self.starting = make_engine(
            url,
            pool_size=1,
            statement_timeout_s=None,
            lock_timeout_s=START_LOCK_TIMEOUT_S,
            idle_timeout_s=None,
        )
        self._writing = make_engine(url, pool_size=1, lock_timeout_s=WRITE_LOCK_TIMEOUT_S)

    def journal_connection(self) -> Connection:
        """A connection of the journal's own, outside of any pool, in autocommit mode. Raises DBAPI errors."""
        connection = self._writing.raw_connection()
        driver = connection.driver_connection
        connection.detach()
        if not isinstance(driver, Connection):
            raise psycopg2.InterfaceError("the engine is not psycopg2's")
        driver.autocommit = True
        return driver

    def dispose(self) -> None:
        """Close all connections of the pools."""
        for engine in (self.reading, self.loading, self.starting, self._writing):
            engine.dispose()
