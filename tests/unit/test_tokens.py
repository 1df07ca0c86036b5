"""Customers' tokens: the good ones name a customer, and what is wrong with the others is said."""

from pathlib import Path
from typing import Any

import pytest

from boxoffice.actors.values import TEXT_MAX
from boxoffice.http.identity.tokens import LEEWAY_S, TOKEN_MAX, CustomerTokens
from tests.unit.issuer import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    NOW,
    by_hand,
    part,
    token,
    without,
)
from tests.unit.token_checks import EACH, published, refused, shared


@pytest.fixture
def by_secret() -> CustomerTokens:
    """Tokens that are signed with the shared secret."""
    return shared()


@pytest.fixture
async def by_keys(tmp_path: Path) -> CustomerTokens:
    """Tokens that are signed with one of the published keys."""
    return await published(tmp_path)


# --- good ones -----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_token_signed_with_the_secret_names_a_customer(by_secret: CustomerTokens, algorithm: str) -> None:
    assert by_secret.customer_of(token(algorithm=algorithm)) == "alice"


@pytest.mark.parametrize(("name", "algorithm"), EACH)
def test_a_token_signed_with_a_published_key_names_a_customer(
    by_keys: CustomerTokens, name: str, algorithm: str
) -> None:
    assert by_keys.customer_of(token(name, algorithm)) == "alice"


@pytest.mark.parametrize(
    "customer", ["a", "auth0|5f7c8ec7c33c6c004bbafe82", "Zoë 🎟", "x" * TEXT_MAX, "🎟" * TEXT_MAX]
)
def test_a_customer_may_be_called_anything(by_secret: CustomerTokens, customer: str) -> None:
    assert by_secret.customer_of(token(sub=customer)) == customer


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [AUDIENCE]},
        {"aud": ["another", AUDIENCE]},
        {"exp": NOW + 0.5},
        {"exp": NOW - LEEWAY_S + 1},
        {"exp": 10**30},
        {"nbf": NOW + LEEWAY_S, "iat": NOW + LEEWAY_S},
        without(["nbf", "iat"]),
        {"profile": {"first": ["Alice"]}, "admin": True},
    ],
)
def test_good_claims_are_taken(by_secret: CustomerTokens, claims: dict[str, Any]) -> None:
    assert by_secret.customer_of(token(**claims)) == "alice"


def test_what_the_issuer_calls_its_secret_does_not_matter(by_secret: CustomerTokens) -> None:
    assert by_secret.customer_of(token(header={"kid": "2026-07", "typ": "at+jwt"})) == "alice"


# --- bad ones, whatever they are signed with -----------------------------------------------------

GOOD = token()

BAD: list[tuple[str, str]] = [
    ("", "not a signed JWT"),
    (".", "not a signed JWT"),
    ("..", "not a signed JWT"),
    ("nonsense", "not a signed JWT"),
    ("a.b.c", "the token's header cannot be read"),
    (GOOD.rpartition(".")[0], "not a signed JWT"),
    (GOOD.rpartition(".")[0] + ".", "not a signed JWT"),
    (f" {GOOD}", "not a signed JWT"),
    (f"{GOOD} ", "not a signed JWT"),
    (f"{GOOD}\n", "not a signed JWT"),
    (GOOD.replace(".", ". ", 1), "not a signed JWT"),
    (f"{GOOD},{GOOD}", "not a signed JWT"),
    (f"{GOOD}.{GOOD}", "not a signed JWT"),
    (f"{GOOD}=", "not a signed JWT"),
    (f"{GOOD}\0", "not a signed JWT"),
    (f"{GOOD}\udcff", "not a signed JWT"),
    (f"{GOOD[:-1]}\N{FULLWIDTH LATIN SMALL LETTER A}", "not a signed JWT"),
    (
        ".".join([part({"alg": "RSA-OAEP", "enc": "A256GCM"}), "a2V5", "aXY", "dGV4dA", "dGFn"]),
        "not a signed",
    ),
    (token(note="x" * TOKEN_MAX), f"longer than {TOKEN_MAX} characters"),
    ("x" * 1_000_000, f"longer than {TOKEN_MAX} characters"),
    (by_hand([]), "the token's header cannot be read"),
    (by_hand({}), "the token's header cannot be read"),
    (by_hand(b"{"), "the token's header cannot be read"),
    (by_hand(b"[" * 3_000), "the token's header cannot be read"),
    (by_hand(b'{"alg":' + b"[" * 3_000), "the token's header cannot be read"),
    (by_hand(b'{"alg":"HS256","x":' + b"[" * 3_000), "the token's header cannot be read"),
    (by_hand(b'\xff{"alg":"HS256"}'), "the token's header cannot be read"),
    (by_hand({"alg": None}), "the token's header cannot be read"),
    (by_hand({"alg": ["HS256"]}), "the token's header cannot be read"),
    (by_hand({"alg": "HS256", "kid": 1}), "the token's header cannot be read"),
    (by_hand({"alg": "none"}), "the token's algorithm is none of"),
    (by_hand({"alg": "None"}), "the token's algorithm is none of"),
    (by_hand({"alg": ""}), "the token's algorithm is none of"),
    (by_hand({"alg": "hs256"}), "the token's algorithm is none of"),
    (by_hand({"alg": "HS1"}), "the token's algorithm is none of"),
    (by_hand({"alg": "ES256K"}), "the token's algorithm is none of"),
    (by_hand({"alg": "dir"}), "the token's algorithm is none of"),
]


