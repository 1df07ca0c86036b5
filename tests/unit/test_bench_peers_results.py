"""`bench/RESULTS.md` and its charts, from what trials are made to have found; nothing is measured here."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "trials" / "results.py"

STANDING = {"connections": 64, "slowest": 9_000, "fastest": 11_000, "p50_ms": 6.25, "p99_ms": 12.0}
PEERS = {
    "name": "peers",
    "rows": [
        {"what": "to (b) a | b", "value": 4.0, "unit": "x", "aim": ">= 5", "met": False, "note": "2,500/s"},
        {"what": "to (d) Redis", "value": 1.75, "unit": "x", "aim": ">= 1.5", "met": True},
    ],
    "standings": [
        {
            **STANDING,
            "letter": "boxoffice",
            "name": "boxoffice",
            "rate": 10_000,
            "to_nothing": 0.5,
            "boxoffice_to_it": 1,
        },
        {
            **STANDING,
            "letter": "b",
            "name": "one statement",
            "rate": 2_500,
            "to_nothing": None,
            "boxoffice_to_it": 4.0,
        },
    ],
    "left_out": {"Express": "node is not installed"},
    "versions": {"Python": "asyncpg 0.32.0"},
}
LINES = [
    {"name": "orders <of the event>", "points": [[1, 9_000], [1_000, 9_000], [1_000_000, 8_100]]},
    {"name": "events", "points": [[1, 9_000], [1_000, 4_500]]},
]
CHART = {"title": "How it grows", "x": "how many", "y": "bookings/s", "log_x": True, "series": LINES}
GROWTH = {
    "name": "growth",
    "rows": [
        {
            "what": "beside 100,000 events",
            "value": 8_000.0,
            "unit": "/s",
            "aim": None,
            "met": None,
            "note": "",
        }
    ],
    "chart": CHART,
}


def ran(name: str, found: Any, failed: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "command": f"python bench/trials/{name}.py",
        "took_s": 12.3,
        "found": found,
        "failed": failed,
    }


def written(folder: Path, *trials: dict[str, Any]) -> tuple[int, str]:
    """The exit code, and the page."""
    kept = folder / "kept.json"
    kept.write_text(json.dumps({"when": "2026-11-26", "facts": {"memory": "24 GiB"}, "ran": trials}))
    command = [sys.executable, str(SCRIPT), "--from", str(kept), "--into", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    page = (folder / "RESULTS.md").read_text(encoding="utf-8")
    assert page in done.stdout, done.stderr
    return done.returncode, page


def test_the_page_holds_the_machine_the_peers_the_aims_the_chart_and_the_commands(tmp_path: Path) -> None:
    code, page = written(tmp_path, ran("peers", PEERS), ran("growth", GROWTH))
    assert code == 0
    rows = page.splitlines()
    for row in (
        "| memory | 24 GiB |",
        "| **boxoffice** | 10,000 | 9,000 to 11,000 | 0.500 |  | 6.2 ms | 12.0 ms |",
        "| (b) one statement | 2,500 | 9,000 to 11,000 |  | 4.00 x | 6.2 ms | 12.0 ms |",
        "Left out: Express, because node is not installed.",
        "Made of: Python asyncpg 0.32.0.",
        "1 of 2 are met in this run.",
        r"| to (b) a \| b | 4 x | at least 5 | **no** | 2,500/s |",
        "| to (d) Redis | 1.75 x | at least 1.5 | yes |  |",
        "| beside 100,000 events | 8,000 /s |  |",
        "![How it grows](growth.svg)",
        "| how many | 1 | 1,000 | 1,000,000 |",
        "| events | 9,000 | 4,500 |  |",
        "python bench/trials/growth.py  # 12 s",
    ):
        assert row in rows, page


def test_a_trial_that_failed_is_named_and_the_others_are_still_written(tmp_path: Path) -> None:
    code, page = written(tmp_path, ran("peers", PEERS), ran("growth", None, "wrk has left"))
    assert code == 1
    assert "`python bench/trials/growth.py` found nothing: wrk has left" in page.splitlines()
    assert "| to (d) Redis | 1.75 x | at least 1.5 | yes |  |" in page.splitlines()
    assert not (tmp_path / "growth.svg").exists()


SVG = "{http://www.w3.org/2000/svg}"


def chart_of(folder: Path, chart: dict[str, Any]) -> ET.Element:
    written(folder, ran("growth", {**GROWTH, "chart": chart}))
    return ET.parse(folder / "growth.svg").getroot()


def dots(svg: ET.Element) -> list[tuple[float, float]]:
    return [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in svg.iter(f"{SVG}circle")]


def test_a_chart_draws_each_point_on_a_logarithmic_axis_and_from_zero(tmp_path: Path) -> None:
    svg = chart_of(tmp_path, CHART)
    (one, nine), (thousand, _), (million, eight), *others = dots(svg)
    assert million - thousand == pytest.approx(thousand - one, abs=0.2)
    assert [x for x, _ in others] == [one, thousand]
    texts = [text.text or "" for text in svg.iter(f"{SVG}text")]
    assert {"How it grows", "orders <of the event>", "events", "how many", "1,000,000"} <= set(texts)
    (zero,) = [float(text.attrib["y"]) - 4 for text in svg.iter(f"{SVG}text") if text.text == "0"]
    assert (zero - eight) / (zero - nine) == pytest.approx(8_100 / 9_000, abs=0.01)


def test_where_the_figures_have_no_common_unit_each_line_has_a_panel_and_a_scale(tmp_path: Path) -> None:
    svg = chart_of(tmp_path, {**CHART, "y": ""})
    assert len([text for text in svg.iter(f"{SVG}text") if text.text == "0"]) == 2
    first, second = dots(svg)[0], dots(svg)[3]
    assert second[1] - first[1] == pytest.approx(250, abs=0.2)  # the same figure, one panel further down
