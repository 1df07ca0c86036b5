"""Where the database is that the settings name: for a server, or for a command that may run beside one.

Belongs to the composition root: it knows the settings and `persistence`. On the main thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from boxoffice.http.operating.settings import DEFAULT_DATA_DIR, DatabaseSettings, contradiction
from boxoffice.persistence import database, embedded
from boxoffice.persistence.database import StartupError
from boxoffice.persistence.embedded import EmbeddedPostgres


class Located(NamedTuple):
    """A database: its URL, the same for people, and the embedded PostgreSQL if it is ours to stop.

    `started`: an embedded one that nobody else uses now, so that its tables may be brought up to date.
    """

    url: str
    shown: str
    postgres: EmbeddedPostgres | None = None
    started: bool = False


@contextmanager
def located(settings: DatabaseSettings) -> Iterator[Located]:
    """The database, as the settings name it; the embedded one is ours alone, and runs until the end."""
    refuse_contradictions(settings)
    if settings.database_url is not None:
        yield _named(settings.database_url)
        return
    data_dir = settings.data_dir or DEFAULT_DATA_DIR
    postgres = EmbeddedPostgres(data_dir)
    postgres.start()
    try:
        yield Located(postgres.url, _shown(data_dir), postgres, started=True)
    finally:
        postgres.stop()


@contextmanager
def located_beside(settings: DatabaseSettings, *, make: bool = False) -> Iterator[Located]:
    """The same for a command beside a server: the embedded one may be a running server's, and must be there,
    unless it is told to `make` one.
    """
    refuse_contradictions(settings)
    if settings.database_url is not None:
        yield _named(settings.database_url)
        return
    data_dir = settings.data_dir or DEFAULT_DATA_DIR
    with embedded.joined(data_dir, make=make) as (url, started):
        yield Located(url, _shown(data_dir), started=started)


def refuse_contradictions(settings: DatabaseSettings) -> None:
    """Raise StartupError for settings that cannot all be meant."""
    if sentence := contradiction(settings):
        raise StartupError(sentence)


def _named(url: str) -> Located:
    return Located(url, database.describe(database.normalise(url)))


def _shown(data_dir: Path) -> str:
    return f"the embedded PostgreSQL in {data_dir}"
