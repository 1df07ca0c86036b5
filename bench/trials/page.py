"""`bench/RESULTS.md`, from what the trials have found. Text only: nothing is measured or run here.

Called by `results.py`, on its main thread.
"""

from collections.abc import Iterable

import msgspec
from findings import Chart, Row, shown
from peers import Compared, Standing


class Ran(msgspec.Struct):
    """One script, as it was run."""

    name: str
    command: str
    took_s: float
    found: Compared | None
    failed: str = ""
    """Why nothing was found."""


class Measured(msgspec.Struct):
    """One run of all of them."""

    when: str
    facts: dict[str, str]
    """Of the machine."""
    ran: list[Ran]


WRITTEN = """\
Written by `make bench` on {when}, and by nobody's hand. What is measured, and how, stands at the head of each
script in [trials](trials)."""
SHARED = """\
Load generator, server and database share these cores. Compare ratios, which were taken in turn, rather than
figures: those are this machine's."""
DURABLE = """\
**Durability**, of boxoffice and of every peer: PostgreSQL with `fsync`, `synchronous_commit` and
`full_page_writes` on, which is looked up before the rounds; Redis with `appendonly yes` and
`appendfsync always`. Nobody is told of a booking that is not on disk."""
PEERS = """\
Each is a program in [peers](peers), which says what was done to be fair, and one process, as boxoffice
is. One hot event, the same request, one ticket each; all in turn in every round, in another order each
time. Medians of the rounds; ratios are medians of each round's ratio. wrk is a closed loop: its
latencies say how the connections share what is booked, not how long a crowd would wait."""
COMMANDS = """\
`make bench` is all of these, one after the other, with wrk, and with what `make peers` installs."""


def page(measured: Measured) -> str:
    """All of it."""
    ran = measured.ran
    parts = [
        "# Results",
        WRITTEN.format(when=measured.when),
        table(["", ""], [[name, value] for name, value in measured.facts.items()]),
        SHARED,
        DURABLE,
        *(part for each in ran if each.found and each.found.standings for part in side_by_side(each.found)),
        *aims(ran),
        *(
            part
            for each in ran
            if each.found and each.found.chart
            for part in chart(each.name, each.found.chart)
        ),
        *commands(ran),
    ]
    return "\n\n".join(parts) + "\n"


# --- the peers -----------------------------------------------------------------------------------


def side_by_side(found: Compared) -> Iterable[str]:
    """A table for each number of connections."""
    yield "## Beside what else one would build"
    yield PEERS
    for connections in dict.fromkeys(each.connections for each in found.standings):
        yield f"### {connections} connections"
        rows = [standing(each) for each in found.standings if each.connections == connections]
        head = ["", "bookings/s", "slowest to fastest round", "of (e)", "boxoffice makes", "p50", "p99"]
        yield table(head, rows, right=range(1, 7))
    if found.versions:
        yield "Made of: " + "; ".join(f"{name} {version}" for name, version in found.versions.items()) + "."
    for name, why in found.left_out.items():
        yield f"Left out: {name}, because {why}."


def standing(of: Standing) -> list[str]:
    """A row."""
    name = f"**{of.name}**" if of.letter == of.name else f"({of.letter}) {of.name}"
    times = "" if of.boxoffice_to_it is None or of.letter == of.name else f"{of.boxoffice_to_it:.2f} x"
    part = "" if of.to_nothing is None else f"{of.to_nothing:.3f}"
    spread = f"{of.slowest:,.0f} to {of.fastest:,.0f}"
    return [name, f"{of.rate:,.0f}", spread, part, times, f"{of.p50_ms:.1f} ms", f"{of.p99_ms:.1f} ms"]


# --- the aims, and what else was found -----------------------------------------------------------


def aims(ran: list[Ran]) -> Iterable[str]:
    """What has an aim, and after it what has none."""
    judged = [row for each in ran if each.found for row in each.found.rows if row.met is not None]
    yield "## Aims"
    yield f"{sum(bool(row.met) for row in judged)} of {len(judged)} are met in this run."
    yield table(["", "found", "aim", "met", ""], [aim(row) for row in judged], right=(1,))
    for each in ran:
        if each.failed:
            yield f"`{each.command}` found nothing: {each.failed}"
    others = [row for each in ran if each.found for row in each.found.rows if row.met is None]
    if others:
        yield "## What else was found"
        yield table(
            ["", "found", ""], [[cell(row.what), value(row), cell(row.note)] for row in others], right=(1,)
        )


def aim(row: Row) -> list[str]:
    """A row."""
    asked = (row.aim or "").replace(">=", "at least").replace("<=", "at most")
    return [cell(row.what), value(row), cell(asked), "yes" if row.met else "**no**", cell(row.note)]


def value(row: Row) -> str:
    """A figure with its unit."""
    return f"{shown(row.value)} {row.unit}".rstrip()


# --- the rest ------------------------------------------------------------------------------------


def chart(name: str, found: Chart) -> Iterable[str]:
    """The picture, and the figures in it if there are few."""
    yield f"## {found.title}"
    yield f"![{found.title}]({name}.svg)"
    xs = sorted({x for line in found.series for x, _ in line.points})
    if len(xs) > 12:
        return
    points = [(line.name, dict(line.points)) for line in found.series]
    rows = [[name, *(shown(at[x]) if x in at else "" for x in xs)] for name, at in points]
    yield table([cell(found.x), *map(shown, xs)], rows, right=range(1, len(xs) + 1))


def commands(ran: list[Ran]) -> Iterable[str]:
    """What was run, for whoever wants one of it again."""
    yield "## Commands"
    yield COMMANDS
    longest = max((len(each.command) for each in ran), default=0)
    lines = [f"{each.command:<{longest}}  # {each.took_s:.0f} s" for each in ran]
    yield "\n".join(["```console", *lines, "```"])


def table(head: list[str], rows: Iterable[list[str]], right: Iterable[int] = ()) -> str:
    """In Markdown; the columns in `right` are numbers."""
    numbers = set(right)
    rule = ["---:" if number in numbers else "---" for number in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def cell(said: str) -> str:
    """Text that does not end a cell."""
    return said.replace("|", "\\|").replace("\n", " ")
