"""A sale in which everything happens once, told on a real server, and ways to falsify what is recorded of it.

Not a load: one thing follows the other, so that every version is known beforehand. Driven by the version
checker's tests, on the event loop.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from boxoffice.actors.changes import Change
from tests.e2e.load import Crowd, crowd
from tests.simulation.report import Report
from tests.simulation.versions import committed, examine
from tests.support.log import Seen
from tests.support.server import Server

TERMS: dict[str, Any] = {
    "waitlistMode": "offer",
    "offerSeconds": 600,
    "maxPerCustomer": 5,
    "waitlistLimit": 4,
}


@dataclass(frozen=True)
class History:
    """An event's log, and what was seen of it, by its name in the story. It is falsified in copies only."""

    event: str
    log: Sequence[Change]
    seen: dict[str, Seen]

    def examined(self, look_lag_s: float = 0.0) -> Report:
        """What the version checker makes of it."""
        return examine(self.event, self.log, self.seen.values(), look_lag_s=look_lag_s)

    def broken(self) -> set[str]:
        """The promises that are broken."""
        return {violation.promise for violation in self.examined().violations}

    def version(self, name: str) -> int:
        """The version that an answer names."""
        version: int = self.seen[name].answer["version"]
        return version

    def order(self, name: str) -> str:
        """The order that an answer names."""
        order_id: str = self.seen[name].answer["orderId"]
        return order_id

    # --- falsified -------------------------------------------------------------------------------

    def but(self, name: str, **fields: Any) -> "History":
        """One request was seen otherwise."""
        return replace(self, seen=self.seen | {name: replace(self.seen[name], **fields)})

    def but_answered(self, name: str, **fields: Any) -> "History":
        """One answer said something else."""
        return self.but(name, answer={**self.seen[name].answer, **fields})

    def unanswered(self, *names: str, status: int = 0) -> "History":
        """These clients never learned of the outcome."""
        lost = {name: replace(self.seen[name], status=status, answer=None) for name in names}
        return replace(self, seen=self.seen | lost)

    def without(self, *names: str) -> "History":
        """Nobody asked for this."""
        return replace(self, seen={name: each for name, each in self.seen.items() if name not in names})

    def also(self, seen: Seen, name: str = "also") -> "History":
        """Somebody saw this, too."""
        return replace(self, seen=self.seen | {name: seen})

    def but_logged(self, version: int, **fields: Any) -> "History":
        """One change says something else."""
        return self.with_change(msgspec.structs.replace(self.log[version - 1], **fields))

    def with_change(self, change: Change) -> "History":
        """Another change stands at this version."""
        return replace(self, log=[change if each.version == change.version else each for each in self.log])

    def without_change(self, version: int) -> "History":
        """One change is missing."""
        return replace(self, log=[each for each in self.log if each.version != version])


class Teller:
    """Asks for one thing after the other, and keeps each under a name."""

    def __init__(self, crowd: Crowd, event: str) -> None:
        self._crowd = crowd
        self._event = event
        self.seen: dict[str, Seen] = {}

    async def ask(self, name: str, path: str, key: str | None = None, **asked: Any) -> Any:
        """The answer to a request; `of` stands for the order that an earlier answer names."""
        if (of := asked.pop("of", None)) is not None:
            asked["orderId"] = self.seen[of].answer["orderId"]
        else:
            asked["eventId"] = self._event
        self.seen[name] = await self._crowd.ask(path, key=key, **asked)
        return self.seen[name].answer

    async def look(self, name: str, path: str) -> Any:
        """What a GET shows."""
        self.seen[name] = await self._crowd.look(path)
        return self.seen[name].answer


async def tell(server: Server) -> History:
    """The whole story."""
    event = server.event(tickets=4, **TERMS)
    async with crowd(server) as clients:
        teller = Teller(clients, event)
        await _it_sells_out(teller)
        await asyncio.to_thread(server.until, event, heldTickets=1)
        await teller.look("hold lapsed", f"/status/{event}")
        await _tickets_come_back(teller)
        await _it_ends(teller)
        await teller.look("end", f"/status/{event}")
        await teller.look("list", f"/orders?eventId={event}&limit=500")
    return History(event, committed(server.database_url, event), teller.seen)


async def _it_sells_out(teller: Teller) -> None:
    await teller.ask("unknown", "/cancel", userId="dan")
    await teller.ask("ann", "/book", userId="ann", quantity=2)
    await teller.ask("bob", "/hold", userId="bob", holdSeconds=2)  # ends before it is confirmed
    await teller.ask("cleo", "/hold", userId="cleo", holdSeconds=60)
    await teller.ask("dan", "/book", userId="dan", quantity=2)
    await teller.ask("eve", "/book", userId="eve")
    await teller.ask("fay", "/hold", userId="fay", key="fay")
    await teller.ask("fay again", "/hold", userId="fay", key="fay")
    await teller.ask("fay's key", "/hold", userId="fay", quantity=2, key="fay")
    await teller.ask("sold out", "/book", userId="gus", waitlist=False)
    await teller.ask("not held", "/confirm", of="dan")
    await teller.ask("already confirmed", "/extend", of="ann")
    await teller.ask("capacity in use", "/adjust", totalTickets=1)
    await teller.ask("contradictory", "/adjust", holdSeconds=9000)
    await teller.look("eve waits", f"/orders/{teller.seen['eve'].answer['orderId']}")
    await teller.look("bob holds", f"/orders/{teller.seen['bob'].answer['orderId']}")


async def _tickets_come_back(teller: Teller) -> None:
    await teller.ask("hold expired", "/confirm", of="bob")
    await teller.ask("hal", "/book", userId="hal")
    await teller.ask("waitlist full", "/book", userId="ivy")
    await teller.ask("ann's part", "/cancel", of="ann", quantity=1)
    await teller.ask("not extended", "/extend", of="cleo", holdSeconds=1)
    await teller.ask("cleo extends", "/extend", of="cleo", holdSeconds=600)
    await teller.ask("cleo confirms", "/confirm", of="cleo")
    await teller.ask("dan confirms", "/confirm", of="dan")
    await teller.ask("exceeds order", "/cancel", of="dan", quantity=3)
    await teller.ask("ann's rest", "/cancel", userId="ann")
    await teller.ask("already cancelled", "/cancel", of="ann")
    await teller.ask("ann has none", "/cancel", userId="ann")
    await teller.look("ann is out", f"/orders/{teller.seen['ann'].answer['orderId']}")


async def _it_ends(teller: Teller) -> None:
    await teller.ask("larger", "/adjust", totalTickets=8, eventName="Encore")
    await teller.ask("joe", "/book", userId="joe", key="joe")
    await teller.ask("joe again", "/book", userId="joe", key="joe")
    await teller.ask("joe's second", "/book", userId="joe", key="joe, too")
    await teller.ask("limit exceeded", "/book", userId="joe", quantity=4)
    await teller.ask("ambiguous", "/cancel", userId="joe")
    await teller.ask("no limit", "/adjust", maxPerCustomer=None)
    await teller.ask("exceeds capacity", "/book", userId="kim", quantity=9)
    await teller.ask("close", "/close")
    await teller.ask("sales closed", "/book", userId="kim")
