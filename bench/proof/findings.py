"""What the proof of a load test found: values, and the list they are gathered in.

Each check says how much it has looked at, so that one that looked at nothing is not taken for one that holds.
Findings of several events are made on threads of their own and added up on the event loop.
"""

from collections.abc import Iterable

import msgspec

LEFT_OUT = "the audit was left out"
"""Why a check was not made that takes the server, if nobody wanted it."""

EXAMPLES_MAX = 5
"""Violations that a check shows; the others are counted."""

THERE = "what was acknowledged is there"
SOLD = "nothing is oversold"
FIRST = "first come, first served"
RULES = "the log keeps the rules"
KEYS = "one key, one effect"
ASKED = "every change was asked for"
NO_EFFECT = "what was refused had no effect"
IN_ORDER = "answers are in the order of time"
TRUE = "what was told was true"
STATUS = "the status is what the log adds up to"
TABLES = "the tables agree with the log"

CHECKS = (THERE, SOLD, FIRST, RULES, KEYS, ASKED, NO_EFFECT, IN_ORDER, TRUE, STATUS, TABLES)
"""What is proved, in the order in which it is reported."""

LOOKED_AT = {
    THERE: "acknowledged requests",
    SOLD: "versions",
    FIRST: "bookings, places in line and promotions",
    RULES: "versions",
    KEYS: "repeated requests",
    ASKED: "changes",
    NO_EFFECT: "refused requests",
    IN_ORDER: "answers",
    TRUE: "refusals, positions and looks",
    STATUS: "events",
    TABLES: "changes and orders",
}
"""What each of them counts."""


class Check(msgspec.Struct, frozen=True, rename="camel"):
    """One thing that was looked at. Its fields are those of `--json`, too."""

    name: str
    looked_at: int = 0
    broken: int = 0
    examples: list[str] = []
    skipped: str | None = None
    """Why it was not looked at, or why there was nothing to look at; None if it was."""
    counts: str = ""
    """What `looked_at` counts."""

    @property
    def ok(self) -> bool:
        """Whether it holds, as far as it was looked at."""
        return not self.broken


class Proof(msgspec.Struct):
    """All checks of a run, and how much there was."""

    checks: list[Check]
    unknown: int = 0
    """Requests whose outcome nobody was told: there was no answer, or a 504."""
    unknown_applied: int = 0
    """Those of them that the log shows to have had an effect; the others had none by then."""
    requests: int = 0
    """Commands that the clients sent, repeats and looks included; each command of a batch counts."""
    events: int = 0
    changes: int = 0
    tickets: int = 0
    """Of all events whose status was shown; so are the next two."""
    taken: int = 0
    """Tickets that are booked, held or offered."""
    waiting: int = 0
    """Orders in line."""
    seconds: float = 0.0
    undone: str | None = None
    """Why something could not be looked at that should have been; None if nothing stood in the way."""
    answers_only: bool = False
    """Nobody asked the server: answers were compared with each other alone."""

    @property
    def ok(self) -> bool:
        """Whether nothing is broken."""
        return all(check.ok for check in self.checks)


class Findings:
    """What has been looked at and found so far, by check."""

    def __init__(self) -> None:
        self.looked_at = dict.fromkeys(CHECKS, 0)
        self.broken = dict.fromkeys(CHECKS, 0)
        self.examples: dict[str, list[str]] = {name: [] for name in CHECKS}
        self.skipped: dict[str, str] = {}
        self.undone: str | None = None

    def look(self, check: str, things: int = 1) -> None:
        """So many things more were looked at."""
        self.looked_at[check] += things

    def found(self, check: str, what: str) -> None:
        """A violation, in words for whoever runs the test."""
        self.broken[check] += 1
        if len(self.examples[check]) < EXAMPLES_MAX:
            self.examples[check].append(what)

    def wants(self, check: str) -> bool:
        """Whether another example would be shown: if not, it need not be put into words."""
        return len(self.examples[check]) < EXAMPLES_MAX

    def skip(self, check: str, reason: str) -> None:
        """It is not looked at; the first reason counts."""
        self.skipped.setdefault(check, reason)

    def leave_undone(self, checks: Iterable[str], reason: str) -> None:
        """They should have been looked at, and could not be; the first reason counts."""
        self.undone = self.undone or reason
        for check in checks:
            self.skip(check, reason)

    def add(self, others: Iterable["Findings"]) -> None:
        """Take over what was found elsewhere."""
        for other in others:
            self.undone = self.undone or other.undone
            for name in CHECKS:
                self.looked_at[name] += other.looked_at[name]
                self.broken[name] += other.broken[name]
                room = EXAMPLES_MAX - len(self.examples[name])
                self.examples[name] += other.examples[name][:room]
            for name, reason in other.skipped.items():
                self.skip(name, reason)

    def checks(self) -> list[Check]:
        """All checks; one that had nothing to look at says so."""
        return [self._check(name) for name in CHECKS]

    def _check(self, name: str) -> Check:
        looked_at, reason = self.looked_at[name], self.skipped.get(name)
        if reason is None and not looked_at and not self.broken[name]:
            reason = f"there were no {LOOKED_AT[name]}"
        counts = LOOKED_AT[name]
        return Check(name, looked_at, self.broken[name], self.examples[name], reason, counts)
