"""The trials, each as small as it can be: they run, end what they begin, and write what they find."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filling import fill
from stage import connected

from tests.support import postgres
from tests.support.audit import audited
from tests.support.server import QUIET

TRIALS = Path(__file__).parents[2] / "bench" / "trials"
SHORT = ("--seconds", "1", "--rounds", "1")

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")


def run(trial: str, *options: str) -> tuple[dict[str, Any], str]:
    """What it has found, and what it said; it leaves nothing in its folder."""
    with postgres.public_folder() as folder:
        file = folder / "found.json"
        command = [sys.executable, str(TRIALS / f"{trial}.py"), *options]
        command += ["--temporary", str(folder), "--json", str(file)]
        with subprocess.Popen(command, stdout=-1, stderr=subprocess.STDOUT, text=True, env=QUIET) as process:
            try:
                said, _ = process.communicate(timeout=90)
            finally:
                process.terminate()  # nothing, if it has ended; else it ends what it has begun
        assert process.returncode == 0, said
        assert list(folder.iterdir()) == [file], said
        return json.loads(file.read_bytes()), said


def values(found: dict[str, Any]) -> dict[str, float]:
    """What was found, by what it is of."""
    return {row["what"]: row["value"] for row in found["rows"]}


@needs_wrk
def test_a_hot_event_is_compared_with_doing_nothing() -> None:
    found, said = run("hot_event", *SHORT, "--connections", "4", "--key")
    assert found["name"] == "hot event"
    assert found["command"].startswith("python ")
    booked, nothing, ratio = values(found).values()
    assert 0 < ratio == pytest.approx(booked / nothing, rel=0.01), said
    assert found["rows"][2]["aim"] == ">= 0.75"
    assert found["rows"][2]["met"] is (ratio >= 0.75)


@needs_wrk
def test_bookings_are_spread_over_many_events() -> None:
    found, said = run("spread", *SHORT, "--events", "300", "--connections", "4")
    assert len(found["rows"]) == 7, said
    assert all(value > 0 for value in values(found).values()), said


@needs_wrk
def test_batches_are_compared_with_a_bare_copy() -> None:
    found, said = run("batch", *SHORT, "--batch", "50", "--connections", "2", "--rows", "5000")
    booked, copied, ratio = values(found).values()
    assert 0 < ratio == pytest.approx(booked / copied, rel=0.01), said


@needs_wrk
def test_who_cancels_promotes_the_head_of_a_long_line() -> None:
    found, said = run("cancelling", *SHORT, "--waiting", "200", "--connections", "4", "--most", "8000")
    assert len(found["rows"]) == 10, said
    assert all(value > 0 for value in values(found).values()), said


def test_one_booking_is_compared_with_one_commit() -> None:
    found, said = run("one_at_a_time", "--asked", "20", "--rounds", "1")
    booking, commit, nothing, rows, ratio, bound = values(found).values()
    assert 0 < ratio == pytest.approx(booking / commit, rel=0.01), said
    assert 0 < bound == pytest.approx((nothing + rows) / commit, rel=0.01), said


@needs_wrk
def test_looks_at_a_status_are_compared_with_doing_nothing() -> None:
    found, said = run("looking", *SHORT, "--connections", "4")
    assert len(found["rows"]) == 6, said
    assert all(value > 0 for value in values(found).values()), said


def test_idle_events_are_weighed() -> None:
    found, said = run("idle_events", "--events", "2000")
    rate, *weights = values(found).values()
    assert rate > 0, said
    assert len(weights) == 3, said


def test_what_is_rebuilt_is_weighed_and_timed() -> None:
    found, said = run("rebuild", "--events", "10", "--orders", "5000", "--rounds", "1")
    rate, weight = values(found).values()
    assert rate > 0, said
    assert weight > 0, said


@needs_wrk
def test_growth_is_drawn() -> None:
    sizes = ("--orders", "1", "100", "--events", "1", "50", "--connections", "4")
    found, said = run("growth", *SHORT, *sizes)
    assert [len(series["points"]) for series in found["chart"]["series"]] == [2, 2, 2], said
    assert all(y > 0 for series in found["chart"]["series"] for _, y in series["points"]), said


def test_churn_is_watched_period_by_period_and_audited() -> None:
    found, said = run("churn", "--minutes", "0.03", "--rate", "600", "--visitors", "4", "--periods", "4")
    assert "the audit found nothing amiss" in said
    assert [len(series["points"]) for series in found["chart"]["series"]] == [4, 4, 4], said
    assert len(found["rows"]) == 3, said


def test_a_line_is_timed_without_a_server() -> None:
    found, said = run("waiting_list", "--waiting", "2000", "--rounds", "1")
    assert len(found["rows"]) == 6, said


def test_what_is_filled_in_passes_an_audit(database_url: str) -> None:
    with connected(database_url) as connection:
        many = fill(connection, 3, booked=5, waiting=4)
        more = fill(connection, 2, booked=5, spare=7)
        assert (len(many.ids), len(more.ids), more.first) == (3, 2, many.last + 1)
    report = audited(database_url)
    assert not report.violations
    assert (report.events, report.changes) == (5, 3 * 10 + 2 * 6)
