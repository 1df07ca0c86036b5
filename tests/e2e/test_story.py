"""The examples of the API documents are true: sent to a new server, in their order, they are answered so; and
who listens meanwhile is told so.
"""

import asyncio
import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
import pytest

from boxoffice.actors.principals import Scope
from boxoffice.actors.values import SECOND, Instant
from boxoffice.http.identity.keys import mint
from boxoffice.http.identity.rates import rate_of
from boxoffice.http.reference.asyncapi_examples import EXCHANGES, MISTAKE, Exchange
from boxoffice.http.reference.openapi_examples import OPERATOR, SHOP, STORY, Step
from boxoffice.persistence.database import make_engine
from boxoffice.persistence.keys import DatabaseApiKeys
from tests.support import documented
from tests.support.people import as_bearer
from tests.support.server import Reply, Server

OURS = re.compile(r"[1-9][0-9]*-[0-9a-f-]{36}|[0-9-]{10}T[0-9:.]{15}Z|[0-9a-f]{24}|bh_[\w-]{43}")
"""What is another each time: order ids, times, request ids and handshakes."""

JSON = {"Content-Type": "application/json", "Accept": "application/json"}


class Alike:
    """Compares answers with examples, in which each id and each time stands for one of the server's."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def check(self, example: Any, real: Any) -> None:
        """Fails unless they are the same, but for what is another each time; and that always the same."""
        if isinstance(example, dict):
            assert list(example) == list(real), (example, real)
            for name, value in example.items():
                self.check(value, real[name])
        elif isinstance(example, list):
            assert len(example) == len(real), (example, real)
            for one, other in zip(example, real, strict=True):
                self.check(one, other)
        elif isinstance(example, str) and OURS.fullmatch(example):
            assert OURS.fullmatch(real), (example, real)
            assert self.known.setdefault(example, real) == real, (example, real)
        else:
            assert (example, type(example)) == (real, type(real))

    def filled(self, text: str) -> str:
        """With the server's ids in place of the example's."""
        return OURS.sub(lambda found: self.known.get(found[0], found[0]), text)


def sent(server: Server, step: Step, alike: Alike, key: str) -> Reply:
    """The answer to a step, sent as the document says."""
    method, path = next(
        (method, path)
        for path, operations in documented.made()["paths"].items()
        for method, operation in operations.items()
        if operation["operationId"] == step.call
    )
    where = {part["name"]: part["in"] for part in documented.parameters_of(method, path)}
    given = {name: alike.filled(text) for name, text in step.parameters.items()}
    query = {name: value for name, value in given.items() if where[name] == "query"}
    headers = {**as_bearer(key), **{name: each for name, each in given.items() if where[name] == "header"}}
    for name in where:
        path = path.replace(f"{{{name}}}", quote(given.get(name, ""), safe=""))
    body = None if step.body is None else alike.filled(json.dumps(step.body)).encode()
    return server.send(
        method.upper(), f"{path}?{urlencode(query)}" if query else path, body, {**JSON, **headers}
    )


async def told(server: Server, exchange: Exchange, alike: Alike, key: str) -> list[Any]:
    """What a new listener gets at once for its question."""
    asked = alike.filled(json.dumps(exchange.asked))
    async with (
        aiohttp.ClientSession(headers=as_bearer(key)) as session,
        session.ws_connect(f"{server.url}/live") as connection,
    ):
        await connection.send_str(asked)
        messages = [await connection.receive_str(timeout=10) for _ in exchange.told]
    return [documented.checked_message(message) for message in messages]


def compared(message: Any) -> Any:
    """Without the id of its request: whoever listens on is on one that is long."""
    if message["type"] != "problem":
        return message
    return {**message, "problem": {**message["problem"], "requestId": None}}


def make_key(api_keys: DatabaseApiKeys, example: dict[str, Any]) -> str:
    """The token of a key that is as the example says."""
    rate = None if example["limit"] is None else rate_of(example["limit"])
    scopes = [Scope(scope) for scope in example["scopes"]]
    made_at, expires_at = (
        None if time is None else Instant(int(datetime.fromisoformat(time).timestamp() * SECOND))
        for time in (example["createdAt"], example["expiresAt"])
    )
    assert made_at is not None
    key, token = mint(example["name"], scopes, rate, expires_at, made_at)
    api_keys.create(msgspec.structs.replace(key, id=example["keyId"]))
    return token.replace(key.id, example["keyId"])


@pytest.fixture
def key(database_url: str) -> str:
    """The operator's, beside the shop's."""
    engine = make_engine(database_url)
    api_keys = DatabaseApiKeys(engine)
    key, _ = make_key(api_keys, OPERATOR), make_key(api_keys, SHOP)
    engine.dispose()
    return key


def test_the_examples_are_answered_and_told_as_they_say(key: str, own_server: Server) -> None:
    alike = Alike()
    replayed = []
    for step in STORY:
        reply = sent(own_server, step, alike, key)
        assert reply.status == step.status, (step.name, reply)
        if step.code is not None:
            assert reply.document["code"] == step.code, (step.name, reply)
            example = documented.made()["components"]["examples"][step.code]["value"]
            assert set(reply.document) == set(example), (step.name, reply)
        elif step.answer is not None:
            alike.check(step.answer, reply.document)
        for exchange in (*EXCHANGES, MISTAKE):
            if exchange.after == (step.call, step.name):
                messages = asyncio.run(told(own_server, exchange, alike, key))
                for example, message in zip(exchange.told, messages, strict=True):
                    alike.check(compared(example.payload), compared(message))
        replayed += [step.name] if "Idempotent-Replayed" in reply.headers else []
    assert replayed == ["replayed"]
    assert len(set(alike.known.values())) == len(alike.known)
