"""How the cost of a booking grows: with the orders that its event has, and with the events that there are.

    python bench/trials/growth.py [--orders 1 1000 1000000] [--events 1 1000 100000] [--seconds 1]

Bookings a second, by wrk in a closed loop. Orders: events that have so many already, on one server, in turn.
Events: servers that have so many, in turn, on one of which all bookings fall; and the same with each booking
for any of them by chance. All orders and events are resident. The figures are a chart.
"""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filling import Filled, fill, settle, tables
from findings import Chart, Figures, Findings, Series, in_turn, median, parser, ratio
from spread import drawn, load_of
from stage import CAPACITY, Stage, connected, database, end_on_sigterm, folder, serving
from wrk import needed

FLAT = 0.8
"""Of what the smallest does: the largest is to reach it."""


@contextmanager
def filled(data_dir: Path, *events: tuple[int, int]) -> Iterator[tuple[Stage, list[Filled]]]:
    """A server that has these events: so many with so many orders each."""
    with database(data_dir) as url:
        tables(url)
        with connected(url) as connection:
            made = [fill(connection, many, booked=orders, spare=CAPACITY // 10) for many, orders in events]
            settle(connection)
    with serving(data_dir) as stage:
        yield stage, made


def series(name: str, figures: Figures, at: list[int], named: str) -> Series:
    """A line of the chart."""
    return Series(name, [(each, round(median(figures, named.format(each)))) for each in at])


def with_orders(findings: Findings, data_dir: Path, options: argparse.Namespace) -> Series:
    """On events that have so many orders."""
    with filled(data_dir, *((1, orders) for orders in options.orders)) as (stage, made):
        runs = {
            f"{orders:,} orders": load_of(stage, data_dir / f"{orders}.txt", [event.first], options)
            for orders, event in zip(options.orders, made, strict=True)
        }
        figures = in_turn(options.rounds, runs)
        stage.check()
    tell(findings, figures, "bookings on an event that had {}")
    return series("orders of the event", figures, options.orders, "{:,} orders")


def with_events(findings: Findings, folders: Path, options: argparse.Namespace) -> list[Series]:
    """On servers that have so many events."""
    with ExitStack() as stack:
        hot, spread = {}, {}
        for many in options.events:
            data_dir = folders / f"events-{many}"
            stage, (events,) = stack.enter_context(filled(data_dir, (many, 0)))
            name = f"{many:,} events"
            hot[name] = load_of(stage, data_dir / "hot.txt", [events.first], options)
            spread[name] = load_of(stage, data_dir / "any.txt", drawn(list(events.ids), zipf=False), options)
        on_one, on_any = in_turn(options.rounds, hot), in_turn(options.rounds, spread)
    tell(findings, on_one, "bookings on one event beside {}")
    tell(findings, on_any, "bookings on any of {}", judged=False)
    names = ("events there are, bookings on one", on_one), ("events there are, bookings on any", on_any)
    return [series(name, figures, options.events, "{:,} events") for name, figures in names]


def tell(findings: Findings, figures: Figures, what: str, judged: bool = True) -> None:
    """Each point, and the last as a ratio to the first."""
    first, *_, last = figures
    for name in figures:
        findings.tell(what.format(name), median(figures, name), "/s")
    name = f"{what.format(last)}, to {first}"
    findings.tell(name, ratio(figures, last, first), at_least=FLAT if judged else None)


def main() -> None:
    """Run the trial."""
    options_of = parser(__doc__, seconds=1, rounds=3)
    options_of.add_argument("--orders", type=int, nargs="+", default=[1, 1_000, 1_000_000])
    options_of.add_argument("--events", type=int, nargs="+", default=[1, 1_000, 100_000])
    options_of.add_argument("--connections", type=int, default=64)
    options = options_of.parse_args()
    needed()
    end_on_sigterm()
    findings = Findings("growth")
    with folder(options.temporary) as folders:
        lines = [with_orders(findings, folders / "orders", options), *with_events(findings, folders, options)]
    findings.chart = Chart(
        "How a booking's cost grows", "how many there are", "bookings/s", lines, log_x=True
    )
    findings.write(options.json)


if __name__ == "__main__":
    main()
