"""What the chaos run breaks: a PostgreSQL, two servers, and a proxy between each of them and the database.

And how it is broken: each fault is a coroutine that does it, and mends it again before it ends. Called by the
chaos run, on its event loop; whatever blocks is done on a thread.
"""

import asyncio
import re
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import TypeAlias

import psycopg2

from boxoffice.actors.failpoints import Place
from boxoffice.persistence import database as database_of
from boxoffice.persistence.embedded import EmbeddedPostgres
from tests.simulation.proxy import Fault, Proxy
from tests.support.log import database
from tests.support.postgres import public_folder
from tests.support.server import Server

PLACES: list[Place] = [
    "actor.decide", "actor.hand_over", "journal.write", "journal.commit", "journal.committed",
    "journal.answer",
]  # fmt: skip

SAID = {
    "in doubt": r"event\(s\) is in doubt",
    "resolved: committed": r"of a commit in doubt, [1-9]\d* of",
    "resolved: not committed": r"of a commit in doubt, 0 of",
    "unresolved": r"nobody knows whether",
    "fences lost": r"is another server's",
    "times the database was away": r'"boxoffice\.persistence\.line","event":"the database is away',
}
"""What the servers' logs are searched for."""


class House:
    """All of it, running; `servers` are never None, but may be dead for a while."""

    def __init__(self, postgres: EmbeddedPostgres, proxies: list[Proxy]) -> None:
        self.postgres = postgres
        self.url = postgres.url
        self.proxies = proxies
        self.counts: Counter[str] = Counter()
        self.servers_door = asyncio.Lock()  # what is done to servers is done to one after the other
        self._said: list[list[str]] = []
        self.servers = [self._serve(proxy) for proxy in proxies]
        self._urls = [server.url for server in self.servers]

    def _serve(self, proxy: Proxy, failpoints: str = "", wait: bool = True) -> Server:
        env = {"LOG_LEVEL": "warning", **({"BOXOFFICE_FAILPOINTS": failpoints} if failpoints else {})}
        server = Server("--database-url", proxy.url, env=env, wait=wait)
        self._said.append(server.said)
        self.counts["server starts"] += 1
        return server

    def url_of(self, number: int) -> str:
        """Where this server listens, or did when it was last alive."""
        return self._urls[number]

    async def restart(self, number: int, failpoints: str = "") -> None:
        """Have a server again where one has died; tries until it opens, whatever else is broken meanwhile."""
        while True:
            try:
                self.servers[number] = await asyncio.to_thread(self._serve, self.proxies[number], failpoints)
            except AssertionError:
                self.counts["failed starts"] += 1
                await asyncio.sleep(0.2)
            else:
                self._urls[number] = self.servers[number].url
                return

    async def some_server(self, chance: Random) -> int:
        """One of them, alive."""
        await self.revive()
        return chance.randrange(2)

    async def revive(self) -> None:
        """See to it that both servers are alive."""
        for number, server in enumerate(self.servers):
            if server.process.poll() is not None:
                self.counts["died at a failpoint"] += 1
                await self.restart(number)

    def close(self) -> None:
        """End the servers in order; raises AssertionError unless all can, or died at a place just now."""
        died = [server for server in self.servers if server.process.poll() is not None]
        codes = [server.process.returncode if server in died else server.stop() for server in self.servers]
        expected = [-signal.SIGKILL if server in died else 0 for server in self.servers]
        assert codes == expected, f"the servers ended with {codes}"

    def kill(self) -> None:
        """End whatever is still alive."""
        for server in self.servers:
            if server.process.poll() is None:
                server.kill()

    def said(self) -> Counter[str]:
        """How often the servers said what."""
        lines = [line for said in self._said for line in said]
        found = {what: sum(bool(re.search(how, line)) for line in lines) for what, how in SAID.items()}
        return Counter(found)

    def tracebacks(self) -> list[str]:
        """What went wrong in the servers that they did not expect."""
        texts = ["".join(said) for said in self._said]
        return [
            text[at.start() - 300 : at.start() + 2_000]
            for text in texts
            for at in re.finditer("Traceback", text)
        ]


@contextmanager
def house() -> Iterator[House]:
    """A house, torn down at the end."""
    with public_folder() as folder, ExitStack() as stack:
        postgres = EmbeddedPostgres(Path(folder) / "data")
        postgres.start()
        stack.callback(postgres.stop, "immediate")
        engine = database_of.make_engine(postgres.url)
        database_of.upgrade(engine)
        engine.dispose()
        proxies = [stack.enter_context(Proxy(postgres.url)) for _ in range(2)]
        built = House(postgres, proxies)
        stack.callback(built.kill)
        yield built


# --- faults --------------------------------------------------------------------------------------

Act: TypeAlias = Callable[[House, Random], Awaitable[None]]


async def server_killed(house: House, chance: Random) -> None:
    """kill -9, at any instant."""
    async with house.servers_door:
        number = await house.some_server(chance)
        await asyncio.to_thread(house.servers[number].kill)
        await asyncio.sleep(chance.random())
        await house.restart(number)


