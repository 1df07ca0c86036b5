"""One connection: reads an answer for whoever has sent a request on it. On a worker's event loop, where each
microsecond counts.
"""

import asyncio
from typing import Protocol, cast

from boxoffice.bench.load.answers import BadAnswerError, Reader, whole
from boxoffice.bench.load.asks import NO_ANSWER, Answer


class Asker(Protocol):
    """Whose connection it is."""

    def connected(self, connection: "Connection") -> None:
        """It is open."""

    def received(self, answer: Answer) -> None:
        """What was asked is answered, and the next may be asked."""

    def lost(self, answer: Answer) -> None:
        """The connection is no more; `answer` is for what was asked, if anything was."""


class Connection(asyncio.Protocol):
    """From when it is made until it is lost or closed; an asker that has closed it hears no more of it."""

    __slots__ = ("_asked", "_asker", "_reader", "_transport")

    def __init__(self, asker: Asker) -> None:
        self._asker: Asker | None = asker
        self._asked = False
        self._reader: Reader | None = None
        self._transport: asyncio.Transport | None = None

    def send(self, request: bytes) -> None:
        """Ask."""
        assert self._transport is not None
        self._asked = True
        self._transport.write(request)

    def close(self) -> None:
        """At once, whatever is still to come."""
        self._asker = None
        if self._transport is not None:
            self._transport.abort()

    # --- what the event loop tells ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The server, or its kernel, has accepted."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by descent
        if self._asker is None:
            transport.close()
        else:
            self._asker.connected(self)

    def data_received(self, data: bytes) -> None:
        """Something of an answer, mostly all of it."""
        if self._reader is None and self._asked and (answer := whole(data)) is not None:
            self._asked = False
            if self._asker is not None:
                self._asker.received(answer)
        else:
            self._read(data)

    def connection_lost(self, _: Exception | None) -> None:
        """The server has closed, and some answers end so."""
        if self._reader is not None:
            self._reader.end()
        self._end()

    def _read(self, data: bytes) -> None:
        reader = self._reader = self._reader or Reader()
        try:
            if not self._asked:
                raise BadAnswerError("nobody has asked for anything")
            reader.feed(data)
        except BadAnswerError:
            reader.answer = None
            self._end()
            return
        if reader.answer is None:
            return
        if not reader.stays:
            self._end()
            return
        self._reader, self._asked = None, False
        if self._asker is not None:
            self._asker.received(reader.answer)

    def _end(self) -> None:
        asker, answer = self._asker, self._reader and self._reader.answer
        self.close()
        if asker is not None:
            asker.lost(answer or NO_ANSWER)
