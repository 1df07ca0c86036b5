"""What the clients of a load test were answered, written down by each worker, for the audit at its end."""

from typing import Any

import msgspec


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One request and what came of it. Times in seconds, of one monotonic clock for all processes."""

    call: str
    key: str | None
    facts: Any
    sent_s: float
    answered_s: float
    status: int
    replayed: bool
    body: bytes
