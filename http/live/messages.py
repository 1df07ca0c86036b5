"""What goes over a listener's wire: the messages it gets, those it may send, and how the latter are read.

A status or an order is what the call of that name answers, plus its `type`. Types and their making only. On
the event loop.
"""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from boxoffice.actors.values import EventStatus, Instant
from boxoffice.http import wire
from boxoffice.http.decoding import Reader
from boxoffice.http.problems import ProblemError
from boxoffice.http.reference.problem_types import ProblemBody
from boxoffice.http.wire import Body, EventBody, Id, OrderBody, Time

WATCHED_MAX = 100
"""Events, and orders, that one listener may watch at a time."""

MESSAGE_MAX = 4 * 1024
"""Bytes in one message of a listener's."""


class StatusMessage(EventBody, frozen=True, tag_field="type", tag="status"):
    """An event's committed numbers and terms at one version."""


class OrderMessage(OrderBody, frozen=True, tag_field="type", tag="order"):
    """An order that has changed, or where it stands now: `position` only while it waits, `expiresAt` only
    while it is held or offered.
    """


class ProblemMessage(Body, frozen=True, kw_only=True, tag_field="type", tag="problem"):
    """Something could not be watched, or a message was not understood; what is watched already still is.

    The ids are as they were given, whatever that is.
    """

    problem: ProblemBody
    event_id: str | UnsetType = UNSET
    order_id: str | UnsetType = UNSET


class CloseNotice(Body, frozen=True):
    """Why a stream of events ends: what a WebSocket says in its close frame."""

    code: Annotated[int, Meta(ge=1000, le=4999)]
    reason: str


class WatchBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to watch from now on, and what no longer."""

    watch: Annotated[list[Id], Meta(max_length=WATCHED_MAX)] | UnsetType = UNSET
    unwatch: Annotated[list[Id], Meta(max_length=WATCHED_MAX)] | UnsetType = UNSET
    watch_order: Id | UnsetType = UNSET
    unwatch_order: Id | UnsetType = UNSET


class HandshakeBody(Body, frozen=True):
    """What opens one connection, once, until then, as whoever asked for it."""

    handshake: Annotated[str, Meta(pattern=r"^bh_[A-Za-z0-9_-]{43}$")]
    expires_at: Time


WATCH = Reader(WatchBody)


def status_message(status: EventStatus, now: Instant) -> StatusMessage:
    """An event as listeners see it at `now`."""
    return StatusMessage(*wire.event_fields(status, now))


def problem_message(
    problem: ProblemError, request_id: str, *, event_id: str | None = None, order_id: str | None = None
) -> dict[str, Any]:
    """What could not be done; `event_id` or `order_id` is what it was about, in the listener's own words."""
    about = {"eventId": event_id, "orderId": order_id}
    told = {name: text for name, text in about.items() if text is not None}
    return {"type": "problem", "problem": problem.document(request_id), **told}
