"""JWK sets: which keys of an issuer are used, for what, and why the others are not."""

import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.http.identity.jwks import KEYS_MAX, JwksError, KeySet, NoKeyError, read_key_set
from tests.unit.issuer import jwk, key_set, private_key

RSA_ONLY = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]


def left_out(key: Any) -> str:
    """Why this key is not used; one beside it is."""
    found = read_key_set(key_set(key, jwk("good", "ES256")))
    assert len(found) == 1
    assert found.find("good", "ES256")
    (reason,) = found.left_out
    assert reason.startswith("key 1 of 2 ")
    return reason


# --- which keys are used -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "takes"),
    [("RS256", RSA_ONLY), *((each, [each]) for each in ("ES256", "ES384", "ES512", "EdDSA"))],
)
def test_a_key_is_for_what_its_kind_can_do(algorithm: str, takes: list[str]) -> None:
    found = read_key_set(key_set(jwk("a", algorithm)))
    assert [list(found.find("a", each).algorithms) for each in takes] == [takes] * len(takes)
    assert found.left_out == ()


def test_a_key_may_be_for_one_algorithm_only() -> None:
    found = read_key_set(key_set(jwk("a", "RS256", alg="PS384")))
    assert found.find("a", "PS384").algorithms == ("PS384",)
    for other in ("RS256", "PS256", "HS256", "none"):
        with pytest.raises(NoKeyError):
            found.find("a", other)


@pytest.mark.parametrize("members", [{"use": "sig"}, {"key_ops": ["verify"]}, {"x5t": "x"}, {"kid": None}])
def test_keys_that_say_that_they_check_signatures_are_used(members: dict[str, Any]) -> None:
    assert read_key_set(key_set(jwk("a", "ES256", **members))).left_out == ()


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (jwk("a", "RS256", use="enc"), "not for signatures"),
        (jwk("a", "RS256", use=["sig"]), "not for signatures"),
        (jwk("a", "RS256", key_ops=["encrypt"]), "not for checking signatures"),
        (jwk("a", "RS256", key_ops="verify it"), "not for checking signatures"),
        (jwk("a", "RS256", alg="RSA-OAEP"), "for an algorithm"),
        (jwk("a", "RS256", alg="HS256"), "for an algorithm"),
        (jwk("a", "RS256", alg="ES256"), "for an algorithm"),
        (jwk("a", "RS256", alg="none"), "for an algorithm"),
        (jwk("a", "RS256", alg=["RS256"]), "for an algorithm"),
        (jwk("a", "ES256", alg="ES384"), "for an algorithm"),
        (jwk("a", "ES256", crv="secp256k1"), "of a kind"),
        (jwk("a", "ES256", crv="P-384"), "cannot be read"),
        (jwk("a", "ES256", crv=None), "of a kind"),
        (jwk("a", "ES256", crv=["P-256"]), "of a kind"),
        (jwk("a", "ES256", kty="RSA"), "cannot be read"),
        (jwk("a", "ES256", x="AAAA"), "cannot be read"),
        (jwk("a", "ES256", x=None), "cannot be read"),
        (jwk("a", "ES256", y=5), "cannot be read"),
        (jwk("a", "EdDSA", crv="Ed448"), "of a kind"),
        (jwk("a", "EdDSA", crv="X25519"), "of a kind"),
        (jwk("a", "EdDSA", x="é"), "cannot be read"),
        (jwk("a", "RS256", kty=None), "of a kind"),
        (jwk("a", "RS256", kty={}), "of a kind"),
        (jwk("a", "RS256", e="AQ"), "cannot be read"),
        (jwk("a", "RS256", n="!"), "cannot be read"),
        (jwk("a", "RS256", bits=1024), "too short"),
        (jwk("a", "RS256", kid=5), "a kid that is no text"),
        ({"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "kid": "a", "alg": "HS256"}, "secret"),
        ({"kty": "oct", "kid": "a"}, "of a kind"),
        ({}, "of a kind"),
        ([], "no JSON object"),
        (None, "no JSON object"),
    ],
)
def test_other_keys_are_left_out(key: Any, reason: str) -> None:
    assert reason in left_out(key)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_private_keys_are_left_out_and_not_quoted(algorithm: str) -> None:
    """Whoever can read such a set can sign what they like."""
    private = jwt.get_algorithm_by_name(algorithm).to_jwk(private_key("a", algorithm), as_dict=True)
    assert "d" in private
    reason = left_out({**private, "key_ops": ["sign", "verify"]})
    assert "secret" in reason
    assert private["d"] not in reason


