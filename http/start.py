"""The command `boxoffice`, as it is installed: loads the command line without delay, and runs it.

Of the composition root, by way of `__main__.py`. On the main thread.
"""

import gc
import sys


def main() -> None:
    """Load the command line, and run it."""
    gc.disable()  # nothing that is loaded is garbage, and looking for it takes a tenth of the time
    try:
        from boxoffice.http import __main__ as command_line  # noqa: PLC0415 - not before
    except KeyboardInterrupt:
        sys.exit(130)
    gc.enable()
    command_line.main()
