"""The results on a terminal: at most 80 columns, no frames, and nothing that only a colour says.

Called when the load and the audit are over.
"""

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from boxoffice.bench.proof.findings import Check
from boxoffice.bench.report.figures import measured, milliseconds, number, printable, words
from boxoffice.bench.report.results import Audit, Call, Machine, Results
from boxoffice.bench.report.words import (
    answers,
    checks_shown,
    left_out,
    looked_at,
    sale,
    unclear,
    verdict,
    what_it_hides,
    what_ran,
    what_thresholds_hide,
    whose_server,
)

WIDTH_MAX = 80
EXAMPLES_MAX = 5
ERRORS_MAX = 12
TICKS = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("-", "yellow")}
ASCII_TICKS = {True: ("ok", "green"), False: ("NO", "bold red"), None: ("-", "yellow")}
Ticks = dict[bool | None, tuple[str, str]]


def show(results: Results, console: Console) -> None:
    """Print all of it."""
    shown = table(results, ascii_only=console.options.ascii_only)
    console.print(shown, width=min(console.width, WIDTH_MAX), soft_wrap=False)


def table(results: Results, *, ascii_only: bool = False) -> RenderableType:
    """All of it, to be printed on at most 80 columns."""
    ticks = ASCII_TICKS if ascii_only else TICKS
    return Group(
        *_head(results),
        Text(),
        _rates(results),
        Text(),
        _calls(results),
        *_section("Answers", _answers(results)),
        *_section("Errors", _errors(results)),
        *_section("Also measured", _extra(results)),
        *_section("Audit", _audit(results.audit, ticks)),
        *_section("Thresholds", _thresholds(results, ticks)),
        Text(),
        *_machine(results),
        Text(),
        _verdict(results, ticks),
    )


# --- the parts of it -----------------------------------------------------------------------------


def _head(results: Results) -> Iterator[Text]:
    scenario, where = printable(results.run.scenario), printable(whose_server(results.run))
    yield Text.assemble((scenario, "bold"), f" against {where}")
    yield Text(what_ran(results))
    yield Text(what_it_hides(results.run), "dim")


def _rates(results: Results) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right")
    grid.add_column()
    rows = [(results.good_rate, f"{results.run.counted} a second", "bold")]
    if results.run.loop == "open":
        rows.append((results.offered_rate, "requests a second offered", ""))
    rows.append((results.achieved_rate, "requests a second achieved", ""))
    if results.not_sent:
        rows.append((results.not_sent, "fell due and were never sent", "red"))
    for figure, what, style in rows:
        grid.add_row(Text(number(figure), style), Text(what))
    return grid


def _calls(results: Results) -> RenderableType:
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    grid.add_column("ms", style="bold", overflow="ellipsis", no_wrap=True, max_width=14)
    for name in ("requests", "per s", "p50", "p90", "p99", "p99.9", "max", "errors"):
        grid.add_column(name, justify="right", no_wrap=True)
    rows = [*results.calls.items()]
    if len(rows) != 1:
        rows.append(("all", results.all))
    for name, call in rows:
        grid.add_row(*_call(printable(name), call))
    return grid


def _call(name: str, call: Call) -> Iterator[Text]:
    ms = call.latency_ms
    yield Text(name)
    yield Text(number(call.count))
    yield Text(number(call.rate))
    for each in (ms.p50, ms.p90, ms.p99, ms.p999, ms.max):
        yield Text(milliseconds(each))
    yield Text(number(call.errors), "red" if call.errors else "")


def _answers(results: Results) -> Iterator[Text]:
    for name, call in results.calls.items():
        statuses = "   ".join(f"{what}: {number(count)}" for what, count in answers(call))
        yield Text(f"{printable(name)}   {statuses}")


def _errors(results: Results) -> Iterator[Text]:
    if not results.errors:
        yield Text("none")
    errors = list(results.errors.items())
    for name, count in errors[:ERRORS_MAX]:
        yield Text(f"{number(count):>9}  {printable(name)}", "red")
    if more := errors[ERRORS_MAX:]:
        yield Text(f"{number(sum(count for _, count in more)):>9}  of {len(more)} other kinds")


def _extra(results: Results) -> Iterator[Text]:
    for name, value in results.extra.items():
        yield Text(f"{number(value):>9}  {printable(words(name))}")


def _audit(audit: Audit | None, ticks: Ticks) -> Iterator[RenderableType]:
    if audit is None:
        yield Text("left out")
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    for check in checks_shown(audit):
        mark, style = ticks[None if check.skipped else check.ok]
        grid.add_row(Text(mark, style), Text(printable(check.name)), _looked_at(check))
    yield grid
    for check in (each for each in audit.checks if not each.ok):
        yield Padding(Text(f"{printable(check.name)}:", "bold red"), (1, 0, 0, 3))
        yield from (Padding(Text(line, "red"), (0, 0, 0, 3)) for line in _examples(check))
    yield from (Text(said) for said in (sale(audit), unclear(audit), left_out(audit)) if said)


def _looked_at(check: Check) -> Text:
    if check.skipped:
        return Text(printable(check.skipped), "dim")
    much = printable(looked_at(check))
    if check.ok:
        return Text(much, "dim")
    return Text(f"{number(check.broken)} broken, of {much}", "bold red")


def _examples(check: Check) -> Iterator[str]:
    shown = check.examples[:EXAMPLES_MAX]
    yield from map(printable, shown)
    if shown and (more := check.broken - len(shown)) > 0:
        yield f"and {number(more)} more"


def _thresholds(results: Results, ticks: Ticks) -> Iterator[RenderableType]:
    if not results.thresholds:
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    for each in results.thresholds:
        mark, style = ticks[not each.failed]
        said = f"{measured(each.value, each.unit)}{': failed' if each.failed else ''}"
        grid.add_row(Text(mark, style), Text(each.threshold), Text(said, "red" if each.failed else ""))
    yield grid
    if said := what_thresholds_hide(results):
        yield Text(said, "yellow")


def _machine(results: Results) -> Iterator[Text]:
    machine, durable = results.run.machine, results.run.durability
    if machine is not None:
        yield Text(hardware(machine), "dim")
        yield Text(software(machine), "dim")
    if durable:
        yield Text("PostgreSQL: " + ", ".join(f"{name} {value}" for name, value in durable.items()), "dim")


def hardware(machine: Machine) -> str:
    """In one line."""
    memory = "" if machine.memory_gb is None else f", {number(machine.memory_gb)} GB"
    return f"{machine.cores} cores, {machine.model}{memory}, {machine.kernel}"


def software(machine: Machine) -> str:
    """In one line."""
    return ", ".join([machine.python, *(f"{name} {version}" for name, version in machine.versions.items())])


def _verdict(results: Results, ticks: Ticks) -> Text:
    good, said = verdict(results)
    mark, style = ticks[good]
    return Text(f"{mark} {said}", style)


def _section(title: str, content: Iterator[RenderableType]) -> Iterator[RenderableType]:
    lines = list(content)
    if lines:
        yield Text()
        yield Text(title, "bold")
        yield Padding(Group(*lines), (0, 0, 0, 2))
