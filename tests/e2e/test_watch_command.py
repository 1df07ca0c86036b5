"""`boxoffice watch`: on a terminal, in a pipe, and what it says when there is nothing to be seen."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import pytest

from boxoffice.actors.principals import Scope
from boxoffice.http import watch_live
from boxoffice.http.operating.settings import WatchSettings
from boxoffice.http.watch_live import NothingToWatchError
from tests.support.people import api_key
from tests.support.server import COMMAND, QUIET, START_S, Server
from tests.support.sockets import free_port


class Piped:
    """The command with its output in a pipe, like `boxoffice watch 1 | jq`."""

    def __init__(self, *arguments: str, key: str = "") -> None:
        self.process = subprocess.Popen(
            (COMMAND, "watch", *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**QUIET, "BOXOFFICE_API_KEY": key},
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out, self.err = self.process.stdout, self.process.stderr

    def status(self) -> dict[str, Any]:
        """The next line."""
        status: dict[str, Any] = json.loads(self.out.readline())
        return status

    def ended(self) -> tuple[int, str]:
        """The exit code, and what else was said on stderr."""
        try:
            return self.process.wait(START_S), self.err.read()
        finally:
            self.close()

    def close(self) -> None:
        """Whatever it is doing."""
        self.process.kill()
        self.process.wait()
        self.out.close()
        self.err.close()

    def stop(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal, and see how it ends."""
        self.process.send_signal(number)
        return self.ended()


Watch: TypeAlias = Callable[..., Piped]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Starts it; whatever happens, it is not left running."""
    begun: list[Piped] = []

    def begin(*arguments: str, key: str = "") -> Piped:
        begun.append(Piped(*arguments, key=key))
        return begun[-1]

    yield begin
    for each in begun:
        each.close()


# --- in a pipe -----------------------------------------------------------------------------------


def test_in_a_pipe_each_status_is_a_line_of_json_until_ctrl_c(watch: Watch, server: Server) -> None:
    event_id = server.event(3)
    piped = watch(event_id, "--url", server.url)
    assert piped.status() == server.status(event_id)
    server.book(event_id, "ann", 2)
    assert piped.status() == server.status(event_id)
    assert piped.stop(signal.SIGINT) == (0, "")


def test_when_nobody_reads_any_more_it_ends_though_nothing_happens(watch: Watch, server: Server) -> None:
    piped = watch(server.event(), "--url", server.url)
    assert piped.status()["version"] == 1
    piped.out.close()
    assert piped.ended() == (0, "")


def test_who_reads_slowly_gets_the_newest_and_keeps_it_from_nothing(watch: Watch, server: Server) -> None:
    event_id = server.event(1_000, name="\U0001f39f" * 200)
    piped = watch(event_id, "--url", server.url)
    fcntl.fcntl(piped.out, fcntl.F_SETPIPE_SZ, 4_096)  # room for three lines

    def sell(orders: int) -> None:
        for number in range(orders):
            server.book(event_id, f"user-{number}")
            time.sleep(0.05)  # a status for each

    assert piped.status()["version"] == 1
    sell(10)
    seen = [piped.status()["version"]]
    while seen[-1] < 11:
        seen.append(piped.status()["version"])
    assert seen == sorted(set(seen))
    assert len(seen) < 7
    sell(10)
    assert piped.stop(signal.SIGTERM) == (0, "")


# --- nothing to be seen --------------------------------------------------------------------------


def why_not(event_id: str, url: str, key: str | None = None) -> str:
    """The sentence with which it gives up, without a process of its own."""
    with pytest.raises(NothingToWatchError) as raised:
        watch_live.run(event_id, WatchSettings(url=url, api_key=key, json=True))
    assert "secret" not in str(raised.value)
    return str(raised.value)


def test_what_cannot_be_watched_is_said_in_a_sentence(server: Server) -> None:
    assert why_not("987654", server.url) == f"There is no event 987654 at {server.url}."
    assert why_not("\x1b[2J", server.url) == f"There is no event \ufffd[2J at {server.url}."
    nowhere = why_not("1", "http://me:secret@127.0.0.1")
    assert nowhere == "That cannot be watched: an address has neither a user nor a query."
    assert "printable ASCII without spaces" in why_not("1", server.url, "a secret")


def test_a_server_that_is_not_there_yet_is_waited_for_and_may_let_nobody_in(
    watch: Watch, database_url: str
) -> None:
    port = str(free_port())
    reader, seller = (api_key(database_url, scope) for scope in (Scope.READ, Scope.SELL))
    url = f"http://127.0.0.1:{port}"
    early = watch("1", "--url", url, key=reader)
    assert early.err.readline() == f"boxoffice: Waiting for {url}: connection refused.\n"
    server = Server("--database-url", database_url, "--port", port, env={"BOXOFFICE_API_KEY": reader})
    try:
        assert early.ended() == (1, f"boxoffice: There is no event 1 at {url}.\n")
        without = f"An API key is needed at {url}: set BOXOFFICE_API_KEY, or give it by --api-key."
        assert why_not("1", url) == without
        assert why_not("1", url, "bo_0_secret").startswith(f"This API key is not taken at {url}: ")
        assert why_not("1", url, seller).startswith(f"This API key may not watch at {url}: ")
        assert not any("is no setting" in line for line in server.said)
    finally:
        server.stop()


# --- on a terminal -------------------------------------------------------------------------------


class Terminal:
    """The command on a terminal so many columns wide; what it has written, without colours."""

    def __init__(self, process: "subprocess.Popen[bytes]", ours: int) -> None:
        self.process = process
        self._ours = ours
        self._written = b""

    def shows(self, *texts: str) -> str:
        """What is on it as soon as all of these are, in one picture."""
        deadline = time.monotonic() + START_S
        while not all(text in (picture := self.picture) for text in texts):
            assert time.monotonic() < deadline, self._written
            self._read()
        return picture

    @property
    def picture(self) -> str:
        """The last whole one: each is painted from its first line, over the one before."""
        pictures = re.split(rb"\r\x1b\[2K(?:\x1b\[1A\x1b\[2K)*", self._written)
        last = pictures[-1] if self.process.poll() is not None else b"".join(pictures[-2:-1])
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", last.decode())

    def _read(self) -> bool:
        ready, _, _ = select.select([self._ours], [], [], 0.1)
        try:
            more = os.read(self._ours, 65_536) if ready else b""
        except OSError:  # the other end is closed
            more = b""
        self._written += more
        return bool(more)

    def stop(self) -> tuple[int, str]:
        """Ctrl-C: the exit code, and what remains to be seen."""
        self.process.send_signal(signal.SIGINT)
        while self.process.poll() is None or self._read():
            self._read()
        return self.process.returncode, self.picture


@contextmanager
def terminal(columns: int, *arguments: str) -> Iterator[Terminal]:
    """The command, on one of these."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = (COMMAND, "watch", *arguments)
    env = {**{name: text for name, text in QUIET.items() if name != "COLUMNS"}, "TERM": "xterm-256color"}

    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        try:
            yield Terminal(process, ours)
        finally:
            process.kill()
            os.close(ours)


