"""What one client waits for a booking when nobody else asks, as a ratio to a bare commit of a single row.

    python bench/trials/one_at_a_time.py [--asked 300] [--rounds 5]

One connection that asks again as soon as it is answered; and, in turn with it, an INSERT of one row into a
table of its own, in autocommit, by psycopg2 over a Unix socket to the same PostgreSQL. Prints the medians.
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
from stage import connected, end_on_sigterm, staged

RATIO = 2.5
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


def each(asked: int, one_ms: Callable[[], float], seen: list[float]) -> Callable[[], float]:
    """A run of so many, one after the other: their median."""

    def run() -> float:
        found = [one_ms() for _ in range(asked)]
        seen.extend(found)
        return statistics.median(found)

    return run


def measure(
    findings: Findings, client: Client, event_id: str, cursor: Cursor, options: argparse.Namespace
) -> None:
    """Both, in turn."""
    cursor.execute("CREATE TABLE bare (id bigserial PRIMARY KEY, said text NOT NULL)")
    seen: dict[str, list[float]] = {"booking": [], "commit": []}
    runs = {
        "booking": each(options.asked, lambda: booking_ms(client, event_id), seen["booking"]),
        "commit": each(options.asked, lambda: commit_ms(cursor), seen["commit"]),
    }
    figures = in_turn(options.rounds, runs, " ms")
    for name, what in (("booking", "a booking, one connection"), ("commit", "a bare commit of one row")):
        note = f"p99 {percentile(seen[name], 99):.2f} ms, of {len(seen[name]):,}"
        findings.tell(what, median(figures, name), "ms", note=note)
    findings.tell("a booking, to a bare commit", ratio(figures, "booking", "commit"), at_most=RATIO)


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
    ):
        measure(findings, client, stage.event(), cursor, options)
        stage.check()
    findings.write(options.json)


if __name__ == "__main__":
    main()
