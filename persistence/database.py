"""The database behind the engine: its URL, pools of connections, and whether it may be trusted.

This file knows which PostgreSQL we accept, and refuses the rest with one sentence for the operator before the
first booking. It holds no tables and no queries of the engine, and does not start PostgreSQL (`embedded.py`).
The composition root calls it at start-up, on the main thread; every call but `normalise`, `describe` and
`make_engine` waits for the database.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from boxoffice.persistence.tables import REVISIONS, schema_version

DRIVER = "postgresql+psycopg2"
ACCEPTED_SCHEMES = frozenset({"postgres", "postgresql", DRIVER})
OLDEST_POSTGRES = 14

# Held by whoever upgrades the tables. Any fixed number does; this one is "boxoffic" in ASCII.
UPGRADE_LOCK = 0x626F786F66666963

# What libpq is told unless the URL says otherwise. A peer that vanished without a word is noticed after
# 10 + 3 * 5 s while we wait for an answer, and after 15 s while we send.
CONNECTION_DEFAULTS: Mapping[str, str | int] = {
    "application_name": "boxoffice",
    "client_encoding": "utf8",
    "connect_timeout": 5,  # seconds, per address
    "keepalives": 1,
    "keepalives_idle": 10,  # seconds
    "keepalives_interval": 5,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds
}


class StartupError(Exception):
    """The engine cannot start; the text is one sentence for the operator, without a password."""


def normalise(url: str) -> URL:
    """The URL with the one driver we use; SQLAlchemy 2.1 alone would read `postgresql://` as psycopg 3.

    Raises StartupError when it is no URL, or names another database or driver.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The text itself is left out: it may hold a password.
        raise StartupError(
            "The database URL cannot be read: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE,"
            " with special characters in the password percent-encoded."
        ) from None
    if parsed.drivername not in ACCEPTED_SCHEMES:
        raise StartupError(
            f"The database URL begins with {parsed.drivername}://, but only PostgreSQL is supported:"
            " begin it with postgresql://."
        )
    return parsed.set(drivername=DRIVER)


def describe(url: URL) -> str:
    """The URL as an operator would write it, passwords masked."""
    secrets = {name: "***" for name in ("password", "sslpassword") if name in url.query}
    shown = url.set(drivername="postgresql").update_query_dict(secrets)
    return shown.render_as_string(hide_password=True).replace("%2F", "/").replace("%2A", "*")


def make_engine(
    url: str | URL,
    *,
    pool_size: int = 5,
    pool_timeout_s: float = 5.0,
    statement_timeout_s: float | None = 10.0,
    lock_timeout_s: float | None = None,
    idle_timeout_s: float | None = 10.0,
    **connect_args: Any,
) -> Engine:
    """A pool of at most `pool_size` connections; it opens the first one on first use.

    A caller waits for a free connection for at most `pool_timeout_s`. PostgreSQL ends any statement after
    `statement_timeout_s`, any wait for a row that another session holds after `lock_timeout_s`, and any
    transaction that idles for `idle_timeout_s`, so that a lost peer cannot hold a row for ever (None: never).
    `connect_args` are what else psycopg2 is told. Raises StartupError for a URL that `normalise` refuses.
    """
    url = normalise(url) if isinstance(url, str) else url
    timeouts = Timeouts(statement_timeout_s, lock_timeout_s, idle_timeout_s)
    return create_engine(
        url,
        connect_args=_session_args(url, timeouts, connect_args),
        isolation_level="READ COMMITTED",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout_s,
        pool_pre_ping=True,
    )


class Timeouts(NamedTuple):
    """When PostgreSQL ends what takes too long, in seconds; None: never. As `make_engine` has them."""

    statement_s: float | None = None
    lock_s: float | None = None
    idle_s: float | None = None


def connect_args(url: str, timeouts: Timeouts, **more: Any) -> dict[str, Any]:
    """All that `psycopg2.connect` is told for a connection outside of any pool. Raises StartupError."""
    parsed = normalise(url)
    _, named = parsed.get_dialect()().create_connect_args(parsed)
    return {**named, **_session_args(parsed, timeouts, more)}


