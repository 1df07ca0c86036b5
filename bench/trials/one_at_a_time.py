"""What one client waits for a booking when nobody else asks, as a ratio to a bare commit of a single row.

    python bench/trials/one_at_a_time.py [--asked 300] [--rounds 5]

One connection that asks again as soon as it is answered; and, in turn with it, an INSERT of one row into a
table of its own, in autocommit, by psycopg2 over a Unix socket to the same PostgreSQL. Prints the medians.

And what a booking cannot be faster than, on this machine: a request that does nothing, and the commit of what
one booking writes, by the engine's own statement, from here. The rest is what the server itself takes.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from itertools import count

from findings import Findings, in_turn, median, parser, percentile, ratio
from probe import Client, request
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from stage import CAPACITY, address_of, connected, doing_nothing, end_on_sigterm, staged

from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import Book, Command, Initialize
from boxoffice.actors.ports import Answered, Entry, Lease, Request
from boxoffice.actors.values import CustomerId, EventId, Instant
from boxoffice.http.commands import new_order_id
from boxoffice.persistence.batch import Part, held, message, prepare

RATIO = 2.5
OUR_EVENT = EventId(1_000_000)
"""One that the server knows nothing of."""
_numbers = count(1)


def booking_ms(client: Client, event_id: str) -> float:
    """How long one takes."""
    body = {"eventId": event_id, "userId": f"customer-{next(_numbers)}", "quantity": 1}
    return client.time_ms(request("POST", "/book", body), 201)


def commit_ms(cursor: Cursor) -> float:
    """How long one takes."""
    began_s = time.perf_counter()
    cursor.execute("INSERT INTO bare (said) VALUES (%s)", (f"customer-{next(_numbers)}",))
    return (time.perf_counter() - began_s) * 1_000


class Writer:
    """Writes bookings of an event of its own, as the server would, and nothing besides."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._inventory = Inventory(OUR_EVENT)
        prepare(cursor.connection)
        self._write(Initialize("Ours", CAPACITY))

    def booking_ms(self) -> float:
        """How long PostgreSQL takes for one."""
        return self._write(Book(new_order_id(), CustomerId(f"customer-{next(_numbers)}"), 1, waitlist=True))

    def _write(self, command: Command) -> float:
        base, now = self._inventory.version, Instant(time.time_ns() // 1_000)
        decision = self._inventory.handle(command, now)
        answers = [Answered(Request(command, None), decision.answer)]
        entry = Entry(Lease(OUR_EVENT), base, list(decision.changes), self._inventory.status, answers)
        sql, values = message([Part([entry])])
        began_s = time.perf_counter()
        self._cursor.execute(sql, values)
        if not held(self._cursor):
            raise SystemExit("somebody else has our event")
        return (time.perf_counter() - began_s) * 1_000


def each(asked: int, one_ms: Callable[[], float], seen: list[float]) -> Callable[[], float]:
    """A run of so many, one after the other: their median."""

    def run() -> float:
        found = [one_ms() for _ in range(asked)]
        seen.extend(found)
        return statistics.median(found)

    return run


def measure(
    findings: Findings,
    client: Client,
    idler: Client,
    event_id: str,
    cursor: Cursor,
    options: argparse.Namespace,
) -> None:
    """All, in turn."""
    cursor.execute("CREATE TABLE bare (id bigserial PRIMARY KEY, said text NOT NULL)")
    writer = Writer(cursor)
    steps = {
        "booking": ("a booking, one connection", lambda: booking_ms(client, event_id)),
        "commit": ("a bare commit of one row", lambda: commit_ms(cursor)),
        "nothing": ("a request that does nothing", lambda: booking_ms(idler, event_id)),
        "rows": ("the commit of what a booking writes", writer.booking_ms),
    }
    seen: dict[str, list[float]] = {name: [] for name in steps}
    runs = {name: each(options.asked, step, seen[name]) for name, (_, step) in steps.items()}
    figures = in_turn(options.rounds, runs, " ms")
    for name, (what, _) in steps.items():
        note = f"p99 {percentile(seen[name], 99):.2f} ms, of {len(seen[name]):,}"
        findings.tell(what, median(figures, name), "ms", note=note)
    findings.tell("a booking, to a bare commit", ratio(figures, "booking", "commit"), at_most=RATIO)
    bound = ratio(figures, "nothing", "commit") + ratio(figures, "rows", "commit")
    findings.tell("the last two together, to a bare commit: the bound", bound)


def main() -> None:
    """Run the trial."""
    options_of = parser(__doc__, rounds=5)
    options_of.add_argument("--asked", type=int, default=300, help="bookings, and commits, in a round")
    options = options_of.parse_args()
    end_on_sigterm()
    findings = Findings("one at a time")
    with (
        staged(options.temporary) as stage,
        connected(stage.database_url) as connection,
        connection.cursor() as cursor,
        closing(Client(*stage.address)) as client,
        doing_nothing() as nothing,
        closing(Client(*address_of(nothing))) as idler,
    ):
        measure(findings, client, idler, stage.event(), cursor, options)
        stage.check()
    findings.write(options.json)


if __name__ == "__main__":
    main()
