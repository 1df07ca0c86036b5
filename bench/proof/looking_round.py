"""The statuses of all events of a run: one by one if they are few, else a page of the list at a time.

Called by the proof on a thread, before it reads any log: what is in a status must then be in the log.
"""

from collections.abc import Callable, Sequence

from boxoffice.bench.proof.asking import PAGE, Asker, RefusedError
from boxoffice.bench.proof.said import Said

FEW = 50


def statuses_of(event_ids: Sequence[str], asker: Asker, counted: Callable[[int], None]) -> dict[str, Said]:
    """The status of each that there is, by its id. Raises RefusedError, OSError and MsgspecError."""
    found = _from_list(event_ids, asker, counted) if len(event_ids) > FEW else {}
    for event_id in event_ids:
        if event_id not in found:
            try:
                found[event_id] = asker.status(event_id)
            except RefusedError as refused:
                if refused.status != 404:
                    raise
            counted(1)
    return found


def _from_list(event_ids: Sequence[str], asker: Asker, counted: Callable[[int], None]) -> dict[str, Said]:
    """Those that are found without reading much of what belongs to others."""
    wanted = {int(event_id) for event_id in event_ids if event_id.isascii() and event_id.isdigit()}
    last, found = max(wanted, default=0), dict[str, Said]()
    cursor: str | None = str(max(min(wanted, default=1) - 1, 1))
    for _ in range(2 * len(wanted) // PAGE + 10):
        if cursor is None or int(cursor) >= last:
            break
        page, cursor = asker.events(cursor)
        mine = {each.event_id: each for each in page if each.event_id and int(each.event_id) in wanted}
        found.update(mine)
        counted(len(mine))
    return found
