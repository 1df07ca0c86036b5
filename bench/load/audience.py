"""The listeners' process: all who listen to one event, and how its parent speaks to it.

It is told what to do by one JSON line after the other on its standard input, and answers each with one on its
standard output; where its input ends, it ends. What each method of `Audience` returns is an answer. Started
through `audience` below by the scenario `listeners` and by the trial of that name. On one event loop.

Messages are kept as a time and a version, 16 bytes each, until all leave.
"""

import asyncio
import gc
import json
import math
import resource
import signal
import ssl
import sys
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from boxoffice.bench.load.listening import BREACHES, Listener, upgrade
from boxoffice.bench.load.staleness import (
    SAMPLE_S,
    SAMPLES_MAX,
    Arrivals,
    Moments,
    lags_s,
    percentile,
    sampled_s,
    worst_s,
)

A_SECOND = 500
"""Listeners that come in a second."""

CONNECTING_MAX = 256
"""Connections being made at once."""

TICK_S = 0.01
PATIENCE_S = 20.0
"""How long all together may take to be let in, once the last has knocked."""

LOOK_S = 1.0
"""How long whoever did not read is given to see how it ended."""

ANSWER_S = 300.0
"""How long the process may take for anything at all."""

LINE_MAX = 16 * 1024 * 1024


class Audience:
    """All that listen to one event. What each method returns is an answer for whoever started the process."""

    def __init__(self) -> None:
        self._everybody: list[Listener] = []

    @property
    def _readers(self) -> list[Listener]:
        return [each for each in self._everybody if each.reads]

    @property
    def _idlers(self) -> list[Listener]:
        return [each for each in self._everybody if not each.reads]

    async def enter(
        self, url: str, key: str | None, listeners: int, stalled: int, a_second: float
    ) -> dict[str, Any]:
        """Connect so many, at this pace; the last `stalled` never read. `inside`: who has a snapshot."""
        where = urlsplit(url)
        secure = ssl.create_default_context() if where.scheme == "https" else None
        host, port = where.hostname or "", where.port or (443 if secure else 80)
        request = upgrade(where.path, where.netloc, key)
        self._everybody = [Listener(request, number < listeners - stalled) for number in range(listeners)]
        gate = asyncio.Semaphore(CONNECTING_MAX)
        began_s = time.monotonic()

        async def connect(number: int, listener: Listener) -> None:
            await asyncio.sleep(began_s + number / a_second - time.monotonic())
            async with gate:
                try:
                    loop = asyncio.get_running_loop()
                    await loop.create_connection(lambda: listener, host, port, ssl=secure)
                except OSError as error:
                    listener.ended = error.strerror or str(error)

        await asyncio.gather(*(connect(*each) for each in enumerate(self._everybody)))
        await until(lambda: all(each.is_let_in or each.ended for each in self._everybody), PATIENCE_S)
        gc.freeze()
        inside = sum(each.is_let_in and each.ended is None for each in self._everybody)
        return {"inside": inside, "ended": ends(self._everybody)}

    async def settle(self, version: int, within_s: float) -> dict[str, Any]:
        """Wait until all who read have this version. `behind`: those still open who have not; `breaches`:
        what they ended with that no server may do; `newest`: the newest version that anybody has.
        """
        readers = self._readers
        await until(lambda: all(each.version >= version or each.ended for each in readers), within_s)
        final = [each for each in readers if each.version >= version and each.ended is None]
        ended = ends(readers)
        return {
            "final": len(final),
            "of": len(readers),
            "behind": [each.version for each in readers if each.version < version and each.ended is None],
            "breaches": {why: many for why, many in ended.items() if why in BREACHES},
            "ended": ended,
            "newest": max((each.version for each in readers), default=0),
            "last_s": max((_when(each, version) for each in final), default=0.0),
        }

    async def idle(self) -> dict[str, int]:
        """How those ended that never read, or that they are `kept`."""
        for each in self._idlers:
            each.look_again()
        await until(lambda: all(each.ended for each in self._idlers), LOOK_S)
        return ends(self._idlers) | {"kept": sum(each.ended is None for each in self._idlers)}

    async def stale(self, moments: str, begin_s: float, end_s: float) -> dict[str, Any]:
        """How old what they saw had become between these two times, and how old what came then was.
        `moments` is a file: see `Process.stale`.
        """
        answered_s = array("d", Path(moments).read_bytes())  # noqa: ASYNC240 - nobody waits for this loop
        there = [each for each in self._readers if each.versions]
        arrivals = [(each.arrived_s, each.versions) for each in there]
        until_s = [min(end_s, each.ended_s) for each in there]
        return staleness(Moments(answered_s), arrivals, begin_s, until_s) | {
            "messages": sum(begin_s <= now_s < end_s for times_s, _ in arrivals for now_s in times_s)
        }

    async def leave(self) -> dict[str, Any]:
        """Everybody goes."""
        for each in self._everybody:
            each.leave("left")
        await until(lambda: all(each.ended for each in self._everybody), LOOK_S)
        self._everybody = []
        gc.unfreeze()
        return {}


