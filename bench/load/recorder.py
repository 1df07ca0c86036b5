"""What a worker counts while it asks, and hands over four times a second. On its event loop."""

from math import inf

from boxoffice.bench.load.asks import GAVE_UP, Answer, Ask
from boxoffice.bench.load.latencies import Latencies
from boxoffice.bench.report.results import Counts, Snapshot
from boxoffice.bench.scenarios.scenario import Taken


class Tally:
    """What came of one call's requests since it was last asked."""

    __slots__ = ("answers", "failed", "good", "latencies")

    def __init__(self) -> None:
        self.answers: dict[int, int] = {}
        self.failed: dict[str, int] = {}
        self.good = 0
        self.latencies = Latencies()

    @property
    def counts(self) -> Counts:
        """The same as it goes to the parent."""
        return Counts(self.answers, self.good, self.failed, self.latencies.encoded())


class Recorder:
    """Counts the requests whose time lies between two instants, whenever they are answered.

    A request's time is the intended one in an open loop, and else when the client began with it: one that
    hangs over the end counts, or the slowest would never be seen. At first all are counted, for whoever
    watches the warm-up; from `begin` on, only those that came after it.
    """

    def __init__(self) -> None:
        self.offered = 0
        self.sent = 0
        self._from_s, self._until_s = -inf, inf
        self._tallies: dict[str, Tally] = {}

    def begin(self, begin_s: float) -> None:
        """The warm-up is over: forget it."""
        self._from_s = begin_s
        self._tallies, self.offered, self.sent = {}, 0, 0

    def end(self, end_s: float) -> None:
        """What comes later is not counted."""
        self._until_s = end_s

    def offer(self, since_s: float) -> None:
        """Somebody wanted to ask at this time."""
        if self._from_s <= since_s < self._until_s:
            self.offered += 1

    def send(self, since_s: float) -> None:
        """A request whose time was this has been sent."""
        if self._from_s <= since_s < self._until_s:
            self.sent += 1

    def answer(self, ask: Ask, answer: Answer, taken: Taken, since_s: float, now_s: float) -> None:
        """A request has been answered, or will never be."""
        if not self._from_s <= since_s < self._until_s:
            return
        tally = self._tallies.get(ask.call)
        if tally is None:
            tally = self._tallies[ask.call] = Tally()
        status = answer.status
        tally.answers[status] = tally.answers.get(status, 0) + 1
        tally.good += taken.good
        failed = taken.failed
        if failed is not None:
            tally.failed[failed] = tally.failed.get(failed, 0) + 1
        if status or answer is GAVE_UP:  # who waited in vain has waited; a lost connection tells no latency
            tally.latencies.record(now_s - since_s)

    def snapshot(self, at_s: float, connections: int) -> Snapshot:
        """What was counted since the last one."""
        calls = {call: tally.counts for call, tally in self._tallies.items()}
        snapshot = Snapshot(at_s, self.offered, self.sent, connections, calls)
        self._tallies, self.offered, self.sent = {}, 0, 0
        return snapshot
