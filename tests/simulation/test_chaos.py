"""Half a minute of chaos; `make chaos SECONDS=… SEED=…` has as much of it as is wanted."""

import secrets

import pytest

from tests.simulation.chaos import Wanted, chaos


@pytest.mark.timeout(400)
def test_half_a_minute_of_chaos_breaks_no_promise() -> None:
    chaos(Wanted(seconds=30.0, seed=secrets.randbelow(1_000_000)))
