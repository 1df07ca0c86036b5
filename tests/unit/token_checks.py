"""Tokens as the server checks them, by a shared secret and by published keys; and why one was refused."""

from pathlib import Path

import pytest

from boxoffice.http.identity.token_rules import TokenError
from boxoffice.http.identity.tokens import CustomerTokens
from tests.unit.issuer import SECRET, Clock, jwk, key_set, rules

PUBLISHED = {
    "rsa": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "p256": ("ES256",),
    "p384": ("ES384",),
    "p521": ("ES512",),
    "ed": ("EdDSA",),
}
EACH = [(name, algorithm) for name, algorithms in PUBLISHED.items() for algorithm in algorithms]


def shared() -> CustomerTokens:
    """Tokens that are signed with the shared secret."""
    return CustomerTokens(rules(), Clock())


async def published(folder: Path) -> CustomerTokens:
    """Tokens that are signed with one of the keys in a file there."""
    file = folder / "keys.json"
    file.write_bytes(key_set(*(jwk(name, algorithms[0]) for name, algorithms in PUBLISHED.items())))
    tokens = CustomerTokens(rules(where=file), Clock())
    await tokens.load()
    return tokens


def refused(tokens: CustomerTokens, given: str) -> str:
    """Why."""
    with pytest.raises(TokenError) as error:
        tokens.customer_of(given)
    reason = str(error.value)
    assert all(len(piece) < 5 or piece not in reason for piece in (given, *given.split(".")))
    assert SECRET not in reason
    return reason
