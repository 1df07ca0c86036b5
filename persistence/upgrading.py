"""Alembic, which makes the tables and brings them up to date.

Knows no locks and no settings: `database.upgrade` calls it, with its connection, and only when there is
something to do. On the main thread.
"""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from boxoffice.persistence.tables import MIGRATIONS


def upgrade(connection: Connection) -> None:
    """Bring the tables to the newest form. Raises DBAPIError when the database refuses a step."""
    command.upgrade(config_on(connection), "head")


def config_on(connection: Connection) -> Config:
    """Alembic's settings, for work on this connection."""
    config = Config()
    # The option is read with %-interpolation; without a separator Alembic warns.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
