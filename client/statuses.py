"""The last status of some events, kept so that it need not be sent again. Used on the event loop."""

from collections import OrderedDict

import msgspec

from boxoffice.client.connection import Answer, Connection, Request, reader
from boxoffice.client.types import Event

read_event = reader(msgspec.json.Decoder(Event))


class Statuses:
    """Those of the `kept_max` events that were asked for last, each with the `ETag` that it came under."""

    def __init__(self, kept_max: int) -> None:
        self._kept_max = kept_max
        self._kept: OrderedDict[str, tuple[str, Event]] = OrderedDict()

    async def ask(self, connection: Connection, path: str) -> Event:
        """The status at `path`: the very object that is kept, if the server says that it is the same."""
        tag, kept = self._kept.get(path, ("", None))
        headers = {} if kept is None else {"If-None-Match": tag}

        def read(answer: Answer) -> Event:
            event = kept if kept is not None and answer.status == 304 else read_event(answer)
            self._keep(path, answer.headers.get("ETag"), event)
            return event

        return await connection.ask(Request("GET", path, headers=headers), read)

    def _keep(self, path: str, tag: str | None, event: Event) -> None:
        self._kept.pop(path, None)
        if tag is not None:
            self._kept[path] = (tag, event)
        while len(self._kept) > self._kept_max:
            self._kept.popitem(last=False)
