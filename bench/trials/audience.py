"""The listeners' process: all who listen to one event, and how the benchmark speaks to it.

It is told what to do by one JSON line after the other on its standard input, and answers each with one on its
standard output; where its input ends, it ends. Started by `listeners.py`, through `audience` below.
"""

import asyncio
import gc
import json
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import uvloop
from listening import UPGRADE, Listener
from staleness import Moments, lags_s, percentile, sampled_s, worst_s

CONNECTING_MAX = 256
"""Connections being made at once."""

TICK_S = 0.01
PATIENCE_S = 20.0
"""How long all together may take to be let in, once the last has knocked."""

LOOK_S = 1.0
"""How long whoever did not read is given to see how it ended."""

ANSWER_S = 120.0
"""How long the process may take for anything at all."""

LINE_MAX = 256 * 1024 * 1024


class Audience:
    """All that listen to one event. What each method returns is an answer for `listeners.py`."""

    def __init__(self) -> None:
        self._everybody: list[Listener] = []

    @property
    def _readers(self) -> list[Listener]:
        return [each for each in self._everybody if each.reads]

    @property
    def _idlers(self) -> list[Listener]:
        return [each for each in self._everybody if not each.reads]

    async def enter(
        self, host: str, port: int, path: str, listeners: int, stalled: int, a_second: float
    ) -> dict[str, Any]:
        """Connect so many, at this pace; the last `stalled` never read. `inside`: who has a snapshot."""
        request = UPGRADE.format(path=path, host=host, port=port).encode()
        self._everybody = [Listener(request, number < listeners - stalled) for number in range(listeners)]
        gate = asyncio.Semaphore(CONNECTING_MAX)
        began_s = time.monotonic()

        async def connect(number: int, listener: Listener) -> None:
            await asyncio.sleep(began_s + number / a_second - time.monotonic())
            async with gate:
                try:
                    await asyncio.get_running_loop().create_connection(lambda: listener, host, port)
                except OSError as error:
                    listener.ended = error.strerror or str(error)

        await asyncio.gather(*(connect(*each) for each in enumerate(self._everybody)))
        await until(lambda: all(each.is_let_in or each.ended for each in self._everybody), PATIENCE_S)
        gc.freeze()
        inside = sum(each.is_let_in and each.ended is None for each in self._everybody)
        return {"inside": inside, "ended": ends(self._everybody)}

    async def settle(self, version: int, within_s: float) -> dict[str, Any]:
        """Wait until all who read have this version. `behind`: those still open who have not."""
        readers = self._readers
        await until(lambda: all(each.version == version or each.ended for each in readers), within_s)
        final = [each for each in readers if each.version == version and each.ended is None]
        return {
            "final": len(final),
            "of": len(readers),
            "behind": [each.version for each in readers if each.version != version and each.ended is None],
            "ended": ends(readers),
            "last_s": max((each.arrived_s[each.versions.index(version)] for each in final), default=0.0),
        }

    async def idle(self) -> dict[str, int]:
        """How those ended that never read, or that they are `kept`."""
        for each in self._idlers:
            each.look_again()
        await until(lambda: all(each.ended for each in self._idlers), LOOK_S)
        return ends(self._idlers) | {"kept": sum(each.ended is None for each in self._idlers)}

    async def stale(self, answered_s: list[float], begin_s: float, end_s: float) -> dict[str, Any]:
        """How old what they saw had become between these two times, and how old what came was."""
        moments = Moments(answered_s)
        arrivals = [(each.arrived_s, each.versions) for each in self._readers if each.versions]
        sampled = [sampled_s(moments, each, at, begin_s, end_s) for at, each in enumerate(arrivals)]
        staleness = sorted(value for each in sampled for value in each)
        lags = sorted(value for each in arrivals for value in lags_s(moments, each))
        return {
            "messages": sum(begin_s <= now_s < end_s for times_s, _ in arrivals for now_s in times_s),
            "staleness_s": [percentile(staleness, percent) for percent in (50, 99)],
            "worst_s": max([*staleness[-1:], *(worst_s(moments, each) for each in arrivals)], default=0.0),
            "lag_s": [percentile(lags, percent) for percent in (50, 99, 100)],
        }

    async def leave(self) -> dict[str, Any]:
        """Everybody goes."""
        for each in self._everybody:
            each.leave("left")
        await until(lambda: all(each.ended for each in self._everybody), LOOK_S)
        self._everybody = []
        gc.unfreeze()
        return {}


def ends(of: Iterable[Listener]) -> dict[str, int]:
    """How many of these ended in which way."""
    return dict(Counter(each.ended for each in of if each.ended is not None))


async def until(is_so: Callable[[], bool], within_s: float) -> None:
    """Wait until it is so, or for so long."""
    deadline_s = time.monotonic() + within_s
    while not is_so() and time.monotonic() < deadline_s:  # noqa: ASYNC110 - seldom at all
        await asyncio.sleep(TICK_S)


class Process:
    """The process, to be asked one thing after the other."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def ask(self, do: str, **what: Any) -> dict[str, Any]:
        """What `Audience` answers. Ends the benchmark if it does not."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(ANSWER_S):
            self._process.stdin.write(json.dumps({"do": do, **what}).encode() + b"\n")
            line = await self._process.stdout.readline()
        if not line:
            raise SystemExit("the listeners' process has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@asynccontextmanager
async def audience() -> AsyncIterator[Process]:
    """The process, from its start to its end."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, stdin=pipe, stdout=pipe, limit=LINE_MAX
    )
    try:
        yield Process(process)
    finally:
        process.kill()  # there is nothing to be saved
        await process.wait()


async def main() -> None:
    """Do what is asked, until nobody is left to ask."""
    loop = asyncio.get_running_loop()
    asked = asyncio.StreamReader(LINE_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    everybody = Audience()
    while line := await asked.readline():
        command = json.loads(line)
        answer = await getattr(everybody, command.pop("do"))(**command)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever began the benchmark ends it
    gc.disable()  # messages make no cycles
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(main())
