"""What the actors need from the world outside, and the values that cross those lines.

Protocols only: `persistence` implements `Journal` and `Recovery`, `http` implements `Outlet`. Nothing here
knows a database, a socket or an event loop. Each method says on which thread it is called.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeAlias

import msgspec

from boxoffice.actors.changes import Change
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import (
    Answer,
    Command,
    CustomerId,
    EventId,
    EventStatus,
    Found,
    Instant,
    OrderId,
    Value,
)

Clock: TypeAlias = Callable[[], Instant]


class Lease:
    """One actor's claim to one event, from its activation to its end.

    `epoch` is the number under which the database knows the claim: a later owner has a higher one, and
    what an earlier owner still writes does not match any row. `lost` is set by the journal, once and for
    good, when something under this lease was not written: whatever was decided on top of it must not be
    written either. Compared by identity.
    """

    __slots__ = ("epoch", "event_id", "lost")

    def __init__(self, event_id: EventId, epoch: int = 1) -> None:
        self.event_id = event_id
        self.epoch = epoch
        self.lost = False


class Request(msgspec.Struct, frozen=True, eq=False):
    """A command on its way, with whatever its sender needs to be answered. Compared by identity."""

    command: Command
    reply: object
    """Opaque to everybody but the `Outlet`."""


class Answered(Value, frozen=True, gc=True):
    """A request and what it is to be told, once that is true for good."""

    request: Request
    answer: Answer


class Entry(msgspec.Struct, frozen=True, gc=True):
    """What one turn of an actor asks the journal to make durable: all of it, or none.

    `changes` lead from `base_version` to `status.version`; with no changes the two are the same, and the
    answers wait all the same, since they may stand on changes that are not durable yet.
    """

    lease: Lease
    base_version: int
    changes: list[Change]
    status: EventStatus
    answers: list[Answered]


class Settled(msgspec.Struct, frozen=True, gc=True):
    """Answers that may go out now, for good.

    `status` is the event's newly committed state, if there is one. `ended` says that the actor under
    this lease will decide nothing any more, and must be forgotten; `refused` is then what others who ask
    are to be told for a while, if asking again at once is of no use.
    """

    lease: Lease
    answers: list[Answered]
    status: EventStatus | None = None
    ended: bool = False
    refused: Answer | None = None


class Outlet(Protocol):
    """Takes answers back to those who asked."""

    def deliver(self, settled: Sequence[Settled]) -> None:
        """Pass these on, in this order. Never blocks, never raises. Called on any thread."""


class Journal(Protocol):
    """Makes entries durable, in order, and then has their answers delivered."""

    def append(self, entry: Entry) -> None:
        """Take an entry over. Never blocks on the database. Called on the actors' threads.

        Every answer of every entry taken is delivered, exactly once, whatever happens; an entry on which
        this raises (out of memory) was not taken.
        """


class Missing(Value, frozen=True):
    """The database has no such event."""


class Corrupt(Value, frozen=True):
    """The event's stored state contradicts itself; `reason` says how, for the log and the operator."""

    event_id: EventId
    reason: str


class Recovered(msgspec.Struct, frozen=True, gc=True):
    """An event rebuilt from the database, and the epoch under which it is now ours alone."""

    inventory: Inventory
    epoch: int


class DatabaseAway(Exception):  # noqa: N818 - the state of the world, not a mistake of ours
    """The database cannot be reached, or did not answer in time."""


class Recovery(Protocol):
    """Takes events over from the database. Every method blocks: never call them on the event loop."""

    def load(self, event_id: EventId) -> Recovered | Missing | Corrupt:
        """One event. Raises DatabaseAway. Called on the loader's thread."""

    def count(self) -> int:
        """How many events `load_open` is going to yield. Raises DatabaseAway."""

    def load_open(self) -> Iterator[Recovered | Corrupt]:
        """Every open event, in the order of their ids. Raises DatabaseAway. Called at start-up."""


class Reading(Protocol):
    """Questions that need no actor. Every method blocks, reads only what is committed, and raises
    DatabaseAway. Called on the reader threads.
    """

    def status(self, event_id: EventId) -> EventStatus | None:
        """The event's numbers, or None if there is no such event."""

    def events(self, after: EventId, limit: int) -> list[EventStatus]:
        """The next `limit` events after this id, by id."""

    def order(self, event_id: EventId, order_id: OrderId) -> Found | None:
        """An order as it is stored, without its position; None if there is no such order."""

    def last_order_of(self, event_id: EventId, customer: CustomerId) -> Found | None:
        """A customer's newest order for this event, whatever became of it."""

    def new_event_id(self) -> EventId:
        """An id that no event has had."""
