"""The migrations make what `tables.py` says, can go back and forth, and guard what no bug may break."""

from collections.abc import Iterator

import psycopg2.errors
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from boxoffice.actors.ports import Recovered
from boxoffice.actors.values import EventId, EventStatus, Terms
from boxoffice.persistence import database
from boxoffice.persistence.recovery import DatabaseRecovery
from boxoffice.persistence.tables import REVISIONS, metadata, schema_version
from boxoffice.persistence.upgrading import config_on
from tests.contract.journals import Journal
from tests.contract.support import EVENT, Outlet, Owner, Stored, book

CATALOGUES = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attnum,
               pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
          LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind = 'r' AND a.attnum > 0""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid)
          FROM pg_constraint WHERE connamespace = CAST(:schema AS regnamespace)""",
    "indexes": """
        SELECT tablename, indexname, replace(indexdef, schemaname || '.', '')
          FROM pg_indexes WHERE schemaname = :schema""",
    "storage": """
        SELECT relname, relkind::text, reloptions::text, relpersistence::text
          FROM pg_class WHERE relnamespace = CAST(:schema AS regnamespace) AND relkind IN ('r', 'S')""",
    "sequences": """
        SELECT sequencename, start_value, min_value, max_value, increment_by, cycle
          FROM pg_sequences WHERE schemaname = :schema""",
}
ALEMBICS_OWN = "boxoffice_schema"


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


def catalogue(connection: Connection, name: str, schema: str) -> set[tuple[object, ...]]:
    """What PostgreSQL knows of this schema's tables, our own ones only."""
    connection.execute(text(f"SET LOCAL search_path TO {schema}"))
    rows = connection.execute(text(CATALOGUES[name]), {"schema": schema})
    return {tuple(row) for row in rows if ALEMBICS_OWN not in str(row[0])}


def test_alembic_finds_no_difference_between_the_tables_and_the_migrations(connection: Connection) -> None:
    context = MigrationContext.configure(
        connection,
        opts={"compare_type": True, "compare_server_default": True, "version_table": schema_version},
    )
    assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("name", CATALOGUES)
def test_the_migrations_make_what_the_tables_say(name: str, connection: Connection) -> None:
    """Down to the names and texts of the CHECKs, which Alembic does not compare."""
    connection.execute(text("CREATE SCHEMA said"))
    connection.execute(text("SET LOCAL search_path TO said"))
    metadata.create_all(connection, checkfirst=False)
    migrated, said = (catalogue(connection, name, schema) for schema in ("public", "said"))
    assert migrated == said
    assert migrated, "there is something to compare"


def test_the_migrations_go_back_and_forth(engine: Engine) -> None:
    with engine.connect() as connection:
        before = {name: catalogue(connection, name, "public") for name in CATALOGUES}
        connection.rollback()
        command.downgrade(config_on(connection), "base")
        connection.commit()
        assert inspect(connection).get_table_names() == [ALEMBICS_OWN]
        assert inspect(connection).get_sequence_names() == []
        connection.commit()
    database.upgrade(engine)
    database.check_schema(engine)
    with engine.connect() as connection:
        assert {name: catalogue(connection, name, "public") for name in CATALOGUES} == before


def test_the_numbers_of_the_files_are_those_that_alembic_knows_in_its_order(connection: Connection) -> None:
    scripts = ScriptDirectory.from_config(config_on(connection))
    assert [script.revision for script in scripts.walk_revisions()] == list(reversed(REVISIONS))
    assert scripts.get_heads() == [REVISIONS[-1]]


def test_upgrading_what_is_up_to_date_changes_nothing(
    engine: Engine, journal: Journal, outlet: Outlet, stored: Stored
) -> None:
    owner = Owner()
    journal.append(owner.open(5, book()))
    outlet.answers(2)
    database.upgrade(engine)
    assert stored.is_as(owner)


