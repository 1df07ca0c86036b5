"""A load test as the command line has it done: run, reported, judged by an exit code. On the main thread."""

import asyncio
from collections.abc import Sequence

import msgspec
from rich.console import Console

from boxoffice.bench.options import Options
from boxoffice.bench.remarks import remarks
from boxoffice.bench.report.as_html import as_html
from boxoffice.bench.report.as_json import ReportError, as_json, check_writable, write
from boxoffice.bench.report.results import Results
from boxoffice.bench.report.table import show
from boxoffice.bench.report.thresholds import ThresholdError, parse
from boxoffice.bench.running import Test, Wanted, check_files, figures_of
from boxoffice.bench.scenarios.scenario import LoadError
from boxoffice.bench.target import target_at

NOT_DONE = 1
THRESHOLD_PASSED = 2
PROMISE_BROKEN = 3
INTERRUPTED = 130


class Command(msgspec.Struct, frozen=True):
    """What was asked for."""

    options: Options
    url: str | None = None
    """None: a server of our own."""
    key: str | None = None
    fail_if: Sequence[str] = ()
    audit: bool = True
    json: str | None = None
    html: str | None = None
    """Files, or `-` for standard output."""
    line: str = ""
    """As it was typed, for the report."""


def run(command: Command, out: Console, console: Console) -> int:
    """Do it: results go to `out`, all else to `console`. Returns the exit code. Raises LoadError."""
    test = Test(wanted(command), console)
    try:
        results = asyncio.run(test.run())
    except asyncio.CancelledError:
        console.print("boxoffice: ended before anything was counted.")
        return INTERRUPTED
    report(command, results, console if command.json == "-" or command.html == "-" else out)
    for sentence in remarks(results):
        console.print(f"boxoffice: {sentence}")
    return INTERRUPTED if test.audit_interrupted else exit_code(results)


def wanted(command: Command) -> Wanted:
    """All that can be wrong with what was asked for is found before anything is done. Raises LoadError."""
    try:
        figures = figures_of(command.options.scenario)
        thresholds = [parse(text, figures) for text in command.fail_if]
        if command.json is not None and command.json == command.html:
            place = "standard output" if command.json == "-" else command.json
            raise ReportError(f"--json and --html cannot both be written to {place}")
        for where in (command.json, command.html):
            if where is not None:
                check_writable(where)
        target = None if command.url is None else target_at(command.url, command.key)
    except (ThresholdError, ReportError, ValueError) as error:
        raise LoadError(str(error)) from error
    check_files(command.options)
    return Wanted(command.options, target, thresholds, command.audit, command.line)


def report(command: Command, results: Results, out: Console) -> None:
    """Print the table, and write what else is wanted. Raises LoadError."""
    show(results, out)
    try:
        if command.json is not None:
            write(command.json, as_json(results))
        if command.html is not None:
            write(command.html, as_html(results))
    except ReportError as error:
        raise LoadError(str(error)) from error


def exit_code(results: Results) -> int:
    """0 when all is well; a broken promise counts for more than a threshold, and that for more than an audit
    that could not be finished.
    """
    audit = results.audit
    if audit is not None and not audit.ok:
        return PROMISE_BROKEN
    if any(each.failed for each in results.thresholds):
        return THRESHOLD_PASSED
    return NOT_DONE if audit is not None and audit.undone is not None else 0
