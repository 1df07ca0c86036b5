"""Runs the application on one socket until it is told to stop, and then lets it finish.

Knows signals and aiohttp's runner; what it runs is put together in `__main__`, and who may come in is the
listener's business. On the main thread.
"""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

from boxoffice.http.app import LANE
from boxoffice.http.binding import listen_error
from boxoffice.http.connection import Connection, Timeouts
from boxoffice.http.descriptors import make_room
from boxoffice.http.listener import Listener

CONNECTIONS_MAX = 10_000
"""Connections of clients that may be open."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

Drain = Callable[[], Awaitable[None]]


async def serve(
    app: web.Application,
    bound: socket.socket,
    *,
    ready: Callable[[], None],
    drain: Drain,
    connections_max: int = CONNECTIONS_MAX,
    timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
    open_connections: set[Connection] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; then stop accepting, `drain`, and close what is left.

    `ready` is called once requests are answered; `open_connections` is to be an empty set, for whoever wants
    to see which are open. Raises ListenError if another server was faster.
    """
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    loop = asyncio.get_running_loop()
    manager = runner.server
    if manager is None:
        raise RuntimeError("the runner has no server after its setup")
    connections = set() if open_connections is None else open_connections
    lane = app.get(LANE)
    listener = Listener(manager, bound, timeouts, make_room(connections_max), connections, lane)
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        try:
            listener.open()
        except OSError as error:
            host, port = bound.getsockname()[:2]
            raise listen_error(host, port, error) from error
        ready()
        await stop.wait()
        listener.close()
        await drain()
    finally:
        listener.stop()
        await runner.cleanup()
