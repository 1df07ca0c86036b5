"""What the operator may set: one dataclass, from which flags, environment variables and help follow.

Values only. Made by the command line, read by the composition root.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

LogLevel = Literal["debug", "info", "warning", "error"]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """Which database holds the events: one of these, not both; without either, the default data directory."""

    data_dir: Annotated[Path | None, Parameter(env_var="BOXOFFICE_DATA_DIR")] = None
    """Folder of the embedded PostgreSQL; if it is absent, it is made, except by an audit.
    [default: ./boxoffice-data]"""

    database_url: Annotated[str | None, Parameter(env_var="DATABASE_URL")] = None
    """A PostgreSQL of your own, 14 or newer: postgresql://user:password@host:5432/database."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings(DatabaseSettings):
    """How the server runs."""

    host: Annotated[str, Parameter(env_var="HOST")] = "127.0.0.1"
    """Address to listen on."""

    port: Annotated[int, Parameter(env_var="PORT", validator=Number(gte=0, lte=65535))] = 3000
    """Port to listen on; 0 takes any free one."""

    max_connections: Annotated[
        int, Parameter(env_var="BOXOFFICE_MAX_CONNECTIONS", validator=Number(gte=1, lte=1_000_000))
    ] = 10_000
    """Client connections that may be open; whoever comes then is answered 503."""

    log_level: Annotated[LogLevel, Parameter(env_var="LOG_LEVEL")] = "info"
    """The least important lines to log."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings(DatabaseSettings):
    """How the audit tells what it found."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print one JSON document instead of sentences."""
