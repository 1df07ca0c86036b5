"""The chaos run: two servers, PostgreSQL, faults of every kind, clients that ask for everything there is, and
listeners that watch.

    python tests/simulation/chaos.py [--seconds 60] [--seed 7] [--clients 16]

In periods of 5 s, a quarter of them quiet, it breaks some things at a time, and mends them. At the end all is
made whole, the clients bring what they began to its end, and every listener must hear of it in time. Then it
is looked at: `boxoffice audit`, and the version checker, which compares the ledger of all answers, and all
that listeners were told, with the log. It fails if a promise was broken, and also if it was not hard enough:
if no COMMIT was in doubt, no fence lost, nobody promoted, nothing expired, no key replayed, nobody told 503,
nothing rebuilt, no listener cut off. What chance did not bring about is brought about then.

The seed decides what is broken when; the operating system decides the rest, so a seed does not repeat a run
to the letter. Traffic stays on the loopback address.
"""

import argparse
import asyncio
import json
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import aiohttp

sys.path.insert(0, str(Path(__file__).parents[2]))  # run as a script

from tests.simulation import versions
from tests.simulation.chaos_clients import Client, Ledger, Shop
from tests.simulation.chaos_house import COMMITTED, FAULTS, NOT_COMMITTED, Act, House, house
from tests.simulation.chaos_listeners import Audience, Stage
from tests.simulation.listened import look_at_connections, told_of_each
from tests.support.audit import audited
from tests.support.log import database

PERIOD_S = 5.0
EVENTS = 6
STALE_S = 15.0
"""A server learns within a second that it has lost an event, if it is not stopped or cut off meanwhile."""

NEW_EVENTS_EVERY = 6
"""Periods after which the clients go on to new events, so that no log grows without end."""

REMEDIES: Mapping[str, Act] = {
    "resolved: committed": COMMITTED,
    "resolved: not committed": NOT_COMMITTED,
    "fences lost": FAULTS["server stopped"],
    "503": FAULTS["refusing"],
    "server starts": FAULTS["server killed"],
}
"""What is broken, once more, when it has not come about by chance."""

NEEDED = (
    *(*REMEDIES, "promotions", "expiries", "replays"),
    *("listeners told while something was broken", "listeners told of order", "listeners told of a position"),
    *("listeners came back", "listeners came back by Last-Event-ID", "listeners stalled"),
)

HEARD_WITHIN_S = 15.0
"""How long it may take until every listener knows what is newest, once nothing is broken any more."""

GOING_AWAY = 1001
"""The close code of a server that is told to stop."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What kind of a run."""

    seconds: float
    seed: int
    clients: int = 16


