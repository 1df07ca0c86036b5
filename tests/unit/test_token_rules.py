"""The settings for customers' tokens: all of them, none of them, and never halves."""

import re

import pytest

from boxoffice.http.identity.token_rules import SECRET_MIN, TokenRules, TokenRulesError, token_rules
from tests.unit.issuer import AUDIENCE, ISSUER, SECRET, public_pem


@pytest.mark.parametrize("nothing", [None, ""])
def test_without_settings_there_are_no_rules(nothing: str | None) -> None:
    assert token_rules(nothing, nothing, nothing, nothing) is None


def test_a_shared_secret_makes_rules() -> None:
    assert token_rules(ISSUER, AUDIENCE, None, SECRET) == TokenRules(ISSUER, AUDIENCE, secret=SECRET)
    assert token_rules(ISSUER, AUDIENCE, "", SECRET) == TokenRules(ISSUER, AUDIENCE, secret=SECRET)


@pytest.mark.parametrize(
    "jwks",
    [
        "keys.json",
        "/etc/boxoffice/keys.json",
        "https://issuer.example/.well-known/jwks.json",
        "HTTPS://issuer.example:8443/keys?tenant=5",
        "http://localhost:8080/keys",
        "http://127.0.0.1/keys",
        "http://127.5.5.5:1/keys",
        "http://[::1]:8080/keys",
    ],
)
def test_a_jwk_set_makes_rules(jwks: str) -> None:
    assert token_rules(ISSUER, AUDIENCE, jwks, None) == TokenRules(ISSUER, AUDIENCE, jwks=jwks)


HALVES: list[tuple[str | None, str | None, str | None, str | None, str]] = [
    (ISSUER, AUDIENCE, "keys.json", SECRET, "Both a JWK set and a shared secret .* drop --jwt-jwks"),
    (ISSUER, AUDIENCE, None, None, "without a key: give --jwt-jwks"),
    (ISSUER, None, None, None, "without a key: give --jwt-jwks"),
    (None, AUDIENCE, None, "", "without a key: give --jwt-jwks"),
    (None, AUDIENCE, None, SECRET, "give both --jwt-issuer"),
    (ISSUER, None, None, SECRET, "give both --jwt-issuer"),
    (ISSUER, "", "keys.json", None, "give both --jwt-issuer"),
    (None, None, None, SECRET, "give both --jwt-issuer"),
    (ISSUER, AUDIENCE, None, "s" * (SECRET_MIN - 1), f"has 31 bytes: at least {SECRET_MIN}"),
    (ISSUER, AUDIENCE, None, "\udcff" * SECRET_MIN, "is not UTF-8"),
    (ISSUER, AUDIENCE, None, public_pem("a", "RS256").decode(), "is a key of another kind"),
    (ISSUER, AUDIENCE, None, '{"kty":"oct","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQ"}', "is a key of another"),
]


@pytest.mark.parametrize(
    ("issuer", "audience", "jwks", "secret", "sentence"), HALVES, ids=[each[-1] for each in HALVES]
)
def test_halves_are_refused(
    issuer: str | None, audience: str | None, jwks: str | None, secret: str | None, sentence: str
) -> None:
    with pytest.raises(TokenRulesError, match=sentence) as refused:
        token_rules(issuer, audience, jwks, secret)
    assert not secret or secret not in str(refused.value)


def test_a_secret_is_as_long_as_its_bytes() -> None:
    assert token_rules(ISSUER, AUDIENCE, None, "é" * (SECRET_MIN // 2)) is not None


@pytest.mark.parametrize(
    ("jwks", "reason"),
    [
        ("http://issuer.example/keys", "over http anybody on the way"),
        ("http://127.0.0.1.issuer.example/keys", "over http anybody on the way"),
        ("http://localhost.issuer.example/keys", "over http anybody on the way"),
        ("http://10.0.0.1/keys", "over http anybody on the way"),
        ("https://hush:hush@issuer.example/keys", "a user or a password"),
        ("https://hush@issuer.example/keys", "a user or a password"),
        ("ftp://issuer.example/keys", "neither a file nor an https URL"),
        ("file:///etc/keys.json", "neither a file nor an https URL"),
        ("https:///keys", "neither a file nor an https URL"),
        ("https://issuer.example:hush/keys", "not a URL"),
        ("https://[hush/keys", "not a URL"),
    ],
)
def test_urls_that_cannot_be_trusted_are_refused(jwks: str, reason: str) -> None:
    with pytest.raises(
        TokenRulesError, match=f"--jwt-jwks, BOXOFFICE_JWT_JWKS.*{re.escape(reason)}"
    ) as refused:
        token_rules(ISSUER, AUDIENCE, jwks, None)
    assert "hush" not in str(refused.value)


def test_rules_can_be_printed_without_giving_anything_away() -> None:
    printed = repr(
        [TokenRules(ISSUER, AUDIENCE, "hush"), TokenRules(ISSUER, AUDIENCE, jwks="https://a/?hush")]
    )
    assert "hush" not in printed
    assert ISSUER in printed
