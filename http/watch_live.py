"""An event, watched: asks a server with the Python client, as anybody may, and shows what comes.

Called by `watch_command.py`, which loads it only when it is wanted. On an event loop of its own, on the main
thread.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from datetime import datetime
from math import inf
from typing import Protocol

import aiohttp
import msgspec
from rich.console import Console
from rich.live import Live

from boxoffice.client import (
    BadAnswer,
    BoxOffice,
    BoxOfficeError,
    Event,
    EventNotFound,
    Forbidden,
    NotFound,
    Problem,
    Unauthenticated,
    UpgradeRequired,
)
from boxoffice.http.operating.masking import masked
from boxoffice.http.operating.settings import WatchSettings
from boxoffice.http.terminal import console
from boxoffice.http.watch_lines import Lines
from boxoffice.http.watch_view import Board, plain, view

REFRESH_S = 0.25
"""How often the terminal is painted anew."""


class Outlet(Protocol):
    """Where what is watched is shown."""

    async def hear(self, event: Event) -> None:
        """A status came."""

    def connection(self, failure: BoxOfficeError | None) -> None:
        """A connection stands, or there is none because of this."""

    def refresh(self) -> None:
        """Time has passed."""


class NothingToWatchError(Exception):
    """Why there is nothing to be seen, and there will not be: one sentence."""


def run(event_id: str, settings: WatchSettings) -> None:
    """Watch until a signal, or until nobody reads. Raises NothingToWatchError."""
    screen = Console(highlight=False, markup=False, emoji=False)
    try:
        box = BoxOffice(
            settings.url, api_key=settings.api_key or None, retry_for_s=inf, user_agent="boxoffice-watch"
        )
        if settings.json or not screen.is_terminal or screen.is_dumb_terminal:
            lines = Lines(sys.stdout.fileno())
            asyncio.run(_run(box, event_id, _Piped(lines, settings.url), lines))
        else:
            sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
            with _shown(screen, settings.url) as shown:
                asyncio.run(_run(box, event_id, shown))
    except ValueError as error:
        raise NothingToWatchError(f"That cannot be watched: {error}.") from None
    except BoxOfficeError as failure:
        raise NothingToWatchError(masked(_sentence(failure, plain(event_id), settings))) from None


async def _run(box: BoxOffice, event_id: str, outlet: Outlet, lines: Lines | None = None) -> None:
    """Until a signal, or until nobody reads. Raises BoxOfficeError for what does not pass."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    if lines is not None:
        lines.when_nobody_reads(stopped.set)
    async with box:
        tasks = {asyncio.create_task(_read(box, event_id, outlet)), asyncio.create_task(_until(stopped))}
        try:
            ended: set[asyncio.Task[None]] = set()
            while not ended:
                ended, _ = await asyncio.wait(tasks, timeout=REFRESH_S, return_when=asyncio.FIRST_COMPLETED)
                outlet.refresh()
            for task in ended:
                task.result()
        except BrokenPipeError:
            pass  # whoever read has had enough
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _until(stopped: asyncio.Event) -> None:
    await stopped.wait()


async def _read(box: BoxOffice, event_id: str, outlet: Outlet) -> None:
    async with aclosing(box.watch(event_id, on_connection=outlet.connection)) as statuses:
        async for status in statuses:
            await outlet.hear(status)


# --- where it is shown ---------------------------------------------------------------------------


class _Piped:
    """Each status is a line of JSON; that there is no connection, and that there is again, is on stderr."""

    def __init__(self, lines: Lines, address: str) -> None:
        self._lines = lines
        self._address = address
        self._lost = False

    async def hear(self, event: Event) -> None:
        """A line."""
        await self._lines.write(msgspec.json.encode(event) + b"\n")

    def connection(self, failure: BoxOfficeError | None) -> None:
        """A sentence, if it is otherwise than before."""
        lost = failure is not None and failure.passing
        if failure is not None and lost and not self._lost:
            console.print(f"boxoffice: Waiting for {self._address}: {_reason(failure)}.")
        elif failure is None and self._lost:
            console.print(f"boxoffice: Connected to {self._address}.")
        self._lost = lost

    def refresh(self) -> None:
        """Nothing that is written grows old."""


class _Shown:
    """A picture on the terminal."""

    def __init__(self, live: Live, address: str) -> None:
        self._live = live
        self._board = Board(address)

    @property
    def has_begun(self) -> bool:
        """Whether there were any numbers to be seen."""
        return self._board.event is not None

    async def hear(self, event: Event) -> None:
        """To be seen with the next picture."""
        self._board.hear(event, time.monotonic())

    def connection(self, failure: BoxOfficeError | None) -> None:
        """To be seen with the next picture, too."""
        if failure is None:
            self._board.connect()
        else:
            self._board.lose(_reason(failure), time.monotonic())

    def refresh(self, ended_at: datetime | None = None) -> None:
        """The picture of now; with `ended_at` the last one."""
        screen = self._live.console
        ascii_only = screen.options.ascii_only
        picture = view(self._board, time.monotonic(), screen.width, ascii_only=ascii_only, ended_at=ended_at)
        self._live.update(picture, refresh=True)


@contextmanager
def _shown(screen: Console, address: str) -> Iterator[_Shown]:
    """The picture stays when it ends, if it ever was one, and says of when it is."""
    with Live(console=screen, auto_refresh=False, vertical_overflow="crop") as live:
        shown = _Shown(live, address)
        shown.refresh()
        try:
            yield shown
        finally:
            live.transient = not shown.has_begun
            shown.refresh(datetime.now().astimezone())


# --- what went wrong -----------------------------------------------------------------------------


def _reason(failure: BoxOfficeError) -> str:
    """Why there is no connection now, in a few words."""
    cause = failure.__cause__
    if isinstance(failure, Problem):
        return plain(masked(failure.detail.rstrip(".")))
    if isinstance(cause, aiohttp.ClientConnectorError) and cause.os_error.errno:
        return os.strerror(cause.os_error.errno).lower()
    return plain(masked(str(failure)))


def _sentence(failure: BoxOfficeError, event_id: str, settings: WatchSettings) -> str:
    """Why there is nothing to be seen, and there will not be."""
    where = settings.url
    match failure:
        case EventNotFound():
            return f"There is no event {event_id} at {where}."
        case Unauthenticated() if not settings.api_key:
            return f"An API key is needed at {where}: set BOXOFFICE_API_KEY, or give it by --api-key."
        case Unauthenticated():
            return f"This API key is not taken at {where}: {_reason(failure)}."
        case Forbidden():
            return f"This API key may not watch at {where}: {_reason(failure)}."
        case UpgradeRequired():
            return f"Something on the way to {where} lets no WebSockets through."
        case NotFound() | BadAnswer():
            return f"What answers at {where} has no live status: {_reason(failure)}."
    return f"It cannot be watched at {where}: {_reason(failure)}."
