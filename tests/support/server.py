"""A real `boxoffice` in a process of its own, as a user runs it, and ways to talk to it.

Everything here blocks; a load of many clients at once is made with `tests/e2e/load.py`.
"""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from boxoffice.http.operating.variables import variables
from tests.support import documented

COMMAND = str(Path(sys.executable).with_name("boxoffice"))
START_S = 30.0
STOP_S = 15.0
PATIENCE_S = 10.0
SETTINGS = variables()
QUIET = {
    name: value
    for name, value in os.environ.items()
    if name not in SETTINGS and not name.startswith("BOXOFFICE_")
}

JSON = {"Content-Type": "application/json"}


def a_port_that_stays() -> int:
    """A free one that no outgoing connection is given meanwhile (Linux begins those at 32768)."""
    while True:
        with socket.socket() as found:
            try:
                found.bind(("127.0.0.1", port := random.randrange(20_000, 32_000)))
            except OSError:
                continue
            return port


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the status, the headers (any case will do), and the body."""

    status: int
    headers: Message
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended that was not to run on."""

    code: int
    out: str
    err: str


def run(*arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ended:
    """Run `boxoffice` with these arguments to its end."""
    done = subprocess.run(
        [COMMAND, *arguments],
        check=False, capture_output=True, text=True, timeout=START_S, env={**QUIET, **(env or {})}, cwd=cwd,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


class Server:
    """Starts with what follows `boxoffice serve` on its command line; port 0 unless `env` has a PORT.

    `program`: what to run instead of `boxoffice`.
    """

    def __init__(
        self,
        *options: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        wait: bool = True,
        program: Sequence[str] = (COMMAND,),
    ) -> None:
        self._program = program
        self._options = options
        self._cwd = cwd
        self._env = {"PORT": "0", "PYTHONFAULTHANDLER": "1", **QUIET, **(env or {})}
        self.url = ""
        self.start(wait=wait)

    def start(self, *, wait: bool = True) -> None:
        """Start, and wait until it is open unless told not to."""
        command = [*self._program, "serve", *self._options]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
            env=self._env, cwd=self._cwd,
        )  # fmt: skip
        self.said: list[str] = []
        self.url = ""
        self._open = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if wait:
            self.wait_until_open()

    def wait_until_open(self) -> None:
        """Wait for the start-up line."""
        if not self._open.wait(START_S) or not self.url:
            self.process.send_signal(signal.SIGABRT)  # then it says where it is stuck
            self.process.wait()
            self._reader.join(START_S)
            raise AssertionError("the server did not open:\n" + "".join(self.said))

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self.said.append(line)
                if " is open at " in line:
                    self.url = line.split(" is open at ")[1].split(",")[0]
                    self._open.set()
        self._open.set()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        self.process.send_signal(number)
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self._reader.join(5)
        return code

    def kill(self) -> None:
        """`kill -9`."""
        self.stop(signal.SIGKILL)

    def restart(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End by a signal, and start again with the same options."""
        self.stop(number)
        self.start()

    @property
    def database_url(self) -> str:
        """The `--database-url` it was given."""
        return self._options[self._options.index("--database-url") + 1]

    # --- talking to it ---------------------------------------------------------------------------

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request just as it is given, on a connection of its own. The answer must be documented."""
        connection = http.client.HTTPConnection(*self.address, timeout=20)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            reply = Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()
        documented.check(method, path, reply.status, dict(answer.headers.items()), reply.body)
        return reply

    def send_raw(self, *pieces: bytes, finish: bool = True) -> bytes:
        """Whatever comes back for these bytes until the server closes, or for 5 s.

        `finish` closes our direction after the last piece.
        """
        received = b""
        with socket.create_connection(self.address, timeout=5) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                for piece in pieces:
                    client.sendall(piece)
                if finish:
                    client.shutdown(socket.SHUT_WR)
                while chunk := client.recv(65_536):
                    received += chunk
            except (ConnectionError, TimeoutError):
                pass
        return received

    def call(self, method: str, path: str, body: object | None = None) -> tuple[int, Any]:
        """One request with a JSON body: the status and the JSON document."""
        data = None if body is None else json.dumps(body).encode()
        reply = self.send(method, path, data, JSON)
        return reply.status, reply.document

    def post(self, path: str, **body: object) -> tuple[int, Any]:
        """`POST` with these fields."""
        return self.call("POST", path, body)

    def post_once(self, key: str, path: str, **body: object) -> Reply:
        """`POST` with these fields under an idempotency key."""
        return self.send("POST", path, json.dumps(body).encode(), {**JSON, "Idempotency-Key": key})

    def get(self, path: str) -> tuple[int, Any]:
        """`GET`."""
        return self.call("GET", path)

    # --- what most tests begin with --------------------------------------------------------------

    def event(self, tickets: int = 1, name: str = "Tech Conference 2025", **terms: object) -> str:
        """The id of a new event."""
        status, event = self.post("/initialize", eventName=name, totalTickets=tickets, **terms)
        assert status == 201, event
        event_id: str = event["eventId"]
        return event_id

    def book(self, event_id: str, user_id: str, quantity: int = 1) -> Any:
        """The order that a customer got, confirmed or waiting."""
        status, order = self.post("/book", eventId=event_id, userId=user_id, quantity=quantity)
        assert status in (201, 202), order
        return order

    def hold(self, event_id: str, user_id: str, quantity: int = 1, **more: object) -> Any:
        """The order that a customer holds, or waits for."""
        status, order = self.post("/hold", eventId=event_id, userId=user_id, quantity=quantity, **more)
        assert status in (201, 202), order
        return order

    def refused(self, path: str, **body: object) -> Any:
        """The problem document of a POST that is refused because of the state of things."""
        status, problem = self.post(path, **body)
        assert status in (409, 412), problem
        return problem

    def until(self, event_id: str, **numbers: object) -> Any:
        """The event's status, as soon as it shows these numbers; fails when that takes too long."""
        deadline = time.monotonic() + PATIENCE_S
        while not (status := self.status(event_id)).items() >= numbers.items():
            assert time.monotonic() < deadline, (status, numbers)
            time.sleep(0.02)
        return status

    def cancel(self, order: Any, **more: object) -> Any:
        """The order, cancelled, with those promoted."""
        status, cancelled = self.post("/cancel", orderId=order["orderId"], **more)
        assert status == 200, cancelled
        return cancelled

    def status(self, event_id: str) -> Any:
        """The event's numbers."""
        status, event = self.get(f"/status/{event_id}")
        assert status == 200, event
        return event

    def order(self, order: Any) -> Any:
        """The order as it is now."""
        status, found = self.get(f"/orders/{order['orderId']}")
        assert status == 200, found
        return found
