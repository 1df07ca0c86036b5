"""What the operator may set: one dataclass, from which flags, environment variables and help follow.

Values only. Made by the command line, read by the composition root. A field that is not shown by `repr` is a
secret: `boxoffice config` and error messages mask it.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from boxoffice.http.identity.token_rules import TokenRules, TokenRulesError, token_rules
from boxoffice.http.operating import validators
from boxoffice.http.operating.validators import Network

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "json", "console"]

DEFAULT_DATA_DIR = Path("boxoffice-data")


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """Which database holds the events: one of these, not both; without either, the default data directory."""

    data_dir: Annotated[Path | None, Parameter(env_var="BOXOFFICE_DATA_DIR")] = None
    """Folder of the embedded PostgreSQL; if it is absent, `serve`, `migrate` and `keys create` make it.
    [default: ./boxoffice-data]"""

    database_url: Annotated[str | None, Parameter(env_var="DATABASE_URL")] = field(default=None, repr=False)
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

    max_listeners: Annotated[
        int, Parameter(env_var="BOXOFFICE_MAX_LISTENERS", validator=Number(gte=0, lte=1_000_000))
    ] = 8_000
    """Of these connections, how many may listen; whoever wants to listen then is answered 503."""

    max_listeners_per_address: Annotated[
        int, Parameter(env_var="BOXOFFICE_MAX_LISTENERS_PER_ADDRESS", validator=Number(gte=0, lte=1_000_000))
    ] = 200
    """How many may listen from one address that is not this machine's; one more is answered 429."""

    # --- who may come in -------------------------------------------------------------------------

    insecure: Annotated[bool, Parameter(env_var="BOXOFFICE_INSECURE", negative="")] = False
    """Listen anywhere even while there is neither an API key nor a JWT, so that anybody may do everything."""

    public_status: Annotated[bool, Parameter(env_var="BOXOFFICE_PUBLIC_STATUS", negative="")] = False
    """Let anybody read the status of an event, without an API key."""

    rate_limit: Annotated[
        str | None, Parameter(env_var="BOXOFFICE_RATE_LIMIT", validator=validators.rate)
    ] = None
    """Requests that every caller without a limit of their own may make, like 100/second, or off.
    [default: 100/second for each anonymous address that is not this machine's, and no limit for others]"""

    trusted_proxies: Annotated[
        tuple[Network, ...],
        Parameter(
            name="--trusted-proxy", env_var="BOXOFFICE_TRUSTED_PROXY", negative="",
            converter=validators.networks, env_var_split=validators.comma_separated,
        ),
    ] = ()  # fmt: skip
    """Network of proxies whose forwarded headers are believed, like 10.0.0.0/8; may be given several times,
    comma separated in the variable."""

    cors_origins: Annotated[
        tuple[str, ...],
        Parameter(
            name="--cors-origin", env_var="BOXOFFICE_CORS_ORIGIN", negative="",
            validator=validators.origins, env_var_split=validators.comma_separated,
        ),
    ] = ()  # fmt: skip
    """Origin of pages of other sites that may call, exactly like https://shop.example; may be given several
    times, comma separated in the variable."""

    # --- customers' own tokens -------------------------------------------------------------------

    jwt_issuer: Annotated[str | None, Parameter(env_var="BOXOFFICE_JWT_ISSUER")] = None
    """Who must have issued a customer's JSON Web Token: its `iss`."""

    jwt_audience: Annotated[str | None, Parameter(env_var="BOXOFFICE_JWT_AUDIENCE")] = None
    """Whom a customer's JSON Web Token must be meant for: its `aud`."""

    jwt_jwks: Annotated[str | None, Parameter(env_var="BOXOFFICE_JWT_JWKS")] = None
    """File or URL of the public keys (a JWKS) that customers' JSON Web Tokens are signed with."""

    jwt_secret: Annotated[str | None, Parameter(env_var="BOXOFFICE_JWT_SECRET")] = field(
        default=None, repr=False
    )
    """Secret that customers' JSON Web Tokens are signed with, 32 bytes or more. Better given by its variable:
    other users of this machine can read the flags."""

    # --- what is logged --------------------------------------------------------------------------

    log_level: Annotated[LogLevel, Parameter(env_var="LOG_LEVEL")] = "info"
    """The least important lines to log."""

    log_format: Annotated[LogFormat, Parameter(env_var="LOG_FORMAT")] = "auto"
    """How lines are logged: json for programs, console for people; auto is console on a terminal and json
    anywhere else."""

    log_requests_per_second: Annotated[
        int, Parameter(env_var="BOXOFFICE_LOG_REQUESTS_PER_SECOND", validator=Number(gte=0, lte=1_000_000))
    ] = 100
    """Lines that are logged for requests, for each status in each second; the others are only counted. Those
    with status 500 always are logged."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings(DatabaseSettings):
    """How the audit tells what it found."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print one JSON document instead of sentences."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """Which server is watched, as whom, and how that is told."""

    url: str = "http://127.0.0.1:3000"
    """Where the server is."""

    api_key: Annotated[str | None, Parameter(env_var="BOXOFFICE_API_KEY")] = field(default=None, repr=False)
    """API key, or a customer's token, that says who asks. Better given by its variable: other users of this
    machine can read the flags."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print one line of JSON for each status, on a terminal, too."""


def contradiction(settings: DatabaseSettings) -> str | None:
    """What cannot be done as these settings say, taken together: one sentence."""
    if settings.data_dir is not None and settings.database_url is not None:
        return (
            "Both a data directory and a database URL are given: drop --data-dir (BOXOFFICE_DATA_DIR)"
            " or --database-url (DATABASE_URL)."
        )
    if isinstance(settings, ServeSettings):
        try:
            tokens_taken(settings)
        except TokenRulesError as error:
            return str(error)
    return None


def tokens_taken(settings: ServeSettings) -> TokenRules | None:
    """Whose customers' tokens are taken; None for nobody's. Raises TokenRulesError."""
    return token_rules(settings.jwt_issuer, settings.jwt_audience, settings.jwt_jwks, settings.jwt_secret)
