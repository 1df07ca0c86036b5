"""The order of answers in time: whoever asks after somebody was told of a version hears of no earlier one.

One sweep over what was sent and answered, n log n, on columns alone. Called by the proof for one event, after
repeats were made one request.
"""

from array import array
from bisect import bisect_left
from itertools import pairwise

from boxoffice.bench.proof.findings import IN_ORDER, Findings
from boxoffice.bench.proof.requests import DONE, LOOK, REFUSED, Records, Requests


class Known:
    """What was known when: the newest version that anybody had been told of."""

    def __init__(self, requests: Requests) -> None:
        answered, versions = requests.answered, requests.versions
        self.rows = [row for row in requests.rows(DONE, REFUSED, LOOK) if versions[row]]
        self.rows.sort(key=answered.__getitem__)
        self._ends, self._newest = array("d"), array("q")
        newest = 0
        for row in self.rows:
            newest = max(newest, versions[row])
            self._ends.append(answered[row])
            self._newest.append(newest)

    def before(self, moment_s: float) -> int:
        """The newest version in an answer that had come before this moment; 0 if none had."""
        known = bisect_left(self._ends, moment_s)
        return self._newest[known - 1] if known else 0


def look_at_times(requests: Requests, known: Known, records: Records, findings: Findings) -> None:
    """Hold each answer against what was known when it was asked for; what changes something must be newer."""
    sent, versions, roles = requests.sent, requests.versions, requests.roles
    findings.look(IN_ORDER, len(known.rows))
    for row in known.rows:
        newest = known.before(sent[row])
        if versions[row] >= newest + (roles[row] == DONE):
            continue
        if findings.wants(IN_ORDER):
            told = records[requests.numbers[row]]
            what = f"{told} was told version {versions[row]}, and somebody had been told {newest} before"
            findings.found(IN_ORDER, f"{what} it was sent")
        else:
            findings.found(IN_ORDER, "")


def look_at_versions(requests: Requests, records: Records, findings: Findings) -> None:
    """Each version is one request's own: what the log shows of this, answers show without it, too."""
    versions = requests.versions
    done = sorted(requests.rows(DONE), key=versions.__getitem__)
    for one, other in pairwise(done):
        if versions[one] == versions[other]:
            told = records[requests.numbers[one]], records[requests.numbers[other]]
            what = f"{told[0]} and {told[1]} were both told that version {versions[one]} is theirs"
            findings.found(IN_ORDER, what)
