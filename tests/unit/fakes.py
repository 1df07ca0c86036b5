"""Hand-written stand-ins for what the actors need from outside: the Protocols of `actors/ports.py`.

They keep what they are given, and let a test wait until enough of it has come.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

from boxoffice.actors.dispatcher import Dispatcher
from boxoffice.actors.messages import Answer
from boxoffice.actors.ports import Answered, Corrupt, Entry, Missing, Recovered, Request, Settled
from boxoffice.actors.values import EventId

PATIENCE_S = 10.0
"""How long a test waits for what must happen before it fails."""


def finish_turns(dispatcher: Dispatcher) -> None:
    """Wait until everything that was due on this dispatcher of one thread has been run."""
    done: Future[None] = Future()
    dispatcher.ready(lambda: done.set_result(None))
    done.result(PATIENCE_S)


class Gate:
    """Something to call that keeps whoever calls it, and their thread, until it is opened."""

    def __init__(self) -> None:
        self.entered: Future[None] = Future()
        self.opened: Future[None] = Future()

    def __call__(self) -> None:
        self.entered.set_result(None)
        self.opened.result(PATIENCE_S)

    def wait(self) -> None:
        self.entered.result(PATIENCE_S)

    def open(self) -> None:
        self.opened.set_result(None)


class Watched:
    """Something that happens on other threads, and that a test waits for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()

    def until(self, so: Callable[[], bool]) -> None:
        """Wait until `so`; fails when that takes too long."""
        with self._changed:
            assert self._changed.wait_for(so, PATIENCE_S), "it did not happen in time"


class FakeJournal(Watched):
    """Keeps the entries, and commits nothing. Raises `full` instead, if that is set."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.full: BaseException | None = None

    def append(self, entry: Entry) -> None:
        if self.full is not None:
            raise self.full
        with self._changed:
            self.entries.append(entry)
            self._changed.notify_all()


class FakeOutlet(Watched):
    """Keeps what is delivered, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.settled: list[Settled] = []

    def deliver(self, settled: Sequence[Settled]) -> None:
        with self._changed:
            self.settled.extend(settled)
            self._changed.notify_all()

    @property
    def answered(self) -> list[Answered]:
        return [answered for settled in self.settled for answered in settled.answers]

    def answers_to(self, *requests: Request) -> list[list[Answer]]:
        """What each of these was told, and how often."""
        return [
            [answered.answer for answered in self.answered if answered.request is request]
            for request in requests
        ]

    def until_answered(self, *requests: Request) -> None:
        """Wait until each of these has been told something."""
        self.until(lambda: all(self.answers_to(*requests)))


class FakeRecovery(Watched):
    """Finds what a test has put into `found`; an exception is raised. An event that is not there is missing.

    While `held`, nothing is found: whoever loads waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[EventId, Recovered | Missing | Corrupt | Exception] = {}
        self.loads: list[EventId] = []
        self._open = threading.Event()
        self._open.set()

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def load(self, event_id: EventId) -> Recovered | Missing | Corrupt:
        with self._changed:
            self.loads.append(event_id)
            self._changed.notify_all()
        assert self._open.wait(PATIENCE_S)
        found = self.found.get(event_id, Missing())
        if isinstance(found, Exception):
            raise found
        return found

    def count(self) -> int:
        return len(self.found)

    def load_open(self) -> Iterator[Recovered | Corrupt]:
        for event_id in sorted(self.found):
            found = self.found[event_id]
            if isinstance(found, Recovered | Corrupt):
                yield found


class FakeTime:
    """A monotonic clock that a test moves on, in seconds."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s
