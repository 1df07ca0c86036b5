"""Runs the application on one socket until it is told to stop, and then lets it finish.

Knows signals, sockets and aiohttp's runner; what it runs is put together in `__main__`. On the main thread.
"""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

BACKLOG = 4096
"""Connections that may wait to be accepted. aiohttp's 128 overflows in the first instant of a sale."""

KEEPALIVE_S = 75.0


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


async def serve(
    app: web.Application, bound: socket.socket, *, ready: Callable[[], None], drain: Drain
) -> None:
    """Serve until SIGTERM or SIGINT; then stop accepting, `drain`, and close what is left.

    `ready` is called once requests are answered. Raises ListenError if another server was faster.
    """
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, keepalive_timeout=KEEPALIVE_S, shutdown_timeout=1.0
    )
    await runner.setup()
    site = web.SockSite(runner, bound, backlog=BACKLOG)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        try:
            await site.start()
        except OSError as error:
            host, port = bound.getsockname()[:2]
            raise _listen_error(host, port, error) from error
        ready()
        await stop.wait()
        await site.stop()
        await drain()
    finally:
        await runner.cleanup()
