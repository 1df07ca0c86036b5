"""HTTP in bytes: requests just as they are given, and answers read strictly, to the last byte.

For what no client library would send or notice: a bad header, a body beyond its end. Blocks.
"""

import json
import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

PATIENCE_S = 20.0
"""The longest that an answer is waited for. Nothing here takes that long."""

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2}) [^\r\n]*")
_HEADER = re.compile(rb"([!-9;-~]+): ?([^\r\n\0]*)")


class BadAnswerError(Exception):
    """The server has sent what is no HTTP, or not all of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the headers by their names in small letters, and the body.

    `last`: the server has said that it closes the connection after it.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    last: bool

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def request(method: bytes, target: bytes, body: bytes = b"", headers: Iterable[bytes] = ()) -> bytes:
    """A request with these lines among its headers; a body, if there is one, has its length."""
    length = [b"Content-Length: %d" % len(body)] if body or method == b"POST" else []
    return b"\r\n".join([method + b" " + target + b" HTTP/1.1", b"Host: x", *headers, *length, b"", body])


def exchange(address: tuple[str, int], sent: bytes) -> bytes:
    """All that comes back for these bytes until the server closes the connection."""
    received = b""
    with socket.create_connection(address, timeout=PATIENCE_S) as client:
        with suppress(ConnectionError):  # refused before all was sent; what was said of it may be there
            client.sendall(sent)
        with suppress(ConnectionError):
            while chunk := client.recv(65_536):
                received += chunk
    return received


def exchange_anything(address: tuple[str, int], sent: bytes, patience_s: float) -> bytes:
    """What comes back for bytes that may be half a request: after `patience_s` of silence it ends there."""
    received = b""
    with socket.create_connection(address, timeout=patience_s) as client, suppress(ConnectionError):
        client.sendall(sent)
        with suppress(TimeoutError):
            while chunk := client.recv(65_536):
                received += chunk
            return received
        client.shutdown(socket.SHUT_WR)
        client.settimeout(PATIENCE_S)
        while chunk := client.recv(65_536):
            received += chunk
    return received


def answers(received: bytes, methods: Iterable[bytes]) -> Iterator[Answer]:
    """The answers to requests of these methods, in their order. Raises BadAnswerError if they are none."""
    rest = received
    for method in methods:
        while rest:
            answer, rest = _first(rest, method)
            if answer.status >= 200:
                yield answer
                break
    if rest:
        raise BadAnswerError(f"there is more than was asked for: {rest[:500]!r}")


def _first(received: bytes, method: bytes) -> tuple[Answer, bytes]:
    head, end, rest = received.partition(b"\r\n\r\n")
    status_line, *lines = head.split(b"\r\n")
    found = _STATUS_LINE.fullmatch(status_line)
    pairs = [_HEADER.fullmatch(line) for line in lines]
    if not end or found is None or None in pairs:
        raise BadAnswerError(f"this is no answer: {received[:500]!r}")
    headers = {pair[1].decode().lower(): pair[2].decode() for pair in pairs if pair}
    version, status = found[1], int(found[2])
    last = headers.get("connection", "close" if version == b"0" else "") == "close"
    if (method == b"HEAD" and version == b"1") or status in (204, 304) or status < 200:
        return Answer(status, headers, b"", last), rest
    body, rest = _body(headers, rest)  # HTTP/1.0 is the answer to what could not be read: neither could HEAD
    return Answer(status, headers, body, last), rest


def _body(headers: dict[str, str], rest: bytes) -> tuple[bytes, bytes]:
    if headers.get("transfer-encoding") == "chunked":
        return _chunks(rest)
    if "content-length" not in headers:
        return rest, b""
    length = int(headers["content-length"])
    if len(rest) < length:
        raise BadAnswerError(f"only {len(rest)} of {length} bytes came: {rest[:500]!r}")
    return rest[:length], rest[length:]


def _chunks(rest: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if rest[length : length + 2] != b"\r\n":
            raise BadAnswerError(f"a chunk of {length} bytes has not come whole: {rest[:500]!r}")
        body, rest = body + rest[:length], rest[length + 2 :]
        if not length:
            return body, rest
