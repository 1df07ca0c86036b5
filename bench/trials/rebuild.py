"""How fast live orders come back at start-up, and what they weigh in memory.

    python bench/trials/rebuild.py [--events 1000] [--orders 500000] [--rounds 3]

Fills a throw-away embedded database, then rebuilds everything in a fresh process for each round, the way
`boxoffice serve` does it: the same recovery, the same directory, an actor for each event. One order in ten
waits in line. Aims: at least 150,000 orders/s, at most 400 bytes of memory per live order.
"""

import argparse
import gc
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from sqlalchemy import text

from boxoffice.actors.directory import Bounds, Directory
from boxoffice.actors.dispatcher import Dispatcher
from boxoffice.http.composition import rebuild
from boxoffice.persistence import database
from boxoffice.persistence.embedded import EmbeddedPostgres
from boxoffice.persistence.journal import GroupCommitJournal
from boxoffice.persistence.recovery import DatabaseRecovery

FILL = """
INSERT INTO events
       (id, name, capacity, available, booked, held, offered, waiting, waiting_tickets, version, owner_epoch,
        created_at, changed_at, waitlist_mode, offer_seconds, hold_seconds, max_hold_seconds)
SELECT e, 'Event ' || e, :booked, 0, :booked, 0, 0, :waiting, :waiting, 1 + :booked + :waiting, 1,
       now(), now(), 'book', 3600, 600, 3600
  FROM generate_series(1, :events) AS e;
INSERT INTO orders (event_id, order_id, customer, quantity, status, place, version, created_at)
SELECT e, uuidv7(), 'customer-' || e || '-' || o, 1,
       CASE WHEN o <= :booked THEN 'confirmed' ELSE 'waitlisted' END,
       CASE WHEN o > :booked THEN 1 + o END,
       1 + o, clock_timestamp()
  FROM generate_series(1, :events) AS e, generate_series(1, :booked + :waiting) AS o;
"""


class Deaf:
    """An outlet that nobody listens to: nothing is asked while events are rebuilt."""

    def deliver(self, settled: object) -> None:
        """Do nothing."""


def resident_bytes() -> int:
    """The memory of this process that is in use (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def fill(url: str, events: int, orders: int) -> None:
    """Make the events and their orders."""
    per_event = orders // events
    waiting = per_event // 10
    engine = database.make_engine(url, statement_timeout_s=None)
    database.upgrade(engine)
    with engine.begin() as connection:
        for statement in FILL.strip().split(";\n"):
            numbers = {"events": events, "booked": per_event - waiting, "waiting": waiting}
            connection.execute(text(statement.rstrip(";")), numbers)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()


def measure(url: str) -> None:
    """Rebuild once in this process and print what it took."""

    def refuse() -> NoReturn:
        raise RuntimeError("nothing is written here")

    engine = database.make_engine(url, statement_timeout_s=None)
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
    print(json.dumps({"took_s": took_s, "bytes": resident_bytes() - before}))
    directory.stop()
    dispatcher.stop()
    engine.dispose()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000)
    parser.add_argument("--orders", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--temporary", default="/var/tmp", help="folder for the throw-away database")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    folder = Path(tempfile.mkdtemp(prefix="boxoffice-bench-", dir=options.temporary))
    folder.chmod(0o755)
    postgres = EmbeddedPostgres(folder)
    try:
        postgres.start()
        fill(postgres.url, options.events, options.orders)
        rates, weights = [], []
        for number in range(options.rounds):
            command = [sys.executable, __file__, "--measure", postgres.url]
            said = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
            found = json.loads(said)
            rates.append(options.orders / found["took_s"])
            weights.append(found["bytes"] / options.orders)
            print(f"round {number + 1}  {rates[-1]:>8,.0f} orders/s  {weights[-1]:.0f} bytes per live order")
        print(f"median   {statistics.median(rates):>8,.0f} orders/s  {statistics.median(weights):.0f} bytes")
    finally:
        postgres.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
