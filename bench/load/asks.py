"""What a client asks for in a load test, and what it is answered. Values, on a worker's event loop."""

from typing import Any

import msgspec


class Ask(msgspec.Struct, frozen=True):
    """One request that a client makes."""

    call: str
    """The name under which figures are kept: "book", "hold", …"""
    path: str
    body: bytes = b""
    """JSON, or nothing."""
    method: str = "POST"
    key: str | None = None
    """The `Idempotency-Key`."""
    patience_s: float | None = None
    """The client gives up after so long; None: when the run says so."""
    units: int = 1
    """Bookings in it."""
    note: Any = None
    """The scenario's own memory; never sent, never written down."""
    facts: Any = None
    """What the ledger is to remember of what was asked."""
    after_s: float = 0.0
    """How long the client thinks before it asks. Of no account in an open loop, which has its own times."""


class Answer(msgspec.Struct, frozen=True):
    """What came back; status 0: nothing did."""

    status: int
    body: bytes = b""
    retry_after_s: float | None = None
    replayed: bool = False
    """Whether it was given before, to the same `Idempotency-Key`."""


NO_ANSWER = Answer(0)
"""The connection could not be made, or was lost, or what came was no HTTP."""

GAVE_UP = Answer(0)
"""It did not come in time, and the client has closed its connection. Told from the other by identity."""
