"""What an audit says: what it looked at, and every violation it found, for people and for programs.

Values only. Made by `audit.py`, printed by the command line.
"""

from boxoffice.actors.values import EventId, Value


class Violation(Value, frozen=True, gc=False):
    """A promise that is broken: in which event, at which version if at one, and how."""

    event_id: EventId | None
    version: int | None
    promise: int
    what: str

    def __str__(self) -> str:
        event = "no event" if self.event_id is None else f"event {self.event_id}"
        version = "" if self.version is None else f", version {self.version}"
        return f"{event}{version}, promise {self.promise}: {self.what}"


class Report(Value, frozen=True, gc=False):
    """What was looked at, and what was found: `unlisted` more than the `violations` that are listed."""

    events: int
    changes: int
    orders: int
    replies: int
    violations: tuple[Violation, ...]
    unlisted: int
    seconds: float

    @property
    def summary(self) -> str:
        """One line for people."""
        found = len(self.violations) + self.unlisted
        looked_at = f"{self.events} events, {self.changes} changes, {self.orders} orders"
        outcome = f"{found} violation{'s' if found != 1 else ''}" if found else "no violations"
        return f"{outcome} in {looked_at} and {self.replies} recorded answers ({self.seconds:.1f} s)"

    @property
    def document(self) -> dict[str, object]:
        """The whole report for programs, ready to be made JSON."""
        violations = [
            {
                "eventId": None if each.event_id is None else str(each.event_id),
                "version": each.version,
                "promise": each.promise,
                "what": each.what,
            }
            for each in self.violations
        ]
        return {
            "events": self.events,
            "changes": self.changes,
            "orders": self.orders,
            "replies": self.replies,
            "seconds": round(self.seconds, 3),
            "violations": violations,
            "unlisted": self.unlisted,
        }
