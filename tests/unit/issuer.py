"""An issuer of customers' tokens: its keys, and what it signs with them.

For the tests of tokens and their keys, which are real.
"""

import base64
import hmac
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from boxoffice.http.identity.token_rules import TokenRules

NOW = 1_800_000_000
ISSUER = "https://issuer.example"
AUDIENCE = "boxoffice"
SECRET = "correct horse battery staple, and forty more bytes of the same: 0123456789"

CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": NOW + 600, "iat": NOW, "nbf": NOW}


class Clock:
    """The server's clock, which a test may move."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self.now


def private_key(name: str, algorithm: str, bits: int = 2048) -> Any:
    """The issuer's private key of that name, of a kind that the algorithm takes."""
    return _made(name, "RSA" if algorithm[:2] in {"RS", "PS"} else algorithm, bits)


@cache
def _made(_: str, kind: str, bits: int) -> Any:
    match kind:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES384":
            return ec.generate_private_key(ec.SECP384R1())
        case "ES512":
            return ec.generate_private_key(ec.SECP521R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, bits)


def public_pem(name: str, algorithm: str) -> bytes:
    """The public key as everybody may have it."""
    public: bytes = (
        private_key(name, algorithm)
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return public


def jwk(name: str, algorithm: str, bits: int = 2048, **members: Any) -> dict[str, Any]:
    """The public key as a member of a set; `members` are added to it, or taken from it if they are None."""
    public = private_key(name, algorithm, bits).public_key()
    made = jwt.get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True)
    whole = {**made, "kid": name, **members}
    return {key: value for key, value in whole.items() if value is not None}


def key_set(*keys: Any) -> bytes:
    """The document that an issuer publishes."""
    return json.dumps({"keys": keys}).encode()


def token(name: str = "", algorithm: str = "HS256", *, header: Any = None, **claims: Any) -> str:
    """A token as the issuer makes it, good unless `claims` change it; a claim of None is left out."""
    key = SECRET if algorithm.startswith("HS") else private_key(name, algorithm)
    whole = {key: value for key, value in (CLAIMS | claims).items() if value is not None}
    return jwt.encode(whole, key, algorithm, headers={"kid": name} if header is None else header)


def part(content: Any) -> str:
    """One of a token's parts: bytes as they are, anything else as JSON."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def by_hand(header: Any, claims: Any = CLAIMS, secret: bytes = SECRET.encode()) -> str:
    """A token with any header and any claims, signed with SHA-256 and the secret."""
    signed = f"{part(header)}.{part(claims)}"
    return f"{signed}.{part(hmac.digest(secret, signed.encode(), 'sha256'))}"


def rules(secret: str | None = SECRET, where: str | Path | None = None) -> TokenRules:
    """What the server is told about this issuer."""
    if where is not None:
        return TokenRules(ISSUER, AUDIENCE, jwks=str(where))
    return TokenRules(ISSUER, AUDIENCE, secret=secret)


def without(claims: Iterable[str]) -> dict[str, None]:
    """Claims to be left out of a token."""
    return dict.fromkeys(claims)
