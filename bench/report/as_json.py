"""The results for another program: `--json FILE`, `-` for standard output. `results.py` has the fields."""

import sys
from pathlib import Path

import msgspec

from boxoffice.bench.report.figures import camel
from boxoffice.bench.report.results import Results


class ReportError(Exception):
    """Why a report cannot be written: one sentence."""


def as_json(results: Results) -> str:
    """Indented JSON, with a line end."""
    return msgspec.json.format(encoded(results), indent=2).decode() + "\n"


def encoded(results: Results) -> bytes:
    """JSON on one line."""
    extra = {camel(name): value for name, value in results.extra.items()}
    return msgspec.json.encode(msgspec.structs.replace(results, extra=extra))


def check_writable(where: str) -> None:
    """Before the run, so that nothing is lost at its end. Raises ReportError."""
    if where == "-":
        return
    path = Path(where)
    is_new = not path.exists()
    try:
        with path.open("a", encoding="utf-8"):
            pass
        if is_new:
            path.unlink()
    except OSError as error:
        raise ReportError(f"A report cannot be written to {where}: {error.strerror}.") from None


def write(where: str, text: str) -> None:
    """To a file, or to standard output. Raises ReportError."""
    if where == "-":
        sys.stdout.write(text)
        return
    try:
        Path(where).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ReportError(f"A report cannot be written to {where}: {error.strerror}.") from None
