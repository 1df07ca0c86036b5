"""What the version checker found, for people and for the tests that ask for it. Values only."""

from dataclasses import dataclass, field

# What is promised, in a few words.
ASKED_FOR = "every change answers one request"
BY_THE_RULES = "the log is what the rules make of the requests"
DURABLE = "what was answered is in the log"
IN_BATCH = "the commands of a batch are done in their order"
IN_ORDER = "whoever asks later hears of a later version"
NO_EFFECT = "503 means not applied, and a refusal changes nothing"
NO_GAP = "the log has every version once, and every order"
NO_MISTAKE = "no request meets a mistake of ours"
ONE_KEY = "one effect and one answer for one key"
TRUE = "an answer is what the rules give at its version"


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken: in which event, at which version if at one, and how."""

    event: str
    version: int | None
    promise: str
    detail: str

    def __str__(self) -> str:
        version = "" if self.version is None else f", version {self.version}"
        return f"event {self.event}{version}: {self.promise}: {self.detail}"


@dataclass(slots=True)
class Report:
    """What was looked at, so that nobody takes an empty run for a good one, and what was found.

    `answers`, `refusals` and `looks` are those that were compared with the model. Of the requests whose
    clients never learned of an outcome, `applied` are in the log and `not_applied` are not; `repeated` counts
    the answers that were given again under their key.
    """

    event: str
    versions: int = 0
    answers: int = 0
    refusals: int = 0
    looks: int = 0
    expiries: int = 0
    promotions: int = 0
    applied: int = 0
    not_applied: int = 0
    repeated: int = 0
    violations: list[Violation] = field(default_factory=list)

    def found(self, version: int | None, promise: str, detail: str) -> None:
        """A promise is broken."""
        self.violations.append(Violation(self.event, version, promise, detail))

    def check(self) -> "Report":
        """Raise AssertionError with everything that was found, if anything was."""
        assert not self.violations, "\n".join(["what clients saw cannot be:", *map(str, self.violations)])
        return self
