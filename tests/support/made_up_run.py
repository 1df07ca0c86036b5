"""Snapshots and results of load tests that never were, for the tests of what is reported of one."""

from collections.abc import Iterable, Iterator, Mapping
from math import sin
from random import Random
from typing import Any

from hdrh.histogram import HdrHistogram

from boxoffice.bench.proof.findings import CHECKS, LOOKED_AT, Check, Proof
from boxoffice.bench.report.results import Counts, Machine, Results, Run, Snapshot
from boxoffice.bench.report.sum_up import sum_up
from boxoffice.bench.report.thresholds import parse
from boxoffice.bench.report.totals import Totals


def encoded(microseconds: Iterable[int]) -> bytes:
    """A histogram, as a worker sends it."""
    histogram = HdrHistogram(1, 60_000_000, 3)
    for each in microseconds:
        histogram.record_value(each)
    return bytes(histogram.encode())


def counts(
    microseconds: Iterable[int],
    *,
    answers: Mapping[int, int] | None = None,
    failed: Mapping[str, int] | None = None,
    good: int | None = None,
) -> Counts:
    """One call's; all were answered by 201, if nothing else is said."""
    times = list(microseconds)
    statuses = {201: len(times)} if answers is None else dict(answers)
    return Counts(
        statuses, statuses.get(201, 0) if good is None else good, dict(failed or {}), encoded(times)
    )


def snapshot(at_s: float, calls: Mapping[str, Counts], *, offered: int | None = None) -> Snapshot:
    """What one worker saw; all that was offered was sent, if nothing else is said."""
    sent = sum(sum(each.answers.values()) for each in calls.values())
    return Snapshot(at_s, sent if offered is None else offered, sent, 32, dict(calls))


def totals(snapshots: Iterable[Snapshot]) -> Totals:
    """Of all of them."""
    whole = Totals()
    for each in snapshots:
        whole.take(each)
    return whole


MACHINE = Machine(
    cores=2, model="Some CPU @ 3 GHz", memory_gb=24.0, kernel="Linux 6.18", python="CPython 3.11.7",
    versions={"boxoffice": "0.1.0", "aiohttp": "3.14.5"},
)  # fmt: skip


def run(**other: Any) -> Run:
    """What is known of a run but its figures."""
    known: dict[str, Any] = {
        "scenario": "rush",
        "url": "http://127.0.0.1:40123",
        "own_server": True,
        "options": {"scenario": "rush", "connections": 64, "rate": None, "seed": 7, "processes": 1},
        "loop": "closed",
        "counted": "bookings",
        "began_at": "2026-11-26T10:00:00Z",
        "warm_up_s": 2.0,
        "command": "boxoffice bench --scenario rush",
        "version": "0.1.0",
        "server_version": "0.1.0",
        "machine": MACHINE,
        "durability": {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"},
    }
    return Run(**known | other)


def proof(broken: Mapping[str, int] | None = None, *, unknown: int = 0) -> Proof:
    """That all promises hold but these."""
    amiss = broken or {}
    checks = [
        Check(
            name,
            looked_at=40_000,
            broken=(many := amiss.get(name, 0)),
            examples=[f"order 1-{i} was acknowledged, and is not there" for i in range(min(5, many))],
            counts=LOOKED_AT[name],
        )
        for name in CHECKS
    ]
    return Proof(checks, unknown)


def busy(
    seconds: int = 30, seed: int = 1, *, errors: bool = True, offered: int | None = None
) -> Iterator[Snapshot]:
    """A busy server, seen by one worker: it stalls for a moment, and then refuses some for a while."""
    chance = Random(seed)
    for quarter in range(1, 4 * seconds + 1):
        at_s = quarter / 4
        stalled = seconds * 0.55 < at_s < seconds * 0.58
        rate = int((30 if stalled else 240) * (1 + 0.12 * sin(at_s / 2) + chance.uniform(-0.05, 0.05)))
        slow = 90 if stalled else 1
        book = [min(int(chance.lognormvariate(9.2, 0.35)) * slow, 59_000_000) for _ in range(rate)]
        look = [int(chance.lognormvariate(7.2, 0.5)) * slow for _ in range(rate // 4)]
        refused = chance.randint(5, 30) if errors and seconds * 0.6 < at_s < seconds * 0.75 else 0
        refused = min(refused, rate)
        failed = {"503 overloaded": refused} if refused else {}
        if stalled and errors:
            failed["no answer"] = 2
        answers = {201: rate * 9 // 10 - refused, 409: rate - rate * 9 // 10}
        answers |= {503: refused} if refused else {}
        yield snapshot(
            at_s,
            {
                "book": counts(book, answers=answers, failed=failed),
                "status": counts(look, answers={200: len(look)}, good=0),
            },
            offered=offered,
        )


def results(snapshots: Iterable[Snapshot] | None = None, lasted_s: float = 30.0, **other: Any) -> Results:
    """What is reported of it."""
    said: dict[str, Any] = {
        "proof": proof(),
        "thresholds": [parse(each) for each in ("p99>50ms", "book.p99.9>=1s", "errors>1%", "rate<1000")],
    }
    known = run(**other.pop("run", {}))
    return sum_up(known, totals(busy() if snapshots is None else snapshots), lasted_s, **said | other)
