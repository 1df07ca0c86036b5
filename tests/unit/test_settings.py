"""The settings: what each may look like, what they are together, and which variables are none."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from cyclopts import Token

from boxoffice.http.operating import validators
from boxoffice.http.operating.settings import AuditSettings, DatabaseSettings, ServeSettings, contradiction
from boxoffice.http.operating.sources import aligned
from boxoffice.http.operating.variables import FAILPOINTS, unknown, variables

# --- one value -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("fd00::/8", "fd00::/8"),
        ("::1", "::1/128"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_a_network_or_one_address_is_a_trusted_proxy(text: str, network: str) -> None:
    assert validators.networks(None, [Token(value=text)]) == (ip_network(network),)


@pytest.mark.parametrize("text", ["", "proxy.example", "10.0.0.0/33", "10.0.0.0/8,fd00::/8", "10.0.0"])
def test_anything_else_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match="is no network"):
        validators.networks(None, [Token(value="10.0.0.0/8"), Token(value=text)])


def test_an_address_within_a_network_is_told_which_it_may_mean() -> None:
    with pytest.raises(ValueError, match=r"write 10\.0\.0\.0/8, or the address alone"):
        validators.networks(None, [Token(value="10.1.2.3/8")])


@pytest.mark.parametrize(
    "origin",
    [
        "https://shop.example", "http://localhost:5173", "https://[::1]:8443", "http://192.0.2.7",
        "https://xn--bcher-kva.example", "capacitor://localhost", "http://shop.example:443",
    ],
)  # fmt: skip
def test_an_origin_is_what_a_browser_sends(origin: str) -> None:
    validators.origins(None, [origin])


@pytest.mark.parametrize(
    "origin",
    [
        "*", "null", "", "shop.example", "https://*", "https://*.example", "https://shop.example/",
        "https://shop.example/page", "https://Shop.example", "HTTPS://shop.example", "https://",
        "https://user@shop.example", "https://shop.example:", "https://shop.example:65536",
        "https://shop.example https://other.example", "https://shop..example", "https://shop.example\n",
        "https://shop.example:443", "http://shop.example:80",
    ],
)  # fmt: skip
def test_anything_else_would_never_equal_an_origin(origin: str) -> None:
    with pytest.raises(ValueError, match=r"is no origin|the usual port"):
        validators.origins(None, ["https://shop.example", origin])


def test_a_list_in_a_variable_is_comma_separated() -> None:
    assert validators.comma_separated(None, " a, b ,,c, ") == ["a", "b", "c"]
    assert validators.comma_separated(None, "") == []


@pytest.mark.parametrize("text", ["", "fast", "0/second", "100", "100/fortnight", "OFF"])
def test_what_is_no_rate_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate limit"):
        validators.rate(None, text)


@pytest.mark.parametrize("text", ["off", "100/second", "5/day", None])
def test_what_is_a_rate_limit_is_taken(text: str | None) -> None:
    validators.rate(None, text)


# --- all of them ---------------------------------------------------------------------------------


def test_a_database_is_named_once() -> None:
    both = {"data_dir": Path("data"), "database_url": "postgresql://localhost/tickets"}
    for settings in (DatabaseSettings(**both), ServeSettings(**both), AuditSettings(**both)):  # type: ignore[arg-type]
        assert "drop --data-dir" in (contradiction(settings) or "")


def test_json_web_tokens_are_checked_in_one_way() -> None:
    secret = "x" * 32
    assert "drop --jwt-jwks" in (contradiction(ServeSettings(jwt_jwks="keys.json", jwt_secret=secret)) or "")
    assert "give --jwt-jwks" in (contradiction(ServeSettings(jwt_issuer="https://login.example")) or "")
    assert "give --jwt-jwks" in (contradiction(ServeSettings(jwt_audience="boxoffice")) or "")
    whose: dict[str, Any] = {"jwt_issuer": "https://login.example", "jwt_audience": "boxoffice"}
    assert contradiction(ServeSettings(**whose, jwt_jwks="keys.json")) is None
    assert contradiction(ServeSettings(**whose, jwt_secret=secret)) is None
    assert "give both --jwt-issuer" in (contradiction(ServeSettings(jwt_secret=secret)) or "")
    assert contradiction(ServeSettings()) is None


def test_the_settings_do_not_show_their_secrets() -> None:
    settings = ServeSettings(database_url="postgresql://u:hidden@h/d", jwt_secret="hidden" * 6)
    assert "hidden" not in repr(settings)


# --- variables -----------------------------------------------------------------------------------


def test_every_setting_has_one_variable() -> None:
    assert set(variables().values()) == set(ServeSettings.__dataclass_fields__)
    assert len(variables()) == len(ServeSettings.__dataclass_fields__)


def test_variables_that_are_settings_or_not_ours_are_not_reported() -> None:
    others = ["BOXOFFICE_API_KEY", FAILPOINTS, "PATH", "MY_BOXOFFICE_PORT"]
    assert unknown(dict.fromkeys([*variables(), *others], "")) == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("BOXOFFICE_RATE_LIMT", "BOXOFFICE_RATE_LIMIT"),
        ("BOXOFFICE_TRUSTED_PROXIES", "BOXOFFICE_TRUSTED_PROXY"),
        ("BOXOFFICE_CORS_ORIGINS", "BOXOFFICE_CORS_ORIGIN"),
        ("BOXOFFICE_DATABASE_URL", "DATABASE_URL"),
        ("BOXOFFICE_PORT", "PORT"),
        ("BOXOFFICE_LOG_LEVL", "LOG_LEVEL"),
    ],
)
def test_a_variable_that_is_none_is_reported_with_the_one_that_was_meant(name: str, meant: str) -> None:
    assert unknown({name: "1"}) == [f"{name} is no setting; did you mean {meant}?"]


def test_a_variable_that_is_like_none_is_reported_alone() -> None:
    assert unknown({"BOXOFFICE_Z": "", "BOXOFFICE_COLOUR": ""}) == [
        "BOXOFFICE_COLOUR is no setting.",
        "BOXOFFICE_Z is no setting.",
    ]


def test_what_kubernetes_sets_for_a_service_named_boxoffice_is_not_reported() -> None:
    host, port = "10.96.0.7", "tcp://10.96.0.7:3000"
    service = {
        "BOXOFFICE_SERVICE_HOST": host, "BOXOFFICE_SERVICE_PORT": "3000",
        "BOXOFFICE_SERVICE_PORT_HTTP": "3000",
        "BOXOFFICE_PORT": port, "BOXOFFICE_PORT_3000_TCP": port, "BOXOFFICE_PORT_3000_TCP_PROTO": "tcp",
        "BOXOFFICE_PORT_3000_TCP_PORT": "3000", "BOXOFFICE_PORT_3000_TCP_ADDR": host,
    }  # fmt: skip
    assert unknown(service) == []


def test_columns_begin_below_each_other() -> None:
    rows = [("a", "bb", "c"), ("aaa", "", "cc"), ("a", "b" * 200, "c")]
    first, second, third = aligned(rows)
    assert first.index("c") == second.index("c") == third.index("c")
    assert list(aligned([("a", "b", "")])) == ["a  b"]
