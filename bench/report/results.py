"""What a load test found: what the workers send while it runs, and what is reported at its end. Values.

The names of the second part are the fields of `--json`, in camelCase there; `SCHEMA` counts up when one of
them goes or changes its meaning, not when one is added. Rates are per second, latencies in milliseconds.
"""

from typing import Any

import msgspec

from boxoffice.bench.proof.findings import Check

# --- while it runs -------------------------------------------------------------------------------


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
    """When it ended, since counting began; what is not above 0 is warm-up."""
    offered: int
    """Requests that fell due in it, in an open loop; those that were asked, in a closed one."""
    sent: int
    connections: int
    calls: dict[str, Counts]


# --- at its end ----------------------------------------------------------------------------------

SCHEMA = 1


class _Reported(msgspec.Struct, frozen=True, rename="camel"):
    pass


class Latency(_Reported, frozen=True, kw_only=True):
    """How long requests took, in milliseconds: so many percent took no longer. None: none was answered."""

    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None


class Step(_Reported, frozen=True, kw_only=True):
    """One point of a latency distribution."""

    percentile: float
    ms: float


class Call(_Reported, frozen=True, kw_only=True):
    """One call's requests, or all of them."""

    count: int
    """Requests that came to an end, answered or not."""
    rate: float
    good: int
    """Bookings, or whatever the scenario counts, that succeeded."""
    errors: int
    lost: int = 0
    """Requests whose connection was lost, or could not be made: they have no latency."""
    latency_ms: Latency
    by_status: dict[int, int]
    """0: no answer."""
    failed: dict[str, int]
    """Errors by name."""
    distribution: list[Step] = []


class Point(_Reported, frozen=True, kw_only=True):
    """A second of the run, or as many as make one point of a long one."""

    at_s: float
    """Where it begins."""
    seconds: float
    rate: float
    good: float
    errors: float
    """All three per second."""
    offered: float
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    max: float | None = None


class Audit(_Reported, frozen=True, kw_only=True):
    """Whether what was answered is true."""

    checks: list[Check]
    unknown: int = 0
    """Requests whose outcome nobody was told: there was no answer, or a 504."""
    unknown_applied: int = 0
    """Those of them that had an effect all the same."""
    undone: str | None = None
    """Why something could not be looked at that should have been; None if nothing stood in the way."""
    tickets: int = 0
    """Of all events together; so are the next two."""
    taken: int = 0
    """Tickets that are booked, held or offered."""
    waiting: int = 0
    """Orders in line."""
    answers_only: bool = False
    """It was left out but for what takes no server: whether the answers agree with each other."""

    @property
    def ok(self) -> bool:
        """Whether nothing is broken."""
        return all(check.ok for check in self.checks)


class Judged(_Reported, frozen=True, kw_only=True):
    """A threshold, and what was measured."""

    threshold: str
    value: float | None
    """In milliseconds, per second, a number, or percent; None: there was nothing to measure."""
    unit: str
    failed: bool
    """Whether the run has failed by it."""


class Machine(_Reported, frozen=True, kw_only=True):
    """Where it ran. The load and, if it is our own, the server share it."""

    cores: int
    model: str
    memory_gb: float | None
    kernel: str
    python: str
    versions: dict[str, str] = {}


class Run(_Reported, frozen=True, kw_only=True):
    """What is known of a run without its figures."""

    scenario: str
    url: str
    """Without a password."""
    own_server: bool
    options: dict[str, Any]
    """As they were given or understood, by their names in camelCase."""
    loop: str
    """closed: whoever was answered asks again; open: requests fall due at their own times."""
    began_at: str
    """RFC 3339, UTC."""
    counted: str = "bookings"
    """What `good` counts, as the scenario has it: bookings, orders, …"""
    warm_up_s: float = 0.0
    command: str = ""
    version: str = ""
    """Ours."""
    server_version: str | None = None
    machine: Machine | None = None
    durability: dict[str, str] = {}
    """What PostgreSQL was told, when the server is our own: fsync and its like."""


class Results(_Reported, frozen=True, kw_only=True):
    """All that is reported."""

    schema: int = SCHEMA
    run: Run
    lasted_s: float
    """Of what is counted."""
    ended_early: bool = False
    offered_rate: float
    achieved_rate: float
    """Requests that came to an end."""
    good_rate: float
    not_sent: int
    """Requests of an open loop that fell due, and were not sent by the end."""
    all: Call
    calls: dict[str, Call]
    errors: dict[str, int]
    """By name, the most frequent first."""
    series: list[Point]
    audit: Audit | None = None
    """None: it was ended before it was done."""
    thresholds: list[Judged] = []
    extra: dict[str, float] = {}
    """What the scenario adds, and how busy the load generator was."""