@pytest.mark.parametrize(("given", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_what_is_no_token_is_refused(by_secret: CustomerTokens, given: str, reason: str) -> None:
    assert reason in refused(by_secret, given)


@pytest.mark.parametrize(("given", "reason"), BAD, ids=[reason for _, reason in BAD])
async def test_what_is_no_token_is_refused_with_published_keys(
    by_keys: CustomerTokens, given: str, reason: str
) -> None:
    assert reason in refused(by_keys, given)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://issuer.example/"}, "from another issuer"),
        ({"iss": [ISSUER]}, "from another issuer"),
        ({"aud": "another"}, "not for this audience"),
        ({"aud": AUDIENCE + "x"}, "not for this audience"),
        ({"aud": AUDIENCE[:-1]}, "not for this audience"),
        ({"aud": []}, "not for this audience"),
        ({"aud": ["another", "a third"]}, "not for this audience"),
        ({"aud": [[AUDIENCE]]}, "not for this audience"),
        ({"aud": {AUDIENCE: True}}, "not for this audience"),
        ({"exp": NOW - LEEWAY_S}, "has expired"),
        ({"exp": NOW - LEEWAY_S - 0.5}, "has expired"),
        ({"exp": 0}, "has expired"),
        ({"exp": -1}, "has expired"),
        ({"exp": str(NOW + 600)}, "`exp` is not a number"),
        ({"exp": True}, "`exp` is not a number"),
        ({"exp": [NOW + 600]}, "`exp` is not a number"),
        ({"exp": float("inf")}, "not a JSON object"),
        ({"exp": float("nan")}, "not a JSON object"),
        ({"nbf": NOW + LEEWAY_S + 1}, "is not valid yet"),
        ({"nbf": str(NOW)}, "`nbf` is not a number"),
        ({"iat": NOW + LEEWAY_S + 1}, "issued in the future"),
        ({"iat": False}, "`iat` is not a number"),
        ({"sub": ""}, "`sub` is not a text of 1 to 200"),
        ({"sub": "x" * (TEXT_MAX + 1)}, "`sub` is not a text of 1 to 200"),
        ({"sub": 5}, "`sub` is not a text of 1 to 200"),
        ({"sub": ["alice"]}, "`sub` is not a text of 1 to 200"),
        ({"sub": "ali\0ce"}, "`sub` is not a text of 1 to 200"),
        ({"sub": "ali\ud800ce"}, "not a JSON object"),
        (without(["exp"]), "has no `exp`"),
        (without(["iss"]), "has no `iss`"),
        (without(["aud"]), "has no `aud`"),
        (without(["sub"]), "has no `sub`"),
        (without(CLAIMS), "has no `exp`"),
    ],
)
def test_bad_claims_are_refused(by_secret: CustomerTokens, claims: dict[str, Any], reason: str) -> None:
    header = {"alg": "HS256"}
    whole = {key: value for key, value in (CLAIMS | claims).items() if value is not None}
    assert reason in refused(by_secret, by_hand(header, whole))


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b'"x"', b"{", b"\xff", b'{"a":' + b"[" * 3_000])
def test_claims_are_a_json_object(by_secret: CustomerTokens, payload: bytes) -> None:
    if payload:
        assert "not a JSON object" in refused(by_secret, by_hand({"alg": "HS256"}, payload))
    else:
        assert "not a signed JWT" in refused(by_secret, by_hand({"alg": "HS256"}, payload))


def test_a_claim_of_null_is_none(by_secret: CustomerTokens) -> None:
    for name in CLAIMS:
        refused(by_secret, by_hand({"alg": "HS256"}, {**CLAIMS, name: None}))


@pytest.mark.parametrize(
    "critical",
    [["exp"], ["b64"], [], "exp", None, ["x"]],
)
@pytest.mark.parametrize("more", [{}, {"b64": True}, {"x": 1}])
def test_critical_extensions_are_refused(
    by_secret: CustomerTokens, critical: Any, more: dict[str, Any]
) -> None:
    reason = refused(by_secret, by_hand({"alg": "HS256", "crit": critical, **more}))
    assert "critical extensions" in reason


def test_claims_that_are_not_in_the_token_are_refused(by_secret: CustomerTokens) -> None:
    """A header with `b64` of false stands for a payload somewhere else (RFC 7797)."""
    assert refused(by_secret, by_hand({"alg": "HS256", "b64": False})) == "the token cannot be read"
