"""Rate limits: a token bucket for each caller, and what its state is in the words of the headers.

A bucket is one number, the moment at which it will be full again (the generic cell rate algorithm of ATM), so
that a request costs a look-up and some arithmetic. The `limits` package has no token bucket, takes ten times
as long, and keeps every address it has seen. Called on the event loop.
"""

from collections.abc import Callable
from math import ceil

from boxoffice.actors.principals import Principal, Rate
from boxoffice.http.identity.origin import is_loopback, network_of
from boxoffice.http.problems import ProblemError

BUCKETS_MAX = 100_000
"""Callers that are remembered at once: some 20 MB. Beyond that, whoever was met first is forgotten."""

ANONYMOUS = Rate(100, 1)
"""For each address beyond the machine itself, of those who do not say who they are."""


class _Bucket:
    """One caller's. `full_at_s` is when it will be full again: in the past, if it is."""

    __slots__ = ("each_s", "full_at_s", "half_s", "policy", "rate", "spread_s")

    def __init__(self, rate: Rate, now_s: float) -> None:
        self.rate = rate
        self.each_s = rate.seconds / rate.requests  # for one token to flow in
        self.half_s = rate.seconds / 2 + 1e-9
        self.spread_s = rate.seconds - self.each_s + 1e-9  # what may be missing for one to be left
        self.policy = f'"default";q={rate.requests};w={rate.seconds}'
        self.full_at_s = now_s

    def headers(self, missing_s: float) -> dict[str, str]:
        """What is left, as draft-ietf-httpapi-ratelimit-headers-11 has it, if so much is missing."""
        left = max(0, int((self.spread_s - missing_s) / self.each_s + 1.000_001))
        return {"RateLimit-Policy": self.policy, "RateLimit": f'"default";r={left};t={ceil(missing_s)}'}


class RateLimits:
    """The buckets. `default` is for every caller without a limit of their own. If it is None, only those who
    do not say who they are have one, `strangers`, unless they ask from this machine.
    """

    def __init__(
        self, default: Rate | None, strangers: Rate | None, monotonic_s: Callable[[], float]
    ) -> None:
        self._default = default
        self._strangers = strangers
        self._monotonic_s = monotonic_s
        self._buckets: dict[str, _Bucket] = {}

    def enter(self, principal: Principal, address: str) -> dict[str, str] | None:
        """Take one token of the caller's; the headers that say what is left, once that is less than half: two
        more headers would cost every answer 4 us.

        Raises ProblemError 429, before anything is done, when there is none.
        """
        rate = principal.limit or self._default or self._stranger_rate(principal, address)
        if rate is None:
            return None
        now_s = self._monotonic_s()
        bucket = self._bucket(principal.id or network_of(address), rate, now_s)
        missing_s = bucket.full_at_s - now_s
        if missing_s < 0.0:
            missing_s = 0.0
        elif missing_s > bucket.spread_s:
            raise _limited(bucket, missing_s)
        missing_s += bucket.each_s
        bucket.full_at_s = now_s + missing_s
        return bucket.headers(missing_s) if missing_s > bucket.half_s else None

    def spend(self, principal: Principal, address: str, tokens: int) -> None:
        """Take more, even what is not there yet: a batch counts as its commands do, but afterwards."""
        rate = principal.limit or self._default or self._stranger_rate(principal, address)
        if rate is not None:
            now_s = self._monotonic_s()
            bucket = self._bucket(principal.id or network_of(address), rate, now_s)
            bucket.full_at_s = max(bucket.full_at_s, now_s) + tokens * bucket.each_s

    def _stranger_rate(self, principal: Principal, address: str) -> Rate | None:
        return self._strangers if not principal.id and not is_loopback(address) else None

    def _bucket(self, name: str, rate: Rate, now_s: float) -> _Bucket:
        bucket = self._buckets.get(name)
        if bucket is None or bucket.rate != rate:
            if len(self._buckets) >= BUCKETS_MAX:
                self._forget(now_s)
            bucket = self._buckets[name] = _Bucket(rate, now_s)
        return bucket

    def _forget(self, now_s: float) -> None:
        """Let go of full buckets, which are like none; and of the oldest, if that does not help."""
        self._buckets = {name: each for name, each in self._buckets.items() if each.full_at_s > now_s}
        oldest = list(self._buckets)[: max(0, len(self._buckets) - BUCKETS_MAX // 2)]
        for name in oldest:
            del self._buckets[name]


def _limited(bucket: _Bucket, missing_s: float) -> ProblemError:
    rate, wait_s = bucket.rate, max(1, ceil(missing_s - bucket.spread_s))
    return ProblemError(
        "rate_limited",
        f"{rate.requests} requests in {rate.seconds} s are allowed; nothing was changed, and the same"
        f" request is welcome in {wait_s} s.",
        headers={**bucket.headers(missing_s), "Retry-After": str(wait_s)},
    )
