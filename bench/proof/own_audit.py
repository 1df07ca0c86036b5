"""`boxoffice audit` beside a server of our own: whether its tables agree with its log.

A process of its own: the server's own opinion, beside ours, which is made without its code. In the parent,
on the event loop.
"""

import asyncio
import sys
from pathlib import Path

import msgspec

from boxoffice.bench.proof.findings import TABLES, Findings

VIOLATIONS = 3
"""The exit code of an audit that has found some."""


class _Violation(msgspec.Struct, rename="camel"):
    what: str
    event_id: str | None = None
    version: int | None = None

    def __str__(self) -> str:
        where = "no event" if self.event_id is None else f"event {self.event_id}"
        return (
            f"{where}: {self.what}"
            if self.version is None
            else f"{where}, version {self.version}: {self.what}"
        )


class _Report(msgspec.Struct):
    changes: int
    orders: int
    violations: list[_Violation]
    unlisted: int = 0


async def audit(data_dir: str, findings: Findings) -> None:
    """Let it look at everything that is there, and add what it finds."""
    command = (str(Path(sys.executable).with_name("boxoffice")), "audit", "--json", "--data-dir", data_dir)
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        findings.leave_undone([TABLES], f"`boxoffice audit` cannot be run: {error}")
        return
    out, said = await process.communicate()
    if process.returncode not in (0, VIOLATIONS):
        why = said.decode("utf-8", "replace").strip()
        findings.leave_undone([TABLES], f"`boxoffice audit` could not be done: {why}")
        return
    _add(msgspec.json.decode(out, type=_Report), findings)


def _add(report: _Report, findings: Findings) -> None:
    findings.look(TABLES, report.changes + report.orders)
    for violation in report.violations:
        findings.found(TABLES, str(violation))
    for _ in range(report.unlisted):
        findings.found(TABLES, "and more")
