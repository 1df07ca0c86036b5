"""The proof of one event: what was asked of it, its log, and its status, each brought where it belongs.

Called by `checks.py` on threads; each has an `Asker` of its own, and findings that nobody else writes to.
"""

from collections.abc import Callable, Sequence

import msgspec

from boxoffice.bench.proof.asking import Asker, RefusedError, readable
from boxoffice.bench.proof.event import EventProof
from boxoffice.bench.proof.findings import (
    ASKED,
    FIRST,
    NO_EFFECT,
    RULES,
    SOLD,
    STATUS,
    THERE,
    TRUE,
    Findings,
)
from boxoffice.bench.proof.keys import settle
from boxoffice.bench.proof.requests import DONE, PASSED, REFUSED, UNKNOWN, Records, Requests
from boxoffice.bench.proof.said import Said
from boxoffice.bench.proof.sale import initialized
from boxoffice.bench.proof.times import Known, look_at_times, look_at_versions
from boxoffice.bench.proof.without_log import OrdersProof

BY_THE_SERVER = (THERE, SOLD, FIRST, RULES, ASKED, NO_EFFECT, TRUE, STATUS)
"""Checks for which the server has to be asked."""

Counted = Callable[[int], None]
"""Told how many changes, or orders, more were looked at."""


class Outcome(msgspec.Struct):
    """What came of one event."""

    findings: Findings
    unknown: int = 0
    applied: int = 0
    changes: int = 0


class Event(msgspec.Struct):
    """One event that is to be looked at. `all_known`: nobody but those in the ledgers asks anything of it."""

    event_id: str
    requests: Requests
    all_known: bool
    status: Said | None = None
    """As it was shown, after the last answer and before the log is read."""

    @property
    def is_untouched(self) -> bool:
        """Whether it is as it was made, by its status and by what everybody was told."""
        status = self.status
        return status is not None and status.version == 1 and max(self.requests.versions, default=1) <= 1


def prove_event(
    event: Event, records: Records, asker: Asker | None, *, with_log: bool, counted: Counted
) -> Outcome:
    """Look at everything about one event; without an asker, only at what needs no server."""
    outcome = Outcome(Findings())
    requests, findings = event.requests, outcome.findings
    settle(requests, records, findings)
    known = Known(requests)
    look_at_times(requests, known, records, findings)
    outcome.unknown = len(requests.rows(UNKNOWN))
    if asker is None:
        look_at_versions(requests, records, findings)
        return outcome
    try:
        if with_log:
            _with_log(event, records, known, asker, outcome, counted)
        else:
            _without_log(event, records, asker, outcome, counted)
    except (OSError, RefusedError, msgspec.MsgspecError) as error:
        if isinstance(error, RefusedError) and error.status == 404:
            if event.all_known or requests.rows(DONE):
                findings.found(THERE, f"there is no event {event.event_id} any more: {error}")
            return outcome
        leave_out(findings, BY_THE_SERVER, error, f"of event {event.event_id} not all could be read: ")
    return outcome


def leave_out(findings: Findings, checks: Sequence[str], error: Exception, where: str = "") -> None:
    """Say why these are not made: for want of a scope, as whoever gave the key wanted it; or because of the
    server, and then the proof is not done.
    """
    why = where + readable(error)
    if isinstance(error, RefusedError) and error.is_for_want_of_a_scope:
        for check in checks:
            findings.skip(check, why)
    else:
        findings.leave_undone(checks, why)


def _with_log(
    event: Event, records: Records, known: Known, asker: Asker, outcome: Outcome, counted: Counted
) -> None:
    requests, findings = event.requests, outcome.findings
    if event.all_known:
        findings.look(NO_EFFECT, len(requests.rows(REFUSED, PASSED)))
    proof = EventProof(event.event_id, requests, records, known, findings, all_known=event.all_known)
    if event.status is not None:
        proof.show(event.status)
    if event.status is not None and event.is_untouched:
        proof.take([initialized(event.status)])
        counted(1)
    else:
        for changes in asker.changes(event.event_id):
            proof.take(changes)
            counted(len(changes))
            outcome.changes += len(changes)
    proof.end()
    outcome.applied = proof.applied


def _without_log(event: Event, records: Records, asker: Asker, outcome: Outcome, counted: Counted) -> None:
    findings = outcome.findings
    proof = OrdersProof(event.event_id, event.requests, records, findings, all_known=event.all_known)
    if not event.is_untouched or event.requests.rows(DONE):
        for orders in asker.orders(event.event_id):
            proof.take(orders)
            counted(len(orders))
    status, event_id = event.status, event.event_id
    if status is not None and asker.status(event_id).version != status.version:
        status = None
        for check in (SOLD, STATUS):
            findings.skip(check, f"event {event_id} went on while its orders were read")
    proof.end(status)
    outcome.applied = proof.applied
