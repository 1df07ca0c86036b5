"""Just enough of PostgreSQL's wire protocol (version 3) to find the queries and the ends of their answers.

A message is one byte for its kind, four for the length of what follows them (themselves included), and a
body; only a client's first packet has no kind. Nothing is decoded beyond that. Used by the proxy's
connections on its thread; no I/O in here.
https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from collections.abc import Iterator
from typing import NamedTuple

SSL_REQUEST = 80877103
GSS_ENCRYPTION_REQUEST = 80877104
NOT_ENCRYPTED = b"N"

QUERY = b"Q"
ROW = b"D"
READY_FOR_QUERY = b"Z"
CONTINUED = b""

IN_TRANSACTION = b"T"  # what READY_FOR_QUERY says then

HEADER = 5  # bytes
HEAD_MAX = 16_384
"""Bytes of a message that are there before it is looked at; what is longer is passed on as it arrives."""


class Piece(NamedTuple):
    """A message, its first `HEAD_MAX` bytes or more, or (kind `CONTINUED`) more of the one before."""

    kind: bytes
    data: bytes

    @property
    def body(self) -> bytes:
        """What is there of the message, without its kind and length."""
        return self.data[HEADER:]


class Messages:
    """Cuts one direction of a connection, which arrives in chunks of any size, into its messages."""

    def __init__(self) -> None:
        self._kept = b""  # the beginning of a message, too short to be looked at
        self._owed = 0  # bytes still to come of a message that was given out in part

    @property
    def between(self) -> bool:
        """Whether all that was fed has been given out, and the next byte begins a message."""
        return not self._kept and not self._owed

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        """The pieces that this chunk completes. A chunk that is one whole message is not copied."""
        data, self._kept = self._kept + chunk, b""
        at = min(self._owed, len(data))
        if at:
            self._owed -= at
            yield Piece(CONTINUED, data[:at])
        while at < len(data):
            there = len(data) - at
            length = 1 + int.from_bytes(data[at + 1 : at + HEADER])
            if there < HEADER or there < min(length, HEAD_MAX):
                self._kept = data[at:]
                return
            piece = data[at : at + length]
            self._owed = length - len(piece)
            at += len(piece)
            yield Piece(piece[:1], piece)


class Withheld:
    """An answer that is taken away as a whole."""

    def __init__(self) -> None:
        self.ended = False
        self._messages = Messages()

    def take(self, chunk: bytes) -> bytes:
        """Nothing; `ended` is whether PostgreSQL has said that it is ready for the next query."""
        for piece in self._messages.feed(chunk):
            self.ended |= piece.kind == READY_FOR_QUERY
        return b""


class CutRows:
    """A result that loses all rows after the first `keep`; the rest of its answer stays as it is.

    The result of a DECLARE is whatever is fetched while its transaction lasts.
    """

    def __init__(self, keep: int, query: bytes) -> None:
        self.ended = False
        self.lost = 0  # rows
        self._over = False
        self._keep = keep
        self._is_cursor = query.startswith(b"DECLARE ")
        self._rows = 0
        self._dropping = False
        self._messages = Messages()

    def take(self, chunk: bytes) -> bytes:
        """What is left of the chunk; `ended` is whether the result is over and nothing is kept back."""
        left = b"".join(piece.data for piece in self._messages.feed(chunk) if self._stays(piece))
        self.ended = self._over and self._messages.between
        return left

    def _stays(self, piece: Piece) -> bool:
        if piece.kind == CONTINUED:
            return not self._dropping
        if piece.kind == READY_FOR_QUERY:
            self._over = not (self._is_cursor and piece.body == IN_TRANSACTION)
        self._rows += piece.kind == ROW
        self._dropping = piece.kind == ROW and self._rows > self._keep
        self.lost += self._dropping
        return not self._dropping
