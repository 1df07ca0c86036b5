"""Requests that were sent more than once, under one idempotency key: they are one request, with one answer.

Settles which of the sendings speaks for all; the others become repeats. Called by the proof for one event.
"""

import re
from collections.abc import Iterator
from itertools import groupby

from boxoffice.bench.proof.findings import KEYS, Findings
from boxoffice.bench.proof.requests import (
    DONE,
    LOOK,
    PASSED,
    REFUSED,
    REPEAT,
    UNKNOWN,
    Records,
    Requests,
    Told,
)

_REQUEST_ID = re.compile(rb'"requestId":"[^"]*"')


def settle(requests: Requests, records: Records, findings: Findings) -> None:
    """Make one request of all that were sent under the same key, as far as they ask for the same."""
    for rows in _sent_again(requests):
        told = {row: records[requests.numbers[row]] for row in rows}
        first = min(rows, key=requests.sent.__getitem__)
        same = [row for row in rows if _asks_the_same(told[row], told[first])]
        findings.look(KEYS, len(rows) - 1)
        _look_at_others(requests, told, [row for row in rows if row not in same], findings)
        if len(same) > 1:
            _make_one(requests, {row: told[row] for row in same}, findings)


def _sent_again(requests: Requests) -> Iterator[list[int]]:
    """The rows that share a key, where there are several."""
    keys, roles = requests.keys, requests.roles
    keyed = [row for row, key in enumerate(keys) if key and roles[row] != LOOK]
    keyed.sort(key=keys.__getitem__)
    for _, rows in groupby(keyed, keys.__getitem__):
        if len(several := list(rows)) > 1:
            yield several


def _asks_the_same(one: Told, other: Told) -> bool:
    return (one.key, one.at, one.do, one.asked) == (other.key, other.at, other.do, other.asked)


def _look_at_others(requests: Requests, told: dict[int, Told], rows: list[int], findings: Findings) -> None:
    """Whoever asks for something else under a key that is used is to be refused."""
    done = any(requests.roles[row] == DONE for row in told if row not in rows)
    for row in rows:
        if done and requests.roles[row] == DONE:
            findings.found(
                KEYS, f"{told[row]} was done, though its key had been used for something else that was done"
            )


def _make_one(requests: Requests, told: dict[int, Told], findings: Findings) -> None:
    roles = requests.roles
    by_end = sorted(told, key=requests.answered.__getitem__)
    finals = [row for row in by_end if roles[row] == DONE]
    finals += [row for row in by_end if roles[row] == REFUSED and requests.versions[row]]
    finals = finals or [row for row in by_end if roles[row] == REFUSED]
    if finals:
        speaker = min(finals, key=requests.answered.__getitem__)
        _compare(requests, told, finals, findings)
    else:
        unknown = [row for row in by_end if roles[row] == UNKNOWN]
        speaker = unknown[0] if unknown else by_end[0]
    for row in told:
        if row != speaker:
            roles[row] = REPEAT
    requests.sent[speaker] = min(requests.sent[row] for row in told)
    assert roles[speaker] in (DONE, REFUSED, PASSED, UNKNOWN)


def _compare(requests: Requests, told: dict[int, Told], finals: list[int], findings: Findings) -> None:
    """All final answers are the same, and only one of them was the first."""
    first = told[finals[0]]
    for row in finals[1:]:
        if _answer(told[row]) != _answer(first):
            findings.found(
                KEYS, f"{first} was answered {_shown(first)}, and when it was repeated {_shown(told[row])}"
            )
            return
    fresh = [
        row for row in finals if requests.roles[row] == DONE and told[row].at < 0 and not told[row].replayed
    ]
    if len(fresh) > 1:
        findings.found(
            KEYS, f"{first} was done {len(fresh)} times: none of the answers says that it is a repeat"
        )


def _answer(told: Told) -> tuple[int, bytes]:
    return told.status, _REQUEST_ID.sub(b"", told.body)


def _shown(told: Told) -> str:
    return f"{told.status} {told.body[:160].decode('utf-8', 'replace')}"
