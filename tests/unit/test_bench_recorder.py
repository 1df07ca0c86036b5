"""What the load tester counts, and when people come."""

import gc
from itertools import pairwise, takewhile
from math import log
from random import Random

import pytest
from hdrh.histogram import HdrHistogram

from boxoffice.bench.load.arrivals import arrivals
from boxoffice.bench.load.asks import GAVE_UP, NO_ANSWER, Answer, Ask
from boxoffice.bench.load.latencies import DIGITS, HIGHEST_US, LOWEST_US, Latencies
from boxoffice.bench.load.recorder import Recorder
from boxoffice.bench.scenarios.scenario import Taken

BOOK = Ask("book", "/book", b"{}")
LOOK = Ask("status", "/status/1", method="GET")
BOOKED = Answer(201, b"{}")


def test_latencies_are_what_hdrhistogram_itself_records() -> None:
    chance = Random(7)
    mine, other = Latencies(), HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for seconds in (0.0, 1e-7, 61.0, *(chance.lognormvariate(-6, 2) for _ in range(5_000))):
        mine.record(seconds)
        other.record_value(min(max(int(seconds * 1e6), LOWEST_US), HIGHEST_US))
    found = HdrHistogram.decode(mine.encoded())
    assert found.get_total_count() == other.get_total_count()
    for percentile in (0.1, 10, 50, 90, 99, 99.9, 100):
        assert found.get_value_at_percentile(percentile) == other.get_value_at_percentile(percentile)


def test_encoding_latencies_leaves_no_histogram_for_the_garbage_collector() -> None:
    """Each is 190 KB, and a worker collects hardly ever: in 20 minutes they would come to 4 GB."""

    def histograms() -> int:
        return sum(isinstance(each, HdrHistogram) for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = histograms()
        for _ in range(20):
            mine = Latencies()
            mine.record(0.001)
            assert HdrHistogram.decode(mine.encoded()).get_total_count() == 1
            gc.collect()  # what decoding left behind
            mine.encoded()
        assert histograms() == before
    finally:
        gc.enable()


def test_encoding_latencies_leaves_next_to_nothing_for_the_garbage_collector() -> None:
    """It left a type of ctypes for each number of buckets: 2.5 KB, 24 times a second in `churn`."""
    gc.collect()
    gc.disable()
    try:
        for tenths in range(1, 101):
            mine = Latencies()
            mine.record(tenths / 10)
            mine.encoded()
        assert gc.collect() < 50
    finally:
        gc.enable()


def test_people_come_at_the_rate_that_is_asked_for_and_independently() -> None:
    times_s = list(takewhile(lambda at_s: at_s < 100 + 50, arrivals(100.0, 200.0, Random(3))))
    gaps_s = [after - before for before, after in pairwise(times_s)]
    assert len(times_s) == pytest.approx(10_000, rel=0.05)
    assert sorted(gaps_s)[len(gaps_s) // 2] == pytest.approx(log(2) / 200, rel=0.1)  # an even rate has 1/200


def test_the_same_seed_brings_the_same_people() -> None:
    one, same, another = (arrivals(0.0, 10.0, Random(seed)) for seed in ("a", "a", "b"))
    first = [next(one) for _ in range(5)]
    assert first == [next(same) for _ in range(5)]
    assert first != [next(another) for _ in range(5)]


def test_what_began_in_the_warm_up_does_not_count_whenever_it_is_answered() -> None:
    recorder = Recorder()
    recorder.send(1.0)
    recorder.answer(BOOK, BOOKED, Taken(1), 1.0, 1.5)
    assert recorder.snapshot(0.0, 1).sent == 1  # but is seen by whoever looks on
    recorder.send(1.9)
    recorder.begin(2.0)
    recorder.answer(BOOK, BOOKED, Taken(1), 1.9, 2.5)
    snapshot = recorder.snapshot(0.25, 1)
    assert (snapshot.sent, snapshot.calls) == (0, {})


def test_what_hangs_over_the_end_counts_and_what_comes_later_does_not() -> None:
    recorder = Recorder()
    recorder.begin(2.0)
    for since_s in (3.9, 4.0):
        recorder.offer(since_s)
        recorder.send(since_s)
        recorder.end(4.0)
    recorder.answer(BOOK, BOOKED, Taken(1), 3.9, 9.0)
    recorder.answer(BOOK, BOOKED, Taken(1), 4.0, 9.0)
    snapshot = recorder.snapshot(7.0, 1)
    assert (snapshot.calls["book"].answers, snapshot.calls["book"].good) == ({201: 1}, 1)
    assert snapshot.offered == 1


def test_each_call_has_its_own_figures_and_a_snapshot_begins_anew() -> None:
    recorder = Recorder()
    recorder.begin(0.0)
    recorder.answer(BOOK, BOOKED, Taken(1), 1.0, 1.1)
    recorder.answer(BOOK, Answer(503), Taken(0, "503 overloaded"), 1.0, 1.1)
    recorder.answer(LOOK, Answer(200), Taken(), 1.0, 1.1)
    calls = recorder.snapshot(1.25, 2).calls
    assert (calls["book"].answers, calls["book"].failed) == ({201: 1, 503: 1}, {"503 overloaded": 1})
    assert (calls["status"].answers, calls["status"].good) == ({200: 1}, 0)
    assert recorder.snapshot(1.5, 2).calls == {}


def test_who_gave_up_has_waited_and_a_lost_connection_tells_no_latency() -> None:
    recorder = Recorder()
    recorder.begin(0.0)
    recorder.answer(BOOK, GAVE_UP, Taken(0, "no answer"), 1.0, 3.0)
    recorder.answer(BOOK, NO_ANSWER, Taken(0, "no answer"), 1.0, 1.0001)
    counts = recorder.snapshot(4.0, 0).calls["book"]
    latencies = HdrHistogram.decode(counts.latencies)
    assert counts.answers == {0: 2}
    assert (latencies.get_total_count(), latencies.get_min_value() // 1_000) == (1, 1_999)
