"""The command line: reads the settings, finds the database, and has each command done.

With `composition.py`, `locate.py`, `key_commands.py`, `watch_command.py` and `bench_command.py` the
composition root: only these import all three packages. On the main thread.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Annotated, NoReturn

import cyclopts
import msgspec
from cyclopts import CycloptsPanel, Parameter
from rich.panel import Panel

from boxoffice.actors import failpoints
from boxoffice.actors.ports import DatabaseAway
from boxoffice.http import bench_command, binding, key_commands, watch_command
from boxoffice.http.locate import located, located_beside, refuse_contradictions
from boxoffice.http.operating.masking import MASK, masked
from boxoffice.http.operating.settings import AuditSettings, DatabaseSettings, ServeSettings
from boxoffice.http.operating.sources import SECRETS, Sources, aligned, effective
from boxoffice.http.operating.variables import FAILPOINTS, unknown
from boxoffice.http.terminal import console, output, progress
from boxoffice.persistence import database
from boxoffice.persistence.audit import audit as run_audit
from boxoffice.persistence.database import StartupError
from boxoffice.persistence.engines import Engines

log = logging.getLogger(__name__)

EXIT_VIOLATIONS = 3
"""Of an audit that found some; 1 is for what could not be done at all."""


def _told(error: cyclopts.CycloptsError) -> Panel:
    """What is wrong with the flags or variables, without repeating a secret."""
    argument = error.argument
    if isinstance(error, cyclopts.ValidationError) and argument and argument.field_info.name in SECRETS:
        error.value = MASK
    return CycloptsPanel(masked(str(error)))


app = cyclopts.App(
    name="boxoffice", help="A ticket booking engine for events that sell out.", error_formatter=_told
)
app.command(key_commands.keys)
app.command(watch_command.watch)
app.command(bench_command.bench)


def main() -> None:
    """The command `boxoffice`."""
    try:
        app()
    except (StartupError, binding.ListenError) as error:
        _fail(str(error))
    except cyclopts.CycloptsError:  # it has been told, and its command has another meaning for 2
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


@app.command
def serve(settings: ServeSettings = ServeSettings()) -> None:  # noqa: B008 - frozen
    """Run the server until SIGTERM or Ctrl-C."""
    gc.disable()  # until all is loaded and the events are rebuilt: nothing of that is garbage
    from boxoffice.http import composition, server  # noqa: PLC0415 - half of the start; others do without
    from boxoffice.http.operating import logs  # noqa: PLC0415 - half of the start; others do without

    writer = logs.configure(settings.log_level, settings.log_format)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    _warn_of_unknown_variables()
    refuse_contradictions(settings)
    _arm_failpoints()
    # Until the event loop listens for them, they end us by way of every `finally`.
    for number in server.STOP_SIGNALS:
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with ExitStack() as stack:
        bound = stack.enter_context(binding.bind(settings.host, settings.port))
        url, shown, postgres, _ = stack.enter_context(located(settings))
        engines = Engines(url)
        stack.callback(engines.dispose)
        database.check_settings(engines.reading)
        if settings.database_url is None:
            database.upgrade(engines.reading)
        else:
            database.check_schema(engines.reading)
        host, port = bound.getsockname()[:2]
        where = f"http://{f'[{host}]' if ':' in host else host}:{port}"

        def ready() -> None:
            writer.flush()  # what was logged until now was before this
            console.print(f"boxoffice is open at {where}, on {shown}")

        try:
            with asyncio.Runner(loop_factory=_fast_loop()) as runner:
                runner.run(composition.run(settings, composition.Ground(engines, postgres, bound), ready))
        finally:
            for number in server.STOP_SIGNALS:  # we are stopping already: nothing must cut it off
                signal.signal(number, signal.SIG_IGN)


@app.command
def migrate(settings: DatabaseSettings = DatabaseSettings()) -> None:  # noqa: B008 - frozen
    """Make or bring up to date the tables of a database. The embedded one needs no such call."""
    with located(settings) as (url, shown, *_):
        engine = database.make_engine(url)
        try:
            database.check_settings(engine)
            database.upgrade(engine)
        finally:
            engine.dispose()
        console.print(f"The tables are up to date on {shown}")


@app.command
def audit(settings: AuditSettings = AuditSettings()) -> None:  # noqa: B008 - frozen
    """Replay every event's log and check every promise it can: writes nothing, and may run beside a server.

    Exits with 0 if all are kept, with 3 if one is broken, with 1 if that could not be found out.
    """
    with located_beside(settings) as (url, shown, *_):
        engine = database.make_engine(url, pool_size=1, statement_timeout_s=None, idle_timeout_s=None)
        try:
            database.check_schema(engine, writable=False)
            with progress("Replaying changes") as bar:
                task = bar.add_task("", total=None)
                report = run_audit(engine, lambda done, total: bar.update(task, completed=done, total=total))
        except DatabaseAway as away:
            raise StartupError(f"The audit could not be finished: {away}.") from away
        finally:
            engine.dispose()
    if settings.json:
        sys.stdout.buffer.write(msgspec.json.encode(report.document) + b"\n")
    else:
        for line in (*report.violations, f"{report.summary}, on {shown}"):
            output.print(str(line))
    if report.violations:
        sys.exit(EXIT_VIOLATIONS)


_sources = Sources()


@app.command(config=_sources)
def config(
    settings: ServeSettings = ServeSettings(),  # noqa: B008 - frozen
    *,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Print every setting that `serve` would run with, and where it came from: a flag, an environment
    variable, or its default. Secrets are masked.

    Parameters
    ----------
    json
        Print one JSON document instead of a table.
    """
    _warn_of_unknown_variables()
    refuse_contradictions(settings)
    url = settings.database_url
    shown = None if url is None else database.describe(database.normalise(url))
    found = list(effective(settings, _sources, shown))
    if json:
        document = {each.flag.removeprefix("--"): each.document for each in found}
        sys.stdout.buffer.write(msgspec.json.encode(document) + b"\n")
        return
    for line in aligned((each.flag, each.text, str(each.source)) for each in found):
        output.print(line)


def _warn_of_unknown_variables() -> None:
    for sentence in unknown(os.environ):
        console.print(f"boxoffice: {sentence}")


def _arm_failpoints() -> None:
    specification = os.environ.get(FAILPOINTS)
    if not specification:
        return
    try:
        failpoints.arm(specification)
    except ValueError as error:
        raise StartupError(f"{FAILPOINTS} cannot be read: {error}.") from error
    log.warning("failpoints are armed, and this server will fail on purpose: %s", specification)


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's event loop where it is installed (`pip install boxoffice[fast]`), else asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - it may not be there
    except ImportError:
        return None
    return uvloop.new_event_loop


def _fail(sentence: str) -> NoReturn:
    console.print(f"boxoffice: {sentence}")
    sys.exit(1)


if __name__ == "__main__":
    main()
