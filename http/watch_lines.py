"""Lines of JSON for another program: one for each status that it has room for.

Who reads slowly gets the newest; who reads no more ends it. Called by `watch_live.py` on the event loop.
"""

import asyncio
import os
import stat
from collections.abc import Callable


class Lines:
    """What is written goes to this file descriptor, which stays open, and blocking for whoever shares it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def write(self, line: bytes) -> None:
        """One line, once there is room for it: a pipe that has any takes 4 KiB. May raise BrokenPipeError."""
        await self._room()
        while line:
            line = line[os.write(self._descriptor, line) :]

    async def _room(self) -> None:
        loop = asyncio.get_running_loop()
        room = asyncio.Event()
        try:
            loop.add_writer(self._descriptor, room.set)
        except PermissionError:  # a file, which always has room
            return
        try:
            await room.wait()
        finally:
            loop.remove_writer(self._descriptor)

    def when_nobody_reads(self, told: Callable[[], object]) -> None:
        """Have it told when the other end of a pipe is closed, however long there is nothing to write."""
        if stat.S_ISFIFO(os.fstat(self._descriptor).st_mode):
            asyncio.get_running_loop().add_reader(self._descriptor, told)
