"""The address that a server is to listen on, had before anything else is begun. On the main thread."""

import socket


class ListenError(Exception):
    """The address cannot be listened on; the text says which and why."""


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
        raise listen_error(host, port, error) from error
    return bound


def listen_error(host: str, port: int, error: OSError) -> ListenError:
    """Why that address cannot be listened on."""
    return ListenError(f"Cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}.")
