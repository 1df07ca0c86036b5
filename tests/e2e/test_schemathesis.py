"""What follows from the API document, and what does not, is sent to a real server; schemathesis judges.

`make fuzz SECONDS=600 SEED=7` does the same for longer, and each time differently.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxoffice.actors.principals import Scope
from tests.support.audit import assert_audit_passes
from tests.support.log import database
from tests.support.people import api_key
from tests.support.server import Server

ROOT = Path(__file__).resolve().parents[2]
COMMAND = str(Path(sys.executable).with_name("schemathesis"))
CONFIGURATION = str(ROOT / "tests/e2e/schemathesis.toml")
MADE = {
    "EventInitialized", "TicketsBooked", "TicketsHeld", "CustomerWaitlisted", "OrderCancelled",
    "EventAdjusted", "SaleClosed",
}  # fmt: skip
SECONDS, SEED = os.environ.get("FUZZ_SECONDS"), os.environ.get("FUZZ_SEED")
BOUNDS = ["--generation-deterministic", "--max-examples", "40"]
"""On every run the same; that takes some 40 s."""


def bounds() -> list[str]:
    if SECONDS is None:
        return BOUNDS
    return ["--max-time", SECONDS, *(["--seed", SEED] if SEED else [])]


@pytest.fixture
def key(database_url: str) -> str:
    """An API key that may everything; from then on the server wants one. Another may be revoked."""
    api_key(database_url, Scope.READ)
    return api_key(database_url, *Scope)


@pytest.fixture
def locked(database_url: str, key: str) -> Iterator[Server]:
    """A server that there is a key to."""
    server = Server("--database-url", database_url)
    yield server
    server.stop()


def kinds_made(database_url: str) -> set[str]:
    """What kinds of changes there are in the log."""
    with database(database_url) as cursor:
        cursor.execute("SELECT DISTINCT body->>'kind' FROM changes")
        return {kind for (kind,) in cursor.fetchall()}


@pytest.mark.timeout(300 + float(SECONDS or 0))
def test_the_server_keeps_to_its_document(locked: Server, key: str) -> None:
    fuzzed = subprocess.run(
        [COMMAND, "--config-file", CONFIGURATION, "run", f"{locked.url}/openapi.json", *bounds(),
         "--continue-on-failure", "--no-color"],
        check=False, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "FUZZ_KEY": key},
    )  # fmt: skip
    print(fuzzed.stdout)
    assert fuzzed.returncode == 0
    assert not any("Traceback" in line for line in locked.said), locked.said
    assert_audit_passes(locked.database_url)
    assert kinds_made(locked.database_url) >= MADE, "not vacuous"
