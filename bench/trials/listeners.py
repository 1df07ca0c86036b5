"""Thousands of listeners on one hot event while bookings run: what they see, what they cost, whom they slow.

    python bench/trials/listeners.py [--listeners 5000] [--stalled 100] [--seconds 8] [--rounds 3]

Starts `boxoffice serve` on a throw-away embedded database. In each round a closed loop books tickets of a new
event (see `open_loop.py`), first with nobody listening and then with all listeners, of whom the last
`--stalled` never read. The listeners are those of `boxoffice bench --scenario listeners`, which measures one
such load; what this adds is the comparison, and the server's memory. Prints for each round

final       how many have the version that `GET /status` shows once all is booked. Ends with 1 if not all have
staleness   how old what a listener sees has become, and the lag of what arrives (bench/load/staleness.py)
bookings    a second, with listeners as a ratio to without; the same for a second of the server's processor
            time, for when something else takes the processors, too; and how long answers took
processors  what each process used of them, and the server's time for a message: what it used beyond what as
            many bookings took without listeners, shared among the messages sent
memory      what a listener takes of the server's; and what the server grew by until the stalled ones were
            looked at, less what as many bookings took without listeners. Both are of the first round: later
            ones use again what it left behind

and the aims beside the figures. Connecting takes a second for every 500.
"""

import argparse
import asyncio
import gc
import resource
import statistics
import time
from typing import Any, NamedTuple

import uvloop
from findings import Findings, parser
from open_loop import GOOD, SENT, Tally, kind_of
from overload import crowd_of
from stage import Stage, end_on_sigterm, open_all_files, staged

from boxoffice.bench.load.audience import A_SECOND, Process, audience
from boxoffice.bench.load.staleness import Answered

SETTLE_S = 10.0
"""How long after the last booking all must have the final version. One that is stuck is closed by then."""

SPARE = 512
"""Open files that a process needs for everything else."""

FLAT_BYTES = 64 * 1024
"""What the server may grow by for each that never reads."""

MEBIBYTE = 1 << 20

STALE_MS = 1_000.0
RATIO = 0.5


class Load(NamedTuple):
    """One load of bookings: what was counted from `begin_s` on, and what the server grew by in all of it."""

    tally: Tally
    sold: int
    begin_s: float
    seconds: float
    cpu_s: dict[str, float]
    grew_bytes: int
    answered: Answered

    @property
    def rate(self) -> float:
        """Bookings in a second."""
        return self.good / self.seconds

    @property
    def good(self) -> int:
        """Bookings that were counted."""
        return int(self.tally.counts[GOOD])

    def __str__(self) -> str:
        p50, p99 = (self.tally.percentile_ms(GOOD, percent) for percent in (50, 99))
        return f"{self.rate:.0f} bookings/s (p50 {p50:.0f} ms, p99 {p99:.0f} ms)"


