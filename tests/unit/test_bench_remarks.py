"""What is said to whoever reads the figures, so that they are not taken for what they are not."""

from typing import Any

import pytest

from boxoffice.bench.remarks import BUSY, remarks
from tests.support.made_up_run import counts, results, snapshot


def said(failed: dict[str, int], busy: float = 10.0, **options: Any) -> str:
    """All that is said of a run with these errors and options."""
    seen = [snapshot(1.0, {"batch": counts([1_000] * 9, answers={200: 9}, failed=failed)})]
    known = {"connections": 64, "batch": 1_000, "events": None, "processes": 1, "seed": 1, **options}
    run = {"scenario": known.pop("scenario", "batch"), "options": known}
    return " ".join(remarks(results(seen, 1.0, extra={BUSY: busy}, run=run)))


def test_of_a_plain_run_nothing_is_said() -> None:
    assert said({}) == ""


def test_a_busy_load_generator_is_told_with_what_helps() -> None:
    assert "try --processes 3." in said({}, busy=95.0, processes=2)


def test_figures_that_are_those_of_a_rate_limit_are_told() -> None:
    assert "1,200 requests met a rate limit (429)" in said({"429 rate_limited": 1_200})


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        ({}, "the 10,000 that a box office takes at once"),
        ({}, "-c 10 would fit."),
        ({"batch": 200, "events": 5, "connections": 128}, "-c 100 would fit."),
    ],
)
def test_whoever_asks_for_more_batches_at_once_than_are_taken_is_told(
    options: dict[str, Any], fits: str
) -> None:
    assert fits in said({"503 overloaded": 3}, **options)
    assert said({}, **options) == ""


@pytest.mark.parametrize("options", [{"connections": 8}, {"scenario": "hot"}, {"batch": 10}])
def test_a_server_that_is_overloaded_by_less_is_not_excused(options: dict[str, Any]) -> None:
    assert said({"503 overloaded": 3}, **options) == ""
