"""One listener, cheap enough that thousands share two cores with the server they listen to.

A WebSocket made by hand on an event loop's transport: it asks for the upgrade, notes the version in every
status and when it came, and answers pings. Or it never reads: it is let in, and then stops for good. Used by
`audience.py`, in a process of its own.
"""

import asyncio
import math
import re
import socket
import time
from array import array
from typing import cast

SMALL_BYTES = 4096
"""Of whoever never reads, what the kernel may keep for it: the server shall notice soon."""

TEXT, CLOSE, PING = 0x81, 0x88, 0x89
UNMASKED = bytes(4)
"""A mask that changes nothing, which is one as well as any other."""

VERSION = re.compile(rb'"version":(\d+)')

WENT_BACK = "an older version after a newer one"
NO_VERSION = "a message without a version"
BREACHES = (WENT_BACK, NO_VERSION)
"""What no server may do to a listener; to close the connection is no breach."""


def upgrade(path: str, host: str, key: str | None) -> bytes:
    """The request by which a listener comes in; `host` with its port, `key` an API key."""
    who = f"Authorization: Bearer {key}\r\n" if key else ""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{who}"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Ym94b2ZmaWNlIGxpc3Rlbg==\r\n\r\n"
    ).encode()


def frame(data: bytes, at: int) -> tuple[int, int, int] | None:
    """First byte, begin and end of the payload of the frame that begins at `at`, if all of it is there."""
    if len(data) < at + 2:
        return None
    length, begin = data[at + 1], at + 2
    if length > 125:
        begin += 2 if length == 126 else 8
        length = int.from_bytes(data[at + 2 : begin])
    return None if begin + length > len(data) else (data[at], begin, begin + length)


class Listener(asyncio.Protocol):
    """One connection. `ended` says how: a close code, an HTTP status, `reset`, `closed`; None while open."""

    __slots__ = (
        "_rest",
        "_transport",
        "_upgrade_request",
        "arrived_s",
        "ended",
        "ended_s",
        "is_in",
        "reads",
        "versions",
    )

    def __init__(self, upgrade_request: bytes, reads: bool) -> None:
        self._upgrade_request = upgrade_request
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self.reads = reads
        self.is_in = False
        self.ended: str | None = None
        self.ended_s = math.inf
        self.arrived_s = array("d")
        self.versions = array("q")

    @property
    def version(self) -> int:
        """The newest that has come; 0 for none."""
        return self.versions[-1] if self.versions else 0

    @property
    def is_let_in(self) -> bool:
        """Whether it has its snapshot, or will never look at it."""
        return self.version > 0 or (self.is_in and not self.reads)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        if not self.reads:
            kernels = self._transport.get_extra_info("socket")
            kernels.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BYTES)
        self._transport.write(self._upgrade_request)

    def data_received(self, data: bytes) -> None:
        """Note what has come, and when."""
        now_s = time.monotonic()
        if self._rest:
            data = self._rest + data
        at = 0 if self.is_in else self._upgraded(data)
        while self.is_in and self.ended is None and (found := frame(data, at)) is not None:
            kind, begin, at = found
            if kind == TEXT:
                self._status(data, begin, at, now_s)
            else:
                self._control(kind, data[begin:at])
        self._rest = data[at:]

    def _upgraded(self, data: bytes) -> int:
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            return 0
        if data[9:12] != b"101":
            self.leave(f"HTTP {data[9:12].decode()}")
        elif self._transport is not None:
            self.is_in = True
            if not self.reads:
                self._transport.pause_reading()
        return end

    def _status(self, data: bytes, begin: int, end: int, now_s: float) -> None:
        found = VERSION.search(data, begin, end)
        if found is None:
            self.leave(NO_VERSION)
            return
        version = int(found[1])
        if version < self.version:
            self.leave(WENT_BACK)
            return
        self.arrived_s.append(now_s)
        self.versions.append(version)

    def _control(self, kind: int, payload: bytes) -> None:
        if kind == CLOSE:
            self.leave(str(int.from_bytes(payload[:2])))
        elif kind != PING:
            self.leave(f"frame {kind:#x}")
        elif self.reads and self._transport is not None:
            self._transport.write(b"\x8a" + bytes((0x80 | len(payload),)) + UNMASKED + payload)

    def look_again(self) -> None:
        """Of one that has stopped: see what has come since, and how it ended."""
        if self._transport is not None:
            self._transport.resume_reading()

    def leave(self, why: str) -> None:
        """Close, for this reason."""
        self._ends(why)
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The server has closed, or this end has."""
        self._ends("reset" if exc else "closed")
        self._transport = None

    def _ends(self, why: str) -> None:
        if self.ended is None:
            self.ended, self.ended_s = why, time.monotonic()
