"""The pools of connections of one server, and how long each may wait for what.

A row that somebody else holds must not hold up the events of all: the journal and the loaders give up on it
soon, and whoever asked is told that nothing was applied. Nor may a network that swallows everything: each
answer has a deadline here (`watch.py`), too. Made by the composition root.
"""

from typing import Any

import psycopg2
from sqlalchemy import Engine

from boxoffice.persistence.database import make_engine
from boxoffice.persistence.watch import Watch, WatchedConnection

READ_TIMEOUT_S = 5.0
"""For a query of a reader's. Less than an exit may take: the interpreter waits for its threads."""

WRITE_LOCK_TIMEOUT_S = 1.0
LOAD_LOCK_TIMEOUT_S = 2.0
START_LOCK_TIMEOUT_S = 12.0
"""For a row's lock. Start-up outlasts the 10 s after which PostgreSQL ends a former owner's idle session."""

CONNECT_TIMEOUT_S = 2
"""For a connection of the journal's or the loaders', in whole seconds as libpq wants them."""

LOAD_TIMEOUT_S = 4.0
START_TIMEOUT_S = 600.0
"""For one answer of PostgreSQL's: 20,000 orders of one event, or the taking over of all events."""


class Engines:
    """One pool for each purpose. None of them connects before it is needed."""

    def __init__(self, url: str) -> None:
        self._watch = Watch()
        # One connection for each of the four reader threads, and one for whoever reads the API keys anew.
        self.reading = self._engine(
            url, READ_TIMEOUT_S + 0.5, pool_size=5, statement_timeout_s=READ_TIMEOUT_S
        )
        self.loading = self._engine(
            url,
            LOAD_TIMEOUT_S,
            pool_size=2,
            statement_timeout_s=LOAD_TIMEOUT_S,
            lock_timeout_s=LOAD_LOCK_TIMEOUT_S,
            connect_timeout=CONNECT_TIMEOUT_S,
        )
        # Between two fetches of its one transaction, start-up makes actors, for as long as that takes.
        self.starting = self._engine(
            url,
            START_TIMEOUT_S,
            pool_size=1,
            statement_timeout_s=None,
            lock_timeout_s=START_LOCK_TIMEOUT_S,
            idle_timeout_s=None,
        )
        # How long the journal waits for what, it says itself.
        self._writing = self._engine(
            url,
            READ_TIMEOUT_S,
            pool_size=1,
            statement_timeout_s=None,
            lock_timeout_s=WRITE_LOCK_TIMEOUT_S,
            connect_timeout=CONNECT_TIMEOUT_S,
        )

    def _engine(self, url: str, answer_timeout_s: float, **how: Any) -> Engine:
        return make_engine(url, **how, connection_factory=self._watch.connections(answer_timeout_s))

    def journal_connection(self) -> WatchedConnection:
        """A connection of the journal's own, outside of any pool, in autocommit mode. Raises DBAPI errors."""
        connection = self._writing.raw_connection()
        driver = connection.driver_connection
        connection.detach()
        if not isinstance(driver, WatchedConnection):
            raise psycopg2.InterfaceError("the engine is not psycopg2's")
        driver.autocommit = True
        return driver

    def dispose(self) -> None:
        """Close all connections of the pools."""
        for engine in (self.reading, self.loading, self.starting, self._writing):
            engine.dispose()
        self._watch.stop()
