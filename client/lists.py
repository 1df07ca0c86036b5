"""Whatever comes a piece at a time: the pages of a list, and the lines of an event's log.

Called on the event loop.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Generic, TypeVar
from urllib.parse import urlencode

import msgspec

from boxoffice.client.connection import Connection, Request, reader
from boxoffice.client.problems import BadAnswer, BoxOfficeError, Unreachable
from boxoffice.client.types import ApiKey, Change, Event, Order

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list; `next` is the cursor of the following one."""

    items: tuple[T, ...]
    next: str | None


EVENTS = msgspec.json.Decoder(Page[Event])
ORDERS = msgspec.json.Decoder(Page[Order])
API_KEYS = msgspec.json.Decoder(Page[ApiKey])
CHANGES = msgspec.json.Decoder(Page[Change])
_CHANGE = msgspec.json.Decoder(Change)
_LINES = {"Accept": "application/x-ndjson"}


async def every(
    connection: Connection, path: str, query: Mapping[str, str], page: "msgspec.json.Decoder[Page[T]]"
) -> AsyncIterator[T]:
    """All items of a list, page by page, each asked for when the one before is used up."""
    read = reader(page)
    while True:
        found = await connection.ask(Request("GET", f"{path}?{urlencode(query)}"), read)
        for item in found.items:
            yield item
        if found.next is None:
            return
        query = {**query, "cursor": found.next}
        query.pop("after", None)  # a cursor says both


async def log(connection: Connection, path: str, after: int) -> AsyncIterator[Change]:
    """All changes after a version, as the server streams them; one that breaks off is taken up again."""
    trials = connection.trials()
    while True:
        try:
            async with connection.stream(Request("GET", f"{path}?after={after}", headers=_LINES)) as pieces:
                async for line in lines(pieces):
                    change = _change(line)
                    yield change
                    after, trials = change.version, connection.trials()
            return
        except BoxOfficeError as failure:
            if not failure.passing or not await trials.wait(failure.retry_after_s):
                raise


def _change(line: bytes) -> Change:
    try:
        return _CHANGE.decode(line)
    except msgspec.DecodeError as failure:
        raise BadAnswer(f"a line is no change: {failure}", 200) from failure


async def lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, cut into lines of any length. Raises Unreachable if the last has no end."""
    begun: list[bytes] = []
    async for piece in pieces:
        first, *others = piece.split(b"\n")
        begun.append(first)
        for other in others:
            yield b"".join(begun)
            begun = [other]
    if any(begun):
        raise Unreachable("the log was cut short")
