"""What the clients of a load test were answered, written down by each worker, for the proof at its end.

A worker has one ledger, a file, and notes in it every request that it has sent, the warm-up's too, and those
that were never answered: as status 0, when it gives them up. A line costs 0.5 µs, its part of a piece that is
encoded and written included; what is not yet written is bounded by `PIECE_LINES` and `PIECE_BYTES`. Called on
the worker's event loop; read by the proof, in the parent.

`facts` say what was asked, a dictionary that nobody changes afterwards; what is not in it was not asked for:

    do  the command ("book", "hold", "confirm", "extend", "cancel", "adjust", "close", "initialize"); may be
        left out where `call` is its name
    e   eventId                book, hold, adjust, close; cancel by customer
    u   userId                 book, hold; cancel by customer
    q   quantity               book, hold (1 if absent); cancel (all if absent)
    w   waitlist               book, hold (true if absent)
    o   orderId                confirm, extend, cancel
    n   totalTickets           initialize, adjust

Of a batch: a list of those in the order of its commands, each with `do`. Of what changes nothing (a GET of a
status or of an order): None. Its answer says what it was about, and is looked at all the same.

The file is a sequence of pieces: four bytes, its length, and a msgpack'd list of lines. An empty list is the
end: without it, or with half a piece, the worker was killed, and what it asked for is not all known.
"""

from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO

import msgspec

from boxoffice.bench.load.asks import Answer, Ask

PIECE_LINES = 128
"""Lines that are written together: some 50 µs of the worker's event loop."""

PIECE_BYTES = 1 << 20
"""Of answers, after which a piece is written in any case: those of a batch are large."""

_LENGTH = Struct("<I")
_END: list[Any] = []


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One request and what came of it. Times in seconds, of one monotonic clock for all processes.

    `sent_s` is before its first byte was sent, `answered_s` after its last was there (or it was given up):
    the order of answers is proved by them.
    """

    call: str
    key: str | None
    facts: Any
    sent_s: float
    answered_s: float
    status: int
    replayed: bool
    body: bytes


class Asked(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The facts of one command."""

    do: str = ""
    e: str | int = ""
    u: str | int = ""
    q: int | None = None
    w: bool = True
    o: str = ""
    n: int | None = None


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A line as it is read: its facts are typed."""

    call: str
    key: str | None
    facts: Asked | list[Asked] | None
    sent_s: float
    answered_s: float
    status: int
    replayed: bool
    body: bytes


class LedgerError(Exception):
    """A ledger that is not whole, or none."""


class Ledger:
    """A file that is written. Raises OSError when that is not possible."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("wb", buffering=0)
        self._encode = msgspec.msgpack.Encoder().encode
        self._lines: list[tuple[Any, ...]] = []
        self._bytes = 0

    def note(self, ask: Ask, answer: Answer, sent_s: float, answered_s: float) -> None:
        """Remember this request; called once for each, when it is answered or given up."""
        body = answer.body
        lines = self._lines
        lines.append((ask.call, ask.key, ask.facts, sent_s, answered_s, answer.status, answer.replayed, body))
        self._bytes += len(body)
        if len(lines) >= PIECE_LINES or self._bytes >= PIECE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is not yet written."""
        if self._lines:
            lines, self._lines, self._bytes = self._lines, [], 0
            self._write(lines)

    def close(self) -> None:
        """Write the rest, and that it is the end."""
        if self._file.closed:
            return
        try:
            self.flush()
            self._write(_END)
        finally:
            self._file.close()

    def _write(self, lines: list[Any]) -> None:
        piece = self._encode(lines)
        data = memoryview(_LENGTH.pack(len(piece)) + piece)
        while data:
            data = data[self._file.write(data) :]


_PIECES = msgspec.msgpack.Decoder(list[Entry])


def lines_of(path: Path) -> Iterator[Entry]:
    """The lines of a ledger, as they were noted. Raises LedgerError after the last that can be read if it is
    not whole, and OSError.
    """
    with path.open("rb") as file:
        while length := file.read(_LENGTH.size):
            lines = _piece(file, length, path)
            if not lines:
                return
            yield from lines
    raise LedgerError(f"{path.name} has no end: whoever wrote it was stopped")


def _piece(file: BinaryIO, length: bytes, path: Path) -> list[Entry]:
    size = _LENGTH.unpack(length)[0] if len(length) == _LENGTH.size else -1
    piece = file.read(size) if size > 0 else b""
    if len(piece) != size:
        raise LedgerError(f"{path.name} breaks off: whoever wrote it was stopped")
    try:
        return _PIECES.decode(piece)
    except msgspec.MsgspecError as error:
        raise LedgerError(f"{path.name} cannot be read: {error}") from error