# --- what is a set -------------------------------------------------------------------------------


NO_SETS: list[tuple[bytes, str]] = [
    (b"", "not JSON"),
    (b"<html>", "not JSON"),
    (b"\xff", "not JSON"),
    (b"[" * 100_000, "not JSON"),
    (b"null", "no JWK set"),
    (b"[]", "no JWK set"),
    (b"{}", "no JWK set"),
    (b'{"keys":{}}', "no JWK set"),
    (b'{"keys":null}', "no JWK set"),
    (json.dumps(jwk("a", "ES256")).encode(), "no JWK set"),
    (key_set(*[{}] * (KEYS_MAX + 1)), "more than 100"),
]


@pytest.mark.parametrize(("document", "reason"), NO_SETS, ids=[reason for _, reason in NO_SETS])
def test_what_is_no_set_is_refused(document: bytes, reason: str) -> None:
    with pytest.raises(JwksError, match=reason):
        read_key_set(document)


def test_a_set_may_be_empty_or_full() -> None:
    assert len(read_key_set(key_set())) == 0
    assert len(read_key_set(key_set(*(jwk("a", "ES256", kid=str(n)) for n in range(KEYS_MAX))))) == KEYS_MAX


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from(["RSA", "EC", "OKP", "P-256", "AQAB"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = {*jwk("a", "RS256"), *jwk("a", "ES256"), "alg", "use", "key_ops", "d", "k"}


@given(
    st.lists(ANYTHING | st.dictionaries(st.sampled_from(sorted(MEMBERS)), ANYTHING), max_size=3) | ANYTHING
)
def test_whatever_is_in_a_set_one_good_key_is_found(keys: Any) -> None:
    others = keys if isinstance(keys, list) else [keys]
    found = read_key_set(key_set(*others, jwk("good", "EdDSA")))
    assert found.find("good", "EdDSA").kid == "good"
    assert len(found) + len(found.left_out) == len(others) + 1


# --- which key is a token's ----------------------------------------------------------------------


def test_an_unknown_name_finds_nothing() -> None:
    found = read_key_set(key_set(jwk("a", "RS256"), jwk("b", "ES256", kid=None)))
    for kid in ("b", "", "A"):
        with pytest.raises(NoKeyError, match="not known"):
            found.find(kid, "RS256")


def test_without_a_name_one_key_must_fit_and_no_more() -> None:
    found = read_key_set(key_set(jwk("a", "RS256"), jwk("b", "RS256", alg="RS256"), jwk("c", "ES256")))
    assert found.find(None, "ES256").kid == "c"
    assert found.find(None, "PS256").kid == "a"
    for algorithm in ("RS256", "ES384", "HS256"):
        with pytest.raises(NoKeyError, match="not exactly one"):
            found.find(None, algorithm)


def test_two_keys_of_one_name_are_told_apart_by_their_kinds() -> None:
    found = read_key_set(key_set(jwk("a", "RS256"), jwk("b", "ES256", kid="a"), jwk("c", "ES384", kid="a")))
    assert {found.find("a", each).algorithms[0] for each in ("RS256", "ES256", "ES384")} == {
        "RS256",
        "ES256",
        "ES384",
    }
    twice = read_key_set(key_set(jwk("a", "ES256"), jwk("b", "ES256", kid="a")))
    with pytest.raises(NoKeyError, match="not exactly one"):
        twice.find("a", "ES256")


def test_an_empty_set_finds_nothing() -> None:
    with pytest.raises(NoKeyError):
        KeySet(()).find(None, "RS256")
