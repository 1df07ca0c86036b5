"""Tokens that somebody else has signed, or with something else than they should: all refused."""

import json
from pathlib import Path

import pytest

from boxoffice.http.identity.tokens import CustomerTokens
from tests.unit.issuer import (
    CLAIMS,
    Clock,
    by_hand,
    jwk,
    public_pem,
    rules,
    token,
)
from tests.unit.token_checks import EACH, PUBLISHED, published, refused, shared


@pytest.fixture
def by_secret() -> CustomerTokens:
    """Tokens that are signed with the shared secret."""
    return shared()


@pytest.fixture
async def by_keys(tmp_path: Path) -> CustomerTokens:
    """Tokens that are signed with one of the published keys."""
    return await published(tmp_path)


def test_another_secret_is_refused(by_secret: CustomerTokens) -> None:
    assert "signature is wrong" in refused(by_secret, by_hand({"alg": "HS256"}, CLAIMS, b"x" * 64))


@pytest.mark.parametrize(("length", "takes"), [(32, ["HS256"]), (48, ["HS256", "HS384"])])
def test_a_short_secret_does_not_do_for_a_long_hash(length: int, takes: list[str]) -> None:
    tokens = CustomerTokens(rules("x" * length), Clock())
    for algorithm in takes:
        given = {"alg": algorithm}
        assert "signature is wrong" in refused(tokens, by_hand(given))  # it is looked at, at least
    reason = refused(tokens, by_hand({"alg": "HS512"}, CLAIMS, b"x" * length))
    assert reason == f"the token's algorithm is none of {', '.join(takes)}"


@pytest.mark.parametrize("kid", ["rsa", "p256", "ed", "unknown", None])
@pytest.mark.parametrize("algorithm", ["HS256", "none"])
def test_a_public_key_is_no_secret(by_keys: CustomerTokens, kid: str | None, algorithm: str) -> None:
    """Whoever has the public key could otherwise sign with it, as everybody has it."""
    header = {"alg": algorithm, **({} if kid is None else {"kid": kid})}
    for secret in (public_pem("rsa", "RS256"), json.dumps(jwk("rsa", "RS256")).encode(), b"", b"\0"):
        assert "algorithm is none of RS256, " in refused(by_keys, by_hand(header, CLAIMS, secret))


@pytest.mark.parametrize(("name", "algorithm"), EACH)
def test_with_a_shared_secret_no_public_key_will_do(
    by_secret: CustomerTokens, name: str, algorithm: str
) -> None:
    given = token(name, algorithm, header={"kid": name, "jwk": jwk(name, algorithm)})
    assert "algorithm is none of HS256, HS384, HS512" in refused(by_secret, given)


async def test_a_key_in_the_token_is_not_used(by_keys: CustomerTokens) -> None:
    for kid in ("rsa", "mallory"):
        header = {"kid": kid, "jwk": jwk("mallory", "RS256"), "jku": "http://127.0.0.1:1/", "x5u": "file:///"}
        assert refused(by_keys, token("mallory", "RS256", header=header))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"kid": "p256"}, "not exactly one fits"),
        ({"kid": "mallory"}, "key is not known"),
        ({"kid": ""}, "key is not known"),
        ({"kid": "RSA"}, "key is not known"),
        ({"kid": "../../dev/null"}, "key is not known"),
    ],
)
def test_a_token_is_checked_with_the_key_that_it_names(
    by_keys: CustomerTokens, header: dict[str, str], reason: str
) -> None:
    assert reason in refused(by_keys, token("rsa", "RS256", header=header))


def test_a_key_of_the_same_name_is_not_the_same_key(by_keys: CustomerTokens) -> None:
    for algorithm in PUBLISHED["rsa"]:
        given = token("mallory", algorithm, header={"kid": "rsa"})
        assert "signature is wrong" in refused(by_keys, given)


def test_without_a_name_the_only_key_that_fits_is_used(by_keys: CustomerTokens) -> None:
    for name, algorithm in EACH:
        assert by_keys.customer_of(token(name, algorithm, header={})) == "alice"
