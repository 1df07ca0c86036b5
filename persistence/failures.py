"""The one place where the driver's errors become ours. Used by whatever reads the database."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2 import errors
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from boxoffice.actors.ports import DatabaseAway

log = logging.getLogger(__name__)


@contextmanager
def away_when_unreachable() -> Iterator[None]:
    """Raise DatabaseAway for whatever may pass: a lost connection, an exhausted pool, a statement that took
    too long, a row that somebody else holds, a server that has become a standby.
    """
    try:
        yield
    except PoolTimeoutError as busy:
        raise DatabaseAway("all connections to the database are busy") from busy
    except (OperationalError, InterfaceError, InternalError) as error:
        held = isinstance(error.orig, errors.LockNotAvailable)
        reason = "another session holds the event" if held else "the database is away"
        log.warning("%s: %s", reason, str(error.orig).strip())
        raise DatabaseAway(reason) from error