def staleness(
    moments: Moments, arrivals: Sequence[Arrivals], begin_s: float, until_s: Sequence[float]
) -> dict[str, Any]:
    """What these listeners saw from then on until each one's end; see `staleness.py`. Looks at no more than
    a million of each.
    """
    looked_s = sum(max(0.0, each - begin_s) for each in until_s)
    one_in = math.ceil(sum(len(versions) for _, versions in arrivals) / SAMPLES_MAX) or 1
    every_s = max(SAMPLE_S, looked_s / SAMPLES_MAX)
    sampled = (
        sampled_s(moments, each, number, begin_s, end_s, every_s)
        for number, (each, end_s) in enumerate(zip(arrivals, until_s, strict=True))
    )
    stale_s = sorted(chain.from_iterable(sampled))
    lags = sorted(chain.from_iterable(lags_s(moments, each, one_in) for each in arrivals))
    return {
        "staleness_s": [percentile(stale_s, percent) for percent in (50, 99)],
        "worst_s": max([*stale_s[-1:], *(worst_s(moments, each) for each in arrivals)], default=0.0),
        "lag_s": [percentile(lags, percent) for percent in (50, 99, 100)],
    }


def ends(of: Iterable[Listener]) -> dict[str, int]:
    """How many of these ended in which way."""
    return dict(Counter(each.ended for each in of if each.ended is not None))


def _when(listener: Listener, version: int) -> float:
    """When it first had this version or a newer one."""
    return next(
        now_s for now_s, each in zip(listener.arrived_s, listener.versions, strict=True) if each >= version
    )


async def until(is_so: Callable[[], bool], within_s: float) -> None:
    """Wait until it is so, or for so long."""
    deadline_s = time.monotonic() + within_s
    while not is_so() and time.monotonic() < deadline_s:  # noqa: ASYNC110 - seldom at all
        await asyncio.sleep(TICK_S)


# --- for the parent ------------------------------------------------------------------------------


class AudienceLostError(Exception):
    """The listeners' process has ended by itself, or does not answer any more."""


class Process:
    """The process, to be asked one thing after the other."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def ask(self, do: str, **what: Any) -> dict[str, Any]:
        """What `Audience` answers. Raises AudienceLostError, after five minutes at the latest."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(ANSWER_S):
                self._process.stdin.write(json.dumps({"do": do, **what}).encode() + b"\n")
                line = await self._process.stdout.readline()
        except TimeoutError as error:
            raise AudienceLostError("the listeners' process does not answer") from error
        if not line:
            raise AudienceLostError("the listeners' process has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def stale(self, answered_s: "array[float]", begin_s: float, end_s: float) -> dict[str, Any]:
        """What `Audience.stale` finds, given when each version from 1 on was answered. Raises the same."""
        with tempfile.NamedTemporaryFile() as moments:  # twelve million in twenty minutes: too long a line
            answered_s.tofile(moments)
            moments.flush()
            return await self.ask("stale", moments=moments.name, begin_s=begin_s, end_s=end_s)


@asynccontextmanager
async def audience() -> AsyncIterator[Process]:
    """The process, from its start to its end."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", __name__, stdin=pipe, stdout=pipe, limit=LINE_MAX
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
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


def run() -> None:
    """Be that process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever began the load ends it
    gc.disable()  # messages make no cycles
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        import uvloop  # noqa: PLC0415 - an extra
    except ImportError:  # it takes more of the processor then
        asyncio.run(main())
    else:
        uvloop.run(main())


if __name__ == "__main__":
    run()
