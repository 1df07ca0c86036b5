"""The command `boxoffice bench`: loads any server, or one of its own, and checks what it was told.

Belongs to the composition root, and only reads what is wanted: `boxoffice.bench` does it. On the main thread.
"""

import os
import shlex
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Group, Parameter
from cyclopts.validators import Number

from boxoffice.http.operating.variables import variables
from boxoffice.http.terminal import console, output
from boxoffice.persistence.database import StartupError

if TYPE_CHECKING:
    from boxoffice.bench import command

ScenarioName = Literal["hot", "spread", "rush", "churn", "batch", "listeners"]

_LOAD = Group("The load", sort_key=1)
_SIZE = Group("What it is about", sort_key=2)
_SERVER = Group("The server", sort_key=3)
_REPORT = Group("The report", sort_key=4)

_rate = Number(gt=0, lte=200_000)
"""What one process draws arrivals for in a quarter of its time; far above it, it would do nothing else."""

_from_one = Number(gte=1, lte=1_000_000)


def _is_file(_: type, value: str | None) -> None:
    if value is not None and value.startswith("-") and value != "-":
        raise ValueError("It takes a file, or - for standard output.")


_report_file = Parameter(group=_REPORT, allow_leading_hyphen=True, validator=_is_file)


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class BenchSettings:
    """How a load test is run."""

    scenario: Annotated[ScenarioName, Parameter(group=_LOAD)] = "hot"
    """What people do. hot: all book one event; spread: 10,000 events, some far more popular than others;
    rush: an on-sale with ten times as many people as tickets, who do not wait and ask again; churn: book,
    hold, confirm, cancel, promote; batch: many bookings in each request; listeners: thousands watch what is
    booked."""

    connections: Annotated[
        int | None, Parameter(group=_LOAD, name=("--connections", "-c"), validator=_from_one)
    ] = None
    """Clients, each on a connection of its own. Each asks again when it is answered (a closed loop), unless
    there is a --rate. [default: 64; 8 for the scenario batch, as a server takes 10,000 bookings at once]"""

    rate: Annotated[float | None, Parameter(group=_LOAD, name=("--rate", "-r"), validator=_rate)] = None
    """Requests that fall due in a second, at random times and whatever becomes of those before them (an open
    loop): latency counts from when a request fell due, and so tells of all the waiting."""

    seconds: Annotated[
        float, Parameter(group=_LOAD, name=("--seconds", "-s"), validator=Number(gt=0, lte=604_800))
    ] = 10.0
    """How long is measured."""

    warm_up: Annotated[float, Parameter(group=_LOAD, validator=Number(gte=0, lte=3_600))] = 2.0
    """Seconds of the same before it, which are audited and not measured."""

    processes: Annotated[int, Parameter(group=_LOAD, validator=Number(gte=1, lte=256))] = 1
    """Processes that make the load; one is enough until it takes all of a processor, and the report says
    when."""

    seed: Annotated[int, Parameter(group=_LOAD)] = 1
    """The same seed makes the same customers do the same things."""

    events: Annotated[int | None, Parameter(group=_SIZE, validator=_from_one)] = None
    """Events that are made for spread, churn and batch. [default: 10,000, 8 and 1]"""

    tickets: Annotated[int | None, Parameter(group=_SIZE, validator=Number(gte=1, lte=10_000_000))] = None
    """Tickets of each event. [default: plenty; for rush a tenth of what is wanted, for churn too few]"""

    batch: Annotated[int | None, Parameter(group=_SIZE, validator=Number(gte=1, lte=1_000))] = None
    """Bookings in each request of the scenario batch. [default: 1,000]"""

    listeners: Annotated[int | None, Parameter(group=_SIZE, validator=_from_one)] = None
    """Who watch in the scenario listeners; 500 come in each second. [default: 1,000]"""

    api_key: Annotated[str | None, Parameter(group=_SERVER, name="--key", env_var="BOXOFFICE_API_KEY")] = (
        field(default=None, repr=False)
    )
    """API key of the server at URL, with the scopes read, sell and organise. Better given by its variable:
    other users of this machine can read the flags."""

    fail_if: Annotated[tuple[str, ...], Parameter(group=_REPORT, negative="", show_default=False)] = ()
    """Exit with 2 if this is so: "p99>50ms", "errors>0", "rate<5000", "book.p99.9>=1s", or a figure of the
    scenario, "staleness_p99>200ms"; may be given several times. A lost connection has no latency: ask for
    "errors>0", too."""

    json: Annotated[str | None, _report_file] = None
    """File for the results as JSON; - is standard output."""

    html: Annotated[str | None, _report_file] = None
    """File for the results as one HTML page with charts, which needs no other file."""

    skip_audit: Annotated[bool, Parameter(group=_REPORT, negative="", show_default=False)] = False
    """Do not compare the answers with what the server has stored, only with each other."""


