"""What the actors need from the world outside, and the values that cross those lines.

Protocols only: `persistence` implements `Journal` and `Recovery`, `http` implements `Outlet`. Nothing here
knows a database, a socket or an event loop. Each method says on which thread it is called.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from boxoffice.actors.changes import Change
from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import Answer, Command, Found
from boxoffice.actors.principals import ApiKey
from boxoffice.actors.values import (
    CustomerId,
    EventId,
    EventStatus,
    Instant,
    OrderId,
    OrderStatus,
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


class Key(Value, frozen=True, gc=False):
    """An idempotency key as its caller gave it: the answer is recorded under it, in the same transaction.

    `position` is the command's place in its batch, 0 for a single one; `fingerprint` (16 bytes) is of the
    whole request, and tells a repetition from another request under the same key.
    """

    caller: str
    text: str
    fingerprint: bytes
    position: int = 0


class Request(msgspec.Struct, frozen=True, eq=False):
    """A command on its way, with whatever its sender needs to be answered. Compared by identity."""

    command: Command
    reply: object
    """Opaque to everybody but the `Outlet`."""
    key: Key | None = None


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
    next_expiry: Instant | None = None
    """When the next hold or offer of the event ends."""
    live_orders: int = 0
    """How many orders the event has at `status`."""


class Settled(msgspec.Struct, frozen=True, gc=True):
    """Answers that may go out now, for good.

    `status` is the event's newly committed state, if there is one; `next_expiry` and `live_orders` belong to
    it; `rebuilt`, that it has just been read back from the database. `batch` is the number of the transaction
    that the answers waited for, None if none was committed. `ended` says that the actor under this lease will
    decide nothing any more, and must be forgotten; `refused` is then what others who ask are to be told for a
    while, if asking again at once is of no use; `gone`, that there are no holds to see to here, since the
    event is another server's now or is no more; `failed`, that the event itself was to blame.
    """

    lease: Lease
    answers: list[Answered]
    status: EventStatus | None = None
    ended: bool = False
    refused: Answer | None = None
    next_expiry: Instant | None = None
    gone: bool = False
    failed: bool = False
    live_orders: int = 0
    rebuilt: bool = False
    batch: int | None = None


class Outlet(Protocol):
    """Takes answers back to those who asked."""

    def deliver(self, settled: Sequence[Settled]) -> None:
        """Pass these on, in this order. Never blocks, never raises. Called on any thread."""


class Journal(Protocol):
    """Makes entries durable, in order, and then has their answers delivered."""

    def append(self, entry: Entry) -> None:
        """Take an entry over. Never blocks on the database. Called on whatever thread runs the actor.

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


OrderPlace: TypeAlias = tuple[EventId, OrderId]
"""Where an order stands in lists: by event, and there by age."""


class OrderFilter(Value, frozen=True):
    """Which orders are wanted; None for any."""

    event_id: EventId | None = None
    customer: CustomerId | None = None
    status: OrderStatus | None = None


class Reading(Protocol):
    """Questions that need no actor. Every method blocks, reads only what is committed, and raises
    DatabaseAway. Called on the reader threads.
    """

    def status(self, event_id: EventId) -> EventStatus | None:
        """The event's numbers, or None if there is no such event."""

    def statuses(self, event_ids: Sequence[EventId]) -> list[EventStatus]:
        """The numbers of these events, in no order; what there is none of is left out."""

    def events(self, after: EventId, limit: int) -> list[EventStatus]:
        """The next `limit` events after this id, by id."""

    def newest_events(self, before: EventId | None, limit: int) -> list[EventStatus]:
        """The next `limit` events before this id, or all in all, the highest id first."""

    def order(self, event_id: EventId, order_id: OrderId) -> Found | None:
        """An order as it is stored, without its position; None if there is no such order."""

    def standing(self, event_id: EventId, order_ids: Sequence[OrderId]) -> list[Found]:
        """These orders of an event with their positions, all as of one version of it, in no order; what there
        is none of is left out.
        """

    def last_order_of(self, event_id: EventId, customer: CustomerId, version: int) -> Found | None:
        """A customer's newest order for this event of those that have not changed since this version."""

    def orders(
        self, wanted: OrderFilter, after: OrderPlace | None, limit: int
    ) -> list[tuple[EventId, Found]]:
        """The next `limit` orders that are `wanted`, by event and then by age, without their positions."""

    def changes(self, event_id: EventId, after: int, limit: int) -> list[Change]:
        """The next `limit` entries of the event's log after this version, oldest first."""

    def new_event_ids(self, number: int) -> list[EventId]:
        """So many ids that no event has had, in their order."""

    def epochs(self, event_ids: Sequence[EventId]) -> Mapping[EventId, int]:
        """Under which epoch each of these events is owned now; what there is none of is left out."""

    def ping(self) -> None:
        """Raises DatabaseAway unless the database answers, and may be written."""


Caller: TypeAlias = tuple[str, str]
"""Who gave an idempotency key, and the key."""


class Recorded(Value, frozen=True):
    """What is kept of an answer: what the request was, and what it was answered."""

    fingerprint: bytes
    answer: Answer


class Replies(Protocol):
    """The answers that were given under idempotency keys, for a day. Every method blocks and raises
    DatabaseAway. Called on the reader threads.
    """

    def find(self, keys: Sequence[Caller]) -> Mapping[Caller, Mapping[int, Recorded]]:
        """What is recorded under each of these keys, by position; a key without a record is left out."""

    def record(self, key: Key, answer: Answer) -> Recorded:
        """Record a refusal that no event's actor could give whole, unless something is recorded already:
        by another server, that is, and then that is the answer. Returns what is recorded.
        """

    def prune(self) -> int:
        """Let go of some records that are older than a day; returns how many, 0 when none is left."""


class ApiKeys(Protocol):
    """The API keys there are. Every method blocks and raises DatabaseAway. Called on the reader threads, on
    one that reads all keys anew every second, and by the command line.
    """

    def all(self) -> list[ApiKey]:
        """Every key there ever was, revoked and expired ones too, the oldest first."""

    def create(self, key: ApiKey) -> None:
        """Keep a new key. Raises ValueError for one that is none."""

    def revoke(self, key_id: str) -> ApiKey | None:
        """Revoke a key, unless it is revoked already: that moment stays, and is the database's time.

        The key as it is then; None if there is no such key.
        """
