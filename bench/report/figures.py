"""Figures as people read them, in the terminal and in the page. Pure."""


def number(value: float) -> str:
    """A count, or a rate: 12,345; below 10 with as many digits as tell something."""
    if not value or abs(value) >= 10 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def milliseconds(value: float | None) -> str:
    """Three digits of it: 0.421, 3.42, 14.2, 1,420; a dash for nothing."""
    if value is None:
        return "-"
    for least, digits in ((100, 0), (10, 1), (1, 2)):
        if value >= least:
            return f"{value:,.{digits}f}"
    return f"{value:.3f}"


def seconds(value: float) -> str:
    """10 s, 2.5 s, 3 min 20 s, 1 h 5 min."""
    if value < 60:
        return f"{value:.1f}".removesuffix(".0") + " s"
    whole = round(value)
    if whole < 3_600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return f"{whole // 3_600} h" + (f" {whole % 3_600 // 60} min" if whole % 3_600 // 60 else "")


def many(count: float, noun: str) -> str:
    """1 request, 2 requests."""
    return f"{number(count)} {noun if count == 1 else noun + 's'}"


def measured(value: float | None, unit: str) -> str:
    """What a threshold was held against."""
    if value is None:
        return "nothing was measured"
    if unit == "ms":
        return f"{milliseconds(value)} ms"
    figure = f"{value:.3g}" if unit == "%" else number(value)
    return f"{figure} %" if unit == "%" else f"{figure}{unit}"


def camel(name: str) -> str:
    """The name of a setting or a figure, as it stands in JSON."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def words(name: str) -> str:
    """The same for people."""
    return name.replace("_", " ")


def printable(text: str) -> str:
    """Somebody else's text, without what would steer a terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
