"""What `boxoffice watch` paints: that it fits, that it adds up, and that it claims no more than is known."""

import io
import random

import pytest
from rich.console import Console

from boxoffice.client import Event, SaleState, WaitlistMode
from boxoffice.http.watch_view import Board, Pace, lasting, shares, view


def event(booked: int, held: int = 0, offered: int = 0, available: int = 0, name: str = "Concert") -> Event:
    return Event(
        event_id="1", event_name=name, total_tickets=booked + held + offered + available,
        available_tickets=available, booked_tickets=booked, held_tickets=held, offered_tickets=offered,
        waiting_list_count=0, waiting_tickets=0, state=SaleState.OPEN, version=7, sales_open_at=None,
        sales_close_at=None, closed_at=None, max_per_order=None, max_per_customer=None, waitlist_limit=None,
        waitlist_mode=WaitlistMode.BOOK, offer_seconds=1, hold_seconds=1, max_hold_seconds=1,
    )  # fmt: skip


def board(*events: Event) -> Board:
    """These came, one each second from 0 on."""
    board = Board("http://127.0.0.1:3000")
    board.connect()
    for second, each in enumerate(events):
        board.hear(each, second)
    return board


def painted(board: Board, now_s: float, width: int = 80) -> list[str]:
    screen = Console(file=io.StringIO(), width=width, color_system=None, markup=False, emoji=False)
    with screen.capture() as capture:
        screen.print(view(board, now_s, width))
    return capture.get().splitlines()


@pytest.mark.parametrize("seed", range(50))
def test_the_bar_is_as_wide_as_it_should_be_and_shows_whatever_there_is(seed: int) -> None:
    chance = random.Random(seed)
    counts = [chance.choice([0, 1, chance.randrange(10_000_000)]) for _ in range(4)]
    width = chance.randrange(4, 120)
    cells = shares(counts, width)
    assert sum(cells) == (width if any(counts) else 0)
    assert [cell > 0 for cell in cells] == [count > 0 for count in counts]


@pytest.mark.parametrize("width", [8, 20, 40, 80, 200])
def test_it_fits_however_narrow_the_terminal_is(width: int) -> None:
    many = event(9_999_999, 123_456, 23_456, 1_234_567, name="界" * 150)
    for lines in (painted(board(many), 1, width), painted(board(event(1)), 1, width)):
        assert len(lines) >= 6
    first, *_ = painted(board(many), 1, 40)
    assert first.endswith("…  open")


def test_a_name_does_not_steer_the_terminal() -> None:
    first, *_ = painted(board(event(1, available=1, name="\x1b[2J\r\n\u202e[red]:smile:")), 1)
    assert first == "\ufffd[2J\ufffd\ufffd\ufffd[red]:smile:  open"


@pytest.mark.parametrize(
    ("numbers", "word"),
    [
        ((5, 0, 0, 1), "open"),
        ((5, 0, 0, 0), "sold out"),
        ((5, 1, 0, 0), "all taken"),
        ((5, 0, 1, 0), "all taken"),
    ],
)
def test_sold_out_is_what_no_hold_or_offer_may_give_back(
    numbers: tuple[int, int, int, int], word: str
) -> None:
    first, *_ = painted(board(event(*numbers)), 1)
    assert first == f"Concert  {word}"


def test_numbers_of_a_lost_connection_are_not_called_live() -> None:
    lost = board(event(5, available=1))
    assert painted(lost, 2.5)[-1] == "live, version 7, changed 2 s ago"
    lost.lose("connection refused", 10)
    lost.lose("connection refused", 12)
    lines = painted(lost, 71)
    assert lines[-1] == "reconnecting: connection refused; these numbers are 1 min old"
    assert lines[-2].startswith("? sold per second")
    lost.connect()
    assert painted(lost, 80)[-1] == "live, version 7, changed 1 min ago"


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    pace = Pace()
    for second, booked in enumerate((100, 110, 105, 125)):
        pace.hear(booked, second + 0.5)
    assert pace.by_second(4, 4.0) == [0, 10, 0, 20]
    assert pace.per_second(4.0) == 30 / 4
    assert pace.per_second(12.0) == 2.0
    assert pace.per_second(90.0) == 0.0


def test_what_was_sold_while_nobody_watched_is_no_rate() -> None:
    pace = Pace()
    pace.hear(100, 0.5)
    pace.lose()
    pace.hear(900, 5.5)
    pace.hear(910, 6.5)
    assert pace.by_second(7, 7.0) == [0, 0, 0, 0, 0, 0, 10]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.9, "0 s"), (59.9, "59 s"), (60, "1 min"), (3_600, "1 h 0 min")]
)
def test_a_duration_is_told_in_few_words(seconds: float, text: str) -> None:
    assert lasting(seconds) == text
