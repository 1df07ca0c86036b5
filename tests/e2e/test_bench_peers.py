"""What boxoffice is compared with is correct: it sells what there is, once, and who comes too late waits.

Otherwise it would be no comparison. boxoffice itself is held to the same. Skipped where what a peer is made
of is not installed; `make peers` installs all but node and Redis.
"""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support import postgres
from tests.support.server import QUIET

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "bench" / "trials" / "peers.py"
INSTALLED = (ROOT / "build" / "peers" / ".installed").exists()
NEEDS = {"a": "node", "d": "redis-server"}
PEERS = ("boxoffice", "a", "b", "c", "d")

ORDER = {"orderId", "eventId", "userId", "quantity", "status", "version", "createdAt"}


@contextmanager
def running(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    with postgres.public_folder() as folder:
        command = [sys.executable, str(SCRIPT), *arguments, "--temporary", str(folder)]
        with subprocess.Popen(command, stdout=-1, stderr=subprocess.STDOUT, text=True, env=QUIET) as process:
            try:
                yield process
            finally:
                process.terminate()  # then it ends what it has begun
                process.communicate(timeout=60)


@pytest.fixture(scope="module", params=PEERS)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a peer is open."""
    peer = request.param
    there = INSTALLED and shutil.which(NEEDS.get(peer, sys.executable))
    if peer != "boxoffice" and not there:
        pytest.skip("what it is made of is not installed")
    with running("--open", peer) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if " is open at " in line:
                break
        else:
            pytest.fail("".join(said))
        yield line.split()[-1]


class Peer:
    """A peer, and an event."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.event_id = ""

    async def post(self, path: str, **body: object) -> tuple[int, Any]:
        async with self._session.post(path, json=body) as answer:
            return answer.status, await answer.json()

    async def sell(self, tickets: int) -> None:
        status, event = await self.post("/initialize", eventName="Hot", totalTickets=tickets)
        assert status == 201, event
        self.event_id = event["eventId"]

    async def book(self, user_id: str, quantity: int = 1) -> tuple[int, Any]:
        return await self.post("/book", eventId=self.event_id, userId=user_id, quantity=quantity)

    async def counts(self) -> tuple[int, int, int]:
        async with self._session.get(f"/status/{self.event_id}") as answer:
            status = await answer.json()
        return status["availableTickets"], status["bookedTickets"], status["waitingListCount"]


@pytest.fixture
async def peer(url: str) -> Any:
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0)) as session:
        yield Peer(session)


async def test_of_fifty_at_once_twenty_get_the_twenty_tickets_and_the_others_wait(peer: Peer) -> None:
    await peer.sell(20)
    answers = await asyncio.gather(*(peer.book(f"customer {number}") for number in range(50)))
    booked = [order for status, order in answers if status == 201]
    waiting = [order for status, order in answers if status == 202]
    assert (len(booked), len(waiting)) == (20, 30), answers
    assert {order["status"] for order in booked} == {"confirmed"}
    assert {order["status"] for order in waiting} == {"waitlisted"}
    assert sorted(order["position"] for order in waiting) == list(range(1, 31))
    assert len({order["orderId"] for order in (*booked, *waiting)}) == 50
    assert sorted(order["version"] for order in (*booked, *waiting)) == list(range(2, 52))
    assert await peer.counts() == (0, 20, 30)


async def test_its_answers_have_the_shape_of_ours(peer: Peer) -> None:
    await peer.sell(1)
    status, booked = await peer.book("ann")
    assert (status, set(booked)) == (201, ORDER)
    assert (booked["eventId"], booked["userId"], booked["quantity"]) == (peer.event_id, "ann", 1)
    status, waiting = await peer.book("bob")
    assert (status, set(waiting)) == (202, {*ORDER, "position"})


async def test_a_party_too_large_for_what_is_left_waits_and_nobody_passes_it(peer: Peer) -> None:
    await peer.sell(5)
    assert [(await peer.book(name, size))[0] for name, size in (("ann", 3), ("bob", 3), ("cleo", 1))] == [
        201,
        202,
        202,
    ]
    assert await peer.counts() == (2, 3, 2)


async def test_what_cannot_be_is_refused(peer: Peer) -> None:
    await peer.sell(5)
    assert (await peer.book("ann", 0))[0] == 422
    assert (await peer.post("/book", eventId="999999", userId="ann"))[0] == 404
    assert await peer.counts() == (5, 0, 0)


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_the_comparison_counts_what_was_booked_and_sets_it_beside_doing_nothing(tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    short = ("--seconds", "1", "--rounds", "1", "--connections", "4", "--json", str(found))
    with running("--only", "boxoffice", "e", *short) as process:
        said, _ = process.communicate(timeout=100)
    assert process.returncode == 0, said
    document = json.loads(found.read_bytes())
    ours, nothing = document["standings"]
    assert (ours["letter"], nothing["letter"], nothing["to_nothing"]) == ("boxoffice", "e", 1.0)
    assert ours["boxoffice_to_it"] == 1.0
    assert ours["rate"] > 0
    (row,) = document["rows"]
    assert row["value"] == pytest.approx(ours["rate"] / nothing["rate"], rel=0.01)
    assert row["met"] == (row["value"] >= 0.75)
