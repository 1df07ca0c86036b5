"""What `boxoffice watch` shows on a terminal: an event's numbers, how fast they change, how old they are.

Told what came and when; knows neither clock nor connection. Glyphs tell the parts of the bar apart where
there is no colour. Called by `watch_live.py` on the event loop.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from boxoffice.client import Event, SaleState

WIDTH_MAX = 100
RATE_OVER_S = 10
CHART_S = 60
SPARKS = " ▁▂▃▄▅▆▇█"


class Part(NamedTuple):
    """One part of the bar."""

    name: str
    tickets: int
    glyph: str
    plain_glyph: str
    """Where there is nothing but ASCII."""
    colour: str


def parts_of(event: Event) -> tuple[Part, ...]:
    """Where the tickets are, from gone to free."""
    return (
        Part("booked", event.booked_tickets, "█", "#", "bright_blue"),
        Part("held", event.held_tickets, "▓", "=", "yellow"),
        Part("offered", event.offered_tickets, "▒", "+", "magenta"),
        Part("available", event.available_tickets, "░", ".", "green"),
    )


class Pace:
    """Tickets that were booked, by the second in which that was heard. Cancellations are no sale less."""

    def __init__(self) -> None:
        self._sold: Counter[int] = Counter()
        self._began_s: float | None = None
        self._booked: int | None = None

    def hear(self, booked: int, now_s: float) -> None:
        """So many tickets are booked now."""
        if self._began_s is None:
            self._began_s = now_s
        if self._booked is not None and booked > self._booked:
            self._sold[int(now_s)] += booked - self._booked
        self._booked = booked
        for old in [second for second in self._sold if second < now_s - CHART_S - 1]:
            del self._sold[old]

    def lose(self) -> None:
        """What is sold until the next time was sold nobody knows when, so it is not counted."""
        self._booked = None

    def by_second(self, seconds: int, now_s: float) -> list[int]:
        """Tickets sold in each of the last whole seconds, the last one last."""
        return [self._sold[int(now_s) - ago] for ago in range(seconds, 0, -1)]

    def per_second(self, now_s: float) -> float:
        """Over the last ten whole seconds, or as many as have been seen."""
        seen_s = 0 if self._began_s is None else int(now_s) - int(self._began_s)
        over = min(RATE_OVER_S, seen_s)
        return sum(self.by_second(over, now_s)) / over if over else 0.0


@dataclass(slots=True)
class Board:
    """All that is known, and since when. Times are seconds of a clock that grows steadily."""

    address: str
    event: Event | None = None
    changed_s: float = 0.0
    connected: bool = False
    true_until_s: float = 0.0
    """When the numbers were last known to be the newest, if they are not now."""
    reason: str = ""
    """Why there is no connection."""
    pace: Pace = field(default_factory=Pace)

    def hear(self, event: Event, now_s: float) -> None:
        """A status came."""
        self.event, self.changed_s = event, now_s
        self.pace.hear(event.booked_tickets, now_s)

    def connect(self) -> None:
        """A connection stands."""
        self.connected = True

    def lose(self, reason: str, now_s: float) -> None:
        """There is none, or none any more."""
        if self.connected:
            self.true_until_s = now_s
        self.connected, self.reason = False, reason
        self.pace.lose()

    @property
    def stale(self) -> bool:
        """Whether the numbers may be old ones."""
        return self.event is not None and not self.connected


def view(
    board: Board, now_s: float, width: int, *, ascii_only: bool = False, ended_at: datetime | None = None
) -> RenderableType:
    """All of it, `width` columns wide. `ended_at`: it is no longer watched, and this is what remains."""
    width = max(1, min(width, WIDTH_MAX))
    news = _news(board, now_s, ended_at)
    if board.event is None:
        return news
    event, parts = board.event, parts_of(board.event)
    return Group(
        _head(event, width),
        _bar(parts, width, ascii_only=ascii_only, dim=board.stale),
        *packed(_legend(event, parts, ascii_only=ascii_only), width),
        _line(event),
        _sales(board, now_s, width, ascii_only=ascii_only),
        news,
    )


def plain(text: str) -> str:
    """Somebody else's text, without what would steer the terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


# --- the parts of it -----------------------------------------------------------------------------


def _head(event: Event, width: int) -> Text:
    word, style = _state(event)
    name = Text(plain(event.event_name), "bold", no_wrap=True)
    name.truncate(max(1, width - cell_len(word) - 2), overflow="ellipsis")
    return name.append("  ").append(word, f"not bold {style}")


