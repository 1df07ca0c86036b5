"""What is seen of a load test while it goes on: on a terminal, and where there is none."""

import asyncio
from io import StringIO
from time import monotonic

import pytest
from rich.console import Console, RenderableType

from boxoffice.bench.report.live import Live
from boxoffice.bench.report.live_view import Board, Phase, plain, sparks, view
from boxoffice.bench.report.totals import Totals
from tests.support.made_up_run import busy, counts, run, snapshot, totals


def printed(shown: RenderableType) -> str:
    """Without colour."""
    console = Console(file=StringIO(), width=200, no_color=True)
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


def seen(board: Board, so_far: Totals, now_s: float, width: int = 80, *, ascii_only: bool = False) -> str:
    """On a terminal."""
    return printed(view(board, so_far, now_s, width, ascii_only=ascii_only))


@pytest.fixture(scope="module")
def so_far() -> Totals:
    """Eight seconds of a busy server."""
    return totals(busy(8))


def test_under_load_it_shows_what_is_left_the_rate_and_the_latest_latencies(so_far: Totals) -> None:
    text = seen(Board(run(), Phase.LOADING, 100.0, 10.0), so_far, 108.2)
    head, bar, rate, latencies, *errors = text.splitlines()
    assert head.split() == ["rush", "loading", "2", "s", "left"]
    assert (bar.count("━"), len(bar)) == (65, 80)
    assert f"{so_far.recent.whole(1)[0].good} bookings/s" in rate
    assert rate.endswith(sparks([each.answered for each in so_far.recent.whole()]))
    assert [word for word in latencies.split() if word[0] in "pm"] == [
        "p50",
        "p90",
        "p99",
        "p99.9",
        "max",
        "ms,",
    ]
    assert {each.strip().split(" ", 1)[1] for each in errors} == {"503 overloaded", "no answer"}


def test_latencies_are_those_of_the_last_five_seconds() -> None:
    slow_once = totals(
        snapshot(second, {"book": counts([900_000 if second < 3 else 1_000])}) for second in range(1, 12)
    )
    assert "900" not in seen(Board(run(), Phase.LOADING), slow_once, 0.0)
    assert "max 1.00" in seen(Board(run(), Phase.LOADING), slow_once, 0.0)


def test_an_open_loop_shows_what_is_offered_and_what_waits_to_be_sent() -> None:
    behind = totals(snapshot(second, {"book": counts([1_000] * 5)}, offered=9) for second in (1, 2, 3))
    text = seen(Board(run(loop="open"), Phase.LOADING), behind, 0.0)
    assert "offered 9/s, achieved 5/s, 12 wait in the client to be sent" in text
    assert "offered" not in seen(Board(run(), Phase.LOADING), behind, 0.0)


def test_before_and_after_the_load_only_the_phase_is_shown(so_far: Totals) -> None:
    board = Board(run(), Phase.AUDITING, done=1_200, of=5_000, what="events")
    head, bar = seen(board, so_far, 0.0, 60, ascii_only=True).splitlines()
    assert head.startswith("rush  auditing  ")
    assert head.endswith("  1,200 of 5,000 events")
    assert bar == "=" * 14 + "." * 46


@pytest.mark.parametrize("width", [20, 40, 80])
def test_it_fits(so_far: Totals, width: int) -> None:
    board = Board(run(loop="open"), Phase.WAITING)
    assert max(map(len, seen(board, so_far, 0.0, width).splitlines())) <= width
    assert seen(board, so_far, 0.0, width, ascii_only=True).isascii()


def test_many_kinds_of_errors_do_not_fill_the_screen() -> None:
    many = totals([snapshot(1.0, {"book": counts([1], failed={f"kind {i}": i for i in range(1, 9)})})])
    many.take(snapshot(2.5, {"book": counts([1])}))
    text = seen(Board(run(), Phase.LOADING), many, 0.0)
    assert "8 kind 8" in text
    assert "10 of 4 other kinds" in text
    assert "kind 4" not in text


def test_names_do_not_steer_the_terminal() -> None:
    hostile = totals([snapshot(t, {"book": counts([1], failed={"\x1b[2J": 1})}) for t in (1.0, 2.5)])
    assert "\x1b" not in seen(Board(run(scenario="\x1b[2J"), Phase.LOADING), hostile, 0.0)


def test_sparks_are_as_high_as_their_values() -> None:
    assert sparks([0, 1, 4, 8]) == "▁▂▅█"
    assert sparks([0, 0]) == "▁▁"
    assert sparks([]) == ""


def test_where_there_is_no_terminal_a_line_says_it(so_far: Totals) -> None:
    said = plain(Board(run(loop="open"), Phase.LOADING, 0.0, 20.0), so_far, 12.0)
    assert said.startswith("rush: loading, 8 s left, ")
    assert " bookings/s, p50 " in said
    assert said.endswith(" errors")
    assert plain(Board(run(), Phase.PREPARING), so_far, 0.0) == "rush: preparing"
    nothing_yet = totals([snapshot(at_s, {}) for at_s in (1.0, 2.5)])
    assert plain(Board(run(), Phase.LOADING), nothing_yet, 0.0) == "rush: loading"


async def test_elsewhere_each_phase_has_its_line_and_few_others() -> None:
    file = StringIO()
    async with Live(run(), Totals(), Console(file=file, width=30)) as live:
        live.enter(Phase.LOADING, 3.0)
        for _ in range(20):
            live.progress(1, 2)
            await asyncio.sleep(0)
        live.enter(Phase.AUDITING)
    assert [each.strip() for each in file.getvalue().splitlines() if each] in (
        ["rush: loading, 3 s left", "rush: auditing"],
        ["rush: preparing", "rush: loading, 3 s left", "rush: auditing"],
    )


async def test_however_often_progress_is_told_it_is_painted_four_times_a_second() -> None:
    file = StringIO()
    began_s = monotonic()
    async with Live(run(), Totals(), Console(file=file, width=80, force_terminal=True)) as live:
        live.enter(Phase.AUDITING)
        for done in range(2_000):
            live.progress(done, 2_000, "events")
    assert file.getvalue().count("auditing") <= 3 + 4 * (monotonic() - began_s)


async def test_on_a_terminal_nothing_of_it_remains() -> None:
    file = StringIO()
    console = Console(file=file, width=80, force_terminal=True, legacy_windows=False)
    async with Live(run(), Totals(), console) as live:
        live.enter(Phase.LOADING, 3.0)
    text = file.getvalue()
    assert "loading" in text
    assert text.endswith("\x1b[1A\x1b[2K")  # the cursor goes up, and clears the line
