"""Those who ask: holders of API keys in a database, and customers with tokens of their own."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import jwt

from boxoffice.actors.principals import ApiKey, Rate, Scope
from boxoffice.actors.values import SECOND, Instant
from boxoffice.http.identity.keys import mint
from boxoffice.persistence.database import make_engine
from boxoffice.persistence.keys import DatabaseApiKeys

ISSUER, AUDIENCE, SECRET = "https://tickets.example", "boxoffice", "a secret that is long enough for anybody"
TAKES_TOKENS = {
    "BOXOFFICE_JWT_ISSUER": ISSUER,
    "BOXOFFICE_JWT_AUDIENCE": AUDIENCE,
    "BOXOFFICE_JWT_SECRET": SECRET,
}
"""The environment of a server that takes customers' tokens."""


def now() -> Instant:
    """The time."""
    return Instant(int(time.time() * SECOND))


def api_key(
    url: str,
    *scopes: Scope,
    name: str = "of a test",
    limit: Rate | None = None,
    expires_in_s: float | None = None,
    revoked: bool = False,
) -> str:
    """A new API key in this database: the token."""
    made_at = Instant(now() - 3600 * SECOND)
    expires_at = None if expires_in_s is None else Instant(int(now() + expires_in_s * SECOND))
    key, token = mint(name, frozenset(scopes), limit, expires_at, made_at)
    with api_keys(url) as kept:
        kept.create(key)
        if revoked:
            kept.revoke(key.id)
    return token


@contextmanager
def api_keys(url: str) -> Iterator[DatabaseApiKeys]:
    """The API keys in this database."""
    engine = make_engine(url, pool_size=1)
    try:
        yield DatabaseApiKeys(engine)
    finally:
        engine.dispose()


def every_key(url: str) -> list[ApiKey]:
    """All API keys in this database, the oldest first."""
    with api_keys(url) as kept:
        return kept.all()


def id_of(token: str) -> str:
    """The id in an API key."""
    return token[3:15]


def token_of(customer: str, **claims: object) -> str:
    """A customer's token, good for a minute."""
    good = {"sub": customer, "iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 60}
    return jwt.encode({**good, **claims}, SECRET, algorithm="HS256")


def as_bearer(token: str) -> Mapping[str, str]:
    """The header."""
    return {"Authorization": f"Bearer {token}"} if token else {}
