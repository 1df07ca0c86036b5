"""Ctrl-C and SIGTERM while a load test runs. On the event loop of the main thread."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Use with `with`, in the task that is cancelled when there is nothing better to do; from then on all is
    being put away, and signals change nothing.
    """

    def __init__(self) -> None:
        self._instead: Callable[[], object] | None = None
        self._task: asyncio.Task[object] | None = None

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)
            usual = signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler
            signal.signal(number, signal.SIG_IGN if self._task is None else usual)

    @contextmanager
    def instead(self, do: Callable[[], object]) -> Iterator[None]:
        """The first signal meanwhile only does this."""
        self._instead = do
        try:
            yield
        finally:
            self._instead = None

    def _interrupt(self) -> None:
        do, self._instead = self._instead, None
        if do is not None:
            do()
        elif self._task is not None:
            task, self._task = self._task, None
            task.cancel()
