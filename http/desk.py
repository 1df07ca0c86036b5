"""Where commands are handed in: asks the event's actor, and the database for what no actor keeps.

What an actor does not know any more (a cancelled order, an expired hold) is answered from the database. With
a key, whatever is final is recorded before it is answered: most of it by the journal, the rest here. Called
on the event loop.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import ParamSpec, TypeVar

from boxoffice.actors.messages import (
    Answer,
    Cancel,
    CancelFor,
    Command,
    Confirm,
    EventUnknown,
    Extend,
    Find,
    Found,
    Initialize,
    NotApplied,
    OrderSettled,
    OrderUnknown,
)
from boxoffice.actors.ports import DatabaseAway, Key, Reading, Replies
from boxoffice.actors.values import LIVE, EventId, EventStatus, OrderId
from boxoffice.http.answers import refusal
from boxoffice.http.bridge import AllAsked, Asked, Bridge
from boxoffice.http.problems import ProblemError

P = ParamSpec("P")
R = TypeVar("R")

_NOT_WHOLE = (OrderUnknown, EventUnknown)
"""What an actor answers about what it does not keep."""


class Desk:
    """Commands, on one bridge to the actors and one set of questions to the database."""

    def __init__(self, bridge: Bridge, reading: Reading, replies: Replies) -> None:
        self._bridge = bridge
        self._reading = reading
        self._replies = replies

    async def ask(self, event_id: EventId, command: Command, key: Key | None = None) -> Answer:
        """The answer to a command, true for good."""
        answer = await self._bridge.submit(event_id, command, key)
        if type(answer) in _NOT_WHOLE:
            answer = await self._whole(event_id, command, answer, key)
        return answer

    def hand_in(self, event_id: EventId, command: Command, key: Key | None = None) -> Asked:
        """Hand a command in, to be followed by `answer`: many can be, before any is answered."""
        return self._bridge.submit(event_id, command, key)

    async def answer(self, event_id: EventId, command: Command, asked: Asked, key: Key | None) -> Answer:
        """The answer to a command that was handed in."""
        answer = await asked
        return await self._whole(event_id, command, answer, key) if type(answer) in _NOT_WHOLE else answer

    def hand_in_all(
        self, event_id: EventId, commands: Sequence[Command], keys: Sequence[Key | None]
    ) -> AllAsked:
        """Hand commands to one event in, to be followed by `answers`."""
        return self._bridge.submit_all(event_id, commands, keys)

    async def answers(
        self, event_id: EventId, commands: Sequence[Command], asked: AllAsked, keys: Sequence[Key | None]
    ) -> list[Answer | ProblemError]:
        """The answers to commands that were handed in; a ProblemError for what could not be looked up."""
        answers: list[Answer | ProblemError] = [*await asked]
        for place, answer in enumerate(answers):
            if isinstance(answer, _NOT_WHOLE):
                try:
                    answers[place] = await self._whole(event_id, commands[place], answer, keys[place])
                except ProblemError as problem:
                    answers[place] = problem
        return answers

    async def _whole(self, event_id: EventId, command: Command, answer: Answer, key: Key | None) -> Answer:
        """An answer that the event's actor could not give whole, looked up and, with a key, recorded."""
        if isinstance(answer, OrderUnknown):
            answer = await self._looked_up(event_id, command, answer.version) or answer
        if key is None or isinstance(answer, NotApplied):
            return answer
        recorded = await self.read(self._replies.record, key, answer)
        if recorded.fingerprint != key.fingerprint:
            return NotApplied("another server was given the same key for something else")
        return recorded.answer

    async def initialize(self, command: Initialize, key: Key | None) -> tuple[EventId, Answer]:
        """Have an event made, under an id that no event has had."""
        (event_id,) = await self.new_event_ids(1)
        return event_id, await self.hand_in_new(event_id, command, key)

    async def new_event_ids(self, number: int) -> list[EventId]:
        """Ids that no event has had, in their order. Raises ProblemError 503."""
        return await self.read(self._reading.new_event_ids, number)

    def hand_in_new(self, event_id: EventId, command: Initialize, key: Key | None) -> Asked:
        """Have an event made under a new id; the answer is whole."""
        return self._bridge.initialize(event_id, command, key)

    async def read(self, query: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Ask the database. Raises ProblemError 503 when it is away."""
        try:
            return await self._bridge.read(query, *args, **kwargs)
        except DatabaseAway as away:
            raise ProblemError("not_applied", f"Nothing was changed: {away}. Try again shortly.") from away

    async def status(self, event_id: EventId) -> EventStatus:
        """An event's committed numbers, without asking its actor. Raises ProblemError 404 or 503."""
        status = self._bridge.status(event_id)
        if status is None:
            status = await self.read(self._reading.status, event_id) or EventUnknown()
        if not isinstance(status, EventStatus):
            raise refusal(event_id, status)
        return status

    async def statuses(self, event_ids: Collection[EventId]) -> dict[EventId, EventStatus | ProblemError]:
        """The same of many; what there is none of is left out. Raises ProblemError 503."""
        found: dict[EventId, EventStatus | ProblemError] = {}
        for event_id in event_ids:
            status = self._bridge.status(event_id)
            if status is not None:
                found[event_id] = status if isinstance(status, EventStatus) else refusal(event_id, status)
        absent = [event_id for event_id in event_ids if event_id not in found]
        stored = await self.read(self._reading.statuses, absent) if absent else []
        return {**found, **{status.event_id: status for status in stored}}

    async def standing(self, event_id: EventId, order_ids: Sequence[OrderId]) -> list[Found]:
        """Orders as the database has them, those there are. Raises ProblemError 503."""
        found = await self.read(self._reading.standing, event_id, order_ids)
        if found:
            await self._bridge.catch_up(event_id, found[0].version)
        return found

    async def catch_up(self, versions: Mapping[EventId, int]) -> None:
        """Wait until nobody is shown less of these events than what was read of them in the database."""
        for event_id, version in versions.items():
            await self._bridge.catch_up(event_id, version)

    async def _looked_up(self, event_id: EventId, command: Command, version: int) -> Answer | None:
        """What became of an order that was not live at this version; None if there never was one."""
        match command:
            case Cancel(order_id) | Confirm(order_id) | Extend(order_id):
                found = await self.read(self._reading.order, event_id, order_id)
            case Find(order_id):
                found = next(iter(await self.read(self._reading.standing, event_id, [order_id])), None)
            case CancelFor(customer):
                # What they have ordered since is not what they meant, nor what they were answered for.
                found = await self.read(self._reading.last_order_of, event_id, customer, version)
            case _:
                return None
        if found is None or _is_hidden(found, command):
            return None
        if isinstance(command, Find):
            await self.catch_up({event_id: found.version})
            return found
        if found.order.status in LIVE:
            return NotApplied("the order changed hands while it was looked up")
        return OrderSettled(found.order, version)


def _is_hidden(found: Found, command: Command) -> bool:
    """Whether the order is another customer's than the one who asks."""
    asker = getattr(command, "on_behalf_of", None)
    return asker is not None and found.order.customer != asker
