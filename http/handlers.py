"""The calls that ask for something to be done: read the request, ask, and say the answer in HTTP's words.

No rule about tickets is here: the actor decides, these translate. Called on the event loop.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from boxoffice.actors.messages import Adjust, Answer
from boxoffice.actors.values import CustomerId, EventId
from boxoffice.http import wire
from boxoffice.http.answers import reply_to
from boxoffice.http.commands import COMMANDS, INITIALIZE, command_of, initialize_of
from boxoffice.http.decoding import Reader
from boxoffice.http.desk import Desk
from boxoffice.http.idempotency import Keys, key_of
from boxoffice.http.problems import ProblemError
from boxoffice.http.said import JSON, Said
from boxoffice.http.visit import current

REPLAYED = {"Idempotent-Replayed": "true"}

Handler = Callable[[web.Request], Awaitable[Said | web.StreamResponse]]


class Handlers:
    """The calls, on one desk, and the keys of those who ask twice."""

    def __init__(self, desk: Desk, keys: Keys) -> None:
        self._desk = desk
        self._keys = keys

    def handlers(self) -> dict[str, Handler]:
        """The handler of each call, by its name."""
        return {"initialize": self.initialize, **{name: self._call(each) for name, each in COMMANDS.items()}}

    def _call(self, reader: Reader[Any]) -> Handler:
        """The handler of a call that asks one event for one thing."""

        async def handle(request: web.Request) -> Said:
            body = reader.read(await read_json(request))
            asker = current().customer
            event_id, command = command_of(body, asker)
            if isinstance(command, Adjust):
                command = msgspec.structs.replace(command, if_version=if_match(request))
            key = key_of(request, body)
            if key is None:
                return _said(event_id, await self._desk.ask(event_id, command), asker)
            async with self._keys.claim(key) as answered:
                if answered:
                    return _said(event_id, answered[0], asker, REPLAYED)
                return _said(event_id, await self._desk.ask(event_id, command, key), asker)

        return handle

    async def initialize(self, request: web.Request) -> Said:
        """Put an event on sale."""
        body = INITIALIZE.read(await read_json(request))
        command = initialize_of(body)
        key = key_of(request, body)
        if key is None:
            return _said(*await self._desk.initialize(command, None))
        async with self._keys.claim(key) as answered:
            if answered:
                return _said(EventId(0), answered[0], None, REPLAYED)
            return _said(*await self._desk.initialize(command, key))


def if_match(request: web.Request) -> int | None:
    """The version that `If-Match` names; None without one, or for any. Raises ProblemError 412."""
    if request.headers.get("If-Match", "*").strip() == "*":
        return None
    versions = [tag.value.partition("-")[0] for tag in request.if_match or () if not tag.is_weak]
    if len(versions) != 1 or not (versions[0].isascii() and versions[0].isdigit() and len(versions[0]) < 19):
        raise ProblemError(
            "version_moved", '`If-Match` must name one version of the event, like "17"; nothing was changed.'
        )
    return int(versions[0])


async def read_json(request: web.BaseRequest) -> bytes:
    """The body of a request that says it is JSON, as it is. Raises ProblemError 408, 413, 415.

    What is compressed is refused: 64 KiB of it may be 64 MiB, inflated on the event loop.
    """
    headers = request.headers
    if "Content-Encoding" in headers and headers["Content-Encoding"].lower() != "identity":
        raise ProblemError("unsupported_media_type", "Send the body as it is, without a `Content-Encoding`.")
    declared = headers.get("Content-Type", "")
    if declared != JSON and declared.partition(";")[0].strip().lower() != JSON:
        raise ProblemError("unsupported_media_type", f"Send JSON, and say so: `Content-Type: {JSON}`.")
    try:
        if request.content.is_eof():  # as a rule it has come whole, in one piece with the headers
            return _not_too_large(request, request.content.read_nowait())
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(request) from None
    except RuntimeError as error:  # aiohttp's, if the client had gone before anybody read
        if request.transport is None:
            raise ConnectionResetError("the client has gone") from error
        raise


def _not_too_large(request: web.BaseRequest, body: bytes) -> bytes:
    if len(body) > request.client_max_size:
        raise _too_large(request)
    return body


def _too_large(request: web.BaseRequest) -> ProblemError:
    return ProblemError("body_too_large", f"A body may have {request.client_max_size} bytes.")


def _said(
    event_id: EventId,
    answer: Answer,
    asker: CustomerId | None = None,
    headers: Mapping[str, str] | None = None,
) -> Said:
    try:
        reply = reply_to(event_id, answer, asker)
    except ProblemError as problem:
        if headers is not None:
            problem.headers = {**(problem.headers or {}), **headers}
        raise
    more = {**(reply.headers or {}), **headers} if headers is not None else reply.headers
    return response(reply.status, reply.body, more)


def response(status: int, body: wire.Body, headers: Mapping[str, str] | None = None) -> Said:
    """An answer in JSON."""
    return Said(status, wire.encode(body), headers)
