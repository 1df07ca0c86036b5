"""When a run is to fail: `p99>50ms`, `book.p99 > 20ms`, `errors>1%`, `rate<5000`, `staleness_p99>200ms`.

The last is a figure that is also measured by one scenario, by its name in the table or in JSON; its unit may
be left out, as a part of the name or behind the number.

Read before the run, so that a slip of the pen does not cost one, and judged at its end. What could not be
measured has failed: a threshold on a call that nobody made proves nothing.
"""

import operator
import re
from collections.abc import Callable, Collection, Mapping

import msgspec

from boxoffice.bench.report.results import Judged
from boxoffice.bench.report.totals import Tally, Totals

ALLOWED = (
    "Write it like 'p99>50ms', 'book.p99.9>=1s', 'errors>1%' or 'rate<5000'. Measured are every percentile "
    "and max, of which lost connections are no part; errors, of which they are; not-sent, rate and good"
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
    is_figure: bool = False
    """Whether `metric` is one of those that are also measured."""


def parse(text: str, figures: Collection[str] = ()) -> Threshold:
    """Read one; `figures` are those that are also measured. Raises ThresholdError."""
    try:
        return _parsed(text, figures)
    except _WrongError as error:
        also = f", and here {', '.join(figures)}" if figures else ""
        said = f"The threshold '{text}' cannot be understood: {error}. {ALLOWED}{also}."
        raise ThresholdError(said) from None


class _WrongError(Exception):
    """What is wrong with one."""


def _parsed(text: str, figures: Collection[str]) -> Threshold:
    if (whole := _WHOLE.fullmatch(text)) is None:
        raise _WrongError("it is not something, a comparison and a number")
    name, than, limit, unit = whole["left"], whole["than"], float(whole["number"]), whole["unit"]
    if (figure := _figure(name, unit, figures)) is not None:
        factor, unit = _unit_of_figure(figure, unit)
        return Threshold(text.strip(), None, figure, than, limit * factor, unit, is_figure=True)
    if (left := _LEFT.fullmatch(name)) is None:
        raise _WrongError(f"'{name}' is nothing that is measured")
    call, metric = left["call"], left["metric"]
    if call and metric == "not-sent":
        raise _WrongError("what was not sent is counted for all calls together")
    if metric in PLAIN:
        if unit not in (("", "%") if metric in ("errors", "not-sent") else ("",)):
            raise _WrongError(f"'{unit}' is no unit of {metric}")
        return Threshold(text.strip(), call, metric, than, limit, unit)
    if unit not in IN_MS:
        raise _WrongError(f"'{unit}' is no unit of time" if unit else "the unit of time is missing")
    if metric != "max" and not float(metric[1:]):
        raise _WrongError("nothing is faster than 0 percent")
    return Threshold(text.strip(), call, metric, than, limit * IN_MS[unit], "ms")


def _figure(name: str, unit: str, figures: Collection[str]) -> str | None:
    """Which of them is meant, as the table has its name, or JSON, or without its unit if that follows."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[- ]", "_", name).lower()
    ends = ["", "_ms"] if unit in IN_MS else ["", "_percent"] if unit == "%" else [""]
    return next((plain + end for end in ends if plain + end in figures), None)


def _unit_of_figure(figure: str, unit: str) -> tuple[float, str]:
    """By what the number is to be multiplied, and the unit that this makes."""
    own = "ms" if figure.endswith("_ms") else "%" if figure.endswith("_percent") else ""
    if unit in ("", own):
        return 1.0, own
    if own != "ms" or unit not in IN_MS:
        raise _WrongError(f"'{unit}' is no unit of {figure}")
    return IN_MS[unit], own


def judge(
    threshold: Threshold, totals: Totals, lasted_s: float, figures: Mapping[str, float] | None = None
) -> Judged:
    """What was measured, and whether the run has failed by it. `figures`: what was also measured."""
    if threshold.is_figure:
        value = (figures or {}).get(threshold.metric)
    else:
        value = _value(threshold, totals, lasted_s)
    failed = value is None or COMPARE[threshold.than](value, threshold.limit)
    is_rate = threshold.metric in ("rate", "good") or threshold.metric.endswith("_per_s")
    unit = threshold.unit or ("/s" if is_rate else "")
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
