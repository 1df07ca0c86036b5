"""Named places at which a test may have this process die, or raise, on purpose. Inert unless armed.

    BOXOFFICE_FAILPOINTS="journal.commit=kill@5, actor.decide/7=raise MemoryError@1+"

The first kills the process with SIGKILL when the journal is about to commit for the fifth time; the second
raises a MemoryError whenever the actor of event 7 is about to decide something. Armed once, before anything
runs, by the composition root, which warns of it. To pass a place that is not armed costs 0.05 us.
"""

import os
import re
import signal
import threading
from typing import Final, Literal, get_args

import msgspec

Place = Literal[
    "actor.decide",
    "actor.hand_over",
    "loader.loaded",
    "journal.write",
    "journal.commit",
    "journal.committed",
    "journal.answer",
]

_SPEC: Final = re.compile(
    r"(?P<place>[a-z_.]+)(?:/(?P<event>\d+))?=(?:kill|raise (?P<failure>\w+))(?:@(?P<nth>\d+)(?P<on>\+)?)?"
)
_FAILURES: Final[dict[str | None, type[BaseException] | None]] = {
    None: None,  # that is: kill
    "MemoryError": MemoryError,
    "RuntimeError": RuntimeError,
    "SystemExit": SystemExit,
}


class _Failpoint(msgspec.Struct):
    event: int | None
    failure: type[BaseException] | None
    nth: int
    on: bool
    passed: int = 0


_armed: dict[str, _Failpoint] = {}
_lock = threading.Lock()


def arm(specification: str) -> None:
    """Arm failpoints, in the form above. Raises ValueError for what is none."""
    for each in specification.split(","):
        found = _SPEC.fullmatch(each.strip())
        if found is None or found["place"] not in get_args(Place) or found["failure"] not in _FAILURES:
            raise ValueError(f"{each.strip()!r} is no failpoint")
        failure = _FAILURES[found["failure"]]
        event = None if found["event"] is None else int(found["event"])
        _armed[found["place"]] = _Failpoint(event, failure, int(found["nth"] or 1), bool(found["on"]))


def disarm() -> None:
    """Make all of them inert again."""
    _armed.clear()


def passing(place: Place, event_id: int | None = None) -> None:
    """Do nothing, unless this place is armed: then kill the process, or raise. Called on any thread."""
    if _armed and (failpoint := _armed.get(place)) is not None:
        _strike(place, failpoint, event_id)


def _strike(place: Place, failpoint: _Failpoint, event_id: int | None) -> None:
    if failpoint.event not in (None, event_id):
        return
    with _lock:
        failpoint.passed += 1
        due = failpoint.passed == failpoint.nth or (failpoint.on and failpoint.passed > failpoint.nth)
    if not due:
        return
    if failpoint.failure is None:
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        raise failpoint.failure(f"the failpoint {place} was armed")
