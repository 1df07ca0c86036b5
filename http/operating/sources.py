"""The settings as they are in effect, and where each of them came from: what `boxoffice config` prints.

cyclopts knows: it calls us once it has read flags and variables, with a token for each value that was given.
Called by the command line, on the main thread.
"""

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import NamedTuple

from cyclopts import App, ArgumentCollection

from boxoffice.http.operating.masking import MASK, masked
from boxoffice.http.operating.settings import DEFAULT_DATA_DIR, ServeSettings, WatchSettings

SECRETS = frozenset(
    field.name for settings in (ServeSettings, WatchSettings) for field in fields(settings) if not field.repr
)
_KINDS = {"cli": "flag", "env": "environment"}


class Source(NamedTuple):
    """Where a value came from: `flag`, `environment` with the variable's name, or `default`."""

    kind: str
    variable: str | None = None

    def __str__(self) -> str:
        return self.kind if self.variable is None else f"{self.kind} {self.variable}"


class Sources:
    """Remembers where the last command's values came from; cyclopts takes it as a command's `config`."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[str, Source]] = {}

    def __call__(self, _: App, __: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """Look at the tokens that cyclopts has found; it reads no variable where a flag is given."""
        for argument in arguments:
            source = Source("default")
            for token in argument.tokens[:1]:
                source = Source(_KINDS[token.source], token.keyword if token.source == "env" else None)
            self._of[argument.field_info.name] = argument.name, source

    def of(self, name: str) -> tuple[str, Source]:
        """The flag of this field, and where its value came from."""
        return self._of[name]


class Effective(NamedTuple):
    """One setting: its flag, its value as it may be shown, and where that came from."""

    flag: str
    value: object
    source: Source

    @property
    def document(self) -> dict[str, object]:
        """For programs."""
        return {"value": self.value, "source": self.source.kind, "variable": self.source.variable}

    @property
    def text(self) -> str:
        """The value for people."""
        match self.value:
            case None | []:
                return "-"
            case bool(value):
                return "on" if value else "off"
            case list(values):
                return ", ".join(map(str, values))
            case value:
                return str(value)


def effective(settings: ServeSettings, sources: Sources, shown_url: str | None) -> Iterator[Effective]:
    """Every setting, as the last command was given it. `shown_url`: the database's, without its password."""
    if settings.database_url is None and settings.data_dir is None:
        settings = replace(settings, data_dir=DEFAULT_DATA_DIR)
    settings = replace(settings, database_url=shown_url)
    for field in fields(settings):
        flag, source = sources.of(field.name)
        yield Effective(flag, _shown(field.name, getattr(settings, field.name)), source)


def aligned(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Lines whose columns begin below each other, however long they get: a terminal's width is no reason to
    cut a value.
    """
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _shown(name: str, value: object) -> object:
    match value:
        case str() if name in SECRETS and name != "database_url":
            return MASK
        case str() | Path():
            return masked(str(value))
        case tuple():
            return [masked(str(each)) for each in value]
        case _:
            return value
