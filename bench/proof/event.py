"""The proof for one event: its log, change by change, against all that was asked of it and told of it.

Called on a thread of its own, for each event of a run; streams the log, and looks requests up as it comes by
them.
"""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from boxoffice.bench.proof.findings import (
    ASKED,
    KEYS,
    NO_EFFECT,
    RULES,
    STATUS,
    THERE,
    TRUE,
    Findings,
)
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
from boxoffice.bench.proof.said import Change, Said, read_said
from boxoffice.bench.proof.sale import ImpossibleError, Sale
from boxoffice.bench.proof.times import Known
from boxoffice.bench.proof.truths import (
    MAKING,
    asked_for,
    difference,
    look_difference,
    refusal_difference,
    status_difference,
)

UNASKED = ("eventInitialized", "orderExpired")
"""Changes that no client of the load asks for."""


class EventProof:
    """One event: hand over its log in any number of pieces, then `end` it."""

    def __init__(
        self,
        event_id: str,
        requests: Requests,
        records: Records,
        known: Known,
        findings: Findings,
        *,
        all_known: bool,
    ) -> None:
        """`all_known`: nobody else has asked for anything here, and of what was asked nothing is missing."""
        self._event_id = event_id
        self._requests = requests
        self._records = records
        self._known = known
        self._findings = findings
        self._all_known = all_known
        self._claims = self._claimed()
        self._next_claim = 0
        self._later = self._told_later()
        self._next_later = 0
        self._unknown = self._about(UNKNOWN)
        self._others: dict[str, list[int]] | None = None
        self._shown: Said | None = None
        self._broken = False
        self.sale = Sale(event_id, findings, with_positions=bool(requests.rows(LOOK)))
        self.applied = 0
        """Requests of unknown outcome that have had an effect."""

    # --- before: who was told of which version ---------------------------------------------------

    def _claimed(self) -> list[int]:
        """The rows that were told that a version is theirs, by that; one for each version."""
        versions, claims = self._requests.versions, list[int]()
        done = self._requests.rows(DONE)
        self._findings.look(THERE, len(done))
        done.sort(key=versions.__getitem__)
        for row in done:
            if claims and versions[claims[-1]] == versions[row]:
                what = f"{self._told(claims[-1])} and {self._told(row)} were both told that it is theirs"
                self._found(ASKED, versions[row], what)
            else:
                claims.append(row)
        return claims

    def _told_later(self) -> list[int]:
        """The rows of refusals and looks that name a version, by that."""
        versions = self._requests.versions
        rows = [row for row in self._requests.rows(REFUSED, LOOK) if versions[row]]
        rows.sort(key=versions.__getitem__)
        return rows

    def _about(self, *roles: int) -> dict[str, list[int]]:
        """Rows by what they are about: a customer, an order, or the event."""
        about = defaultdict[str, list[int]](list)
        for row in self._requests.rows(*roles):
            asked = self._told(row).asked
            about[asked.o or str(asked.u)].append(row)
        return about

    def _told(self, row: int) -> Told:
        return self._records[self._requests.numbers[row]]

    def _found(self, check: str, version: int | None, what: str) -> None:
        where = f"event {self._event_id}" + ("" if version is None else f", version {version}")
        self._findings.found(check, f"{where}: {what}")

    # --- the log ---------------------------------------------------------------------------------

    def show(self, status: Said) -> None:
        """The event's status, as it was shown before its log was read."""
        self._shown = status

    def take(self, changes: Iterable[Change]) -> None:
        """Go on with these changes, the oldest first."""
        for change in changes:
            if self._broken:
                return
            try:
                self.sale.take(change)
            except ImpossibleError as error:
                self._found(RULES, None, f"{error}; the rest of its log is not looked at")
                self._broken = True
                return
            self._look_at_owner(change)
            self._look_at_told()
            if self._shown is not None and self._shown.version == self.sale.version:
                self._look_at_status(self._shown)

    def end(self) -> None:
        """The log is at its end: whatever names a later version is not true."""
        last = self.sale.version
        if self._shown is not None and (self._shown.version or 0) > last and not self._broken:
            self._found(
                STATUS, None, f"GET /status shows version {self._shown.version}, and the log ends at {last}"
            )
        if self._broken:
            self._leave_out(last)
            return
        for row in self._claims[self._next_claim :]:
            what = f"{self._told(row)} was acknowledged, and the log ends at version {last}"
            self._found(THERE, self._requests.versions[row], what)
        for row in self._later[self._next_later :]:
            version = self._requests.versions[row]
            self._found(
                THERE, version, f"{self._told(row)} was told of it, and the log ends at version {last}"
            )

    def _leave_out(self, last: int) -> None:
        """The one that is not there is missed; what follows a log that cannot be read on, nobody can say."""
        row = self._claim(last + 1)
        if row is not None:
            self._found(THERE, last + 1, f"{self._told(row)} was acknowledged, and the log lacks it")

    def _claim(self, version: int) -> int | None:
        """The row that was told that this version is its own. Versions are asked for in their order."""
        claims, versions = self._claims, self._requests.versions
        while self._next_claim < len(claims) and versions[claims[self._next_claim]] <= version:
            row = claims[self._next_claim]
            self._next_claim += 1
            if versions[row] == version:
                return row
        return None

    # --- whose change it is ----------------------------------------------------------------------

    def _look_at_owner(self, change: Change) -> None:
        row = self._claim(change.version)
        if change.type not in UNASKED and self._all_known:
            self._findings.look(ASKED)
        if row is not None:
            self._look_at_answer(row, change)
        elif change.type not in UNASKED:
            self._look_for_owner(change)

    def _look_at_answer(self, row: int, change: Change) -> None:
        told = self._told(row)
        if not asked_for(told.do, told.asked, change, self.sale):
            self._found(
                THERE,
                change.version,
                f"{told} was told that it is theirs, and it is {_shown(change, self.sale)}",
            )
            return
        try:
            said = read_said(told.body)
        except msgspec.MsgspecError as error:
            self._found(THERE, change.version, f"the answer to {told} cannot be read: {error}")
            return
        if change.type == "customerWaitlisted":
            self._findings.look(TRUE)
        wrong = difference(told, said, change, self.sale)
        if wrong is not None:
            check = TRUE if wrong.startswith("position") else THERE
            self._found(check, change.version, f"of {told}, {wrong}")

    def _look_for_owner(self, change: Change) -> None:
        """Somebody who was not told: else nobody has asked for it."""
        for rows in self._unknown_about(change):
            for row in rows:
                if self._could_be(row, change):
                    rows.remove(row)
                    self.applied += 1
                    return
        if self._all_known:
            self._blame(change)

    def _unknown_about(self, change: Change) -> list[list[int]]:
        return [self._unknown[name] for name in self._subjects(change) if name in self._unknown]

    def _subjects(self, change: Change) -> list[str]:
        if change.type in MAKING:
            return [change.user_id]
        order = self.sale.touched
        return [""] if order is None else [change.order_id, order.customer]

    def _could_be(self, row: int, change: Change) -> bool:
        """Whether this made the change: it asks for it, and did so before anybody knew of that version."""
        told = self._told(row)
        return (
            asked_for(told.do, told.asked, change, self.sale)
            and self._known.before(self._requests.sent[row]) < change.version
        )

    def _blame(self, change: Change) -> None:
        """Which promise is broken by a change that belongs to no answer."""
        if self._others is None:
            self._others = self._about(DONE, REFUSED, PASSED, REPEAT)
        rows = [row for name in self._subjects(change) for row in self._others.get(name, ())]
        told = [(self._requests.roles[row], self._told(row)) for row in rows]
        fitting = [(role, each) for role, each in told if asked_for(each.do, each.asked, change, self.sale)]
        shown = _shown(change, self.sale)
        for role, each in fitting:
            if role in (REFUSED, PASSED):
                self._found(
                    NO_EFFECT, change.version, f"{each} was answered {each.status}, and the log has {shown}"
                )
                return
        for _, each in fitting:
            if each.key is not None:
                self._found(KEYS, change.version, f"{each} had an effect, and a second one: {shown}")
                return
        self._found(ASKED, change.version, f"nobody asked for {shown}")

    # --- what was told at a version --------------------------------------------------------------

    def _look_at_told(self) -> None:
        versions, version = self._requests.versions, self.sale.version
        while self._next_later < len(self._later):
            row = self._later[self._next_later]
            if versions[row] > version:
                return
            self._next_later += 1
            self._look_at_one(row, version)

    def _look_at_one(self, row: int, version: int) -> None:
        told = self._told(row)
        try:
            said = read_said(told.body)
        except msgspec.MsgspecError as error:
            self._found(TRUE, version, f"the answer to {told} cannot be read: {error}")
            return
        self._findings.look(TRUE)
        if self._requests.roles[row] == LOOK:
            wrong = look_difference(said, self.sale)
            name = str(told)
        else:
            wrong = refusal_difference(told, said, self.sale)
            name = f"{told} was refused: {said.code}"
        if wrong is not None:
            self._found(TRUE, version, f"{name}; {wrong}")

    def _look_at_status(self, status: Said) -> None:
        self._findings.look(STATUS)
        self._shown = None
        if (wrong := status_difference(status, self.sale)) is not None:
            self._found(STATUS, status.version, f"by the log, {wrong}")


def _shown(change: Change, sale: Sale) -> str:
    order = sale.touched
    if order is None:
        return change.type
    return f"{change.type} for {order.customer} ({change.order_id}, quantity {order.quantity})"
