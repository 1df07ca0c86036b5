"""A line of 100,000: cancellations that promote, as a ratio to bookings; and what a look at a position takes.

    python bench/trials/cancelling.py [--waiting 100000] [--seconds 2] [--rounds 3] [--connections 64]

Each round has an event of its own, sold out, with so many in line at least; wrk cancels its confirmed orders
one by one, each of which promotes the head of the line. In turn with it wrk books tickets of another event,
at as many connections. Then others ask 200 times a second, on connections of their own, for the order of
anybody in line, with its position: when nobody cancels, when a few do, and when as many do as before. Late
answers count from when they were due.
"""

import argparse
import random
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filling import Filled, fill, settle, tables
from findings import Findings, in_turn, median, parser, percentile, ratio
from probe import looks_ms, request
from psycopg2.extensions import connection as Connection  # noqa: N812
from stage import Stage, connected, database, end_on_sigterm, folder, serving
from wrk import BOOK, LINES, loading, needed, read, succeeded, wrk

RATIO = 0.8
P99_MS = 5.0
LOOKS_A_SECOND = 200
QUIET_LOOKS = 500
FEW = 4
"""Who cancel when the server is not to be as busy as it can be."""

MANY = 10_000_000
IN_LINE = """
SELECT event_id || '-' || order_id FROM orders
 WHERE event_id = %s AND status = %s ORDER BY order_id {} LIMIT %s
"""


def order_ids(connection: Connection, event_id: int, status: str, most: int, order: str = "") -> list[str]:
    """Orders as they are named on the wire, the oldest first, or the newest (`DESC`)."""
    with connection.cursor() as cursor:
        cursor.execute(IN_LINE.format(order), (event_id, status, most))
        return [name for (name,) in cursor]


class Rounds:
    """The loads, each on the next of these events."""

    def __init__(self, stage: Stage, events: Filled, data_dir: Path, options: argparse.Namespace) -> None:
        self._stage = stage
        self._events: Iterator[int] = iter(events.ids)
        self._path = data_dir / "orders.txt"
        self._options = options
        self._hot = stage.event()
        self.cpu_us: dict[str, list[float]] = {}
        """What each took of whose processor time, round by round."""

    def bookings(self) -> float:
        """Bookings a second."""
        before, how = self._stage.booked(self._hot), self._how(self._options.connections)
        used = self._stage.cpu_s()
        succeeded(wrk(self._stage.url, self._hot, script=BOOK, **how))
        booked = self._stage.booked(self._hot) - before
        self._note_cpu("a booking", used, booked)
        return booked / float(self._options.seconds)

    def cancellations(self) -> float:
        """Cancellations a second, by how much shorter the line has become."""
        event_id = next(self._events)
        before = self._stage.status(str(event_id))
        arguments, used = self._cancelling(event_id), self._stage.cpu_s()
        how = self._how(self._options.connections)
        succeeded(wrk(self._stage.url, *arguments, script=LINES, **how))
        after = self._stage.status(str(event_id))
        if after["availableTickets"] or after["bookedTickets"] != before["bookedTickets"]:
            raise SystemExit(f"a cancellation did not promote: {before}, {after}")
        if after["waitingListCount"] < self._options.waiting:
            raise SystemExit(f"only {after['waitingListCount']} are left in line")
        gone = int(before["waitingListCount"]) - int(after["waitingListCount"])
        self._note_cpu("a cancellation", used, gone)
        return gone / float(self._options.seconds)

    def cancelled_ms(self, connections: int) -> list[float]:
        """Cancel, and look meanwhile: the latencies of looks."""
        event_id = next(self._events)
        with connected(self._stage.database_url) as connection:
            waiting = order_ids(connection, event_id, "waitlisted", self._options.waiting, "DESC")
        arguments = self._cancelling(event_id)
        with loading(self._stage.url, *arguments, script=LINES, **self._how(connections)) as process:
            found = self._looks_ms(event_id, waiting, lambda: process.poll() is None)
            said, _ = process.communicate(timeout=30)
        succeeded(read(said))
        return found

    def alone_ms(self) -> list[float]:
        """Latencies of looks when nobody else asks for anything."""
        event_id, looks = next(self._events), iter(range(QUIET_LOOKS))
        with connected(self._stage.database_url) as connection:
            waiting = order_ids(connection, event_id, "waitlisted", MANY)
        return self._looks_ms(event_id, waiting, lambda: next(looks, None) is not None)

    def _cancelling(self, event_id: int) -> tuple[str, ...]:
        """What wrk is told, to cancel the event's confirmed orders, each once."""
        with connected(self._stage.database_url) as connection:
            confirmed = order_ids(connection, event_id, "confirmed", MANY)
        self._path.write_text("".join(f"{name}\n" for name in confirmed))
        return "/cancel", str(self._path), '{"orderId":"%s"}', "once"

    def _note_cpu(self, what: str, before: dict[str, float], times: int) -> None:
        now = self._stage.cpu_s()
        for who in ("server", "PostgreSQL"):
            us = 1e6 * (now[who] - before[who]) / times
            self.cpu_us.setdefault(f"{who}, processor time of {what}", []).append(us)

    def _looks_ms(self, seed: int, waiting: list[str], goes_on: Callable[[], bool]) -> list[float]:
        """Of looks at the orders of anybody in line."""
        chance = random.Random(seed)

        def look() -> bytes:
            return request("GET", f"/orders/{chance.choice(waiting)}")

        return looks_ms(self._stage.address, look, LOOKS_A_SECOND, goes_on)

    def _how(self, connections: int) -> dict[str, Any]:
        return {"connections": connections, "seconds": self._options.seconds}


