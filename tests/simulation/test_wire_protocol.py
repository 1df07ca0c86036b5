"""The proxy finds every message, however the stream that it comes in was cut into chunks."""

import random
import struct

import pytest

from tests.simulation.wire_protocol import CONTINUED, HEAD_MAX, Messages, Piece


@pytest.mark.parametrize("seed", range(20))
def test_messages_are_found_however_the_stream_is_cut(seed: int) -> None:
    chance = random.Random(seed)
    lengths = [chance.choice([0, 1, 100, HEAD_MAX - 5, HEAD_MAX, 50_000]) for _ in range(30)]
    sent = [(bytes([65 + n]), chance.randbytes(length)) for n, length in enumerate(lengths)]
    stream = b"".join(kind + struct.pack("!I", len(body) + 4) + body for kind, body in sent)
    messages = Messages()
    pieces: list[Piece] = []
    while stream:
        size = chance.choice([1, 4, 7, 1_000, 20_000, 70_000])
        pieces += messages.feed(stream[:size])
        stream = stream[size:]
    assert messages.between
    found: list[tuple[bytes, bytes]] = []
    for piece in pieces:
        if piece.kind == CONTINUED:
            found[-1] = (found[-1][0], found[-1][1] + piece.data)
        else:
            assert len(piece.data) >= HEAD_MAX or piece.data[1:5] == struct.pack("!I", len(piece.data) - 1)
            found.append((piece.kind, piece.body))
    assert found == sent
