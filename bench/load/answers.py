"""How an answer is read from a connection: the common one, which comes whole, by a few searches; any other by
httptools. No input or output; on a worker's event loop, where each microsecond counts.
"""

import httptools

from boxoffice.bench.load.asks import Answer


class BadAnswerError(Exception):
    """What came is no HTTP answer to what was asked."""


def whole(data: bytes) -> Answer | None:
    """The answer, if `data` is one with a `Content-Length` and nothing else, on a connection that stays.

    None says nothing: it may be part of one, or wrong, or written in another way.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0 or not data.startswith(b"HTTP/1.1 "):
        return None
    head = data[:end].lower()
    start = head.find(b"\r\ncontent-length:") + 17
    stop = head.find(b"\r\n", start)
    try:
        length, status = int(head[start : stop if stop > 0 else end]), int(head[9:12])
    except ValueError:
        return None
    if len(data) - end - 4 != length or not 200 <= status < 600:
        return None
    if b"\r\nconnection:" in head or b"\r\ntransfer-encoding:" in head:
        return None
    body = data[end + 4 :]
    replayed = b"\r\nidempotent-replayed: true" in head
    return Answer(status, body, _retry_after_s(head) if status >= 400 else None, replayed)


def _retry_after_s(head: bytes) -> float | None:
    _, found, rest = head.partition(b"\r\nretry-after:")
    return _seconds(rest.partition(b"\r\n")[0]) if found else None


def _seconds(value: bytes) -> float | None:
    """Of a `Retry-After`; a date, which boxoffice never sends, is none."""
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86_400 else None


class Reader:
    """One answer, in as many pieces as it comes in. Then `answer` is there; `stays`: the connection, too."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.stays = False
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._until_end = False

    def feed(self, data: bytes) -> None:
        """More of it. Raises BadAnswerError, also when more comes than was asked for."""
        if self._parser is None:
            raise BadAnswerError("more came than was asked for")
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise BadAnswerError("it wants another protocol") from None
        except httptools.HttpParserError as error:
            raise BadAnswerError(str(error)) from None

    def end(self) -> None:
        """The server has closed: some answers end so."""
        if self._until_end and self.answer is None:
            self._complete(stays=False)

    # --- what httptools tells ---------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An answer, or a 1xx before it."""
        if self.answer is not None:
            raise BadAnswerError("more came than was asked for")
        self._headers.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """A body without a length goes on until the server closes."""
        self._until_end = (
            self._status >= 200
            and b"content-length" not in self._headers
            and b"transfer-encoding" not in self._headers
        )

    def on_body(self, body: bytes) -> None:
        """A part of it."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The answer is there, unless it is a 1xx: then another follows."""
        if self._parser is not None and self._status >= 200:
            self._complete(stays=self._parser.should_keep_alive())

    @property
    def _status(self) -> int:
        return 0 if self._parser is None else int(self._parser.get_status_code())

    def _complete(self, *, stays: bool) -> None:
        headers = self._headers
        retry_after_s = _seconds(headers[b"retry-after"]) if b"retry-after" in headers else None
        replayed = headers.get(b"idempotent-replayed", b"").strip().lower() == b"true"
        self.answer, self.stays = Answer(self._status, b"".join(self._body), retry_after_s, replayed), stays
        self._parser, self._body = None, []  # it holds us: 300 KB of a batch would stay, 5 MB a second
