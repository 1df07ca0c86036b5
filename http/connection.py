"""One client's connection: aiohttp's, which refuses what is no HTTP, and waits for nobody for ever.

By itself aiohttp waits 75 s for headers, and without end for a body that is wanted and for a client that
does not read. Instead of a timer for each request, the listener calls `look_after` every second; what a
request costs for that is some attributes. On the event loop.
"""

import asyncio
import fcntl
import logging
import socket
import struct
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import StreamReader, web

from boxoffice.http.lane import Lane, Roadside
from boxoffice.http.problems import ProblemError, new_request_id, problem_of

log = logging.getLogger(__name__)

READ_BUFFER = 32 * 1024
"""Bytes of one body that nobody reads yet, from which on reading pauses at double. aiohttp's: 256 KiB."""

PIPELINED_MAX = 4
"""Requests that are read before those ahead of them are answered. aiohttp's 32 may have 1 MiB of headers and
512 KiB of body each; this many, and what came in the same piece of at most 256 KiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long a client is waited for, in seconds. Each may be late by a sweep."""

    headers_s: float = 10.0
    """From the opening of the connection, or the first byte of a later request, to the last header."""

    body_s: float = 10.0
    """From the headers to the end of the body; and for a body that nobody reads, from the answer."""

    write_s: float = 30.0
    """For anything at all of what is on its way to the client to arrive there."""

    keepalive_s: float = 75.0
    """From an answer to the next request."""

    linger_s: float = 1.0
    """For whoever is refused to read why, and to close."""

    sweep_s: float = 1.0
    """From one look at all connections to the next."""


