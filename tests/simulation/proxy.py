"""A TCP proxy in front of PostgreSQL that fails at a chosen moment: what a network can do, on demand.

It knows the message with which the journal writes and commits (`persistence/batch.py`), a query with EXECUTE
write_batch in its first 16 KiB. Faults at that one leave all other sessions alone. For the fault tests and
the chaos run, synchronous or asyncio: it works on a loop in a thread of its own, and its methods may be
called from any thread. PostgreSQL may be stopped and started again behind it.
"""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, ParamSpec, Self

from sqlalchemy.engine import URL, make_url

from tests.simulation.proxied_connection import (
    PATIENCE_S,
    Fault,
    Held,
    Plan,
    ProxiedConnection,
    Upstream,
)

__all__ = ["Fault", "Held", "Proxy"]

HOST = "127.0.0.1"
POSTGRES_PORT = "5432"
BACKLOG = 128  # connections

P = ParamSpec("P")


class Proxy:
    """Open while the `with` block lasts: `with Proxy(database_url) as proxy: Server(…, proxy.url)`.

    What has struck is counted as "commit lost before" and so on, "commit held", "rows cut",
    "refused" and "black hole" (connections), "delayed" (chunks), "closed" (connections, by `close_all`).
    psycopg2's `cancel` keeps the interpreter's lock: through a proxy in the same process it never returns.
    """

    def __init__(self, database_url: str) -> None:
        self._url = make_url(database_url)
        self._upstream = _upstream(self._url)
        self._plan = Plan()
        self._tasks: dict[ProxiedConnection, asyncio.Task[None]] = {}
        self._failures: list[BaseException] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server((HOST, 0), backlog=BACKLOG)
        self._listener.setblocking(False)
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._take_failure)
        self._loop.add_reader(self._listener, self._accept)
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._loop.remove_reader, self._listener)
        self._run(self._cut_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()
        self._listener.close()
        if self._failures:
            raise self._failures[0]

    @property
    def url(self) -> str:
        """The same database through the proxy, as a SQLAlchemy URL; without encryption."""
        url = self._url.difference_update_query(["host", "hostaddr", "port"])
        url = url.set(host=HOST, port=self._listener.getsockname()[1])
        return url.update_query_dict({"sslmode": "disable"}).render_as_string(hide_password=False)

    @property
    def connections(self) -> int:
        """How many are open on either side; a silent one is until both sides have closed it."""
        return len(self._tasks)

    @property
    def counts(self) -> Counter[str]:
        """How often each kind of fault has struck by now."""
        return self._plan.counts.copy()

    def close_all(self) -> None:
        """Cut every connection, silent ones too; they are closed when this returns."""
        self._run(self._cut_all(counted_as="closed"))

    # --- once, at the journal's next commit --------------------------------------------------------

    def at_commit(self, *faults: Fault) -> None:
        """These befall the journal's next commits, one each, after whatever is armed already."""
        self._call(self._plan.armed.extend, faults)

    def hold_commit(self) -> Held:
        """The journal's next commit waits, likewise, until it is let go; the connection stays open."""
        held = Held(self._loop)
        self._call(self._plan.armed.append, held)
        return held

    def cut_rows(self, containing: str, keep: int) -> None:
        """The result of the next query with this text in its first 16 KiB loses all rows after the `keep`th.

        The result of a DECLARE is whatever its connection fetches until the transaction ends. The recovery
        streams by DECLARE "…" CURSOR WITHOUT HOLD FOR SELECT …, and then FETCH FORWARD 1, 19999, 20000,
        20000 … FROM "…": to match "FETCH" is to cut one of these only, and the first has a single row.
        """
        self._call(self._plan.row_cuts.append, (containing.encode(), keep))

    def disarm(self) -> None:
        """Forget whatever is armed and has not struck yet."""
        self._call(self._plan.disarm)

    # --- on all connections, while the block lasts -------------------------------------------------

    @contextmanager
    def black_hole(self) -> Iterator[None]:
        """Nothing passes in either direction, not even an end; new connections are accepted and not answered.

        At the end all of them are closed, like those of a network that has forgotten them.
        """
        self._run(self._begin_black_hole())
        try:
            yield
        finally:
            self._run(self._end_black_hole())

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """All connections are cut, and new ones closed at once."""
        self._run(self._begin_refusing())
        try:
            yield
        finally:
            self._call(setattr, self._plan, "refusing", False)

    @contextmanager
    def delayed(self, seconds: float) -> Iterator[None]:
        """Each chunk (64 KiB at most) is passed on that much later; what comes behind it waits its turn."""
        self._call(setattr, self._plan, "delay_s", seconds)
        try:
            yield
        finally:
            self._call(setattr, self._plan, "delay_s", 0.0)

    # --- the other threads' way to the loop --------------------------------------------------------

    def _call(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        async def call() -> None:
            function(*args, **kwargs)

        self._run(call())

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run it on the loop's thread, and wait until it is done."""
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)

    # --- the loop's thread -------------------------------------------------------------------------

    def _accept(self) -> None:
        with suppress(BlockingIOError, ConnectionError):  # it has thought better of it
            client, _ = self._listener.accept()
            if self._plan.refusing:
                self._plan.counts["refused"] += 1
                client.close()
                return
            connection = ProxiedConnection(client, self._upstream, self._plan)
            if self._plan.black_hole:
                self._plan.counts["black hole"] += 1
                connection.fall_silent()
            task = self._tasks[connection] = self._loop.create_task(connection.run())
            task.add_done_callback(lambda task: self._end(connection, task))

    def _end(self, connection: ProxiedConnection, task: asyncio.Task[None]) -> None:
        connection.close()
        del self._tasks[connection]
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failures.append(failure)

    def _take_failure(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A mistake of the proxy's own is the test's failure, at the end of the block."""
        self._failures.append(context.get("exception") or RuntimeError(context["message"]))

    async def _cut_all(self, counted_as: str | None = None) -> None:
        tasks = list(self._tasks.values())
        if counted_as is not None:
            self._plan.counts[counted_as] += len(tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _begin_refusing(self) -> None:
        self._plan.refusing = True
        await self._cut_all(counted_as="refused")

    async def _begin_black_hole(self) -> None:
        self._plan.black_hole = True
        self._plan.counts["black hole"] += len(self._tasks)
        for connection in self._tasks:
            connection.fall_silent()

    async def _end_black_hole(self) -> None:
        self._plan.black_hole = False
        await self._cut_all()


def _upstream(url: URL) -> Upstream:
    """Where PostgreSQL listens, read as libpq does. Raises ValueError where libpq would look around."""
    host = url.host or url.query.get("host")
    port = str(url.port or url.query.get("port", POSTGRES_PORT))
    if not isinstance(host, str):
        raise ValueError("the URL must name one host, or the folder of a socket")
    if host.startswith("/"):
        return socket.AF_UNIX, f"{host}/.s.PGSQL.{port}"
    family, *_, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
    return family, address
