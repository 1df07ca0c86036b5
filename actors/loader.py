"""Takes events over from the database for their actors, so that no actor ever waits for a query.

A few of these, each a Pykka actor with a thread of its own, because `Recovery` blocks. Told by the
directory whom to load; tells the event's actor what came of it.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any

import msgspec
import pykka

from boxoffice.actors.event_actor import NotLoaded
from boxoffice.actors.failpoints import passing
from boxoffice.actors.ports import DatabaseAway, Recovery
from boxoffice.actors.values import EventId

log = logging.getLogger(__name__)


class Load(msgspec.Struct, frozen=True):
    """Load this event, and tell `actor` about it.

    Not begun by `begin_by_s`, on the monotonic clock, it is not begun at all: the database does not answer,
    and whoever waits for the event is better told so than kept.
    """

    event_id: EventId
    actor: pykka.ActorRef[Any]
    begin_by_s: float = inf


class Loader(pykka.ThreadingActor):
    """Answers every `Load` by telling its actor `Recovered`, `Missing`, `Corrupt` or `NotLoaded`."""

    use_daemon_thread = True

    def __init__(self, recovery: Recovery, monotonic_s: Callable[[], float]) -> None:
        super().__init__()
        self._recovery = recovery
        self._monotonic_s = monotonic_s

    def on_receive(self, message: Load) -> None:
        """Handle one message."""
        try:
            if message.begin_by_s < self._monotonic_s():
                raise DatabaseAway("the database is away")
            outcome: object = self._recovery.load(message.event_id)
            passing("loader.loaded", message.event_id)
        except DatabaseAway as away:
            outcome = NotLoaded(str(away))
        except BaseException:  # even a MemoryError: whoever waits for the event must hear of it
            log.exception("event %s could not be loaded", message.event_id)
            outcome = NotLoaded("the event could not be loaded", failed=True)
        with suppress(pykka.ActorDeadError):  # it was stopped meanwhile, and nobody waits any more
            message.actor.tell(outcome)
