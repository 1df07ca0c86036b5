"""What the parent and its workers tell each other over pipes: a length, and so much msgpack. Values."""

from collections.abc import Callable
from struct import Struct as Layout
from typing import Any

import msgspec

from boxoffice.bench.options import Options
from boxoffice.bench.report.results import Snapshot
from boxoffice.bench.scenarios.scenario import Plan
from boxoffice.bench.target import Target

LENGTH = Layout("<I")


class Assignment(msgspec.Struct, frozen=True, tag=True):
    """A worker's share of the load."""

    target: Target
    options: Options
    plan: Plan
    number: int
    """The worker's, from 0."""
    first_visitor: int
    connections: int
    rate: float | None
    ledger: str
    """The file that it writes."""


class Go(msgspec.Struct, frozen=True, tag=True):
    """When the warm-up starts, when counting begins and ends, on the monotonic clock of all processes."""

    start_s: float
    begin_s: float
    end_s: float


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Ask nothing new from now on."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The connections are there."""

    connections: int


class Progress(msgspec.Struct, frozen=True, tag=True):
    """A quarter of a second has passed."""

    snapshot: Snapshot


class Ended(msgspec.Struct, frozen=True, tag=True):
    """All is answered, or given up, and the ledger is written."""

    busy: float
    """How much of a processor we took while it was counted."""
    end_s: float
    """When the last was asked, or could have been."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """It could not be done, in a sentence."""

    why: str


ToWorker = Assignment | Go | Stop
ToParent = Ready | Progress | Ended | Failed

_encode = msgspec.msgpack.Encoder().encode
to_worker: Callable[[bytes], ToWorker] = msgspec.msgpack.Decoder(ToWorker).decode
to_parent: Callable[[bytes], ToParent] = msgspec.msgpack.Decoder(ToParent).decode


def framed(message: Any) -> bytes:
    """A message as it travels."""
    data = _encode(message)
    return LENGTH.pack(len(data)) + data