async def server_dies_at_a_place(house: House, chance: Random) -> None:
    """kill -9, at a labelled line."""
    async with house.servers_door:
        number, place = await house.some_server(chance), chance.choice(PLACES)
        await asyncio.to_thread(house.servers[number].kill)
        await house.restart(number, f"{place}=kill@{chance.randint(3, 60)}")
        await asyncio.sleep(2.0)
        await house.revive()


async def event_is_sick(house: House, chance: Random) -> None:
    """An event whose actor fails, for as long as this server lives."""
    async with house.servers_door:
        number, failure = await house.some_server(chance), chance.choice(["MemoryError", "SystemExit"])
        await asyncio.to_thread(house.servers[number].kill)
        await house.restart(number, f"actor.decide=raise {failure}@{chance.randint(1, 20)}")


async def server_stopped(house: House, chance: Random) -> None:
    """SIGSTOP, and SIGCONT when another may have its events."""
    async with house.servers_door:
        process = house.servers[await house.some_server(chance)].process
        process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(0.5 + 3 * chance.random())
        finally:
            process.send_signal(signal.SIGCONT)


async def server_told_to_stop(house: House, chance: Random) -> None:
    """SIGTERM under load: it ends in order, and in time."""
    async with house.servers_door:
        number = await house.some_server(chance)
        code = await asyncio.to_thread(house.servers[number].stop)
        assert code in (0, -signal.SIGKILL), f"the server ended with {code}"  # it may die at a failpoint
        await house.restart(number)


async def postgres_stopped(house: House, chance: Random) -> None:
    """`pg_ctl stop -m immediate`, and started again."""
    await asyncio.to_thread(house.postgres.stop, "immediate")
    await asyncio.sleep(chance.random())
    await asyncio.to_thread(house.postgres.start)


async def sessions_ended(house: House, _: Random) -> None:
    """pg_terminate_backend, for every session there is."""

    def end() -> None:
        with suppress(psycopg2.Error), database(house.url) as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'boxoffice' AND pid <> pg_backend_pid()"
            )

    await asyncio.to_thread(end)


async def event_locked(house: House, chance: Random) -> None:
    """Somebody holds all rows of `events` in a transaction of their own."""

    def hold() -> None:
        with suppress(psycopg2.Error), database(house.url) as cursor:  # PostgreSQL may be stopped, too
            cursor.execute("SELECT 1 FROM events FOR UPDATE")
            cursor.execute("SELECT pg_sleep(%s)", (0.5 + 2 * chance.random(),))

    await asyncio.to_thread(hold)


def at_commit(*faults: Fault) -> Act:
    """The network fails when something is to be committed, some times in a row."""

    async def act(house: House, chance: Random) -> None:
        proxy = chance.choice(house.proxies)
        await asyncio.to_thread(
            proxy.at_commit, *(chance.choice(faults) for _ in range(chance.randint(1, 4)))
        )
        await asyncio.sleep(1 + 2 * chance.random())
        await asyncio.to_thread(proxy.disarm)

    return act


def for_a_while(begin: Callable[[Proxy, Random], AbstractContextManager[None]], longest_s: float) -> Act:
    """The network is in this state for some time."""

    async def act(house: House, chance: Random) -> None:
        with ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, begin(chance.choice(house.proxies), chance))
            await asyncio.sleep(longest_s * (0.2 + 0.8 * chance.random()))
            await asyncio.to_thread(stack.close)

    return act


async def connections_cut(house: House, chance: Random) -> None:
    """Every connection is lost, at any instant."""
    for _ in range(chance.randint(1, 5)):
        await asyncio.to_thread(chance.choice(house.proxies).close_all)
        await asyncio.sleep(0.3 * chance.random())


COMMITTED = at_commit(Fault.LOST_AFTER, Fault.ANSWER_SWALLOWED)
NOT_COMMITTED = at_commit(Fault.LOST_BEFORE, Fault.SWALLOWED)

FAULTS: dict[str, Act] = {
    "server killed": server_killed,
    "server dies at a place": server_dies_at_a_place,
    "server stopped": server_stopped,
    "server told to stop": server_told_to_stop,
    "event sick": event_is_sick,
    "PostgreSQL stopped": postgres_stopped,
    "sessions ended": sessions_ended,
    "events locked": event_locked,
    "commit's answer lost": COMMITTED,
    "commit lost": NOT_COMMITTED,
    "commit torn": at_commit(Fault.TORN),
    "commit cut inside": at_commit(Fault.CUT_INSIDE),
    "connections cut": connections_cut,
    "black hole": for_a_while(lambda proxy, _: proxy.black_hole(), 4.0),
    "refusing": for_a_while(lambda proxy, _: proxy.refusing(), 2.0),
    "slow network": for_a_while(lambda proxy, chance: proxy.delayed(0.01 + 0.2 * chance.random()), 4.0),
}