class Run:
    """One run."""

    def __init__(self, wanted: Wanted, built: House) -> None:
        self._wanted = wanted
        self._house = built
        self._chance = random.Random(wanted.seed)
        self._ledger = Ledger()
        self._done = False
        self._events: list[str] = []
        self._initialized = 0
        self._deck: list[str] = []
        self._shop = Shop(built.url_of, [])
        self._breaking = 0
        self._stage = Stage(lambda: self._breaking > 0)
        self._audience = Audience(self._shop, self._stage, wanted.seed)

    async def run(self) -> Counter[str]:
        """Break things for as long as is wanted, make all whole, and look. Raises AssertionError."""
        connector = aiohttp.TCPConnector(limit=0, force_close=False)
        async with aiohttp.ClientSession(connector=connector) as session:
            await self._new_events(session)
            clients = [
                asyncio.create_task(self._client(number).run(session, lambda: self._done))
                for number in range(self._wanted.clients)
            ]
            await self._break_things(session)
            self._done = True
            self._stage.calm.set()
            await self._house.revive()
            last = self._client(self._wanted.clients)
            await asyncio.gather(*clients, last.have_the_last_word(session, self._events))
            await self._everybody_hears()
            await self._close()
        return await self._look()

    def _client(self, number: int) -> Client:
        return Client(number, self._shop, self._ledger, random.Random(f"{self._wanted.seed}-{number}"))

    async def _break_things(self, session: aiohttp.ClientSession) -> None:
        """One period after the other, and then what is missing yet."""
        until_s = time.monotonic() + self._wanted.seconds
        period = 0
        while time.monotonic() < until_s:
            period += 1
            if period % NEW_EVENTS_EVERY == 0:
                await self._new_events(session)
            await self._period()
        for what in self._missing():
            await self._provoke(what)

    async def _everybody_hears(self) -> None:
        """Promise 13: nothing is broken any more, each event has changed, and every listener hears of it."""
        stored = await asyncio.to_thread(self._stored)
        versions = {event: stored[event] for event in self._events}
        began_s = time.monotonic()
        while behind := self._audience.behind(versions):
            assert time.monotonic() - began_s < HEARD_WITHIN_S, "\n".join(behind)
            await self._house.revive()
            await asyncio.sleep(0.05)
        self._stage.counts["ms until all listeners knew the end"] = round(1000 * (time.monotonic() - began_s))

    async def _close(self) -> None:
        """Promise 18: those who listen are told that their server goes away, unless it is dead already."""
        self._stage.done = True
        standing = [each for each in self._stage.connections if each.is_open]
        await asyncio.to_thread(self._house.close)
        await self._audience.end()
        for each in standing:
            died = self._house.servers[each.server].process.returncode != 0
            assert died or each.ended == GOING_AWAY, f"the {each.listener} was left with {each.ended}"

    async def _new_events(self, session: aiohttp.ClientSession) -> None:
        made = []
        for number in range(EVENTS):
            terms: dict[str, object] = {
                "waitlistMode": "offer" if number % 2 else "book",
                "offerSeconds": 1,
                "maxPerCustomer": 9,
                "waitlistLimit": 40,
            }
            made.append(await asyncio.to_thread(self._event, terms))
        self._events += made
        self._shop.events = made
        self._audience.come(session, made)

    def _event(self, terms: dict[str, object]) -> str:
        self._initialized += 1
        key = f"event-{self._initialized}"
        while True:  # whatever is broken now
            for server in self._house.servers:
                with suppress(OSError, HTTPException):
                    body = {"eventName": "Chaos", "totalTickets": 20, **terms}
                    reply = server.post_once(key, "/initialize", **body)
                    if reply.status == 201:
                        return str(reply.document["eventId"])
            time.sleep(0.2)

    async def _period(self) -> None:
        """Some faults at random moments, or none; done when all of them are mended again."""
        chance = self._chance
        if chance.random() < 0.25:
            self._house.counts["quiet periods"] += 1
            await asyncio.sleep(PERIOD_S)
            return
        faults = [self._next_fault() for _ in range(chance.randint(1, 3))]
        print(f"  {', '.join(faults)}", flush=True)
        began_s = time.monotonic()
        await asyncio.gather(*(self._break(FAULTS[fault]) for fault in faults))
        await self._house.revive()
        await asyncio.sleep(max(0.5, PERIOD_S - (time.monotonic() - began_s)))

    def _next_fault(self) -> str:
        """Each of them once before any comes again."""
        if not self._deck:
            self._deck = self._chance.sample(list(FAULTS), len(FAULTS))
        return self._deck.pop()

    async def _break(self, act: Act) -> None:
        await asyncio.sleep(self._chance.random() * PERIOD_S / 2)
        self._breaking += 1
        await act(self._house, self._chance)
        self._breaking -= 1

    def _seen(self) -> Counter[str]:
        """What has come about, as far as it can be known while it runs."""
        counts = self._house.said() + self._ledger.counts
        counts["503"] = sum(n for code, n in self._ledger.counts.items() if code.startswith("503"))
        counts["server starts"] = self._house.counts["server starts"] - len(self._house.servers)
        return counts

    def _missing(self) -> list[str]:
        seen = self._seen()
        return [what for what in REMEDIES if not seen[what]]

    async def _provoke(self, what: str) -> None:
        for _ in range(5):
            if self._seen()[what]:
                return
            print(f"  (for: {what})", flush=True)
            await REMEDIES[what](self._house, self._chance)
            await self._house.revive()
            await asyncio.sleep(2.0)

    def _stored(self) -> dict[str, int]:
        """The events that the database has, and their versions."""
        with database(self._house.url) as cursor:
            cursor.execute("SELECT id::text, version FROM events")
            return dict(cursor.fetchall())

    async def _look(self) -> Counter[str]:
        """Whether every promise was kept."""
        look_at_connections(self._stage.connections)
        report = await asyncio.to_thread(audited, self._house.url)
        assert not report.violations, "\n".join(map(str, report.violations))
        counts = self._seen() + self._house.counts + self._stage.counts
        events = {*self._events, *self._shop.made}
        assert self._ledger.counts["given up"] or events == set(self._stored()), (
            "an event that nobody made, or lost"
        )
        told = told_of_each(self._stage.connections)
        for event in sorted(events, key=int):
            seen = [*self._ledger.seen, *told[event]]
            found = await asyncio.to_thread(versions.check, self._house.url, event, seen, look_lag_s=STALE_S)
            counts["versions"] += found.versions
            counts["promotions"] += found.promotions
            counts["expiries"] += found.expiries
            counts["unknown, and applied"] += found.applied
            counts["unknown, and not applied"] += found.not_applied
        counts["events"] = len(events)
        for proxy in self._house.proxies:
            counts.update(proxy.counts)
        absent = [what for what in NEEDED if not counts[what]]
        assert not absent, f"it was not hard enough: there was none of {', '.join(absent)}"
        return counts


def chaos(wanted: Wanted) -> Counter[str]:
    """One run; how often what happened. Raises AssertionError, with the seed, if a promise was broken."""
    print(f"chaos with --seed {wanted.seed}, for {wanted.seconds:.0f} s", flush=True)
    with house() as built:
        try:
            return asyncio.run(Run(wanted, built).run())
        except BaseException as failure:
            failure.add_note(f"chaos with --seed {wanted.seed}")
            for text in built.tracebacks()[:3]:
                failure.add_note(text)
            raise


def main() -> None:
    """Run it, and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--clients", type=int, default=16)
    options = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    counts = chaos(Wanted(options.seconds, seed, options.clients))
    print(json.dumps(dict(sorted(counts.items())), indent=2))


if __name__ == "__main__":
    main()
