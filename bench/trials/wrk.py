"""wrk as a load: what it is told, and what it says. One thread of it, in a process of its own.

A closed loop: each connection asks again as soon as it is answered. Its latencies are of that loop, and of no
use for saying what somebody waits who comes when he likes. Used by the scripts here, on their main thread.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

BOOK = Path(__file__).parents[1] / "tools" / "wrk.lua"
"""Books tickets of one event, each for a new customer."""

LINES = Path(__file__).with_name("lines.lua")
"""Makes a request of each line of a file."""

_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0}


class Load(NamedTuple):
    """What wrk saw."""

    rate: float
    """Requests in a second."""
    p50_ms: float
    p99_ms: float
    failed: int
    """Answers that were no success, and connections that broke."""
    answered: int
    """Requests, in the time that it took: a moment longer than it was told."""


def needed() -> None:
    """Ends here if there is no wrk."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is needed: apt-get install wrk")


def wrk(
    url: str,
    *arguments: str,
    script: Path | None = None,
    connections: int = 64,
    seconds: int = 3,
    key: str = "",
) -> Load:
    """Load for so many whole seconds. Ends here if wrk fails; failed answers are only counted."""
    with loading(
        url, *arguments, script=script, connections=connections, seconds=seconds, key=key
    ) as process:
        said, _ = process.communicate(timeout=seconds + 30)
    return read(said)


@contextmanager
def loading(
    url: str,
    *arguments: str,
    script: Path | None = None,
    connections: int = 64,
    seconds: int = 3,
    key: str = "",
) -> Iterator["subprocess.Popen[str]"]:
    """The same in the background: what it writes is for `read`. Ended at the end."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
    command += [*(("-s", str(script)) if script else ()), url, *(("--", *arguments) if arguments else ())]
    env = {**os.environ, "API_KEY": key}
    if not key:
        del env["API_KEY"]
    with subprocess.Popen(command, stdout=-1, stderr=subprocess.STDOUT, text=True, env=env) as process:
        try:
            yield process
        finally:
            process.terminate()


def read(said: str) -> Load:
    """What wrk has said. Ends here if it is no report."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    p50, p99 = (re.search(rf"\s{percent}%\s+([\d.]+)(us|ms|s|m)", said) for percent in (50, 99))
    answered = re.search(r"(\d+) requests in", said)
    if rate is None or p50 is None or p99 is None or answered is None:
        raise SystemExit(said)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    failed = (int(refused[1]) if refused else 0) + (sum(map(int, broken.groups())) if broken else 0)
    return Load(float(rate[1]), _ms(p50), _ms(p99), failed, int(answered[1]))


def succeeded(load: Load) -> Load:
    """The same load. Ends here if anything in it failed."""
    if load.failed:
        raise SystemExit(f"{load.failed} requests failed")
    return load


def _ms(matched: re.Match[str]) -> float:
    return float(matched[1]) * _UNITS_MS[matched[2]]
