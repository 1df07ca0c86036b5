"""Who a request comes from: the holder of an API key, a customer with a token of their own, or a stranger.

Asks no database: the keys are in memory (`keys.py`), and tokens speak for themselves (`tokens.py`). Called on
the event loop, for each request.
"""

from typing import Protocol

from aiohttp import web

from boxoffice.actors.ports import Clock
from boxoffice.actors.principals import ApiKey, Principal, Scope
from boxoffice.actors.values import SECOND, CustomerId, Instant
from boxoffice.http.catalogue import BY_NAME, Call
from boxoffice.http.identity.origin import may_be_a_site
from boxoffice.http.identity.token_rules import TokenError
from boxoffice.http.problems import ProblemError
from boxoffice.http.visit import ANYBODY, STRANGER, unauthenticated

CUSTOMER_SCOPES = frozenset((Scope.READ, Scope.SELL))
"""What customers may do with their own orders."""

LISTENING = BY_NAME["liveStatus"], BY_NAME["live"]
"""What browsers open without being able to send an `Authorization` with it."""

PUBLIC = BY_NAME["status"], *LISTENING
"""What the operator may open to strangers."""


class Ring(Protocol):
    """The API keys there are."""

    @property
    def is_open(self) -> bool:
        """Whether there has never been a key."""

    def find(self, token: str, now: Instant) -> ApiKey | None:
        """The key that this is, unless it is no longer good."""

    def holds(self, key_id: str, now: Instant) -> bool:
        """Whether the key with this id is good."""


class Tokens(Protocol):
    """Judges the tokens of customers."""

    def customer_of(self, token: str) -> CustomerId:
        """Whom it is for. Raises TokenError."""

    def until_s(self, token: str) -> float:
        """Until when one that is good will be, in seconds since 1970."""


class Handshakes(Protocol):
    """Knows whom it has given something that opens a connection."""

    def use(self, handshake: str) -> Principal | None:
        """Whom it lets in, this once."""


class Access:
    """Without any key, nor tokens, everybody is welcome; whether that is wise was decided at the start."""

    def __init__(
        self,
        ring: Ring,
        tokens: Tokens | None,
        handshakes: Handshakes,
        clock: Clock,
        *,
        public_status: bool,
        local_only: bool,
    ) -> None:
        self._ring = ring
        self._local_only = local_only
        self._tokens = tokens
        self._handshakes = handshakes
        self._clock = clock
        self._public_status = public_status

    def principal(self, request: web.BaseRequest, call: Call) -> Principal:
        """Who asks. Raises ProblemError 401 for whoever presents what is not good."""
        given = request.headers.getall("Authorization", None)
        if given is None:
            if call in LISTENING and "handshake" in request.query:
                return self._whose_handshake(request.query["handshake"], call)
            return self._anybody(request) if self._ring.is_open and self._tokens is None else STRANGER
        scheme, _, token = given[0].partition(" ")
        if len(given) > 1 or not token or scheme.lower() != "bearer":
            raise unauthenticated(
                "Give one `Authorization: Bearer` with an API key or a token.", invalid=True
            )
        if token.startswith("bo_"):
            return self._holder(token)
        return self._customer(token)

    def is_public(self, call: Call) -> bool:
        """Whether a call is open to strangers by the operator's wish."""
        return self._public_status and call in PUBLIC

    def is_welcome(self, principal: Principal, call: Call) -> bool:
        """Whether somebody who was let in some time ago would still be, as far as that is up to them."""
        if principal.until is not None:
            return self._clock() < principal.until
        kind, _, name = principal.id.partition(":")
        if kind == "key":
            return self._ring.holds(name, self._clock())
        return (self._ring.is_open and self._tokens is None) or self.is_public(call)

    def _anybody(self, request: web.BaseRequest) -> Principal:
        """Whoever asks from this machine, but for pages that others have brought here."""
        host = request.headers.get("Host", "")
        if self._local_only and may_be_a_site(host):
            raise ProblemError(
                "forbidden",
                "Without any API key this machine alone is served, and under no name that may be somebody's"
                " site. Make a key (`boxoffice keys create`), or give --insecure.",
            )
        return ANYBODY

    def _holder(self, token: str) -> Principal:
        key = self._ring.find(token, self._clock())
        if key is None:
            raise unauthenticated("The API key is not known, or is no longer good.", invalid=True)
        return Principal(f"key:{key.id}", key.scopes, None, key.limit)

    def _customer(self, token: str) -> Principal:
        if self._tokens is None:
            raise unauthenticated(
                "That is no API key, and customers' tokens are not taken here.", invalid=True
            )
        try:
            customer = self._tokens.customer_of(token)
        except TokenError as error:
            raise unauthenticated(f"The token is not good: {error}.", invalid=True) from None
        until = Instant(int(self._tokens.until_s(token) * SECOND))
        return Principal(f"customer:{customer}", CUSTOMER_SCOPES, customer, until=until)

    def _whose_handshake(self, handshake: str, call: Call) -> Principal:
        principal = self._handshakes.use(handshake)
        if principal is None or not self.is_welcome(principal, call):  # its key may have been revoked since
            raise unauthenticated(
                "The handshake is not known, was used, or is too old: get another.", invalid=True
            )
        return principal