class Connection(Roadside):
    """From the opening to the loss it is one of `open_connections`; then it takes itself out of them."""

    __slots__ = (
        "_begun_s",
        "_body",
        "_body_begun_s",
        "_coming",
        "_heard",
        "_leave_s",
        "_moved_s",
        "_open_connections",
        "_parted",
        "_resumed",
        "_timeouts",
        "_unread",
        "_wire",
        "takes",
    )

    def __init__(
        self,
        manager: web.Server,
        timeouts: Timeouts,
        open_connections: "set[Connection]",
        lane: Lane | None = None,
    ) -> None:
        no_log: Any = None  # documented, but not in the types
        super().__init__(
            manager,
            lane,
            loop=asyncio.get_running_loop(),
            access_log=no_log,
            auto_decompress=False,
            keepalive_timeout=timeouts.keepalive_s,
            lingering_time=timeouts.body_s,
            read_bufsize=READ_BUFFER,
        )
        self._max_msg_queue_size = PIPELINED_MAX
        self._msg_queue_resume_size = PIPELINED_MAX // 2
        self._timeouts = timeouts
        self._open_connections = open_connections
        self._wire: asyncio.Transport | None = None  # kept while it closes; aiohttp forgets it then
        self._begun_s: float | None = None  # when headers began that are not complete
        self._heard = False  # whether there ever was a byte
        self._coming: StreamReader | None = None  # the body of the last headers, until it is complete
        self._body: StreamReader | None = None  # the one that was not complete when last looked at
        self._body_begun_s = 0.0
        self._unread = 0  # bytes on their way to the client when last looked at
        self._moved_s = 0.0
        self._resumed = False
        self._parted: asyncio.Future[None] | None = None  # once refused; done once the client has closed
        self._leave_s: float | None = None  # when to close, though nothing is under way
        self.takes: Callable[[int], bool] | None = None  # whether so many bytes more are looked at

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client has come."""
        self._wire = cast("asyncio.Transport", transport)
        self._begun_s = self._loop.time()
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client has gone."""
        super().connection_lost(exc)
        self._wire = self.takes = None
        self._open_connections.discard(self)
        if self._parted is not None and not self._parted.done():
            self._parted.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Note when headers begin. The beginning of some that came in one piece with the request before is
        not noticed: unless more of them comes, the connection counts as idle.
        """
        if self.takes is not None and not self.takes(len(data)):
            return
        heads = self._request_count
        self.parse(data)
        if self._request_count != heads:
            self._begun_s = None
            body = self._messages[-1][1]
            whole = body.is_eof()
            self._coming = None if whole else body
            self.set_out(whole=whole)
        elif data:
            self._heard = True
            if self._coming is not None:  # that was a piece of it
                self._coming = None if self._coming.is_eof() else self._coming
            elif self._begun_s is None:
                self._begun_s = self._loop.time()

    def resume_writing(self) -> None:
        """The client has read."""
        super().resume_writing()
        self._resumed = True

    # --- patience --------------------------------------------------------------------------------

    def look_after(self, now: float) -> None:
        """Give the client up if it has been waited for long enough. Called every `sweep_s`."""
        wire = self._wire
        if wire is None:
            return
        if not wire.get_write_buffer_size():
            self._unread = 0
        elif self._is_unread(wire, now):
            log.debug("what is sent to %s is not read", self.peername)
            reset_at_close(wire)
            wire.abort()
        if wire.is_closing():
            return
        if self._leave_s is not None:
            if now >= self._leave_s:
                self.force_close()
        elif not self.is_idle():
            self._watch_body(now)
        elif self._begun_s is not None and now - self._begun_s >= self._timeouts.headers_s:
            self._give_up_headers(wire, now)

    def _is_unread(self, wire: asyncio.Transport, now: float) -> bool:
        """What is under way grows by what we write, so each time that it shrinks the client has read. That it
        was too much for a while, and then was not, says so, too, whatever has been added since.
        """
        unread = wire.get_write_buffer_size() + in_kernel(wire)
        if not self._unread or unread < self._unread or self._resumed:
            self._moved_s = now
        self._unread, self._resumed = unread, False
        return now - self._moved_s >= self._timeouts.write_s

    def _watch_body(self, now: float) -> None:
        """Only the body of the request in hand: those behind it are read when it is their turn."""
        request = self._current_request
        if request is None or request.content.is_eof():
            return  # or aiohttp skips the rest of a body that nobody wants, for `lingering_time`
        if request.content is not self._body:
            self._body, self._body_begun_s = request.content, now
        elif now - self._body_begun_s >= self._timeouts.body_s and self._parted is None:
            log.debug("the body from %s does not come", self.peername)
            why = f"The body did not arrive within {self._timeouts.body_s:g} s of its headers."
            request.content.set_exception(ProblemError("request_timeout", why))
            self._part()

    def _give_up_headers(self, wire: asyncio.Transport, now: float) -> None:
        log.debug("the headers from %s do not come", self.peername)
        if not self._heard:
            self.force_close()
            return
        why = f"The headers did not arrive within {self._timeouts.headers_s:g} s."
        wire.write(ProblemError("request_timeout", why).unasked())
        wire.write_eof()
        self.close()
        self._leave_s = now + self._timeouts.linger_s

    # --- refusing --------------------------------------------------------------------------------

    def _part(self) -> None:
        """Take no notice of what else is sent: the next answer is the last."""
        self._parted = self._loop.create_future()
        self.close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what never became a request; aiohttp's own way logs a traceback for each."""
        if status != 400:
            return super().handle_error(request, status, exc, message)
        log.debug("what %s sent is no HTTP: %s", request.remote, message)
        why = (message or "it cannot be read").partition("\n")[0][:200].rstrip(":.")
        self._part()
        problem = ProblemError("malformed_request", f"What was sent is no HTTP request: {why}.")
        return problem.said(new_request_id()).response()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer. Were a refused connection closed at once, while more is on its way, TCP would
        reset it, and the client might never see why.
        """
        if isinstance(resp, web.HTTPException):  # for what cannot even have a route: `*`, or a tunnel
            resp = problem_of(request, resp).said(new_request_id()).response()
        if self._parted is not None:
            resp.force_close()
        finished = await super().finish_response(request, resp, start_time)
        if self._parted is not None and self.transport is not None:
            self.transport.write_eof()
            await asyncio.wait([self._parted], timeout=self._timeouts.linger_s)
        return finished

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log a failure, unless it is a body that is late or miscoded, found while skipping the rest."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError | ProblemError):
            super().log_exception(*args, **kw)


def in_kernel(wire: asyncio.Transport) -> int:
    """Bytes that were handed over, but that the client has not acknowledged; 0 where nobody can say."""
    client = wire.get_extra_info("socket")
    with suppress(OSError, ValueError):  # it may be closed
        return int.from_bytes(fcntl.ioctl(client.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return 0


def reset_at_close(wire: asyncio.Transport) -> None:
    """Have the kernel throw away what is not read, up to 4 MiB, instead of offering it for minutes."""
    with suppress(OSError, ValueError):  # it may be closed
        wire.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
