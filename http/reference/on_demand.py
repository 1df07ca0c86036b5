"""What there is to read and to look at, made when somebody first asks for any of it: not on every server.

Loading and making it takes 0.1 s, which no start and no booking waits for: it is done on a thread of its own.
Called on the event loop.
"""

import asyncio

from aiohttp import web

from boxoffice.http.handlers import Handler
from boxoffice.http.lane import Answer

NAMES = ("page", "asset", "openapi", "asyncapi", "docs", "docsAsset", "problems", "problem")


class DocumentsOnDemand:
    """The calls of `documents.py`, which is not loaded before."""

    def __init__(self) -> None:
        self._making = asyncio.Lock()
        self._made: dict[str, Handler] = {}

    def handlers(self) -> dict[str, Handler]:
        """The handler of each call, by its name."""
        return {name: self._call(name) for name in NAMES}

    def _call(self, name: str) -> Handler:
        async def answer(request: web.Request) -> Answer:
            if not self._made:
                async with self._making:
                    self._made = self._made or await asyncio.to_thread(_made)
            return await self._made[name](request)

        return answer


def _made() -> dict[str, Handler]:
    from boxoffice.http.reference.documents import Documents  # noqa: PLC0415 - the point of this module

    return Documents().handlers()
