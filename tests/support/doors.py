"""A door that is open to everybody, and notes nothing: for tests of what is behind it."""

import time
from typing import Any

from boxoffice.actors.principals import ApiKey, Principal
from boxoffice.actors.values import Instant
from boxoffice.http.door import Door
from boxoffice.http.identity.access import Access
from boxoffice.http.identity.cors import Cors
from boxoffice.http.identity.limits import RateLimits
from boxoffice.http.identity.origin import Addresses

UNLIMITED = RateLimits(None, None, time.monotonic)


class NoKeys:
    """A ring without any key."""

    is_open = True

    def find(self, token: str, now: Instant) -> ApiKey | None:
        """There is none."""
        return None

    def holds(self, key_id: str, now: Instant) -> bool:
        """It does not."""
        return False


class NoHandshakes:
    """Nobody was given any."""

    def use(self, handshake: str) -> Principal | None:
        """It is none."""
        return None


class Nobody:
    """Takes no notice of anything."""

    def observe(self, call: str, status: int, duration_s: float) -> None:
        """Whatever it was."""

    def rate_limited(self, principal_id: str) -> None:
        """Whoever it was."""

    def is_due(self, status: int) -> bool:
        """Nothing is."""
        return False

    def line(self, **what: Any) -> None:
        """Whatever there is to say."""


def open_door() -> Door:
    """One of those."""
    access = Access(NoKeys(), None, NoHandshakes(), lambda: Instant(0), public_status=False, local_only=False)
    return Door(access, UNLIMITED, Addresses(), Cors(), Nobody(), Nobody())