BY_HAND = [
    ("events_never_oversold", "UPDATE events SET available = -1, booked = capacity + 1"),
    ("events_never_oversold", "UPDATE events SET booked = -1, available = capacity + 1"),
    ("events_never_oversold", "UPDATE events SET waiting = -1"),
    ("events_add_up", "UPDATE events SET booked = booked + 1"),
    ("events_add_up", "UPDATE events SET available = available - 1"),
    ("events_add_up", "UPDATE events SET capacity = capacity + 1"),
    ("events_capacity_is_positive", "UPDATE events SET capacity = 0, available = 0, booked = 0"),
    ("orders_quantity_is_positive", "UPDATE orders SET quantity = 0"),
    ("orders_quantity_is_positive", "UPDATE orders SET quantity = -1"),
    ("orders_status_is_known", "UPDATE orders SET status = 'free'"),
    ("orders_in_line_have_a_place", "UPDATE orders SET status = 'waitlisted'"),
    ("orders_in_line_have_a_place", "UPDATE orders SET place = 1"),
    ("events_never_oversold", "UPDATE events SET held = -1, available = available + 1"),
    ("events_never_oversold", "UPDATE events SET offered = -1, available = available + 1"),
    ("events_add_up", "UPDATE events SET held = held + 1"),
    ("events_add_up", "UPDATE events SET offered = offered + 1"),
    ("events_waitlist_mode_is_known", "UPDATE events SET waitlist_mode = 'lottery'"),
    ("orders_that_end_have_an_end", "UPDATE orders SET status = 'held'"),
    ("orders_that_end_have_an_end", "UPDATE orders SET expires_at = now()"),
    ("orders_pkey", "INSERT INTO orders SELECT * FROM orders"),
    ("changes_pkey", "INSERT INTO changes SELECT * FROM changes"),
    ("events_pkey", "INSERT INTO events SELECT * FROM events"),
]


@pytest.mark.parametrize(("guard", "statement"), BY_HAND)
def test_the_database_itself_refuses(
    guard: str, statement: str, journal: Journal, outlet: Outlet, connection: Connection
) -> None:
    journal.append(Owner(EVENT).open(5, book()))
    outlet.answers(2)
    with pytest.raises(IntegrityError) as refused:
        connection.execute(text(statement))
    assert isinstance(refused.value.orig, psycopg2.errors.IntegrityError)
    assert refused.value.orig.diag.constraint_name == guard


@pytest.mark.parametrize("table", metadata.tables)
def test_nothing_is_optional_but_what_may_be_absent(table: str) -> None:
    may_be_absent = {
        "orders": {"place", "expires_at"},
        "events": {
            "sales_open_at", "sales_close_at", "closed_at",
            "max_per_order", "max_per_customer", "waitlist_limit",
        },
        "api_keys": {"limit_requests", "limit_seconds", "expires_at", "revoked_at"},
    }  # fmt: skip
    optional = {column.name for column in metadata.tables[table].columns if column.nullable}
    assert optional == may_be_absent.get(table, set())


FIRST_TABLES = """
INSERT INTO events VALUES
    (7, 'Concert', 3, 0, 3, 2, 6, 1, now(), now()), (8, 'Play', 5, 5, 0, 0, 1, 1, now(), now());
INSERT INTO orders VALUES
    (7, '019a0000-0000-7000-8000-000000000001', 'ada', 3, 'confirmed', NULL, 2, now()),
    (7, '019a0000-0000-7000-8000-000000000002', 'ben', 2, 'waitlisted', 3, 3, now()),
    (7, '019a0000-0000-7000-8000-000000000003', 'cem', 2, 'waitlisted', 4, 4, now()),
    (7, '019a0000-0000-7000-8000-000000000004', 'dora', 1, 'cancelled', NULL, 6, now());
"""


def test_what_the_first_tables_held_sells_on_after_the_upgrade_and_goes_back(engine: Engine) -> None:
    with engine.connect() as connection:
        config = config_on(connection)
        command.downgrade(config, "0001")
        connection.execute(text(FIRST_TABLES))
        command.upgrade(config, "head")
        connection.commit()
    found = {each.inventory.status.event_id: each.inventory for each in loaded(engine)}
    assert found[EVENT].status == EventStatus(EVENT, "Concert", 3, 0, 3, 0, 0, 2, 4, 6)
    assert [order.customer for order in found[EVENT].line] == ["ben", "cem"]
    assert found[EventId(8)].status.terms == Terms()
    with engine.connect() as connection:
        config = config_on(connection)
        command.downgrade(config, "0001")
        command.upgrade(config, "head")
        connection.commit()
    assert {each.inventory.status for each in loaded(engine)} == {each.status for each in found.values()}


def loaded(engine: Engine) -> list[Recovered]:
    """Every event, taken over."""
    return [found for found in DatabaseRecovery(engine).load_open() if isinstance(found, Recovered)]
