"""The writer: nobody waits for it, whatever becomes of what it writes to."""

import fcntl
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from boxoffice.http.operating.log_writer import LogWriter, WriterHandler

PIPE_SIZE = 4_096
RECORDS_MAX = 20


def record(text: str, **more: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "somewhere", "msg": text, **more})


def render(record: logging.LogRecord) -> str:
    if getattr(record, "sour", False):
        raise RuntimeError("no text")
    return record.getMessage()


class Pipe:
    """A small one, with a writer at one end."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        self.writer = LogWriter(render, self.writing, RECORDS_MAX)
        self.text = ""

    def read_until(self, end: str) -> str:
        """All that comes, until this is in it; for ever if it does not come."""
        while end not in self.text:
            self.text += os.read(self.reading, 65_536).decode()
        return self.text

    def stick(self) -> int:
        """Write more than the pipe takes, and more than may wait; returns how many lines were given."""
        for _ in range(200):
            self.writer.put(record("x" * 2 * PIPE_SIZE))
        return 200


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    os.close(pipe.reading)
    pipe.writer.close(10)
    os.close(pipe.writing)


def test_lines_are_written_in_their_order(pipe: Pipe) -> None:
    for number in range(RECORDS_MAX):
        pipe.writer.put(record(str(number)))
    assert pipe.writer.flush(10)
    assert pipe.read_until("19\n").split() == [str(number) for number in range(RECORDS_MAX)]


def test_a_reader_that_is_slow_loses_lines_and_is_told_how_many(pipe: Pipe) -> None:
    given = pipe.stick()
    lost = pipe.writer.lost
    assert given - RECORDS_MAX - 1 <= lost <= given - RECORDS_MAX
    *lines, told = pipe.read_until("in time\n").splitlines()
    assert told == f"{lost} log lines were lost: nobody read them in time"
    assert len(lines) == given - lost
    pipe.writer.put(record("the end"))
    assert pipe.read_until("the end\n").count("were lost") == 1, "told once"
    assert pipe.writer.lost == lost


def test_nobody_waits_for_a_reader_that_reads_nothing(pipe: Pipe) -> None:
    pipe.stick()
    assert not pipe.writer.flush(0.05)
    pipe.writer.close(0.05)


def test_a_line_may_be_longer_than_a_pipe_takes_at_once(pipe: Pipe) -> None:
    pipe.writer.put(record("x" * 100_000))
    assert pipe.read_until("\n") == "x" * 100_000 + "\n"


def test_a_pipe_that_does_not_block_is_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.writing, False)
    pipe.writer.put(record("x" * 100_000))
    assert not pipe.writer.flush(0.05), "not vacuous: the pipe is full"
    assert pipe.read_until("\n") == "x" * 100_000 + "\n"
    assert pipe.writer.lost == 0


def test_when_nobody_reads_any_more_lines_are_lost_and_that_is_all(pipe: Pipe) -> None:
    reading, pipe.reading = pipe.reading, os.open(os.devnull, os.O_RDONLY)
    os.close(reading)
    for _ in range(3):
        pipe.writer.put(record("nobody reads this"))
    assert pipe.writer.flush(10)
    assert pipe.writer.lost >= 3


def test_a_line_that_cannot_be_made_is_replaced_and_the_next_is_written(pipe: Pipe) -> None:
    pipe.writer.put(record("x", sour=True))
    pipe.writer.put(record("sweet"))
    sour, sweet = pipe.read_until("sweet\n").splitlines()
    assert sour == "a line of somewhere could not be rendered: RuntimeError('no text')"
    assert sweet == "sweet"


def test_arguments_that_do_not_fit_are_counted_and_not_shown(
    pipe: Pipe, capfd: pytest.CaptureFixture[str]
) -> None:
    handler = WriterHandler(pipe.writer, lambda record: None)
    handler.handle(record("%d", args=("hunter2",)))
    handler.handle(record("%d", args=(7,)))
    assert pipe.writer.lost == 1
    assert pipe.read_until("7\n").startswith("7\n")
    assert capfd.readouterr() == ("", "")


def test_many_threads_lose_no_line_but_those_that_are_counted(pipe: Pipe) -> None:
    threads = [threading.Thread(target=pipe.stick) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lost = pipe.writer.lost
    lines = pipe.read_until(f"{lost} log lines were lost").splitlines()
    assert len(lines) - 1 + lost == 800


# --- the end of a process ------------------------------------------------------------------------

PROGRAM = """
import logging, sys, threading
from boxoffice.http.operating import logs
logs.configure("info", "json")
for number in range(2_000):
    logging.getLogger("a").info("%d %s", number, "x" * 50)
if sys.argv[1] == "raise":
    raise RuntimeError("too bad")
"""


@pytest.mark.parametrize("how", ["end", "raise"])
def test_at_the_end_of_a_process_what_waits_is_written(how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], check=False, capture_output=True, text=True, timeout=60
    )
    lines = done.stderr.splitlines()
    assert len(lines) == 2_000 + (how == "raise")
    assert ("RuntimeError: too bad" in lines[-1]) == (how == "raise")
    assert done.returncode == (how == "raise")


def test_a_process_ends_though_nobody_reads_what_it_logs() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM, "end"], stderr=subprocess.PIPE) as process:
        try:
            assert process.wait(30) == 0
        finally:
            process.kill()
            assert process.stderr is not None
            process.stderr.close()


def test_a_process_without_stderr_logs_nothing_anywhere() -> None:
    """The number 2 is that of the next file or connection."""
    program = PROGRAM.replace(
        "logs.configure", "file = open('/dev/stdout', 'w'); assert file.fileno() == 2; logs.configure"
    )
    script = 'exec "$0" -c "$1" end 2>&-'
    done = subprocess.run(
        ["sh", "-c", script, sys.executable, program], check=False, stdout=subprocess.PIPE, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, b"")
