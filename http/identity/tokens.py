"""Customers' own tokens, JWTs (RFC 7519) of one issuer: which customer each of them is.

A token is checked once, as a whole, which takes some 0.1 ms; then it is remembered until it expires or the
issuer's keys change. Knows no requests, and decides nothing but who somebody is: the door asks. On the event
loop.
"""

import base64
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import jwt
import msgspec
from msgspec import UNSET, Raw, UnsetType

from boxoffice.actors.values import TEXT_MAX, CustomerId
from boxoffice.http.identity.issuer_keys import IssuerKeys, PublishedKeys, SharedSecret
from boxoffice.http.identity.jwks import NoKeyError
from boxoffice.http.identity.jwks_source import Pace, source
from boxoffice.http.identity.token_rules import TokenError, TokenRules

TOKEN_MAX = 8 * 1024
"""Characters of a token that is looked at. Most have less than 1,000; with many claims, 3,000."""

REMEMBERED_MAX = 10_000
"""Tokens that need no second check: some 10 MB, and never more than 80 MB."""

LEEWAY_S = 30
"""By how much the issuer's clock and ours may differ."""

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str | UnsetType = UNSET
    crit: Raw | UnsetType = UNSET


class _Remembered(NamedTuple):
    customer: CustomerId
    until_s: float


class CustomerTokens:
    """Says whose a token is. First comes `load`; while the server runs, `watch`.

    `clock` gives seconds since 1970-01-01 UTC.
    """

    def __init__(
        self,
        rules: TokenRules,
        clock: Callable[[], float] = time.time,
        pace: Pace = Pace(),  # noqa: B008 - frozen
    ) -> None:
        self._issuer = rules.issuer
        self._audience = rules.audience
        self._clock = clock
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()
        self._keys: IssuerKeys
        if rules.secret is not None:
            self._keys = SharedSecret(rules.secret)
        else:
            self._keys = PublishedKeys(source(rules.jwks or "", pace), self._remembered.clear)
        # What is not in the list, it does not even know: not "none", nor the other kind of key's.
        self._jws = jwt.PyJWS(self._keys.algorithms, {"enforce_minimum_key_length": True})

    async def load(self) -> None:
        """Have the issuer's keys ready. Raises TokenRulesError if they cannot be had."""
        await self._keys.load()

    async def watch(self) -> None:
        """Follow the issuer's keys until cancelled; with a shared secret, returns at once."""
        await self._keys.watch()

    def customer_of(self, token: str) -> CustomerId:
        """The customer whose token this is. Raises TokenError."""
        remembered = self._remembered.get(token)
        if remembered is not None and self._clock() < remembered.until_s:
            return remembered.customer
        found = self._checked(token)
        if len(self._remembered) >= REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        self._remembered[token] = found
        return found.customer

    def until_s(self, token: str) -> float:
        """Until when a token that was good just now will be, in seconds since 1970."""
        remembered = self._remembered.get(token)
        return 0.0 if remembered is None else remembered.until_s

    def _checked(self, token: str) -> _Remembered:
        if len(token) > TOKEN_MAX:
            raise TokenError(f"the token is longer than {TOKEN_MAX} characters")
        if not _BASE64URL.fullmatch(token):
            raise TokenError("the token is not a signed JWT: three parts in base64url")
        claims = _claims(self._signed(token))
        until_s = self._check_times(claims)
        if claims["iss"] != self._issuer:
            raise TokenError("the token is from another issuer")
        audience = claims["aud"]
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise TokenError("the token is not for this audience")
        return _Remembered(_customer(claims), until_s)

    def _signed(self, token: str) -> bytes:
        """What the issuer has signed: the claims, as JSON."""
        header = _header(token)
        if header.alg not in self._keys.algorithms:
            raise TokenError(f"the token's algorithm is none of {', '.join(self._keys.algorithms)}")
        if header.crit is not UNSET:
            raise TokenError("the token has critical extensions, of which none is known here")
        try:
            key, algorithms = self._keys.find(None if header.kid is UNSET else header.kid, header.alg)
            payload: bytes = self._jws.decode_complete(token, key, algorithms)["payload"]
        except NoKeyError as error:
            raise TokenError(str(error)) from None
        except jwt.InvalidSignatureError:
            raise TokenError("the token's signature is wrong") from None
        except jwt.PyJWTError:  # its text may quote the token
            raise TokenError("the token cannot be read") from None
        return payload

    def _check_times(self, claims: dict[str, Any]) -> float:
        """When the token will not be accepted any more."""
        now = self._clock()
        until_s = _seconds(claims, "exp") + LEEWAY_S
        if now >= until_s:
            raise TokenError("the token has expired")
        if "nbf" in claims and _seconds(claims, "nbf") > now + LEEWAY_S:
            raise TokenError("the token is not valid yet")
        if "iat" in claims and _seconds(claims, "iat") > now + LEEWAY_S:
            raise TokenError("the token is issued in the future")
        return until_s


_read_header = msgspec.json.Decoder(_Header).decode
_read_claims = msgspec.json.Decoder(dict[str, Any]).decode


def _header(token: str) -> _Header:
    part, _, _ = token.partition(".")
    try:
        return _read_header(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise TokenError("the token's header cannot be read") from None


def _claims(payload: bytes) -> dict[str, Any]:
    try:
        claims = _read_claims(payload)
    except (ValueError, RecursionError):
        raise TokenError("the token's claims are not a JSON object") from None
    for name in ("exp", "iss", "aud", "sub"):
        if name not in claims:
            raise TokenError(f"the token has no `{name}`")
    return claims


def _seconds(claims: dict[str, Any], name: str) -> float:
    at: int | float = claims[name]
    if type(at) not in {int, float}:  # isinstance would take `true` for a number
        raise TokenError(f"the token's `{name}` is not a number")
    return at


def _customer(claims: dict[str, Any]) -> CustomerId:
    name = claims["sub"]
    if not isinstance(name, str) or not 1 <= len(name) <= TEXT_MAX or "\0" in name:
        raise TokenError(f"the token's `sub` is not a text of 1 to {TEXT_MAX} characters")
    return CustomerId(name)
