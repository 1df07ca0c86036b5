"""Writes log lines on a thread of its own: whoever logs waits neither for the rendering nor for the reader.

The event loop logs, and stderr may be a pipe that nobody reads. So records go into a bounded
queue, and are counted as lost when that is full. `put` on any thread, the rest of the work on the writer's.
"""

import logging
import os
import select
import threading
from collections.abc import Callable
from logging.handlers import QueueHandler
from queue import SimpleQueue

RECORDS_MAX = 10_000
"""Records that may wait to be written."""

FLUSH_TIMEOUT_S = 1.0
"""How long the end of the process waits for what is still to be written."""

Render = Callable[[logging.LogRecord], str]


class LogWriter:
    """A thread that renders records and writes them to a file descriptor, a line each.

    It writes to the descriptor itself and not to `sys.stderr`: a thread that is stuck in writing must not
    hold the lock of that, for which others would wait.
    """

    def __init__(self, render: Render, fd: int, records_max: int = RECORDS_MAX) -> None:
        self._render = render
        self._fd = fd
        self._records_max = records_max
        # logging's own QueueListener waits for ever when it is stopped.
        self._queue: SimpleQueue[logging.LogRecord | threading.Event | None] = SimpleQueue()
        self._counting = threading.Lock()
        self.lost = 0
        self._lost_told = 0
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def put(self, record: logging.LogRecord) -> None:
        """Have a record written, or count it as lost. Never waits."""
        if self._queue.qsize() < self._records_max:
            self._queue.put(record)
        else:
            self.lose()

    def lose(self) -> None:
        """Count a record that will not be written."""
        with self._counting:
            self.lost += 1

    def flush(self, timeout_s: float = FLUSH_TIMEOUT_S) -> bool:
        """Wait until all that was logged so far is written; False if it takes longer."""
        written = threading.Event()
        self._queue.put(written)
        return written.wait(timeout_s)

    def close(self, timeout_s: float = FLUSH_TIMEOUT_S) -> None:
        """Write what waits, and end the thread, unless that takes longer."""
        self._queue.put(None)
        self._thread.join(timeout_s)

    # --- on the writer's thread ------------------------------------------------------------------

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            self._write(self._line(item))
            if self._queue.empty():
                self._tell_of_lost()

    def _tell_of_lost(self) -> None:
        total = self.lost
        if lost := total - self._lost_told:
            self._lost_told = total
            self._write(self._line(_warning(f"{lost} log lines were lost: nobody read them in time")))

    def _line(self, record: logging.LogRecord) -> str:
        try:
            return self._render(record)
        except Exception as failure:  # a value that cannot be shown, and the log must go on
            return self._render(_warning(f"a line of {record.name} could not be rendered: {failure!r}"))

    def _write(self, line: str) -> None:
        rest = memoryview(f"{line}\n".encode(errors="backslashreplace"))
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:  # whoever gave us the descriptor has made it so
                poll = select.poll()
                poll.register(self._fd, select.POLLOUT)
                poll.poll()
            except OSError:  # nobody reads any more, or the disk is full
                self.lose()
                return


def _warning(message: str) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING", "msg": message}
    )


class WriterHandler(QueueHandler):
    """Takes records from the standard library's loggers to a writer.

    What belongs to the moment is taken along: the text, because its arguments may change, and whatever
    `stamp` puts on the record.
    """

    def __init__(self, writer: LogWriter, stamp: Callable[[logging.LogRecord], None]) -> None:
        super().__init__(writer)  # type: ignore[arg-type]  # only `enqueue` below uses it
        self._writer = writer
        self._stamp = stamp

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record, independent of what goes on after this. The traceback is rendered by the writer."""
        if record.args:
            record.msg, record.args = record.getMessage(), None
        self._stamp(record)
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Hand it to the writer."""
        self._writer.put(record)

    def handleError(self, _: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """Arguments that do not fit their text: logging's own way would print them, secrets and all."""
        self._writer.lose()
