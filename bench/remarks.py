"""What whoever reads the figures of a load test should know of how they came about. Pure; said at its end."""

from collections.abc import Iterator

from boxoffice.bench.report.figures import number
from boxoffice.bench.report.results import Results

BUSY = "load_generator_busy_percent"
"""The figure that tells how much of a processor the load generator took."""

BUSY_PERCENT = 90
"""Of a processor: from here on the load generator may be what limits the rate."""

ADMITTED_OF_AN_EVENT, ADMITTED = 10_000, 20_000
"""Commands that a box office has under way; what is more it refuses as overloaded."""


def remarks(results: Results) -> Iterator[str]:
    """Each a sentence or two."""
    yield from _busy(results)
    yield from _limited(results)
    yield from _too_many_at_once(results)


def _busy(results: Results) -> Iterator[str]:
    busy, processes = results.extra[BUSY], results.run.options["processes"]
    if busy >= BUSY_PERCENT:
        yield (
            f"the load generator was busy for {busy:.0f} % of the time, and may be what limits the rate: "
            f"try --processes {processes + 1}."
        )


def _limited(results: Results) -> Iterator[str]:
    limited = sum(count for name, count in results.errors.items() if name.startswith("429"))
    if limited:
        yield (
            f"{number(limited)} requests met a rate limit (429), and so its figures are the limit's: "
            "load with an API key that has none."
        )


def _too_many_at_once(results: Results) -> Iterator[str]:
    """Of batches, where it comes from what was asked for and not from the server's being slow."""
    options = results.run.options
    if results.run.scenario != "batch" or not any("overloaded" in name for name in results.errors):
        return
    connections, size, events = options["connections"], options["batch"], options["events"] or 1
    admitted = min(ADMITTED, ADMITTED_OF_AN_EVENT * events)
    if connections * size > admitted:
        yield (
            f"{number(connections)} clients with {number(size)} bookings a request have more under way than "
            f"the {number(admitted)} that a box office takes at once; the others it refuses as overloaded. "
            f"-c {max(1, admitted // size)} would fit."
        )