class Benchmark:
    """All rounds, and what has become of the aims."""

    def __init__(
        self, findings: Findings, stage: Stage, listeners: Process, options: argparse.Namespace
    ) -> None:
        self._findings = findings
        self._stage = stage
        self._listeners = listeners
        self._options = options
        self._ratios: list[float] = []
        self._staleness_s: list[float] = []
        self._final: list[bool] = []
        self._extra_bytes: int | None = None

    async def run(self) -> bool:
        """Whether every listener had the final version, in every round."""
        await self._load(self._stage.event(), self._options.seconds / 2)  # a warm-up
        for number in range(1, self._options.rounds + 1):
            alone = await self._load(self._stage.event(), self._options.seconds)
            print(f"round {number}  without listeners  {alone}", used(alone), sep="\n    ", flush=True)
            await self._round(number, alone)
        self._conclude()
        return all(self._final)

    async def _load(self, event_id: str, seconds: float) -> Load:
        """A closed loop that books."""
        answered = Answered()
        warm_up_s = min(2.0, seconds / 4)

        def seen(answer: bytes) -> str:
            answered.note(answer)
            return str(kind_of(answer))

        crowd = crowd_of(self._stage, event_id, self._options.connections, seen)
        before = self._stage.resident_bytes
        marks = self._stage.watch_cpu(seconds, warm_up_s)
        begin_s = time.monotonic() + warm_up_s
        await crowd.press(warm_up_s, seconds)
        grew = self._stage.resident_bytes - before
        if set(crowd.all) != {GOOD, SENT}:
            print(f"the closed loop saw {dict(crowd.all)}", flush=True)
        used_s = {name: marks[1][name] - marks[0][name] for name in marks[0]}
        return Load(crowd.counted, crowd.all[GOOD], begin_s, seconds, used_s, grew, answered)

    async def _round(self, number: int, alone: Load) -> None:
        """The same with listeners."""
        event_id = self._stage.event()
        before = self._stage.resident_bytes
        await self._enter(event_id)
        inside = self._stage.resident_bytes
        began_s = time.monotonic()
        load = await self._load(event_id, self._options.seconds)
        version = int(self._stage.status(event_id)["version"])
        settled = await self._listeners.ask("settle", version=version, within_s=SETTLE_S)
        self._ratios.append(load.rate / alone.rate)
        by_cpu = load.good / load.cpu_s["server"] / (alone.good / alone.cpu_s["server"])
        print(
            f"round {number}  with {self._options.listeners} listeners  {load}  ratio {self._ratios[-1]:.2f},"
            f" by the server's processor time {by_cpu:.2f}"
        )
        self._tell_final(settled, version, load)
        await self._tell_stale(load, alone, version)
        await asyncio.sleep(began_s + self._options.stuck_seconds - time.monotonic())
        grew = self._stage.resident_bytes - inside
        if number == 1:
            self._tell_memory(inside - before, grew, load, alone)
        await self._tell_stalled(await self._listeners.ask("idle"), version)
        await self._listeners.ask("leave")

    async def _enter(self, event_id: str) -> None:
        many = self._options.listeners
        url = f"{self._stage.url}/status/{event_id}/live"
        who = {"listeners": many, "stalled": self._options.stalled, "a_second": self._options.pace}
        entered = await self._listeners.ask("enter", url=url, key=None, **who)
        if entered["inside"] < many:
            raise SystemExit(f"only {entered['inside']} of {many} listeners came in: {entered['ended']}")

    def _tell_final(self, settled: dict[str, Any], version: int, load: Load) -> None:
        self._final.append(settled["final"] == settled["of"])
        said = f"{settled['final']} of {settled['of']} who read have the final version {version}"
        if self._final[-1]:
            late_ms = max(0.0, settled["last_s"] - load.answered.last_s) * 1_000
            print(f"    {said}, the last of them {late_ms:.0f} ms after the last answer")
        else:
            behind = settled["behind"]
            print(f"    ONLY {said}; ended: {settled['ended']}; behind: {len(behind)}, at {behind[:5]} …")

    async def _tell_stale(self, load: Load, alone: Load, version: int) -> None:
        window = {"begin_s": load.begin_s, "end_s": load.begin_s + load.seconds}
        stale = await self._listeners.stale(load.answered.by_version(version), **window)
        p50, p99, worst = (f"{value * 1_000:.0f}" for value in (*stale["staleness_s"], stale["worst_s"]))
        lag = ", ".join(f"{value * 1_000:.0f}" for value in stale["lag_s"])
        self._staleness_s.append(stale["staleness_s"][1])
        print(f"    staleness: p50 {p50} ms, p99 {p99} ms, worst {worst} ms; lag p50, p99, worst: {lag} ms")
        each_s = stale["messages"] / load.seconds / max(1, self._options.listeners - self._options.stalled)
        beyond_s = load.cpu_s["server"] - alone.cpu_s["server"] * load.good / alone.good
        each_us = beyond_s / max(1, stale["messages"]) * 1e6
        print(f"    {used(load)}")
        print(f"    {each_s:.1f} messages/s to each listener; {each_us:.0f} us of the server's time for one")

    def _tell_memory(self, listeners_bytes: int, grew: int, load: Load, alone: Load) -> None:
        booking = alone.grew_bytes / alone.sold
        self._extra_bytes = round(grew - booking * load.sold)
        print(
            f"    memory: {listeners_bytes / self._options.listeners / 1024:.1f} KiB for a listener; grew by"
            f" {grew / MEBIBYTE:.1f} MiB, {self._extra_bytes / MEBIBYTE:.1f} MiB more than the bookings take"
        )

    async def _tell_stalled(self, ended: dict[str, int], version: int) -> None:
        said = ", ".join(f"{how} {many}" for how, many in ended.items() if many)
        again = await self._listeners.ask("settle", version=version, within_s=0)
        self._final.append(again["final"] == again["of"])
        print(
            f"    {self._options.stalled} never read: {said or 'none'}; all others are still there: "
            f"{'yes' if self._final[-1] else again['ended']}",
            flush=True,
        )

    def _conclude(self) -> None:
        tell = self._findings.tell
        many = self._options.listeners
        extra = (self._extra_bytes or 0) / MEBIBYTE
        room = FLAT_BYTES * max(100, self._options.stalled) / MEBIBYTE
        final = 100 * sum(self._final) / len(self._final)
        tell(f"looks at {many:,} listeners that all had the final version", final, "%", at_least=100)
        staleness_ms = statistics.median(self._staleness_s) * 1_000
        tell("p99 of how old what a listener sees has become", staleness_ms, "ms", at_most=STALE_MS)
        what = f"bookings with {many:,} listeners, to without"
        tell(what, statistics.median(self._ratios), at_least=RATIO)
        tell("what the server grew by beside the bookings", extra, "MiB", at_most=room)


