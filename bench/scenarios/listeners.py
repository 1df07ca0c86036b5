"""`listeners`: thousands watch one event over WebSockets while it is booked; how old is what they see?

People book as in `hot`. Beside them, in a process of their own, `options.listeners` listen to the event, and
one in a hundred more never reads what it is sent, as a browser does whose computer sleeps. After the load
every listener must end on the version that `GET /status` shows, unless the server has closed its connection.
What a listener saw is compared with when bookers were answered: see `bench/load/staleness.py`. In the parent
process, but for the visitors.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

from boxoffice.bench.load.audience import A_SECOND, AudienceLostError, Process, audience
from boxoffice.bench.load.staleness import Answered
from boxoffice.bench.options import Options
from boxoffice.bench.proof.findings import EXAMPLES_MAX, Check
from boxoffice.bench.proof.ledger import LedgerError, lines_of
from boxoffice.bench.scenarios.booking import Booker
from boxoffice.bench.scenarios.companion import Found
from boxoffice.bench.scenarios.hot import Hot
from boxoffice.bench.scenarios.preparing import call, require
from boxoffice.bench.scenarios.scenario import LoadError, Plan
from boxoffice.bench.target import Target

SETTLE_S = 15.0
"""How long after the last answer all must have the final version. Who is stuck has been closed by then."""

ONE_IN = 100
"""Of so many, one more who never reads."""

FIGURES = (
    "messages_per_s",
    "messages_per_listener_per_s",
    *(f"staleness_{name}_ms" for name in ("p50", "p99", "max")),
    *(f"lag_{name}_ms" for name in ("p50", "p99", "max")),
    "final_after_ms",
    "listeners",
    "listeners_final",
    "listeners_closed",
    "stalled",
    "stalled_closed",
)

OF_THE_END = ("final_after_ms", "listeners_final")
"""Figures that nobody can tell without the newest version."""

NEWEST = "listeners end on the newest version"


class Listeners:
    """One hot event, and those who watch it."""

    name = "listeners"
    counted = "bookings"
    figures = FIGURES

    def __init__(self, settle_s: float = SETTLE_S) -> None:
        self._hot = Hot()
        self._settle_s = settle_s

    async def prepare(self, target: Target, options: Options) -> Plan:
        """One event, for a caller who may watch it, too. Raises LoadError."""
        await require(target, "read")
        return await self._hot.prepare(target, options)

    def visitor(self, plan: Plan, options: Options, number: int, chance: Random) -> Booker:
        """Somebody who books on and on."""
        return self._hot.visitor(plan, options, number, chance)

    @asynccontextmanager
    async def companion(self, target: Target, plan: Plan, options: Options) -> AsyncIterator["Watching"]:
        """The listeners: all are in when this is entered. Raises LoadError if not all of them come in."""
        async with audience() as process:
            watching = Watching(target, plan.event_ids[0], process, self._settle_s)
            await watching.enter(options.listeners)
            yield watching


class Watching:
    """All listeners of one load."""

    def __init__(self, target: Target, event_id: str, process: Process, settle_s: float) -> None:
        self._target = target
        self._event_id = event_id
        self._process = process
        self._settle_s = settle_s
        self._many = self._stalled = 0

    async def enter(self, many: int) -> None:
        """So many come in, and some more who never read."""
        self._many, self._stalled = many, many // ONE_IN
        url, key = f"{self._target.url}/status/{self._event_id}/live", self._target.key
        who = {"listeners": many + self._stalled, "stalled": self._stalled, "a_second": A_SECOND}
        try:
            entered = await self._process.ask("enter", url=url, key=key, **who)
        except AudienceLostError as error:
            raise LoadError(str(error)) from error
        if entered["inside"] < who["listeners"]:
            others = _in_words(entered["ended"]) or "no answer"
            raise LoadError(
                f"only {entered['inside']} of {who['listeners']} listeners came in; the others: {others}. "
                "A server bounds them by --max-listeners and --max-listeners-per-address"
            )

    async def found(self, begin_s: float, end_s: float, ledgers: Sequence[Path]) -> Found:
        """What they saw between these two times, and whether all have the newest version now. Where the event
        cannot be looked at any more, that is left open.
        """
        try:
            return await self._found(begin_s, end_s, ledgers)
        except AudienceLostError as error:  # whatever else has been measured is to be reported all the same
            return Found({}, [Check(NEWEST, self._many, self._many, [str(error)], None, "listeners")])

    async def _found(self, begin_s: float, end_s: float, ledgers: Sequence[Path]) -> Found:
        answered = await asyncio.to_thread(_read, ledgers)
        version, gone = await self._version()
        within_s = self._settle_s if gone is None else 0.0
        settled = await self._process.ask("settle", version=version, within_s=within_s)
        last = version if gone is None else settled["newest"]
        stale = await self._process.stale(answered.by_version(last), begin_s, end_s)
        stalled = await self._process.ask("idle")
        newest, gone_now = await self._version()
        gone = gone or gone_now
        figures = {
            **self._seen(stale, end_s - begin_s),
            "final_after_ms": max(0.0, settled["last_s"] - answered.last_s) * 1_000,
            "listeners": self._many,
            "listeners_final": settled["final"],
            **_closed("listeners", settled["ended"]),
            "stalled": self._stalled,
            **_closed("stalled", {how: many for how, many in stalled.items() if how != "kept"}),
        }
        if gone is None:
            return Found(figures, [_check(settled, version, newest)])
        for name in OF_THE_END:
            del figures[name]
        return Found(figures, [_unfinished(settled, gone)], gone)

    async def _version(self) -> tuple[int, str | None]:
        """What the event shows; or 0, and why it shows nothing."""
        path = f"/status/{self._event_id}"
        try:
            status, body = await call(self._target, "GET", path, None)
        except LoadError as error:
            return 0, f"the server is gone: {error}"
        if status != 200:
            return 0, f"the event cannot be looked at any more: GET {path} was answered {status}"
        return int(body["version"]), None

    def _seen(self, stale: dict[str, Any], seconds: float) -> dict[str, float]:
        p50, p99 = stale["staleness_s"]
        return {
            "messages_per_s": stale["messages"] / seconds,
            "messages_per_listener_per_s": stale["messages"] / seconds / max(1, self._many),
            "staleness_p50_ms": p50 * 1_000,
            "staleness_p99_ms": p99 * 1_000,
            "staleness_max_ms": stale["worst_s"] * 1_000,
            **{
                f"lag_{name}_ms": each * 1_000
                for name, each in zip(("p50", "p99", "max"), stale["lag_s"], strict=True)
            },
        }


def _check(settled: dict[str, Any], version: int, newest: int) -> Check:
    """Broken by those who are still there and behind, went back, or know what nobody else does."""
    behind: list[int] = settled["behind"]
    examples = [f"still at version {each}, and the event at {version}" for each in behind]
    for why, many in settled["breaches"].items():
        examples += [f"was sent {why}"] * many
    if settled["newest"] > newest:
        examples.append(f"was told of version {settled['newest']}, and the event is at {newest}")
    return Check(NEWEST, settled["of"], len(examples), examples[:EXAMPLES_MAX], None, "listeners")


def _unfinished(settled: dict[str, Any], why: str) -> Check:
    """Nobody knows which version is the newest; but what no server may send can have been sent before."""
    examples = [f"was sent {what}" for what, many in settled["breaches"].items() for _ in range(many)]
    return Check(NEWEST, 0, len(examples), examples[:EXAMPLES_MAX], why, "listeners")


def _closed(whose: str, ended: dict[str, int]) -> dict[str, float]:
    """How many are not there any more, and by which close code or otherwise."""
    by_reason = {f"{whose}_closed_{how}": many for how, many in ended.items()}
    return {f"{whose}_closed": sum(ended.values()), **by_reason}


def _read(ledgers: Sequence[Path]) -> Answered:
    """When bookers were told of which version. A ledger that breaks off is the proof's business."""
    answered = Answered()
    for ledger in ledgers:
        with suppress(LedgerError):
            for line in lines_of(ledger):
                if 200 <= line.status < 300:
                    answered.note(line.body, line.answered_s)
    return answered


def _in_words(ended: dict[str, int]) -> str:
    return ", ".join(f"{many} of them {how}" for how, many in ended.items())
