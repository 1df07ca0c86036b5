"""The one place where the driver's errors become ours. Used by whatever reads the database."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from boxoffice.actors.ports import DatabaseAway

log = logging.getLogger(__name__)


@contextmanager
def away_when_unreachable() -> Iterator[None]:
    """Raise DatabaseAway for a lost connection, an exhausted pool, or a statement that took too long."""
    try:
        yield
    except PoolTimeoutError as busy:
        raise DatabaseAway("all connections to the database are busy") from busy
    except (OperationalError, InterfaceError) as error:
        log.warning("the database is away: %s", str(error.orig).strip())
        raise DatabaseAway("the database is away") from error