def used(load: Load) -> str:
    """What each process used of the processors."""
    return "processors: " + ", ".join(
        f"{name} {each / load.seconds:.2f}" for name, each in load.cpu_s.items()
    )


def parse() -> argparse.Namespace:
    """What is to be done; ends here if there are not enough open files for it."""
    options_of = parser(__doc__, rounds=3)
    options_of.add_argument("--listeners", type=int, default=5_000)
    options_of.add_argument("--stalled", type=int, default=100, help="how many of them never read")
    options_of.add_argument("--seconds", type=float, default=8.0)
    options_of.add_argument("--connections", type=int, default=64, help="how many book at once")
    options_of.add_argument("--pace", type=int, default=A_SECOND, help="listeners that connect in a second")
    options_of.add_argument(
        "--stuck-seconds",
        type=float,
        default=15.0,
        help="when to look at those that never read, at the earliest",
    )
    options = options_of.parse_args()
    options.stalled = min(options.stalled, options.listeners)
    wanted, hard = (
        options.listeners + options.connections + SPARE,
        resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    )
    if hard not in (resource.RLIM_INFINITY, *range(wanted, hard + 1)):
        raise SystemExit(f"{wanted} open files are needed, and {hard} are allowed: ulimit -Hn {wanted}")
    return options


async def measure(findings: Findings, stage: Stage, options: argparse.Namespace) -> bool:
    """Whether every listener had the final version."""
    async with audience() as listeners:
        stage.pids["listeners"] = listeners.pid
        return await Benchmark(findings, stage, listeners, options).run()


def main() -> None:
    """Run the trial."""
    end_on_sigterm()
    options = parse()
    open_all_files()
    findings = Findings("listeners")
    many = options.listeners + options.connections + SPARE
    room = ("--max-connections", str(many), "--max-listeners", str(many))
    with staged(options.temporary, *room) as stage:
        gc.disable()  # the crowd makes no cycles
        all_final = uvloop.run(measure(findings, stage, options))
    findings.write(options.json)
    if not all_final:
        raise SystemExit("not every listener had the final version")


if __name__ == "__main__":
    main()