bench = App(name="bench", exit_on_error=False)
"""Wrong options end it with 1, as the command line sees to: 2 is for a threshold that is passed."""


@bench.default
def run(
    url: Annotated[str | None, Parameter(group=_SERVER)] = None,
    /,
    *,
    settings: BenchSettings = BenchSettings(),
) -> None:
    """Load a server, measure it, and check that what it answered is true: that every acknowledged order is
    there, nothing is oversold, and first come was first served.

    Events are made for the load. Ctrl-C ends it early; what was measured until then is reported and audited
    all the same. Exits with 0 if all is well, with 2 if a --fail-if is so, with 3 if the audit found
    something broken, and with 1 if the load or the audit could not be done.

    Parameters
    ----------
    url
        A server that runs, like http://127.0.0.1:3000; it keeps the events. Without it, one of our own is
        started on a throw-away database, and both are removed at the end.
    """
    from boxoffice.bench import command  # noqa: PLC0415 - other commands do without
    from boxoffice.bench.scenarios.scenario import LoadError  # noqa: PLC0415

    for name in variables():  # a server of our own is to be as it is without any
        os.environ.pop(name, None)
    try:
        _check_they_matter(settings)
        code = command.run(_command(url, settings), output, console)
    except LoadError as error:
        raise StartupError(_sentence(str(error))) from None
    sys.exit(code)


_MATTERS_TO = {
    "events": ("spread", "churn", "batch"),
    "batch": ("batch",),
    "listeners": ("listeners",),
}
"""Options that say nothing to the other scenarios: whoever gives one means something else."""


def _check_they_matter(settings: BenchSettings) -> None:
    from boxoffice.bench.scenarios.scenario import LoadError  # noqa: PLC0415

    for option, scenarios in _MATTERS_TO.items():
        if getattr(settings, option) is not None and settings.scenario not in scenarios:
            those = " or ".join(f"--scenario {name}" for name in scenarios)
            raise LoadError(
                f"--{option} means nothing to the scenario {settings.scenario}: it is for {those}"
            )


def _command(url: str | None, settings: BenchSettings) -> "command.Command":
    from boxoffice.bench import command  # noqa: PLC0415
    from boxoffice.bench.options import (  # noqa: PLC0415
        BATCH,
        CONNECTIONS,
        CONNECTIONS_OF_BATCH,
        LISTENERS,
        Options,
    )

    usual = CONNECTIONS_OF_BATCH if settings.scenario == "batch" else CONNECTIONS
    connections = settings.connections or usual
    options = Options(
        scenario=settings.scenario,
        connections=connections,
        rate=settings.rate,
        seconds=settings.seconds,
        warm_up_s=settings.warm_up,
        processes=min(settings.processes, connections),
        seed=settings.seed,
        events=settings.events,
        tickets=settings.tickets,
        batch=settings.batch or BATCH,
        listeners=settings.listeners or LISTENERS,
    )
    return command.Command(
        options,
        url,
        settings.api_key or None,
        settings.fail_if,
        not settings.skip_audit,
        settings.json,
        settings.html,
        shlex.join(["boxoffice", *sys.argv[1:]]),
    )


def _sentence(words: str) -> str:
    """As a sentence that begins and ends like one."""
    begins = words if words.startswith("http") else words[:1].upper() + words[1:]
    return begins if begins.endswith((".", "?", "!")) else f"{begins}."
