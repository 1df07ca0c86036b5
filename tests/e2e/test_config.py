"""`boxoffice config`, and what is said of variables and flags that are wrong."""

import json
from typing import Any

import pytest

from tests.support.server import Ended, Server, run

SECRET = "0123456789abcdef" * 3
PUBLISHED = {"BOXOFFICE_JWT_ISSUER": "https://login.example", "BOXOFFICE_JWT_AUDIENCE": "boxoffice"}
TOKENS = {**PUBLISHED, "BOXOFFICE_JWT_SECRET": SECRET}
URL = "postgresql://user:hunter2@127.0.0.1:1/tickets"


def shown(*arguments: str, **env: str) -> dict[str, Any]:
    """The document that `config --json` prints."""
    ended = run("config", "--json", *arguments, env=env)
    assert (ended.code, ended.err) == (0, "")
    document: dict[str, Any] = json.loads(ended.out)
    return document


def refused(*arguments: str, **env: str) -> Ended:
    """A command that does not run because of its settings."""
    ended = run(*arguments, env=env)
    assert ended.code in (1, 2)
    assert ended.out == ""
    assert "Traceback" not in ended.err
    assert "hunter2" not in ended.err
    return ended


def test_without_anything_every_setting_has_its_default() -> None:
    document = shown()
    assert {each["source"] for each in document.values()} == {"default"}
    assert document["data-dir"]["value"] == "boxoffice-data"
    assert document["port"]["value"] == 3000
    assert document["trusted-proxy"]["value"] == []
    assert document["insecure"]["value"] is False
    assert document["jwt-secret"]["value"] is None


def test_it_lists_the_flags_of_serve_and_no_others() -> None:
    flags = {f"--{name}" for name in shown()}
    words = set(run("serve", "--help", env={"COLUMNS": "200"}).out.split())
    assert flags == {word for word in words if word.startswith("--")}


def test_each_value_says_where_it_came_from() -> None:
    document = shown(
        "--port", "4000", "--insecure", "--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "::1",
        PORT="5000", LOG_LEVEL="debug", BOXOFFICE_TRUSTED_PROXY="192.0.2.1",
        BOXOFFICE_CORS_ORIGIN="https://a.example, https://b.example", BOXOFFICE_PUBLIC_STATUS="yes",
    )  # fmt: skip
    assert {name: (each["value"], each["source"], each["variable"]) for name, each in document.items()} == {
        "data-dir": ("boxoffice-data", "default", None),
        "database-url": (None, "default", None),
        "host": ("127.0.0.1", "default", None),
        "port": (4000, "flag", None),
        "max-connections": (10_000, "default", None),
        "max-listeners": (8_000, "default", None),
        "max-listeners-per-address": (200, "default", None),
        "insecure": (True, "flag", None),
        "public-status": (True, "environment", "BOXOFFICE_PUBLIC_STATUS"),
        "rate-limit": (None, "default", None),
        "trusted-proxy": (["10.0.0.0/8", "::1/128"], "flag", None),
        "cors-origin": (["https://a.example", "https://b.example"], "environment", "BOXOFFICE_CORS_ORIGIN"),
        "jwt-issuer": (None, "default", None),
        "jwt-audience": (None, "default", None),
        "jwt-jwks": (None, "default", None),
        "jwt-secret": (None, "default", None),
        "log-level": ("debug", "environment", "LOG_LEVEL"),
        "log-format": ("auto", "default", None),
        "log-requests-per-second": (100, "default", None),
    }


def test_a_value_that_equals_the_default_was_given_all_the_same() -> None:
    assert shown(PORT="3000")["port"] == {"value": 3000, "source": "environment", "variable": "PORT"}


def test_people_read_a_table_that_is_not_cut() -> None:
    audience = "a" * 200
    ended = run("config", "--port", "4000", env={**TOKENS, "BOXOFFICE_JWT_AUDIENCE": audience})
    assert (ended.code, ended.err) == (0, "")
    rows = {row.split()[0]: row.split()[1:] for row in ended.out.splitlines()}
    assert rows["--port"] == ["4000", "flag"]
    assert rows["--jwt-audience"] == [audience, "environment", "BOXOFFICE_JWT_AUDIENCE"]
    assert rows["--jwt-secret"] == ["***", "environment", "BOXOFFICE_JWT_SECRET"]
    assert rows["--insecure"] == ["off", "default"]
    assert rows["--cors-origin"] == ["-", "default"]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_secrets_are_masked(options: tuple[str, ...]) -> None:
    env = {
        "DATABASE_URL": f"{URL}?sslpassword=hunter2",
        **TOKENS,
        "BOXOFFICE_JWT_SECRET": SECRET + "hunter2",
    }
    ended = run("config", *options, env=env)
    assert ended.code == 0
    assert "hunter2" not in ended.out + ended.err
    assert SECRET not in ended.out + ended.err
    assert "postgresql://user:***@127.0.0.1:1/tickets?sslpassword=***" in ended.out
    masked = shown(**PUBLISHED, BOXOFFICE_JWT_JWKS="https://login.example/jwks?apikey=hunter2")
    assert masked["jwt-jwks"]["value"] == "https://login.example/jwks?apikey=***"


@pytest.mark.parametrize("command", ["serve", "config"])
def test_what_contradicts_itself_is_said_by_both_in_the_same_words(command: str) -> None:
    ended = refused(command, "--data-dir", "nowhere", DATABASE_URL=URL, PORT="0")
    assert ended.err == (
        "boxoffice: Both a data directory and a database URL are given: drop --data-dir (BOXOFFICE_DATA_DIR)"
        " or --database-url (DATABASE_URL).\n"
    )
    ended = refused(command, "--database-url", URL, BOXOFFICE_JWT_ISSUER="me", PORT="0")
    assert ended.err.startswith("boxoffice: Customers' tokens cannot be checked without a key")


@pytest.mark.parametrize("command", ["serve", "config"])
@pytest.mark.parametrize(
    "setting",
    [
        ("DATABASE_URL", "postgresql://:hunter2:x"),
        ("DATABASE_URL", "mysql://user:hunter2@localhost/x"),
        ("BOXOFFICE_JWT_SECRET", "hunter2"),
        ("PORT", URL),
        ("BOXOFFICE_TRUSTED_PROXY", URL),
        ("BOXOFFICE_CORS_ORIGIN", URL),
        ("LOG_FORMAT", URL),
    ],
)
def test_a_wrong_value_is_said_without_a_secret(command: str, setting: tuple[str, str]) -> None:
    refused(command, **dict([setting]))


def test_a_wrong_flag_is_said_without_a_secret() -> None:
    assert "at least 32 are needed" in refused("serve", "--jwt-secret", "hunter2", **PUBLISHED).err
    assert "Did you mean --jwt-secret" in refused("serve", "--jwt-secrt=hunter2").err


def test_variables_that_are_no_settings_are_reported_and_the_server_starts_all_the_same(
    database_url: str,
) -> None:
    sentence = "boxoffice: BOXOFFICE_RATE_LIMT is no setting; did you mean BOXOFFICE_RATE_LIMIT?\n"
    env = {"BOXOFFICE_RATE_LIMT": "off", "BOXOFFICE_COLOUR": "red"}
    ended = run("config", env=env)
    assert (ended.code, ended.err) == (0, f"boxoffice: BOXOFFICE_COLOUR is no setting.\n{sentence}")
    server = Server("--database-url", database_url, env=env)
    assert server.get("/events")[0] == 200
    assert server.stop() == 0
    assert sentence in server.said
