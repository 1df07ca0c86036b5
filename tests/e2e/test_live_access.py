"""Who may listen: holders of keys, customers, strangers, whoever has a handshake; and for how long."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pytest

from boxoffice.actors.principals import ALL_SCOPES
from tests.support.listening import STREAM, UPGRADE, RefusedError, Stream, WebSocket, Wire, request
from tests.support.people import TAKES_TOKENS, api_key, api_keys, as_bearer, id_of, token_of
from tests.support.postgres import Cluster
from tests.support.server import JSON, Server

NEVER_WAS = "00000000-0000-7000-8000-000000000000"

each_way = pytest.mark.parametrize("listen", [WebSocket, Stream])


class House:
    """A server that takes keys and customers' tokens, and shows its status to strangers."""

    def __init__(self, server: Server, key: str, other: str) -> None:
        self.server = server
        self.key = as_bearer(key)
        self.other = other  # to be revoked
        self.event = self.post("/initialize", eventName="Concert", totalTickets=50)["eventId"]

    def post(self, path: str, headers: Mapping[str, str] | None = None, **body: object) -> Any:
        """What somebody is answered who may do that; by default, one who may do everything."""
        reply = self.server.send(
            "POST", path, json.dumps(body).encode(), {**JSON, **(self.key if headers is None else headers)}
        )
        assert reply.status < 300, reply
        return reply.document

    def refusal(self, target: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """How somebody is refused who wants to listen."""
        found = set()
        for way in (UPGRADE, STREAM):
            with pytest.raises(RefusedError) as refused:
                Wire(self.server, request(target, {**way, **(headers or {})}))
            found.add((refused.value.reply.status, refused.value.reply.document["code"]))
        (only,) = found
        return only


@pytest.fixture(scope="module")
def house(embedded_cluster: Cluster) -> Iterator[House]:
    with embedded_cluster.database() as url:
        keys = [api_key(url, *ALL_SCOPES) for _ in range(2)]
        server = Server("--database-url", url, "--public-status", env=TAKES_TOKENS)
        yield House(server, *keys)
        assert server.stop() == 0
        assert '"level":"error"' not in "".join(server.said)


# --- orders --------------------------------------------------------------------------------------


def test_customers_watch_any_event_and_their_own_orders_only(house: House) -> None:
    event, orders = house.event, {}
    for customer in ("ann", "bob"):
        orders[customer] = house.post("/book", eventId=event, userId=customer)["orderId"]
    settled = house.post("/hold", eventId=event, userId="bob")["orderId"]
    house.post("/cancel", orderId=settled)
    with WebSocket(house.server, f"/live?watch={event}", as_bearer(token_of("ann"))) as listener:
        assert listener.message()["eventId"] == event
        listener.ask(watchOrder=orders["ann"])
        assert listener.message()["userId"] == "ann"
        for others in (orders["bob"], settled, f"{event}-{NEVER_WAS}"):
            listener.ask(watchOrder=others)
            problem = listener.problem()
            assert (problem["problem"]["code"], problem["orderId"]) == ("order_not_found", others)
    for headers in (as_bearer(token_of("bob")), house.key):
        with Stream(house.server, f"/live?watchOrder={orders['bob']}", headers) as stream:
            assert stream.message()["userId"] == "bob"


def test_strangers_see_what_is_public_and_no_orders(house: House) -> None:
    order = house.post("/book", eventId=house.event, userId="carl")["orderId"]
    with WebSocket(house.server, f"/live?watch={house.event}") as stranger:
        assert stranger.message()["eventId"] == house.event
        stranger.ask(watchOrder=order)
        assert stranger.problem()["problem"]["code"] == "unauthenticated"
    with Stream(house.server, f"/status/{house.event}/live") as stranger:
        assert stranger.message()["eventId"] == house.event


def test_who_is_not_known_and_says_otherwise_does_not_listen(house: House) -> None:
    for target in ("/live", f"/status/{house.event}/live"):
        for token in ("nonsense", "bo_000000000000_" + "A" * 43, token_of("ann", iss="https://elsewhere")):
            assert house.refusal(target, as_bearer(token)) == (401, "unauthenticated")


# --- handshakes ----------------------------------------------------------------------------------


@each_way
def test_a_handshake_lets_one_connection_in_as_whoever_asked_for_it(house: House, listen: Any) -> None:
    orders = [
        house.post("/book", eventId=house.event, userId=customer)["orderId"] for customer in ("dora", "emil")
    ]
    dora = as_bearer(token_of("dora"))
    made = house.post("/handshakes", dora)
    assert made["handshake"].startswith("bh_")
    assert 0 < datetime.fromisoformat(made["expiresAt"]).timestamp() - time.time() <= 30
    watch = f"/live?handshake={made['handshake']}&watchOrder={orders[0]},{orders[1]}"
    with listen(house.server, watch) as listener:
        assert {listener.message()["type"] for _ in range(2)} == {"order", "problem"}
    assert house.refusal(watch) == (401, "unauthenticated"), "once"
    assert house.refusal("/live?handshake=nonsense") == (401, "unauthenticated")


def test_a_handshake_opens_nothing_else(house: House) -> None:
    handshake = house.post("/handshakes")["handshake"]
    reply = house.server.send("GET", f"/orders?handshake={handshake}")
    assert reply.status == 401
    reply = house.server.send("POST", "/handshakes")
    assert reply.status == 401, "strangers are given none, whatever is public"


# --- for how long --------------------------------------------------------------------------------


def test_listeners_are_let_go_when_they_are_no_longer_welcome(house: House) -> None:
    revoked = as_bearer(house.other)
    late, in_time = (house.post("/handshakes", revoked)["handshake"] for _ in range(2))
    expiring = as_bearer(token_of("ann", exp=int(time.time()) - 28))  # there are 30 s of grace
    with ExitStack() as stack:
        welcome = [stack.enter_context(WebSocket(house.server, "/live", who)) for who in (house.key, {})]
        unwelcome: list[Wire] = [
            stack.enter_context(WebSocket(house.server, "/live", revoked)),
            stack.enter_context(Stream(house.server, "/live", revoked)),
            stack.enter_context(WebSocket(house.server, f"/live?handshake={in_time}")),
            stack.enter_context(WebSocket(house.server, "/live", expiring)),
        ]
        with api_keys(house.server.database_url) as kept:
            kept.revoke(id_of(house.other))
        for listener in unwelcome:
            closed = listener.closed()
            assert (closed.code, closed.reason) == (1008, "what let you in is no longer good")
        assert house.refusal(f"/live?handshake={late}") == (401, "unauthenticated")
        for each in welcome:
            each.ask(watch=[house.event])
            assert each.message()["eventId"] == house.event


def test_whoever_listened_before_there_was_any_key_does_so_no_more(own_server: Server) -> None:
    event = own_server.event()
    with WebSocket(own_server, f"/live?watch={event}") as anybody, Stream(own_server, "/live") as other:
        assert anybody.message()["eventId"] == event
        api_key(own_server.database_url, *ALL_SCOPES)
        assert (anybody.closed().code, other.closed().code) == (1008, 1008)
