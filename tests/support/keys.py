"""API keys for tests that are not about how an operator makes one: straight into the database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from boxoffice.actors.principals import ApiKey, Rate, Scope
from boxoffice.actors.values import SECOND, Instant
from boxoffice.http.keys import mint
from boxoffice.persistence.database import make_engine
from boxoffice.persistence.keys import DatabaseApiKeys


@contextmanager
def api_keys(database_url: str) -> Iterator[DatabaseApiKeys]:
    """The keys in a database."""
    engine = make_engine(database_url, pool_size=1)
    try:
        yield DatabaseApiKeys(engine)
    finally:
        engine.dispose()


def make_key(
    database_url: str,
    *scopes: Scope,
    name: str = "test",
    limit: Rate | None = None,
    lasts_s: int | None = None,
) -> str:
    """A new key, as its holder is given it. A server that runs takes it within two seconds."""
    now = Instant(time.time_ns() // 1_000)
    expires_at = None if lasts_s is None else Instant(now + lasts_s * SECOND)
    key, token = mint(name, scopes, limit, expires_at, now)
    with api_keys(database_url) as kept:
        kept.create(key)
    return token


def revoke_key(database_url: str, token: str) -> None:
    """Revoke a key, as another server would."""
    with api_keys(database_url) as kept:
        assert kept.revoke(id_of(token)) is not None


def every_key(database_url: str) -> list[ApiKey]:
    """All keys there are, the oldest first."""
    with api_keys(database_url) as kept:
        return kept.all()


def id_of(token: str) -> str:
    """The id in a key."""
    return token[3:15]
