"""The disk is full: what cannot be written is refused, and once there is room it goes on by itself."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxoffice.persistence.embedded import running_url
from tests.support.log import Log
from tests.support.postgres import public_folder
from tests.support.server import Server

SIZE_MB = 220  # a new cluster takes some 60, and its write-ahead log some 80 more
BACK_S = 60.0


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own, in memory; skipped where none can be mounted."""
    with public_folder() as folder:
        disk = folder / "disk"
        disk.mkdir(mode=0o755)
        mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=755", "tmpfs", str(disk)],
            check=False, capture_output=True,
        ).returncode == 0  # fmt: skip
        if not mounted:
            pytest.skip("no file system can be mounted here")
        try:
            yield disk
        finally:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Leave no room; returns the file that takes it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 16)):
                pass
        except OSError:
            pass
    return ballast


def test_a_full_disk_refuses_and_forgets_nothing(small_disk: Path) -> None:
    server = Server("--data-dir", str(small_disk / "data"))
    event = server.event(tickets=5)
    seen = [server.book(event, f"before-{number}")["userId"] for number in range(10)]
    ballast = fill(small_disk)
    refused = []
    for number in range(100_000):  # until even the log's next file cannot be made
        user = f"during-{number}-{'x' * 150}"
        commands = [{"do": "book", "eventId": event, "userId": f"{user}-{n}"} for n in range(500)]
        status, answer = server.post("/batch", commands=commands)
        assert status == 200, answer
        for command, result in zip(commands, answer["results"], strict=True):
            if result["status"] < 300:
                seen.append(command["userId"])
            else:
                assert (result["status"], result["body"]["code"]) in [
                    (503, "not_applied"), (503, "event_unavailable"), (504, "outcome_unknown"),
                ]  # fmt: skip
                refused += [command["userId"]] * (result["status"] == 503)
        if refused:
            break
    assert refused, "not vacuous"
    assert server.process.poll() is None
    ballast.unlink()
    until_s = time.monotonic() + BACK_S
    while (told := server.post("/book", eventId=event, userId="after"))[0] not in (201, 202):
        assert told[0] in (503, 504), told
        assert time.monotonic() < until_s, "it does not come back"
        time.sleep(0.2)
    url = running_url(small_disk / "data")
    assert url is not None
    stored = {order.customer for order in Log(url, event).inventory.orders}
    assert set(seen) <= stored, "nothing that was answered is lost"
    assert not set(refused) & stored, "503 means that nothing was changed"
    assert server.stop() == 0
