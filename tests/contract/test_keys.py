"""API keys on each PostgreSQL: kept, listed, revoked; and their secrets nowhere."""

from datetime import UTC, datetime

import msgspec
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from boxoffice.actors.ports import DatabaseAway
from boxoffice.actors.principals import ALL_SCOPES, ApiKey, Rate, Scope
from boxoffice.actors.values import SECOND, Instant
from boxoffice.http.identity.keys import mint
from boxoffice.persistence.database import make_engine
from boxoffice.persistence.keys import DatabaseApiKeys
from tests.contract.support import NOW, Stored


@pytest.fixture
def api_keys(engine: Engine) -> DatabaseApiKeys:
    return DatabaseApiKeys(engine)


def a_key(number: int = 0, limit: Rate | None = None, expires_at: Instant | None = None) -> ApiKey:
    return mint(f"shop {number}", [Scope.READ, Scope.SELL], limit, expires_at, Instant(NOW + number))[0]


def test_keys_come_back_as_they_were_made_the_oldest_first(api_keys: DatabaseApiKeys) -> None:
    assert api_keys.all() == []
    made = [
        a_key(1),
        a_key(2, Rate(1_000_000, 86_400), Instant(NOW + 3)),
        mint("Süd, {1} \\ 'x' \"y\"", ALL_SCOPES, Rate(1, 1), None, Instant(NOW + 4))[0],
    ]
    for key in reversed(made):
        api_keys.create(key)
    assert api_keys.all() == made


def test_a_key_is_revoked_once_at_the_databases_time(api_keys: DatabaseApiKeys, stored: Stored) -> None:
    key, other = a_key(1), a_key(2)
    api_keys.create(key)
    api_keys.create(other)
    ((before,),) = stored.rows("SELECT clock_timestamp()")
    revoked = api_keys.revoke(key.id)
    ((after,),) = stored.rows("SELECT clock_timestamp()")
    assert revoked is not None
    assert revoked.revoked_at is not None
    assert before <= datetime.fromtimestamp(revoked.revoked_at / SECOND, UTC) <= after
    assert msgspec.structs.replace(revoked, revoked_at=None) == key
    assert api_keys.revoke(key.id) == revoked, "again changes nothing"
    assert api_keys.all() == [revoked, other]


def test_a_key_that_there_is_not_cannot_be_revoked(api_keys: DatabaseApiKeys) -> None:
    api_keys.create(a_key())
    assert api_keys.revoke("0" * 12) is None
    assert api_keys.revoke("' OR true --") is None
    assert api_keys.all()[0].revoked_at is None


def test_a_revocation_is_committed_before_it_is_told(api_keys: DatabaseApiKeys, stored: Stored) -> None:
    key = a_key()
    api_keys.create(key)
    api_keys.revoke(key.id)
    assert stored.rows("SELECT revoked_at IS NOT NULL FROM api_keys") == [(True,)]


def test_no_secret_is_in_any_table(api_keys: DatabaseApiKeys, stored: Stored) -> None:
    made = [mint(f"shop {n}", [Scope.ADMIN], None, None, Instant(NOW)) for n in range(3)]
    for key, _ in made:
        api_keys.create(key)
    api_keys.revoke(made[0][0].id)
    tables = [name for (name,) in stored.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    assert {"api_keys", "events", "orders", "changes", "replies"} <= set(tables)
    written = "\n".join(
        row for table in tables for (row,) in stored.rows(f"SELECT t::text FROM {table} AS t")
    )
    for key, token in made:
        assert key.id in written, "there is something to look at"
        assert token not in written
        assert token[16:] not in written
        assert token[16:].encode().hex() not in written


def test_what_a_check_refuses_is_told_without_the_row(api_keys: DatabaseApiKeys) -> None:
    key = a_key()
    for wrong, guard in (
        (msgspec.structs.replace(key, name=""), "api_keys_name_can_be_printed"),
        (msgspec.structs.replace(key, secret_sha256=b"short"), "api_keys_secret_is_hashed"),
    ):
        with pytest.raises(ValueError, match=guard) as refused:
            api_keys.create(wrong)
        assert str(refused.value) == f"the database refuses this key ({guard})"
        assert refused.value.__suppress_context__
    api_keys.create(key)
    with pytest.raises(ValueError, match="api_keys_pkey"):
        api_keys.create(key)


BY_HAND = [
    ("api_keys_id_is_one", "id = 'SHORT'"),
    ("api_keys_id_is_one", "id = id || E'\\n'"),
    ("api_keys_name_can_be_printed", "name = ''"),
    ("api_keys_name_can_be_printed", "name = repeat('x', 201)"),
    ("api_keys_name_can_be_printed", "name = E'\\x1b[31m'"),
    ("api_keys_scopes_are_known", "scopes = '{}'"),
    ("api_keys_scopes_are_known", "scopes = '{read,everything}'"),
    ("api_keys_scopes_are_known", "scopes = '{read,NULL}'"),
    ("api_keys_secret_is_hashed", "secret_sha256 = 'secret'"),
    ("api_keys_limit_is_whole_or_absent", "limit_seconds = NULL"),
    ("api_keys_limit_is_whole_or_absent", "limit_requests = NULL"),
    ("api_keys_limit_is_bounded", "limit_requests = 0"),
    ("api_keys_limit_is_bounded", "limit_requests = 1000001"),
    ("api_keys_limit_is_bounded", "limit_seconds = 2"),
    ("api_keys_expire_after_they_are_made", "expires_at = created_at"),
]


@pytest.mark.parametrize(("guard", "change"), BY_HAND)
def test_the_database_itself_refuses(
    guard: str, change: str, api_keys: DatabaseApiKeys, engine: Engine
) -> None:
    api_keys.create(a_key(limit=Rate(100, 1)))
    with engine.connect() as connection, pytest.raises(IntegrityError) as refused:
        connection.execute(text(f"UPDATE api_keys SET {change}"))
    assert guard in str(refused.value)


def test_a_scope_that_we_do_not_know_is_none_and_hides_no_other_key(
    api_keys: DatabaseApiKeys, stored: Stored
) -> None:
    """As if a newer boxoffice had given it, while we run."""
    key, other = a_key(1), a_key(2)
    api_keys.create(key)
    api_keys.create(other)
    stored.run("ALTER TABLE api_keys DROP CONSTRAINT api_keys_scopes_are_known")
    stored.run("UPDATE api_keys SET scopes = '{sell,refund}' WHERE id = %s", key.id)
    assert api_keys.all() == [msgspec.structs.replace(key, scopes=frozenset({Scope.SELL})), other]


def test_a_lost_database_is_away(any_database_url: str) -> None:
    away = make_engine(make_url(any_database_url).set(database="nowhere"))
    api_keys = DatabaseApiKeys(away)
    for ask in (api_keys.all, lambda: api_keys.revoke("0" * 12), lambda: api_keys.create(a_key())):
        with pytest.raises(DatabaseAway):
            ask()
    away.dispose()
