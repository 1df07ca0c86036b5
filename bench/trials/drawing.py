"""A chart as an SVG file: lines over a plain or a logarithmic axis, and nothing that needs a library.

Lines with the same unit share a panel; where the chart names no unit for its figures, each line has a panel
and a scale of its own. Scales begin at zero. Called by `results.py`, on its main thread.
"""

import math
from collections.abc import Callable
from xml.sax.saxutils import escape

from findings import Chart, Series, shown

WIDTH, PANEL = 760, 250
LEFT, RIGHT, TOP, BOTTOM = 88, 24, 34, 48
COLOURS = ("#0b5fa5", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#334155")
SANS = "font-family='system-ui, sans-serif'"

Scale = Callable[[float], float]


def drawn(chart: Chart) -> str:
    """The whole file."""
    panels = [chart.series] if chart.y else [[line] for line in chart.series]
    height = TOP + PANEL * len(panels)
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' {SANS}>",
        f"<title>{escape(chart.title)}</title>",
        f"<rect width='{WIDTH}' height='{height}' fill='#ffffff'/>",
        text(LEFT, 22, chart.title, size=15, weight="600"),
    ]
    for number, lines in enumerate(panels):
        parts += panel(chart, lines, TOP + number * PANEL, COLOURS[number if not chart.y else 0 :])
    return "\n".join([*parts, "</svg>", ""])


def panel(chart: Chart, lines: list[Series], top: float, colours: tuple[str, ...]) -> list[str]:
    """The axes, and these lines."""
    xs = sorted({x for line in lines for x, _ in line.points})
    most = nice(max((y for line in lines for _, y in line.points), default=1.0))
    upper, lower = top + 26, top + PANEL - BOTTOM
    across = scale_of(xs, chart.log_x)

    def up(y: float) -> float:
        return lower - (lower - upper) * y / most

    parts = []
    for step in range(5):
        y = most * step / 4
        parts.append(f"<path d='M{LEFT} {up(y):.1f}H{WIDTH - RIGHT}' stroke='#e2e8f0'/>")
        parts.append(text(LEFT - 8, up(y) + 4, shown(y) if y else "0", anchor="end"))
    ticks = xs if chart.log_x or len(xs) <= 6 else [xs[round(i * (len(xs) - 1) / 5)] for i in range(6)]
    parts += [text(across(x), lower + 18, shown(x), anchor="middle") for x in ticks]
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, lower + 36, chart.x, anchor="middle", colour="#475569"))
    return [*parts, *legend(chart, lines, top + 14, colours), *(
        part
        for line, colour in zip(lines, colours, strict=False)
        for part in drawn_line([(across(x), up(y)) for x, y in line.points], colour)
    )]  # fmt: skip


def legend(chart: Chart, lines: list[Series], y: float, colours: tuple[str, ...]) -> list[str]:
    """What the lines are, in their colours."""
    parts, x = [], float(LEFT)
    if chart.y:
        parts.append(text(LEFT - 8, y, chart.y, anchor="end", colour="#475569"))
    for line, colour in zip(lines, colours, strict=False):
        parts.append(f"<rect x='{x:.0f}' y='{y - 9:.0f}' width='10' height='10' rx='2' fill='{colour}'/>")
        parts.append(text(x + 15, y, line.name))
        x += 15 + 6.4 * len(line.name) + 18
    return parts


def drawn_line(points: list[tuple[float, float]], colour: str) -> list[str]:
    """One line, with a dot at each point while there are few."""
    if not points:
        return []
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    dots = [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{colour}'/>" for x, y in points]
    return [
        f"<path d='M{path}' fill='none' stroke='{colour}' stroke-width='2'/>",
        *(dots if len(dots) <= 12 else ()),
    ]


def scale_of(xs: list[float], logarithmic: bool) -> Scale:
    """Where an x stands. On a logarithmic axis, what is below 1 stands at 1."""

    def place(x: float) -> float:
        return math.log10(max(x, 1.0)) if logarithmic else x

    first, last = (place(xs[0]), place(xs[-1])) if xs else (0.0, 1.0)
    span = last - first or 1.0
    inset = 16
    return lambda x: LEFT + inset + (WIDTH - RIGHT - LEFT - 2 * inset) * (place(x) - first) / span


def nice(most: float) -> float:
    """The next round number, for the top of a scale."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(
        step * power for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if step * power >= most * 0.999
    )


def text(
    x: float,
    y: float,
    said: str,
    *,
    anchor: str = "start",
    size: int = 12,
    weight: str = "400",
    colour: str = "#0f172a",
) -> str:
    """A piece of text."""
    where = f"x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-size='{size}' font-weight='{weight}'"
    return f"<text {where} fill='{colour}'>{escape(said)}</text>"
