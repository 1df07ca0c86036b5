"""The public keys of an issuer, read from its JWK set (RFC 7517): which of them are used, and for what.

Keys that may not sign customers' tokens are left out, and it is said why: symmetric, private, weak and
encryption keys, and kinds that are not known here. Values only: `jwks_source.py` knows where a set comes
from, `issuer_keys.py` which one is in use. On the event loop.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import jwt
import msgspec

KEYS_MAX = 100
"""Keys in one set. Reading so many takes 2 ms, in which the event loop does nothing else."""

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_ALGORITHMS: dict[tuple[Any, Any], tuple[str, ...]] = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
"""By kind of key and curve, what it can sign with: never HS256 and the like, whose key is no public one."""

ALGORITHMS = tuple(name for names in _ALGORITHMS.values() for name in names)
"""Everything that a token may be signed with if its key is looked up in a set."""


class JwksError(Exception):
    """The set cannot be had or read; the text says why, and shows nothing of it."""


class NoKeyError(Exception):
    """Not exactly one key fits a token; the text may be shown."""


class PublicKey(NamedTuple):
    """A key, what the issuer calls it, and what it may be used with."""

    kid: str | None
    algorithms: tuple[str, ...]
    key: Any


class KeySet:
    """The keys that are used, and of those that are not, why: sentences for the log."""

    def __init__(self, keys: Iterable[PublicKey], left_out: Iterable[str] = ()) -> None:
        self.left_out = tuple(left_out)
        self._keys = tuple(keys)
        self._kids = {key.kid for key in self._keys}

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, kid: str | None, algorithm: str) -> PublicKey:
        """The only key of that name, or the only one at all if there is no name, for that algorithm.

        Raises NoKeyError.
        """
        if kid is not None and kid not in self._kids:
            raise NoKeyError("the token's key is not known")
        fitting = [
            key for key in self._keys if algorithm in key.algorithms and (kid is None or kid == key.kid)
        ]
        if len(fitting) != 1:
            raise NoKeyError("of the issuer's keys, not exactly one fits the token")
        return fitting[0]


def read_key_set(document: bytes) -> KeySet:
    """The keys in a JWK set. Raises JwksError if it is none; single keys that are not used raise nothing."""
    try:
        found = msgspec.json.decode(document)
    except (ValueError, RecursionError):
        raise JwksError("it is not JSON") from None
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list):
        raise JwksError('it is no JWK set: a JSON object with a list "keys"')
    if len(keys) > KEYS_MAX:
        raise JwksError(f"it has {len(keys)} keys, which are more than {KEYS_MAX}")
    used: list[PublicKey] = []
    left_out: list[str] = []
    for number, each in enumerate(keys, 1):
        key = _public_key(each)
        if isinstance(key, PublicKey):
            used.append(key)
        else:
            left_out.append(f"key {number} of {len(keys)} {key}")
    return KeySet(used, left_out)


def _public_key(jwk: Any) -> PublicKey | str:
    """The key, or why it is not used. Nothing of it is quoted: it may hold what should not be there."""
    if not isinstance(jwk, dict):
        return "is no JSON object"
    if "d" in jwk or "k" in jwk:
        return "is secret, and anybody who can read this set can sign with it"
    if (reason := _other_use(jwk)) is not None:
        return reason
    curve = None if jwk.get("kty") == "RSA" else jwk.get("crv")
    kind = (jwk.get("kty"), curve)
    algorithms = _ALGORITHMS.get(kind, ()) if all(isinstance(part, str | None) for part in kind) else ()
    if not algorithms:
        return "is of a kind that is not known here"
    if "alg" in jwk:
        if jwk["alg"] not in algorithms:
            return "is for an algorithm that is not known here, or not for this kind of key"
        algorithms = (jwk["alg"],)
    kid = jwk.get("kid")
    if not isinstance(kid, str | None):
        return "has a kid that is no text"
    return _read(jwk, kid, algorithms)


def _other_use(jwk: dict[str, Any]) -> str | None:
    """Why the issuer does not mean this key for checking signatures, if so."""
    if jwk.get("use", "sig") != "sig":
        return "is not for signatures"
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return "is not for checking signatures"
    return None


def _read(jwk: dict[str, Any], kid: str | None, algorithms: tuple[str, ...]) -> PublicKey | str:
    try:
        read = jwt.PyJWK(jwk, algorithms[0])
        weakness = read.Algorithm.check_key_length(read.key)
    except Exception:  # whatever is wrong with one key must not take the others with it
        return "cannot be read"
    return "is too short" if weakness else PublicKey(kid, algorithms, read.key)
