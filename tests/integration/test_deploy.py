"""The unit, the Dockerfile and compose.yaml name only what there is: files, commands, variables, addresses.

No container can be run here: what they would run is run as it is, on a real server.
"""

import dataclasses
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import cyclopts
import pytest
import yaml  # type: ignore[import-untyped]

from boxoffice.http.catalogue import CALLS
from boxoffice.http.operating import settings
from tests.support.server import COMMAND, Server, run

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNIT = (DEPLOY / "boxoffice.service").read_text()
COMPOSE_TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
LIBPQ = {"PGPASSWORD"}
PYTHON = {"PATH"}


def variables() -> set[str]:
    """Every environment variable that some command reads."""
    found = set()
    for each in vars(settings).values():
        if isinstance(each, type) and dataclasses.is_dataclass(each):
            for annotation in get_type_hints(each, include_extras=True).values():
                for extra in get_args(annotation)[1:]:
                    if isinstance(extra, cyclopts.Parameter) and extra.env_var:
                        found |= {extra.env_var} if isinstance(extra.env_var, str) else set(extra.env_var)
    return found


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, each with what follows it on one line."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines) if word]


def of(word: str) -> list[str]:
    """What follows each instruction of a kind."""
    return [rest for found, rest in instructions() if found == word]


def exists(command: list[str]) -> bool:
    """Whether `boxoffice` has such a command."""
    return run(*command, "--help").code == 0


def asks_about_health(command: list[str], port: int) -> int:
    """How a health check ends, against this port."""
    assert command[0] == "python"
    env = {**os.environ, "PORT": str(port)}
    code = command[2].replace("3000", str(port))
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, env=env).returncode


def paths(code: str) -> list[str]:
    return re.findall(r"'GET', '([^']+)'", code)


def test_the_variables_are_read_from_the_settings() -> None:
    assert {"DATABASE_URL", "HOST", "PORT", "LOG_LEVEL", "BOXOFFICE_MAX_CONNECTIONS"} <= variables()


# --- systemd -------------------------------------------------------------------------------------


def test_the_unit_runs_commands_that_there_are() -> None:
    commands = re.findall(r"^ExecStart(?:Pre)?=(.+)$", UNIT, re.MULTILINE)
    assert [command.rpartition("/")[2] for command in commands] == ["boxoffice migrate", "boxoffice serve"]
    for command in commands:
        assert exists(shlex.split(command)[1:])


def test_the_units_settings_are_settings() -> None:
    named = re.findall(r"^#?\s?([A-Z][A-Z_]+)=", (DEPLOY / "boxoffice.env").read_text(), re.MULTILINE)
    assert "DATABASE_URL" in named
    assert set(named) <= variables() | LIBPQ


def test_the_unit_gives_a_drain_its_time_and_clients_their_descriptors() -> None:
    found = dict(line.split("=", 1) for line in UNIT.splitlines() if re.match(r"[A-Z]\w+=", line))
    assert found["KillSignal"] == "SIGTERM"
    assert int(found["TimeoutStopSec"]) > 10
    assert int(found["LimitNOFILE"]) > settings.ServeSettings().max_connections


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "boxoffice.service"
    unit.write_text(UNIT.replace("/opt/boxoffice/bin/boxoffice", COMMAND))
    verified = subprocess.run(
        ["systemd-analyze", "verify", unit], check=False, capture_output=True, text=True
    )
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    exposure = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit],
        check=False, capture_output=True, text=True, env={**os.environ, "SYSTEMD_PAGER": ""},
    )  # fmt: skip
    assert exposure.returncode == 0, exposure.stdout[-200:]


# --- Docker --------------------------------------------------------------------------------------


def test_the_image_has_all_that_the_package_is_made_of_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    packages = {"actors", "bench", "client", "http", "persistence"}
    assert let_in == {"pyproject.toml", "README.md", "LICENSE"} | packages
    assert {f"bench/{each}" for each in ("trials", "tools", "peers")} <= set(rules)
    assert all((ROOT / each).exists() for each in let_in)
    project = (ROOT / "pyproject.toml").read_text()
    folders = set(re.findall(r'^"boxoffice\.\w+" = "(\w+)"$', project, re.MULTILINE))
    assert folders <= let_in


