"""An issuer's published keys, which change: a server on a loopback socket, and tokens that follow them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from boxoffice.http.identity.jwks_source import Pace
from boxoffice.http.identity.token_rules import TokenError, TokenRulesError
from boxoffice.http.identity.tokens import CustomerTokens
from tests.unit.issuer import Clock, jwk, key_set, rules, token

SOON_S = 10.0

OLD, NEW = jwk("old", "ES256"), jwk("new", "ES256")
BY_OLD, BY_NEW = token("old", "ES256"), token("new", "ES256")

QUICK = Pace(look_s=0.005, refresh_s=0.01, hurry_s=0.005)


def takes(tokens: CustomerTokens, given: str) -> bool:
    """Whether this token is accepted."""
    try:
        return tokens.customer_of(given) == "alice"
    except TokenError:
        return False


@asynccontextmanager
async def watched(where: str | Path, pace: Pace = QUICK) -> AsyncIterator[CustomerTokens]:
    """Tokens whose keys are followed."""
    tokens = CustomerTokens(rules(where=where), Clock(), pace)
    await tokens.load()
    task = asyncio.create_task(tokens.watch())
    try:
        yield tokens
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def not_loaded(where: str | Path, pace: Pace = QUICK) -> str:
    """Why the server would not start."""
    with pytest.raises(TokenRulesError) as error:
        await CustomerTokens(rules(where=where), Clock(), pace).load()
    sentence = str(error.value)
    assert sentence.startswith("The JWK set for customers' tokens cannot be read from ")
    assert sentence.endswith(".")
    return sentence


async def until(so: Callable[[], bool]) -> None:
    """Wait until `so`; fails when that takes too long."""
    async with asyncio.timeout(SOON_S):
        while not so():  # noqa: ASYNC110 - whoever makes it so knows no events
            await asyncio.sleep(0.002)


class Publisher:
    """A server that publishes a set at /keys; a test says how it answers, and sees how often it is asked."""

    def __init__(self, *keys: Any) -> None:
        self.document = key_set(*keys)
        self.status = 200
        self.headers: dict[str, str] = {}
        self.before: Callable[[], Awaitable[object]] | None = None
        self.asked: list[web.Request] = []
        app = web.Application()
        app.router.add_get("/keys", self._answer)
        app.router.add_get("/elsewhere", self._plainly)
        self._server = TestServer(app)

    def publish(self, *keys: Any) -> None:
        """From now on, these."""
        self.document = key_set(*keys)

    async def open(self, tls: ssl.SSLContext | None = None) -> str:
        """Listen; the URL."""
        await self._server.start_server(ssl=tls)
        return str(self._server.make_url("/keys"))

    async def close(self) -> None:
        """Stop listening."""
        await self._server.close()

    async def __aenter__(self) -> str:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        if self.before is not None:
            await self.before()
        return web.Response(body=self.document, status=self.status, headers=self.headers)

    async def _plainly(self, _: web.Request) -> web.Response:
        return web.Response(body=self.document)
