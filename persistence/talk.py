"""A connection whose answers can be waited for on the event loop, which does other things meanwhile.

To hand a statement to another thread, and to be woken by it, takes longer than most statements of the
journal's: two threads that want the interpreter at the same moment wait for each other at every step. So the
statement is sent from the event loop's thread, and the loop says when there is something to read. What may
take long, and is rare, is still waited for on a thread: connecting, and finding out what became of a commit.

psycopg2 calls such a connection asynchronous. It knows neither `commit` nor `autocommit`: it is always in
autocommit mode.
"""

import asyncio
import select
import time
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from boxoffice.persistence.watch import WatchedConnection


class TalkingConnection(WatchedConnection):
    """To be made with `async_=1`. One statement at a time, asked either way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cursor_factory = TalkingCursor

    def finish(self, timeout_s: float | None = None) -> None:
        """Wait on this thread until it is open, or the statement is answered. Raises psycopg2.Error."""
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        while (state := self.poll()) != POLL_OK:
            left_s = None if until_s is None else until_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                raise psycopg2.OperationalError("timeout expired")
            ears = select.poll()  # a new one: libpq may have gone on to another address
            ears.register(self.fileno(), select.POLLIN if state == POLL_READ else select.POLLOUT)
            ears.poll(None if left_s is None else 1_000 * left_s)

    async def answered(self) -> None:
        """Wait on the event loop until the statement is answered. Raises psycopg2.Error."""
        loop = asyncio.get_running_loop()
        while (state := self.poll()) != POLL_OK:
            ready: asyncio.Future[None] = loop.create_future()
            line = self.fileno()
            if state == POLL_READ:
                loop.add_reader(line, _go_on, ready)
            else:
                loop.add_writer(line, _go_on, ready)
            try:
                await ready
            finally:
                (loop.remove_reader if state == POLL_READ else loop.remove_writer)(line)


def _go_on(ready: "asyncio.Future[None]") -> None:
    if not ready.done():  # it is said again until it is heeded
        ready.set_result(None)


class TalkingCursor(Cursor):
    """A TalkingConnection's: each statement is answered by the connection's deadline, or raises."""

    connection: TalkingConnection

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - psycopg2's name
        """Ask, and wait on this thread. Raises psycopg2.Error."""
        connection = self.connection
        connection.begin_to_wait()
        try:
            super().execute(query, vars)
            connection.finish()
        finally:
            connection.waits_until_s = None

    async def ask(self, query: str, values: Any) -> None:
        """Ask, and wait on the event loop. Raises psycopg2.Error."""
        connection = self.connection
        connection.begin_to_wait()
        try:
            super().execute(query, values)
            await connection.answered()
        finally:
            connection.waits_until_s = None
