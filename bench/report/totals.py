"""The workers' snapshots, added up: per call, by the second, and the last few of them for those who look on.

In any order, from any number of processes, the sums are the same. An hour's run stays small: a series that
has become too long gets half as many points, of twice the length; histograms are added, never averaged.
Called by the parent of the workers, on its event loop.
"""

from collections import Counter
from dataclasses import dataclass, field
from math import floor, isfinite

from boxoffice.bench.report.latencies import Latencies
from boxoffice.bench.report.results import Counts, Snapshot

SNAPSHOT_S = 0.25
POINTS_MAX = 1_200
OPEN_MAX = 4
"""So many of the newest points are ready to be added to; the others are encoded: 1.5 KB instead of 140."""
RECENT_S = 60
LATENCIES_OVER_S = 5


@dataclass(slots=True)
class Tally:
    """What came of one call's requests, or of all."""

    statuses: Counter[int] = field(default_factory=Counter)
    good: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=Latencies)

    @property
    def count(self) -> int:
        """Requests that came to an end."""
        return self.statuses.total()

    @property
    def errors(self) -> int:
        """Those that did not end as they should."""
        return self.failed.total()

    def take(self, counts: Counts, latencies: Latencies) -> None:
        """A quarter of a second more."""
        self.statuses.update(counts.answers)
        self.failed.update(counts.failed)
        self.good += counts.good
        self.latencies.add(latencies)

    def add(self, other: "Tally") -> None:
        """All of another's."""
        self.statuses.update(other.statuses)
        self.failed.update(other.failed)
        self.good += other.good
        self.latencies.add(other.latencies)


class Bin:
    """One point of a series."""

    def __init__(self) -> None:
        self.offered = self.answered = self.good = self.errors = 0
        self._latencies: Latencies | None = None
        self._packed: bytes | None = None

    def count(self, offered: int, answered: int, good: int, errors: int) -> None:
        """So many more."""
        self.offered += offered
        self.answered += answered
        self.good += good
        self.errors += errors

    def add(self, other: "Bin") -> None:
        """All of another's."""
        self.count(other.offered, other.answered, other.good, other.errors)
        self.latencies.add(other.latencies)

    @property
    def latencies(self) -> Latencies:
        """To be read, or added to until it is packed."""
        if self._latencies is None:
            self._latencies, self._packed = Latencies(self._packed), None
        return self._latencies

    def pack(self) -> None:
        """Keep it small until it is wanted again."""
        if self._latencies is not None:
            self._packed, self._latencies = self._latencies.encoded(), None


class Series:
    """Bins side by side, at most `points_max` of them."""

    def __init__(self, points_max: int = POINTS_MAX) -> None:
        self.step_s = 1
        self._points_max = points_max
        self._bins: dict[int, Bin] = {}

    def bins(self) -> list[tuple[int, Bin]]:
        """When each begins, in seconds, and what is in it."""
        return [(number * self.step_s, self._bins[number]) for number in sorted(self._bins)]

    def at(self, at_s: float) -> Bin:
        """Where something belongs that happened then."""
        second = max(0, int(at_s))
        while second // self.step_s >= self._points_max:
            self._halve()
        number = second // self.step_s
        if number not in self._bins:
            self._bins[number] = Bin()
            self._pack(number)
        return self._bins[number]

    def _halve(self) -> None:
        self.step_s *= 2
        old, self._bins = self._bins, {}
        for number, each in old.items():
            if (into := self._bins.get(number // 2)) is None:
                self._bins[number // 2] = each
            else:
                into.add(each)
        self._pack(max(self._bins, default=0))

    def _pack(self, newest: int) -> None:
        for number, each in self._bins.items():
            if number <= newest - OPEN_MAX:
                each.pack()


class Totals:
    """All that was counted, and the last minute of it, warm-up included."""

    def __init__(self) -> None:
        self.calls: dict[str, Tally] = {}
        self.series = Series()
        self.offered = self.sent = 0
        self.recent = Recent()

    def take(self, snapshot: Snapshot) -> None:
        """What one worker saw. Takes a third of a millisecond for each call in it."""
        if not isfinite(snapshot.at_s):  # of a worker that does not count yet
            return
        counted = snapshot.at_s > 0
        at_s = snapshot.at_s - SNAPSHOT_S / 2
        bins = [self.recent.at(at_s), *([self.series.at(at_s)] if counted else [])]
        for each in bins:
            each.count(snapshot.offered, 0, 0, 0)
        for call, counts in snapshot.calls.items():
            latencies = Latencies(counts.latencies)
            if counted:
                self.calls.setdefault(call, Tally()).take(counts, latencies)
            for each in bins:
                each.count(0, sum(counts.answers.values()), counts.good, sum(counts.failed.values()))
                each.latencies.add(latencies)
        if counted:
            self.offered += snapshot.offered
            self.sent += snapshot.sent
        self.recent.failed.update({name: n for c in snapshot.calls.values() for name, n in c.failed.items()})

    @property
    def all(self) -> Tally:
        """All calls as one."""
        whole = Tally()
        for each in self.calls.values():
            whole.add(each)
        return whole

    @property
    def not_sent(self) -> int:
        """What fell due and was not sent."""
        return max(0, self.offered - self.sent)


class Recent:
    """The last minute by the second."""

    def __init__(self) -> None:
        self._bins: dict[int, Bin] = {}
        self.failed: Counter[str] = Counter()
        """Errors by name, of the whole run."""

    def at(self, at_s: float) -> Bin:
        """Where something belongs that happened then; below 0 while the server warms up."""
        second = floor(at_s)
        if second not in self._bins:
            self._bins[second] = Bin()
            for old in [each for each in self._bins if each < second - RECENT_S]:
                del self._bins[old]
            for each, bin_ in self._bins.items():
                if each < second - LATENCIES_OVER_S:
                    bin_.pack()
        return self._bins[second]

    def whole(self, seconds: int = RECENT_S) -> list[Bin]:
        """The last whole seconds, the newest last; the one that is still going on is left out."""
        newest = max(self._bins, default=0)
        oldest = max(newest - seconds, min(self._bins, default=0))
        return [self._bins.get(second) or Bin() for second in range(oldest, newest)]

    def latencies(self) -> Latencies:
        """Of the last five seconds."""
        whole = Latencies()
        for each in self.whole(LATENCIES_OVER_S):
            whole.add(each.latencies)
        return whole
