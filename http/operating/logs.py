"""The log of a running server: every line of ours and of the libraries', in one form, on stderr.

`configure` is called once, by the command line. `RequestLog` says a line for each request, on the event loop,
as long as there are not too many. Forms are in `log_forms.py`, the writing in `log_writer.py`.
"""

import atexit
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boxoffice.http.operating.log_forms import Form, formatter
from boxoffice.http.operating.log_writer import LogWriter, WriterHandler
from boxoffice.http.operating.settings import LogFormat, LogLevel
from boxoffice.http.visit import current

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

log = logging.getLogger(__name__)


def configure(level: LogLevel, form: LogFormat, fd: int | None = None) -> LogWriter:
    """Log lines of at least this level to stderr (or `fd`), warnings and failures nobody caught among them.

    `auto` is for people on a terminal, else for programs. At the end of the process what waits is written,
    within a second.
    """
    fd = _stderr() if fd is None else fd
    writer = LogWriter(formatter_for(form, fd).format, fd)
    root = logging.getLogger()
    root.handlers[:] = [WriterHandler(writer, _stamp)]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda *failure: log.critical("a failure that nobody caught", exc_info=failure)
    threading.excepthook = _thread_failed
    sys.unraisablehook = _unraisable
    atexit.register(writer.close)
    return writer


def _stderr() -> int:
    """Nothing, if we were started without: the number may belong to a connection by now."""
    return os.open(os.devnull, os.O_WRONLY) if sys.stderr is None else sys.stderr.fileno()


def formatter_for(form: LogFormat, fd: int) -> logging.Formatter:
    """Of lines in this form, for whoever reads this descriptor; in colours on a terminal, unless NO_COLOR."""
    people = os.isatty(fd)
    chosen: Form = form if form != "auto" else "console" if people else "json"
    return formatter(chosen, colors=people and "NO_COLOR" not in os.environ)


def _stamp(record: logging.LogRecord) -> None:
    """With the request on whose behalf something is logged."""
    if "request_id" not in record.__dict__:
        record.request_id = current().request_id


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_type is SystemExit:
        return
    name = failed.thread.name if failed.thread else "a thread"
    failure = failed.exc_value or failed.exc_type()
    log.critical("%s has ended", name, exc_info=failure)


def _unraisable(failed: "UnraisableHookArgs") -> None:
    log.error("%s", failed.err_msg or "a failure that cannot be raised", exc_info=failed.exc_value)


# --- requests ------------------------------------------------------------------------------------

requests = logging.getLogger("boxoffice.requests")

ALWAYS = 500
"""Of this status every line is logged: it is a mistake of ours."""


@dataclass(slots=True)
class _OfStatus:
    """How many lines of one status were logged in a second, and how many not."""

    level: int
    logged: bool
    second_ends: float = 0.0
    left: int = 0
    skipped: int = 0


class RequestLog:
    """A line for each request, but of one status at most so many in a second; the others are counted.

    `lines_per_s` 0: only those with status 500, of which none is left out. `clock` gives seconds that never
    run backwards. To be used on one thread.
    """

    def __init__(self, lines_per_s: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._lines_per_s = lines_per_s
        self._clock = clock
        self._of_status: dict[int, _OfStatus] = {}
        self.skipped = 0

    def is_due(self, status: int) -> bool:
        """Whether a request that was answered like this is to have its line; if not, it is counted."""
        of_status = self._of_status.get(status)
        if of_status is None:
            of_status = self._begin(status)
        if not of_status.logged:
            return False
        now = self._clock()
        if now >= of_status.second_ends:
            of_status.second_ends = now + 1.0
            of_status.left = self._lines_per_s
        if of_status.left > 0:
            of_status.left -= 1
        elif status != ALWAYS:
            of_status.skipped += 1
            self.skipped += 1
            return False
        return True

    def line(
        self,
        call: str,
        method: str,
        status: int,
        duration_s: float,
        request_id: str,
        principal_id: str,
        event_id: int | None,
        batch: int | None,
        remote: str,
    ) -> None:
        """Say how a request was answered whose line is due.

        `call` is the template of its path; `batch` numbers the commit. Some ten microseconds.
        """
        fields: dict[str, str | int | float | None] = {
            "method": method,
            "route": call,
            "status": status,
            "durationMs": round(duration_s * 1000, 3),
            "principalId": principal_id,
            "eventId": None if event_id is None else str(event_id),
            "batch": batch,
            "remote": remote,
        }
        of_status = self._of_status[status]
        if of_status.skipped:
            fields["skipped"] = of_status.skipped
            of_status.skipped = 0
        record = logging.LogRecord(requests.name, of_status.level, "", 0, "request", None, None)
        record.fields, record.request_id = fields, request_id
        requests.handle(record)

    def _begin(self, status: int) -> _OfStatus:
        level = _level(status)
        of_status = self._of_status[status] = _OfStatus(level, logged=requests.isEnabledFor(level))
        return of_status


def _level(status: int) -> int:
    if status < ALWAYS:
        return logging.INFO
    return logging.WARNING if status in (503, 504) else logging.ERROR
