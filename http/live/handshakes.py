"""Single-use secrets with which a browser opens a WebSocket: it cannot send an `Authorization` with one.

A handshake stands in an address, which proxies log: so it is good once, for half a minute, and is forgotten
with the server. Only its hash is kept. On the event loop.
"""

import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

from boxoffice.actors.principals import Principal

PREFIX = "bh_"

GOOD_FOR_S = 30.0

KEPT_MAX = 10_000
"""Handshakes not used yet. Beyond that the oldest is forgotten."""


class Made(NamedTuple):
    """Whom a handshake lets in, and until when it is good, in seconds since 1970."""

    principal: Principal
    good_until_s: float


class Handshakes:
    """Those that were made here and not used. `clock` gives seconds since 1970-01-01 UTC."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._made: dict[bytes, Made] = {}  # the oldest first

    def make(self, principal: Principal) -> tuple[str, float]:
        """A new one, and until when it is good."""
        now_s = self._clock()
        while self._made and (len(self._made) >= KEPT_MAX or self._oldest.good_until_s <= now_s):
            del self._made[next(iter(self._made))]
        handshake = PREFIX + secrets.token_urlsafe(32)
        self._made[_digest(handshake)] = Made(principal, now_s + GOOD_FOR_S)
        return handshake, now_s + GOOD_FOR_S

    @property
    def _oldest(self) -> Made:
        return next(iter(self._made.values()))

    def use(self, handshake: str) -> Principal | None:
        """Whom it lets in, this once; None if it is none, was used, or is too old."""
        made = self._made.pop(_digest(handshake), None)
        return made.principal if made is not None and self._clock() < made.good_until_s else None


def _digest(handshake: str) -> bytes:
    return sha256(handshake.encode("utf-8", "surrogatepass")).digest()
