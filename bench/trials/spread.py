"""Bookings per second spread over 10,000 events, as a ratio to the same load on one of them.

    python bench/trials/spread.py [--events 10000] [--seconds 2] [--rounds 3] [--connections 64]

Each booking is for an event by chance: any of them alike (`uniform`), or the most popular ones more often, as
1/rank (`Zipf`). Loaded in turn by wrk with one and the same script. What counts is what was answered 201; in
the end the events must have booked that much together.

And the same on a hundred of the events: as many to a commit, but small enough for the processor's caches.
"""

import argparse
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filling import fill, settle, tables
from findings import Findings, in_turn, median, parser, ratio
from stage import Stage, connected, database, end_on_sigterm, folder, serving
from wrk import LINES, needed, succeeded, wrk

RATIO = 0.8
FEW = 100
DRAWS = 200_000
"""So many are drawn; the load begins again after the last."""

BODY = '{"eventId":"%s","userId":"%s","quantity":1}'


@contextmanager
def sale(data_dir: Path, events: int) -> Iterator[tuple[Stage, list[int]]]:
    """A server with so many events that have tickets for all, and the events' ids."""
    with database(data_dir) as url:
        tables(url)
        with connected(url) as connection:
            made = fill(connection, events, spare=1_000_000)
            settle(connection)
    with serving(data_dir) as stage:
        yield stage, list(made.ids)


def drawn(ids: list[int], zipf: bool) -> list[int]:
    """Events by chance, the first the most popular."""
    weights = [1 / rank for rank in range(1, len(ids) + 1)] if zipf else None
    return random.Random(7).choices(ids, weights, k=DRAWS)


def load_of(
    stage: Stage, path: Path, event_ids: list[int], options: argparse.Namespace
) -> Callable[[], float]:
    """A run that books tickets of these events, in this order."""
    path.write_text("".join(f"{event_id}\n" for event_id in event_ids))

    def run() -> float:
        how = {"script": LINES, "connections": options.connections, "seconds": options.seconds}
        return succeeded(wrk(stage.url, "/book", str(path), BODY, **how)).rate

    return run


def measure(findings: Findings, data_dir: Path, options: argparse.Namespace) -> None:
    """All three loads in turn."""
    with sale(data_dir, options.events) as (stage, ids):
        random.Random(11).shuffle(ids)
        loads = {
            name: load_of(stage, data_dir / f"{name}.txt", event_ids, options)
            for name, event_ids in (
                ("one event", ids[-1:]),
                ("few", drawn(ids[:FEW], zipf=False)),
                ("uniform", drawn(ids, zipf=False)),
                ("Zipf", drawn(ids, zipf=True)),
            )
        }
        figures = in_turn(options.rounds, loads)
        stage.check()
    where = {
        "one event": "one event",
        "few": f"{FEW} of them, uniform",
        **{name: f"{options.events:,} events, {name}" for name in ("uniform", "Zipf")},
    }
    for name in loads:
        findings.tell(f"bookings on {where[name]}", median(figures, name), "/s")
    for name in ("uniform", "Zipf"):
        found = ratio(figures, name, "one event")
        findings.tell(f"bookings on {where[name]}, to one event", found, at_least=RATIO)
    findings.tell(f"bookings on {where['few']}, to one event", ratio(figures, "few", "one event"))


def main() -> None:
    """Run the trial."""
    options_of = parser(__doc__, seconds=2, rounds=3)
    options_of.add_argument("--events", type=int, default=10_000)
    options_of.add_argument("--connections", type=int, default=64)
    options = options_of.parse_args()
    needed()
    end_on_sigterm()
    findings = Findings("spread")
    with folder(options.temporary) as data_dir:
        measure(findings, data_dir, options)
    findings.write(options.json)


if __name__ == "__main__":
    main()
