"""The way in for listeners: who may come, and how each of the two kinds is served until one of us closes.

Whoever is not let in is told so in HTTP's words, before anything is opened; afterwards there is only closing.
On the event loop.
"""

import asyncio
import logging
import random
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import cast

from aiohttp import HttpVersion11, WSMsgType, web

from boxoffice.http.catalogue import Call
from boxoffice.http.connection import Connection
from boxoffice.http.identity.access import Access
from boxoffice.http.identity.cors import Cors
from boxoffice.http.identity.origin import Addresses
from boxoffice.http.live.audience import Audience
from boxoffice.http.live.listener import (
    MESSAGES_MAX,
    OUR_MISTAKE,
    SEND_BUFFER,
    UNSUPPORTED,
    Listener,
)
from boxoffice.http.live.messages import MESSAGE_MAX
from boxoffice.http.live.transports import StreamListener, WebSocketListener
from boxoffice.http.problems import ProblemError
from boxoffice.http.visit import current

log = logging.getLogger(__name__)

EVENT_STREAM = "text/event-stream"

COME_BACK_MS = 1_000, 4_000
"""When a client whose stream has ended is to come back: not all at once."""

# It warns of every client that asks for a subprotocol, which is no business of ours.
logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)

Begin = Callable[[Listener], Awaitable[None]]
"""What a listener is told first."""

Hear = Callable[[Listener, bytes], Awaitable[None]]
"""What is done with a message of a listener's."""


class Entrance:
    """To one audience."""

    def __init__(self, audience: Audience, access: Access, addresses: Addresses, cors: Cors) -> None:
        self._audience = audience
        self._access = access
        self._addresses = addresses
        self._cors = cors

    # --- who is let in ---------------------------------------------------------------------------

    def refuse_unwelcome(self, request: web.Request) -> None:
        """Raises ProblemError 403, 426, 429 or 503."""
        if _is_upgrade(request):
            self._refuse_foreign_page(request)
        elif EVENT_STREAM not in request.headers.get("Accept", ""):
            raise ProblemError(
                "upgrade_required",
                f"Ask for a WebSocket (`Upgrade: websocket`), or for a stream (`Accept: {EVENT_STREAM}`).",
                headers={"Upgrade": "websocket", "Connection": "Upgrade"},
            )
        self._audience.refuse_if_full(self._addresses.of(request))

    def _refuse_foreign_page(self, request: web.Request) -> None:
        """A browser lets any page open a WebSocket to anywhere, and says only whose page it is."""
        for origin in request.headers.getall("Origin", ()):
            # No URL's parser: it fails on some of what a client may write there.
            is_own = origin.partition("://")[2].lower() == request.headers.get("Host", "").lower() != ""
            if not is_own and origin not in self._cors.origins:
                raise ProblemError(
                    "forbidden", "Pages of this origin may not listen: see --cors-origin.", scope="read"
                )

    # --- serving ---------------------------------------------------------------------------------

    async def serve(self, request: web.Request, call: Call, begin: Begin, hear: Hear) -> web.StreamResponse:
        """Open what was asked for, `begin`, and serve it until it is closed."""
        principal, access = current().principal, self._access

        def is_welcome() -> bool:
            return access.is_welcome(principal, call)

        if _is_upgrade(request):
            return await self._serve_socket(request, is_welcome, begin, hear)
        return await self._serve_stream(request, is_welcome, begin)

    async def _serve_socket(
        self, request: web.Request, is_welcome: Callable[[], bool], begin: Begin, hear: Hear
    ) -> web.StreamResponse:
        upgraded = web.WebSocketResponse(
            timeout=self._audience.patience.close_within_s,
            autoping=False,
            compress=False,
            max_msg_size=MESSAGE_MAX + 1,  # from which on aiohttp refuses it
            decode_text=False,
        )
        upgraded.headers.update(current().headers)
        try:
            await upgraded.prepare(request)
        except (web.HTTPBadRequest, ValueError):  # the latter for a key that is not even ASCII
            why = "That opens no WebSocket of version 13 (RFC 6455, section 4.2.1)."
            headers = {"Sec-WebSocket-Version": "13"}
            raise ProblemError("malformed_request", why, headers=headers) from None
        audience, wire = self._audience, _wire_of(request)
        now_s = audience.monotonic_s()
        listener = WebSocketListener(wire, is_welcome, audience.figures, audience.patience, upgraded, now_s)
        self._enter(request, listener)
        cast("Connection", request.protocol).takes = partial(self._audience.takes, listener)
        try:
            await begin(listener)
            await self._listen(upgraded, listener, hear)
        except Exception as failure:  # an answer in HTTP's words could not be understood any more
            _note(request, failure)
            listener.end(OUR_MISTAKE, "we could not handle this")
        finally:
            self._audience.leave(listener)
        await listener.closed()
        return upgraded

    async def _listen(self, upgraded: web.WebSocketResponse, listener: WebSocketListener, hear: Hear) -> None:
        """Hear what a listener says, until it has left."""
        while True:
            message = await upgraded.receive()
            listener.received += 1
            if listener.received > MESSAGES_MAX:
                self._audience.drop_noisy(listener)
                return
            match message.type:
                case WSMsgType.PONG:
                    listener.answered(self._audience.monotonic_s())
                case WSMsgType.PING:
                    await upgraded.pong(message.data)
                case WSMsgType.TEXT:
                    await hear(listener, message.data)
                case WSMsgType.BINARY:
                    listener.end(UNSUPPORTED, "send text")
                    return
                case _:
                    return

    async def _serve_stream(
        self, request: web.Request, is_welcome: Callable[[], bool], begin: Begin
    ) -> web.StreamResponse:
        headers = {"Content-Type": EVENT_STREAM, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        stream = web.StreamResponse(headers={**current().headers, **headers})
        stream.force_close()
        is_chunked = request.version >= HttpVersion11
        if is_chunked:
            stream.enable_chunked_encoding()
        await stream.prepare(request)
        if request.method == "HEAD":
            return stream
        await stream.write(b"retry: %d\n\n" % random.randint(*COME_BACK_MS))  # noqa: S311 - no secret
        figures, patience, wire = self._audience.figures, self._audience.patience, _wire_of(request)
        now_s = self._audience.monotonic_s()
        listener = StreamListener(wire, is_welcome, figures, patience, now_s, is_chunked=is_chunked)
        self._enter(request, listener)
        try:
            await begin(listener)
            await listener.parted.wait()
        except Exception as failure:  # the same
            _note(request, failure)
            listener.end(OUR_MISTAKE, "we could not handle this")
        finally:
            self._audience.leave(listener)
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(patience.close_within_s):
                await stream.write_eof()
        await listener.drained()
        listener.cut_off()
        return stream

    def _enter(self, request: web.Request, listener: Listener) -> None:
        current().note_answer()
        self._audience.enter(listener, self._addresses.of(request))


def _note(request: web.Request, failure: Exception) -> None:
    if not isinstance(failure, ConnectionError):  # or the client has gone
        log.error("%s %s failed", request.method, request.path, exc_info=failure)


def _wire_of(request: web.Request) -> asyncio.Transport:
    """The request's connection, with small buffers."""
    wire = request.transport
    if wire is None:
        raise ConnectionResetError("the client has gone")
    with suppress(OSError, ValueError):
        wire.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return wire


def _is_upgrade(request: web.Request) -> bool:
    """RFC 6455, section 4.2.1: with HTTP/1.1 at the least."""
    wanted = request.headers.get("Upgrade", "").strip().lower()
    return request.method == "GET" and request.version >= HttpVersion11 and wanted == "websocket"
