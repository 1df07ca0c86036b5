"""How a load test is to be run: values, read from the command line, and known to every part and process."""

import msgspec

CONNECTIONS = 64
CONNECTIONS_OF_BATCH = 8
"""When nobody says how many: 8,000 bookings under way, of the 10,000 that a server admits of an event."""


BATCH = 1_000
LISTENERS = 1_000


class Options(msgspec.Struct, frozen=True):
    """A load test's settings. Times in seconds."""

    scenario: str = "hot"
    connections: int = 64
    rate: float | None = None
    """Requests a second at which an open loop asks; None: a closed loop."""
    seconds: float = 10.0
    warm_up_s: float = 2.0
    processes: int = 1
    seed: int = 1
    events: int | None = None
    tickets: int | None = None
    batch: int = BATCH
    """Commands in one request of the scenario `batch`."""
    listeners: int = LISTENERS
    patience_s: float = 10.0
    """How long a client waits for its answer before it closes its connection."""
