"""Whether the server stays as it is while it works: its memory and the 99th percentile, period by period.

    python bench/trials/churn.py [--minutes 0.3] [--rate 1000] [--visitors 64] [--periods 10]

Visitors book, hold, confirm and cancel on one event with a line, in an open loop (see `visitors.py`). After
a warm-up of 10 s, or a fifth of the time if that is less, the time is cut into periods. Each has the server's
memory (the median of samples) and the p99 of all answers; and, for what the machine itself does, the p99 of
somebody who looks 100 times a second at a handler that does nothing. A line is laid through each by least
squares; what it rises by in the whole time is growth as far as it goes beyond twice its standard error. A
short run only shows how it begins, and is not judged: by hand, take `--minutes 20`. In the end the database
is audited.
"""

import argparse
import asyncio
import math
import statistics
import time
from typing import NamedTuple

import uvloop
from findings import Chart, Findings, Series, parser, percentile, shown
from stage import Stage, address_of, doing_nothing, end_on_sigterm, staged
from visitors import KEPT, REFUSED_MAX, Seen, Visitor, look

WARM_UP_S = 10.0
SAMPLES = 10
"""Of the memory, in a period."""

LOOKS_EVERY_S = 0.01

JUDGED_MIN = 10.0
"""Minutes. What grows at first, and then no more, does so within less."""

MEMORY_MAX = 2.0
P99_MAX = 20.0
"""What counts as flat: so many percent of the first period, in the whole time."""


class Period(NamedTuple):
    """When it ended, in minutes after the warm-up, and what was seen in it."""

    minutes: float
    mebibytes: float
    p99_ms: float
    nothing_p99_ms: float
    """Of the handler that does nothing."""


class Slope(NamedTuple):
    """Of a line through points, with its standard error; both by the unit of x."""

    slope: float
    error: float


def slope_of(xs: list[float], ys: list[float]) -> Slope:
    """By least squares, of three points or more."""
    mean_x, mean_y = statistics.mean(xs), statistics.mean(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    rests = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in zip(xs, ys, strict=True))
    return Slope(slope, math.sqrt(rests / (len(xs) - 2) / spread))


async def watch(stage: Stage, seen: Seen, nothing: Seen, periods: int, period_s: float) -> list[Period]:
    """All periods, one after the other, as they are."""
    found = []
    print("period      memory        p99    nothing's", flush=True)
    for number in range(1, periods + 1):
        samples = []
        for _ in range(SAMPLES):
            await asyncio.sleep(period_s / SAMPLES)
            samples.append(stage.resident_bytes / 2**20)
        p99s_ms = [percentile(each.take(), 99) for each in (seen, nothing)]
        found.append(Period(number * period_s / 60, statistics.median(samples), *p99s_ms))
        p99_ms, nothing_ms = p99s_ms
        print(
            f"{number:>6}  {found[-1].mebibytes:>6.1f} MiB  {p99_ms:>6.2f} ms  {nothing_ms:>8.2f} ms",
            flush=True,
        )
    return found


async def churn(stage: Stage, ceiling: str, options: argparse.Namespace, seen: Seen) -> list[Period]:
    """Let the visitors in, and watch."""
    nothing, seconds = Seen(), options.minutes * 60
    warm_up_s = min(WARM_UP_S, seconds / 5)
    event_id = stage.event(max(1, int(options.visitors * KEPT * 0.8)))
    began_s, every_s = time.monotonic() + 0.2, options.visitors / options.rate
    end_s = began_s + warm_up_s + seconds
    async with asyncio.TaskGroup() as visitors:
        for number in range(options.visitors):
            first_s = began_s + every_s * number / options.visitors
            visitor = Visitor(number, event_id, seen)
            visitors.create_task(visitor.run(stage.address, first_s, every_s, end_s))
        visitors.create_task(look(address_of(ceiling), nothing, LOOKS_EVERY_S, end_s))
        await asyncio.sleep(began_s + warm_up_s - time.monotonic())
        seen.take()
        nothing.take()
        return await watch(
            stage, seen, nothing, options.periods, (end_s - time.monotonic()) / options.periods
        )


def tell(
    findings: Findings, what: str, unit: str, minutes: list[float], values: list[float], most: float | None
) -> None:
    """By how much it has grown in the whole time, in percent."""
    slope = slope_of(minutes, values)
    whole = (minutes[-1] - minutes[0]) / values[0] * 100
    growth = max(0.0, slope.slope - 2 * slope.error) * whole
    note = (
        f"{shown(values[0])} {unit} at first, {shown(values[-1])} at last; {slope.slope:+.3g} ± "
        f"{2 * slope.error:.2g} {unit}/min over {minutes[-1]:.3g} min"
    )
    judged = most if minutes[-1] >= JUDGED_MIN else None
    findings.tell(f"growth of {what} under churn", growth, "%", at_most=judged, note=note)


def main() -> None:
    """Run the trial."""
    options_of = parser(__doc__)
    options_of.add_argument("--minutes", type=float, default=0.3)
    options_of.add_argument("--rate", type=float, default=1_000, help="requests a second, of all visitors")
    options_of.add_argument("--visitors", type=int, default=64)
    options_of.add_argument("--periods", type=int, default=10)
    options = options_of.parse_args()
    end_on_sigterm()
    findings, seen = Findings("churn"), Seen()
    with staged(options.temporary) as stage, doing_nothing() as ceiling:
        periods = uvloop.run(churn(stage, ceiling, options, seen))
        if seen.refused > seen.asked * REFUSED_MAX:
            raise SystemExit(f"{seen.refused} of {seen.asked} were refused")
        stage.audit()
    minutes, mebibytes, p99s_ms, nothing_ms = (list(each) for each in zip(*periods, strict=True))
    print(f"{seen.asked:,} were answered, and the audit found nothing amiss")
    tell(findings, "the server's memory", "MiB", minutes, mebibytes, MEMORY_MAX)
    tell(findings, "the p99", "ms", minutes, p99s_ms, P99_MAX)
    tell(
        findings, "the p99 of doing nothing, that is, of the machine itself", "ms", minutes, nothing_ms, None
    )
    lines = [
        Series("memory, MiB", list(zip(minutes, mebibytes, strict=True))),
        Series("p99, ms", list(zip(minutes, p99s_ms, strict=True))),
        Series("p99 of doing nothing, ms", list(zip(minutes, nothing_ms, strict=True))),
    ]
    findings.chart = Chart("Under churn", "minutes", "", lines)
    findings.write(options.json)


if __name__ == "__main__":
    main()
