"""The server's time. Called on any thread."""

import time

from boxoffice.actors.values import Instant


def clock() -> Instant:
    """Now: microseconds since 1970-01-01 UTC."""
    return Instant(time.time_ns() // 1_000)
