"""The pools of connections of one server, and how long each may wait for what.

A row that somebody else holds must not hold up the events of all: the journal and the loaders give up on it
soon, and whoever asked is told that nothing was applied. Nor may a network that swallows everything: each
answer has a deadline here (`watch.py`), too. Made by the composition root.
"""

import os
import socket
from contextlib import closing
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy import Engine

from boxoffice.persistence.database import Timeouts, connect_args, make_engine
from boxoffice.persistence.talk import TalkingConnection
from boxoffice.persistence.watch import Watch, WatchedConnection

READ_TIMEOUT_S = 5.0
"""For a query of a reader's. Less than an exit may take: the interpreter waits for its threads."""

WRITE_LOCK_TIMEOUT_S = 1.0
LOAD_LOCK_TIMEOUT_S = 2.0
START_LOCK_TIMEOUT_S = 12.0
"""For a row's lock. Start-up outlasts the 10 s after which PostgreSQL ends a former owner's idle session."""

CONNECT_TIMEOUT_S = 2
"""For a connection of the journal's or the loaders', in whole seconds as libpq wants them."""

IDLE_TIMEOUT_S = 10.0
"""For a transaction that nobody goes on with; the journal's are one message each."""

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
        self._writing = connect_args(
            url,
            Timeouts(lock_s=WRITE_LOCK_TIMEOUT_S, idle_s=IDLE_TIMEOUT_S),
            connect_timeout=CONNECT_TIMEOUT_S,
        )

    def _engine(self, url: str, answer_timeout_s: float, **how: Any) -> Engine:
        return make_engine(
            url, **how, connection_factory=self._watch.connections(answer_timeout_s, WatchedConnection)
        )

    def journal_connection(self) -> TalkingConnection:
        """A connection of the journal's own, outside of any pool. Blocks. Raises psycopg2.Error.

        Of several hosts and addresses, libpq goes on to the next one in time only if it may block. So it is
        let find the one that answers, and the connection is made there.
        """
        with closing(psycopg2.connect(**self._writing)) as found:
            there = address_of(found)
        connection: TalkingConnection = psycopg2.connect(
            **{**self._writing, **there},
            connection_factory=self._watch.connections(None, TalkingConnection),
            async_=1,
        )
        try:
            connection.finish(CONNECT_TIMEOUT_S)
        except BaseException:
            connection.close()
            raise
        return connection

    def dispose(self) -> None:
        """Close all connections of the pools."""
        for engine in (self.reading, self.loading, self.starting):
            engine.dispose()
        self._watch.stop()


def address_of(connection: Connection) -> dict[str, str]:
    """Where an open connection leads, as parameters for another one; its host's name stays, for TLS."""
    host, port = connection.info.host, str(connection.info.port)
    with socket.socket(fileno=os.dup(connection.fileno())) as line:
        if line.family == socket.AF_UNIX:
            return {"host": host, "port": port}
        return {"host": host, "hostaddr": line.getpeername()[0], "port": port}
