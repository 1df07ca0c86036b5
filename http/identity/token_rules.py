"""Whose tokens are accepted from customers: the settings for it, looked at as a whole.

Values only. Called by the composition root before anything is started.
"""

from dataclasses import dataclass, field

SECRET_MIN = 32
"""Bytes of a shared secret: whoever holds a token could find a shorter one by trying."""


class TokenError(Exception):
    """A token that is not accepted; the text says why, shows nothing of it, and may be shown."""


class TokenRulesError(ValueError):
    """The rules for tokens cannot be used; the text is a sentence that says why, and may be shown."""


@dataclass(frozen=True)
class TokenRules:
    """Who issues the tokens, what for, and what they are checked with: exactly one of `secret` and `jwks`."""

    issuer: str
    audience: str
    secret: str | None = field(default=None, repr=False)
    """Text of at least 32 bytes in UTF-8."""

    jwks: str | None = field(default=None, repr=False)
    """A JWK set's file or URL; not to be shown, since there may be a key in the query."""


def token_rules(
    issuer: str | None, audience: str | None, jwks: str | None, secret: str | None
) -> TokenRules | None:
    """The rules as the settings give them, None if there are none; an empty text is none.

    Raises TokenRulesError.
    """
    if not (issuer or audience or jwks or secret):
        return None
    if jwks and secret:
        raise TokenRulesError(
            "Both a JWK set and a shared secret are given for customers' tokens: drop --jwt-jwks"
            " (BOXOFFICE_JWT_JWKS) or --jwt-secret (BOXOFFICE_JWT_SECRET)."
        )
    if not (jwks or secret):
        raise TokenRulesError(
            "Customers' tokens cannot be checked without a key: give --jwt-jwks (BOXOFFICE_JWT_JWKS) or"
            " --jwt-secret (BOXOFFICE_JWT_SECRET)."
        )
    if not issuer or not audience:
        raise TokenRulesError(
            "Customers' tokens are accepted from one issuer and for one audience: give both --jwt-issuer"
            " (BOXOFFICE_JWT_ISSUER) and --jwt-audience (BOXOFFICE_JWT_AUDIENCE)."
        )
    if secret:
        _check_secret(secret)
    else:
        _check_source(jwks or "")
    return TokenRules(issuer, audience, secret or None, jwks or None)


def _check_secret(secret: str) -> None:
    import jwt  # noqa: PLC0415 - and cryptography, which most servers do without

    try:
        length = len(secret.encode())
    except UnicodeEncodeError:
        raise TokenRulesError("The shared secret for customers' tokens is not UTF-8.") from None
    if length < SECRET_MIN:
        raise TokenRulesError(
            f"The shared secret for customers' tokens has {length} bytes: at least {SECRET_MIN} are needed."
        )
    try:
        jwt.get_algorithm_by_name("HS256").prepare_key(secret)
    except jwt.InvalidKeyError:
        raise TokenRulesError(
            "The shared secret for customers' tokens is a key of another kind. Public keys belong into a JWK"
            " set, for --jwt-jwks (BOXOFFICE_JWT_JWKS)."
        ) from None


def _check_source(jwks: str) -> None:
    from boxoffice.http.identity.jwks_source import Pace, source  # noqa: PLC0415 - and aiohttp

    try:
        source(jwks, Pace())
    except ValueError as error:
        raise TokenRulesError(
            f"The JWK set for customers' tokens (--jwt-jwks, BOXOFFICE_JWT_JWKS) cannot be used: {error}."
        ) from None
