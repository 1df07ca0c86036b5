"""Tokens that were changed on the way, or put together by chance: none is accepted, none makes a mistake."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.http.identity.token_rules import TokenError
from boxoffice.http.identity.tokens import LEEWAY_S, CustomerTokens
from tests.unit.issuer import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    NOW,
    Clock,
    by_hand,
    rules,
    token,
)
from tests.unit.token_checks import EACH, published, refused, shared


@pytest.fixture(scope="module")
def mutable(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[CustomerTokens, str]]:
    """A good token of each kind."""
    by_secret = shared()
    by_keys = asyncio.run(published(tmp_path_factory.mktemp("keys")))
    secret = [(by_secret, token(algorithm=algorithm)) for algorithm in ("HS256", "HS384", "HS512")]
    return [*secret, *((by_keys, token(name, algorithm)) for name, algorithm in EACH)]


CHANGES: list[Callable[[str, int, str], str]] = [
    lambda text, at, new: text[:at] + new + text[at + 1 :],
    lambda text, at, new: text[:at] + new + text[at:],
    lambda text, at, _: text[:at] + text[at + 1 :],
    lambda text, at, _: text[:at] + text[at : at + 2][::-1] + text[at + 2 :],
]


@given(data=st.data())
def test_a_token_that_was_changed_is_refused(
    mutable: list[tuple[CustomerTokens, str]], data: st.DataObject
) -> None:
    tokens, good = data.draw(st.sampled_from(mutable))
    change = data.draw(st.sampled_from(CHANGES))
    new = data.draw(
        st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ")
        | st.characters()
    )
    bad = change(good, data.draw(st.integers(0, len(good) - 1)), new)
    if bad == good:
        assert tokens.customer_of(bad) == "alice"
    else:
        refused(tokens, bad)


def test_a_signature_has_only_one_spelling(mutable: list[tuple[CustomerTokens, str]]) -> None:
    """The last character of a part stands for less than six bits: others decode to the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = 0
    for tokens, good in mutable:
        signature = good.rpartition(".")[2]
        for last in alphabet.replace(good[-1], ""):
            same = decoded(signature[:-1] + last) == decoded(signature)
            others += same
            assert refused(tokens, good[:-1] + last) in (
                {"the token cannot be read"}
                if same
                else {"the token cannot be read", "the token's signature is wrong"}
            )
    assert others > len(mutable)


def decoded(signature: str) -> bytes:
    """As a lenient reader would."""
    return base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def mostly(good: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """These members, of which some are something else."""
    return st.fixed_dictionaries(
        {}, optional={name: st.just(value) | ANYTHING for name, value in good.items()}
    )


@given(
    header=st.just({"alg": "HS256"})
    | mostly({"alg": "HS256", "kid": "a", "typ": "JWT", "b64": True, "crit": ["b64"]})
    | ANYTHING,
    claims=mostly(CLAIMS) | ANYTHING,
)
def test_whatever_is_signed_is_a_customer_or_refused(header: Any, claims: Any) -> None:
    tokens = CustomerTokens(rules(), Clock())
    try:
        customer = tokens.customer_of(by_hand(header, claims))
    except TokenError:
        return
    assert customer == claims["sub"]
    assert header["alg"] == "HS256"
    assert (claims["iss"], claims["exp"] > NOW - LEEWAY_S) == (ISSUER, True)
    assert AUDIENCE in claims["aud"]


@given(st.text(st.sampled_from("abcXYZ019-_.="), max_size=60) | st.text())
def test_any_text_is_refused(given: str) -> None:
    refused(CustomerTokens(rules(), Clock()), given)
