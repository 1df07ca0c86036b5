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
import asyncio
import gc
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import open_loop
import uvloop
from hot_event import CAPACITY, booked, post, running
from open_loop import EVERYTHING, GOOD, LOST, OTHER, OVERLOADED, SENT, TIMED_OUT, Crowd, Tally

WARM_UP_S = 3.0
PRESSING = 256
"""Connections in the closed loop."""


class Rate(NamedTuple):
    """Bookings in a second, and in a second of the server's processor time."""

    a_second: float
    a_cpu_second: float


class Process(NamedTuple):
    """Its parent, and its processor time in seconds."""

    parent: int
    cpu_s: float


class Stage:
    """The server, and what each of the processes uses of the processors. `pids`: ours, by their names."""

    def __init__(self, url: str, data_dir: Path) -> None:
        self.url = url
        self.pids = {}
        for pid, each in processes().items():
            if each.parent == os.getpid():
                self.pids["server"] = pid  # we have no other child yet
        self._postgres = int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])

    def cpu_s(self) -> dict[str, float]:
        """Seconds of processor time so far; only our own where there is no /proc."""
        used = processes()
        return {
            "generator": time.process_time(),
            **{name: used[pid].cpu_s for name, pid in self.pids.items() if pid in used},
            "PostgreSQL": sum(each.cpu_s for each in used.values() if each.parent == self._postgres),
        }

    def event(self) -> str:
        """A new event with enough tickets for everybody."""
        return str(post(f"{self.url}/initialize", {"eventName": "Hot", "totalTickets": CAPACITY})["eventId"])

    @property
    def address(self) -> tuple[str, int]:
        """Where the server listens."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def crowd(
        self, event_id: str, connections: int, kind_of: Callable[[bytes], str] = open_loop.kind_of
    ) -> Crowd:
        """People who want tickets for it, one each."""
        return Crowd(*self.address, connections, bookings(event_id), kind_of)

    def watch_cpu(self, seconds: float, warm_up_s: float = WARM_UP_S) -> list[dict[str, float]]:
        """What has been used when the warm-up ends, and when the load does; complete only then."""
        marks: list[dict[str, float]] = []
        for after_s in (warm_up_s, warm_up_s + seconds):
            asyncio.get_running_loop().call_later(after_s, lambda: marks.append(self.cpu_s()))
        return marks


@contextmanager
def staged(temporary: str, *options: str) -> Iterator[Stage]:
    """A server with these options on a throw-away database in this folder, and all the files it may open."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the server's, too
    folder = Path(tempfile.mkdtemp(prefix="boxoffice-bench-", dir=temporary))
    folder.chmod(0o755)
    boxoffice = str(Path(sys.executable).with_name("boxoffice"))
    serve = (boxoffice, "serve", "--port", "0", "--data-dir", str(folder), *options)
    try:
        with running("is open at", *serve) as line:
            yield Stage(line.split("is open at ")[1].split(",")[0], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def processes() -> dict[int, Process]:
    """All that run, by their ids."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        used_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        found[int(stat.parent.name)] = Process(int(fields[1]), used_s)
    return found


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
    crowd = stage.crowd(stage.event(), PRESSING)
    marks = stage.watch_cpu(seconds)
    await crowd.press(WARM_UP_S, seconds)
    if set(crowd.all) != {GOOD, SENT}:
        raise SystemExit(f"the closed loop saw {dict(crowd.all)}")
    return rate_of(crowd.counted, marks, seconds)


async def overload(stage: Stage, rate: float, seconds: float, connections: int) -> tuple[Rate, list[str]]:
    """Goodput when so much is offered, and what there is to say about it."""
    event_id = stage.event()
    crowd = stage.crowd(event_id, connections)
    marks = stage.watch_cpu(seconds)
    await crowd.offer(rate, WARM_UP_S, seconds)
    sold, good = booked(stage.url, event_id), crowd.all[GOOD]
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


async def measure(stage: Stage, options: argparse.Namespace) -> None:
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
        print(f"{times:g}x  median ratio {by_time:.2f}, by processor time {by_cpu:.2f}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--times", type=float, nargs="+", default=[1.0, 2.0, 3.0])
    parser.add_argument("--connections", type=int, default=4_000, help="how many the crowd opens at the most")
    parser.add_argument("--temporary", default="/var/tmp", help="folder for the throw-away database")
    options = parser.parse_args()
    with staged(options.temporary) as stage:
        gc.disable()  # the crowd makes no cycles
        uvloop.run(measure(stage, options))


if __name__ == "__main__":
    main()
