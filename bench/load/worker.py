"""A worker of a load test: a process that asks for its share of the connections, and says how it goes.

    python -m boxoffice.bench.load.worker

Started by `crew.py`, which speaks to it over its standard input, and hears it on its standard output. It ends
with its parent: when its input does. On its own event loop, uvloop's where that is installed.
"""

import asyncio
import gc
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from time import monotonic, process_time
from typing import Any

from boxoffice.bench.load import wire
from boxoffice.bench.load.closed import ClosedLoad
from boxoffice.bench.load.load import Ground, Load
from boxoffice.bench.load.machinery import Address, address_of, new_loop, raise_open_files
from boxoffice.bench.load.open import OpenLoad
from boxoffice.bench.load.recorder import Recorder
from boxoffice.bench.load.requests import Requests
from boxoffice.bench.load.wire import Assignment, Ended, Failed, Go, Progress, Ready, Stop
from boxoffice.bench.proof.ledger import Ledger
from boxoffice.bench.scenarios.all import SCENARIOS
from boxoffice.bench.scenarios.scenario import Visitor

PROGRESS_S = 0.25


class Worker:
    """One share of the load, from its assignment to the last answer. `out`: where the parent hears us."""

    def __init__(self, commands: asyncio.StreamReader, out: int) -> None:
        self._commands = commands
        self._out = out
        self._recorder = Recorder()
        self._stopped = asyncio.Event()
        self._broken: BaseException | None = None

    async def run(self) -> None:
        """Do what the parent says."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._break)
        loop.add_signal_handler(signal.SIGTERM, self._stopped.set)
        assignment = await self._command()
        assert isinstance(assignment, Assignment)
        ledger = Ledger(Path(assignment.ledger))
        try:
            ended = await self._load(assignment, ledger)
        except OSError as error:
            why = error.strerror or str(error)
            ended = Failed(f"{assignment.target.url} cannot be reached: {why}")
        finally:
            ledger.close()
        self._say(ended)

    async def _load(self, assignment: Assignment, ledger: Ledger) -> Ended | Failed:
        load = load_of(assignment, await address_of(assignment.target.url), self._recorder, ledger)
        try:
            await load.open(list(visitors(assignment)))
            gc.collect()
            gc.freeze()
            gc.set_threshold(100_000, 50, 100)  # answers and lines are no cycles
            self._say(Ready(load.connections))
            go = await self._command()
            assert isinstance(go, Go)
            ended = await self._work(load, go)
        finally:
            load.close()
        if self._broken is not None:
            traceback.print_exception(self._broken)
            return Failed(f"the scenario broke: {self._broken!r}")
        return ended

    async def _work(self, load: Load, go: Go) -> Ended:
        """The load itself."""
        beside = [asyncio.create_task(self._listen()), asyncio.create_task(self._report(load, go))]
        finished = asyncio.create_task(load.finished())
        await asyncio.sleep(go.start_s - monotonic())
        if go.start_s < go.begin_s:
            load.begin()
            await self._until(go.begin_s, finished)
            self._say(Progress(self._recorder.snapshot(0.0, load.connections)))
        begin_s, used_s = monotonic(), process_time()  # we may be some milliseconds late
        self._recorder.begin(begin_s)
        load.count()
        if go.start_s == go.begin_s:
            load.begin()
        await self._until(go.end_s, finished)
        end_s = monotonic()  # not `go.end_s`: what was sent since then is counted as sent
        self._recorder.end(end_s)
        load.end()
        busy = (process_time() - used_s) / max(monotonic() - begin_s, 0.001)
        await finished
        for task in beside:
            task.cancel()
        self._say(Progress(self._recorder.snapshot(monotonic() - go.begin_s, load.connections)))
        return Ended(busy, end_s)

    async def _until(self, when_s: float, finished: asyncio.Task[None]) -> None:
        """Wait until then, until we are stopped, or until nobody has anything to ask any more."""
        stopped = asyncio.create_task(self._stopped.wait())
        await asyncio.wait(
            (stopped, finished), timeout=max(0, when_s - monotonic()), return_when=asyncio.FIRST_COMPLETED
        )
        stopped.cancel()

    async def _report(self, load: Load, go: Go) -> None:
        """Four times a second, counted from when counting begins: so all workers' quarters are the same."""
        while True:
            passed = (monotonic() - go.begin_s) // PROGRESS_S
            at_s = (passed + 1) * PROGRESS_S
            await asyncio.sleep(go.begin_s + at_s - monotonic())
            if at_s:  # what has been seen until counting began is told when it begins
                self._say(Progress(self._recorder.snapshot(at_s, load.connections)))

    async def _listen(self) -> None:
        while not isinstance(await self._command(), Stop):
            pass
        self._stopped.set()

    def _break(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Something of ours went wrong where nobody could catch it."""
        self._broken = self._broken or context.get("exception") or RuntimeError(context["message"])
        self._stopped.set()

    async def _command(self) -> wire.ToWorker:
        try:
            (size,) = wire.LENGTH.unpack(await self._commands.readexactly(wire.LENGTH.size))
            return wire.to_worker(await self._commands.readexactly(size))
        except asyncio.IncompleteReadError:
            os._exit(1)  # the parent is no more, and nobody wants to know

    def _say(self, message: wire.ToParent) -> None:
        data = memoryview(wire.framed(message))
        with suppress(BrokenPipeError):  # it has gone, as we shall soon hear
            while data:
                data = data[os.write(self._out, data) :]


def load_of(assignment: Assignment, address: Address, recorder: Recorder, ledger: Ledger) -> Load:
    """The loop that is wanted."""
    options = assignment.options
    ground = Ground(address, Requests(assignment.target), recorder, ledger, options.patience_s)
    if assignment.rate is None:
        return ClosedLoad(ground)
    return OpenLoad(ground, assignment.rate, Random(f"{options.seed} arrivals {assignment.number}"))


def visitors(assignment: Assignment) -> Iterator[Visitor]:
    """Who stands behind our connections; the same for the same seed."""
    options, first = assignment.options, assignment.first_visitor
    scenario = SCENARIOS[options.scenario]
    for number in range(first, first + assignment.connections):
        yield scenario.visitor(assignment.plan, options, number, Random(f"{options.seed} {number}"))


async def serve(out: int) -> None:
    """Be a worker."""
    commands = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin.buffer)
    await Worker(commands, out).run()


def main() -> None:
    """Run in a process of its own. What anybody prints goes to the standard error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to hear
    out = os.dup(1)
    os.dup2(2, 1)
    raise_open_files()
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(serve(out))


if __name__ == "__main__":
    main()
