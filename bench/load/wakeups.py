"""Being woken at a time, and not a millisecond late: the event loops' own timers count in milliseconds, which
would be most of a good server's latency. On a worker's event loop.

On Linux by a timerfd (timerfd_create(2)), which `os` has only since Python 3.13; elsewhere by the event loop.
"""

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

AT_ONCE_S = 0.000_1
"""No two wake-ups are nearer to each other: who comes meanwhile is late by that."""

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Wakeups:
    """Calls `wake` once after each `at`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._loop = loop
        self._wake = wake
        self._timer: asyncio.TimerHandle | None = None
        self._spec = _Itimerspec()
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._fd = -1
        if self._libc is not None:
            self._fd = self._libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd >= 0:
            loop.add_reader(self._fd, self._rung)

    def at(self, when_s: float) -> None:
        """Be woken at this time of the monotonic clock, instead of when it was said last."""
        now_s = monotonic()
        when_s = max(when_s, now_s + AT_ONCE_S)
        if self._fd < 0 or self._libc is None:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(when_s - now_s, self._wake)
            return
        value = self._spec.value
        value.seconds = whole = int(when_s)
        value.nanoseconds = int((when_s - whole) * 1e9)
        self._libc.timerfd_settime(self._fd, _ABSOLUTE, ctypes.byref(self._spec), None)

    def close(self) -> None:
        """Never again. May be called twice."""
        if self._timer is not None:
            self._timer.cancel()
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _rung(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._fd, 8)
            self._wake()