def _session_args(url: URL, timeouts: Timeouts, more: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {name: value for name, value in CONNECTION_DEFAULTS.items() if name not in url.query}
    return {**defaults, **more, "options": _session_options(url, timeouts)}


def _session_options(url: URL, timeouts: Timeouts) -> str:
    timeouts_s = {
        "statement_timeout": timeouts.statement_s,
        "lock_timeout": timeouts.lock_s,
        "idle_in_transaction_session_timeout": timeouts.idle_s,
    }
    ours = {"timezone": "UTC"}
    for name, timeout_s in timeouts_s.items():
        ours[name] = "0" if timeout_s is None else str(max(1, round(timeout_s * 1000)))
    # connect_args would replace what the URL asks for, so join both; of two equal names the last one wins.
    theirs = " ".join(url.normalized_query.get("options", ()))
    return " ".join([theirs, *(f"-c {name}={value}" for name, value in ours.items())]).strip()


@dataclass(frozen=True, slots=True)
class Settings:
    """What PostgreSQL says about itself, as this engine's own connections see it."""

    version_num: int
    encoding: str
    read_only: str
    fsync: str
    full_page_writes: str
    synchronous_commit: str


SETTINGS_QUERY = text("""
    SELECT current_setting('server_version_num')::int AS version_num,
           current_setting('server_encoding')         AS encoding,
           current_setting('transaction_read_only')   AS read_only,
           current_setting('fsync')                   AS fsync,
           current_setting('full_page_writes')        AS full_page_writes,
           current_setting('synchronous_commit')      AS synchronous_commit
""")


def check_settings(engine: Engine) -> None:
    """Raise StartupError when the server cannot be reached, or could lose or refuse what we write."""
    with _connected(engine) as connection:
        faults = find_faults(Settings(**connection.execute(SETTINGS_QUERY).one()._mapping))
    if faults:
        raise StartupError(f"PostgreSQL at {describe(engine.url)} cannot be used: {'; '.join(faults)}.")


def find_faults(settings: Settings) -> list[str]:
    """Everything that speaks against a server, each with its remedy; empty when it may be used."""
    faults = []
    if settings.version_num < OLDEST_POSTGRES * 10_000:
        version = settings.version_num // 10_000
        faults.append(f"it is version {version}, and {OLDEST_POSTGRES} or newer is needed")
    if settings.read_only == "on":
        faults.append("it is read-only, so give the URL of the primary and not of a standby")
    if settings.encoding != "UTF8":
        faults.append(f"the encoding is {settings.encoding}, so make a database with ENCODING 'UTF8'")
    # Every other value of synchronous_commit waits at least for the primary's own disk.
    durability = ("fsync", "full_page_writes", "synchronous_commit")
    if off := [name for name in durability if getattr(settings, name) == "off"]:
        found, wanted = (" and ".join(f"{name} = {value}" for name in off) for value in ("off", "on"))
        faults.append(
            f"with {found} a crash could lose answered bookings, so set {wanted} in postgresql.conf"
            " (or where ALTER SYSTEM, ALTER DATABASE or ALTER ROLE changed it) and reload it"
        )
    return faults


def is_new(engine: Engine) -> bool:
    """Whether no boxoffice has made its tables here yet. Raises StartupError."""
    with _connected(engine) as connection:
        return _revision(connection) is None


def upgrade(engine: Engine) -> None:
    """Bring the tables to this version's form; nothing happens when they are.

    One process upgrades at a time, the others wait. Raises StartupError when the database cannot be reached,
    refuses a step, or is newer than this version.
    """
    with _connected(engine) as connection:
        if _revision(connection) == REVISIONS[-1]:
            return
        from boxoffice.persistence import upgrading  # noqa: PLC0415 - Alembic takes 0.1 s, at every start

        # Detached from the pool, closing it ends the database session: lock and time limit go with it.
        connection.detach()
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": UPGRADE_LOCK})
        if _revision(connection) not in (None, *REVISIONS):
            raise StartupError(_NEWER.format(where=describe(engine.url)))
        connection.commit()
        upgrading.upgrade(connection)
        connection.commit()


NEEDED_PRIVILEGES = {
    "events": ("SELECT", "INSERT", "UPDATE"),
    "orders": ("SELECT", "INSERT", "UPDATE"),
    "changes": ("SELECT", "INSERT"),
    "replies": ("SELECT", "INSERT", "DELETE"),
    "api_keys": ("SELECT", "INSERT", "UPDATE"),
    "event_ids": ("USAGE",),
}

NOT_AUDITED = frozenset({"api_keys"})
"""What who only reads has no use for: an auditor needs no right to see keys, not even their hashes."""

PERSISTENCE_QUERY = text("SELECT relpersistence::text FROM pg_class WHERE oid = to_regclass(:name)")
PRIVILEGE_QUERY = text("""
    SELECT CASE relkind WHEN 'S' THEN has_sequence_privilege(oid, :privilege)
                        ELSE has_table_privilege(oid, :privilege) END
      FROM pg_class WHERE oid = to_regclass(:name)
""")


def check_schema(engine: Engine, *, writable: bool = True) -> None:
    """Raise StartupError unless the tables have exactly the form that this version writes, keep what is
    written through a crash, and are ours to read and, unless told otherwise, to write.
    """
    where = describe(engine.url)
    with _connected(engine) as connection:
        current = _revision(connection)
        if current is None:
            raise StartupError(
                f"The database at {where} has no tables of boxoffice yet: run `boxoffice migrate`."
            )
        if current not in REVISIONS:
            raise StartupError(_NEWER.format(where=where))
        if current != REVISIONS[-1]:
            raise StartupError(f"The tables at {where} are of an older boxoffice: run `boxoffice migrate`.")
        names = [name for name in NEEDED_PRIVILEGES if writable or name not in NOT_AUDITED]
        faults = [fault for name in names for fault in _faults_of(connection, name, writable)]
    if faults:
        raise StartupError(f"The tables at {where} cannot be used: {'; '.join(faults)}.")


def _faults_of(connection: Connection, name: str, writable: bool) -> Iterator[str]:
    """Everything that speaks against a table or sequence of this name, each with its remedy."""
    persistence = connection.execute(PERSISTENCE_QUERY, {"name": name}).scalar_one_or_none()
    if persistence is None:
        yield f"{name} is missing, so restore it from a backup"
        return
    if persistence != "p":
        yield f"a crash would empty {name}, so ALTER TABLE {name} SET LOGGED"
    for privilege in NEEDED_PRIVILEGES[name]:
        if privilege != "SELECT" and not writable:
            continue
        if not connection.execute(PRIVILEGE_QUERY, {"name": name, "privilege": privilege}).scalar_one():
            what = f"{'SEQUENCE' if privilege == 'USAGE' else 'TABLE'} {name}"
            yield f"this role lacks a right, so GRANT {privilege} ON {what} to it"


_NEWER = "The tables at {where} are of a newer boxoffice than this one: install that version."


def _revision(connection: Connection) -> str | None:
    """Which form the tables have; None where there are none of ours."""
    if connection.execute(text("SELECT to_regclass(:name)"), {"name": schema_version}).scalar_one() is None:
        return None
    found: str | None = connection.execute(
        text(f"SELECT version_num FROM {schema_version}")
    ).scalar_one_or_none()
    return found


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    """A connection whose failures are told as a StartupError; closed, and rolled back if open, at the end."""
    where = describe(engine.url)
    try:
        connection = engine.connect()
    except DBAPIError as error:
        raise StartupError(f"Cannot reach PostgreSQL at {where}: {_reason(error)}.") from error
    with connection:
        try:
            yield connection
        except DBAPIError as error:
            raise StartupError(f"PostgreSQL at {where} refused to prepare: {_reason(error)}.") from error


def _reason(error: DBAPIError) -> str:
    """The driver's first line; the rest are hints, and the statement is of no use to an operator."""
    lines = str(error.orig).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error.orig).__name__
