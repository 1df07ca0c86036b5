"""How fast live orders come back at start-up, and what they weigh in memory.

    python bench/trials/rebuild.py [--events 1000] [--orders 500000] [--rounds 3]

Fills a throw-away embedded database, then rebuilds everything in a fresh process for each round, the way
`boxoffice serve` does it: the same recovery, the same directory, an actor for each event. One order in ten
waits in line.
"""

import argparse
import gc
import json
import statistics
import subprocess
import sys
import time
from typing import NamedTuple, NoReturn

from filling import fill, settle, tables
from findings import Findings, parser
from processes import resident_bytes
from stage import connected, database, end_on_sigterm, folder

from boxoffice.actors.directory import Bounds, Directory
from boxoffice.actors.dispatcher import Dispatcher
from boxoffice.http.composition import rebuild
from boxoffice.persistence.database import make_engine
from boxoffice.persistence.journal import GroupCommitJournal
from boxoffice.persistence.recovery import DatabaseRecovery

A_SECOND = 200_000
BYTES_EACH = 300


class Deaf:
    """An outlet that nobody listens to: nothing is asked while events are rebuilt."""

    def deliver(self, settled: object) -> None:
        """Do nothing."""


class Rebuilt(NamedTuple):
    """What a rebuild took, and what it came to."""

    took_s: float
    bytes: int
    events: int
    orders: int


def rebuilt(url: str) -> Rebuilt:
    """Rebuild once in a process of its own. Ends here if that fails."""
    command = [sys.executable, __file__, "--measure", url]
    said = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    return Rebuilt(*json.loads(said))


def measure(url: str) -> None:
    """Rebuild once in this process, and print what it took."""

    def refuse() -> NoReturn:
        raise RuntimeError("nothing is written here")

    engine = make_engine(url, statement_timeout_s=None, idle_timeout_s=None)
    recovery = DatabaseRecovery(engine)
    recovery.count()  # connects
    dispatcher = Dispatcher()
    dispatcher.start()
    outlet = Deaf()
    directory = Directory(
        dispatcher, GroupCommitJournal(refuse, outlet), recovery, outlet, time.monotonic, Bounds()
    )
    gc.collect()
    before, started = resident_bytes(), time.perf_counter()
    rebuild(recovery, directory)
    took_s = time.perf_counter() - started
    found = Rebuilt(took_s, resident_bytes() - before, directory.residents, directory.live_orders)
    print(json.dumps(found))
    directory.stop()
    dispatcher.stop()
    engine.dispose()


def tell(findings: Findings, url: str, events: int, orders: int, rounds: int) -> None:
    """Each round, and the medians."""
    rates, weights = [], []
    for number in range(1, rounds + 1):
        found = rebuilt(url)
        if (found.events, found.orders) != (events, orders):
            raise SystemExit(f"{found.events} events with {found.orders} orders came back")
        rates.append(orders / found.took_s)
        weights.append(found.bytes / orders)
        print(
            f"round {number}  {rates[-1]:,.0f} orders/s  {weights[-1]:.0f} bytes per live order", flush=True
        )
    note = f"{orders:,} orders of {events:,} events, one in ten in line"
    findings.tell("orders rebuilt at start-up", statistics.median(rates), "/s", at_least=A_SECOND, note=note)
    findings.tell("memory of a live order", statistics.median(weights), "bytes", at_most=BYTES_EACH)


def main() -> None:
    """Run the trial."""
    options_of = parser(__doc__, rounds=3)
    options_of.add_argument("--events", type=int, default=1_000)
    options_of.add_argument("--orders", type=int, default=500_000)
    options_of.add_argument("--measure", help=argparse.SUPPRESS)
    options = options_of.parse_args()
    if options.measure:
        measure(options.measure)
        return
    end_on_sigterm()
    findings = Findings("rebuild")
    per_event = options.orders // options.events
    waiting = per_event // 10
    with folder(options.temporary) as data_dir, database(data_dir) as url:
        tables(url)
        with connected(url) as connection:
            fill(connection, options.events, booked=per_event - waiting, waiting=waiting)
            settle(connection)
        tell(findings, url, options.events, per_event * options.events, options.rounds)
    findings.write(options.json)


if __name__ == "__main__":
    main()