def _state(event: Event) -> tuple[str, str]:
    match event.state:
        case SaleState.OPEN if event.available_tickets:
            return "open", "green"
        case SaleState.OPEN if event.booked_tickets == event.total_tickets:
            return "sold out", "red"
        case SaleState.OPEN:
            return "all taken", "yellow"
        case SaleState.SCHEDULED if event.sales_open_at is not None:
            return f"opens {event.sales_open_at.astimezone():%Y-%m-%d %H:%M}", "cyan"
        case SaleState.CLOSED:
            return "closed", "dim"
    return plain(event.state), "default"


def _bar(parts: Iterable[Part], width: int, *, ascii_only: bool, dim: bool) -> Text:
    parts = tuple(parts)
    bar = Text(no_wrap=True)
    for part, cells in zip(parts, shares([part.tickets for part in parts], width), strict=True):
        bar.append((part.plain_glyph if ascii_only else part.glyph) * cells, _style(part, dim=dim))
    return bar


def _style(part: Part, *, dim: bool = False) -> str:
    return f"dim {part.colour}" if dim else part.colour


def shares(counts: list[int], width: int) -> list[int]:
    """The width, shared out by the counts; what is not nothing has a cell, if there is one for each."""
    total = sum(counts)
    if not total:
        return [0] * len(counts)
    least = [1 if count and width >= len(counts) else 0 for count in counts]
    room = width - sum(least)
    exact = [count * room / total for count in counts]
    cells = [int(share) for share in exact]
    by_rest = sorted(range(len(counts)), key=lambda each: cells[each] - exact[each])
    for each in by_rest[: room - sum(cells)]:
        cells[each] += 1
    return [cell + one for cell, one in zip(cells, least, strict=True)]


def _legend(event: Event, parts: Iterable[Part], *, ascii_only: bool) -> Iterator[Text]:
    for part in parts:
        glyph = part.plain_glyph if ascii_only else part.glyph
        yield Text.assemble((glyph, _style(part)), f" {part.name} ", (f"{part.tickets:,}", "bold"))
    yield Text(f"of {event.total_tickets:,}", "dim")


def packed(items: Iterable[Text], width: int) -> Iterator[Text]:
    """The items on as few lines as will do, none of them broken."""
    line = Text(no_wrap=True, overflow="ellipsis")
    for item in items:
        if line.plain and cell_len(line.plain) + 3 + cell_len(item.plain) > width:
            yield line
            line = Text(no_wrap=True, overflow="ellipsis")
        line = line.append("   " if line.plain else "").append_text(item)
    yield line


def _line(event: Event) -> Text:
    orders, tickets = event.waiting_list_count, event.waiting_tickets
    if not orders:
        return Text("nobody is waiting", "dim")
    return Text.assemble(
        (f"{orders:,}", "bold"), f" waiting, for {tickets:,} ticket{'' if tickets == 1 else 's'}"
    )


def _sales(board: Board, now_s: float, width: int, *, ascii_only: bool) -> Text:
    rate = board.pace.per_second(now_s)
    figure = f"{rate:,.0f}" if rate >= 10 or not rate else f"{rate:.1f}"
    figure = "?" if board.stale else figure
    sales = Text.assemble((figure, "bold"), " sold per second  ", no_wrap=True, overflow="crop")
    seconds = min(CHART_S, width - cell_len(sales.plain))
    if not ascii_only and seconds > 0:
        sales.append(_chart(board.pace.by_second(seconds, now_s)), "bright_blue")
    return sales


def _chart(values: list[int]) -> str:
    most = max(values) or 1
    return "".join(SPARKS[-(-value * (len(SPARKS) - 1) // most)] for value in values)


def _news(board: Board, now_s: float, ended_at: datetime | None) -> Text:
    if board.event is None:
        reason = f": {board.reason}" if board.reason else ""
        return Text(f"waiting for {board.address}{reason}", "yellow" if reason else "dim")
    version = f"version {board.event.version:,}"
    old_s = 0.0 if board.connected else now_s - board.true_until_s
    if ended_at is not None:
        return Text(f"{version}, as of {ended_at - timedelta(seconds=old_s):%Y-%m-%d %H:%M:%S}", "dim")
    if not board.connected:
        return Text(f"reconnecting: {board.reason}; these numbers are {lasting(old_s)} old", "yellow")
    since_s = now_s - board.changed_s
    changed = "just now" if since_s < 1 else f"{lasting(since_s)} ago"
    return Text.assemble(("live", "green"), (f", {version}, changed {changed}", "dim"))


def lasting(seconds: float) -> str:
    """So long, for people."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min"
    return f"{whole // 3_600} h {whole % 3_600 // 60} min"
