"""What a process needs to hold many connections: the fastest event loop, open files, the server's address."""

import asyncio
import resource
import socket
import ssl
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit


class Address(NamedTuple):
    """Where the server is, looked up once."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    name: str | None = None
    """The server's, for TLS."""


async def address_of(url: str) -> Address:
    """Look it up. Raises OSError."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    where = found[0][4]
    tls = ssl.create_default_context() if secure else None
    return Address(str(where[0]), int(where[1]), tls, host if secure else None)


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's event loop where it is installed (`pip install boxoffice[fast]`), else asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - it may not be there
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def raise_open_files() -> int:
    """Allow ourselves as many open files as we may; returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
