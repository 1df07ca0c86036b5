"""The calls about API keys, on a real bridge, where the database fails them or a client asks for nonsense."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from boxoffice.actors.ports import DatabaseAway
from boxoffice.actors.principals import ApiKey, Scope
from boxoffice.actors.values import Instant
from boxoffice.http.desk import Desk
from boxoffice.http.identity.key_calls import KeyCalls
from boxoffice.http.identity.keys import KeyRing, mint
from boxoffice.http.problems import ProblemError
from boxoffice.http.said import Said
from tests.unit.test_bridge import Crossing
from tests.unit.test_watch_keys import FakeApiKeys

NOW = Instant(1)
UNUSED: Any = None
IMPOSSIBLE = ("", "x", "A" * 12, "0" * 13, "\0" * 12, "\udcff" * 12)


class Office:
    """The calls, on five keys."""

    def __init__(self, crossing: Crossing) -> None:
        minted = [mint(f"shop {n}", [Scope.READ], None, None, NOW) for n in range(5)]
        self.keys: list[ApiKey] = [key for key, _ in minted]
        self.tokens = [token for _, token in minted]
        self.stored = FakeApiKeys(*self.keys)
        self.ring = KeyRing(self.keys)
        desk = Desk(crossing.bridge, UNUSED, UNUSED)
        self._handlers = KeyCalls(crossing.bridge, desk, self.stored, self.ring).handlers()

    async def list(self, query: str = "") -> Any:
        return await self._call("keys", make_mocked_request("GET", f"/keys{query}"))

    async def revoke(self, key_id: str) -> Any:
        request = make_mocked_request("DELETE", "/keys/x", match_info={"keyId": key_id})
        return await self._call("revokeKey", request)

    async def _call(self, name: str, request: web.Request) -> Any:
        answered = await self._handlers[name](request)
        assert isinstance(answered, Said)
        assert answered.status == 200
        assert isinstance(answered.body, bytes)
        return msgspec.json.decode(answered.body)


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    crossing = Crossing(asyncio.get_running_loop())
    yield Office(crossing)
    crossing.close()


async def test_keys_are_listed_a_page_at_a_time(office: Office) -> None:
    ids = [key.id for key in office.keys]
    assert [item["keyId"] for item in (await office.list())["items"]] == ids
    for limit in (1, 2, 5, 500):
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await office.list(f"?limit={limit}&cursor={cursor}" if cursor else f"?limit={limit}")
            assert 1 <= len(page["items"]) <= limit
            found += [item["keyId"] for item in page["items"]]
            assert len(found) <= len(ids)
            cursor = page["next"]
        assert found == ids


@pytest.mark.parametrize("query", ["?limit=0", "?limit=501", "?cursor=nobody", "?cursor=", "?name=shop"])
async def test_a_parameter_that_is_none_is_refused(office: Office, query: str) -> None:
    with pytest.raises(ProblemError) as refused:
        await office.list(query)
    assert refused.value.code == "invalid_request"


async def test_a_revoked_key_is_taken_no_more_at_once_and_again_changes_nothing(office: Office) -> None:
    first = await office.revoke(office.keys[0].id)
    assert (first["keyId"], first["revokedAt"] is None) == (office.keys[0].id, False)
    assert office.ring.find(office.tokens[0], NOW) is None
    assert office.ring.find(office.tokens[1], NOW) is not None
    assert await office.revoke(office.keys[0].id) == first


async def test_a_key_that_there_is_not_is_not_found_and_what_was_given_not_repeated(office: Office) -> None:
    for given in ("0" * 12, *IMPOSSIBLE, office.tokens[0]):
        with pytest.raises(ProblemError) as refused:
            await office.revoke(given)
        assert (refused.value.code, refused.value.status) == ("api_key_not_found", 404)
        assert refused.value.detail == "There is no API key with this id."
    assert office.ring.find(office.tokens[0], NOW) is not None


async def test_the_database_is_not_asked_for_what_can_be_no_id(office: Office) -> None:
    office.stored.trouble = DatabaseAway("the database is away")
    for given in (*IMPOSSIBLE, office.tokens[0]):
        with pytest.raises(ProblemError) as refused:
            await office.revoke(given)
        assert refused.value.code == "api_key_not_found"


async def test_without_the_database_a_list_is_refused_and_of_a_revocation_nobody_knows(
    office: Office,
) -> None:
    office.stored.trouble = DatabaseAway("the database is away")
    with pytest.raises(ProblemError) as listed:
        await office.list()
    assert (listed.value.code, listed.value.status) == ("not_applied", 503)
    with pytest.raises(ProblemError) as revoked:
        await office.revoke(office.keys[0].id)
    assert (revoked.value.code, revoked.value.status) == ("outcome_unknown", 504)
    assert "the database is away" in revoked.value.detail
    assert office.ring.find(office.tokens[0], NOW) is not None
