"""Makes room for connections: each takes a file descriptor, and a process may have only so many.

Called once, at start, on the main thread.
"""

import logging
import resource
from contextlib import suppress

log = logging.getLogger(__name__)

RESERVED = 256
"""Descriptors for everything else: the database's connections, the log, and clients who are turned away."""


def make_room(connections_max: int) -> int:
    """Raise the soft limit as far as so many connections need; how many there is room for, at least one."""
    wanted = connections_max + RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _below(soft, wanted):
        with suppress(ValueError, OSError):  # some systems have yet another limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if not _below(hard, wanted) else hard, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not _below(soft, wanted):
        return connections_max
    room = max(1, soft - RESERVED)
    log.warning(
        "%d connections at most, not %d: this process may have %d open files (ulimit -n).",
        room, connections_max, soft,
    )  # fmt: skip
    return room


def _below(limit: int, wanted: int) -> bool:
    return limit != resource.RLIM_INFINITY and limit < wanted
