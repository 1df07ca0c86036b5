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

KEPT_OF_ONE_MAX = 1_000
"""Those for one principal. Beyond that the oldest of theirs is forgotten: nobody pushes out the others'."""


class Made(NamedTuple):
    """Whom a handshake lets in, and until when it is good, in seconds since 1970."""

    principal: Principal
    good_until_s: float


class Handshakes:
    """Those that were made here and not used. `clock` gives seconds since 1970-01-01 UTC."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._made: dict[bytes, Made] = {}  # by their hashes, the oldest first
        self._of: dict[str, dict[bytes, None]] = {}  # the same, by whom they let in

    def make(self, principal: Principal) -> tuple[str, float]:
        """A new one, and until when it is good."""
        now_s = self._clock()
        while self._made and next(iter(self._made.values())).good_until_s <= now_s:
            self._take(next(iter(self._made)))
        theirs = self._of.get(principal.id, ())
        if len(theirs) >= KEPT_OF_ONE_MAX:
            self._take(next(iter(theirs)))
        elif len(self._made) >= KEPT_MAX:
            self._take(next(iter(self._made)))
        handshake = PREFIX + secrets.token_urlsafe(32)
        digest, until_s = _digest(handshake), now_s + GOOD_FOR_S
        self._made[digest] = Made(principal, until_s)
        self._of.setdefault(principal.id, {})[digest] = None
        return handshake, until_s

    def use(self, handshake: str) -> Principal | None:
        """Whom it lets in, this once; None if it is none, was used, or is too old."""
        made = self._take(_digest(handshake))
        return made.principal if made is not None and self._clock() < made.good_until_s else None

    def _take(self, digest: bytes) -> Made | None:
        made = self._made.pop(digest, None)
        if made is not None:
            theirs = self._of[made.principal.id]
            del theirs[digest]
            if not theirs:
                del self._of[made.principal.id]
        return made


def _digest(handshake: str) -> bytes:
    return sha256(handshake.encode("utf-8", "surrogatepass")).digest()
