"""When a run is to fail: `p99>50ms`, `book.p99 > 20ms`, `errors>1%`, `rate<5000`.

Read before the run, so that a slip of the pen does not cost one, and judged at its end. What could not be
measured has failed: a threshold on a call that nobody made proves nothing.
"""

import operator
import re
from collections.abc import Callable

import msgspec

from boxoffice.bench.report.results import Judged
from boxoffice.bench.report.totals import Tally, Totals

ALLOWED = (
    "a latency (p50, p90, p99, p99.9 or any other percentile, max) with ms, s or us; errors or not-sent as a "
    "number or with %; rate or good per second; then >, >=, < or <=; before all of it the name of a call and "
    "a dot, if it is about one: 'p99>50ms', 'book.p99.9>=1s', 'errors>1%', 'rate<5000'"
)
IN_MS = {"us": 0.001, "µs": 0.001, "ms": 1.0, "s": 1_000.0}
COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
PLAIN = ("errors", "not-sent", "rate", "good")

_WHOLE = re.compile(
    r"\s*(?P<left>[^<>=]*?)\s*(?P<than>>=|<=|>|<)\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>\S*)\s*", re.ASCII
)
_LEFT = re.compile(
    r"(?:(?P<call>[a-z_][\w-]*)\.)?(?P<metric>p\d{1,2}(?:\.\d+)?|max|errors|not-sent|rate|good)", re.ASCII
)


class ThresholdError(ValueError):
    """What is wrong with a threshold, and what is allowed: one sentence each."""


class Threshold(msgspec.Struct, frozen=True):
    """The run has failed when this is so."""

    text: str
    """As it was written."""
    call: str | None
    """None: all of them."""
    metric: str
    than: str
    limit: float
    unit: str
    """ms, %, or nothing; the limit is in it."""


def parse(text: str) -> Threshold:
    """Read one. Raises ThresholdError."""
    if (whole := _WHOLE.fullmatch(text)) is None:
        raise _wrong(text, "it is not something, a comparison and a number")
    if (left := _LEFT.fullmatch(whole["left"])) is None:
        raise _wrong(text, f"'{whole['left']}' is nothing that is measured")
    call, metric, limit, unit = left["call"], left["metric"], float(whole["number"]), whole["unit"]
    if call and metric == "not-sent":
        raise _wrong(text, "what was not sent is counted for all calls together")
    if metric in PLAIN:
        if unit not in (("", "%") if metric in ("errors", "not-sent") else ("",)):
            raise _wrong(text, f"'{unit}' is no unit of {metric}")
        return Threshold(text.strip(), call, metric, whole["than"], limit, unit)
    if unit not in IN_MS:
        raise _wrong(text, f"'{unit}' is no unit of time" if unit else "the unit of time is missing")
    if metric != "max" and not float(metric[1:]):
        raise _wrong(text, "nothing is faster than 0 percent")
    return Threshold(text.strip(), call, metric, whole["than"], limit * IN_MS[unit], "ms")


def judge(threshold: Threshold, totals: Totals, lasted_s: float) -> Judged:
    """What was measured, and whether the run has failed by it."""
    value = _value(threshold, totals, lasted_s)
    failed = value is None or COMPARE[threshold.than](value, threshold.limit)
    unit = threshold.unit or ("" if threshold.metric in ("errors", "not-sent") else "/s")
    return Judged(threshold=threshold.text, value=value, unit=unit, failed=failed)


def _value(threshold: Threshold, totals: Totals, lasted_s: float) -> float | None:
    tally = totals.all if threshold.call is None else totals.calls.get(threshold.call)
    if tally is None or not tally.count:
        return None
    match threshold.metric:
        case "errors":
            return _share(tally.errors, tally.count, threshold.unit)
        case "not-sent":
            return _share(totals.not_sent, totals.offered, threshold.unit)
        case "rate":
            return tally.count / lasted_s if lasted_s else None
        case "good":
            return tally.good / lasted_s if lasted_s else None
    return _latency(tally, threshold.metric)


def _latency(tally: Tally, metric: str) -> float | None:
    return tally.latencies.percentile_ms(100.0 if metric == "max" else float(metric[1:]))


def _share(part: int, whole: int, unit: str) -> float | None:
    if unit != "%":
        return float(part)
    return 100 * part / whole if whole else None


def _wrong(text: str, why: str) -> ThresholdError:
    return ThresholdError(f"The threshold '{text}' cannot be understood: {why}. Allowed is {ALLOWED}.")
