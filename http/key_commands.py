"""The commands `boxoffice keys create`, `list` and `revoke`: API keys, on the database beside any server.

Belongs to the composition root. A key is made here and nowhere else, so that its secret never travels: it is
printed once. Servers that run take notice within two seconds. On the main thread.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

from cyclopts import App, Parameter
from sqlalchemy import Engine

from boxoffice.actors.ports import DatabaseAway
from boxoffice.actors.principals import ApiKey, Scope
from boxoffice.http import wire
from boxoffice.http.clock import clock
from boxoffice.http.identity.keys import expiry_of, is_expired, key_id_of, mint
from boxoffice.http.identity.rates import rate_of
from boxoffice.http.locate import Located, located_beside
from boxoffice.http.operating.settings import DatabaseSettings
from boxoffice.http.terminal import console, output
from boxoffice.persistence import database
from boxoffice.persistence.database import StartupError
from boxoffice.persistence.keys import DatabaseApiKeys

keys = App(name="keys", help="API keys: who may do what. As long as there was never any, everybody may.")


@keys.command
def create(
    *,
    name: Annotated[str, Parameter(help="Whose key it is, for people: 1 to 200 characters.")],
    scope: Annotated[
        list[Scope], Parameter(negative="", help="What it may do; give it again for each of several.")
    ],
    limit: Annotated[
        str | None, Parameter(help="So many requests, like 100/second; other units: minute, hour, day.")
    ] = None,
    expires: Annotated[
        str | None, Parameter(help="When it ends: 90d, 12h, or a moment like 2027-01-01T00:00:00Z.")
    ] = None,
    settings: DatabaseSettings = DatabaseSettings(),  # noqa: B008 - frozen
) -> None:
    """Make an API key and print it, this once. The embedded database is made if there is none yet."""
    now = clock()
    try:
        rate = None if limit is None else rate_of(limit)
        expires_at = None if expires is None else expiry_of(expires, now)
        key, token = mint(name, scope, rate, expires_at, now)
    except ValueError as error:
        raise StartupError(f"No key was made: {error}.") from None
    with _opened(settings, make=True) as (api_keys, shown):
        api_keys.create(key)
    output.print(token)
    console.print(f"The API key {key.id} is shown this once: only its secret's hash is kept, on {shown}.")


@keys.command(name="list")
def list_keys(
    *,
    all: Annotated[bool, Parameter(negative="", help="Revoked and expired ones, too.")] = False,  # noqa: A002
    json: Annotated[bool, Parameter(negative="", help="Print one JSON document instead of a table.")] = False,
    settings: DatabaseSettings = DatabaseSettings(),  # noqa: B008 - frozen
) -> None:
    """Show which API keys there are; what is shown is no secret."""
    with _opened(settings) as (api_keys, shown):
        every = api_keys.all()
    now = clock()
    wanted = [key for key in every if all or (key.revoked_at is None and not is_expired(key, now))]
    if json:
        document = wire.ListBody([wire.api_key_body(key) for key in wanted], None)
        sys.stdout.buffer.write(wire.encode(document) + b"\n")
    elif wanted:
        for line in _table(wanted):
            output.print(line)
    elif every:
        console.print(f"All API keys on {shown} are revoked or expired: nobody may do anything. See --all.")
    else:
        console.print(f"There are no API keys on {shown}.")


@keys.command
def revoke(
    key_id: Annotated[str, Parameter(help="The key's id, as `boxoffice keys list` shows it.")],
    /,
    *,
    settings: DatabaseSettings = DatabaseSettings(),  # noqa: B008 - frozen
) -> None:
    """Revoke an API key for good. Again changes nothing."""
    known = key_id_of(key_id)
    with _opened(settings) as (api_keys, shown):
        key = None if known is None else api_keys.revoke(known)
    if key is None:
        # What was given is not repeated: it may be a mistyped key, secret and all.
        raise StartupError(f"There is no API key with this id on {shown}: see `boxoffice keys list --all`.")
    console.print(f"The API key {key.id} ({key.name}) is revoked: no server takes it in two seconds' time.")


@contextmanager
def _opened(settings: DatabaseSettings, *, make: bool = False) -> Iterator[tuple[DatabaseApiKeys, str]]:
    """The keys in the database that the settings name, and that database for people."""
    with located_beside(settings, make=make) as found:
        engine = database.make_engine(found.url, pool_size=1)
        try:
            _prepare(engine, found, embedded=settings.database_url is None)
            yield DatabaseApiKeys(engine), found.shown
        except DatabaseAway as away:
            raise StartupError(
                f"Nobody knows whether that was done: {away}. See `boxoffice keys list --all`."
            ) from away
        finally:
            engine.dispose()


def _prepare(engine: Engine, found: Located, *, embedded: bool) -> None:
    """Make the embedded database's tables, or bring them up to date, as `serve` would: unless it runs one.

    A server whose very first start is under way is about to make them, too; one waits for the other.
    """
    if found.started or (embedded and database.is_new(engine)):
        database.upgrade(engine)
    else:
        database.check_schema(engine)


def _table(shown: Sequence[ApiKey]) -> Iterator[str]:
    head = ("ID", "NAME", "SCOPES", "LIMIT", "CREATED", "EXPIRES", "REVOKED")
    bodies = [wire.api_key_body(key) for key in shown]
    rows = [
        (
            body.key_id,
            body.name,
            ",".join(body.scopes),
            body.limit or "-",
            *(_second(at) for at in (body.created_at, body.expires_at, body.revoked_at)),
        )
        for body in bodies
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _second(moment: str | None) -> str:
    return "-" if moment is None else f"{moment[:19]}Z"
