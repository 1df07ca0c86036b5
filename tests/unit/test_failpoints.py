"""Failpoints: named places at which a test has the process die, or raise; nothing happens unless armed."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from boxoffice.actors.failpoints import arm, disarm, passing


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    disarm()


def test_nothing_happens_unless_armed() -> None:
    passing("journal.commit")
    arm("journal.commit=raise MemoryError")
    passing("journal.write")
    disarm()
    passing("journal.commit")


def passed(times: int, event_id: int | None = None) -> list[bool]:
    """At which passings it strikes."""
    struck = []
    for _ in range(times):
        try:
            passing("actor.decide", event_id)
        except MemoryError:
            struck.append(True)
        else:
            struck.append(False)
    return struck


def test_it_strikes_once_at_the_passing_that_was_named() -> None:
    arm("actor.decide=raise MemoryError")
    assert passed(3) == [True, False, False]
    arm("actor.decide=raise MemoryError@3")
    assert passed(5) == [False, False, True, False, False]


def test_it_strikes_from_then_on_if_that_is_wanted() -> None:
    arm("actor.decide=raise MemoryError@2+")
    assert passed(4) == [False, True, True, True]


def test_it_may_be_of_one_event_only() -> None:
    arm("actor.decide/7=raise MemoryError@2")
    assert passed(3, event_id=8) == [False] * 3
    assert passed(3, event_id=7) == [False, True, False]


@pytest.mark.parametrize("failure", [MemoryError, RuntimeError, SystemExit])
def test_it_raises_what_was_named(failure: type[BaseException]) -> None:
    arm(f"journal.write=raise RuntimeError@9, journal.commit=raise {failure.__name__}")
    with pytest.raises(failure, match=r"the failpoint journal\.commit was armed"):
        passing("journal.commit")


def test_it_kills_the_process() -> None:
    program = (
        "from boxoffice.actors.failpoints import *; arm('journal.commit=kill'); passing('journal.commit')"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    "specification",
    ["", "nowhere=kill", "journal.commit", "journal.commit=raise", "journal.commit=raise Nonsense",
     "journal.commit=kill@0x", "journal.commit/x=kill", "journal.commit=kill;journal.write=kill"],
)  # fmt: skip
def test_what_is_no_failpoint_is_refused(specification: str) -> None:
    with pytest.raises(ValueError, match="is no failpoint"):
        arm(specification)
