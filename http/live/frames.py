"""One message as it goes over the wire: made once, and sent as it is to however many listeners there are.

A server's WebSocket frames are not masked, so they are the same for everybody. aiohttp makes one for each
listener, which takes as long as sending it. Pure.
"""

import struct

PING = b"\x89\x00"
HEARTBEAT = b": still here\n\n"

_TEXT = 0x81  # the only and last frame of a text
_LENGTH_IN_2, _LENGTH_IN_8 = 126, 127


class Frame:
    """A message for a WebSocket, alone and followed by a ping; and for a stream of events, as it is and as a
    chunk of HTTP/1.1. `event` is the kind of message, `event_id` what a client names when it comes back.
    """

    __slots__ = ("chunk", "pinged", "streamed", "text")

    def __init__(self, message: bytes, event: str, event_id: str | None = None) -> None:
        self.text = text_frame(message)
        self.pinged = self.text + PING
        named = f"event: {event}\n" if event_id is None else f"event: {event}\nid: {event_id}\n"
        self.streamed = b"%bdata: %b\n\n" % (named.encode(), message)
        self.chunk = chunk_of(self.streamed)


def text_frame(message: bytes) -> bytes:
    """RFC 6455, section 5.2: from a server, in one piece."""
    size = len(message)
    if size < _LENGTH_IN_2:
        return bytes((_TEXT, size)) + message
    if size < 1 << 16:
        return struct.pack("!BBH", _TEXT, _LENGTH_IN_2, size) + message
    return struct.pack("!BBQ", _TEXT, _LENGTH_IN_8, size) + message


def chunk_of(data: bytes) -> bytes:
    """RFC 9112, section 7.1."""
    return b"%x\r\n%b\r\n" % (len(data), data)
