"""Token buckets: how many may pass at once and afterwards, for whom, and what they are told."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.actors.principals import ALL_SCOPES, Principal, Rate
from boxoffice.http.identity import limits as module
from boxoffice.http.identity.limits import ANONYMOUS, RateLimits
from boxoffice.http.identity.origin import is_loopback, network_of
from boxoffice.http.problems import ProblemError
from boxoffice.http.visit import STRANGER

KEY = Principal("key:1", ALL_SCOPES)
ELSEWHERE = "192.0.2.1"


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def passes(limits: RateLimits, principal: Principal = KEY, address: str = ELSEWHERE) -> bool:
    try:
        limits.enter(principal, address)
    except ProblemError as problem:
        return problem.code != "rate_limited"
    return True


def how_many(limits: RateLimits, principal: Principal = KEY, address: str = ELSEWHERE) -> int:
    """Pass at this moment."""
    passed = 0
    while passes(limits, principal, address):
        passed += 1
        assert passed < 10_000
    return passed


# --- the bucket ----------------------------------------------------------------------------------


@given(st.integers(1, 200), st.sampled_from([1, 10, 60, 3600]))
def test_as_many_as_the_rate_says_pass_at_once(requests: int, seconds: int) -> None:
    assert how_many(RateLimits(Rate(requests, seconds), None, Clock())) == requests


@given(st.integers(1, 50), st.sampled_from([1, 60]), st.lists(st.floats(0.0, 5.0), max_size=60))
def test_never_more_pass_than_a_full_bucket_and_what_has_flowed_in(
    requests: int, seconds: int, pauses: list[float]
) -> None:
    clock = Clock()
    limits = RateLimits(Rate(requests, seconds), None, clock)
    passed = 0
    for pause_s in pauses:
        clock.now_s += pause_s
        passed += passes(limits)
        flowed = (clock.now_s - 1_000.0) * requests / seconds
        assert passed <= requests + flowed + 1e-6


def test_after_a_while_it_is_full_again_and_never_more_than_full(clock: Clock) -> None:
    limits = RateLimits(Rate(10, 1), None, clock)
    assert how_many(limits) == 10
    clock.now_s += 0.35
    assert how_many(limits) == 3
    clock.now_s += 1_000.0
    assert how_many(limits) == 10


def test_who_is_refused_is_told_when_to_come_back_and_is_welcome_then(clock: Clock) -> None:
    limits = RateLimits(Rate(1, 60), None, clock)
    assert passes(limits)
    clock.now_s += 20.5
    with pytest.raises(ProblemError) as refused:
        limits.enter(KEY, ELSEWHERE)
    assert refused.value.status == 429
    headers = refused.value.headers or {}
    assert headers["Retry-After"] == "40"
    assert headers["RateLimit"] == '"default";r=0;t=40'
    assert headers["RateLimit-Policy"] == '"default";q=1;w=60'
    clock.now_s += 39.4
    assert not passes(limits)
    clock.now_s += 0.2
    assert passes(limits)


def test_being_refused_costs_nothing(clock: Clock) -> None:
    limits = RateLimits(Rate(5, 1), None, clock)
    how_many(limits)
    for _ in range(100):
        assert not passes(limits)
    clock.now_s += 0.2 + 1e-6
    assert passes(limits)


def test_the_headers_say_what_is_left(clock: Clock) -> None:
    limits = RateLimits(Rate(100, 60), None, clock)
    said = [limits.enter(KEY, ELSEWHERE) for _ in range(63)]
    assert said[:50] == [None] * 50, "there is more than enough"
    assert said[-1] == {"RateLimit-Policy": '"default";q=100;w=60', "RateLimit": '"default";r=37;t=38'}


@pytest.mark.parametrize("requests", [1, 3, 7, 30, 49, 100, 997])
def test_what_is_left_counts_down_to_nothing(clock: Clock, requests: int) -> None:
    limits = RateLimits(Rate(requests, 60), None, clock)
    said = [limits.enter(KEY, ELSEWHERE) for _ in range(requests)]
    left = [headers["RateLimit"].split(";")[1] for headers in said if headers is not None]
    assert left == [f"r={number}" for number in reversed(range((requests + 1) // 2))]


def test_a_batch_passes_whole_and_is_paid_for_afterwards(clock: Clock) -> None:
    limits = RateLimits(Rate(10, 1), None, clock)
    assert passes(limits)
    limits.spend(KEY, ELSEWHERE, 29)
    clock.now_s += 1.95
    assert not passes(limits)
    clock.now_s += 0.15
    assert passes(limits)


# --- whose it is ---------------------------------------------------------------------------------


def test_everybody_has_a_bucket_of_their_own(clock: Clock) -> None:
    limits = RateLimits(Rate(3, 1), None, clock)
    others = [Principal("key:2", ALL_SCOPES), Principal("customer:ann", ALL_SCOPES)]
    assert [how_many(limits, each) for each in (KEY, *others)] == [3, 3, 3]
    assert [how_many(limits, STRANGER, address) for address in (ELSEWHERE, "192.0.2.2")] == [3, 3]


def test_a_key_has_one_bucket_wherever_it_is_used(clock: Clock) -> None:
    limits = RateLimits(Rate(3, 1), None, clock)
    assert how_many(limits, KEY, "192.0.2.2") == 3
    assert how_many(limits, KEY, "192.0.2.3") == 0


def test_an_own_limit_goes_before_the_default(clock: Clock) -> None:
    own = Principal("key:3", ALL_SCOPES, limit=Rate(7, 1))
    assert how_many(RateLimits(Rate(3, 1), None, clock), own) == 7
    assert how_many(RateLimits(None, None, clock), own) == 7


def test_without_a_default_only_strangers_from_elsewhere_are_limited(clock: Clock) -> None:
    limits = RateLimits(None, ANONYMOUS, clock)
    assert how_many(limits, STRANGER) == ANONYMOUS.requests
    for principal, address in [(KEY, ELSEWHERE), (STRANGER, "127.0.0.1"), (STRANGER, "::1")]:
        assert [limits.enter(principal, address) for _ in range(500)] == [None] * 500
        limits.spend(principal, address, 1_000)
        assert limits.enter(principal, address) is None


def test_switched_off_nobody_is_limited(clock: Clock) -> None:
    limits = RateLimits(None, None, clock)
    assert [limits.enter(STRANGER, ELSEWHERE) for _ in range(500)] == [None] * 500


def test_a_default_is_for_this_machine_too(clock: Clock) -> None:
    assert how_many(RateLimits(Rate(3, 1), ANONYMOUS, clock), STRANGER, "127.0.0.1") == 3


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_what_counts_as_one_caller(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("address", "is_it"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True),
        ("192.0.2.1", False), ("2001:db8::1", False), ("", False), ("localhost", False),
    ],
)  # fmt: skip
def test_what_is_this_machine(address: str, is_it: bool) -> None:
    assert is_loopback(address) is is_it


# --- what it costs -------------------------------------------------------------------------------


def test_the_buckets_are_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUCKETS_MAX", 100)
    limits = RateLimits(Rate(2, 60), None, clock)
    for number in range(1_000):
        assert passes(limits, STRANGER, f"198.51.{number // 256}.{number % 256}")
        clock.now_s += 0.001
        assert sys.getsizeof(limits._buckets) < 20_000
        assert len(limits._buckets) <= 100
    assert how_many(limits, STRANGER, f"198.51.{999 // 256}.{999 % 256}") == 1, "the latest are remembered"


def test_full_buckets_are_forgotten_before_others(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUCKETS_MAX", 100)
    limits = RateLimits(Rate(1, 60), None, clock)
    slow = Principal("key:slow", ALL_SCOPES, limit=Rate(1, 3600))
    assert passes(limits, slow)
    for number in range(90):
        passes(limits, STRANGER, f"198.51.100.{number}")
    clock.now_s += 120.0
    for number in range(90):
        passes(limits, STRANGER, f"203.0.113.{number}")
    assert not passes(limits, slow)
