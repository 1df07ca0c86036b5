"""Those who book one ticket a request, each for a new customer: in the scenarios `hot` and `spread`.

No more of an answer is read than its status. Making a request and taking its answer costs 1.5 µs of a core.
Called on a worker's event loop.
"""

from collections.abc import Iterator

from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.bench.scenarios.naming import Names
from boxoffice.bench.scenarios.reading import failed
from boxoffice.bench.scenarios.scenario import Taken

PAUSE_S = 0.1
"""Before the next request after one that was not answered: a server that is away is not called in a loop."""

BOOKED = Taken(1)
NO_TICKETS = Taken(failed="202 no tickets left")


class Booker:
    """Books at the next event of `events`, which has no end, and does as `Retry-After` says when told to."""

    __slots__ = ("_after_s", "_events", "_names")

    def __init__(self, events: Iterator[str], names: Names) -> None:
        self._events = events
        self._names = names
        self._after_s = 0.0

    def next(self) -> Ask:
        """One ticket for somebody new."""
        event_id, user_id, after_s = next(self._events), self._names.new(), self._after_s
        self._after_s = 0.0
        body = f'{{"eventId":"{event_id}","userId":"{user_id}"}}'.encode()
        return Ask("book", "/book", body, facts={"e": event_id, "u": user_id}, after_s=after_s)

    def answered(self, ask: Ask, answer: Answer) -> Taken:  # noqa: ARG002 - a visitor's
        """A booking, or not."""
        if answer.status == 201:
            return BOOKED
        if answer.status == 202:
            return NO_TICKETS
        self._after_s = PAUSE_S if answer.retry_after_s is None else answer.retry_after_s
        return failed(answer)
