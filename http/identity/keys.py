"""API keys: how one is made, and the ring of those that this server knows, by which a request's is looked up.

A key is `bo_<id>_<secret>`. The secret is told once, when the key is made, and is kept nowhere: what is
stored and compared is its SHA-256. That is enough for 32 random bytes, which nobody can guess from their
hash, and it takes 0.3 us where a password's hash would take 100,000. No database and no requests are here.
`mint` is called by the command line, the ring on the event loop.
"""

import re
import secrets
import string
from collections.abc import Collection, Iterable
from hashlib import sha256
from hmac import compare_digest

import msgspec

from boxoffice.actors.principals import ApiKey, Rate, Scope
from boxoffice.actors.values import SECOND, TEXT_MAX, Instant
from boxoffice.http.wire import Moment

ID_LENGTH = 12
"""Characters, each one of 36: 62 bits, so that no two keys ever have the same."""

SECRET_BYTES = 32

EXPIRES_WITHIN_S = 36_500 * 86_400
"""No key is made for longer: 100 years."""

_SPAN_S = {"h": 3_600, "d": 86_400}
_SPAN = re.compile(r"([0-9]{1,6})([hd])")

_ID_CHARACTERS = frozenset(string.digits + string.ascii_lowercase)
_PREFIX = "bo_"
_ID_AT = len(_PREFIX)
_SECRET_AT = _ID_AT + ID_LENGTH + 1
_TOKEN_LENGTH = _SECRET_AT + 43  # characters of 32 bytes in base64url without padding

_NOBODY = ApiKey("", "", frozenset(), secrets.token_bytes(32), Instant(0))
"""Compared with where there is no such key: no secret is known that has this hash."""


def mint(
    name: str, scopes: Collection[Scope], limit: Rate | None, expires_at: Instant | None, now: Instant
) -> tuple[ApiKey, str]:
    """A new key as it is stored, and what its holder is given: the only copy there will ever be.

    Raises ValueError with a sentence for a name of other than 1 … 200 printable characters, for no scope at
    all, and for a key that would be expired.
    """
    if not 1 <= len(name) <= TEXT_MAX or not name.isprintable() or name.isspace():
        raise ValueError(f"a name has from 1 to {TEXT_MAX} characters that can be printed")
    if not scopes:
        raise ValueError(f"a key has at least one scope of {', '.join(Scope)}")
    if expires_at is not None and expires_at <= now:
        raise ValueError("a key expires in the future")
    key_id = "".join(secrets.choice(string.digits + string.ascii_lowercase) for _ in range(ID_LENGTH))
    secret = secrets.token_urlsafe(SECRET_BYTES)
    key = ApiKey(key_id, name, frozenset(scopes), _hash(secret), now, limit, expires_at)
    return key, f"{_PREFIX}{key_id}_{secret}"


def expiry_of(text: str, now: Instant) -> Instant:
    """When a key expires for which this was said: `12h`, `90d`, or a moment like `2027-01-01T00:00:00Z`.

    Raises ValueError with a sentence for anything else, and for what is past or 100 years away.
    """
    if matched := _SPAN.fullmatch(text):
        at = now + int(matched[1]) * _SPAN_S[matched[2]] * SECOND
    else:
        try:
            moment = msgspec.convert(text, Moment)
        except msgspec.ValidationError:
            raise ValueError("an expiry is written like 12h, 90d or 2027-01-01T00:00:00Z") from None
        at = int(moment.replace(microsecond=0).timestamp()) * SECOND + moment.microsecond
    if not now < at <= now + EXPIRES_WITHIN_S * SECOND:
        raise ValueError("a key expires in the future, and within 100 years")
    return Instant(at)


def is_expired(key: ApiKey, now: Instant) -> bool:
    """Whether a key holds no longer at `now`: from the moment on at which it expires."""
    return key.expires_at is not None and now >= key.expires_at


def is_key_id(text: str) -> bool:
    """Whether a key could have this id."""
    return len(text) == ID_LENGTH and _ID_CHARACTERS.issuperset(text)


def key_id_of(text: str) -> str | None:
    """The id that somebody means who names a key, by its id or, in an emergency, by all of it."""
    if _has_form(text):
        text = text[_ID_AT : _SECRET_AT - 1]
    return text if is_key_id(text) else None


class KeyRing:
    """The keys that this server knows. What the database says is put in again and again by `replace`.

    A key that was revoked stays so, whatever comes in later: what is read from the database may have been
    on its way when the key was revoked here.
    """

    __slots__ = ("_ever", "_keys", "_proved", "_revoked")

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._ever = False
        self._keys: dict[str, ApiKey] = {}  # those that are not revoked
        self._revoked: set[str] = set()
        self._proved: dict[str, ApiKey] = {}  # by token; whoever is in here has shown its secret
        self.replace(keys)

    @property
    def is_open(self) -> bool:
        """Whether there was no key at all in this process's life, revoked and expired ones included."""
        return not self._ever

    def find(self, token: str, now: Instant) -> ApiKey | None:
        """The key that this is, if it is one that holds at `now`; None otherwise.

        An unknown id takes the same way as a wrong secret. What does not look like a key is refused before
        that, which tells nobody anything. What was proved is not proved again until the keys are read anew,
        which saves 3 us of each request.
        """
        key = self._proved.get(token)
        if key is None:
            if not _has_form(token):
                return None
            key = self._keys.get(token[_ID_AT : _SECRET_AT - 1], _NOBODY)
            if not compare_digest(_hash(token[_SECRET_AT:]), key.secret_sha256):
                return None
            self._proved[token] = key
        return None if is_expired(key, now) else key

    def holds(self, key_id: str, now: Instant) -> bool:
        """Whether the key with this id is still good: for whoever has shown it some time ago."""
        key = self._keys.get(key_id)
        return key is not None and not is_expired(key, now)

    def replace(self, keys: Iterable[ApiKey]) -> None:
        """Know these keys and no others from now on; but what was revoked stays revoked."""
        known = {key.id: key for key in keys}
        self._ever = self._ever or bool(known)
        self._revoked.update(key.id for key in known.values() if key.revoked_at is not None)
        self._keys = {key_id: key for key_id, key in known.items() if key_id not in self._revoked}
        self._proved = {}

    def revoke(self, key_id: str) -> None:
        """Take this key no more, from now on and for good."""
        self._revoked.add(key_id)
        self._keys.pop(key_id, None)
        self._proved = {}


def _has_form(token: str) -> bool:
    return (
        len(token) == _TOKEN_LENGTH
        and token.startswith(_PREFIX)
        and token[_SECRET_AT - 1] == "_"
        and token.isascii()
    )


def _hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
