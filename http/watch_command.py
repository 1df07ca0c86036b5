"""The command `boxoffice watch`: an event's live status, on a terminal, or as lines of JSON for a program.

Belongs to the composition root. On the main thread.
"""

from typing import Annotated

from cyclopts import Parameter

from boxoffice.http.operating.settings import WatchSettings
from boxoffice.persistence.database import StartupError


def watch(
    event: Annotated[str, Parameter(help="The event's id.")],
    /,
    *,
    settings: WatchSettings = WatchSettings(),  # noqa: B008 - frozen
) -> None:
    """Watch an event live until Ctrl-C: on a terminal its bar, its numbers and its rate of sale; anywhere
    else one line of JSON for each status, as `GET /status` answers it.

    A server that is not there, or no longer, is waited for. Exits with 1 if there is no such event, or if the
    server does not let us in.
    """
    from boxoffice.http import watch_live  # noqa: PLC0415 - other commands do without a client

    try:
        watch_live.run(event, settings)
    except watch_live.NothingToWatchError as error:
        raise StartupError(str(error)) from None
