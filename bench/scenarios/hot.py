"""`hot`: everybody books at one event that has plenty of tickets. What the engine can do at the most."""

from itertools import repeat
from random import Random

from boxoffice.bench.options import Options
from boxoffice.bench.scenarios.booking import Booker
from boxoffice.bench.scenarios.naming import Names, new_run
from boxoffice.bench.scenarios.preparing import make_events, require, tickets_in
from boxoffice.bench.scenarios.scenario import Plan
from boxoffice.bench.target import Target


class Hot:
    """One event; each request books one ticket for a new customer."""

    name = "hot"
    counted = "bookings"

    async def prepare(self, target: Target, options: Options) -> Plan:
        """One event of `options.tickets`, or of 10,000,000. Raises LoadError."""
        run = new_run()
        await require(target, "sell")
        event = {"eventName": f"Load test {run}", "totalTickets": tickets_in(options)}
        return Plan(await make_events(target, [event]), {"run": run})

    def visitor(self, plan: Plan, options: Options, number: int, chance: Random) -> Booker:  # noqa: ARG002
        """Somebody who books on and on."""
        return Booker(repeat(plan.event_ids[0]), Names(plan.more["run"], number))
