"""The dashboard and the alert rules: they ask for figures that there are, and get answers.

What needs Prometheus is skipped where it is not installed.
"""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.figures import families
from tests.support.prometheus import INSTALLED, Prometheus, prometheus
from tests.support.server import PATIENCE_S, Server

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "boxoffice.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]
NAME = re.compile(r"\b(?:boxoffice|process|python)_[a-z_]+\b")

with_prometheus = pytest.mark.skipif(not INSTALLED, reason="Prometheus is not installed")


def settle(server: Server) -> None:
    """One of everything that makes a series."""
    event = server.event(tickets=2)
    orders = [server.book(event, user) for user in ("ann", "bob", "cleo")]
    server.cancel(orders[0])
    held = server.hold(server.event(), "dora", holdSeconds=60)
    assert server.post("/confirm", orderId=held["orderId"])[0] == 200
    assert server.get("/nothing")[0] == 404


def expanded(expression: str) -> str:
    """What Grafana would ask."""
    for name, value in (("$__rate_interval", "1m"), ("$job", "boxoffice"), ("$instance", ".*")):
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


# --- the dashboard by itself ---------------------------------------------------------------------


def test_every_panel_says_what_it_shows_and_asks_for_it() -> None:
    assert len(PANELS) > 20
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"]
        assert panel["targets"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_the_panels_do_not_overlap_and_fit_the_page() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert taken.isdisjoint(cells), panel["title"]
        taken |= cells


def test_the_data_source_and_the_servers_are_chosen_by_whoever_looks() -> None:
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert set(variables) == {"datasource", "job", "instance"}
    assert variables["datasource"]["type"] == "datasource"
    for panel in PANELS:
        for asks in (panel, *panel["targets"]):
            assert asks["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for title, target in TARGETS:
        selectors = re.findall(r"\{([^{}]*=~[^{}]*)\}", target["expr"])
        assert len(selectors) == len(NAME.findall(target["expr"])), title
        assert all('job=~"$job"' in each and 'instance=~"$instance"' in each for each in selectors), title


# --- what they ask for ---------------------------------------------------------------------------


def test_every_figure_that_is_asked_for_is_there(own_server: Server) -> None:
    settle(own_server)
    there = {sample.name for family in families(own_server) for sample in family.samples}
    rules, tests = RULES.read_text(), RULES.with_name("alerts_test.yml").read_text()
    panels = " ".join(target["expr"] for _, target in TARGETS)
    variables = " ".join(each.get("definition", "") for each in DASHBOARD["templating"]["list"])
    for asked in (rules, tests, panels, variables):
        names = set(NAME.findall(asked))
        assert names
        assert names <= there


def test_every_figure_of_ours_is_shown(own_server: Server) -> None:
    settle(own_server)
    panels = " ".join(target["expr"] for _, target in TARGETS)
    ours = {family.name for family in families(own_server) if family.name.startswith("boxoffice_")}
    assert {name for name in ours if name not in panels} == set()


# --- with Prometheus -----------------------------------------------------------------------------


def promtool(*arguments: str) -> str:
    """What promtool says; fails unless it is content."""
    done = subprocess.run(
        ["promtool", *arguments], check=False, capture_output=True, text=True, cwd=RULES.parent, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@with_prometheus
def test_the_alert_rules_are_sound_and_fire_when_they_should() -> None:
    assert "3 rules found" in promtool("check", "rules", "alerts.yml")
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml")
    promtool("check", "config", "--syntax-only", "prometheus.yml")


@pytest.fixture
def watched(own_server: Server, tmp_path: Path) -> Iterator[Prometheus]:
    """Prometheus, on a server where everything has happened once, and again since the first look."""
    settle(own_server)
    with prometheus(own_server, RULES, tmp_path) as watching:
        watching.wait("boxoffice_bookings_total")
        settle(own_server)
        watching.wait("rate(boxoffice_bookings_total[1m]) > 0")
        yield watching


@with_prometheus
def test_every_panel_gets_data_from_a_server_at_work_and_no_rule_raises_an_alarm(watched: Prometheus) -> None:
    for title, target in TARGETS:
        series = watched.query(expanded(target["expr"]))
        assert series, (title, target["expr"])
        values = [each["value"][1] for each in series]
        assert any(value not in ("NaN", "+Inf") for value in values), (title, target["expr"])
    deadline = time.monotonic() + PATIENCE_S
    while "unknown" in (found := health_of_rules(watched)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert found == ["ok"] * 3
    assert watched.get("/api/v1/alerts")["alerts"] == []


def health_of_rules(watched: Prometheus) -> list[str]:
    (group,) = watched.get("/api/v1/rules")["groups"]
    return [rule["health"] for rule in group["rules"]]
