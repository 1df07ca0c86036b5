"""What a script here has found: rounds, medians, aims; printed as it comes, and written as JSON.

    {"name": …, "command": …, "rows": [{"what", "value", "unit", "aim", "met", "note"}], "chart": … or null}

`aim` is a text or null, `met` whether it is reached, or null where there is none. A chart is

    {"title", "x", "y", "log_x", "series": [{"name", "points": [[x, y], …]}]}

Used by the scripts here, on their main thread; `make bench` reads the JSON.
"""

import argparse
import shlex
import statistics
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec


class Row(msgspec.Struct):
    """One figure, and what it should be."""

    what: str
    value: float
    unit: str
    aim: str | None = None
    met: bool | None = None
    note: str = ""

    def __str__(self) -> str:
        judged = {None: "      ", True: "met   ", False: "MISSED"}[self.met]
        said = f"{judged}  {self.what}: {shown(self.value)}{self.unit and ' ' + self.unit}"
        return said + (f"  (aim: {self.aim})" if self.aim else "") + (f"  {self.note}" if self.note else "")


class Series(msgspec.Struct):
    """A line of a chart."""

    name: str
    points: list[tuple[float, float]]


class Chart(msgspec.Struct):
    """How one thing grows with another."""

    title: str
    x: str
    y: str
    series: list[Series]
    log_x: bool = False


class Findings(msgspec.Struct):
    """All of one script's."""

    name: str
    command: str = ""
    rows: list[Row] = []
    chart: Chart | None = None

    def tell(
        self,
        what: str,
        value: float,
        unit: str = "",
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        note: str = "",
    ) -> None:
        """Note a figure, and print it; with a bound, whether it is reached."""
        aim = met = None
        if at_least is not None:
            aim, met = f">= {shown(at_least)}", value >= at_least
        elif at_most is not None:
            aim, met = f"<= {shown(at_most)}", value <= at_most
        row = Row(what, float(f"{value:.4g}"), unit, aim, met, note)
        self.rows.append(row)
        print(row, flush=True)

    def write(self, path: str | None) -> None:
        """All of it as JSON to this file, if there is one."""
        self.command = shlex.join(["python", *sys.argv])
        if path is not None:
            Path(path).write_bytes(msgspec.json.format(msgspec.json.encode(self)) + b"\n")


def shown(value: float) -> str:
    """A figure for people: whole where it is large, three digits where it is small."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


# --- rounds --------------------------------------------------------------------------------------

Figures: TypeAlias = dict[str, list[float]]
"""What each of those that were compared came to, round by round."""


def in_turn(
    rounds: int, runs: Mapping[str, Callable[[], float]], unit: str = "/s", warm_up: bool = True
) -> Figures:
    """Measure all in each round, every second round in the reverse order, so that a machine that slows down
    slows all; and print each round. With a warm-up there is a round before that does not count, unless one
    round is all there is to be: that is a look, and not a measurement.
    """
    figures: Figures = {name: [] for name in runs}
    for number in range(0 if warm_up and rounds > 1 else 1, rounds + 1):
        order = list(runs) if number % 2 else list(runs)[::-1]
        found = {name: runs[name]() for name in order}
        if not number:
            continue
        print(
            f"round {number}", *(f"{name} {shown(found[name])}{unit}" for name in runs), sep="  ", flush=True
        )
        for name, value in found.items():
            figures[name].append(value)
    return figures


def ratio(figures: Figures, name: str, to: str) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(figures[name], figures[to], strict=True))


def median(figures: Figures, name: str) -> float:
    """The median of the rounds."""
    return statistics.median(figures[name])


def percentile(values: list[float], percent: float) -> float:
    """So many percent of the values are no larger."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


# --- the command line ----------------------------------------------------------------------------


def parser(
    doc: str | None, *, seconds: int | None = None, rounds: int | None = None
) -> argparse.ArgumentParser:
    """What most of the scripts may be told; `seconds` each part of a round takes."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    if seconds is not None:
        made.add_argument("--seconds", type=int, default=seconds, help="of each load")
    if rounds is not None:
        made.add_argument("--rounds", type=int, default=rounds)
    made.add_argument("--temporary", default="/var/tmp", help="folder for the throw-away database")
    made.add_argument("--json", metavar="FILE", help="write what is found there, too")
    return made
