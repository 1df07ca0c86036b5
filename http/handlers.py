"""The calls that ask for something to be done: read the request, ask, and say the answer in HTTP's words.

No rule about tickets is here: the actor decides, these translate. Called on the event loop.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from boxoffice.actors.messages import Adjust, Answer, Command
from boxoffice.actors.ports import Key
from boxoffice.actors.values import EventId
from boxoffice.http import wire
from boxoffice.http.answers import reply_to
from boxoffice.http.bridge import Asked
from boxoffice.http.commands import ANY_COMMAND, COMMANDS, INITIALIZE, command_of, initialize_of
from boxoffice.http.decoding import Reader
from boxoffice.http.desk import Desk
from boxoffice.http.idempotency import Keys, key_of
from boxoffice.http.problems import ProblemError, request_id_of
from boxoffice.http.wire import BatchBody, InitializeBody, ResultBody, ResultsBody

_JSON = "application/json"

BATCH_SIZE_MAX = 1024 * 1024
"""Bytes in the body of a batch."""

BATCH = Reader(BatchBody)

REPLAYED = {"Idempotent-Replayed": "true"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Handlers:
    """The routes, on one desk, and the keys of those who ask twice."""

    def __init__(self, desk: Desk, keys: Keys) -> None:
        self._desk = desk
        self._keys = keys

    def routes(self) -> list[web.RouteDef]:
        """What to put into an application's router."""
        calls = [web.post(f"/{name}", self._call(reader)) for name, reader in COMMANDS.items()]
        return [web.post("/initialize", self.initialize), *calls, web.post("/batch", self.batch)]

    def _call(self, reader: Reader[Any]) -> Handler:
        """The handler of a call that asks one event for one thing."""

        async def handle(request: web.Request) -> web.Response:
            body = reader.read(await read_json(request))
            event_id, command = command_of(body)
            if isinstance(command, Adjust):
                command = msgspec.structs.replace(command, if_version=if_match(request))
            key = key_of(request, body)
            if key is None:
                return _said(event_id, await self._desk.ask(event_id, command))
            async with self._keys.claim(key) as answered:
                if answered:
                    return _said(event_id, answered[0], REPLAYED)
                return _said(event_id, await self._desk.ask(event_id, command, key))

        return handle

    async def initialize(self, request: web.Request) -> web.Response:
        """Put an event on sale."""
        body = INITIALIZE.read(await read_json(request))
        command = initialize_of(body)
        key = key_of(request, body)
        if key is None:
            return _said(*await self._desk.initialize(command, None))
        async with self._keys.claim(key) as answered:
            if answered:
                return _said(EventId(0), answered[0], REPLAYED)
            return _said(*await self._desk.initialize(command, key))

    async def batch(self, request: web.Request) -> web.Response:
        """Many commands, each with its own outcome, in their order."""
        body = BATCH.read(await read_json(request.clone(client_max_size=BATCH_SIZE_MAX)))
        key = key_of(request, body)
        request_id = request_id_of(request)
        if key is None:
            return response(200, await self._results(body, None, {}, request_id))
        async with self._keys.claim(key) as answered:
            results = await self._results(body, key, answered, request_id)
            return response(200, results, REPLAYED if answered else None)

    async def _results(
        self, body: BatchBody, key: Key | None, answered: Mapping[int, Answer], request_id: str
    ) -> ResultsBody:
        """Hand all commands in, then wait for each. Those that were answered before are not asked again."""
        entries = [
            await self._begin(bytes(raw), position, key, answered.get(position))
            for position, raw in enumerate(body.commands)
        ]
        return ResultsBody([await self._result(entry, request_id) for entry in entries])

    async def _begin(self, raw: bytes, position: int, key: Key | None, before: Answer | None) -> "_Entry":
        at = f"/commands/{position}"
        own = None if key is None else msgspec.structs.replace(key, position=position)
        try:
            body = ANY_COMMAND.read(raw, at)
            if isinstance(body, InitializeBody):
                initialize = initialize_of(body, at)
                if before is not None:
                    return EventId(0), before
                return await self._desk.initialize(initialize, own)
            event_id, command = command_of(body, at)
        except ProblemError as problem:
            return EventId(0), problem
        if before is not None:
            return event_id, before
        return event_id, (command, self._desk.hand_in(event_id, command, own), own)

    async def _result(self, entry: "_Entry", request_id: str) -> ResultBody:
        event_id, outcome = entry
        try:
            if isinstance(outcome, ProblemError):
                raise outcome
            if isinstance(outcome, tuple):
                command, asked, key = outcome
                outcome = await self._desk.answer(event_id, command, asked, key)
            reply = reply_to(event_id, outcome)
        except ProblemError as problem:
            return ResultBody(problem.status, problem.document(request_id))
        return ResultBody(reply.status, reply.body)


_Entry = tuple[EventId, ProblemError | Answer | tuple[Command, Asked, Key | None]]


def if_match(request: web.Request) -> int | None:
    """The version that `If-Match` names; None without one, or for any. Raises ProblemError 412."""
    tags = request.if_match
    if tags is None and "If-Match" not in request.headers:
        return None
    versions = [tag.value.partition("-")[0] for tag in tags or () if not tag.is_weak]
    if versions == ["*"]:
        return None
    if len(versions) != 1 or not (versions[0].isascii() and versions[0].isdigit() and len(versions[0]) < 19):
        raise ProblemError(
            "version_moved", '`If-Match` must name one version of the event, like "17"; nothing was changed.'
        )
    return int(versions[0])


async def read_json(request: web.BaseRequest) -> bytes:
    """The body of a request that says it is JSON, as it is. Raises ProblemError 415.

    What is compressed is refused: 64 KiB of it may be 64 MiB, inflated on the event loop.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ProblemError("unsupported_media_type", "Send the body as it is, without a `Content-Encoding`.")
    declared = request.headers.get("Content-Type", "")
    if declared != _JSON and declared.partition(";")[0].strip().lower() != _JSON:
        raise ProblemError("unsupported_media_type", f"Send JSON, and say so: `Content-Type: {_JSON}`.")
    return await request.read()


def _said(event_id: EventId, answer: Answer, headers: Mapping[str, str] | None = None) -> web.Response:
    try:
        reply = reply_to(event_id, answer)
    except ProblemError as problem:
        if headers is not None:
            problem.headers = {**(problem.headers or {}), **headers}
        raise
    more = {**(reply.headers or {}), **headers} if headers is not None else reply.headers
    return response(reply.status, reply.body, more)


def response(status: int, body: wire.Body, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer in JSON."""
    return web.Response(body=wire.encode(body), status=status, content_type=_JSON, headers=headers)
