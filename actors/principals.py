"""Who asks, and what they may: scopes, rates, API keys, principals. Values only.

A principal is whoever a request comes from, once that is known: the holder of an API key, a customer with
a token of their own, or anybody. `http` finds out who it is; an event's actor is told only for whom it acts
(`Command.on_behalf_of`), and nothing of keys. Made on any thread.
"""

from enum import StrEnum
from typing import Any

from boxoffice.actors.values import CustomerId, Instant, Value


class Scope(StrEnum):
    """What a principal may do. None of them includes another."""

    READ = "read"
    """Look at events and orders."""

    SELL = "sell"
    """Book, hold, confirm, extend and cancel, for any customer."""

    ORGANISE = "organise"
    """Put events on sale, adjust and close them."""

    ADMIN = "admin"
    """Read metrics and the events' logs, list and revoke keys."""


class Rate(Value, frozen=True):
    """So many requests in so many seconds: that many at once, then evenly spread."""

    requests: int
    seconds: int

    def __str__(self) -> str:
        return f"{self.requests}/{self.seconds} s"


class ApiKey(Value, frozen=True):
    """A key as it is stored: never its secret, only the SHA-256 of that.

    `id` is public, and is what a key is called by; `limit` is None for the server's own.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    secret_sha256: bytes
    created_at: Instant
    limit: Rate | None = None
    expires_at: Instant | None = None
    revoked_at: Instant | None = None

    def __repr__(self) -> str:
        """Without the hash, which is nothing to be logged."""
        return f"ApiKey(id={self.id!r}, name={self.name!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The same for tracebacks that `rich` prints with the values in them."""
        return [("id", self.id), ("name", self.name)]


class Principal(Value, frozen=True):
    """Whoever a request comes from.

    `id` is what idempotency keys belong to, and what the log names; `customer` is set for somebody who may
    see and change only the orders of that customer; `until` is when they stop being that, None if that is
    found out in another way.
    """

    id: str
    scopes: frozenset[Scope]
    customer: CustomerId | None = None
    limit: Rate | None = None
    until: Instant | None = None


ALL_SCOPES = frozenset(Scope)
