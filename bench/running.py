"""A whole load test: a server, events, the load, the proof, the report, and the exit code.

Called by the command `boxoffice bench`. On an event loop of its own, on the main thread, which hears Ctrl-C:
the first one ends the load early, and all that follows is done as ever; another ends everything, in order.
"""

import asyncio
from asyncio import Task
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import msgspec
from rich.console import Console

from boxoffice.bench.interruption import Interruption
from boxoffice.bench.load.crew import Crew, Loaded
from boxoffice.bench.load.machinery import raise_open_files
from boxoffice.bench.load.wire import Go
from boxoffice.bench.options import Options
from boxoffice.bench.own_server import durability, own_server, throw_away_folder
from boxoffice.bench.proof.checks import prove
from boxoffice.bench.proof.findings import Proof
from boxoffice.bench.remarks import BUSY
from boxoffice.bench.report.live import Live
from boxoffice.bench.report.live_view import Phase
from boxoffice.bench.report.machine import installed, this_machine
from boxoffice.bench.report.results import Results, Run
from boxoffice.bench.report.sum_up import options_shown, sum_up
from boxoffice.bench.report.thresholds import Threshold
from boxoffice.bench.report.totals import Totals
from boxoffice.bench.scenarios.all import SCENARIOS
from boxoffice.bench.scenarios.companion import Accompanied, Companion, Found
from boxoffice.bench.scenarios.scenario import LoadError, Plan
from boxoffice.bench.target import Target

SPARE_FILES = 200
"""Open files that a worker needs beside its connections."""


class Wanted(msgspec.Struct, frozen=True):
    """What is to be run. `target`: None for a server of our own."""

    options: Options
    target: Target | None
    thresholds: Sequence[Threshold]
    audit: bool
    command: str
    """As it was typed, for the report."""


