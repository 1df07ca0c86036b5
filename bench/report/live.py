"""Shows how a load test goes on: on a terminal all the time, elsewhere a line every few seconds.

It writes to stderr, so that standard output is free for the results. On the event loop of the parent process.
"""

import asyncio
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live as Painted

from boxoffice.bench.report.live_view import Board, Phase, plain, view
from boxoffice.bench.report.results import Run
from boxoffice.bench.report.totals import Totals

REFRESH_S = 0.25
LINE_EVERY_S = 5.0


class Live:
    """What is seen meanwhile.

    async with Live(run, totals) as live:
        live.enter(Phase.LOADING, lasts_s=10)
    """

    def __init__(self, run: Run, totals: Totals, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._board = Board(run, since_s=monotonic())
        self._totals = totals
        self._painted: Painted | None = None
        self._said_s = 0.0
        self._looked_s = 0.0
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._painted = Painted(console=self._console, auto_refresh=False, transient=True)
            self._painted.start()
        self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            with suppress(asyncio.CancelledError):
                await self._ticking
        if self._painted is not None:
            self._painted.stop()

    def enter(self, phase: Phase, lasts_s: float | None = None) -> None:
        """Something else is done from now on, for so long if that is known."""
        self._board = Board(self._board.run, phase, monotonic(), lasts_s)
        self._show(at_once=True)

    def progress(self, done: int, of: int, what: str = "") -> None:
        """So much of it is done: 3 of 10 events. May be called often, and when the event loop has no time."""
        self._board.done, self._board.of, self._board.what = done, of, what
        if monotonic() - self._looked_s >= REFRESH_S:
            self._show()

    async def _tick(self) -> None:
        while True:
            self._show()
            await asyncio.sleep(REFRESH_S)

    def _show(self, *, at_once: bool = False) -> None:
        now_s = self._looked_s = monotonic()
        if self._painted is not None:
            width, ascii_only = self._console.width, self._console.options.ascii_only
            shown = view(self._board, self._totals, now_s, width, ascii_only=ascii_only)
            self._painted.update(shown, refresh=True)
        elif at_once or now_s - self._said_s >= LINE_EVERY_S:
            self._said_s = now_s
            self._console.print(plain(self._board, self._totals, now_s), soft_wrap=True)
