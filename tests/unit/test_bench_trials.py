"""What the trials share: rounds and medians, aims, what wrk says, the slope of a line, what is drawn."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import wrk
from churn import slope_of
from findings import Chart, Findings, Series, in_turn, median, percentile, ratio, shown
from probe import request
from spread import drawn
from stage import running

SAID = """
  Latency Distribution
     50%    4.50ms
     75%    5.00ms
     90%    6.00ms
     99%    1.20s
  Socket errors: connect 0, read 2, write 0, timeout 1
  Non-2xx or 3xx responses: 4
  29867 requests in 3.00s, 12.40MB read
Requests/sec:   9946.12
"""


def test_rounds_go_back_and_forth_and_the_warm_up_does_not_count() -> None:
    order: list[str] = []

    def run(name: str, value: float) -> float:
        order.append(name)
        return value

    figures = in_turn(2, {"a": lambda: run("a", 6), "b": lambda: run("b", 3)})
    assert order == ["b", "a", "a", "b", "b", "a"]
    assert figures == {"a": [6, 6], "b": [3, 3]}


def test_a_single_round_is_a_look_and_has_no_warm_up() -> None:
    assert in_turn(1, {"a": iter([1.0, 2.0]).__next__}) == {"a": [1.0]}


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    figures = {"a": [1.0, 2.0, 9.0], "b": [1.0, 4.0, 3.0]}
    assert ratio(figures, "a", "b") == 1.0
    assert median(figures, "a") == 2.0


def test_an_aim_is_met_or_missed_and_what_has_none_is_neither(tmp_path: Path) -> None:
    findings = Findings("some", chart=Chart("Growth", "x", "y", [Series("z", [(1, 2)])]))
    findings.tell("enough", 0.75, at_least=0.75)
    findings.tell("too much", 5.004, "ms", at_most=5, note="late")
    findings.tell("by the way", 12345.678, "/s")
    file = tmp_path / "found.json"
    findings.write(str(file))
    found = json.loads(file.read_bytes())
    assert [(row["aim"], row["met"]) for row in found["rows"]] == [
        (">= 0.75", True),
        ("<= 5", False),
        (None, None),
    ]
    assert found["rows"][2] == {
        "what": "by the way", "value": 12350.0, "unit": "/s", "aim": None, "met": None, "note": "",
    }  # fmt: skip
    assert found["chart"]["series"] == [{"name": "z", "points": [[1, 2]]}]


def test_figures_are_written_for_people() -> None:
    assert [shown(each) for each in (12345.6, 100, 7.124, 0.0123)] == ["12,346", "100", "7.12", "0.0123"]


def test_a_percentile_is_one_of_the_values() -> None:
    assert [percentile([5, 1, 2, 4, 3], each) for each in (0, 50, 99, 100)] == [1, 3, 5, 5]


def test_what_wrk_says_is_read_with_all_that_failed() -> None:
    assert wrk.read(SAID) == wrk.Load(9946.12, 4.5, 1200, 7, 29867)


def test_a_load_in_which_something_failed_ends_the_trial() -> None:
    with pytest.raises(SystemExit, match="7 requests failed"):
        wrk.succeeded(wrk.read(SAID))


def test_what_is_no_report_of_wrks_ends_the_trial() -> None:
    with pytest.raises(SystemExit, match="unable to connect"):
        wrk.read("unable to connect to 127.0.0.1")


def test_a_slope_is_found_with_its_error() -> None:
    assert slope_of([1, 2, 3, 4], [2, 4, 6, 8]) == (2, 0)
    slope, error = slope_of([0, 1, 2, 3], [0, 1, 0, 1])
    assert (slope, error) == pytest.approx((0.2, 0.08**0.5))


def test_the_first_events_are_the_most_popular_ones_by_zipf() -> None:
    counts = Counter(drawn(list(range(1, 1001)), zipf=True))
    assert counts[1] / counts[10] == pytest.approx(10, rel=0.1)
    uniform = Counter(drawn(list(range(1, 11)), zipf=False))
    assert min(uniform.values()) > 0.9 * max(uniform.values())


def test_a_request_says_how_long_its_body_is() -> None:
    assert request("GET", "/status/1") == b"GET /status/1 HTTP/1.1\r\nHost: x\r\n\r\n"
    head, body = request("POST", "/book", {"userId": "zoë"}).split(b"\r\n\r\n")
    assert json.loads(body) == {"userId": "zoë"}
    assert head.endswith(b"Content-Length: %d" % len(body))


def test_a_process_that_does_not_get_ready_ends_the_trial_with_what_it_said() -> None:
    with (
        pytest.raises(SystemExit, match="no such thing"),
        running("is ready", sys.executable, "-c", "print('no', 'such thing')"),
    ):
        pass


def test_a_process_is_ended_when_the_trial_fails() -> None:
    waiting = "import time; print('is ready', flush=True); time.sleep(60)"
    with pytest.raises(ZeroDivisionError), running("is ready", sys.executable, "-c", waiting) as started:
        raise ZeroDivisionError
    alive = subprocess.run(["kill", "-0", str(started.pid)], check=False, stderr=subprocess.DEVNULL)
    assert alive.returncode
