"""A server that anybody may use is reached from its own machine only."""

from typing import Any

import pytest

from boxoffice.http.identity.exposure import refusal_to_listen

OPEN: dict[str, Any] = {"has_keys": False, "has_tokens": False, "insecure": False, "trusted_proxies": False}
HERE = ("127.0.0.1", "127.8.9.10", "::1", "localhost")
ANYWHERE = (
    "0.0.0.0",
    "::",
    "",
    "192.0.2.7",
    "10.0.0.1",
    "2001:db8::1",
    "boxoffice.example",
    "127.0.0.1.example",
)


@pytest.mark.parametrize("host", HERE)
def test_without_a_key_it_listens_on_this_machine(host: str) -> None:
    assert refusal_to_listen(host, **OPEN) is None


@pytest.mark.parametrize("host", ANYWHERE)
def test_without_a_key_it_listens_nowhere_else_and_says_what_to_do(host: str) -> None:
    sentence = refusal_to_listen(host, **OPEN) or ""
    assert sentence.startswith(f"Not listening on {host or 'every address'}: ")
    assert "`boxoffice keys create" in sentence
    assert "--insecure" in sentence


@pytest.mark.parametrize("host", [*HERE, *ANYWHERE])
def test_behind_a_proxy_this_machine_is_anywhere(host: str) -> None:
    assert "a proxy is trusted" in (refusal_to_listen(host, **{**OPEN, "trusted_proxies": True}) or "")


@pytest.mark.parametrize("host", [*HERE, *ANYWHERE])
@pytest.mark.parametrize("reason", ["has_keys", "has_tokens", "insecure"])
@pytest.mark.parametrize("trusted_proxies", [False, True])
def test_with_a_key_or_tokens_or_if_told_to_it_listens_anywhere(
    host: str, reason: str, trusted_proxies: bool
) -> None:
    asked = {**OPEN, "trusted_proxies": trusted_proxies, reason: True}
    assert refusal_to_listen(host, **asked) is None
