"""A journal on an event loop of its own, for tests that append and wait on their thread.

A server's journal runs on the server's event loop; the tests have none. What differs is only who starts and
ends it.
"""

import asyncio
import threading

from boxoffice.persistence.journal import GroupCommitJournal
from tests.contract.support import DEADLINE_S


class Journal(GroupCommitJournal):
    """Its `start` and `end` are called on the test's thread, and wait."""

    _own_loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Have a loop, and begin to write on it."""
        self._own_loop = loop = asyncio.new_event_loop()
        self._own_thread = threading.Thread(target=loop.run_forever, name="loop", daemon=True)
        self._own_thread.start()

        async def begin() -> None:
            super(Journal, self).start()

        asyncio.run_coroutine_threadsafe(begin(), loop).result(DEADLINE_S)

    def end(self, timeout_s: float = 5.0) -> bool:
        """Write all that has been appended, and end; nothing if it was never started, or has ended."""
        loop = self._own_loop
        if loop is None:
            return True
        if not asyncio.run_coroutine_threadsafe(self.stop(timeout_s), loop).result(DEADLINE_S):
            return False
        self._own_loop = None
        loop.call_soon_threadsafe(loop.stop)
        self._own_thread.join(DEADLINE_S)
        loop.close()
        return True
