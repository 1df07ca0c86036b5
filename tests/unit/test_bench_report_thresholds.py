"""When a load test is to fail: how it is written, what is wrong with it, and how it is judged."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.bench.report.results import Judged
from boxoffice.bench.report.thresholds import Threshold, ThresholdError, judge, parse
from boxoffice.bench.report.words import answers, what_thresholds_hide
from tests.support.made_up_run import busy, counts, results, snapshot, totals

METRICS = ["p50", "p90", "p95", "p99", "p99.9", "max"]
IN_MS = {"us": 0.001, "ms": 1.0, "s": 1_000.0}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("p99>50ms", (None, "p99", ">", 50, "ms")),
        ("book.p99 > 20ms", ("book", "p99", ">", 20, "ms")),
        ("p99.9>=1s", (None, "p99.9", ">=", 1_000, "ms")),
        ("book.p99.9>=1s", ("book", "p99.9", ">=", 1_000, "ms")),
        ("max>2s", (None, "max", ">", 2_000, "ms")),
        ("  p50  >  1500  us ", (None, "p50", ">", 1.5, "ms")),
        ("errors>0", (None, "errors", ">", 0, "")),
        ("errors>1%", (None, "errors", ">", 1, "%")),
        ("rate<5000", (None, "rate", "<", 5_000, "")),
        ("cancel_some.good<=0.5", ("cancel_some", "good", "<=", 0.5, "")),
        ("not-sent>0", (None, "not-sent", ">", 0, "")),
    ],
)
def test_thresholds_are_understood(text: str, meant: tuple[str | None, str, str, float, str]) -> None:
    assert parse(text) == Threshold(text.strip(), *meant)


@given(
    call=st.one_of(st.none(), st.from_regex(r"[a-z_][a-z0-9_-]{0,8}", fullmatch=True)),
    metric=st.sampled_from(METRICS),
    than=st.sampled_from([">", ">=", "<", "<="]),
    number=st.integers(0, 100_000),
    unit=st.sampled_from(list(IN_MS)),
    space=st.sampled_from(["", " "]),
)
def test_whatever_is_put_together_by_the_rules_is_understood_as_it_was_meant(
    call: str | None, metric: str, than: str, number: int, unit: str, space: str
) -> None:
    text = (
        f"{call}.{metric}{space}{than}{space}{number}{unit}"
        if call
        else f"{metric}{than}{number}{space}{unit}"
    )
    found = parse(text)
    assert (found.call, found.metric, found.than) == (call, metric, than)
    assert found.limit == pytest.approx(number * IN_MS[unit])


@given(st.one_of(st.text(max_size=20), st.text("p950.9>=<ms% errorate", max_size=16)))
def test_anything_else_is_refused_in_one_way(text: str) -> None:
    with contextlib.suppress(ThresholdError):
        assert parse(text).text == text.strip()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("p99", "it is not something, a comparison and a number"),
        ("p99>fast", "it is not something, a comparison and a number"),
        ("p99=50ms", "it is not something, a comparison and a number"),
        ("p99>-1ms", "it is not something, a comparison and a number"),
        ("", "it is not something, a comparison and a number"),
        ("p99>50", "the unit of time is missing"),
        ("p99>50%", "'%' is no unit of time"),
        ("p99>50min", "'min' is no unit of time"),
        ("p100>1s", "'p100' is nothing that is measured"),
        ("p0>1s", "nothing is faster than 0 percent"),
        ("latency>1s", "'latency' is nothing that is measured"),
        ("book.>1s", "'book.' is nothing that is measured"),
        ("errors>1ms", "'ms' is no unit of errors"),
        ("rate<50%", "'%' is no unit of rate"),
        ("book.not-sent>0", "what was not sent is counted for all calls together"),
        ("p९९>1ms", "'p९९' is nothing that is measured"),
    ],
)
def test_what_is_wrong_is_said_and_what_is_allowed(text: str, why: str) -> None:
    with pytest.raises(ThresholdError) as raised:
        parse(text)
    assert f": {why}. Write it like 'p99>50ms'" in str(raised.value)
    assert "errors>1%" in str(raised.value)


FIGURES = ("messages_per_s", "staleness_p99_ms", "load_generator_busy_percent")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("staleness_p99_ms>50", ("staleness_p99_ms", 50, "ms")),
        ("staleness_p99_ms > 50us", ("staleness_p99_ms", 0.05, "ms")),
        ("staleness_p99>2s", ("staleness_p99_ms", 2_000, "ms")),
        ("staleness-p99>2ms", ("staleness_p99_ms", 2, "ms")),
        ("staleness p99 ms>2", ("staleness_p99_ms", 2, "ms")),
        ("stalenessP99Ms>2", ("staleness_p99_ms", 2, "ms")),
        ("messagesPerS>2", ("messages_per_s", 2, "")),
        ("load_generator_busy>90%", ("load_generator_busy_percent", 90, "%")),
        ("load_generator_busy_percent>90", ("load_generator_busy_percent", 90, "%")),
    ],
)
def test_what_is_also_measured_is_understood_by_its_name(text: str, meant: tuple[str, float, str]) -> None:
    found = parse(text, FIGURES)
    assert (found.metric, found.limit, found.unit) == meant
    assert found.is_figure


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("staleness_p98_ms>2", "'staleness_p98_ms' is nothing that is measured"),
        ("staleness_p99>2", "'staleness_p99' is nothing that is measured"),
        ("staleness_p99_ms>2%", "'%' is no unit of staleness_p99_ms"),
        ("messages_per_s>2ms", "'ms' is no unit of messages_per_s"),
        ("book.messages_per_s>2", "'book.messages_per_s' is nothing that is measured"),
    ],
)
def test_what_is_not_also_measured_is_refused_with_what_is(text: str, why: str) -> None:
    with pytest.raises(ThresholdError) as raised:
        parse(text, FIGURES)
    assert f": {why}. " in str(raised.value)
    assert str(raised.value).endswith(f"rate and good, and here {', '.join(FIGURES)}.")


def test_a_figure_of_another_scenario_is_refused() -> None:
    with pytest.raises(ThresholdError, match="nothing that is measured"):
        parse("staleness_p99>2ms")


# --- judging -------------------------------------------------------------------------------------

MEASURED = totals(
    [
        snapshot(
            1.0,
            {
                "book": counts(
                    [10_000] * 90 + [30_000] * 10, answers={201: 96, 503: 4}, failed={"503 overloaded": 4}
                ),
                "status": counts([1_000] * 100, answers={200: 100}, good=0),
            },
            offered=250,
        )
    ]
)


def judged(text: str) -> Judged:
    return judge(parse(text), MEASURED, 2.0)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("p50>1ms", 1.0, "ms"),
        ("p97.5>1ms", 30.0, "ms"),
        ("book.p90>1ms", 10.0, "ms"),
        ("status.max>1s", 1.0, "ms"),
        ("errors>0", 4, ""),
        ("errors>1%", 2, "%"),
        ("book.errors>1%", 4, "%"),
        ("status.errors>0", 0, ""),
        ("rate<1", 100, "/s"),
        ("good<1", 48, "/s"),
        ("book.rate<1", 50, "/s"),
        ("not-sent>0", 50, ""),
        ("not-sent>1%", 20, "%"),
    ],
)
def test_it_is_judged_by_what_was_measured(text: str, value: float, unit: str) -> None:
    found = judged(text)
    assert found.value == pytest.approx(value, rel=0.001)
    assert (found.threshold, found.unit) == (text, unit)


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("errors>3", True),
        ("errors>4", False),
        ("errors>=4", True),
        ("rate<100", False),
        ("rate<=100", True),
        ("rate<101", True),
        ("p99>29ms", True),
        ("p99>31ms", False),
    ],
)
def test_it_fails_when_what_was_written_is_so(text: str, failed: bool) -> None:
    assert judged(text).failed is failed


@pytest.mark.parametrize("text", ["hold.p99>1s", "bok.errors>0", "hold.rate<1"])
def test_what_was_never_measured_has_failed_and_says_that(text: str) -> None:
    found = judged(text)
    assert found.failed
    assert found.value is None


def test_times_that_nobody_told_fail_too() -> None:
    lost = totals([snapshot(1.0, {"book": counts([], answers={0: 2}, failed={"no answer": 2})})])
    assert judge(parse("p99>1s"), lost, 1.0).failed
    assert not judge(parse("errors>2"), lost, 1.0).failed


def test_what_was_also_measured_is_judged() -> None:
    seen = {"staleness_p99_ms": 60.0, "messages_per_s": 1_000.0}
    late, few = parse("staleness_p99>50ms", FIGURES), parse("messages_per_s<1000", FIGURES)
    assert judge(late, MEASURED, 2.0, seen) == Judged(threshold=late.text, value=60.0, unit="ms", failed=True)
    assert judge(few, MEASURED, 2.0, seen) == Judged(
        threshold=few.text, value=1_000.0, unit="/s", failed=False
    )
    assert judge(late, MEASURED, 2.0, {}).failed


def test_a_latency_alone_does_not_see_lost_connections_and_the_report_says_so() -> None:
    lost = [snapshot(1.0, {"book": counts([1_000] * 3, answers={201: 2, 0: 3}, failed={"no answer": 2})})]
    found = results(lost, 1.0, thresholds=[parse("p99>1s")])
    assert found.all.lost == 2
    assert not found.thresholds[0].failed
    assert 'and so have no latency: --fail-if "errors>0" sees them' in what_thresholds_hide(found)
    assert answers(found.all) == [("gave up", 1), ("connection lost", 2), ("201", 2)]
    with_errors = results(lost, 1.0, thresholds=[parse("p99>1s"), parse("errors>0")])
    assert what_thresholds_hide(with_errors) == ""
    assert what_thresholds_hide(results(thresholds=[parse("p99>1s")], snapshots=busy(errors=False))) == ""
