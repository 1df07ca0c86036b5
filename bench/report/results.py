"""What a load test found: what the workers send while it runs, and what is reported at its end. Values."""

import msgspec


class Counts(msgspec.Struct):
    """What came of one call's requests in a quarter of a second."""

    answers: dict[int, int]
    """By status; 0: no answer."""
    good: int
    failed: dict[str, int]
    latencies: bytes
    """A hdrhistogram, encoded: microseconds, 1 to 60,000,000, three digits."""


class Snapshot(msgspec.Struct):
    """What one worker saw in a quarter of a second."""

    at_s: float
    offered: int
    sent: int
    connections: int
    calls: dict[str, Counts]
