"""The real server with a small application behind it, short timeouts, and either event loop, in a process.

What the real application would need ten seconds for is seen here in less than one.

    python -m tests.support.small_server '{"loop": "uvloop", "timeouts": {"headers_s": 0.5}}'
"""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from boxoffice.actors.changes import Change, TicketsBooked
from boxoffice.actors.values import CustomerId, EventId, EventStatus, Instant, OrderId
from boxoffice.http import binding, server
from boxoffice.http.app import application
from boxoffice.http.catalogue import BY_NAME, Call
from boxoffice.http.connection import Timeouts
from boxoffice.http.handlers import Handler, read_json
from boxoffice.http.reads import Reads
from tests.support.doors import open_door
from tests.support.server import START_S, STOP_S

ROOT = Path(__file__).resolve().parents[2]
SHORT = {"headers_s": 0.6, "body_s": 0.6, "write_s": 0.6, "linger_s": 0.3, "sweep_s": 0.05}
LONG = {"headers_s": 90.0, "body_s": 90.0, "write_s": 90.0, "sweep_s": 0.05}
CALLS = (
    Call("take", "POST", "/take"),
    Call("tell", "GET", "/tell"),
    Call("hold", "GET", "/hold"),
    Call("release", "POST", "/release"),
    BY_NAME["changes"],
)
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class SmallServer:
    """The process, seen from outside."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._errors = process.stderr
        self.said: list[str] = []
        self._reader = threading.Thread(target=lambda: self.said.extend(self._errors), daemon=True)
        self._reader.start()
        self.address = ("127.0.0.1", int(process.stdout.readline()))
        self._proc = Path(f"/proc/{process.pid}")

    @property
    def memory(self) -> int:
        """Bytes that it has in use (Linux)."""
        return int((self._proc / "statm").read_text().split()[1]) * resource.getpagesize()

    @property
    def cpu_s(self) -> float:
        """Seconds that it has computed (Linux)."""
        ticks = (self._proc / "stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    @property
    def descriptors(self) -> int:
        """File descriptors that are open (Linux)."""
        return len(list((self._proc / "fd").iterdir()))

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """By SIGSTOP, and then it goes on."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """By SIGTERM; whatever clients did, none of it may have been a failure of ours."""
        self._process.terminate()
        try:
            code = self._process.wait(STOP_S)
        finally:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        assert code == 0
        assert "Traceback" not in "".join(self.said), "".join(self.said)


@contextmanager
def small_server(loop: str, timeouts: dict[str, float], **more: int) -> Iterator[SmallServer]:
    """One of these, with `connections_max` or `descriptors` (how many more it may open) if they are given."""
    options = json.dumps({"loop": loop, "timeouts": timeouts, **more})
    command = [sys.executable, "-m", "tests.support.small_server", options]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        alarm = threading.Timer(START_S, process.kill)
        alarm.start()
        small = SmallServer(process)
        alarm.cancel()
        try:
            yield small
        finally:
            small.stop()


# --- inside the process --------------------------------------------------------------------------


class Small:
    """The application: a body is taken or it is not, and there are answers that take long."""

    def __init__(self) -> None:
        self.taken = 0
        self.begun = 0
        self.ended = 0
        self.released = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        """Wants a body."""
        await read_json(request.clone(client_max_size=2**20))
        self.taken += 1
        return web.json_response(self._done())

    async def tell(self, request: web.Request) -> web.Response:
        """What has been done so far, and what is under way to all clients."""
        manager: Any = request.protocol._manager
        open_ = [each.transport for each in manager.connections if each.transport is not None]
        unsent = sum(transport.get_write_buffer_size() for transport in open_)
        return web.json_response({**self._done(), "unsent": unsent})

    def _done(self) -> dict[str, int]:
        return {"taken": self.taken, "begun": self.begun, "ended": self.ended}

    async def hold(self, _: web.Request) -> web.Response:
        """Answers once somebody releases it."""
        self.begun += 1
        await self.released.wait()
        self.ended += 1
        return web.json_response(self._done())

    async def release(self, _: web.Request) -> web.Response:
        """Have those who are held answered."""
        self.released.set()
        self.released = asyncio.Event()
        return web.json_response(self._done())

    def handlers(self) -> dict[str, Handler]:
        """The log of an event with as many changes as its number, among others."""
        nothing: Any = None
        endless: Any = self
        reads = Reads(endless, endless, nothing).handlers()
        own = {"take": self.take, "tell": self.tell, "hold": self.hold, "release": self.release}
        return {**own, "changes": reads["changes"]}

    # in place of the bridge, the desk and the database

    async def status(self, event_id: EventId) -> EventStatus:
        """Some event's."""
        return EventStatus(event_id, "Concert", 1, 0, 1, 0, 0, 0, 0, 1)

    async def read(self, query: Any, *args: Any) -> Any:
        """Without a database, there is nothing to wait for."""
        await asyncio.sleep(0)
        return query(*args)

    async def catch_up(self, versions: Mapping[EventId, int]) -> None:
        """Nothing here is behind the database."""

    def changes(self, event_id: EventId, after: int, limit: int) -> list[Change]:
        """Somebody booked."""
        versions = range(after + 1, min(after + limit, event_id) + 1)
        return [
            TicketsBooked(version, Instant(version), OrderId(str(version)), CustomerId("alice"), 1)
            for version in versions
        ]


async def main(options: dict[str, Any]) -> None:
    """Serve until SIGTERM."""

    async def nothing() -> None: ...

    def ready() -> None:
        if "descriptors" in options:
            opened = len(os.listdir("/proc/self/fd"))
            _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (opened + options["descriptors"], hard))
        print(bound.getsockname()[1], flush=True)

    bound = binding.bind("127.0.0.1", 0)
    await server.serve(
        application(Small().handlers(), open_door(), CALLS), bound, ready=ready, drain=nothing,
        connections_max=options.get("connections_max", server.CONNECTIONS_MAX),
        timeouts=Timeouts(**options["timeouts"]),
    )  # fmt: skip


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    with asyncio.Runner(loop_factory=LOOPS[given["loop"]]) as runner:
        runner.run(main(given))
