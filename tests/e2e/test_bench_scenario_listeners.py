"""Listeners beside a load: of a real server all end on the newest version, and what a bad one does is found.

The bad ones are servers of a test's own that show one status and tell listeners another.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from boxoffice.bench.load.asks import Answer
from boxoffice.bench.load.audience import audience
from boxoffice.bench.options import Options
from boxoffice.bench.proof.findings import Check
from boxoffice.bench.proof.ledger import Ledger
from boxoffice.bench.scenarios.all import SCENARIOS
from boxoffice.bench.scenarios.companion import Accompanied, Found
from boxoffice.bench.scenarios.listeners import NEWEST, Listeners
from boxoffice.bench.scenarios.scenario import LoadError, Plan, Scenario
from boxoffice.bench.target import Target
from tests.support.server import Server, run

BOOKINGS = 50


def test_the_scenario_is_known_and_is_the_only_one_that_is_accompanied() -> None:
    assert [name for name, scenario in SCENARIOS.items() if isinstance(scenario, Accompanied)] == [
        "listeners"
    ]


async def book(scenario: Scenario, target: Target, plan: Plan, options: Options, ledger: Path) -> None:
    """A load of one client."""
    visitor, written = scenario.visitor(plan, options, 1, random.Random(1)), Ledger(ledger)
    for _ in range(BOOKINGS):
        ask = visitor.next()
        assert ask is not None
        sent_s = time.monotonic()
        status, body = await target.call(ask.method, ask.path, json.loads(ask.body))
        answer = Answer(status, json.dumps(body, separators=(",", ":")).encode())
        written.note(ask, answer, sent_s, time.monotonic())
        assert visitor.answered(ask, answer).good == 1, body
    written.close()


async def test_all_who_listen_end_on_the_newest_version(server: Server, tmp_path: Path) -> None:
    scenario, options = Listeners(), Options(scenario="listeners", listeners=200)
    target = Target(server.url)
    plan = await scenario.prepare(target, options)
    async with scenario.companion(target, plan, options) as listeners:
        begin_s = time.monotonic()
        await book(scenario, target, plan, options, tmp_path / "ledger")
        found = await listeners.found(begin_s, time.monotonic(), [tmp_path / "ledger"])
    (check,) = found.checks
    assert (check.looked_at, check.broken, check.examples) == (200, 0, [])
    figures = found.figures
    assert figures["listeners"] == figures["listeners_final"] == 200
    assert figures["stalled"] == 2
    assert set(scenario.figures) == set(figures)
    assert figures["listeners_closed"] == figures["stalled_closed"] == 0
    assert figures["messages_per_s"] > 0
    assert 0 <= figures["staleness_p50_ms"] <= figures["staleness_p99_ms"] <= figures["staleness_max_ms"]
    assert 0 < figures["lag_p99_ms"] <= figures["lag_max_ms"]


# --- servers that are none -----------------------------------------------------------------------


class Bad:
    """A server whose event is at version 5, and whose listeners, who have the key, are told 4 when they come;
    once `told` is given, they are told that, and may be closed.
    """

    def __init__(self) -> None:
        self.told: asyncio.Future[tuple[Sequence[int], int | None]] = asyncio.Future()

    async def status(self, _: web.Request) -> web.Response:
        return web.json_response({"version": 5})

    async def live(self, request: web.Request) -> web.WebSocketResponse:
        if request.headers.get("Authorization") != "Bearer bo_1_secret":
            raise web.HTTPUnauthorized
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str('{"version":4}')
        versions, close_code = await self.told
        for each in versions:
            await socket.send_str(f'{{"version":{each}}}')
        if close_code is not None:
            await socket.close(code=close_code)
        while (await socket.receive()).type not in (WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR):
            pass
        return socket

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Target]:
        app = web.Application()
        app.add_routes([web.get("/status/1", self.status), web.get("/status/1/live", self.live)])
        async with TestServer(app) as server:
            yield Target(str(server.make_url("")).rstrip("/"), "bo_1_secret")


async def found_before(told: Sequence[int], close_code: int | None = None, settle_s: float = 20.0) -> Found:
    """What three listeners find who are told this."""
    bad, options = Bad(), Options(scenario="listeners", listeners=3)
    async with bad.open() as target, Listeners(settle_s).companion(target, Plan(["1"]), options) as there:
        bad.told.set_result((told, close_code))
        return await there.found(time.monotonic() - 1, time.monotonic(), [])


def only(found: Found) -> Check:
    (check,) = found.checks
    return check


async def test_whoever_has_the_newest_version_is_right() -> None:
    check = only(await found_before([4, 5, 5]))
    assert (check.looked_at, check.broken) == (3, 0)


@pytest.mark.parametrize(
    ("told", "broken", "example"),
    [
        ([3, 5], 3, "was sent an older version after a newer one"),
        ([6], 1, "was told of version 6, and the event is at 5"),
    ],
)
async def test_what_is_broken_is_found(told: list[int], broken: int, example: str) -> None:
    check = only(await found_before(told))
    assert check.broken == broken
    assert example in check.examples


async def test_whoever_is_told_no_more_is_found() -> None:
    check = only(await found_before([], settle_s=0.2))
    assert check.broken == 3
    assert check.examples == ["still at version 4, and the event at 5"] * 3


async def test_a_server_may_close_and_it_is_counted_by_its_code() -> None:
    found = await found_before([], close_code=1013)
    assert only(found).broken == 0
    assert found.figures["listeners_closed_1013"] == found.figures["listeners_closed"] == 3
    assert found.figures["listeners_final"] == 0


async def test_what_was_seen_of_a_server_that_is_gone_is_told_and_the_end_left_open() -> None:
    bad, options = Bad(), Options(scenario="listeners", listeners=3)
    async with contextlib.AsyncExitStack() as stack:
        async with bad.open() as target:
            there = await stack.enter_async_context(Listeners().companion(target, Plan(["1"]), options))
            bad.told.set_result(([3], None))
            await asyncio.sleep(0.2)  # for it to arrive
        found = await there.found(time.monotonic() - 1, time.monotonic(), [])
    assert str(found.undone).startswith("the server is gone: nobody answers at http://127.0.0.1:")
    assert only(found).skipped == found.undone
    assert only(found).examples == ["was sent an older version after a newer one"] * 3
    assert found.figures["listeners_closed"] == 3
    assert found.figures["messages_per_s"] > 0
    assert "listeners_final" not in found.figures


async def come_in(target: Target) -> None:
    options = Options(scenario="listeners", listeners=3)
    async with Listeners().companion(target, Plan(["1"]), options):
        pass


async def test_listeners_who_are_not_let_in_are_no_listeners() -> None:
    async with Bad().open() as target:
        nobody = Target(target.url, "bo_2_other")
        with pytest.raises(LoadError, match="only 0 of 3 listeners came in; the others: 3 of them HTTP 401"):
            await come_in(nobody)
    with pytest.raises(LoadError, match=r"only 0 of 3 .*refused"):
        await come_in(target)


async def test_a_lost_process_is_a_broken_promise_and_not_a_lost_report() -> None:
    options = Options(scenario="listeners", listeners=3)
    async with Bad().open() as target, Listeners().companion(target, Plan(["1"]), options) as there:
        os.kill(there._process.pid, signal.SIGKILL)
        check = only(await there.found(0, 1, []))
    assert (check.broken, check.examples) == (3, ["the listeners' process has ended"])


async def test_the_process_is_gone_when_nobody_needs_it() -> None:
    async with audience() as process:
        assert (await process.ask("idle")) == {"kept": 0}
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


# --- as a whole ----------------------------------------------------------------------------------


def test_the_command_reports_what_they_saw_and_counts_it_among_the_proof(server: Server) -> None:
    many = ("--listeners", "100", "--connections", "8", "--seconds", "1", "--warm-up", "0.2")
    fails = ("--fail-if", "staleness_p99>10s", "--fail-if", "listeners_closed>0")
    ended = run("bench", server.url, "--scenario", "listeners", *many, "--json=-", *fails)
    assert ended.code == 0, ended.err
    results = json.loads(ended.out)
    extra = results["extra"]
    assert extra["listeners"] == extra["listenersFinal"] == 100
    assert extra["messagesPerS"] > 0
    assert extra["stalenessP99Ms"] > 0
    (check,) = [each for each in results["audit"]["checks"] if each["name"] == NEWEST]
    assert (check["lookedAt"], check["broken"]) == (100, 0)
