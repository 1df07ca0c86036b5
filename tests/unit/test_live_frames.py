"""Messages as they go over the wire, to the byte."""

import struct

import pytest

from boxoffice.http.live.frames import PING, Frame, chunk_of, text_frame

HEADS = {
    0: b"\x81\x00",
    1: b"\x81\x01",
    125: b"\x81\x7d",
    126: b"\x81\x7e\x00\x7e",
    65_535: b"\x81\x7e\xff\xff",
    65_536: b"\x81\x7f" + struct.pack("!Q", 65_536),
}


@pytest.mark.parametrize(("size", "head"), HEADS.items())
def test_a_frame_says_its_length_in_the_shortest_way(size: int, head: bytes) -> None:
    assert text_frame(b"x" * size) == head + b"x" * size


def test_a_message_is_made_once_for_every_kind_of_listener() -> None:
    frame = Frame('{"eventName":"Café"}'.encode(), "status", "7-3")
    assert frame.text == b'\x81\x15{"eventName":"Caf\xc3\xa9"}'
    assert frame.pinged == frame.text + PING
    assert frame.streamed == b'event: status\nid: 7-3\ndata: {"eventName":"Caf\xc3\xa9"}\n\n'
    assert frame.chunk == b"33\r\n" + frame.streamed + b"\r\n"
    assert len(frame.streamed) == 0x33


def test_what_is_no_status_has_no_id_that_a_client_could_come_back_with() -> None:
    assert Frame(b"{}", "order").streamed == b"event: order\ndata: {}\n\n"


def test_a_chunk_is_never_the_last() -> None:
    assert chunk_of(b"a" * 16) == b"10\r\n" + b"a" * 16 + b"\r\n"
