"""How the proof asks the server: one connection, one question at a time, and the log of an event as a stream.

Blocks, so it is called on threads. Waits when it is told to (429, 503), and goes on where a stream has broken
off. Raises RefusedError for what it may not read, and OSError when nobody answers.
"""

import http.client
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from boxoffice.bench.proof.said import Change, Said, read_changes, read_page, read_said
from boxoffice.bench.target import Target

TRIES = 10
"""Times that a question is asked which is not answered, or not now."""

PATIENCE_S = 60.0
WAIT_MAX_S = 20.0
PAGE = 500
"""Items in a page of a list: the most that a server gives."""

CHUNK = 1 << 18

_NDJSON = "application/x-ndjson"


class RefusedError(Exception):
    """The server does not tell us that."""

    def __init__(self, status: int, path: str, body: bytes) -> None:
        self.status = status
        self.is_for_want_of_a_scope = status in (401, 403)
        super().__init__(f"{path} was answered {status} {body[:120].decode('utf-8', 'replace')}")


class Asker:
    """One connection to the server that is tested."""

    def __init__(self, target: Target) -> None:
        self._headers = {name: value for name, value in target.headers.items() if name != "Content-Type"}
        parts = urlsplit(target.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE_S)
        self._root = parts.path

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def status(self, event_id: str) -> Said:
        """The event's numbers."""
        return read_said(self._read(f"/status/{event_id}"))

    def events(self, after: str, most: int = PAGE) -> tuple[list[Said], str | None]:
        """A page of the events that were made after this one, and the cursor of the next."""
        page = read_page(self._read(f"/events?limit={most}&cursor={after}"))
        return page.items, page.next

    def orders(self, event_id: str) -> Iterator[list[Said]]:
        """All orders of an event, a page at a time."""
        cursor: str | None = ""
        while cursor is not None:
            more = f"&cursor={cursor}" if cursor else ""
            page = read_page(self._read(f"/orders?eventId={event_id}&limit={PAGE}{more}"))
            yield page.items
            cursor = page.next

    def may_read_logs(self, event_id: str) -> bool:
        """Whether we have the scope for it."""
        try:
            self._read(f"/events/{event_id}/changes?limit=1")
        except RefusedError as refused:
            return not refused.is_for_want_of_a_scope
        return True

    def changes(self, event_id: str) -> Iterator[list[Change]]:
        """The event's log from its beginning to what is committed by now, in pieces."""
        last, tries = 0, 0
        while True:
            try:
                for changes in self._stream(f"/events/{event_id}/changes?after={last}"):
                    last, tries = changes[-1].version, 0
                    yield changes
            except (OSError, http.client.HTTPException) as error:
                tries += 1
                self._again(error, tries)
            else:
                return

    def _stream(self, path: str) -> Iterator[list[Change]]:
        answer = self._ask(path, _NDJSON)
        rest = b""
        while chunk := answer.read1(CHUNK):
            whole, line_end, rest_of = (rest + chunk).rpartition(b"\n")
            rest = rest_of
            if line_end:
                yield read_changes(whole)

    def _read(self, path: str) -> bytes:
        for tries in range(1, TRIES + 1):
            try:
                return self._ask(path, "application/json").read()
            except (OSError, http.client.HTTPException) as error:
                self._again(error, tries)
        raise AssertionError  # the last try has raised

    def _again(self, error: Exception, tries: int) -> None:
        """Ask once more, on a new connection; raises OSError when that has been done often enough."""
        self._connection.close()
        if tries >= TRIES:
            why = getattr(error, "strerror", None) or repr(error)
            raise OSError(f"the server does not answer: {why}") from error
        if not isinstance(error, http.client.RemoteDisconnected):
            time.sleep(min(0.1 * 2**tries, 2.0))

    def _ask(self, path: str, accept: str) -> http.client.HTTPResponse:
        """The answer, if it is one of 200; asked again as long as the server says that it is not the time."""
        for tries in range(1, TRIES + 1):
            self._connection.request("GET", self._root + path, headers={**self._headers, "Accept": accept})
            answer = self._connection.getresponse()
            if answer.status == 200:
                return answer
            body = answer.read()
            if answer.status not in (429, 503) or tries == TRIES:
                raise RefusedError(answer.status, path, body)
            time.sleep(_wait_s(answer.headers.get("Retry-After")))
        raise AssertionError  # the last try has raised


def _wait_s(told: str | None) -> float:
    return min(float(told), WAIT_MAX_S) if told is not None and told.isdigit() else 1.0


def readable(error: Exception) -> str:
    """What went wrong, for people."""
    if isinstance(error, msgspec.MsgspecError):
        return f"what the server says cannot be read: {error}"
    return str(error)
