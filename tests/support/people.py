"""Those who ask: holders of API keys in a database, and customers with tokens of their own."""

import time
from collections.abc import Mapping

import jwt

from boxoffice.actors.principals import Rate, Scope
from boxoffice.actors.values import SECOND, Instant
from boxoffice.http.keys import mint
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
    limit: Rate | None = None,
    expires_in_s: float | None = None,
    revoked: bool = False,
) -> str:
    """A new API key in this database: the token."""
    made_at = Instant(now() - 3600 * SECOND)
    expires_at = None if expires_in_s is None else Instant(int(now() + expires_in_s * SECOND))
    key, token = mint("of a test", frozenset(scopes), limit, expires_at, made_at)
    engine = make_engine(url)
    try:
        keys = DatabaseApiKeys(engine)
        keys.create(key)
        if revoked:
            keys.revoke(key.id)
    finally:
        engine.dispose()
    return token


def token_of(customer: str, **claims: object) -> str:
    """A customer's token, good for a minute."""
    good = {"sub": customer, "iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 60}
    return jwt.encode({**good, **claims}, SECRET, algorithm="HS256")


def as_bearer(token: str) -> Mapping[str, str]:
    """The header."""
    return {"Authorization": f"Bearer {token}"} if token else {}
