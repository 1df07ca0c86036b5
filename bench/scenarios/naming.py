"""Names that nobody else has: of a run, of its customers, and of what they ask for under a key.

A run's name is drawn anew each time, whatever the seed: two runs may load the same server, and neither may
meet the other's customers or idempotency keys. Within a run, visitors differ by their numbers.
"""

import secrets


def new_run() -> str:
    """The name of a run: 40 random bits."""
    return secrets.token_hex(5)


class Names:
    """One visitor's customers, each with a name that is also good as the key of what they ask for."""

    __slots__ = ("_count", "_prefix")

    def __init__(self, run: str, visitor: int) -> None:
        self._prefix = f"{run}-{visitor}-"
        self._count = 0

    def new(self) -> str:
        """Somebody who has not been there: ASCII, nothing that JSON would escape."""
        self._count += 1
        return f"{self._prefix}{self._count}"
