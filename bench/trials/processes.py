"""What processes take of this machine, read from /proc (Linux). On the main thread of the scripts here."""

import os
import resource
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """Its parent, and its processor time in seconds."""

    parent: int
    cpu_s: float


def processes() -> dict[int, Process]:
    """All that run, by their ids; none where there is no /proc."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        used_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        found[int(stat.parent.name)] = Process(int(fields[1]), used_s)
    return found


def resident_bytes(pid: int | None = None) -> int:
    """The memory that a process has in use; without an id, this one's."""
    statm = Path(f"/proc/{'self' if pid is None else pid}/statm").read_text()
    return int(statm.split()[1]) * resource.getpagesize()
