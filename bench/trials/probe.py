"""A client with a connection, who looks at the clock: for latencies that no load generator blurs.

Blocking sockets and ready-made requests, so that little of what is measured is our own. Used by the scripts
here, on their main thread; several clients at once have a thread each.
"""

import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

ANSWER_S = 30.0
"""How long an answer is waited for."""

CLIENTS = 8
"""Who look in turn."""


def request(method: str, path: str, body: object = None) -> bytes:
    """A request as it is sent."""
    if body is None:
        return f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    data = json.dumps(body, separators=(",", ":")).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


class Client:
    """A connection that is kept."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), ANSWER_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """The status and the body of the answer. Raises OSError when none comes."""
        self._socket.sendall(request)
        received = b""
        while True:
            received += self._receive()
            end, length = received.find(b"\r\n\r\n"), received.find(b"Content-Length: ")
            if end < 0:
                continue
            size = int(received[length + 16 : received.find(b"\r", length)])
            while len(received) < end + 4 + size:
                received += self._receive()
            return int(received[9:12]), received[end + 4 :]

    def _receive(self) -> bytes:
        chunk = self._socket.recv(65_536)
        if not chunk:
            raise ConnectionError("the server has hung up")
        return chunk

    def document(self, request: bytes, *statuses: int) -> Any:
        """The JSON of an answer that has one of these statuses. Ends here if it has not."""
        status, body = self.ask(request)
        if status not in statuses:
            raise SystemExit(f"{status} for {request!r}: {body!r}")
        return json.loads(body)

    def time_ms(self, request: bytes, status: int, since_s: float | None = None) -> float:
        """How long an answer takes, from `since_s` if it was due then. Ends here if it is another one."""
        began_s = time.perf_counter() if since_s is None else since_s
        found, body = self.ask(request)
        took_ms = (time.perf_counter() - began_s) * 1_000
        if found != status:
            raise SystemExit(f"{found} for {request!r}: {body!r}")
        return took_ms


def looks_ms(
    address: tuple[str, int], make: Callable[[], bytes], a_second: float, goes_on: Callable[[], bool]
) -> list[float]:
    """Latencies in ms of requests that are due so often, each from when it was due. All must be 200.

    Of `CLIENTS` together, in turn: if each had to wait for the one before, a slow answer would delay more.
    """

    def one(number: int) -> list[float]:
        with closing(Client(*address)) as client:
            return _paced(client, make, began_s + number / a_second, CLIENTS / a_second, goes_on)

    began_s = time.perf_counter() + 0.1
    with ThreadPoolExecutor(CLIENTS) as clients:
        return [each for of_client in clients.map(one, range(CLIENTS)) for each in of_client]


def _paced(
    client: Client, make: Callable[[], bytes], due_s: float, every_s: float, goes_on: Callable[[], bool]
) -> list[float]:
    latencies = []
    while goes_on():
        time.sleep(max(0.0, due_s - time.perf_counter()))
        latencies.append(client.time_ms(make(), 200, due_s))
        due_s += every_s
    return latencies
