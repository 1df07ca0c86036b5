"""Connections that meet with an accident at a given point, for real: the server's process is ended.

Only the moment is arranged; the errors are PostgreSQL's and the driver's own.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from boxoffice.persistence.talk import TalkingConnection, TalkingCursor
from boxoffice.persistence.watch import Watch
from tests.contract.support import DEADLINE_S, connect, plain

Accident = Callable[[Cursor, Callable[[], None]], None]
"""Gets the cursor and the call that was about to be made."""


class Faults:
    """Connects for the journal. Each accident in the lists happens once, at the next connection or commit."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._watch = Watch()
        self.at_connect: list[Exception] = []
        self.at_commit: list[Accident] = []
        self.opened = 0

    def connect(self) -> TalkingConnection:
        if self.at_connect:
            raise self.at_connect.pop(0)
        self.opened += 1
        faults = self

        class FaultyCursor(TalkingCursor):
            async def ask(self, query: str, values: Any) -> None:
                if faults.at_commit and "EXECUTE write_batch" in query:
                    faults.at_commit.pop(0)(self, lambda: self.execute(query, values))
                else:
                    await super().ask(query, values)

        connection: TalkingConnection = psycopg2.connect(
            plain(self._url),
            application_name="journal",
            connection_factory=self._watch.connections(None, TalkingConnection),
            async_=1,
        )
        connection.finish()
        connection.cursor_factory = FaultyCursor
        return connection

    def close(self) -> None:
        self._watch.stop()

    # --- accidents -------------------------------------------------------------------------------

    def lost_before(self, cursor: Cursor, call: Callable[[], None]) -> None:
        """The server's process is gone when the message is sent."""
        self._end_backend_of(cursor)
        call()

    def lost_after(self, cursor: Cursor, call: Callable[[], None]) -> None:
        """The server has committed; its answer never comes."""
        call()
        self._end_backend_of(cursor)
        cursor.execute("SELECT 'the answer'")

    def _end_backend_of(self, cursor: Cursor) -> None:
        admin = connect(self._url)
        try:
            with admin.cursor() as other:
                pid = cursor.connection.info.backend_pid
                other.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
                assert other.fetchall() == [(True,)]
        finally:
            admin.close()


def refused(cursor: Cursor, _call: Callable[[], None]) -> None:
    """PostgreSQL refuses it, for a reason that passes."""
    cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$")


def given_up(cursor: Cursor, call: Callable[[], None]) -> None:
    """The connection is inside of a transaction that PostgreSQL has given up."""
    with suppress(psycopg2.DataError):
        cursor.execute("BEGIN; SELECT 1 / 0")
    call()


def left_open(cursor: Cursor, call: Callable[[], None]) -> None:
    """The connection is inside of a transaction already, which does not end with the message."""
    cursor.execute("BEGIN")
    call()


class Held:
    """The call waits. `with held:` goes on once it is reached, and lets it go at the end."""

    def __init__(self) -> None:
        self._reached, self._released = threading.Event(), threading.Event()

    def __call__(self, _cursor: Cursor, call: Callable[[], None]) -> None:
        self._reached.set()
        assert self._released.wait(DEADLINE_S)
        call()

    def __enter__(self) -> None:
        assert self._reached.wait(DEADLINE_S)

    def __exit__(self, *_: object) -> None:
        self._released.set()


def raising(failure: BaseException) -> Accident:
    """The call raises this, and the server hears nothing of it."""

    def accident(_cursor: Cursor, _call: Callable[[], None]) -> None:
        raise failure

    return accident


def raising_after(failure: BaseException) -> Accident:
    """The call is made, and then this is raised."""

    def accident(_cursor: Cursor, call: Callable[[], None]) -> None:
        call()
        raise failure

    return accident
