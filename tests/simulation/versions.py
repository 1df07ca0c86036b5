"""The version checker: what clients saw of an event, against its committed log, on the model's word alone.

Every change of the log must answer one request (or be an expiry), every answer must be what the model gives
when all requests are replayed in the order of their versions, and that order must be one that clients could
have seen. It does not trust the engine's state machine; what the tables hold is the audit's business. Called
after a load or chaos run, on the test's thread. n log n, but for the model, which is quadratic.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from boxoffice.actors.changes import Change, EventInitialized, OrderExpired, decode
from boxoffice.actors.messages import Command, Initialize
from boxoffice.actors.values import Instant
from boxoffice.persistence.rows import instant
from tests.simulation import report as promise
from tests.simulation.known import (
    MAKING,
    Known,
    look_at_batches,
    look_at_keys,
    look_at_missing,
    look_at_mistakes,
    look_at_order,
    look_at_unknown,
)
from tests.simulation.matching import unmatched
from tests.simulation.paper import Paper
from tests.simulation.report import Report
from tests.simulation.requests import (
    Outcome,
    Request,
    is_look,
    is_mismatch,
    looked_at,
    requests_of,
    seen_of,
    version_in,
)
from tests.support.log import Seen, database

DONE, REFUSED, UNKNOWN, NOT_APPLIED = Outcome.DONE, Outcome.REFUSED, Outcome.UNKNOWN, Outcome.NOT_APPLIED

WHO_FIRST = (UNKNOWN, NOT_APPLIED, REFUSED, DONE)
"""Who is asked first whether they have made a change that is in nobody's answer."""


def check(database_url: str, event_id: str, seen: Iterable[Seen], *, look_lag_s: float = 0.0) -> Report:
    """Raise AssertionError if this cannot be what clients saw of the event; else say how much was looked at.

    `seen` is all that was asked of this event, and may be all that was asked of any: requests, batches, and
    the GETs of a status, an order or a list of orders. Only the sale's opening may be left out. `look_lag_s`
    is how far a GET may lag behind what was known: where there are several servers, one that has lost the
    event does not know it at once.
    """
    return examine(event_id, committed(database_url, event_id), seen, look_lag_s=look_lag_s).check()


def committed(database_url: str, event_id: str) -> list[Change]:
    """The event's log as it is in the database, the oldest change first."""
    query = "SELECT version, at, body::text FROM changes WHERE event_id = %s ORDER BY version"
    log = []
    with database(database_url) as cursor:
        cursor.execute(query, (int(event_id),))
        for version, at, body in cursor.fetchall():
            change = decode(body)
            assert (change.version, change.at) == (version, instant(at)), f"stored as {version}, {at}: {body}"
            log.append(change)
    return log


def examine(event_id: str, log: Sequence[Change], seen: Iterable[Seen], *, look_lag_s: float = 0.0) -> Report:
    """The same for a log that is at hand; whatever is wrong is in the report, and nothing is raised."""
    report, seen = Report(event_id, versions=len(log)), list(seen)
    look_at_batches(report, seen)
    seen = seen_of(event_id, seen)
    requests = requests_of(each for each in seen if not is_look(each))
    looks = [each for each in seen if is_look(each)]
    known = Known(requests, looks)
    look_at_mistakes(report, requests, looks)
    look_at_keys(report, requests)
    look_at_order(report, requests, looks, known, look_lag_s)
    look_at_unknown(report, log, requests, looks, known)
    replaying = _Replaying(report, requests, looks, known)
    look_at_missing(report, log, replaying.told)
    replaying.run(log)
    return report


