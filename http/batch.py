"""`POST /batch`: many commands in one request, each with its own outcome; the rules are those of the calls.

The commands to one event are handed in together, and answered together; what is asked of the database for
several of them, once. Called on the event loop.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from aiohttp import web

from boxoffice.actors.messages import Answer, Command, Initialize
from boxoffice.actors.ports import Key
from boxoffice.actors.values import EventId
from boxoffice.http.answers import reply_to
from boxoffice.http.bridge import Asked
from boxoffice.http.catalogue import BY_NAME
from boxoffice.http.commands import command_of, initialize_of
from boxoffice.http.desk import Desk
from boxoffice.http.entries import Entry, entries_of, pointer
from boxoffice.http.handlers import REPLAYED, Handler, read_json, response
from boxoffice.http.idempotency import Keys, key_of
from boxoffice.http.identity.limits import RateLimits
from boxoffice.http.problems import ProblemError
from boxoffice.http.said import Said
from boxoffice.http.visit import Visit, current
from boxoffice.http.wire import InitializeBody, ResultBody, ResultsBody

SIZE_MAX = 1024 * 1024
"""Bytes in the body of a batch."""

_Wish = tuple[EventId, Command] | Initialize | ProblemError
"""What one event is asked, or that one is to be made; or why there is nothing to be asked."""

_Outcome = tuple[EventId, Answer | ProblemError]

_NO_EVENT = EventId(0)


class _Together(NamedTuple):
    """What a batch asks of one event, in its order: the commands, and where they stand in the batch."""

    positions: list[int]
    commands: list[Command]


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
        entries, read = entries_of(await read_json(request.clone(client_max_size=SIZE_MAX)))
        key = key_of(request, read)
        visit = current()
        self._limits.spend(visit.principal, visit.address, len(entries) - 1)
        if key is None:
            return response(200, await self._results(entries, None, {}))
        async with self._keys.claim(key) as answered:
            results = await self._results(entries, key, answered)
            return response(200, results, REPLAYED if answered else None)

    async def _results(
        self, entries: Sequence[Entry], key: Key | None, answered: Mapping[int, Answer]
    ) -> ResultsBody:
        """Hand all commands in, then wait for all. Those that were answered before are not asked again."""
        visit = current()
        outcomes: dict[int, _Outcome] = {}
        new: dict[int, Initialize] = {}
        together: dict[EventId, _Together] = {}
        for position, wish in enumerate(_wishes(entries, visit)):
            if isinstance(wish, ProblemError):
                outcomes[position] = _NO_EVENT, wish
            elif position in answered:
                outcomes[position] = wish[0] if isinstance(wish, tuple) else _NO_EVENT, answered[position]
            elif isinstance(wish, Initialize):
                new[position] = wish
            else:
                event_id, command = wish
                of_event = together.get(event_id) or together.setdefault(event_id, _Together([], []))
                of_event.positions.append(position)
                of_event.commands.append(command)
        await self._ask(new, together, key, outcomes)
        if len({event_id for event_id, _ in outcomes.values()}) > 1:
            visit.event_id = None  # the log names one event or none
        return ResultsBody([_result(*outcomes[position], visit) for position in range(len(entries))])

    async def _ask(
        self,
        new: Mapping[int, Initialize],
        together: Mapping[EventId, _Together],
        key: Key | None,
        outcomes: dict[int, _Outcome],
    ) -> None:
        """Put the outcomes of these with the others."""
        made = await self._begin(new, key, outcomes) if new else []
        waiting = []
        for event_id, (positions, commands) in together.items():
            keys = _keys(key, positions)
            asked = self._desk.hand_in_all(event_id, commands, keys)
            waiting.append((event_id, positions, self._desk.answers(event_id, commands, asked, keys)))
        for position, event_id, initialized in made:
            outcomes[position] = event_id, await initialized
        for event_id, positions, answers in waiting:
            for position, answer in zip(positions, await answers, strict=True):
                outcomes[position] = event_id, answer

    async def _begin(
        self, new: Mapping[int, Initialize], key: Key | None, outcomes: dict[int, _Outcome]
    ) -> list[tuple[int, EventId, Asked]]:
        """Have these events made, under ids that are asked for in one query."""
        try:
            event_ids = await self._desk.new_event_ids(len(new))
        except ProblemError as problem:
            outcomes.update(dict.fromkeys(new, (_NO_EVENT, problem)))
            return []
        return [
            (position, event_id, self._desk.hand_in_new(event_id, initialize, own))
            for event_id, own, (position, initialize) in zip(
                event_ids, _keys(key, list(new)), new.items(), strict=True
            )
        ]


def _wishes(entries: Sequence[Entry], visit: Visit) -> Iterator[_Wish]:
    """What the entries stand for, as far as this visitor may ask for it."""
    customer = visit.customer
    refused = {kind: _refusal(kind, visit) for kind in set(map(type, entries))}
    for position, entry in enumerate(entries):
        if isinstance(entry, ProblemError):
            yield entry
        elif (refusal := refused[type(entry)]) is not None:
            yield refusal
        else:
            try:
                if isinstance(entry, InitializeBody):
                    yield initialize_of(entry, pointer(position))
                else:
                    yield command_of(entry, customer, pointer(position))
            except ProblemError as problem:
                yield problem


def _refusal(kind: type[Entry], visit: Visit) -> ProblemError | None:
    """Why this visitor may not ask for anything of this kind, if that is so."""
    if issubclass(kind, ProblemError):
        return None
    call = str(kind.__struct_config__.tag)  # that the command would be by itself
    try:
        visit.require(BY_NAME[call].scopes)
    except ProblemError as problem:
        return problem
    return None


def _keys(key: Key | None, positions: list[int]) -> list[Key | None]:
    """The key of each command at these positions."""
    if key is None:
        return [None] * len(positions)
    return [Key(key.caller, key.text, key.fingerprint, position) for position in positions]


def _result(event_id: EventId, outcome: Answer | ProblemError, visit: Visit) -> ResultBody:
    try:
        if isinstance(outcome, ProblemError):
            raise outcome
        reply = reply_to(event_id, outcome, visit.customer)
    except ProblemError as problem:
        return ResultBody(problem.status, problem.document(visit.request_id))
    return ResultBody(reply.status, reply.body)
