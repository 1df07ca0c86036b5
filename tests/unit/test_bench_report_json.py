"""The results of a load test for another program: the same names for good, and no secrets."""

import json
from pathlib import Path

import msgspec
import pytest

from boxoffice.bench.options import Options
from boxoffice.bench.report.as_json import ReportError, as_json, check_writable, write
from boxoffice.bench.report.machine import this_machine
from boxoffice.bench.report.results import SCHEMA, Results
from boxoffice.bench.report.sum_up import options_shown
from tests.support.made_up_run import busy, proof, results


@pytest.fixture(scope="module")
def found() -> Results:
    """A run with everything in it."""
    return results(busy(3), 3.0, proof=proof({"nothing is oversold": 1}), extra={"final_after_ms": 1.25})


def test_the_names_are_those_that_were_promised(found: Results) -> None:
    said = json.loads(as_json(found))
    assert said["schema"] == SCHEMA == 1
    assert set(said) == {
        "schema", "run", "lastedS", "endedEarly", "offeredRate", "achievedRate", "goodRate", "notSent", "all",
        "calls", "errors", "series", "audit", "thresholds", "extra",
    }  # fmt: skip
    assert set(said["run"]) == {
        "scenario", "url", "ownServer", "options", "loop", "beganAt", "counted", "warmUpS", "command",
        "version", "serverVersion", "machine", "durability",
    }  # fmt: skip
    assert set(said["run"]["machine"]) == {"cores", "model", "memoryGb", "kernel", "python", "versions"}
    call = {"count", "rate", "good", "errors", "lost", "latencyMs", "byStatus", "failed", "distribution"}
    assert set(said["all"]) == set(said["calls"]["book"]) == call
    assert set(said["all"]["latencyMs"]) == {"p50", "p90", "p99", "p999", "max"}
    assert set(said["all"]["distribution"][0]) == {"percentile", "ms"}
    assert set(said["series"][0]) == {
        "atS", "seconds", "rate", "good", "errors", "offered", "p50", "p90", "p99", "max",
    }  # fmt: skip
    assert set(said["audit"]) == {
        "checks",
        "unknown",
        "unknownApplied",
        "undone",
        "tickets",
        "taken",
        "waiting",
        "answersOnly",
    }
    assert set(said["audit"]["checks"][0]) == {"name", "lookedAt", "broken", "examples", "skipped", "counts"}
    assert set(said["thresholds"][0]) == {"threshold", "value", "unit", "failed"}
    assert said["extra"] == {"finalAfterMs": 1.25}


def test_it_can_be_read_back(found: Results) -> None:
    again = msgspec.json.decode(as_json(found), type=Results)
    assert msgspec.structs.replace(again, extra=found.extra) == found


def test_its_sums_are_those_of_its_parts(found: Results) -> None:
    said = json.loads(as_json(found))
    assert said["all"]["count"] == sum(call["count"] for call in said["calls"].values())
    assert sum(said["errors"].values()) == said["all"]["errors"] > 0
    assert sum(said["all"]["byStatus"].values()) == said["all"]["count"]
    answered = sum(point["rate"] * point["seconds"] for point in said["series"])
    assert answered == pytest.approx(said["all"]["count"])


def test_settings_keep_their_names_in_camel_case() -> None:
    said = options_shown(Options(connections=3, warm_up_s=1.5))
    assert said["warmUpS"] == 1.5
    assert said["connections"] == 3
    assert "key" not in said


def test_neither_passwords_nor_keys_are_told() -> None:
    command = "boxoffice bench https://ann:secret@h/?token=t --key bo_abc_s3cret --json x"
    found = results([], 0.0, run={"url": "https://ann:secret@h:3000/x?token=t#f", "command": command})
    assert found.run.url == "https://h:3000/x"
    assert found.run.command == "boxoffice bench https://h/?token=t --key bo_… --json x"


def test_this_machine_tells_what_it_is() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.model
    assert machine.versions["msgspec"] == msgspec.__version__


# --- where it goes -------------------------------------------------------------------------------


def test_it_is_written_to_a_file_or_to_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(str(tmp_path / "r.json"), "é\n")
    write("-", "é\n")
    assert (tmp_path / "r.json").read_text(encoding="utf-8") == capsys.readouterr().out == "é\n"


def test_a_file_that_cannot_be_written_is_found_before_the_run_and_none_is_left_behind(
    tmp_path: Path,
) -> None:
    check_writable("-")
    check_writable(str(tmp_path / "new.json"))
    assert list(tmp_path.iterdir()) == []
    for impossible in (tmp_path, tmp_path / "no" / "x.json"):
        with pytest.raises(ReportError, match=r"A report cannot be written to .*: .*[.]"):
            check_writable(str(impossible))
        with pytest.raises(ReportError):
            write(str(impossible), "")


def test_a_file_that_is_there_keeps_its_content_until_the_end(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text("old", encoding="utf-8")
    check_writable(str(old))
    assert old.read_text(encoding="utf-8") == "old"
