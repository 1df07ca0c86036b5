"""When each event has a hold or an offer to end: one heap for all events, not one timer for each hold.

It only says whom to tell; that what is overdue ends is decided by the event. Owned by the directory, on
its thread.
"""

from heapq import heapify, heappop, heappush

from boxoffice.actors.values import SECOND, EventId, Instant

AGAIN = SECOND
"""An event that was told, and has not said so since, is told again after this long."""

STALE_MAX = 1_000
"""Entries that are out of date and still in the heap, beyond as many as are up to date."""


class ExpiryTimer:
    """The next expiry of each event that has one."""

    def __init__(self) -> None:
        self._next: dict[EventId, Instant] = {}
        self._heap: list[tuple[Instant, EventId]] = []  # with entries that are out of date

    def __contains__(self, event_id: EventId) -> bool:
        return event_id in self._next

    def set(self, event_id: EventId, at: Instant | None) -> None:
        """The event's next expiry is `at`, or it has none."""
        if at is None:
            self._next.pop(event_id, None)
        elif self._next.get(event_id) != at:
            self._next[event_id] = at
            heappush(self._heap, (at, event_id))
            if len(self._heap) > 2 * len(self._next) + STALE_MAX:
                self._heap = [(at, event_id) for event_id, at in self._next.items()]
                heapify(self._heap)

    def overdue(self, now: Instant, most: int) -> list[EventId]:
        """Up to `most` events that have something overdue at `now`, the longest overdue first."""
        found: list[EventId] = []
        while self._heap and self._heap[0][0] <= now and len(found) < most:
            at, event_id = heappop(self._heap)
            if self._next.get(event_id) == at:
                found.append(event_id)
                self.set(event_id, Instant(now + AGAIN))
        return found
