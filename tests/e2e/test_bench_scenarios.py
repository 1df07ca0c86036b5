"""Every scenario of the load tester before a real server; and what it says when it cannot begin."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from random import Random

import aiohttp
import pytest
from aiohttp import web

from boxoffice.actors.principals import Rate, Scope
from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.bench.options import Options
from boxoffice.bench.scenarios.all import SCENARIOS
from boxoffice.bench.scenarios.scenario import LoadError, Plan, Visitor
from boxoffice.bench.target import Target
from tests.support.people import api_key
from tests.support.postgres import Cluster
from tests.support.server import Server

VISITORS = 8
WAIT_MAX_S = 0.05
"""Nobody thinks for longer here."""


class Load:
    """What some visitors asked for, what they were answered, and what the scenario made of it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.good = 0
        self.failed: Counter[str] = Counter()
        self.asked: list[tuple[Ask, Answer]] = []

    async def run(self, visitor: Visitor, turns: int) -> None:
        """So many requests, one after the other; and then what has to be asked again."""
        keys: set[str] = set()
        for turn in range(turns + 50):
            ask = visitor.next()
            assert ask is not None
            if turn >= turns and ask.key not in keys:
                return
            if ask.key is not None:
                keys.add(ask.key)
            await asyncio.sleep(min(ask.after_s, WAIT_MAX_S))
            answer = await self._answer(ask)
            taken = visitor.answered(ask, answer)
            self.good += taken.good
            if taken.failed is not None:
                self.failed[taken.failed] += 1
            self.asked.append((ask, answer))

    async def _answer(self, ask: Ask) -> Answer:
        headers = {"Content-Type": "application/json", **({"Idempotency-Key": ask.key} if ask.key else {})}
        timeout = aiohttp.ClientTimeout(total=ask.patience_s or 10)
        try:
            async with self._session.request(
                ask.method, ask.path, data=ask.body or None, headers=headers, timeout=timeout
            ) as response:
                retry = response.headers.get("Retry-After")
                replayed = response.headers.get("Idempotent-Replayed") == "true"
                body = await response.read()
                return Answer(response.status, body, float(retry) if retry else None, replayed)
        except (aiohttp.ClientError, TimeoutError):
            return Answer(0)

    def count(self, call: str, status: int) -> int:
        """How many of these were answered so."""
        return sum(ask.call == call and answer.status == status for ask, answer in self.asked)


async def loaded(server: Server, options: Options, turns: int) -> tuple[Plan, Load]:
    """The scenario, prepared, and so many requests of each of its visitors."""
    scenario = SCENARIOS[options.scenario]
    plan = await scenario.prepare(Target(server.url), options)
    async with aiohttp.ClientSession(server.url) as session:
        load = Load(session)
        visitors = [
            scenario.visitor(plan, options, number, Random(f"{options.seed} {number}"))
            for number in range(VISITORS)
        ]
        await asyncio.gather(*(load.run(visitor, turns) for visitor in visitors))
    return plan, load


READ, SELL, ORGANISE = Scope.READ, Scope.SELL, Scope.ORGANISE
LIMITED = Rate(1, 60)


class Keyed:
    """A server that does nothing for those without a key, and keys of all kinds."""

    def __init__(self, server: Server, keys: dict[frozenset[Scope] | Rate, str]) -> None:
        self._url = server.url
        self._keys = keys

    def target(self, *scopes: Scope) -> Target:
        """For the holder of a key with these scopes, and no limit."""
        return Target(self._url, self._keys[frozenset(scopes)])

    @property
    def limited(self) -> Target:
        """For the holder of a key with all of them, and a limit."""
        return Target(self._url, self._keys[LIMITED])

    def stranger(self, key: str | None) -> Target:
        """For somebody without a key, or with one that is not known."""
        return Target(self._url, key)


@pytest.fixture(scope="module")
def keyed(embedded_cluster: Cluster) -> Iterator[Keyed]:
    """One for the whole module: a server takes its time to notice new keys."""
    kinds = [(READ, SELL), (READ,), (ORGANISE,), (SELL, ORGANISE), (READ, SELL, ORGANISE)]
    with embedded_cluster.database() as url:
        keys: dict[frozenset[Scope] | Rate, str] = {frozenset(kind): api_key(url, *kind) for kind in kinds}
        keys[LIMITED] = api_key(url, *kinds[-1], limit=LIMITED)
        server = Server("--database-url", url)
        yield Keyed(server, keys)
        server.stop()


def totals(server: Server, event_ids: list[str]) -> Counter[str]:
    """The numbers of these events, added up."""
    sums: Counter[str] = Counter()
    for event_id in event_ids:
        sums.update({name: n for name, n in server.status(event_id).items() if type(n) is int})
    return sums


