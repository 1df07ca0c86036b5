"""What is said on the terminal: sentences and progress bars, on stderr. Called on the main thread."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
"""For people."""

output = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
"""For what was asked for, on stdout."""


def progress(what: str) -> Progress:
    """A progress bar that is there on a terminal only, and gone at the end."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
