"""`batch`: many bookings in one request, each for a new customer, at one event or at several in turn.

A server takes 1,000 commands in a batch, and 1 MiB: a booking is 60 to 90 bytes, so that both go together. It
has 10,000 of one event under way at most, and refuses each that is more: so there are eight visitors, unless
somebody asks for others, and then the report says what comes of it.
"""

from itertools import cycle
from random import Random

import msgspec

from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.bench.options import Options
from boxoffice.bench.scenarios.again import NO_TIME_SAID_S
from boxoffice.bench.scenarios.booking import PAUSE_S
from boxoffice.bench.scenarios.naming import Names, new_run
from boxoffice.bench.scenarios.preparing import events_in, make_events, require, tickets_in
from boxoffice.bench.scenarios.reading import code_in, failed
from boxoffice.bench.scenarios.scenario import LoadError, Plan, Taken
from boxoffice.bench.target import Target

COMMANDS_MAX = 1_000
"""What a server takes in one batch."""

_BOOKED = b'{"status":201,"body":{'


class _Result(msgspec.Struct, gc=False):
    status: int
    body: msgspec.Raw


class _Results(msgspec.Struct):
    results: list[_Result]


_RESULTS = msgspec.json.Decoder(_Results)


class Batch:
    """One event, or as many as `options.events` says; each request is a batch of bookings at one of them."""

    name = "batch"
    counted = "bookings"

    async def prepare(self, target: Target, options: Options) -> Plan:
        """Events of `options.tickets`, or of 10,000,000. Raises LoadError."""
        if not 1 <= options.batch <= COMMANDS_MAX:
            raise LoadError(f"a batch has 1 to {COMMANDS_MAX:,} commands, not {options.batch:,}")
        count, run, tickets = events_in(options, 1), new_run(), tickets_in(options)
        await require(target, "sell")
        events: list[dict[str, object]] = [
            {"eventName": f"Load test {run}, {number}", "totalTickets": tickets} for number in range(count)
        ]
        return Plan(await make_events(target, events), {"run": run})

    def visitor(self, plan: Plan, options: Options, number: int, chance: Random) -> "Group":  # noqa: ARG002
        """Somebody who books for many."""
        first = number % len(plan.event_ids)
        events = plan.event_ids[first:] + plan.event_ids[:first]
        return Group(events, options.batch, Names(plan.more["run"], number))


class Group:
    """Books for `size` new customers a request, at the next event each time."""

    __slots__ = ("_after_s", "_events", "_names", "_size")

    def __init__(self, events: list[str], size: int, names: Names) -> None:
        self._events = cycle(events)
        self._size = size
        self._names = names
        self._after_s = 0.0

    def next(self) -> Ask:
        """One batch."""
        event_id, new, after_s = next(self._events), self._names.new, self._after_s
        self._after_s = 0.0
        users = [new() for _ in range(self._size)]
        head = f'{{"do":"book","eventId":"{event_id}","userId":"'
        between = '"},' + head
        body = f'{{"commands":[{head}{between.join(users)}"}}]}}'.encode()
        facts = [{"do": "book", "e": event_id, "u": user} for user in users]
        return Ask("batch", "/batch", body, units=self._size, facts=facts, after_s=after_s)

    def answered(self, ask: Ask, answer: Answer) -> Taken:
        """The bookings among them; all 300 KB are decoded only if one is missing."""
        if answer.status != 200:
            self._after_s = PAUSE_S if answer.retry_after_s is None else answer.retry_after_s
            return failed(answer)
        good = answer.body.count(_BOOKED)
        if good == ask.units:
            return Taken(good)
        self._after_s = NO_TIME_SAID_S
        return _looked_through(answer.body, ask.units)


def _looked_through(body: bytes, asked: int) -> Taken:
    """The bookings in it, and what the first of the others was told."""
    try:
        results = _RESULTS.decode(body).results
    except msgspec.MsgspecError:
        return Taken(failed="200 unreadable")
    others = [each for each in results if each.status != 201]
    if not others:
        return Taken(len(results), None if len(results) == asked else "200 too few results")
    status, told = others[0].status, others[0].body
    name = "no tickets left" if status == 202 else code_in(bytes(told))
    return Taken(len(results) - len(others), f"{status} {name}".rstrip())
