"""Which databases are accepted, and how the others are refused, by a real PostgreSQL where one can be had."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from boxoffice.persistence.database import (
    Settings,
    StartupError,
    check_schema,
    check_settings,
    describe,
    find_faults,
    make_engine,
    normalise,
    upgrade,
)
from boxoffice.persistence.embedded import EmbeddedPostgres
from tests.support.postgres import public_folder

SOUND = Settings(
    version_num=180_004,
    encoding="UTF8",
    read_only="off",
    fsync="on",
    full_page_writes="on",
    synchronous_commit="on",
)


DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL of this module's own, whose settings the tests may change."""
    with public_folder() as folder:
        postgres = EmbeddedPostgres(folder / "data")
        try:
            postgres.start()
            yield postgres.url
        finally:
            postgres.stop("immediate")


@pytest.fixture
def admin(server: str) -> Iterator[Engine]:
    """For statements that change the server; what they set by ALTER SYSTEM and ALTER ROLE is undone."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    yield engine
    run(engine, "ALTER SYSTEM RESET ALL", "ALTER ROLE boxoffice RESET ALL")
    for name in DURABILITY:
        reload(engine, name, "on")
    engine.dispose()


@pytest.fixture
def engine(server: str) -> Iterator[Engine]:
    engine = make_engine(server)
    yield engine
    engine.dispose()


@pytest.fixture
def empty(server: str, admin: Engine) -> Iterator[Engine]:
    """An engine on an empty database."""
    run(admin, "CREATE DATABASE empty")
    engine = make_engine(make_url(server).set(database="empty"))
    yield engine
    engine.dispose()
    run(admin, "DROP DATABASE empty WITH (FORCE)")


def run(engine: Engine, *statements: str) -> None:
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))


def show(engine: Engine, name: str) -> object:
    with engine.connect() as connection:
        return connection.execute(text(f"SHOW {name}")).scalar_one()


def reload(admin: Engine, name: str, expected: str) -> None:
    """Reload the configuration, and return when new connections see it, which is a moment later."""
    run(admin, "SELECT pg_reload_conf()")
    fresh = create_engine(admin.url, poolclass=NullPool)
    while show(fresh, name) != expected:
        pass


# --- URLs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_usual_scheme_means_psycopg2(scheme: str) -> None:
    url = normalise(f"{scheme}://ada:secret@db.example:5433/tickets?sslmode=require")
    assert url.render_as_string(hide_password=False) == (
        "postgresql+psycopg2://ada:secret@db.example:5433/tickets?sslmode=require"
    )


@pytest.mark.parametrize("scheme", ["mysql", "sqlite", "postgresql+asyncpg", "postgresql+psycopg"])
def test_another_database_or_driver_is_refused_by_name(scheme: str) -> None:
    with pytest.raises(StartupError, match="only PostgreSQL") as refusal:
        normalise(f"{scheme}://ada:secret@localhost/tickets")
    assert f"{scheme}://," in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("url", ["", "tickets", "postgresql://ada:secret@localhost:port/tickets"])
def test_what_is_no_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(StartupError, match="cannot be read") as refusal:
        make_engine(url)
    assert "secret" not in str(refusal.value)


def test_the_description_masks_every_password() -> None:
    url = normalise("postgresql://ada:secret@localhost/tickets?sslpassword=hidden&sslmode=require")
    assert describe(url) == "postgresql://ada:***@localhost/tickets?sslmode=require&sslpassword=***"
    assert "secret" not in describe(normalise("postgresql:///tickets?host=/run/pg&user=ada&password=secret"))


def test_the_description_shows_a_socket_folder_as_it_is_typed(server: str) -> None:
    folder = make_url(server).query["host"]
    assert describe(normalise(server)) == f"postgresql://boxoffice@/boxoffice?host={folder}&port=5432"


# --- Connections ----------------------------------------------------------------------------------------


def test_connections_have_a_name_limits_and_utc(engine: Engine) -> None:
    assert show(engine, "application_name") == "boxoffice"
    assert show(engine, "idle_in_transaction_session_timeout") == "10s"
    assert show(engine, "statement_timeout") == "10s"
    assert show(engine, "timezone") == "UTC"
    assert show(engine, "transaction_isolation") == "read committed"
    assert show(engine, "client_encoding") == "UTF8"


def test_the_isolation_of_the_server_is_not_ours(admin: Engine, engine: Engine) -> None:
    run(admin, "ALTER ROLE boxoffice SET default_transaction_isolation = serializable")
    assert show(engine, "transaction_isolation") == "read committed"


def test_a_statement_ends_at_its_limit(server: str) -> None:
    engine = make_engine(server, statement_timeout_s=0.01)
    with pytest.raises(OperationalError, match="statement timeout"):
        run(engine, "SELECT pg_sleep(60)")
    engine.dispose()


def test_the_limit_of_a_statement_can_be_lifted(server: str) -> None:
    engine = make_engine(server, statement_timeout_s=None)
    assert show(engine, "statement_timeout") == "0"
    engine.dispose()


def test_what_the_url_asks_for_is_kept(server: str) -> None:
    asked = {"application_name": "front-2", "options": "-c search_path=tickets -c work_mem=8MB"}
    engine = make_engine(make_url(server).update_query_dict(asked))
    assert show(engine, "application_name") == "front-2"
    assert show(engine, "search_path") == "tickets"
    assert show(engine, "work_mem") == "8MB"
    assert show(engine, "timezone") == "UTC"
    engine.dispose()


# --- Settings -------------------------------------------------------------------------------------------


def test_the_embedded_database_is_accepted(engine: Engine) -> None:
    check_settings(engine)


@pytest.mark.parametrize("name", DURABILITY)
def test_a_setting_that_could_lose_bookings_is_refused_by_name(
    admin: Engine, engine: Engine, name: str
) -> None:
    run(admin, f"ALTER SYSTEM SET {name} = off")
    reload(admin, name, "off")
    with pytest.raises(
        StartupError, match=rf"with {name} = off a crash .* so set {name} = on in postgresql\.conf"
    ):
        check_settings(engine)


def test_all_the_offending_settings_are_told_at_once(admin: Engine, engine: Engine) -> None:
    run(admin, "ALTER SYSTEM SET fsync = off", "ALTER ROLE boxoffice SET synchronous_commit = off")
    reload(admin, "fsync", "off")
    with pytest.raises(
        StartupError, match="with fsync = off and synchronous_commit = off a crash"
    ) as refusal:
        check_settings(engine)
    assert "\n" not in str(refusal.value)
    assert "full_page_writes" not in str(refusal.value)


@pytest.mark.parametrize("value", ["on", "local", "remote_write", "remote_apply"])
def test_every_commit_that_waits_for_the_disk_is_accepted(admin: Engine, engine: Engine, value: str) -> None:
    run(admin, f"ALTER ROLE boxoffice SET synchronous_commit = {value}")
    check_settings(engine)


def test_a_read_only_server_is_refused(admin: Engine, server: str, engine: Engine) -> None:
    run(admin, "ALTER ROLE boxoffice SET default_transaction_read_only = on")
    with pytest.raises(StartupError, match="it is read-only"):
        check_settings(engine)


def test_another_encoding_is_refused(admin: Engine, server: str) -> None:
    run(admin, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
    engine = make_engine(make_url(server).set(database="latin"))
    with pytest.raises(StartupError, match="the encoding is LATIN1"):
        check_settings(engine)
    engine.dispose()
    run(admin, "DROP DATABASE latin WITH (FORCE)")


@pytest.mark.parametrize(("version_num", "accepted"), [(130_022, False), (140_000, True), (180_004, True)])
def test_a_server_older_than_14_is_refused(version_num: int, accepted: bool) -> None:
    faults = find_faults(replace(SOUND, version_num=version_num))
    assert faults == ([] if accepted else ["it is version 13, and 14 or newer is needed"])


# --- A database that is not there -------------------------------------------------------------------------


def test_a_port_where_nobody_listens_is_told_in_one_line_without_the_password() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        port = reserved.getsockname()[1]
        engine = make_engine(f"postgresql://ada:secret@127.0.0.1:{port}/tickets")
        with pytest.raises(
            StartupError, match=r"^Cannot reach PostgreSQL at .*Connection refused"
        ) as refusal:
            check_settings(engine)
    assert "\n" not in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_a_database_that_does_not_exist_is_told(server: str) -> None:
    engine = make_engine(make_url(server).set(database="missing"))
    with pytest.raises(StartupError, match='database "missing" does not exist'):
        check_settings(engine)


def test_a_wrong_option_in_the_url_is_told(server: str) -> None:
    engine = make_engine(make_url(server).update_query_dict({"colour": "blue"}))
    with pytest.raises(StartupError, match=r'Cannot reach .* invalid connection option "colour"'):
        check_settings(engine)


# --- Tables ---------------------------------------------------------------------------------------------


def test_an_empty_database_is_refused_until_it_is_upgraded(empty: Engine) -> None:
    with pytest.raises(StartupError, match="no tables of boxoffice yet: run `boxoffice migrate`"):
        check_schema(empty)
    upgrade(empty)
    check_schema(empty)
    upgrade(empty)
    check_schema(empty)


def test_servers_that_start_together_upgrade_one_after_the_other(empty: Engine) -> None:
    with ThreadPoolExecutor(4) as servers:
        for _ in servers.map(upgrade, [empty] * 4):
            pass
    check_schema(empty)


def test_upgrading_leaves_no_lock_behind(empty: Engine) -> None:
    upgrade(empty)
    with empty.connect() as connection:
        locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        assert connection.execute(text(locks)).scalar_one() == 0
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "10s"


def test_tables_of_a_newer_version_are_refused(empty: Engine) -> None:
    upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("UPDATE boxoffice_schema SET version_num = 'of the future'"))
    for refused in (check_schema, upgrade):
        with pytest.raises(StartupError, match="newer boxoffice than this one"):
            refused(empty)


def test_a_user_who_may_not_make_tables_is_told(admin: Engine, empty: Engine) -> None:
    run(admin, "CREATE ROLE guest LOGIN")
    guest = make_engine(empty.url.set(username="guest"))
    with pytest.raises(StartupError, match="permission denied for schema public"):
        upgrade(guest)
    guest.dispose()
    run(admin, "DROP ROLE guest")


def test_tables_of_another_application_are_not_taken_for_ours(empty: Engine) -> None:
    run(empty, "CREATE TABLE alembic_version (version_num text); COMMIT")
    run(empty, "INSERT INTO alembic_version VALUES ('0001'); COMMIT")
    with pytest.raises(StartupError, match="no tables of boxoffice yet"):
        check_schema(empty)
    upgrade(empty)
    check_schema(empty)


@pytest.mark.parametrize("name", ["events", "orders", "changes", "api_keys"])
def test_tables_that_a_crash_would_empty_are_refused(empty: Engine, name: str) -> None:
    upgrade(empty)
    run(empty, f"ALTER TABLE {name} SET UNLOGGED; COMMIT")
    with pytest.raises(StartupError, match=f"a crash would empty {name}, so ALTER TABLE {name} SET LOGGED"):
        check_schema(empty)


@pytest.mark.parametrize("name", ["TABLE orders", "TABLE api_keys", "SEQUENCE event_ids"])
def test_tables_that_are_not_there_are_missed(empty: Engine, name: str) -> None:
    upgrade(empty)
    run(empty, f"DROP {name}; COMMIT")
    with pytest.raises(StartupError, match=f"{name.split()[1]} is missing"):
        check_schema(empty)


@pytest.mark.parametrize(
    ("privilege", "of"),
    [
        ("INSERT", "events"),
        ("UPDATE", "orders"),
        ("SELECT", "changes"),
        ("UPDATE", "api_keys"),
        ("USAGE", "event_ids"),
    ],
)
def test_tables_that_are_not_ours_to_write_are_refused(
    admin: Engine, empty: Engine, privilege: str, of: str
) -> None:
    upgrade(empty)
    kind = "SEQUENCE" if of == "event_ids" else "TABLE"
    run(admin, "CREATE ROLE guest LOGIN")
    run(empty, "GRANT ALL ON ALL TABLES IN SCHEMA public TO guest; COMMIT")
    run(empty, "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO guest; COMMIT")
    guest = make_engine(empty.url.set(username="guest"))
    check_schema(guest)
    run(empty, f"REVOKE {privilege} ON {kind} {of} FROM guest; COMMIT")
    with pytest.raises(StartupError, match=f"lacks a right, so GRANT {privilege} ON {kind} {of} to it"):
        check_schema(guest)
    guest.dispose()
    run(empty, "DROP OWNED BY guest; COMMIT")
    run(admin, "DROP ROLE guest")


def test_who_only_reads_needs_no_right_to_see_keys(admin: Engine, empty: Engine) -> None:
    upgrade(empty)
    run(admin, "CREATE ROLE auditor LOGIN")
    run(empty, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO auditor; COMMIT")
    run(empty, "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO auditor; COMMIT")
    run(empty, "REVOKE ALL ON api_keys FROM auditor; COMMIT")
    auditor = make_engine(empty.url.set(username="auditor"))
    check_schema(auditor, writable=False)
    with pytest.raises(StartupError, match="GRANT SELECT ON TABLE api_keys to it"):
        check_schema(auditor)
    auditor.dispose()
    run(empty, "DROP OWNED BY auditor; COMMIT")
    run(admin, "DROP ROLE auditor")
