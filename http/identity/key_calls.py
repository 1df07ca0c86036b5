"""The calls about API keys: which ones there are, and one that is to hold no longer.

Keys are made on the command line only, so that no secret travels through here. Called on the event loop.
"""

from typing import NoReturn

from aiohttp import web

from boxoffice.actors.ports import ApiKeys, DatabaseAway
from boxoffice.actors.principals import ApiKey
from boxoffice.http import wire
from boxoffice.http.bridge import Bridge
from boxoffice.http.desk import Desk
from boxoffice.http.handlers import Handler, response
from boxoffice.http.identity.keys import KeyRing, is_key_id
from boxoffice.http.pages import invalid_parameter, limit_of, page_response, parameters
from boxoffice.http.problems import ProblemError
from boxoffice.http.said import Said


class KeyCalls:
    """The calls, on the keys in the database and the ring of those that this server takes."""

    def __init__(self, bridge: Bridge, desk: Desk, api_keys: ApiKeys, ring: KeyRing) -> None:
        self._bridge = bridge
        self._desk = desk
        self._api_keys = api_keys
        self._ring = ring

    def handlers(self) -> dict[str, Handler]:
        """The handler of each call, by its name."""
        return {"keys": self.keys, "revokeKey": self.revoke}

    async def keys(self, request: web.Request) -> Said:
        """All keys, the oldest first, revoked and expired ones too, a page at a time."""
        query = parameters(request.query, "limit", "cursor")
        limit = limit_of(query)
        keys = await self._desk.read(self._api_keys.all)
        begin = _place_after(keys, query["cursor"]) if "cursor" in query else 0
        page = keys[begin : begin + limit]
        cursor = page[-1].id if begin + limit < len(keys) else None
        items = [wire.api_key_body(key) for key in page]
        return page_response(request, items, cursor, {"limit": str(limit)})

    async def revoke(self, request: web.Request) -> Said:
        """Take a key no more: here from now on, elsewhere within two seconds. Again changes nothing."""
        key_id = request.match_info["keyId"]
        if not is_key_id(key_id):
            _refuse_unknown()
        try:
            key = await self._bridge.read(self._api_keys.revoke, key_id)
        except DatabaseAway as away:
            raise ProblemError(
                "outcome_unknown",
                f"Nobody knows whether the key is revoked: {away}. Revoke it again: twice does no harm.",
            ) from away
        if key is None:
            _refuse_unknown()
        self._ring.revoke(key.id)
        return response(200, wire.api_key_body(key))


def _place_after(keys: list[ApiKey], cursor: str) -> int:
    for place, key in enumerate(keys, 1):
        if key.id == cursor:
            return place
    raise invalid_parameter("cursor", "is not a cursor that a list has given")


def _refuse_unknown() -> NoReturn:
    # What was given is not repeated: it may be a whole key, secret and all.
    raise ProblemError("api_key_not_found", "There is no API key with this id.")
