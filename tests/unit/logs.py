"""A log of a test's own: configured as a server does it, and read from a pipe."""

import atexit
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from boxoffice.http.operating import logs
from boxoffice.http.operating.log_writer import LogWriter
from boxoffice.http.operating.settings import LogFormat, LogLevel


class Log:
    """The writer, and what it has written."""

    def __init__(self, writer: LogWriter, reading: int) -> None:
        self.writer = writer
        self._reading = reading

    @property
    def text(self) -> str:
        """All that was written since the last time; at most what a pipe takes."""
        assert self.writer.flush(10)
        os.set_blocking(self._reading, False)
        text = b""
        while True:
            try:
                text += os.read(self._reading, 65_536)
            except BlockingIOError:
                return text.decode()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The same as JSON documents: of printable ASCII, whatever was logged."""
        *lines, rest = self.text.split("\n")
        assert rest == ""
        assert all(line.isascii() and line.isprintable() for line in lines), lines
        return [json.loads(line) for line in lines]

    @property
    def line(self) -> dict[str, Any]:
        """The only one."""
        (line,) = self.lines
        return line


@contextmanager
def log_of(level: LogLevel = "debug", form: LogFormat = "json") -> Iterator[Log]:
    """Everything that is logged in here."""
    reading, writing = os.pipe()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    writer = logs.configure(level, form, writing)
    try:
        yield Log(writer, reading)
    finally:
        root.handlers[:], root.level = before
        root.setLevel(root.level)  # loggers have remembered what they would log
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
        logging.captureWarnings(capture=False)
        atexit.unregister(writer.close)
        os.close(reading)  # whatever is still being written goes nowhere
        writer.close()
        os.close(writing)
