"""Rate limits: a token bucket for each caller, and what its state is in the words of the headers.

A bucket is one number, the moment at which it will be full again (the generic cell rate algorithm of ATM), so
that a request costs a look-up and some arithmetic. The `limits` package has no token bucket, takes ten times
as long, and keeps every address it has seen. Called on the event loop.
"""

from collections.abc import Callable
from math import ceil

from boxoffice.actors.principals import Principal, Rate
from boxoffice.http.origin import is_loopback, network_of
from boxoffice.http.problems import ProblemError

BUCKETS_MAX = 100_000
"""Callers that are remembered at once: some 20 MB. Beyond that, whoever was met first is forgotten."""

ANONYMOUS = Rate(100, 1)
"""For each address beyond the machine itself, of those who do not say who they are."""


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
        self._full_at_s: dict[str, float] = {}

    def enter(self, principal: Principal, address: str) -> dict[str, str] | None:
        """Take one token of the caller's; the headers that say what is left, None if there is no limit.

        Raises ProblemError 429, before anything is done, when there is none.
        """
        rate = principal.limit or self._default or self._stranger_rate(principal, address)
        return None if rate is None else self._take(principal.id or network_of(address), rate)

    def spend(self, principal: Principal, address: str, tokens: int) -> None:
        """Take more, even what is not there yet: a batch counts as its commands do, but afterwards."""
        rate = principal.limit or self._default or self._stranger_rate(principal, address)
        if rate is not None:
            name = principal.id or network_of(address)
            full_at_s = max(self._full_at_s.get(name, 0.0), self._monotonic_s())
            self._full_at_s[name] = full_at_s + tokens * rate.seconds / rate.requests

    def _stranger_rate(self, principal: Principal, address: str) -> Rate | None:
        return self._strangers if not principal.id and not is_loopback(address) else None

    def _take(self, name: str, rate: Rate) -> dict[str, str]:
        now_s = self._monotonic_s()
        each_s = rate.seconds / rate.requests
        missing_s = self._full_at_s.get(name, now_s) - now_s
        if missing_s < 0.0:
            missing_s = 0.0
        elif missing_s > rate.seconds - each_s + 1e-9:
            raise self._limited(rate, missing_s, each_s)
        missing_s += each_s
        self._full_at_s[name] = now_s + missing_s
        if len(self._full_at_s) > BUCKETS_MAX:
            self._forget(now_s)
        return headers(rate, missing_s)

    def _limited(self, rate: Rate, missing_s: float, each_s: float) -> ProblemError:
        wait_s = max(1, ceil(missing_s - (rate.seconds - each_s)))
        return ProblemError(
            "rate_limited",
            f"{rate.requests} requests in {rate.seconds} s are allowed; nothing was changed, and the same"
            f" request is welcome in {wait_s} s.",
            headers={**headers(rate, missing_s), "Retry-After": str(wait_s)},
        )

    def _forget(self, now_s: float) -> None:
        """Let go of full buckets, which are like none; and of the oldest, if that does not help."""
        self._full_at_s = {name: full for name, full in self._full_at_s.items() if full > now_s}
        oldest = list(self._full_at_s)[: max(0, len(self._full_at_s) - BUCKETS_MAX // 2)]
        for name in oldest:
            del self._full_at_s[name]


def headers(rate: Rate, missing_s: float) -> dict[str, str]:
    """What is left in a bucket that lacks so much, as draft-ietf-httpapi-ratelimit-headers-11 has it."""
    requests, seconds = rate.requests, rate.seconds
    left = max(0, int((seconds - missing_s) * requests / seconds + 1e-6))
    return {
        "RateLimit-Policy": f'"default";q={requests};w={seconds}',
        "RateLimit": f'"default";r={left};t={ceil(missing_s)}',
    }
