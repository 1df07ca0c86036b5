"""The page with the results of a load test: complete in itself, and nothing in it is more than text."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import msgspec
import pytest

from boxoffice.bench.proof.findings import Check, Proof
from boxoffice.bench.report.as_html import as_html
from boxoffice.bench.report.as_json import as_json
from boxoffice.bench.report.results import Point, Results
from boxoffice.bench.report.thresholds import parse
from boxoffice.bench.report.totals import POINTS_MAX
from tests.support.made_up_run import busy, counts, results, snapshot

HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;<!--"


class Reader(HTMLParser):
    """What a page consists of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.text = ""
        self._in = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in = tag

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in in self.inside:
            self.inside[self._in].append(data)
        else:
            self.text += data


@pytest.fixture(scope="module")
def found() -> Results:
    """A run."""
    return results(busy(4), 4.0)


@pytest.fixture(scope="module")
def page(found: Results) -> str:
    """Its page."""
    return as_html(found)


def hostile() -> Results:
    """A run in which everything that comes from elsewhere is made of HTML."""
    quarter = snapshot(1.0, {HOSTILE: counts([1_000], answers={503: 1}, failed={HOSTILE: 1})})
    return results(
        [quarter], 1.0,
        proof=Proof([Check(HOSTILE, 1, 1, [HOSTILE], None, HOSTILE), Check(HOSTILE, skipped=HOSTILE)]),
        thresholds=[msgspec.structs.replace(parse("p99>1s"), text=HOSTILE)],
        extra={HOSTILE: 1.0},
        run={
            "scenario": HOSTILE, "url": f"http://h/{HOSTILE}", "command": HOSTILE, "version": HOSTILE,
            "server_version": HOSTILE, "durability": {HOSTILE: HOSTILE}, "began_at": HOSTILE,
            "counted": HOSTILE,
        },
    )  # fmt: skip


def test_it_asks_nobody_for_anything(page: str) -> None:
    wanted = re.compile(r"(?:src|href|action)=\"([^\"]*)\"|url\(([^)]*)\)|@import ([^;]*)")
    addresses = {"".join(match) for match in wanted.findall(page)}
    assert {each.partition(",")[0] for each in addresses} == {
        "data:image/svg+xml", "data:font/woff2;base64", "#dots", "#stripes",
    }  # fmt: skip
    assert all(attributes.get("rel", "icon") == "icon" for _, attributes in Reader(page).tags)


def test_its_policy_allows_what_is_in_it_and_nothing_else(page: str) -> None:
    reader = Reader(page)
    (policy,) = [a["content"] for tag, a in reader.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    allowed = dict(each.split(" ", 1) for each in policy.split("; "))
    (style,), (data, script) = reader.inside["style"], reader.inside["script"]
    assert allowed == {
        "default-src": "'none'", "script-src": digest(script), "style-src": digest(style),
        "font-src": "data:", "img-src": "data:", "base-uri": "'none'", "form-action": "'none'",
    }  # fmt: skip
    assert json.loads(data)
    assert not [tag for tag, attributes in reader.tags if {"style", "onclick", "onload"} & set(attributes)]


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_same_results_stand_in_it_as_in_the_json(page: str, found: Results) -> None:
    assert json.loads(Reader(page).inside["script"][0]) == json.loads(as_json(found))


def test_whose_library_draws_the_charts_is_told(page: str) -> None:
    assert "Copyright (c) 2022 Leon Sorokin" in Reader(page).inside["script"][1]


def test_what_comes_from_elsewhere_is_text(page: str) -> None:
    reader, harmless = Reader(as_html(hostile())), Reader(page)
    kinds = {tag for tag, _ in harmless.tags} | {"p", "tfoot"}
    assert {tag for tag, _ in reader.tags} <= kinds
    assert len(reader.inside["script"]) == 2
    assert json.loads(reader.inside["script"][0])["run"]["scenario"] == HOSTILE
    assert not [a for _, a in reader.tags if set(a) & {"onerror"}]
    assert reader.text.count(HOSTILE) >= 12
    assert HOSTILE not in as_html(hostile())


def test_it_tells_what_the_table_tells(page: str) -> None:
    text = " ".join(Reader(page).text.split())
    for said in (
        "closed loop, 64 connections, 4 s after 2 s of warm-up, seed 7",
        "coordinated omission",
        "It fails by 1 threshold: book.p99.9>=1s",
        "nothing is oversold",
        "40,000 versions",
        "503 overloaded",
        "Load test of 26 November 2026, 10:00 UTC",
        "boxoffice bench --scenario rush",
        "fsync on",
    ):
        assert said in text


def test_a_run_without_requests_has_a_page() -> None:
    assert "The audit was left out" not in as_html(results([], 0.0, proof=None)).partition("<body>")[0]
    assert "Nobody has looked" in as_html(results([], 0.0, proof=None, thresholds=[]))


def test_the_longest_run_makes_no_large_page(found: Results) -> None:
    point = Point(
        at_s=123_456, seconds=128, rate=12_345.678, good=12_345.678, errors=12_345.678, offered=12_345.678,
        p50=12_345.678, p90=12_345.678, p99=12_345.678, max=12_345.678,
    )  # fmt: skip
    assert len(as_html(msgspec.structs.replace(found, series=[point] * POINTS_MAX))) < 500_000
