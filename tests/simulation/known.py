"""What must be so whatever the rules are: keys have one answer, versions are there, and nobody unlearns.

Called by the version checker, on the test's thread.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from boxoffice.actors.changes import Change, CustomerWaitlisted, TicketsBooked, TicketsHeld
from tests.simulation import report as promise
from tests.simulation.report import Report
from tests.simulation.requests import (
    Outcome,
    Request,
    is_final,
    is_mismatch,
    looked_at,
    seen_of,
    version_in,
    without_request_id,
)
from tests.support.log import Seen

MAKING = (TicketsBooked, TicketsHeld, CustomerWaitlisted)


class Known:
    """How much was known when: the newest version that anybody had been told of."""

    def __init__(self, requests: Iterable[Request], looks: Iterable[Seen]) -> None:
        answers = [(each.ended_s, each.version) for each in requests]
        answers += [(each.ended_s, version_in(each)) for each in looks]
        told = sorted((ended_s, version) for ended_s, version in answers if version is not None)
        self._ends = [ended_s for ended_s, _ in told]
        self._newest = list(accumulate((version for _, version in told), max))

    def before(self, moment_s: float) -> int:
        """The newest version in an answer that had come before this moment; 0 if none had."""
        answers = bisect_left(self._ends, moment_s)
        return self._newest[answers - 1] if answers else 0


def look_at_mistakes(report: Report, requests: Sequence[Request], looks: Iterable[Seen]) -> None:
    """Nobody is told of a mistake of ours, nor of one of theirs that they have not made."""
    for each in [*(sent for request in requests for sent in request.sent), *looks]:
        if each.status == 500:
            report.found(None, promise.NO_MISTAKE, f"{each.path} {each.asked} was answered {each.answer}")
    for request in requests:
        final = request.final
        if (
            final is not None
            and final.answer.get("code") == "invalid_request"
            and request.command("") is not None
        ):
            report.found(None, promise.TRUE, f"{request} was answered {final.answer}")


def look_at_keys(report: Report, requests: Iterable[Request]) -> None:
    """What is asked again is answered the same; what is asked under another's key is refused."""
    first: dict[str, Request] = {}
    for request in requests:
        final = request.final
        if request.key is None or final is None:
            continue
        for each in request.sent:
            if each is final or not is_final(each):
                continue
            report.repeated += 1
            if _told(each) != _told(final):
                detail = f"{request} was answered {_told(final)}, and {_told(each)}"
                report.found(request.version, promise.ONE_KEY, detail)
        if not is_mismatch(final) and (other := first.setdefault(request.key, request)) is not request:
            report.found(request.version, promise.ONE_KEY, f"both {other} and {request}")


def _told(seen: Seen) -> tuple[int, dict[str, object]]:
    return seen.status, without_request_id(seen.answer)


def look_at_order(
    report: Report, requests: Iterable[Request], looks: Iterable[Seen], known: Known, look_lag_s: float
) -> None:
    """Whoever asks after somebody was told of a version hears of no earlier one; who changes it, of a later.

    What is asked again counts from the first asking on, and up to the first answer that is final. A look may
    show what was so `look_lag_s` before it began.
    """
    for request in requests:
        newest, version = known.before(request.began_s), request.version
        if version is not None and version < newest + (request.outcome is Outcome.DONE):
            report.found(version, promise.IN_ORDER, f"version {newest} was known before {request}")
    for look in looks:
        newest, version = known.before(look.began_s - look_lag_s), version_in(look)
        if version is not None and version < newest:
            report.found(version, promise.IN_ORDER, f"version {newest} was known before GET {look.path}")


def look_at_batches(report: Report, seen: Iterable[Seen]) -> None:
    """The commands of a batch are done in their order; under a key, some may be done when it is repeated."""
    for batch in seen:
        newest = 0
        for each in seen_of(report.event, [batch] if batch.path == "/batch" and batch.key is None else []):
            version, is_done = version_in(each), each.status < 300
            if version is not None and version < newest + is_done:
                report.found(version, promise.IN_BATCH, f"version {newest} came before it in {batch.asked}")
            newest = version if is_done and version is not None else newest


def look_at_missing(report: Report, log: Sequence[Change], told: Mapping[int, Sequence[object]]) -> None:
    """The log has no gap, makes no order twice, and has every version that anybody was told of."""
    there = {change.version for change in log}
    for version in sorted({*range(1, len(log) + 1)} - there):
        report.found(version, promise.NO_GAP, "the log lacks it")
    for version in sorted({version for version, those in told.items() if those} - there):
        first, *others = told[version]
        detail = f"there is none, and {first} and {len(others)} others were told so"
        report.found(version, promise.DURABLE, detail)
    made = set[str]()
    for change in log:
        if isinstance(change, MAKING):
            if change.order_id in made:
                report.found(change.version, promise.NO_GAP, f"{change} makes an order a second time")
            made.add(change.order_id)


def look_at_unknown(
    report: Report, log: Iterable[Change], requests: Iterable[Request], looks: Iterable[Seen], known: Known
) -> None:
    """Whoever was told that something is not there had asked before anybody knew of it."""
    made = {report.event: 1}
    for change in log:
        if isinstance(change, MAKING):
            made.setdefault(f"{report.event}-{change.order_id}", change.version)
            made.setdefault(f"of {change.customer}", change.version)
    asked = [(r.began_s, r.final) for r in requests if r.final is not None]
    for began_s, each in [*asked, *((look.began_s, look) for look in looks)]:
        newest = known.before(began_s)
        if each.status == 404 and any(made.get(name, newest + 1) <= newest for name in _not_there(each)):
            told = f"{each.path} {each.asked} was answered {each.answer['code']}"
            report.found(None, promise.TRUE, f"{told}, when version {newest} was known")


def _not_there(seen: Seen) -> Iterator[str]:
    """What a 404 says is not there."""
    if seen.answer.get("code") == "event_not_found":
        yield str(seen.asked.get("eventId", looked_at(seen)))
    elif "userId" in seen.asked:
        yield f"of {seen.asked['userId']}"
    else:
        yield str(seen.asked.get("orderId", looked_at(seen)))
