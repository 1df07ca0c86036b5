"""The journal's line to the database: one connection at a time, none before the last one's session is gone.

A session that we have lost may still be alive in PostgreSQL: it may hold the rows of events, and what is on
its way to it, or under way in it, may still be committed. So before a new connection is used for anything,
the last one's session is ended and waited for. What is not in the database then never will be.

Used by the journal: `at_hand`, which never waits, on the event loop; what may, on a thread, one at a time.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, TypeAlias

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from boxoffice.persistence.batch import prepare
from boxoffice.persistence.talk import TalkingConnection

log = logging.getLogger(__name__)

BEGIN_TIMEOUT_S = 4.0
"""For each answer while a connection is made ready."""

END_S = 1.0
"""How long we wait at a time for PostgreSQL to end a session."""

RECONNECT_S = 0.2
"""After a connection could not be had, another one is not tried for so long."""

SAY_AGAIN_S = 5.0
"""How long nothing is logged of further failures of the kind."""

Connect: TypeAlias = Callable[[], TalkingConnection]

_OURS = "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"

_END = """
SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity
 WHERE pid = %s AND backend_start = CAST(%s AS timestamptz)
"""


class Away(Exception):  # noqa: N818 - the state of the world, not a mistake of ours
    """There is no connection to be had now."""


class Session(NamedTuple):
    """One session as PostgreSQL knows it: its process id alone may be another's later."""

    pid: int
    began: str


class Line:
    """`connect` opens a connection, and may fail."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._connection: TalkingConnection | None = None
        self._session: Session | None = None  # of the connection, or of the last one, until that is gone
        self._connect_from_s = 0.0
        self._say_from_s = 0.0

    @property
    def is_up(self) -> bool:
        """Whether there is a connection, as far as we know."""
        return self._connection is not None

    @property
    def is_idle(self) -> bool:
        """Whether there is a connection that no transaction is open on: good for the next one."""
        connection = self._connection
        if connection is None or connection.closed:
            return False
        return connection.get_transaction_status() == TRANSACTION_STATUS_IDLE

    @property
    def is_lost(self) -> bool:
        """Whether there was a connection, and its session may be alive yet."""
        return self._connection is None and self._session is not None

    def at_hand(self) -> TalkingConnection | None:
        """The connection there is, unless PostgreSQL has ended it."""
        if self._connection is not None and self._connection.has_ended():
            self.drop()
        return self._connection

    def mend(self) -> None:
        """Have a connection again in place of a lost one, whose session may hold the rows of events."""
        with suppress(Away):
            self.connection()

    def connection(self) -> TalkingConnection:
        """The connection at hand, or a new one, which may take some seconds. Raises Away."""
        if (connection := self.at_hand()) is not None:
            return connection
        if time.monotonic() < self._connect_from_s:
            raise Away
        try:
            connection = self._connect()
            try:
                self._begin(connection)
            except BaseException:
                connection.close()
                raise
        except BaseException as failure:  # whatever it is, it may be over the next time
            now_s = time.monotonic()
            self._connect_from_s = now_s + RECONNECT_S
            if now_s >= self._say_from_s:
                self._say_from_s = now_s + SAY_AGAIN_S
                log.warning("the database is away: %s", str(failure).strip())
            raise Away from failure
        self._connection = connection
        return connection

    def _begin(self, connection: TalkingConnection) -> None:
        connection.answer_timeout_s = BEGIN_TIMEOUT_S
        prepare(connection)
        with connection.cursor() as cursor:
            session = session_of(cursor)
            if self._session is not None and not end(cursor, self._session, END_S):
                raise psycopg2.OperationalError("the last session has not ended yet")
        self._session = session

    def drop(self) -> None:
        """Let the connection go; the next one waits for its session's end."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg2.Error):
                connection.close()


def session_of(cursor: Cursor) -> Session:
    """The cursor's own session. Raises psycopg2.Error."""
    cursor.execute(_OURS)
    pid, began = cursor.fetchone() or (0, "-infinity")
    return Session(pid, began)


def end(cursor: Cursor, session: Session, timeout_s: float) -> bool:
    """End another session of ours. Whether it is gone, for good; waits `timeout_s` for that.

    Raises psycopg2.Error. One that is not to be found has ended before: PostgreSQL takes a session off its
    list after it has ended its transaction.
    """
    cursor.execute(_END, (round(timeout_s * 1_000), session.pid, session.began))
    return all(gone for (gone,) in cursor.fetchall())
