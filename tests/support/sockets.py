"""Clients that no library would be: they send what they like, when they like, and read or do not read."""

import select
import socket
import struct
import time
from collections.abc import Iterator
from http.client import parse_headers
from io import BytesIO

from tests.support.server import PATIENCE_S, Reply

GET = b"GET /tell HTTP/1.1\r\nHost: x\r\n\r\n"
"""What the small server answers at once."""

ENDLESS_LOG = b"GET /events/1000000000/changes HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n"
"""What it goes on answering for ever."""


def free_port() -> int:
    """A port of this machine's on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def connect(address: tuple[str, int], receive_buffer: int | None = None) -> socket.socket:
    """A connection whose client waits for nothing longer than `PATIENCE_S`."""
    client = socket.socket()
    client.settimeout(PATIENCE_S)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if receive_buffer is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.connect(address)
    return client


def receive(client: socket.socket, size: int) -> bytes:
    """So many bytes; ConnectionError if the server closes before."""
    received = b""
    while len(received) < size:
        more = client.recv(size - len(received))
        if not more:
            raise ConnectionResetError(f"closed after {received!r}")
        received += more
    return received


def answer(client: socket.socket) -> Reply:
    """The next answer, and no byte of what follows it; ConnectionError if there is none."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += receive(client, 1)
    first, _, lines = head.partition(b"\r\n")
    if first.startswith(b"HTTP/1.1 1"):
        return answer(client)
    headers = parse_headers(BytesIO(lines))
    return Reply(int(first[9:12]), headers, receive(client, int(headers["Content-Length"])))


def ask(client: socket.socket, request: bytes = GET) -> Reply:
    """A request and its answer."""
    client.sendall(request)
    return answer(client)


def is_closed(client: socket.socket) -> bool:
    """Whether the server closes, having said nothing more."""
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def is_gone(client: socket.socket) -> bool:
    """Whether a server that closes is soon gone altogether, and not only done with speaking."""
    assert is_closed(client)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < deadline:
            client.sendall(b"x")
            time.sleep(0.02)  # so as not to fill the buffers
    except ConnectionError:
        return True
    return False


def drip(client: socket.socket, piece: bytes, every_s: float = 0.02) -> Iterator[None]:
    """Send the piece again and again, until the server answers or closes; gives up after `PATIENCE_S`."""
    deadline = time.monotonic() + PATIENCE_S
    while not select.select([client], [], [], every_s)[0]:
        assert time.monotonic() < deadline, "the server is too patient"
        try:
            client.sendall(piece)
        except ConnectionError:
            return
        yield


def is_aborted(client: socket.socket, patience_s: float = PATIENCE_S) -> bool:
    """Whether the server resets the connection, found without reading anything."""
    poll = select.poll()
    poll.register(client, 0)
    return any(found & select.POLLERR for _, found in poll.poll(patience_s * 1000))


def reset(client: socket.socket) -> None:
    """Hang up by a reset, as a client does that crashes."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
