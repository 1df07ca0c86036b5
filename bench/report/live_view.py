"""What is seen of a load test while it goes on: its phase, the rate, latencies, errors. Pure: knows no clock.

Called by `live.py` on the event loop.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from boxoffice.bench.report.figures import milliseconds, number, printable, seconds
from boxoffice.bench.report.results import Run
from boxoffice.bench.report.totals import LATENCIES_OVER_S, Bin, Totals

WIDTH_MAX = 80
SPARKS = "▁▂▃▄▅▆▇█"
ERRORS_MAX = 4
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}


class Phase(StrEnum):
    """What is being done."""

    PREPARING = "preparing"
    WARMING_UP = "warming up"
    LOADING = "loading"
    WAITING = "waiting for the last answers"
    AUDITING = "auditing"


UNDER_LOAD = (Phase.WARMING_UP, Phase.LOADING, Phase.WAITING)


@dataclass(slots=True)
class Board:
    """All that is known beside the sums. Times are seconds of a clock that grows steadily."""

    run: Run
    phase: Phase = Phase.PREPARING
    since_s: float = 0.0
    lasts_s: float | None = None
    """How long the phase is going to last, if that is known."""
    done: int = 0
    of: int = 0
    """How much of it, if that is what is known."""
    what: str = ""

    def share(self, now_s: float) -> float | None:
        """How much of the phase is over, from 0 to 1."""
        if self.lasts_s:
            return min(1.0, max(0.0, (now_s - self.since_s) / self.lasts_s))
        return min(1.0, self.done / self.of) if self.of else None

    def left(self, now_s: float) -> str:
        """Of the phase, in words."""
        if self.lasts_s:
            return f"{seconds(max(0, round(self.lasts_s - (now_s - self.since_s))))} left"
        if self.of:
            return f"{number(self.done)} of {number(self.of)} {printable(self.what)}".rstrip()
        return printable(self.what)


def view(
    board: Board, totals: Totals, now_s: float, width: int, *, ascii_only: bool = False
) -> RenderableType:
    """All of it."""
    width = max(20, min(width, WIDTH_MAX))
    lines = [_head(board, now_s, width), _bar(board, now_s, width, ascii_only=ascii_only)]
    if board.phase in UNDER_LOAD and totals.recent.whole():
        lines += [
            _rate(board, totals, width, ascii_only=ascii_only),
            _latencies(totals),
            *([_open(totals)] if board.run.loop == "open" else []),
            *_errors(totals),
        ]
    for line in lines:
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis" if not ascii_only else "crop")
    return Group(*lines)


def plain(board: Board, totals: Totals, now_s: float) -> str:
    """The same in one line, where there is no terminal."""
    said = [f"{board.run.scenario}: {board.phase}"]
    if left := board.left(now_s):
        said.append(left)
    latencies = totals.recent.latencies()
    if board.phase in UNDER_LOAD and latencies.count:
        p50, p99 = latencies.percentiles_ms((50, 99))
        said += [
            f"{number(_now(totals).answered)} requests/s",
            f"{number(_now(totals).good)} {board.run.counted}/s",
        ]
        said += [f"p50 {milliseconds(p50)} ms", f"p99 {milliseconds(p99)} ms"]
        if board.run.loop == "open":
            said.append(f"{number(totals.not_sent)} not sent yet")
        said.append(f"{number(totals.recent.failed.total())} errors")
    return ", ".join(said)


# --- the lines of it -----------------------------------------------------------------------------


def _head(board: Board, now_s: float, width: int) -> Text:
    head = Text.assemble((printable(board.run.scenario), "bold"), "  ", (board.phase, "cyan"))
    left = board.left(now_s)
    gap = width - cell_len(head.plain) - cell_len(left)
    return head.append(" " * max(2, gap)).append(left)


def _bar(board: Board, now_s: float, width: int, *, ascii_only: bool) -> Text:
    over, rest = ("=", ".") if ascii_only else ("━", "─")
    share = board.share(now_s)
    cells = 0 if share is None else int(width * share)
    return Text.assemble((over * cells, "cyan"), (rest * (width - cells), "dim"))


def _now(totals: Totals) -> Bin:
    """The last whole second."""
    return (totals.recent.whole(1) or [Bin()])[-1]


def _rate(board: Board, totals: Totals, width: int, *, ascii_only: bool) -> Text:
    now = _now(totals)
    line = Text.assemble((f"{number(now.good):>7}", "bold"), f" {board.run.counted}/s   ")
    line.append(f"{number(now.answered):>7} requests/s   ")
    room = min(60, width - cell_len(line.plain))
    if room > 0 and not ascii_only:
        line.append(sparks([each.answered for each in totals.recent.whole(room)]), "cyan")
    return line


def sparks(values: list[int]) -> str:
    """One column for each value, the greatest as high as there is room."""
    most = max(values, default=0)
    return "".join(SPARKS[-(-value * (len(SPARKS) - 1) // most)] if most else SPARKS[0] for value in values)


def _latencies(totals: Totals) -> Text:
    values = totals.recent.latencies().percentiles_ms(PERCENTILES.values())
    line = Text()
    for name, value in zip(PERCENTILES, values, strict=True):
        line.append(f"{name} ", "dim").append(f"{milliseconds(value):<8}")
    return line.append(f"ms, last {LATENCIES_OVER_S} s", "dim")


def _open(totals: Totals) -> Text:
    now = _now(totals)
    line = Text(f"offered {number(now.offered)}/s, achieved {number(now.answered)}/s")
    if waiting := totals.not_sent:
        line.append(f", {number(waiting)} wait in the client to be sent", "yellow")
    return line


def _errors(totals: Totals) -> Iterator[Text]:
    failed = totals.recent.failed.most_common()
    if not failed:
        yield Text("no errors", "dim")
    for name, count in failed[:ERRORS_MAX]:
        yield Text(f"{number(count)} {printable(name)}", "red")
    if more := failed[ERRORS_MAX:]:
        yield Text(f"{number(sum(count for _, count in more))} of {len(more)} other kinds", "red")
