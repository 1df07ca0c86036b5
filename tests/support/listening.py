"""Those who listen, in bytes: a WebSocket's frames and a stream's events, sent and read by hand.

For what no client library would send, or would hide. Every message that comes passes through `received`.
Blocks, for nothing longer than `PATIENCE_S`.
"""

import json
import re
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha1
from http.client import parse_headers
from io import BytesIO
from typing import Any, NamedTuple, Self

from tests.support import documented
from tests.support.server import Reply, Server
from tests.support.sockets import connect

CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

KEY = b64encode(b"any sixteen byte")
ACCEPTED = b64encode(sha1(KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY.decode(),
}
STREAM = {"Accept": "text/event-stream"}


def received(message: bytes | str, event: str | None = None) -> Any:
    """A message that has come, which must be documented: every one of them passes through here.

    `event`: what it was called in a stream.
    """
    return documented.checked_message(message, event)


class RefusedError(Exception):
    """The server has answered, and opened nothing; `reply` is what it said."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status} {reply.body!r}")
        self.reply = reply


class ClosedError(Exception):
    """The server has closed: with a code and a reason, None and "" if it has not said so."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class Event(NamedTuple):
    """One event of a stream. `id` is "" if it has none."""

    kind: str
    id: str
    message: Any


def request(target: str, headers: Mapping[str, str], method: str = "GET", version: str = "1.1") -> bytes:
    """A request with these headers, a Host among them unless they have one."""
    given = {"Host": "127.0.0.1", **headers}
    lines = [f"{method} {target} HTTP/{version}", *(f"{name}: {text}" for name, text in given.items())]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def frame(
    opcode: int, payload: bytes, *, last: bool = True, mask: bytes | None = b"\x1a\x2b\x3c\x4d"
) -> bytes:
    """One frame as a client sends it."""
    size, masked = len(payload), 0 if mask is None else 0x80
    first = (0x80 if last else 0) | opcode
    if size < 126:
        head = struct.pack("!BB", first, masked | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, masked | 126, size)
    else:
        head = struct.pack("!BBQ", first, masked | 127, size)
    return head + (payload if mask is None else mask + _masked(payload, mask))


def _masked(payload: bytes, mask: bytes) -> bytes:
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


class Wire:
    """What both have in common: a connection on which a request was sent, and what came back so far.

    `receive_buffer` is how much the kernel keeps for a client that does not read.
    """

    def __init__(self, server: Server, sent: bytes, receive_buffer: int | None = None) -> None:
        self.socket = connect(server.address, receive_buffer)
        self._unread = b""
        try:
            self.socket.sendall(sent)
            self._read_head(sent)
        except BaseException:
            self.socket.close()
            raise

    def _read_head(self, sent: bytes) -> None:
        while b"\r\n\r\n" not in self._unread:
            self._read_more()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        first, _, lines = head.partition(b"\r\n")
        self.status = int(first.split(b" ")[1])
        self.headers = parse_headers(BytesIO(lines + b"\r\n\r\n"))
        if self.status not in (101, 200):
            body = self._take(int(self.headers["Content-Length"]))
            method, target, _ = sent.decode("utf-8", "replace").split(" ", 2)
            documented.check(method, target, self.status, dict(self.headers.items()), body)
            raise RefusedError(Reply(self.status, self.headers, body))

    def _read_more(self) -> None:
        try:
            more = self.socket.recv(64 * 1024)
        except ConnectionError:
            more = b""
        if not more:
            raise ClosedError(None, "")
        self._unread += more

    def _take(self, size: int) -> bytes:
        while len(self._unread) < size:
            self._read_more()
        taken, self._unread = self._unread[:size], self._unread[size:]
        return taken

    def _line(self) -> bytes:
        while b"\n" not in self._unread:
            self._read_more()
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def closed(self) -> ClosedError:
        """How the server closes, after whatever else it says."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """Close, without a word."""
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()


class WebSocket(Wire):
    """By WebSocket. Answers pings, unless `answers` is set to False. `after` is sent with the request."""

    def __init__(
        self,
        server: Server,
        target: str,
        headers: Mapping[str, str] | None = None,
        *,
        after: bytes = b"",
        receive_buffer: int | None = None,
    ) -> None:
        super().__init__(server, request(target, {**UPGRADE, **(headers or {})}) + after, receive_buffer)
        assert self.status == 101
        assert self.headers["Sec-WebSocket-Accept"] == ACCEPTED
        assert self.headers["X-Request-ID"]
        self.answers = True
        self.pings = 0

    def __enter__(self) -> Self:
        return self

    # --- sending ---------------------------------------------------------------------------------

    def ask(self, **message: object) -> None:
        """A message with these fields."""
        self.say(json.dumps(message).encode())

    def say(self, text: bytes, opcode: int = TEXT) -> None:
        """One message in one frame."""
        self.socket.sendall(frame(opcode, text))

    # --- receiving -------------------------------------------------------------------------------

    def frame(self) -> tuple[int, bytes]:
        """The next frame of any kind: a server's are whole, and not masked."""
        first, size = self._take(2)
        assert first & 0xF0 == 0x80, "a part of a message, or a bit that nobody has agreed on"
        assert size < 0x80, "a server does not mask"
        if size == 126:
            (size,) = struct.unpack("!H", self._take(2))
            assert size >= 126
        elif size == 127:
            (size,) = struct.unpack("!Q", self._take(8))
            assert size >= 1 << 16
        return first & 0x0F, self._take(size)

    def message(self) -> Any:
        """The next message. Raises ClosedError, once the server has said that it closes."""
        while True:
            opcode, payload = self.frame()
            match opcode:
                case 0x1:
                    return received(payload)
                case 0x9:
                    self.pings += 1
                    if self.answers:
                        self.socket.sendall(frame(PONG, payload))
                case 0x8:
                    raise self._closed(payload)
                case _:
                    raise AssertionError(f"unexpected: {opcode} {payload!r}")

    def _closed(self, payload: bytes) -> ClosedError:
        """Say that we know; a server that says anything after it has closed is at fault."""
        with suppress(ConnectionError):
            self.socket.sendall(frame(CLOSE, payload[:2]))
            assert self.socket.recv(1) == b""
        assert not self._unread, "something came after the close"
        return ClosedError(struct.unpack("!H", payload[:2])[0] if payload else None, payload[2:].decode())

    def status_of(self, event_id: str, **numbers: object) -> Any:
        """The event's status, as soon as one comes that shows these numbers; others are passed over."""
        return self.until(lambda got: got["type"] == "status" and got["eventId"] == event_id, **numbers)

    def order_of(self, order: Any, **fields: object) -> Any:
        """The order, as soon as it comes with these fields; others are passed over."""
        return self.until(lambda got: got["type"] == "order" and got["orderId"] == order["orderId"], **fields)

    def until(self, is_meant: Callable[[Any], bool], **fields: object) -> Any:
        """The first message that is meant, and has these fields."""
        seen = []
        try:
            while True:
                seen.append(got := self.message())
                if is_meant(got) and got.items() >= fields.items():
                    return got
        except TimeoutError:
            raise AssertionError(f"{fields} did not come, but {seen}") from None

    def problem(self) -> Any:
        """The next message, which is a problem."""
        message = self.message()
        assert message["type"] == "problem", message
        return message

    def is_quiet(self) -> bool:
        """Whether nothing is said, but for pings, before what we send now is answered."""
        self.say(b"quiet?", PING)
        while (came := self.frame()) == (PING, b""):
            self.say(b"", PONG)
        return came == (PONG, b"quiet?")

    def closed(self) -> ClosedError:
        """How the server closes, after whatever else it says."""
        while True:
            try:
                self.message()
            except ClosedError as closed:
                return closed


class Stream(Wire):
    """By Server-Sent Events. `retry_ms` is what the stream began with."""

    def __init__(
        self,
        server: Server,
        target: str,
        headers: Mapping[str, str] | None = None,
        *,
        version: str = "1.1",
        receive_buffer: int | None = None,
    ) -> None:
        super().__init__(
            server, request(target, {**STREAM, **(headers or {})}, version=version), receive_buffer
        )
        assert self.status == 200
        self._is_chunked = self.headers.get("Transfer-Encoding") == "chunked"
        assert self._is_chunked == (version == "1.1")
        self._told = b""
        self.comments = 0
        (retry,) = self._block()
        self.retry_ms = int(retry.removeprefix("retry: "))

    def __enter__(self) -> Self:
        return self

    def event(self) -> Event:
        """The next event. Raises ClosedError at the end of the stream."""
        while True:
            lines = self._block()
            if all(line.startswith(":") for line in lines):
                self.comments += 1
                continue
            fields = dict(re.split(": ?", line, maxsplit=1) for line in lines)
            assert len(fields) == len(lines), lines
            event = Event(fields["event"], fields.get("id", ""), received(fields["data"], fields["event"]))
            if event.kind == "close":
                raise ClosedError(event.message["code"], event.message["reason"])
            return event

    def message(self) -> Any:
        """The next event's message, which names itself as the event does."""
        kind, event_id, message = self.event()
        if kind == "status":
            assert event_id == f"{message['eventId']}-{message['version']}"
        return message

    def closed(self) -> ClosedError:
        """How the server closes, after whatever else it says."""
        while True:
            try:
                self.event()
            except ClosedError as closed:
                return closed

    def ends(self) -> bool:
        """Whether nothing more comes, and the body is complete."""
        if self._is_chunked:
            return self._chunk() == b"" and self.is_over()
        return self.is_over()

    def is_over(self) -> bool:
        """Whether the server has closed the connection, having said nothing more."""
        with suppress(ConnectionError):
            return not self._unread and self.socket.recv(1) == b""
        return True

    def _block(self) -> list[str]:
        """The lines up to the next empty one."""
        while b"\n\n" not in self._told:
            if self._is_chunked:
                chunk = self._chunk()
                if not chunk:
                    raise ClosedError(None, "")
                self._told += chunk
            else:
                while not self._unread:
                    self._read_more()
                self._told += self._take(len(self._unread))
        block, _, self._told = self._told.partition(b"\n\n")
        return block.decode().split("\n")

    def _chunk(self) -> bytes:
        size = int(self._line().strip(), 16)
        chunk = self._take(size)
        assert self._take(2) == b"\r\n"
        return chunk
