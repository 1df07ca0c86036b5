"""Ends sessions that PostgreSQL leaves without an answer: a deadline of our own for every wait.

PostgreSQL's timeouts are of no use when it is PostgreSQL, or the network, that says nothing more, and TCP's
own notice a peer only that is gone altogether. So each connection says what it waits for, and until when;
a thread looks at all of them a few times a second, and cuts the line of one that is overdue. Whoever waits
then hears what they hear of any lost connection. Nothing is learned of what came of the statement.

Made by `Engines`, a thread for each watch; what is watched waits on the thread that asked. (The journal's
connection, which is waited for on the event loop: `talk.py`.)
"""

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

LOOK_S = 0.1
"""How often the watch looks: a wait may be longer by this much."""


class WatchedConnection(Connection):
    """A connection whose every statement has `answer_timeout_s` seconds to be answered; None: for ever."""

    answer_timeout_s: float | None = None
    waits_until_s: float | None = None
    """On the monotonic clock; None while nobody waits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cursor_factory = WatchedCursor

    def begin_to_wait(self) -> None:
        """From now on the answer is due within `answer_timeout_s`."""
        if self.answer_timeout_s is not None:
            self.waits_until_s = time.monotonic() + self.answer_timeout_s

    def commit(self) -> None:
        """COMMIT. Raises psycopg2.OperationalError if the answer does not come in time."""
        self.begin_to_wait()
        try:
            super().commit()
        finally:
            self.waits_until_s = None

    def rollback(self) -> None:
        """ROLLBACK. Raises psycopg2.OperationalError if the answer does not come in time."""
        self.begin_to_wait()
        try:
            super().rollback()
        finally:
            self.waits_until_s = None

    def has_ended(self) -> bool:
        """Whether PostgreSQL has ended the session by now, or its line is cut, as far as can be heard here.

        It is said unasked, but psycopg2 hears it at the next question only, and nobody knows then whether
        that has arrived. 2 µs.
        """
        ears = select.poll()
        try:
            ears.register(self.fileno(), select.POLLIN)
            while ears.poll(0):
                self.poll()  # once for its last words, and once for the end
        except (OSError, psycopg2.Error):
            return True
        return False

    def cut(self) -> None:
        """Have whoever waits on this connection hear that it is lost. Called on any thread."""
        with suppress(OSError, ValueError, TypeError):  # it may be closed, or gone, at any moment
            line = socket.socket(fileno=os.dup(self.fileno()))
            with line:
                line.shutdown(socket.SHUT_RDWR)


class WatchedCursor(Cursor):
    """A WatchedConnection's: sets the deadline around whatever waits for PostgreSQL."""

    connection: WatchedConnection

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - psycopg2's name
        """As psycopg2 does it, with a deadline."""
        connection = self.connection
        connection.begin_to_wait()
        try:
            super().execute(query, vars)
        finally:
            connection.waits_until_s = None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """As psycopg2 does it, with a deadline: a server-side cursor asks for more."""
        connection = self.connection
        connection.begin_to_wait()
        try:
            return super().fetchmany(self.arraysize if size is None else size)
        finally:
            connection.waits_until_s = None


C = TypeVar("C", bound=WatchedConnection)


class Watch:
    """All connections under watch, and the thread that looks at them."""

    def __init__(self) -> None:
        self._watched: set[WatchedConnection] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def connections(self, answer_timeout_s: float | None, kind: type[C]) -> Callable[..., C]:
        """What psycopg2 takes as a `connection_factory`: of this kind, and watched until closed."""

        def make(*args: Any, **kwargs: Any) -> C:
            connection = kind(*args, **kwargs)
            connection.answer_timeout_s = answer_timeout_s
            with self._lock:
                self._watched.add(connection)
            return connection

        return make

    def stop(self) -> None:
        """End the thread. Whoever still waits, waits for PostgreSQL alone."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_S):
            with self._lock:
                self._watched = {each for each in self._watched if not each.closed}
                watched = list(self._watched)
            now_s = time.monotonic()
            for connection in watched:
                until_s = connection.waits_until_s
                if until_s is not None and until_s < now_s:
                    connection.cut()
