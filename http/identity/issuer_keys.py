"""The keys that customers' tokens are checked with now: a shared secret, or an issuer's published keys.

Each kind says which algorithms it takes, so that a token cannot choose to be checked by the other kind.
Published keys follow their source while the server runs. Used by `tokens.py`, on the event loop.
"""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from boxoffice.http.identity import jwks
from boxoffice.http.identity.jwks import JwksError, KeySet, NoKeyError, read_key_set
from boxoffice.http.identity.jwks_source import Source
from boxoffice.http.identity.token_rules import TokenRulesError

log = logging.getLogger(__name__)

_SECRET_MIN = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Bytes that a shared secret needs for an algorithm (RFC 7518, 3.2)."""


class Found(NamedTuple):
    """A key, and what it may be used with."""

    key: Any
    algorithms: tuple[str, ...]


class IssuerKeys(Protocol):
    """Keys of one kind."""

    algorithms: tuple[str, ...]
    """Whatever else a token says it is signed with, it is refused."""

    def find(self, kid: str | None, algorithm: str) -> Found:
        """The key that a token names, or the only one. Raises NoKeyError."""

    async def load(self) -> None:
        """Have the keys ready. Raises TokenRulesError."""

    async def watch(self) -> None:
        """Keep them up to date, as long as there is something to keep."""


class SharedSecret:
    """One secret, which signs and checks."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self.algorithms = tuple(name for name, least in _SECRET_MIN.items() if len(self._secret) >= least)

    def find(self, kid: str | None, algorithm: str) -> Found:  # noqa: ARG002 - there is only one
        """The secret, whatever the issuer calls it."""
        return Found(self._secret, self.algorithms)

    async def load(self) -> None:
        """Nothing."""

    async def watch(self) -> None:
        """Nothing: a new secret takes a new start."""


class PublishedKeys:
    """The public keys in a JWK set; `changed` is called after they have been replaced by others."""

    algorithms = jwks.ALGORITHMS

    def __init__(self, source: Source, changed: Callable[[], None]) -> None:
        self._source = source
        self._changed = changed
        self._document: bytes | None = None
        self._keys = KeySet(())

    def find(self, kid: str | None, algorithm: str) -> Found:
        """The key that a token names. If there is none, the set is read again soon. Raises NoKeyError."""
        try:
            found = self._keys.find(kid, algorithm)
        except NoKeyError:
            self._source.hurry()
            raise
        return Found(found.key, found.algorithms)

    async def load(self) -> None:
        """Read the set for the first time. Raises TokenRulesError if it cannot be had, or has no key."""
        try:
            self._take(await self._source.read())
            if not len(self._keys):
                why = self._keys.left_out[:1] or ["it has none"]
                raise JwksError(f"none of its keys can be used: {why[0]}")
        except JwksError as error:
            raise TokenRulesError(
                f"The JWK set for customers' tokens cannot be read from {self._source.shown}: {error}."
            ) from None

    async def watch(self) -> None:
        """Follow the source, for ever. While it cannot be read, the last keys stay."""
        while True:
            try:
                await self._source.due()
                self._take(await self._source.read())
            except JwksError as error:
                log.error("the keys of customers' tokens stay as they are: %s: %s", self._source.shown, error)
            except Exception:
                log.exception("the keys of customers' tokens were not looked at")

    def _take(self, document: bytes) -> None:
        if document == self._document:
            return
        self._keys = read_key_set(document)
        self._document = document
        self._changed()
        level = logging.INFO if len(self._keys) else logging.ERROR  # then no token is accepted at all
        log.log(level, "customers' tokens: %d keys in %s", len(self._keys), self._source.shown)
        for reason in self._keys.left_out:
            log.warning("customers' tokens: in %s, %s", self._source.shown, reason)
