"""`POST /batch`: many commands in one request, each with its own outcome; the rules are those of the calls.

Called on the event loop.
"""

import json
import re
from collections.abc import Mapping

import msgspec
from aiohttp import web

from boxoffice.actors.messages import Answer, Command
from boxoffice.actors.ports import Key
from boxoffice.actors.values import EventId
from boxoffice.http.answers import reply_to
from boxoffice.http.bridge import Asked
from boxoffice.http.catalogue import BY_NAME
from boxoffice.http.commands import ANY_COMMAND, command_of, initialize_of
from boxoffice.http.decoding import Reader
from boxoffice.http.desk import Desk
from boxoffice.http.handlers import REPLAYED, Handler, read_json, response
from boxoffice.http.idempotency import Keys, key_of
from boxoffice.http.identity.limits import RateLimits
from boxoffice.http.problems import ProblemError
from boxoffice.http.said import Said
from boxoffice.http.visit import current
from boxoffice.http.wire import (
    COMMANDS_MAX,
    BatchBody,
    CommandBody,
    InitializeBody,
    ResultBody,
    ResultsBody,
)

SIZE_MAX = 1024 * 1024
"""Bytes in the body of a batch."""

_BATCH = Reader(BatchBody)

_Entry = InitializeBody | CommandBody | ProblemError
_Begun = tuple[EventId, ProblemError | Answer | tuple[Command, Asked, Key | None]]


class Batches:
    """The call, on one desk, and the keys of those who ask twice."""

    def __init__(self, desk: Desk, keys: Keys, limits: RateLimits) -> None:
        self._desk = desk
        self._keys = keys
        self._limits = limits

    def handlers(self) -> dict[str, Handler]:
        """The handler of the call, by its name."""
        return {"batch": self.batch}

    async def batch(self, request: web.Request) -> Said:
        """Many commands, each with its own outcome, in their order."""
        raws = split(await read_json(request.clone(client_max_size=SIZE_MAX)))
        entries = [_read(raw, _pointer(position)) for position, raw in enumerate(raws)]
        read = [raw if isinstance(e, ProblemError) else e for raw, e in zip(raws, entries, strict=True)]
        key = key_of(request, read)
        visit = current()
        self._limits.spend(visit.principal, visit.address, len(entries) - 1)
        if key is None:
            return response(200, await self._results(entries, None, {}))
        async with self._keys.claim(key) as answered:
            results = await self._results(entries, key, answered)
            return response(200, results, REPLAYED if answered else None)

    async def _results(
        self, entries: list[_Entry], key: Key | None, answered: Mapping[int, Answer]
    ) -> ResultsBody:
        """Hand all commands in, then wait for each. Those that were answered before are not asked again."""
        begun = []
        for position, entry in enumerate(entries):
            own = None if key is None else msgspec.structs.replace(key, position=position)
            begun.append(await self._begin(entry, _pointer(position), own, answered.get(position)))
        results = ResultsBody([await self._result(each) for each in begun])
        if len({event_id for event_id, _ in begun}) > 1:
            current().event_id = None  # the log names one event or none
        return results

    async def _begin(self, entry: _Entry, at: str, key: Key | None, before: Answer | None) -> _Begun:
        try:
            if isinstance(entry, ProblemError):
                raise entry
            visit = current()
            visit.require(BY_NAME[_name_of(entry)].scopes)
            if isinstance(entry, InitializeBody):
                initialize = initialize_of(entry, at)
                if before is not None:
                    return EventId(0), before
                return await self._desk.initialize(initialize, key)
            event_id, command = command_of(entry, visit.customer, at)
        except ProblemError as problem:
            return EventId(0), problem
        if before is not None:
            return event_id, before
        return event_id, (command, self._desk.hand_in(event_id, command, key), key)

    async def _result(self, begun: _Begun) -> ResultBody:
        event_id, outcome = begun
        try:
            if isinstance(outcome, ProblemError):
                raise outcome
            if isinstance(outcome, tuple):
                command, asked, key = outcome
                outcome = await self._desk.answer(event_id, command, asked, key)
            reply = reply_to(event_id, outcome, current().customer)
        except ProblemError as problem:
            return ResultBody(problem.status, problem.document(current().request_id))
        return ResultBody(reply.status, reply.body)


def _name_of(entry: InitializeBody | CommandBody) -> str:
    """Of the call that the command would be by itself."""
    return str(entry.__struct_config__.tag)


def _pointer(position: int) -> str:
    return f"/commands/{position}"


def _read(raw: bytes, at: str) -> _Entry:
    """The command that an entry stands for, or what is wrong with it alone."""
    try:
        entry: InitializeBody | CommandBody = ANY_COMMAND.read(raw, at)
    except ProblemError as problem:
        return problem
    return entry


def split(body: bytes) -> list[bytes]:
    """The text of each command in a batch. Raises ProblemError for what is no batch."""
    try:
        return [bytes(raw) for raw in _BATCH.read(body).commands]
    except ProblemError as problem:
        cut = _cut(body) if problem.code == "malformed_json" else None
        if cut is None:
            raise
        return cut


_HEAD = re.compile(r'\s*\{\s*"commands"\s*:\s*\[\s*', re.ASCII)
_NEXT = re.compile(r"\s*,\s*", re.ASCII)
_TAIL = re.compile(r"\s*\]\s*\}\s*", re.ASCII)
_reader = json.JSONDecoder(parse_int=str)


def _cut(body: bytes) -> list[bytes] | None:
    """What `split` gives, by a reader that lets half of a surrogate pair pass: its own entry fails for it."""
    text = body.decode("utf-8", "surrogateescape")
    cut = []
    end, mark = 0, _HEAD.match(text)
    while mark is not None:
        begin = mark.end()
        try:
            _, end = _reader.raw_decode(text, begin)
        except (ValueError, RecursionError):
            return None
        cut.append(text[begin:end].encode("utf-8", "surrogateescape"))
        mark = _NEXT.match(text, end)
    return cut if _TAIL.fullmatch(text, end) and len(cut) <= COMMANDS_MAX else None
