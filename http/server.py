"""Runs the application on one socket until it is told to stop, and then lets it finish.

Knows signals, sockets and aiohttp's runner; what it runs is put together in `__main__`. On the main thread.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from boxoffice.http.problems import ProblemError

log = logging.getLogger(__name__)

BACKLOG = 4096
"""Connections that may wait to be accepted. aiohttp's 128 overflows in the first instant of a sale."""

KEEPALIVE_S = 75.0

LINGER_S = 1.0
"""How long we wait for whoever sends no HTTP to read that we refused it."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class ListenError(Exception):
    """The address cannot be listened on; the text says which and why."""


Drain = Callable[[], Awaitable[None]]


def bind(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet: nobody is kept waiting by a server that is still starting.

    Raises ListenError if the address cannot be had, for example because another server listens there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        address = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][4]
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise _listen_error(host, port, error) from error
    return bound


def _listen_error(host: str, port: int, error: OSError) -> ListenError:
    return ListenError(f"Cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}.")


class _Connection(web.RequestHandler):
    """One client's connection. Bytes that are no HTTP are refused like any other mistake of a client's."""

    _refused: asyncio.Future[None] | None = None
    """There once the connection is refused, and done once the client has closed it."""

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
        problem = ProblemError("malformed_request", f"What was sent is no HTTP request: {why}.")
        answer = problem.response(request)
        answer.force_close()
        self._refused = asyncio.get_running_loop().create_future()
        self.close()  # takes no notice of what else is sent
        return answer

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer. Were a refused connection closed at once, while more is on its way, TCP would
        reset it, and the client might never see why.
        """
        finished = await super().finish_response(request, resp, start_time)
        if self._refused is not None and self.transport is not None:
            self.transport.write_eof()
            await asyncio.wait([self._refused], timeout=LINGER_S)
        return finished

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client has gone."""
        super().connection_lost(exc)
        if self._refused is not None and not self._refused.done():
            self._refused.set_result(None)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log a failure, unless it is a body that is not coded as it says, found while skipping the rest."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)


async def serve(
    app: web.Application, bound: socket.socket, *, ready: Callable[[], None], drain: Drain
) -> None:
    """Serve until SIGTERM or SIGINT; then stop accepting, `drain`, and close what is left.

    `ready` is called once requests are answered. Raises ListenError if another server was faster.
    """
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    loop = asyncio.get_running_loop()
    manager = runner.server
    if manager is None:
        raise RuntimeError("the runner has no server after its setup")

    def connection() -> _Connection:
        no_log: Any = None  # documented, but not in the types
        return _Connection(
            manager, loop=loop, access_log=no_log, keepalive_timeout=KEEPALIVE_S, auto_decompress=False
        )

    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        try:
            listener = await loop.create_server(connection, sock=bound, backlog=BACKLOG)
        except OSError as error:
            host, port = bound.getsockname()[:2]
            raise _listen_error(host, port, error) from error
        ready()
        await stop.wait()
        listener.close()
        await drain()
    finally:
        await runner.cleanup()
