"""What workers counted, added up: the same in any order and from any number of them; long runs stay small."""

import gc
import tracemalloc
from math import ceil, inf
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxoffice.bench.report.as_json import as_json
from boxoffice.bench.report.latencies import Latencies
from boxoffice.bench.report.results import Snapshot
from boxoffice.bench.report.sum_up import points, sum_up
from boxoffice.bench.report.thresholds import parse
from boxoffice.bench.report.totals import POINTS_MAX, Series, Totals
from tests.support.made_up_run import counts, encoded, run, snapshot, totals

few = settings(max_examples=50, deadline=None)
"""A histogram takes a tenth of a millisecond to make."""

Request = tuple[int, str, int, int]
"""The quarter of a second in which it was answered, the call, the status, and the microseconds it took."""

requests = st.tuples(
    st.integers(-2, 12),
    st.sampled_from(["book", "hold", "status"]),
    st.sampled_from([0, 201, 409, 503]),
    st.integers(1, 60_000_000),
)


def seen(asked: list[Request], quarter: int) -> Snapshot:
    """What one worker saw of these in that quarter."""
    calls = {}
    for call in {name for _, name, _, _ in asked}:
        mine = [(status, us) for _, name, status, us in asked if name == call]
        statuses = {status: sum(each == status for each, _ in mine) for status, _ in mine}
        failed = {f"{status} it was": count for status, count in statuses.items() if status in (0, 503)}
        calls[call] = counts([us for _, us in mine], answers=statuses, failed=failed)
    return snapshot(quarter / 4, calls, offered=len(asked) + 1)


def snapshots(asked: list[tuple[Request, int]]) -> list[Snapshot]:
    """Of several workers: each request comes with its worker's number."""
    found = []
    for quarter, worker in sorted({(request[0], worker) for request, worker in asked}):
        mine = [request for request, who in asked if request[0] == quarter and who == worker]
        found.append(seen(mine, quarter))
    return found


def reported(found: list[Snapshot]) -> str:
    """Everything that is said of it, but for what is offered, which here depends on the workers."""
    asked = [Snapshot(each.at_s, each.sent, each.sent, each.connections, each.calls) for each in found]
    return as_json(sum_up(run(machine=None), totals(asked), 3.0, thresholds=[parse("p95>1ms")]))


@few
@given(st.lists(st.tuples(requests, st.integers(1, 4)), max_size=25), st.randoms())
def test_any_number_of_workers_in_any_order_gives_the_same_results(
    asked: list[tuple[Request, int]], chance: Random
) -> None:
    of_one = snapshots([(request, 1) for request, _ in asked])
    of_many = snapshots(asked)
    chance.shuffle(of_many)
    assert reported(of_many) == reported(of_one)


@few
@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 1_000_000)), min_size=1, max_size=30),
    st.integers(2, 9),
    st.randoms(),
)
def test_a_series_that_was_thinned_has_lost_nothing_and_does_not_depend_on_the_order(
    asked: list[tuple[int, int]], points_max: int, chance: Random
) -> None:
    def made(in_order: list[tuple[int, int]]) -> list[tuple[int, int, list[float | None]]]:
        series = Series(points_max)
        for at_s, us in in_order:
            bin_ = series.at(at_s)
            bin_.count(1, 1, 1, 0)
            bin_.latencies.add(Latencies(encoded([us])))
        return [
            (at_s, each.answered, each.latencies.percentiles_ms((50, 100))) for at_s, each in series.bins()
        ]

    mixed = asked.copy()
    chance.shuffle(mixed)
    found = made(asked)
    assert found == made(mixed)
    assert len(found) <= points_max
    assert sum(answered for _, answered, _ in found) == len(asked)
    longest = max(us for _, us in asked) / 1_000
    assert max(percentiles[1] or 0 for _, _, percentiles in found) == pytest.approx(longest, rel=0.001)


def test_percentiles_are_those_of_all_that_was_asked_and_not_means_of_percentiles() -> None:
    quick, slow = (
        snapshot(1.0, {"book": counts([1_000] * 980)}),
        snapshot(1.5, {"book": counts([90_000] * 20)}),
    )
    found = sum_up(run(), totals([quick, slow]), 2.0)
    assert found.all.latency_ms.p50 == pytest.approx(1, rel=0.001)
    assert found.all.latency_ms.p90 == pytest.approx(1, rel=0.001)
    assert found.all.latency_ms.p99 == pytest.approx(90, rel=0.001)
    assert found.calls["book"] == found.all


