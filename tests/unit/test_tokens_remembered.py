"""Tokens that have been seen before: they are not checked again, and not accepted a moment too long."""

import pytest

from boxoffice.http.identity import tokens as under_test
from boxoffice.http.identity.token_rules import TokenRules
from boxoffice.http.identity.tokens import LEEWAY_S, CustomerTokens
from tests.unit.issuer import (
    AUDIENCE,
    ISSUER,
    NOW,
    SECRET,
    Clock,
    rules,
    token,
)
from tests.unit.token_checks import refused, shared

GOOD = token()


@pytest.fixture
def by_secret() -> CustomerTokens:
    """Tokens that are signed with the shared secret."""
    return shared()


def test_a_token_is_checked_once(by_secret: CustomerTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    by_secret.customer_of(GOOD)
    monkeypatch.setattr(by_secret, "_checked", lambda token: pytest.fail("it is checked again"))
    assert by_secret.customer_of(str(GOOD)) == "alice"


def test_a_token_is_remembered_no_longer_than_it_is_good() -> None:
    clock = Clock()
    tokens = CustomerTokens(rules(), clock)
    tokens.customer_of(token(exp=NOW + 60))
    clock.now = NOW + 60 + LEEWAY_S - 0.001
    assert tokens.customer_of(token(exp=NOW + 60)) == "alice"
    clock.now = NOW + 60 + LEEWAY_S
    assert refused(tokens, token(exp=NOW + 60)) == "the token has expired"


def test_tokens_that_are_refused_are_not_remembered(by_secret: CustomerTokens) -> None:
    refused(by_secret, token(exp=NOW - 60))
    refused(by_secret, token(exp=NOW - 60))
    assert len(by_secret._remembered) == 0


def test_so_many_are_remembered_and_then_the_oldest_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "REMEMBERED_MAX", 3)
    tokens = CustomerTokens(TokenRules(ISSUER, AUDIENCE, SECRET), Clock())
    given = [token(sub=str(number)) for number in range(5)]
    for number, each in enumerate(given):
        assert tokens.customer_of(each) == str(number)
        assert tokens.customer_of(each) == str(number)
    assert list(tokens._remembered) == given[-3:]
