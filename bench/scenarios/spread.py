"""`spread`: everybody books somewhere among many events, few of which are sought after, and most are not.

Popularity follows Zipf's law with s = 1: the second event is asked for half as often as the first, the n-th
1/n as often. Of 10,000 events the first gets a tenth of all bookings, the last 5,000 together 7 %.
"""

from bisect import bisect
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from random import Random

from boxoffice.bench.options import Options
from boxoffice.bench.scenarios.booking import Booker
from boxoffice.bench.scenarios.naming import Names, new_run
from boxoffice.bench.scenarios.preparing import events_in, make_events, require, tickets_in
from boxoffice.bench.scenarios.scenario import Plan
from boxoffice.bench.target import Target

EVENTS = 10_000


class Spread:
    """Many events with plenty of tickets; each request books one for a new customer."""

    name = "spread"
    counted = "bookings"

    async def prepare(self, target: Target, options: Options) -> Plan:
        """As many events as `options.events` says, or 10,000, the most popular first. Raises LoadError."""
        count, run, tickets = events_in(options, EVENTS), new_run(), tickets_in(options)
        await require(target, "sell")
        events: list[dict[str, object]] = [
            {"eventName": f"Load test {run}, {number}", "totalTickets": tickets} for number in range(count)
        ]
        event_ids = await make_events(target, events)
        Random(options.seed).shuffle(event_ids)  # neighbours in the database are not to be so in demand
        return Plan(event_ids, {"run": run})

    def visitor(self, plan: Plan, options: Options, number: int, chance: Random) -> Booker:  # noqa: ARG002
        """Somebody who books here and there."""
        return Booker(by_popularity(plan.event_ids, chance), Names(plan.more["run"], number))


def by_popularity(event_ids: list[str], chance: Random) -> Iterator[str]:
    """Events without end, the n-th with a chance of 1/n of the first's: 0.3 µs each for 10,000."""
    heights = _heights(len(event_ids))
    draw, top = chance.random, heights[-1]
    while True:
        yield event_ids[bisect(heights, draw() * top)]


@lru_cache(maxsize=4)
def _heights(count: int) -> list[float]:
    """How often the first n events are asked for, for n from 1 to `count`. One table for all visitors."""
    return list(accumulate(1 / rank for rank in range(1, count + 1)))