def test_on_a_terminal_the_numbers_are_seen_as_they_change(server: Server) -> None:
    columns = 40
    event_id = server.event(4)
    with terminal(columns, event_id, "--url", server.url) as shown:
        shown.shows("Tech Conference 2025  open", "available 4", "░" * columns, "nobody is waiting", "live")
        server.book(event_id, "ann", 2)
        server.hold(event_id, "bob", 2)
        shown.shows("all taken", "booked 2", "held 2", "█" * (columns // 2) + "▓" * (columns // 2))
        server.book(event_id, "cy", 2)
        picture = shown.shows("1 waiting, for 2 tickets", "version 4", "sold per second")
        assert max(map(len, picture.splitlines())) <= columns
        code, last = shown.stop()
        assert code == 0
        assert "version 4, as of 2" in last
        assert "live" not in last


def test_on_a_terminal_it_says_that_it_reconnects_and_does(own_server: Server) -> None:
    event_id = own_server.event(4)
    port = own_server.address[1]
    with terminal(80, event_id, "--url", own_server.url) as shown:
        shown.shows("available 4", "live")
        own_server.stop()
        shown.shows("available 4", "? sold per second", "reconnecting: connection refused", " s old")
        own_server = Server("--database-url", own_server.database_url, "--port", str(port))
        try:
            own_server.book(event_id, "ann")
            shown.shows("available 3", "live, version 2")
            assert shown.stop()[0] == 0
        finally:
            own_server.stop()
