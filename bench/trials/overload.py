"""Goodput when more is asked than the server can do: bookings at 1, 2 and 3 times its capacity.

    python bench/trials/overload.py [--seconds 8] [--times 1 2 3] [--connections 4000] [--rounds 1]

Starts `boxoffice serve` on a throw-away embedded database, finds what it can do in a closed loop on one hot
event, and then offers multiples of that in an open loop (see `open_loop.py`), each on a new event. Goodput
is what was booked and answered while its client still waited; what the event says is booked must lie between
that and that with all that was sent and never answered.

Prints goodput as a ratio to the capacity, which is measured anew before and after each load, since the speed
of a machine varies; and the same for one second of the server's own processor time, which tells what a
booking costs in a crowd when something else takes the processors as well: the generator does, too.
"""

import argparse
import gc
import statistics
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

import open_loop
import uvloop
from findings import Findings, parser
from open_loop import EVERYTHING, GOOD, LOST, OTHER, OVERLOADED, SENT, TIMED_OUT, Crowd, Tally
from stage import Stage, end_on_sigterm, open_all_files, staged

WARM_UP_S = 3.0
PRESSING = 256
"""Connections in the closed loop."""


class Rate(NamedTuple):
    """Bookings in a second, and in a second of the server's processor time."""

    a_second: float
    a_cpu_second: float


def crowd_of(
    stage: Stage, event_id: str, connections: int, kind_of: Callable[[bytes], str] = open_loop.kind_of
) -> Crowd:
    """People who want tickets for it, one each."""
    return Crowd(*stage.address, connections, bookings(event_id), kind_of)


def bookings(event_id: str) -> Callable[[], bytes]:
    """Makes requests for one ticket each, every one for another customer."""
    numbers = count()
    body = b'{"eventId":"%s","userId":"%%09d","quantity":1}' % event_id.encode()
    head = b"POST /book HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    whole = head % len(body % 0) + body
    return lambda: whole % next(numbers)


def rate_of(tally: Tally, marks: list[dict[str, float]], seconds: float) -> Rate:
    """The good answers."""
    good, used_s = tally.counts[GOOD], marks[1]["server"] - marks[0]["server"]
    return Rate(good / seconds, good / used_s if used_s else 0.0)


async def capacity(stage: Stage, seconds: float) -> Rate:
    """What it can do in a closed loop."""
    crowd = crowd_of(stage, stage.event(), PRESSING)
    marks = stage.watch_cpu(seconds, WARM_UP_S)
    await crowd.press(WARM_UP_S, seconds)
    if set(crowd.all) != {GOOD, SENT}:
        raise SystemExit(f"the closed loop saw {dict(crowd.all)}")
    return rate_of(crowd.counted, marks, seconds)


async def overload(stage: Stage, rate: float, seconds: float, connections: int) -> tuple[Rate, list[str]]:
    """Goodput when so much is offered, and what there is to say about it."""
    event_id = stage.event()
    crowd = crowd_of(stage, event_id, connections)
    marks = stage.watch_cpu(seconds, WARM_UP_S)
    await crowd.offer(rate, WARM_UP_S, seconds)
    sold, good = stage.booked(event_id), crowd.all[GOOD]
    unknown = crowd.all[TIMED_OUT] + crowd.all[LOST] + crowd.all[OTHER]
    said = [
        *described(crowd.counted, marks, seconds),
        f"the event has booked {sold}: {good} were told so, {unknown} were told nothing or something else",
    ]
    if not good <= sold <= good + unknown:
        raise SystemExit("\n".join([*said, "that does not add up"]))
    return rate_of(crowd.counted, marks, seconds), said


def described(tally: Tally, marks: list[dict[str, float]], seconds: float) -> list[str]:
    """What happened, in lines."""
    lines = ["  ".join(f"{what} {tally.counts[what] / seconds:.0f}/s" for what in EVERYTHING)]
    for kind, name in ((GOOD, "good answers"), (OVERLOADED, "refusals")):
        if tally.latencies_s[kind]:
            p50, p99 = (tally.percentile_ms(kind, percent) for percent in (50, 99))
            lines.append(f"{name}: p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    used = {name: (marks[1][name] - marks[0][name]) / seconds for name in marks[0]}
    lines.append("processors: " + ", ".join(f"{name} {cores:.2f}" for name, cores in used.items()))
    return lines


async def measure(findings: Findings, stage: Stage, options: argparse.Namespace) -> None:
    """All loads, each between two measurements of what the server can do."""
    ratios: dict[float, list[Rate]] = {times: [] for times in options.times}
    before = await capacity(stage, options.seconds / 2)
    for times in options.times * options.rounds:
        goodput, said = await overload(stage, times * before.a_second, options.seconds, options.connections)
        after = await capacity(stage, options.seconds / 2)
        by_time, by_cpu = (
            each / statistics.mean(around) if each else 0.0
            for each, *around in zip(goodput, before, after, strict=True)
        )
        ratios[times].append(Rate(by_time, by_cpu))
        print(
            f"{times:g}x  goodput {goodput.a_second:.0f}/s; capacity {before.a_second:.0f}/s before,"
            f" {after.a_second:.0f}/s after; ratio {by_time:.2f}, by processor time {by_cpu:.2f}",
            *said,
            sep="\n    ",
            flush=True,
        )
        before = after
    for times, found in ratios.items():
        by_time, by_cpu = (statistics.median(each) for each in zip(*found, strict=True))
        note = f"by the server's processor time {by_cpu:.2f}"
        findings.tell(f"goodput at {times:g} times the capacity, to the capacity", by_time, note=note)


def main() -> None:
    """Run the trial."""
    options_of = parser(__doc__, rounds=1)
    options_of.add_argument("--seconds", type=float, default=8.0)
    options_of.add_argument("--times", type=float, nargs="+", default=[1.0, 2.0, 3.0])
    options_of.add_argument("--connections", type=int, default=4_000, help="that the crowd opens at the most")
    options = options_of.parse_args()
    end_on_sigterm()
    open_all_files()
    findings = Findings("overload")
    with staged(options.temporary) as stage:
        gc.disable()  # the crowd makes no cycles
        uvloop.run(measure(findings, stage, options))
    findings.write(options.json)


if __name__ == "__main__":
    main()
