"""How old what a listener sees has become, from when versions were answered and when they arrived.

Nobody outside can see a commit. What counts as the moment of version v is when a booker was first told of
v or of a newer one; it is after the commit, by as long as that answer took. How long answers take stands
beside the figures, so nothing can hide there.

lag         of a message: its arrival, less the moment of its version.
staleness   of a listener at some time: that time, less the moment of the oldest version it has not seen by
            then; 0 if it has seen all. It grows from each new version to the arrival that brings it. Looked
            at every 50 ms, for each listener at times of its own, since arrivals alone would count a long
            silence as one of many; the worst is taken from every arrival.

What arrives before its moment (the booker's answer was still on its way) counts as 0. Nothing is sent or
received here. All times are in seconds of CLOCK_MONOTONIC, which all processes of a machine share. Used by
`audience.py`; who books, or reads what bookers have written down, fills in an `Answered`.
"""

import math
import re
import time
from array import array
from collections.abc import Sequence
from itertools import accumulate

SAMPLE_S = 0.05
SAMPLES_MAX = 1_000_000
"""More than that are not looked at: each listener less often, or one in so many messages."""

SPREAD = 0.618034
"""Where in those 50 ms each listener is looked at: this much of them later than the one before it."""

LAST_VERSION = re.compile(rb'.*"version":(\d+)', re.DOTALL)
"""An answer's own, which stands after those of what it tells of."""

Arrivals = tuple[Sequence[float], Sequence[int]]
"""When messages arrived at one listener, and with which versions."""


class Answered:
    """Which versions were answered, and when."""

    def __init__(self) -> None:
        self._versions = array("q")
        self._times_s = array("d")

    def note(self, answer: bytes, answered_s: float | None = None) -> None:
        """Take the version from an answer that came then, or just now, if there is one."""
        found = LAST_VERSION.search(answer)
        if found is not None:
            self._times_s.append(time.monotonic() if answered_s is None else answered_s)
            self._versions.append(int(found[1]))

    @property
    def last_s(self) -> float:
        """When the last answer came; 0 if none did."""
        return max(self._times_s, default=0.0)

    def by_version(self, last: int) -> "array[float]":
        """When each version from 1 to `last` was answered; infinity for those that were not."""
        times_s = array("d", (math.inf,)) * last
        for version, answered_s in zip(self._versions, self._times_s, strict=True):
            if version <= last:
                times_s[version - 1] = min(answered_s, times_s[version - 1])
        return times_s


class Moments:
    """When each version from 1 on was answered, it or a newer one."""

    def __init__(self, answered_s: Sequence[float]) -> None:
        self._at_s = array("d", accumulate(reversed(answered_s), min))
        self._at_s.reverse()

    def since_s(self, version: int, now_s: float) -> float:
        """How long ago `version` was answered; 0 if that is still to come."""
        return max(0.0, now_s - self._at_s[version - 1]) if version <= len(self._at_s) else 0.0


def lags_s(moments: Moments, arrivals: Arrivals, one_in: int = 1) -> list[float]:
    """Of each message after the first, which is the snapshot, or of one in so many."""
    times_s, versions = arrivals
    after = zip(times_s[1::one_in], versions[1::one_in], strict=True)
    return [moments.since_s(version, now_s) for now_s, version in after]


def worst_s(moments: Moments, arrivals: Arrivals) -> float:
    """The most that the listener's staleness has come to: just before one of its messages."""
    times_s, versions = arrivals
    old = zip(times_s[1:], versions, strict=False)
    return max((moments.since_s(seen + 1, now_s) for now_s, seen in old), default=0.0)


def sampled_s(
    moments: Moments, arrivals: Arrivals, number: int, begin_s: float, end_s: float, every_s: float = SAMPLE_S
) -> list[float]:
    """The staleness of listener `number` at many times between these two."""
    times_s, versions = arrivals
    found = []
    look_s = begin_s + every_s * (number * SPREAD % 1)
    for seen, until_s in zip(versions, [*times_s[1:], end_s], strict=True):
        while look_s < min(until_s, end_s):
            found.append(moments.since_s(seen + 1, look_s))
            look_s += every_s
    return found


def percentile(of: Sequence[float], percent: float) -> float:
    """So many percent of these, which are sorted, are not above what is returned; 0 if there are none."""
    return of[min(len(of) - 1, int(len(of) * percent / 100))] if of else 0.0
