"""The workers of a load test, seen by their parent: starts them, gives each its share, hears how they go.

They have a session of their own, so that Ctrl-C reaches only the parent, which stops them in order; when it
is killed, their input ends, and so do they. On the parent's event loop.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

import msgspec

from boxoffice.bench.load import wire
from boxoffice.bench.load.wire import Assignment, Ended, Failed, Go, Progress, Ready, Stop
from boxoffice.bench.options import Options
from boxoffice.bench.report.results import Snapshot
from boxoffice.bench.scenarios.scenario import LoadError, Plan
from boxoffice.bench.target import Target

SOON_S = 0.1
"""After the last worker is ready: so that all have heard it."""

END_S = 5.0
"""How long a worker may take to end after its last word."""

COMMAND = (sys.executable, "-P", "-m", "boxoffice.bench.load.worker")


class Loaded(msgspec.Struct, frozen=True):
    """How the load went. On the monotonic clock of all processes."""

    begin_s: float
    """When counting began."""
    end_s: float
    """When nothing new was asked any more."""
    busy: float
    """The busiest worker's share of a processor meanwhile."""

    @property
    def lasted_s(self) -> float:
        """How long was counted."""
        return max(0.0, self.end_s - self.begin_s)


class Crew:
    """Use with `async with`: then all workers are connected; whatever happens, they are gone afterwards."""

    def __init__(self, target: Target, options: Options, plan: Plan, folder: Path) -> None:
        self._options = options
        self._assignments = list(shares(target, options, plan, folder))
        self._workers: list[Process] = []
        self.stopped = False
        """Whether it was told to end early."""
        self._begin_s = 0.0

    @property
    def ledgers(self) -> list[Path]:
        """What the workers write; whole when they have ended."""
        return [Path(each.ledger) for each in self._assignments]

    async def __aenter__(self) -> Self:
        """Start the workers, and have them connect. Raises LoadError."""
        try:
            for assignment in self._assignments:
                worker = await asyncio.create_subprocess_exec(
                    *COMMAND, stdin=PIPE, stdout=PIPE, start_new_session=True
                )
                self._workers.append(worker)
                self._tell(worker, assignment)
            for worker in self._workers:
                await self._hear(worker)
        except BaseException:
            await self._dismiss()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Whoever still runs is killed."""
        await self._dismiss()

    def go(self) -> Go:
        """Begin; returns when all will happen."""
        start_s = monotonic() + SOON_S
        self._begin_s = start_s + self._options.warm_up_s
        go = Go(start_s, self._begin_s, self._begin_s + self._options.seconds)
        for worker in self._workers:
            self._tell(worker, go)
        return go

    async def follow(self, see: Callable[[Snapshot], None]) -> Loaded:
        """Until the last answer has come; `see` is called with all that is seen. Raises LoadError."""
        ends = await asyncio.gather(*(self._follow(worker, see) for worker in self._workers))
        return Loaded(self._begin_s, max(end.end_s for end in ends), max(end.busy for end in ends))

    def stop(self) -> None:
        """Ask nothing new: `follow` ends once what is under way is answered. May be called again."""
        if not self.stopped:
            self.stopped = True
            for worker in self._workers:
                self._tell(worker, Stop())

    async def _follow(self, worker: Process, see: Callable[[Snapshot], None]) -> Ended:
        while True:
            match await self._hear(worker):
                case Progress(snapshot):
                    see(snapshot)
                case Ended() as ended:
                    return ended

    def _tell(self, worker: Process, message: wire.ToWorker) -> None:
        assert worker.stdin is not None
        worker.stdin.write(wire.framed(message))

    async def _hear(self, worker: Process) -> Ready | Progress | Ended:
        assert worker.stdout is not None
        try:
            (size,) = wire.LENGTH.unpack(await worker.stdout.readexactly(wire.LENGTH.size))
            message = wire.to_parent(await worker.stdout.readexactly(size))
        except asyncio.IncompleteReadError:
            code = await worker.wait()
            raise LoadError(f"a worker ended before its time, with exit code {code}") from None
        if isinstance(message, Failed):
            raise LoadError(message.why)
        return message

    async def _dismiss(self) -> None:
        for worker in self._workers:
            if worker.stdin is not None:
                worker.stdin.close()
        for worker in self._workers:
            try:
                await asyncio.wait_for(worker.wait(), END_S)
            except TimeoutError:
                worker.kill()
                await worker.wait()
        self._workers.clear()


def shares(target: Target, options: Options, plan: Plan, folder: Path) -> Iterator[Assignment]:
    """Each worker's share of the connections, as even as can be, and of the rate."""
    first = 0
    processes = min(options.processes, options.connections)
    for number in range(processes):
        connections = options.connections // processes + (number < options.connections % processes)
        rate = None if options.rate is None else options.rate * connections / options.connections
        ledger = str(folder / f"ledger-{number}")
        yield Assignment(target, options, plan, number, first, connections, rate, ledger)
        first += connections
