"""A server of our own for a load test: `boxoffice serve` on a throw-away embedded database, in a process.

Its folder is one that PostgreSQL's own user may enter, as it has to when root runs this. It has a session of
its own, so that Ctrl-C does not reach it, and is stopped in order whatever happens; if we are killed, it is
told to stop by Linux. On the event loop of the parent.
"""

import asyncio
import ctypes
import os
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from boxoffice.bench.options import Options
from boxoffice.bench.scenarios.scenario import LoadError
from boxoffice.bench.target import Target

OPENS_WITHIN_S = 60.0
STOPS_WITHIN_S = 20.0
LOOK_S = 0.05
IS_OPEN_AT = " is open at "
SPARE = 100
"""Connections beside those of the load: to prepare, to prove, to look."""

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


@asynccontextmanager
async def own_server(options: Options, folder: Path) -> AsyncIterator[Target]:
    """From its opening to its orderly end, with its database in this folder. Raises LoadError."""
    said = folder / "server.log"
    data_dir = folder / "data"
    with said.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command(options, data_dir), stdin=DEVNULL, stdout=log, stderr=log, start_new_session=True,
            preexec_fn=_die_with_parent(),
        )  # fmt: skip
    try:
        yield Target(await _opened(process, said), data_dir=str(data_dir))
    finally:
        await _stop(process)


def command(options: Options, data_dir: Path) -> list[str]:
    """What is run: the server as it is by default, but for the number of connections."""
    connections = options.connections + options.listeners + SPARE
    bounds = [f"--max-connections={max(10_000, connections)}", f"--max-listeners={max(8_000, connections)}"]
    serve = [sys.executable, "-P", "-m", "boxoffice.http", "serve"]
    return [*serve, "--host=127.0.0.1", "--port=0", f"--data-dir={data_dir}", *bounds]


@contextmanager
def throw_away_folder() -> Iterator[Path]:
    """In TMPDIR or /var/tmp, which is on a disk where /tmp is memory. Raises LoadError; gone afterwards."""
    home = os.environ.get("TMPDIR") or ("/var/tmp" if os.access("/var/tmp", os.W_OK) else None)
    try:
        folder = Path(tempfile.mkdtemp(prefix="boxoffice-bench-", dir=home))
        folder.chmod(0o755)
    except OSError as error:
        raise LoadError(f"there is no place for temporary files in {home}: {error.strerror}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _opened(process: Process, said: Path) -> str:
    """Its URL, as soon as it is open."""
    ended = asyncio.create_task(process.wait())
    deadline_s = asyncio.get_running_loop().time() + OPENS_WITHIN_S
    try:
        while asyncio.get_running_loop().time() < deadline_s:
            if (url := _where(said)) is not None:
                return url
            if ended.done():
                raise LoadError(f"the server of our own did not start: {_last_line(said)}")
            await asyncio.wait([ended], timeout=LOOK_S)
        raise LoadError(
            f"the server of our own did not open within {OPENS_WITHIN_S:.0f} s: {_last_line(said)}"
        )
    finally:
        ended.cancel()


def _where(said: Path) -> str | None:
    for line in said.read_text(errors="replace").splitlines(keepends=True):
        if IS_OPEN_AT in line and line.endswith("\n"):
            return line.split(IS_OPEN_AT)[1].split(",")[0].strip()
    return None


async def _stop(process: Process) -> None:
    """In order; or else at once."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOPS_WITHIN_S)
    except TimeoutError:
        process.kill()
        await process.wait()


def _last_line(said: Path) -> str:
    lines = said.read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("boxoffice: ") if lines else "it said nothing"


def _die_with_parent() -> Callable[[], None] | None:
    """What the new process does first: ask Linux for a SIGTERM when we are no more."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # loaded before the fork, after which little is safe
    return lambda: libc.prctl(_DIE_WITH_PARENT, signal.SIGTERM)


# --- what is told of it ---------------------------------------------------------------------------


def durability(target: Target) -> dict[str, str]:
    """How durable what it answers is: it refuses to start when one of the first three is off."""
    if target.data_dir is None:
        return {}
    settings = {}
    with suppress(OSError):
        settings["version"] = Path(target.data_dir, "postgres", "PG_VERSION").read_text().strip()
    settings |= dict.fromkeys(("fsync", "full_page_writes", "synchronous_commit"), "on")
    if (kind := file_system(Path(target.data_dir))) is not None:
        settings["filesystem"] = kind + (", in memory: lost with the power" if kind == "tmpfs" else "")
    return settings


def file_system(path: Path) -> str | None:
    """Its kind, where Linux tells."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return None
    under = [(mount[1], mount[2]) for mount in mounts if path.is_relative_to(mount[1])]
    return max(under, key=lambda mount: len(mount[0]), default=("", None))[1]
