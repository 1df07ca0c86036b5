"""Durable bookings per second through `POST /batch`, and as a ratio to a bare COPY of the same rows.

    python bench/trials/batch.py [--batch 1000] [--seconds 3] [--rounds 3] [--connections 4]

wrk sends batches in a closed loop to `boxoffice serve`. In turn with it psycopg2 writes the same rows into
the same tables of the same embedded PostgreSQL: the event's counters by an UPDATE that is fenced, orders and
changes by COPY, as many in a transaction as the server had on average. Their text is made beforehand.
"""

import argparse
import io
import re
import time
import urllib.request
from datetime import UTC, datetime
from typing import NamedTuple

import uuid_utils
from filling import fill
from findings import Findings, in_turn, median, parser, ratio
from psycopg2.extensions import connection as Connection  # noqa: N812
from stage import CAPACITY, Stage, connected, end_on_sigterm, staged
from wrk import BOOK, needed, succeeded, wrk

from boxoffice.actors.changes import TicketsBooked, encode
from boxoffice.actors.values import CustomerId, Instant, OrderId

ACHIEVED = 40_000
RATIO = 0.5
UPDATE = """
UPDATE events SET version = version + %(n)s, available = available - %(n)s, booked = booked + %(n)s,
       changed_at = %(at)s
 WHERE id = %(id)s AND version = %(base)s AND owner_epoch = 1
"""
ORDERS = """
COPY orders (event_id, order_id, customer, quantity, status, place, version, created_at, expires_at)
FROM STDIN
"""
CHANGES = "COPY changes (event_id, version, at, body) FROM STDIN"


class Transaction(NamedTuple):
    """What one writes: from the event's version `base` on, so many orders."""

    base: int
    size: int
    at: str
    orders: str
    changes: str


def transactions(event_id: int, base: int, rows: int, size: int) -> list[Transaction]:
    """The text of so many rows."""
    return [transaction(event_id, base + done, min(size, rows - done)) for done in range(0, rows, size)]


def transaction(event_id: int, base: int, size: int) -> Transaction:
    """So many orders of one ticket, and their changes."""
    now = datetime.now(UTC).replace(microsecond=0)
    at, micros = now.isoformat(), Instant(int(now.timestamp()) * 1_000_000)
    orders, changes = [], []
    for version in range(base + 1, base + size + 1):
        order_id, customer = str(uuid_utils.uuid7()), f"copied-{version}"
        change = TicketsBooked(version, micros, OrderId(order_id), CustomerId(customer), 1)
        orders.append(f"{event_id}\t{order_id}\t{customer}\t1\tconfirmed\t\\N\t{version}\t{at}\t\\N\n")
        changes.append(f"{event_id}\t{version}\t{at}\t{encode(change).decode()}\n")
    return Transaction(base, size, at, "".join(orders), "".join(changes))


class Copying:
    """An event that no server knows, and rows copied for it."""

    def __init__(self, connection: Connection, size: int, rows: int) -> None:
        self._connection = connection
        self._rows = rows
        self._size = size
        self._event_id = fill(connection, 1, spare=CAPACITY).first
        self._version = 1

    def run(self) -> float:
        """Rows a second."""
        made = transactions(self._event_id, self._version, self._rows, self._size)
        self._version += self._rows
        began_s = time.perf_counter()
        for each in made:
            self._write(each)
        return self._rows / (time.perf_counter() - began_s)

    def _write(self, made: Transaction) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(UPDATE, {"id": self._event_id, "base": made.base, "n": made.size, "at": made.at})
            if cursor.rowcount != 1:
                raise SystemExit("the event is not where it should be")
            cursor.copy_expert(ORDERS, io.StringIO(made.orders))
            cursor.copy_expert(CHANGES, io.StringIO(made.changes))
            cursor.execute("COMMIT")


def committed(stage: Stage) -> tuple[float, float]:
    """How many requests the server has committed, and in how many transactions."""
    with urllib.request.urlopen(f"{stage.url}/metrics", timeout=10) as answer:
        said = answer.read().decode()
    requests, commits = (
        re.search(rf"^boxoffice_commit_requests_{each} (\S+)$", said, re.MULTILINE)
        for each in ("sum", "count")
    )
    if requests is None or commits is None:
        raise SystemExit("the figures do not say how much is committed")
    return float(requests[1]), float(commits[1])


def measure(findings: Findings, stage: Stage, options: argparse.Namespace) -> None:
    """Both, in turn."""
    event_id = stage.event()

    def bookings(seconds: int = options.seconds) -> float:
        before, how = stage.booked(event_id), {"script": BOOK, "connections": options.connections}
        succeeded(wrk(stage.url, event_id, str(options.batch), seconds=seconds, **how))
        return (stage.booked(event_id) - before) / seconds

    before = committed(stage)
    bookings(2)
    requests, commits = (after - earlier for after, earlier in zip(committed(stage), before, strict=True))
    size = round(requests / commits)
    with connected(stage.database_url) as connection:
        copying = Copying(connection, size, options.rows)
        figures = in_turn(options.rounds, {"bookings": bookings, "COPY": copying.run}, warm_up=False)
    stage.check()
    name, size_note = f"bookings, {options.batch:,} in a batch", f"{size:,} in a transaction"
    findings.tell(name, median(figures, "bookings"), "/s", at_least=ACHIEVED, note=size_note)
    findings.tell("bare COPY of the same rows", median(figures, "COPY"), "/s", note=size_note)
    findings.tell(f"{name}, to bare COPY", ratio(figures, "bookings", "COPY"), at_least=RATIO)


def main() -> None:
    """Run the trial."""
    options_of = parser(__doc__, seconds=3, rounds=3)
    options_of.add_argument("--batch", type=int, default=1_000, help="bookings in one request")
    options_of.add_argument("--connections", type=int, default=4)
    options_of.add_argument("--rows", type=int, default=150_000, help="orders that are copied in each round")
    options = options_of.parse_args()
    needed()
    end_on_sigterm()
    findings = Findings("batch")
    with staged(options.temporary) as stage:
        measure(findings, stage, options)
    findings.write(options.json)


if __name__ == "__main__":
    main()
