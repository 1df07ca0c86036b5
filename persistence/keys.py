"""API keys in the database: listed, created, revoked. Of a secret it has only the SHA-256.

Called on the reader threads, on one that reads all keys anew every second, and by the command line: every
method blocks, and raises DatabaseAway. No request waits for it: a server keeps all keys in memory.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from boxoffice.actors.principals import ApiKey, Rate, Scope
from boxoffice.actors.values import Instant
from boxoffice.persistence.failures import away_when_unreachable
from boxoffice.persistence.rows import instant, instant_if_any
from boxoffice.persistence.tables import api_keys

_ALL = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
_CREATE = insert(api_keys)
_REVOKE = (
    update(api_keys).values(revoked_at=func.coalesce(api_keys.c.revoked_at, func.now())).returning(api_keys)
)


class DatabaseApiKeys:
    """Implements `ApiKeys` on an engine with a pool."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> list[ApiKey]:
        """Every key there ever was, revoked and expired ones too, the oldest first."""
        with away_when_unreachable(), self._engine.connect() as connection:
            return [_key(row) for row in connection.execute(_ALL)]

    def create(self, key: ApiKey) -> None:
        """Keep a new key. This waits for its commit. Raises ValueError for one that a CHECK refuses."""
        limit = key.limit
        values = {
            "id": key.id,
            "name": key.name,
            "scopes": sorted(scope.value for scope in key.scopes),
            "secret_sha256": key.secret_sha256,
            "limit_requests": None if limit is None else limit.requests,
            "limit_seconds": None if limit is None else limit.seconds,
            "created_at": _moment(key.created_at),
            "expires_at": None if key.expires_at is None else _moment(key.expires_at),
            "revoked_at": None if key.revoked_at is None else _moment(key.revoked_at),
        }
        try:
            with away_when_unreachable(), self._engine.begin() as connection:
                connection.execute(_CREATE, values)
        except IntegrityError as refused:
            # PostgreSQL's own words repeat the row, and with it the hash.
            guard = getattr(getattr(refused.orig, "diag", None), "constraint_name", None)
            raise ValueError(f"the database refuses this key ({guard})") from None

    def revoke(self, key_id: str) -> ApiKey | None:
        """Revoke a key, unless it is revoked already; the key as it is then, None if there is no such key.

        This waits for its commit: with DatabaseAway nobody knows whether the key is revoked.
        """
        with away_when_unreachable(), self._engine.begin() as connection:
            row = connection.execute(_REVOKE.where(api_keys.c.id == key_id)).one_or_none()
        return None if row is None else _key(row)


def _key(row: Row[Any]) -> ApiKey:
    # A scope that a newer boxoffice has given is none here: that must not hide that others were revoked.
    scopes = frozenset(scope for scope in Scope if scope in row.scopes)
    limit = None if row.limit_requests is None else Rate(row.limit_requests, row.limit_seconds)
    return ApiKey(
        row.id,
        row.name,
        scopes,
        bytes(row.secret_sha256),
        instant(row.created_at),
        limit,
        instant_if_any(row.expires_at),
        instant_if_any(row.revoked_at),
    )


def _moment(at: Instant) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
