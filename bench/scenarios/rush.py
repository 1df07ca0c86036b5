"""`rush`: an on-sale with ten times as many people as tickets, none of whom has any patience.

Until the doors open, when the warm-up is over, people reload the event's page. Then they book, each under an
idempotency key of their own. Who is not answered in 0.2 to 2 s hangs up and asks again, with the same key
and body, until there is an answer; who is told 503 or 429 comes back when `Retry-After` says. Some press
twice at once, some once more when they have their answer; some look at the event again, and some give back
what they got, so that the next in line is promoted. Sold out, or a place in line, is as it should be.
"""

import time
from collections.abc import Callable
from random import Random

import msgspec

from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.bench.options import Options
from boxoffice.bench.scenarios.again import Again, is_final
from boxoffice.bench.scenarios.naming import Names, new_run
from boxoffice.bench.scenarios.preparing import PLENTY, make_events, require
from boxoffice.bench.scenarios.reading import code_in, failed, order_in
from boxoffice.bench.scenarios.scenario import Plan, Taken
from boxoffice.bench.target import Target

OVERSUBSCRIBED = 10
PEOPLE_PER_S = 2_000
"""Whom a closed loop is expected to bring: any faster server has even more people for its tickets."""
ASKS_PER_PERSON = 1.25
TICKETS_PER_PERSON = 1.4

PATIENCE_S = (0.2, 2.0)
PATIENCE_MAX_S = 10.0
"""It doubles each time: who has come so far stays on the line."""
HASTE_S = 0.001
"""How soon the second press follows the first, for those who press twice at once."""
RELOAD_S = (0.05, 0.2)
GIVE_BACK_S = (0.0, 4.0)
"""How long people have what they give back: most of it is sold out by then, and others wait for it."""

PRESS_TWICE, PRESS_AFTERWARDS = 0.02, 0.03
LOOK, GIVE_BACK, WOULD_NOT_WAIT = 0.1, 0.1, 0.05
PARTIES = (1,) * 14 + (2,) * 5 + (4,)

BOOKED, AS_IT_SHOULD_BE = Taken(1), Taken()
REFUSALS = frozenset({"sold_out", "waitlist_full"})


class Rush:
    """One event, for a tenth of those who come."""

    name = "rush"
    counted = "orders"

    async def prepare(self, target: Target, options: Options) -> Plan:
        """One event, with a waiting list. Raises LoadError."""
        run = new_run()
        await require(target, "sell", "read")
        event = {"eventName": f"Load test {run}", "totalTickets": tickets_for(options)}
        return Plan(await make_events(target, [event]), {"run": run})

    def visitor(self, plan: Plan, options: Options, number: int, chance: Random) -> "Crowd":
        """One person after the other."""
        return Crowd(plan.event_ids[0], Names(plan.more["run"], number), options, chance)


def tickets_for(options: Options) -> int:
    """A tenth of what those who are expected would like to have; or as many as the options say."""
    if options.tickets is not None:
        return options.tickets
    people_per_s = PEOPLE_PER_S if options.rate is None else options.rate / ASKS_PER_PERSON
    wanted = people_per_s * options.seconds * TICKETS_PER_PERSON
    return min(PLENTY, max(1, round(wanted / OVERSUBSCRIBED)))


class Person(msgspec.Struct):
    """Somebody who wants tickets."""

    name: str
    patience_s: float
    presses_twice: bool
    has_answer: bool = False


class Crowd:
    """People who come by one connection, one after the other."""

    def __init__(
        self,
        event_id: str,
        names: Names,
        options: Options,
        chance: Random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._event_id = event_id
        self._names = names
        self._chance = chance
        self._clock = clock
        self._again = Again(options, chance, clock)
        self._warm_up_s = options.warm_up_s
        self._opens_s: float | None = None
        self._is_open = False

    def next(self) -> Ask:
        """Whoever has to ask again, or somebody new."""
        if not self._is_open and not self._doors_are_open():
            return self._look_at_event(self._chance.uniform(*RELOAD_S))
        return self._again.next() or self._somebody_new()

    def answered(self, ask: Ask, answer: Answer) -> Taken:
        """What the person makes of it."""
        match ask.call:
            case "book":
                return self._answered_booking(ask, answer)
            case "cancel" if not is_final(answer):
                self._again.put(ask, answer)
                return failed(answer)
            case _:
                return AS_IT_SHOULD_BE if answer.status == 200 else failed(answer)

    def _doors_are_open(self) -> bool:
        now_s = self._clock()
        if self._opens_s is None:
            self._opens_s = now_s + self._warm_up_s
        self._is_open = now_s >= self._opens_s
        return self._is_open

    def _look_at_event(self, after_s: float = 0.0) -> Ask:
        return Ask("status", f"/status/{self._event_id}", method="GET", after_s=after_s)

    def _somebody_new(self) -> Ask:
        chance, event_id, name = self._chance, self._event_id, self._names.new()
        quantity, waits = chance.choice(PARTIES), chance.random() >= WOULD_NOT_WAIT
        twice = chance.random() < PRESS_TWICE
        person = Person(name, chance.uniform(*PATIENCE_S), twice)
        more = "" if waits else ',"waitlist":false'
        body = f'{{"eventId":"{event_id}","userId":"{name}","quantity":{quantity}{more}}}'.encode()
        facts: dict[str, object] = {"e": event_id, "u": name, "q": quantity}
        if not waits:
            facts["w"] = False
        patience_s = HASTE_S if twice else person.patience_s
        return Ask("book", "/book", body, key=name, patience_s=patience_s, note=person, facts=facts)

    # --- what comes of a booking -----------------------------------------------------------------

    def _answered_booking(self, ask: Ask, answer: Answer) -> Taken:
        person: Person = ask.note
        if answer.status == 0 and person.presses_twice:
            person.presses_twice = False
            self._again.put_in(0.0, msgspec.structs.replace(ask, patience_s=person.patience_s))
            return AS_IT_SHOULD_BE
        if not is_final(answer):
            if answer.status == 0:
                person.patience_s = min(2 * person.patience_s, PATIENCE_MAX_S)
            self._again.put(ask, answer, person.patience_s)
            return AS_IT_SHOULD_BE if answer.status == 409 else failed(answer)
        is_first, person.has_answer = not person.has_answer, True
        if is_first:
            self._goes_on(ask, answer)
        if answer.status in (201, 202):
            return BOOKED if is_first else AS_IT_SHOULD_BE
        return AS_IT_SHOULD_BE if code_in(answer.body) in REFUSALS else failed(answer)

    def _goes_on(self, ask: Ask, answer: Answer) -> None:
        """What somebody does who has their answer: for most people, that was it."""
        luck = self._chance.random()
        if luck < PRESS_AFTERWARDS:
            self._again.put_in(0.0, msgspec.structs.replace(ask, patience_s=None))
        elif luck < PRESS_AFTERWARDS + LOOK:
            self._again.put_in(0.0, self._look_at_event())
        elif luck < PRESS_AFTERWARDS + LOOK + GIVE_BACK:
            self._gives_back(ask.note, answer)

    def _gives_back(self, person: Person, answer: Answer) -> None:
        order = order_in(answer) if answer.status in (201, 202) else None
        if order is not None:
            body = f'{{"orderId":"{order.order_id}"}}'.encode()
            key = f"{person.name}-back"
            ask = Ask("cancel", "/cancel", body, key=key, facts={"o": order.order_id})
            self._again.put_later(self._chance.uniform(*GIVE_BACK_S), ask)