# --- each of them --------------------------------------------------------------------------------


async def test_hot_books_at_one_event_and_a_second_run_is_not_in_its_way(attacked: Server) -> None:
    for seed in (1, 1):
        plan, load = await loaded(attacked, Options(scenario="hot", seed=seed), 40)
        assert load.failed == {}
        assert len(plan.event_ids) == 1
        assert load.good == attacked.status(plan.event_ids[0])["bookedTickets"] == VISITORS * 40


async def test_spread_books_at_many_events_that_it_makes_in_batches(attacked: Server) -> None:
    plan, load = await loaded(attacked, Options(scenario="spread", events=600), 100)
    assert load.failed == {}
    assert len(set(plan.event_ids)) == 600
    first = plan.event_ids[:100]  # of one batch, were they not shuffled
    assert first != sorted(first, key=int)
    assert load.good == VISITORS * 100
    booked = [attacked.status(event_id)["bookedTickets"] for event_id in plan.event_ids[:40]]
    asked = Counter(ask.facts["e"] for ask, _ in load.asked)
    assert booked == [asked[event_id] for event_id in plan.event_ids[:40]]


async def test_batch_books_for_many_in_one_request(attacked: Server) -> None:
    plan, load = await loaded(attacked, Options(scenario="batch", batch=1_000, events=2), 2)
    assert load.failed == {}
    assert load.good == totals(attacked, plan.event_ids)["bookedTickets"] == VISITORS * 2 * 1_000


async def test_batch_says_how_many_were_refused_and_why(attacked: Server) -> None:
    plan, load = await loaded(attacked, Options(scenario="batch", batch=10, tickets=25), 1)
    assert load.good == attacked.status(plan.event_ids[0])["bookedTickets"] == 25
    assert set(load.failed) == {"202 no tickets left"}


async def test_rush_sells_out_and_everybody_gets_one_answer(attacked: Server) -> None:
    options = Options(scenario="rush", tickets=60, warm_up_s=0.0)
    plan, load = await loaded(attacked, options, 150)
    assert set(load.failed) <= {"no answer"}  # to some who were in a hurry, on a busy machine
    orders: set[bytes] = set()
    answers: dict[str | None, Answer] = {}
    for ask, answer in load.asked:
        if ask.call == "book" and answer.status:
            first = answers.setdefault(ask.key, answer)
            assert answer.replayed == (first is not answer) or first.replayed
            if answer.status in (201, 202):
                assert answer.body == first.body
                orders.add(answer.body)
    assert load.good == len(orders) > 500
    assert {answer.status for answer in answers.values()} == {201, 202, 409}
    status = attacked.status(plan.event_ids[0])
    assert status["bookedTickets"] + status["availableTickets"] == 60
    cancelled = {ask.key for ask, answer in load.asked if ask.call == "cancel" and answer.status == 200}
    live = attacked.get(f"/orders?eventId={plan.event_ids[0]}&status=confirmed&limit=500")[1]["items"]
    assert len(live) + status["waitingListCount"] == len(orders) - len(cancelled)
    assert len(cancelled) > 10
    assert any(answer.replayed for _, answer in load.asked)


async def test_rush_waits_for_the_doors_to_open(attacked: Server) -> None:
    plan, load = await loaded(attacked, Options(scenario="rush", tickets=60, warm_up_s=60.0), 3)
    assert (load.failed, load.count("status", 200)) == ({}, VISITORS * 3)
    assert attacked.status(plan.event_ids[0])["version"] == 1


async def test_churn_does_all_there_is_to_do_and_leaves_no_more_orders_than_its_visitors_may_have(
    attacked: Server,
) -> None:
    options = Options(scenario="churn", connections=VISITORS, events=3)
    plan, load = await loaded(attacked, options, 300)
    assert load.failed == {}
    for call in ("book", "hold"):
        assert load.count(call, 201) > 20
        assert load.count(call, 202) > 20
    for call in ("confirm", "extend", "cancel", "order"):
        assert load.count(call, 200) > 5
    assert sum(answer.body.count(b'"status":"offered"') for ask, answer in load.asked) > 10
    numbers = totals(attacked, plan.event_ids)
    assert numbers["waitingListCount"] <= 8 * VISITORS
    assert 0 < numbers["bookedTickets"] + numbers["heldTickets"] <= 3 * 8 * VISITORS


# --- what stands in the way ----------------------------------------------------------------------


async def no_load(target: Target, **options: object) -> str:
    """Why there is none."""
    asked = Options(**{"scenario": "hot", **options})  # type: ignore[arg-type]
    with pytest.raises(LoadError) as refused:
        await SCENARIOS[asked.scenario].prepare(target, asked)
    return str(refused.value)


