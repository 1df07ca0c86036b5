"""The newest state of one thing that is watched, as it goes over the wire, and who watches it.

Newest wins: a listener that could not be told is told what is newest when it can be, so it costs no more than
a place in `behind`. Knows no sockets. On the event loop.
"""

from typing import Any

from boxoffice.actors.terms import sale_state
from boxoffice.actors.values import LIVE, EventId, EventStatus, Instant, Order, OrderId, SaleState
from boxoffice.http import wire
from boxoffice.http.live.frames import Frame
from boxoffice.http.live.messages import OrderMessage, status_message


class Feed:
    """Something that is watched. `frame` is its newest state, at `version`, None as long as it is unknown;
    `edition` counts its states, since not every one has a version of its own. `is_timed`: more than one
    of them may have this version, and which of them somebody has seen is not known. `is_settled`: nothing
    more is to come, and whoever is sent this watches it no more.
    """

    __slots__ = ("edition", "event_id", "frame", "is_settled", "is_timed", "listeners", "version")

    def __init__(self, event_id: EventId) -> None:
        self.event_id = event_id
        self.version = 0
        self.edition = 0
        self.is_timed = False
        self.is_settled = False
        self.frame: Frame | None = None
        self.listeners: dict[Any, None] = {}  # in the order they came; they know us, so we do not know them

    def _publish(self, version: int, frame: Frame) -> None:
        self.version, self.frame = version, frame
        self.edition += 1


class EventFeed(Feed):
    """An event's status."""

    __slots__ = ("_state",)

    def __init__(self, event_id: EventId) -> None:
        super().__init__(event_id)
        self._state: SaleState | None = None

    def renew(self, status: EventStatus, now: Instant) -> bool:
        """Take in a status; False if it is not newer. Its state may be, without a new version."""
        if not self.is_outdated(status, now):
            return False
        self._state = _state_of(status, now)
        opens, closes = status.terms.sales_open_at, status.terms.sales_close_at
        self.is_timed = status.closed_at is None and (opens, closes) != (None, None)
        message = wire.encode(status_message(status, now))
        self._publish(status.version, Frame(message, "status", f"{self.event_id}-{status.version}"))
        return True

    def is_outdated(self, status: EventStatus, now: Instant) -> bool:
        """Whether this is newer, if only because time alone has changed the state of its sale."""
        is_same = status.version == self.version
        return status.version > self.version or (is_same and _state_of(status, now) is not self._state)


def _state_of(status: EventStatus, now: Instant) -> SaleState:
    return sale_state(status.terms, status.closed_at, now)


class OrderFeed(Feed):
    """An order. Once it is cancelled or expired there is nothing more to come."""

    __slots__ = ("_seen", "order_id")

    def __init__(self, event_id: EventId, order_id: OrderId) -> None:
        super().__init__(event_id)
        self.order_id = order_id
        self._seen: tuple[Order, int | None] | None = None

    def renew(self, order: Order, version: int, position: int | None) -> bool:
        """Take in how it stands at a version of its event; False if that is not new, or it is no later."""
        if version < self.version or (order, position) == self._seen:
            return False
        self._seen = order, position
        self.is_settled = order.status not in LIVE
        message = wire.encode(OrderMessage(*wire.order_fields(self.event_id, order, version, position)))
        self._publish(version, Frame(message, "order"))
        return True