def tell(findings: Findings, rounds: Rounds, options: argparse.Namespace) -> None:
    """All of it."""
    runs = {"bookings": rounds.bookings, "cancellations": rounds.cancellations}
    figures = in_turn(options.rounds, runs, warm_up=False)
    line = f"with {options.waiting:,} in line"
    findings.tell("bookings", median(figures, "bookings"), "/s")
    findings.tell(f"cancellations that promote, {line}", median(figures, "cancellations"), "/s")
    findings.tell("cancellations, to bookings", ratio(figures, "cancellations", "bookings"), at_least=RATIO)
    for what, each in rounds.cpu_us.items():
        findings.tell(what, statistics.median(each), "us")
    for name, found in (
        ("nobody cancels", rounds.alone_ms()),
        (f"{FEW} clients cancel", rounds.cancelled_ms(FEW)),
        (f"{options.connections} clients cancel", rounds.cancelled_ms(options.connections)),
    ):
        note = f"median {percentile(found, 50):.2f} ms, of {len(found)}"
        what = f"p99 of a look at a position, {line}, while {name}"
        findings.tell(what, percentile(found, 99), "ms", at_most=P99_MS, note=note)


def main() -> None:
    """Run the trial."""
    options_of = parser(__doc__, seconds=2, rounds=3)
    options_of.add_argument("--waiting", type=int, default=100_000)
    options_of.add_argument("--connections", type=int, default=64)
    options_of.add_argument(
        "--most", type=int, default=15_000, help="so many can be cancelled in a second; else it ends"
    )
    options = options_of.parse_args()
    needed()
    end_on_sigterm()
    findings = Findings("cancelling")
    many = options.most * options.seconds
    with folder(options.temporary) as data_dir:
        with database(data_dir) as url:
            tables(url)
            with connected(url) as connection:
                events = fill(connection, options.rounds + 3, booked=many, waiting=many + options.waiting)
                settle(connection)
        with serving(data_dir) as stage:
            tell(findings, Rounds(stage, events, data_dir, options), options)
            stage.check()
    findings.write(options.json)


if __name__ == "__main__":
    main()