class Test:
    """One load test that is being made."""

    def __init__(self, wanted: Wanted, console: Console) -> None:
        self._wanted = wanted
        self._options = wanted.options
        self._console = console
        self._totals = Totals()
        self._interruption = Interruption()
        self._proving: Task[Proof] | None = None
        self.audit_interrupted = False

    async def run(self) -> Results:
        """All of it. Raises LoadError, and CancelledError if it ended before there was anything to tell."""
        with self._interruption:
            async with AsyncExitStack() as stack:
                folder = stack.enter_context(throw_away_folder())
                target = self._wanted.target
                if target is None:
                    self._console.print("Starting a server of our own, on a throw-away database")
                    target = await stack.enter_async_context(own_server(self._options, folder))
                version = await look_at(target)
                run = self._described(target, version)
                live = await stack.enter_async_context(Live(run, self._totals, self._console))
                return await self._test(target, run, live, folder)

    async def _test(self, target: Target, run: Run, live: Live, folder: Path) -> Results:
        scenario = SCENARIOS[self._options.scenario]
        live.enter(Phase.PREPARING)
        plan = await scenario.prepare(target, self._options)
        with ExitStack() as audit:
            async with AsyncExitStack() as stack:
                companion: Companion | None = None
                if isinstance(scenario, Accompanied):
                    companion = await stack.enter_async_context(
                        scenario.companion(target, plan, self._options)
                    )
                crew = await stack.enter_async_context(Crew(target, self._options, plan, folder))
                loaded = await self._load(crew, live)
                audit.enter_context(self._interruption.instead(self._leave_out_audit))
                live.enter(Phase.AUDITING)
                found = Found({}, [])
                if companion is not None:
                    found = await companion.found(loaded.begin_s, loaded.end_s, crew.ledgers)
            proof = await self._prove(target, plan, crew.ledgers, live)
        if proof is not None:
            proof.checks = [*proof.checks, *found.checks]
            proof.undone = found.undone or proof.undone
        return sum_up(
            run, self._totals, loaded.lasted_s, proof=proof, thresholds=self._wanted.thresholds,
            extra={BUSY: round(100 * loaded.busy, 1), **found.figures},
            ended_early=crew.stopped,
        )  # fmt: skip

    async def _load(self, crew: Crew, live: Live) -> Loaded:
        """From the first request to the last answer. Raises CancelledError if nothing was counted."""
        go = crew.go()
        phases = asyncio.create_task(self._enter_phases(live, go))
        try:
            with self._interruption.instead(lambda: self._end_early(crew, live, phases)):
                loaded = await crew.follow(self._totals.take)
        finally:
            phases.cancel()
        if crew.stopped and not loaded.lasted_s:
            raise asyncio.CancelledError
        return loaded

    def _end_early(self, crew: Crew, live: Live, phases: Task[None]) -> None:
        phases.cancel()
        crew.stop()
        self._console.print("Ending early: once more, and all is given up")
        live.enter(Phase.WAITING)

    async def _enter_phases(self, live: Live, go: Go) -> None:
        if self._options.warm_up_s:
            live.enter(Phase.WARMING_UP, self._options.warm_up_s)
            await asyncio.sleep(go.begin_s - monotonic())
        live.enter(Phase.LOADING, self._options.seconds)
        await asyncio.sleep(go.end_s - monotonic())
        live.enter(Phase.WAITING)

    async def _prove(self, target: Target, plan: Plan, ledgers: Sequence[Path], live: Live) -> Proof | None:
        """None if it is not wanted any more."""
        if self.audit_interrupted:
            return None

        def progress(what: str, done: int, of: int) -> None:
            live.progress(done, of, what)

        proving = self._proving = asyncio.create_task(
            prove(target, plan.event_ids, ledgers, progress, answers_only=not self._wanted.audit)
        )
        try:
            await asyncio.wait([proving])
        finally:
            proving.cancel()
        return None if proving.cancelled() else proving.result()

    def _leave_out_audit(self) -> None:
        self.audit_interrupted = True
        if self._proving is not None:
            self._proving.cancel()

    def _described(self, target: Target, version: str | None) -> Run:
        return Run(
            scenario=self._options.scenario,
            url=target.url,
            own_server=target.is_own,
            options=options_shown(self._options),
            loop="closed" if self._options.rate is None else "open",
            counted=SCENARIOS[self._options.scenario].counted,
            began_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            warm_up_s=self._options.warm_up_s,
            command=self._wanted.command,
            version=installed("boxoffice") or "",
            server_version=version,
            machine=this_machine(),
            durability=durability(target),
        )


async def look_at(target: Target) -> str | None:
    """See that somebody answers, and will take bookings; its version, if it tells. Raises LoadError."""
    try:
        status, body = await target.call("GET", "/readyz")
    except ValueError:
        return None  # no box office of ours, maybe one that is to be compared with it
    except OSError as error:
        raise LoadError(str(error)) from error
    if status == 503:
        raise LoadError(f"{target.url} is not ready: {body.get('detail', '')}")
    try:
        _, document = await target.call("GET", "/openapi.json")
        return str(document["info"]["version"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def figures_of(scenario: str) -> tuple[str, ...]:
    """What a load test of this scenario also measures, and a threshold may name."""
    chosen = SCENARIOS[scenario]
    return (BUSY, *(chosen.figures if isinstance(chosen, Accompanied) else ()))


def check_files(options: Options) -> None:
    """See that there may be as many connections as are wanted. Raises LoadError."""
    allowed = raise_open_files()
    connections = -(-options.connections // options.processes)
    if allowed < connections + SPARE_FILES:
        raise LoadError(
            f"{options.connections:,} connections take {connections + SPARE_FILES:,} open files in each "
            f"process, and {allowed:,} are allowed here: raise `ulimit -n`, or --processes"
        )
    if options.scenario == "listeners" and allowed < options.listeners * 1.01 + SPARE_FILES:
        raise LoadError(
            f"{options.listeners:,} listeners take as many open files, and {allowed:,} are allowed here: "
            "raise `ulimit -n`"
        )
