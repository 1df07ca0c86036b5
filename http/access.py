"""Who a request comes from: the holder of an API key, a customer with a token of their own, or a stranger.

Asks no database: the keys are in memory (`keys.py`), and tokens speak for themselves (`tokens.py`). Called on
the event loop, for each request.
"""

from typing import Protocol

from aiohttp import web

from boxoffice.actors.ports import Clock
from boxoffice.actors.principals import ApiKey, Principal, Scope
from boxoffice.actors.values import CustomerId, Instant
from boxoffice.http.catalogue import Call
from boxoffice.http.origin import may_be_a_site
from boxoffice.http.problems import ProblemError
from boxoffice.http.tokens import TokenError
from boxoffice.http.visit import ANYBODY, STRANGER, unauthenticated

CUSTOMER_SCOPES = frozenset((Scope.READ, Scope.SELL))
"""What customers may do with their own orders."""


class Ring(Protocol):
    """The API keys there are."""

    @property
    def is_open(self) -> bool:
        """Whether there has never been a key."""

    def find(self, token: str, now: Instant) -> ApiKey | None:
        """The key that this is, unless it is no longer good."""


class Tokens(Protocol):
    """Judges the tokens of customers."""

    def customer_of(self, token: str) -> CustomerId:
        """Whom it is for. Raises TokenError."""


class Access:
    """Without any key, nor tokens, everybody is welcome; whether that is wise was decided at the start."""

    def __init__(
        self, ring: Ring, tokens: Tokens | None, clock: Clock, *, public_status: bool, local_only: bool
    ) -> None:
        self._ring = ring
        self._local_only = local_only
        self._tokens = tokens
        self._clock = clock
        self._public_status = public_status

    def principal(self, request: web.BaseRequest) -> Principal:
        """Who asks. Raises ProblemError 401 for whoever presents what is not good."""
        given = request.headers.getall("Authorization", None)
        if given is None:
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
        return self._public_status and call.name == "status"

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
        return Principal(f"customer:{customer}", CUSTOMER_SCOPES, customer)