@few
@given(st.lists(st.integers(1, 60_000_000), min_size=1, max_size=200), st.floats(0.001, 100))
def test_a_percentile_is_the_smallest_time_that_so_many_did_not_exceed(
    times: list[int], percent: float
) -> None:
    exact = sorted(times)[max(1, ceil(percent * len(times) / 100)) - 1] / 1_000
    found = Latencies(encoded(times)).percentile_ms(percent)
    assert found is not None
    assert exact <= found <= exact * 1.001 + 0.001


def test_of_no_latencies_there_is_no_percentile() -> None:
    nothing = Latencies()
    nothing.add(Latencies(encoded([])))
    assert nothing.percentiles_ms((50, 100)) == [None, None]
    assert list(nothing.distribution()) == []


def test_a_distribution_goes_up_to_the_longest_and_as_far_as_there_are_requests_to_tell() -> None:
    found = list(Latencies(encoded(range(1, 1_001))).distribution())
    percentiles, values = zip(*found, strict=True)
    assert percentiles[0] == 0
    assert percentiles[-2:] == (pytest.approx(99.944, abs=0.001), 100)
    assert list(values) == sorted(values)
    assert values[-1] == 1.0


def test_what_came_while_the_server_warmed_up_is_seen_and_not_counted() -> None:
    warm = snapshot(0.0, {"book": counts([500] * 7, failed={"503 overloaded": 1})}, offered=9)
    not_yet = Snapshot(-inf, 3, 3, 1, {"book": counts([500])})
    found = totals([not_yet, warm, snapshot(1.25, {"book": counts([500] * 2)})])
    assert [bin_.answered for bin_ in found.recent.whole()] == [7, 0]
    result = sum_up(run(loop="open"), found, 2.0)
    assert (result.all.count, result.all.errors, result.not_sent) == (2, 0, 0)
    assert (result.achieved_rate, result.good_rate, result.offered_rate) == (1.0, 1.0, 1.0)


def test_who_got_no_answer_is_counted_though_there_is_no_time_to_tell() -> None:
    lost = counts([], answers={0: 3}, failed={"no answer": 3})
    found = sum_up(run(), totals([snapshot(1.0, {"book": lost})]), 1.0)
    assert (found.all.count, found.all.good, found.all.errors) == (3, 0, 3)
    assert found.all.latency_ms.p99 is None
    assert found.errors == {"no answer": 3}
    assert found.series[0].max is None


def test_requests_that_fell_due_and_were_not_sent_are_told_in_an_open_loop() -> None:
    behind = totals([snapshot(1.0, {"book": counts([1_000] * 10)}, offered=25)])
    assert sum_up(run(loop="open"), behind, 1.0).not_sent == 15
    assert sum_up(run(loop="closed"), behind, 1.0).not_sent == 0


def test_what_is_answered_after_the_end_belongs_to_the_last_second() -> None:
    found = totals([snapshot(at_s, {"book": counts([1_000] * 10)}) for at_s in (1.0, 2.0, 2.6, 9.0)])
    series = points(found.series, 2.5)
    assert [(each.at_s, each.seconds, each.rate) for each in series] == [(0, 1, 10), (1, 1, 10), (2, 0.5, 40)]


def test_a_last_second_too_short_for_a_rate_is_part_of_the_one_before() -> None:
    found = totals([snapshot(at_s, {"book": counts([1_000] * 10)}) for at_s in (1.0, 2.0, 2.25)])
    series = points(found.series, 2.05)
    assert [(each.at_s, each.rate) for each in series] == [(0, 10), (1, pytest.approx(20 / 1.05, rel=0.001))]


def test_a_run_without_a_single_answer_has_results_all_the_same() -> None:
    found = sum_up(run(), Totals(), 0.0)
    assert (found.all.count, found.achieved_rate, found.series) == (0, 0, [])


def test_what_was_added_up_is_gone_at_once() -> None:
    """Without the garbage collector, which might take its time: four of these come every second."""
    quarter = encoded([1_000])
    gc.disable()
    try:
        tracemalloc.start()
        whole = Latencies()
        for _ in range(50):
            whole.add(Latencies(quarter))
        current, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert current < 500_000


def test_a_long_run_is_kept_in_little_memory() -> None:
    """A histogram takes 140 KB, and there is one for every point."""
    found = Totals()
    quarter = {"book": counts(range(500, 600_000, 6_000))}
    found.take(snapshot(0.5, quarter))
    tracemalloc.start()
    for second in range(1, POINTS_MAX + 200, 2):
        found.take(snapshot(second, quarter))
    current, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.series.step_s == 2
    assert len(points(found.series, POINTS_MAX + 200)) <= POINTS_MAX
    assert current < 15_000_000
