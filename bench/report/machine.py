"""Where a load test runs: what somebody needs to know who compares its figures with others."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from boxoffice.bench.report.results import Machine

PACKAGES = (
    "boxoffice",
    "aiohttp",
    "pykka",
    "msgspec",
    "httptools",
    "uvloop",
    "sqlalchemy",
    "psycopg2-binary",
)


def this_machine() -> Machine:
    """This one, as far as it tells. Reads /proc where there is one."""
    return Machine(
        cores=_cores(),
        model=_model(),
        memory_gb=_memory_gb(),
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        versions={name: found for name in PACKAGES if (found := installed(name)) is not None},
    )


def installed(package: str) -> str | None:
    """Its version, if it is."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _model() -> str:
    return _after("/proc/cpuinfo", "model name") or platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    kilobytes = _after("/proc/meminfo", "MemTotal").removesuffix("kB").strip()
    return round(int(kilobytes) / 2**20, 1) if kilobytes.isdecimal() else None


def _after(path: str, name: str) -> str:
    """What stands behind a name and a colon, where it does first."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found = (line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name)
    return next(found, "")
