"""From what was counted to what is reported: rates, percentiles, points of a chart, thresholds. Pure.

Called by the parent of the workers when the load and the audit are over.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from boxoffice.bench.options import Options
from boxoffice.bench.proof.findings import Proof
from boxoffice.bench.report.figures import camel
from boxoffice.bench.report.latencies import Latencies
from boxoffice.bench.report.results import (
    Audit,
    Call,
    Latency,
    Point,
    Results,
    Run,
    Step,
)
from boxoffice.bench.report.thresholds import Threshold, judge
from boxoffice.bench.report.totals import Bin, Series, Tally, Totals


def sum_up(
    run: Run,
    totals: Totals,
    lasted_s: float,
    *,
    proof: Proof | None = None,
    thresholds: Iterable[Threshold] = (),
    extra: Mapping[str, float] | None = None,
    ended_early: bool = False,
) -> Results:
    """All that is reported. `lasted_s`: how long requests were counted; without `proof` nobody looked."""
    every = totals.all
    return Results(
        run=msgspec.structs.replace(run, url=shown_url(run.url), command=shown_command(run.command)),
        lasted_s=round(lasted_s, 3),
        ended_early=ended_early,
        offered_rate=_rate(totals.offered, lasted_s),
        achieved_rate=_rate(every.count, lasted_s),
        good_rate=_rate(every.good, lasted_s),
        not_sent=totals.not_sent if run.loop == "open" else 0,
        all=_call(every, lasted_s),
        calls={name: _call(tally, lasted_s) for name, tally in _most_first(totals.calls)},
        errors=_by_number(every.failed),
        series=points(totals.series, lasted_s),
        audit=None if proof is None else _audit(proof),
        thresholds=[judge(each, totals, lasted_s, extra) for each in thresholds],
        extra={name: round(value, 3) for name, value in (extra or {}).items()},
    )


def options_shown(options: Options) -> dict[str, Any]:
    """Settings as they are reported."""
    fields = msgspec.structs.asdict(options)
    return {camel(name): value for name, value in fields.items()}


def shown_url(url: str) -> str:
    """Without a name, a password and a query, which may be secrets."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def shown_command(command: str) -> str:
    """Without API keys and passwords."""
    return re.sub(r"(?<=://)[^/@\s]*@", "", re.sub(r"\bbo_\w+", "bo_…", command))


def points(series: Series, lasted_s: float) -> list[Point]:
    """A chart's. What was answered after the end counts for the last of them, whose request it was."""
    found = [(at_s, bin_) for at_s, bin_ in series.bins() if not at_s or at_s < lasted_s]
    if len(found) > 1 and lasted_s - found[-1][0] < series.step_s / 4:
        found.pop()  # too short to tell a rate: it belongs to the one before
    if not found:
        return []
    last_s = found[-1][0]
    rest = [bin_ for at_s, bin_ in series.bins() if at_s > last_s]
    whole = [_point(at_s, series.step_s, bin_) for at_s, bin_ in found[:-1]]
    return [*whole, _last_point(last_s, max(lasted_s - last_s, 0.001), [found[-1][1], *rest])]


def _last_point(at_s: float, seconds: float, bins: list[Bin]) -> Point:
    whole = Bin()
    for each in bins:
        whole.add(each)
    return _point(at_s, seconds, whole)


def _point(at_s: float, seconds: float, bin_: Bin) -> Point:
    p50, p90, p99, longest = bin_.latencies.percentiles_ms((50, 90, 99, 100))
    bin_.pack()
    return Point(
        at_s=at_s,
        seconds=round(seconds, 3),
        rate=_rate(bin_.answered, seconds),
        good=_rate(bin_.good, seconds),
        errors=_rate(bin_.errors, seconds),
        offered=_rate(bin_.offered, seconds),
        p50=p50,
        p90=p90,
        p99=p99,
        max=longest,
    )


def _call(tally: Tally, lasted_s: float) -> Call:
    return Call(
        count=tally.count,
        rate=_rate(tally.count, lasted_s),
        good=tally.good,
        errors=tally.errors,
        lost=max(0, tally.count - tally.latencies.count),
        latency_ms=latency(tally.latencies),
        by_status=dict(sorted(tally.statuses.items())),
        failed=_by_number(tally.failed),
        distribution=[
            Step(percentile=percentile, ms=ms) for percentile, ms in tally.latencies.distribution()
        ],
    )


def latency(latencies: Latencies) -> Latency:
    """The percentiles that are told everywhere."""
    p50, p90, p99, p999, longest = latencies.percentiles_ms((50, 90, 99, 99.9, 100))
    return Latency(p50=p50, p90=p90, p99=p99, p999=p999, max=longest)


def _audit(proof: Proof) -> Audit:
    return Audit(
        checks=proof.checks,
        unknown=proof.unknown,
        unknown_applied=proof.unknown_applied,
        undone=proof.undone,
        tickets=proof.tickets,
        taken=proof.taken,
        waiting=proof.waiting,
        answers_only=proof.answers_only,
    )


def _most_first(calls: Mapping[str, Tally]) -> list[tuple[str, Tally]]:
    return sorted(calls.items(), key=lambda each: (-each[1].count, each[0]))


def _by_number(failed: Counter[str]) -> dict[str, int]:
    return dict(sorted(failed.items(), key=lambda each: (-each[1], each[0])))


def _rate(count: int, seconds: float) -> float:
    return round(count / seconds, 3) if seconds > 0 else 0.0
