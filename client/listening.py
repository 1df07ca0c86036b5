"""What comes over one WebSocket: texts, until it ends; and what its end means. Called on the event loop."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec

from boxoffice.client.problems import BadAnswer, BoxOfficeError, Unauthenticated, Unreachable, problem_of

NO_LONGER_LET_IN = 1008
OURS_TO_MEND = {1002, 1003, 1007, 1009, 1010}
"""Close codes for what would be no better the next time."""


class Message(msgspec.Struct, frozen=True):
    """What every message has; a `problem` is a problem document."""

    type: str
    problem: Any = None


_read_message = msgspec.json.Decoder(Message).decode


async def texts(socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[str]:
    """Each message as it comes; pings are answered meanwhile. Ends by raising BoxOfficeError, always."""
    while True:
        try:
            message = await socket.receive()
        except TimeoutError as silence:
            raise Unreachable("nothing was heard from the server for too long") from silence
        match message.type:
            case aiohttp.WSMsgType.TEXT:
                yield message.data
            case aiohttp.WSMsgType.CLOSE:
                raise _closed(message.data, message.extra)
            case aiohttp.WSMsgType.BINARY:
                raise BadAnswer("a message is not text", 101)
            case aiohttp.WSMsgType.ERROR if isinstance(message.data, aiohttp.WebSocketError):
                raise BadAnswer(f"a message is no WebSocket's: {message.data}", 101)
            case _:
                raise Unreachable("the connection was lost")


def _closed(code: int, reason: str | None) -> BoxOfficeError:
    said = f"the server closed the connection: {reason or 'it did not say why'} ({code})"
    if code == NO_LONGER_LET_IN:
        return Unauthenticated(401, {"code": Unauthenticated.code, "detail": said})
    return BadAnswer(said, 101) if code in OURS_TO_MEND else Unreachable(said)


def kind_of(text: str) -> str:
    """The type of a message. Raises the problem, if it brings one, and BadAnswer if it is no message."""
    try:
        message = _read_message(text)
        problem = message.problem
        if message.type != "problem":
            return message.type
        status = problem.get("status") if isinstance(problem, dict) else None
        raised = problem_of(status, problem) if isinstance(status, int) else None
    except msgspec.DecodeError as failure:
        raise BadAnswer(f"a message is not what was asked for: {failure}", 101) from failure
    if raised is None:
        raise BadAnswer("a message is a problem, and does not say which", 101)
    raise raised