class _Replaying:
    """All that was asked of one event and told of it, by version; and the model that goes through it."""

    def __init__(
        self, report: Report, requests: Sequence[Request], looks: Iterable[Seen], known: Known
    ) -> None:
        self._report = report
        self._requests = requests
        self._known = known
        self._paper = Paper(int(report.event))
        self._about: dict[str, list[Request]] = defaultdict(list)
        self._fitting: dict[int, list[Request]] = {}
        self.told: dict[int, list[Request | Seen]] = defaultdict(list)
        self._owners: dict[int, Request] = {}
        finals = [(request.key, request.final) for request in requests if request.final is not None]
        self._used = {key for key, final in finals if key is not None and not is_mismatch(final)}
        for request in requests:
            self._about[_subject(report.event, request)].append(request)
            self._enter(request)
        for look in looks:
            if (version := version_in(look)) is not None:
                self.told[version].append(look)
            elif look.status == 200:
                report.found(None, promise.TRUE, f"no version is named in {look.answer}")

    def _enter(self, request: Request) -> None:
        version = request.version
        if version is not None:
            self.told[version].append(request)
        elif request.outcome is DONE or (request.final is not None and request.final.status == 409):
            self._report.found(None, promise.TRUE, f"no version is named in the answer to {request}")
        if version is None or request.outcome is not DONE:
            return
        other = self._owners.setdefault(version, request)
        if other is not request:
            self._report.found(version, promise.ASKED_FOR, f"it is the answer to {other}, and to {request}")

    def run(self, log: Sequence[Change]) -> None:
        """Have the model do everything again, in the order of the versions, as far as the log is its own."""
        for number, change in enumerate(log, start=1):
            if change.version != number or not self._take(change):
                break
            self._report.promotions += len(getattr(change, "promoted", ()))
            for told in self.told.get(number, ()):
                self._look_at(told, log[number].at if number < len(log) else None)
        names = {version: [each.name for each in fitting] for version, fitting in self._fitting.items()}
        for version in unmatched(names):
            self._report.found(version, promise.ASKED_FOR, "who may have asked for it made another version")
        unknown = {request.name for request in self._requests if request.outcome is UNKNOWN}
        self._report.applied = len(self._fitting)
        self._report.not_applied = len(unknown) - len(self._fitting)

    # --- changes ---------------------------------------------------------------------------------

    def _take(self, change: Change) -> bool:
        """Replay one change; False if the model goes another way than the log, and cannot follow it on."""
        owner = self._owners.get(change.version)
        if isinstance(change, OrderExpired):
            self._report.expiries += 1
            if owner is not None:
                self._report.found(change.version, promise.TRUE, f"an expiry, and the answer to {owner}")
            return self._agrees(change, self._paper.expire(change))
        command = self._command_of(owner, change)
        if command is None:
            self._report.found(change.version, promise.ASKED_FOR, f"nobody asked for {change}")
            return False
        answer, difference = self._paper.take(command, change)
        if not self._agrees(change, difference, owner):
            return False
        if owner is not None and owner.final is not None:
            self._report.answers += 1
            wrong = self._paper.answered(answer, owner.final.status, owner.final.answer)
            self._is_true(change.version, owner, wrong)
        return True

    def _agrees(self, change: Change, difference: str | None, owner: Request | None = None) -> bool:
        if difference is not None:
            asked = "" if owner is None else f" after {owner}"
            detail = f"{difference}{asked}. What follows is not looked at"
            self._report.found(change.version, promise.BY_THE_RULES, detail)
        return difference is None

    def _command_of(self, owner: Request | None, change: Change) -> Command | None:
        """What was asked for and made this change; None if nobody asked for it."""
        if owner is not None:
            return owner.command(_order_id(change))
        if isinstance(change, EventInitialized):
            return Initialize(change.name, change.capacity, change.terms)
        about = self._asked_about(change)
        unknown = [each for each in about if each.outcome is UNKNOWN and each.key not in self._used]
        fitting = [each for each in unknown if self._could_make(each, change)]
        if fitting:
            self._fitting[change.version] = fitting
            return fitting[0].command(_order_id(change))
        for each in sorted(about, key=lambda each: WHO_FIRST.index(each.outcome)):
            if each not in unknown and self._could_make(each, change):
                self._report.found(change.version, _broken_by(each), f"{change} would be an effect of {each}")
                return each.command(_order_id(change))
        return None

    def _asked_about(self, change: Change) -> list[Request]:
        """Whatever was asked about the same order, or its customer, or the event."""
        order_id = _order_id(change)
        subjects = [f"{self._report.event}-{order_id}" if order_id else self._report.event]
        if isinstance(change, MAKING):
            subjects = [f"of {change.customer}"]
        elif (entry := self._paper.entry(order_id)) is not None:
            subjects.append(f"of {entry.customer}")
        return [request for subject in subjects for request in self._about[subject]]

    def _could_make(self, request: Request, change: Change) -> bool:
        """Whether this request would have made the change, and was asked before its version was known."""
        if self._known.before(request.began_s) >= change.version:
            return False
        command = request.command(_order_id(change))
        return command is not None and self._paper.would_make(command, change)

    # --- what was said at a version --------------------------------------------------------------

    def _look_at(self, told: Request | Seen, next_at: Instant | None) -> None:
        """A refusal or a look at the version that was just replayed; answers were looked at with it."""
        version = self._paper.version
        if isinstance(told, Seen):
            self._report.looks += 1
            self._is_true(version, f"GET {told.path}", self._paper.shown(looked_at(told), told.answer))
        elif told.outcome is REFUSED and told.final is not None:
            self._report.refusals += 1
            command = told.command("")
            if command is None:
                wrong: str | None = "it cannot be read"
            else:
                wrong = self._paper.refused(command, told.final.status, told.final.answer, next_at)
            self._is_true(version, told, wrong)

    def _is_true(self, version: int, told: object, wrong: str | None) -> None:
        if wrong is not None:
            self._report.found(version, promise.TRUE, f"{told}: {wrong}")


def _order_id(change: Change) -> str:
    order_id: str = getattr(change, "order_id", "")
    return order_id


def _subject(event: str, request: Request) -> str:
    """What a request is about: a customer, an order, or the event."""
    asked = request.asked
    if "userId" in asked:
        return f"of {asked['userId']}"
    return str(asked.get("orderId", event))


def _broken_by(request: Request) -> str:
    """Which promise is broken if this request, whose outcome is known, had that effect."""
    if request.outcome in (NOT_APPLIED, REFUSED):
        return promise.NO_EFFECT
    return promise.ASKED_FOR if request.key is None else promise.ONE_KEY
