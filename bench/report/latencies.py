"""How long requests took: a histogram in microseconds, of bounded size, that can be sent and added up.

A thin coat over hdrhistogram: 1 µs to 60 s, three digits; what took longer counts as 60 s. Adding is exact,
in any order. A value read from it is the upper end of its bucket, at most 0.1 % above what was recorded.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate
from weakref import proxy

from hdrh.histogram import HdrHistogram

LOWEST_US, HIGHEST_US, DIGITS = 1, 60_000_000, 3


class Latencies:
    """A histogram of times. `encoded`: as a worker sends it."""

    def __init__(self, encoded: bytes | None = None) -> None:
        self._counts = (
            HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS) if encoded is None else HdrHistogram.decode(encoded)
        )
        # its encoder holds it, too: 140 KB that would stay until the garbage collector comes
        self._counts.encoder.histogram = proxy(self._counts)

    @property
    def count(self) -> int:
        """How many times were recorded."""
        return int(self._counts.total_count)

    def add(self, other: "Latencies") -> None:
        """All of another's."""
        if other.count:
            self._counts.add(other._counts)

    def encoded(self) -> bytes:
        """As `Counts.latencies` has it: about 1.5 KB for a second of a busy server."""
        return bytes(self._counts.encode())

    def percentile_ms(self, percentile: float) -> float | None:
        """So many percent took no longer; 100: the longest. None of none."""
        return self.percentiles_ms([percentile])[0]

    def percentiles_ms(self, percentiles: Iterable[float]) -> list[float | None]:
        """Several at once, which costs little more than one: about a millisecond."""
        upto = list(accumulate(self._buckets()))
        if not self.count:
            return [None for _ in percentiles]
        return [self._upper_ms(bisect_left(upto, self._nth(each))) for each in percentiles]

    def distribution(self) -> Iterator[tuple[float, float]]:
        """Percentile and milliseconds, ever closer together towards the longest, for a chart."""
        percentiles = [*STEPS, 100.0]
        last = 1.0 - 0.5 / max(1, self.count)  # beyond it there is but the longest
        wanted = [each for each in percentiles if each == 100 or each / 100 <= last]
        for percentile, value in zip(wanted, self.percentiles_ms(wanted), strict=True):
            if value is not None:
                yield percentile, value

    def _nth(self, percentile: float) -> int:
        return max(1, -int(-percentile * self.count // 100))

    def _buckets(self) -> list[int]:
        return memoryview(self._counts.counts).cast("B").cast("Q").tolist()

    def _upper_ms(self, bucket: int) -> float:
        counts = self._counts
        return float(counts.get_highest_equivalent_value(counts.get_value_from_index(bucket))) / 1_000


def _steps() -> Iterator[float]:
    """Twelve for each time that what remains is ten times less, as far as one in a million."""
    for step in range(6 * 12 + 1):
        yield round(100 * (1 - 10 ** (-step / 12)), 7)


STEPS = tuple(_steps())
