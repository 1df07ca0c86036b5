"""How old what a listener sees has become: worked out by hand for a few."""

import math

import pytest

from boxoffice.bench.load.staleness import Answered, Moments, lags_s, percentile, sampled_s, worst_s

ANSWERED_S = [10.0, 11.0, math.inf, 12.0]
"""Of versions 1 to 4; nobody was told of 3 itself."""


def test_an_answer_counts_for_the_version_that_it_names_last() -> None:
    answered = Answered()
    answered.note(b'{"promoted":[{"version":9}],"version":3,"createdAt":"2026"}', 5.0)
    answered.note(b'{"version":1}', 4.0)
    answered.note(b"no version at all", 3.0)
    answered.note(b'{"version":3}', 4.5)
    assert list(answered.by_version(3)) == [4.0, math.inf, 4.5]
    assert list(answered.by_version(2)) == [4.0, math.inf]
    assert answered.last_s == 5.0


def test_a_version_is_as_old_as_the_first_answer_with_it_or_a_newer_one() -> None:
    moments = Moments(ANSWERED_S)
    assert [moments.since_s(version, 13.0) for version in (1, 2, 3, 4, 5)] == [3.0, 2.0, 1.0, 1.0, 0.0]
    assert moments.since_s(4, 11.5) == 0.0, "it came before anybody was answered"


def test_a_message_lags_behind_its_moment() -> None:
    arrivals = [9.0, 11.5, 12.25, 12.25], [1, 2, 3, 4]
    assert lags_s(Moments(ANSWERED_S), arrivals) == [0.5, 0.25, 0.25]
    assert lags_s(Moments(ANSWERED_S), arrivals, one_in=2) == [0.5, 0.25]


def test_the_worst_is_just_before_a_message_that_comes_late() -> None:
    assert worst_s(Moments(ANSWERED_S), ([9.0, 12.5], [1, 4])) == 1.5
    assert worst_s(Moments(ANSWERED_S), ([9.0], [1])) == 0.0


def test_whoever_has_seen_all_is_not_stale_and_whoever_waits_grows_staler() -> None:
    moments = Moments(ANSWERED_S)
    assert sampled_s(moments, ([9.0], [4]), 0, 12.0, 14.0, every_s=1.0) == [0.0, 0.0]
    assert sampled_s(moments, ([9.0], [1]), 0, 10.5, 13.5, every_s=1.0) == [0.0, 0.5, 1.5]
    assert sampled_s(moments, ([9.0, 12.0], [1, 4]), 0, 10.5, 13.5, every_s=1.0) == [0.0, 0.5, 0.0]


@pytest.mark.parametrize(("percent", "value"), [(0, 1.0), (50, 2.0), (99, 3.0), (100, 3.0)])
def test_a_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    assert percentile([1.0, 2.0, 3.0], percent) == value
    assert percentile([], percent) == 0.0