@pytest.mark.parametrize(
    ("scenario", "scopes", "words"),
    [
        ("hot", (READ, SELL), "may not make an event: it needs the scope `organise`"),
        ("spread", (READ, SELL), "may not make an event: it needs the scope `organise`"),
        ("spread", (READ,), "may not book: it needs the scope `sell`"),
        ("batch", (ORGANISE,), "may not book: it needs the scope `sell`"),
        ("churn", (SELL, ORGANISE), "it needs the scope `read`"),
        ("rush", (SELL, ORGANISE), "it needs the scope `read`"),
    ],
)
async def test_a_key_that_may_not_is_told_which_scope_it_needs(
    keyed: Keyed, scenario: str, scopes: tuple[Scope, ...], words: str
) -> None:
    assert words in await no_load(keyed.target(*scopes), scenario=scenario, events=3)


async def test_who_has_no_key_or_an_unknown_one_is_told_so(keyed: Keyed) -> None:
    assert "wants an API key" in await no_load(keyed.stranger(None))
    unknown = "bo_" + "0" * 12 + "_" + "0" * 43
    assert "does not know this API key" in await no_load(keyed.stranger(unknown))


async def test_a_key_with_a_rate_limit_is_told_that_it_has_one(keyed: Keyed) -> None:
    assert "has a rate limit" in await no_load(keyed.limited, scenario="spread", events=10)


async def test_with_all_scopes_it_can_be_prepared(keyed: Keyed) -> None:
    for scenario in ("hot", "spread", "rush", "churn", "batch"):
        options = Options(scenario=scenario, events=3)
        plan = await SCENARIOS[scenario].prepare(keyed.target(READ, SELL, ORGANISE), options)
        assert len(plan.event_ids) == (1 if scenario in ("hot", "rush") else 3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scenario": "hot", "tickets": 0}, "422 invalid_request: The body is not what this call takes."),
        ({"scenario": "hot", "tickets": 0}, "/totalTickets: expected"),
        ({"scenario": "spread", "tickets": 10_000_001, "events": 2}, "422 invalid_request"),
        ({"scenario": "spread", "events": 0}, "1 to 1,000,000 events, not 0"),
        ({"scenario": "churn", "events": 10_001}, "1 to 10,000 events, not 10,001"),
        ({"scenario": "batch", "batch": 1_001}, "1 to 1,000 commands, not 1,001"),
        ({"scenario": "batch", "events": 0}, "1 to 1,000,000 events, not 0"),
    ],
)
async def test_what_no_server_takes_is_said_before_the_load(
    attacked: Server, options: dict[str, object], words: str
) -> None:
    assert words in await no_load(Target(attacked.url), **options)


async def test_nobody_there_and_no_box_office_are_said_in_words() -> None:
    assert "nobody answers at http://127.0.0.1:9" in await no_load(Target("http://127.0.0.1:9"))
    for body, status in (("<html>", 200), ("<html>", 404), ("{}", 200), ("[]", 200), ("{}", 404)):
        async with answering(body, status) as url:
            assert "is no box office" in await no_load(Target(url)), (body, status)


async def test_a_server_that_speaks_otherwise_is_told_with_what_would_do() -> None:
    async with answering("{}", 200) as url:
        said = await no_load(Target(url.replace("http://", "https://")))
        assert said.endswith("does not speak TLS: try http:// instead of https://")
    for greeting, words in (
        (b"SSH-2.0-OpenSSH\r\n", "does not speak HTTP: try https:// if it speaks TLS"),
        (b"", "without an answer"),
    ):
        async with greeting_with(greeting) as url:
            assert words in await no_load(Target(url))


async def test_a_server_that_sends_its_callers_on_is_not_loaded_elsewhere() -> None:
    async with answering("", 302, {"Location": "http://127.0.0.1:9/elsewhere"}) as url:
        for scenario in ("hot", "listeners"):  # which ask by POST and by GET
            said = await no_load(Target(url), scenario=scenario)
            assert said == f"{url} sends its callers on to http://127.0.0.1:9/elsewhere: load that"


async def test_whoever_is_no_box_office_is_told_what_it_answered() -> None:
    async with answering("{}", 201) as url:
        said = await no_load(Target(url))
    assert said == f"what answers at {url} is no box office: it answered POST /book with 201, as none would"


@asynccontextmanager
async def greeting_with(words: bytes) -> AsyncIterator[str]:
    """A server that says this to everybody, and hangs up."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(words)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def answering(body: str, status: int, headers: dict[str, str] | None = None) -> AsyncIterator[str]:
    """A server that answers everything like this."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, status=status, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield site.name
    finally:
        await runner.cleanup()