def test_the_image_runs_as_nobody_in_particular_and_stops_as_we_do() -> None:
    assert of("STOPSIGNAL") == ["SIGTERM"]
    (user,) = of("USER")
    assert int(user.partition(":")[0]) > 0
    assert [each.partition(" ")[0] for each in of("FROM")] == ["python:3.13-slim"] * 2
    (entry,), (command,) = of("ENTRYPOINT"), of("CMD")
    assert json.loads(entry) == ["boxoffice"]
    assert exists(json.loads(command))
    (environment,) = of("ENV")
    named = dict(pair.split("=", 1) for pair in shlex.split(environment))
    assert set(named) <= variables() | PYTHON
    assert of("EXPOSE") == [named["PORT"]]


def test_the_images_health_check_knows_the_living_from_the_dead(server: Server) -> None:
    (rest,) = of("HEALTHCHECK")
    command = json.loads(rest.partition("CMD ")[2])
    (found,) = paths(command[2])
    assert found == "/livez"
    assert asks_about_health(command, server.address[1]) == 0
    assert asks_about_health(command, 1) != 0
    elsewhere = [each.replace(found, "/nothing") for each in command]
    assert asks_about_health(elsewhere, server.address[1]) != 0, "an answer is not enough"


# --- compose -------------------------------------------------------------------------------------


def test_compose_makes_tables_before_it_serves_and_keeps_the_data() -> None:
    assert set(SERVICES) == {"database", "migrate", "boxoffice"}
    assert SERVICES["database"]["image"] == "postgres:18"
    assert SERVICES["database"]["volumes"] == ["database:/var/lib/postgresql"]
    assert set(COMPOSE["volumes"]) == {"database"}
    needed = {name: each["condition"] for name, each in SERVICES["boxoffice"]["depends_on"].items()}
    assert needed == {"database": "service_healthy", "migrate": "service_completed_successfully"}
    assert SERVICES["migrate"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert exists(SERVICES["migrate"]["command"])


def test_composes_settings_are_settings_and_its_secret_is_nowhere_in_it() -> None:
    for name in ("migrate", "boxoffice"):
        given = SERVICES[name]["environment"]
        assert set(given) <= variables() | LIBPQ
        assert given["PGPASSWORD"].startswith("${POSTGRES_PASSWORD:?")
        assert given["DATABASE_URL"] == "postgresql://boxoffice@database:5432/boxoffice"
    assert SERVICES["database"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    assert SERVICES["boxoffice"]["ports"] == ["127.0.0.1:${PORT:-3000}:3000"], "not for the open internet"


def test_the_way_to_a_first_key_that_it_documents_is_one(database_url: str) -> None:
    (documented,) = re.findall(r"docker compose run --rm boxoffice (keys create .+)", COMPOSE_TEXT)
    made = run(*shlex.split(documented), "--database-url", database_url)
    assert made.code == 0, made.err
    assert made.out.startswith("bo_")


def test_composes_health_check_knows_the_ready_from_the_dead(server: Server) -> None:
    kind, *command = SERVICES["boxoffice"]["healthcheck"]["test"]
    assert kind == "CMD"
    (found,) = paths(command[2])
    assert found == "/readyz"
    assert asks_about_health(command, server.address[1]) == 0
    assert asks_about_health(command, 1) != 0
    elsewhere = [each.replace(found, "/nothing") for each in command]
    assert asks_about_health(elsewhere, server.address[1]) != 0, "an answer is not enough"


def test_what_asks_for_health_asks_for_calls_that_there_are() -> None:
    known = {call.path for call in CALLS if call.method == "GET"}
    asked = {*paths((ROOT / "Dockerfile").read_text()), *paths(COMPOSE_TEXT)}
    assert asked == {"/livez", "/readyz"}
    assert asked <= known


def test_compose_waits_for_a_drain() -> None:
    grace = SERVICES["boxoffice"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > 10
