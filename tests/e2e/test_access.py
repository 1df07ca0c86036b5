"""Who may do what: every call, by everybody there is, on their own orders and on others'.

The table below is written by hand: neither the catalogue nor the code behind it can change without it.
"""

import asyncio
import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from boxoffice.actors.principals import ALL_SCOPES, Scope
from boxoffice.http.catalogue import CALLS
from tests.support import documented
from tests.support.log import database
from tests.support.people import TAKES_TOKENS, api_key, as_bearer, token_of
from tests.support.postgres import Cluster
from tests.support.server import JSON, Reply, Server

READ, SELL, ORGANISE, ADMIN = Scope.READ, Scope.SELL, Scope.ORGANISE, Scope.ADMIN

MAY: dict[str, set[object]] = {
    "initialize": {ORGANISE},
    "book": {SELL, "customer"},
    "hold": {SELL, "customer"},
    "confirm": {SELL, "customer"},
    "extend": {SELL, "customer"},
    "cancel": {SELL, "customer"},
    "adjust": {ORGANISE},
    "close": {ORGANISE},
    "batch": {SELL, ORGANISE, "customer"},
    "status": {READ, "customer"},
    "liveStatus": {READ, "customer"},
    "live": {READ, "customer"},
    "handshake": {READ, "customer"},
    "order": {READ, "customer"},
    "orders": {READ, "customer"},
    "events": {READ, "customer"},
    "changes": {ADMIN},
    "keys": {ADMIN},
    "revokeKey": {ADMIN},
    "metrics": {ADMIN},
    "livez": {"anybody"},
    "readyz": {"anybody"},
    "page": {"anybody"},
    "asset": {"anybody"},
    "openapi": {"anybody"},
    "asyncapi": {"anybody"},
    "docs": {"anybody"},
    "docsAsset": {"anybody"},
    "problems": {"anybody"},
    "problem": {"anybody"},
}

NOBODY_GOOD = ("expired", "revoked", "unknown", "no key", "forged", "other issuer", "basic", "empty")


@dataclass
class House:
    """A server that takes keys and tokens, and what there is to ask for."""

    server: Server
    tokens: dict[str, str]
    event: str = ""
    anns: str = ""
    bobs: str = ""

    def send(self, who: str, method: str, path: str, body: object = None) -> Reply:
        """Ask as somebody."""
        headers = {**JSON, **self.headers(who)}
        return self.server.send(method, path, None if body is None else json.dumps(body).encode(), headers)

    def headers(self, who: str) -> dict[str, str]:
        """What somebody presents."""
        if who == "basic":
            return {"Authorization": "Basic YWxhZGRpbjpvcGVuc2VzYW1l"}
        if who == "empty":
            return {"Authorization": "Bearer "}
        return dict(as_bearer(self.tokens[who]))

    def post(self, who: str, path: str, **body: object) -> Reply:
        """`POST` as somebody."""
        return self.send(who, "POST", path, body)

    def written(self) -> list[Any]:
        """Everything that is in the database but the time at which a key was last looked at."""
        with database(self.server.database_url) as cursor:
            found: list[Any] = []
            for table in ("events", "orders", "changes", "replies", "api_keys"):
                cursor.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
                found.append(cursor.fetchall())
            return found


@pytest.fixture(scope="module")
def house(embedded_cluster: Cluster) -> Iterator[House]:
    with embedded_cluster.database() as url:
        keys = {str(scope): api_key(url, scope) for scope in Scope}
        tokens = {
            **keys,
            "everything": api_key(url, *ALL_SCOPES),
            "nothing": api_key(url, READ),
            "stranger": "",
            "ann": token_of("ann"),
            "bob": token_of("bob"),
            "expired": api_key(url, *ALL_SCOPES, expires_in_s=-1),
            "revoked": api_key(url, *ALL_SCOPES, revoked=True),
            "unknown": "bo_000000000000_" + "A" * 43,
            "no key": "nonsense",
            "forged": token_of("ann")[:-6] + "AAAAAA",
            "other issuer": token_of("ann", iss="https://elsewhere.example"),
        }
        server = Server("--database-url", url, env=TAKES_TOKENS)
        house = House(server, tokens)
        made = house.post("everything", "/initialize", eventName="Concert", totalTickets=10_000).document
        house.event = made["eventId"]
        yield house
        server.stop()


@pytest.fixture(autouse=True)
def _orders(house: House) -> None:
    """Ann and Bob hold something each."""
    for who in ("ann", "bob"):
        hold = house.post("everything", "/hold", eventId=house.event, userId=who, holdSeconds=600)
        setattr(house, f"{who}s", hold.document["orderId"])


def requests_of(house: House, order: str) -> dict[str, tuple[str, str, object]]:
    """One sound request for each call."""
    event = house.event
    mine = {"eventId": event, "userId": "ann"}
    return {
        "initialize": ("POST", "/initialize", {"eventName": "Reading", "totalTickets": 1}),
        "book": ("POST", "/book", mine),
        "hold": ("POST", "/hold", mine),
        "confirm": ("POST", "/confirm", {"orderId": order}),
        "extend": ("POST", "/extend", {"orderId": order, "holdSeconds": 1200}),
        "cancel": ("POST", "/cancel", {"orderId": order}),
        "adjust": ("POST", "/adjust", {"eventId": event, "eventName": "Concert"}),
        "close": ("POST", "/close", {"eventId": "999"}),
        "batch": ("POST", "/batch", {"commands": [{"do": "cancel", "orderId": order}]}),
        "status": ("GET", f"/status/{event}", None),
        "liveStatus": ("GET", f"/status/{event}/live", None),  # let in to be told 426
        "live": ("GET", f"/live?watchOrder={order}", None),
        "handshake": ("POST", "/handshakes", None),
        "order": ("GET", f"/orders/{order}", None),
        "orders": ("GET", f"/orders?eventId={event}&userId=ann", None),
        "events": ("GET", "/events", None),
        "changes": ("GET", f"/events/{event}/changes", None),
        "keys": ("GET", "/keys", None),
        "revokeKey": ("DELETE", "/keys/000000000000", None),
        "metrics": ("GET", "/metrics", None),
        "livez": ("GET", "/livez", None),
        "readyz": ("GET", "/readyz", None),
        "page": ("GET", "/", None),
        "asset": ("GET", "/assets/main.js", None),
        "openapi": ("GET", "/openapi.json", None),
        "asyncapi": ("GET", "/asyncapi.json", None),
        "docs": ("GET", "/docs", None),
        "docsAsset": ("GET", "/docs/pages.css", None),
        "problems": ("GET", "/problems", None),
        "problem": ("GET", "/problems/sold_out", None),
    }


def is_let_in(reply: Reply) -> bool:
    """Not whether it succeeded: whether it was looked at."""
    return reply.status not in (401, 403)


# --- every call by everybody ---------------------------------------------------------------------


def test_the_table_has_every_call() -> None:
    assert {call.name for call in CALLS} == set(MAY)


@pytest.mark.parametrize("name", MAY)
@pytest.mark.parametrize("scope", Scope)
def test_a_key_may_what_its_scope_says_and_nothing_else(house: House, scope: Scope, name: str) -> None:
    before = house.written()
    reply = house.send(scope.value, *requests_of(house, house.anns)[name])
    assert is_let_in(reply) == bool(MAY[name] & {scope, "anybody"}), reply
    if is_let_in(reply):
        assert reply.status < 500
    else:
        assert reply.status == 403
        problem = reply.document
        assert (problem["code"], problem["scope"] in MAY[name]) == ("forbidden", True)
        assert 'error="insufficient_scope"' in reply.headers["WWW-Authenticate"]
        assert house.written() == before


@pytest.mark.parametrize("name", MAY)
def test_a_key_with_every_scope_may_everything(house: House, name: str) -> None:
    assert is_let_in(house.send("everything", *requests_of(house, house.anns)[name]))


@pytest.mark.parametrize("name", MAY)
def test_a_customer_may_what_concerns_them(house: House, name: str) -> None:
    before = house.written()
    reply = house.send("ann", *requests_of(house, house.anns)[name])
    assert is_let_in(reply) == bool(MAY[name] & {"customer", "anybody"}), reply
    if not is_let_in(reply):
        assert reply.status == 403
        assert house.written() == before


@pytest.mark.parametrize("name", MAY)
@pytest.mark.parametrize("who", ["stranger", *NOBODY_GOOD])
def test_who_is_not_known_may_nothing_that_is_not_for_anybody(house: House, who: str, name: str) -> None:
    before = house.written()
    reply = house.send(who, *requests_of(house, house.anns)[name])
    if "anybody" in MAY[name] and who == "stranger":
        assert is_let_in(reply)
        return
    assert (reply.status, reply.document["code"]) == (401, "unauthenticated")
    challenge = reply.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="boxoffice"')
    assert ('error="invalid_token"' in challenge) == (who != "stranger")
    assert house.written() == before
    assert house.tokens.get(who, "") not in reply.body.decode() or not house.tokens.get(who)


# --- listening -----------------------------------------------------------------------------------


def listened(house: House, query: str, headers: Mapping[str, str], count: int) -> list[Any] | Reply:
    """The first messages of a stream from `/live`; or the answer, if that is none."""
    connection = http.client.HTTPConnection(*house.server.address, timeout=20)
    try:
        connection.request("GET", f"/live?{query}", headers={"Accept": "text/event-stream", **headers})
        answer, body = connection.getresponse(), b""
        if answer.status != 200:
            return Reply(answer.status, answer.headers, answer.read())
        while len(documented.streamed(body)) < count:
            body += answer.readline()
        return [documented.checked_message(data, event) for event, _, data in documented.streamed(body)]
    finally:
        connection.close()


def heard(messages: list[Any] | Reply) -> list[str]:
    """What each message says: whose order it is, or the problem's code."""
    assert isinstance(messages, list), messages
    return [each["problem"]["code"] if each["type"] == "problem" else each["userId"] for each in messages]


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ("ann", ["ann", "order_not_found"]),
        ("bob", ["order_not_found", "bob"]),
        ("read", ["ann", "bob"]),
        ("everything", ["ann", "bob"]),
    ],
)
def test_a_handshake_lets_one_connection_in_as_whoever_asked_for_it(
    house: House, who: str, told: list[str]
) -> None:
    orders = f"watchOrder={house.anns},{house.bobs}"
    assert heard(listened(house, orders, house.headers(who), 2)) == told
    handshake = house.send(who, "POST", "/handshakes").document["handshake"]
    assert heard(listened(house, f"{orders}&handshake={handshake}", {}, 2)) == told
    again = listened(house, f"{orders}&handshake={handshake}", {}, 2)
    assert isinstance(again, Reply)
    assert (again.status, again.document["code"]) == (401, "unauthenticated")
    assert 'error="invalid_token"' in again.headers["WWW-Authenticate"]
    assert handshake not in "".join(house.server.said) + again.body.decode()


def test_a_handshake_is_good_for_listening_only(house: House) -> None:
    handshake = house.send("everything", "POST", "/handshakes").document["handshake"]
    requests = requests_of(house, house.anns)
    for name in sorted(set(MAY) - {"liveStatus", "live"}):
        method, path, body = requests[name]
        separator = "&" if "?" in path else "?"
        reply = house.send("stranger", method, f"{path}{separator}handshake={handshake}", body)
        assert "anybody" in MAY[name] or reply.status == 401, (name, reply)
    assert heard(listened(house, f"watchOrder={house.anns}&handshake={handshake}", {}, 1)) == ["ann"]


def test_a_handshake_opens_a_websocket_once_and_no_page_of_others(house: House) -> None:
    async def open_it(handshake: str, origin: str) -> int:
        target = f"{house.server.url}/status/{house.event}/live?handshake={handshake}"
        async with aiohttp.ClientSession() as session:
            try:
                async with session.ws_connect(target, origin=origin) as connection:
                    told = documented.checked_message(await connection.receive_str(timeout=10))
                    assert told["eventId"] == house.event
                    return 101
            except aiohttp.WSServerHandshakeError as refused:
                return refused.status

    def a_handshake() -> str:
        handshake: str = house.send("ann", "POST", "/handshakes").document["handshake"]
        return handshake

    ours, first = house.server.url, a_handshake()
    assert asyncio.run(open_it(first, ours)) == 101
    assert asyncio.run(open_it(first, ours)) == 401
    assert asyncio.run(open_it(a_handshake(), "https://elsewhere.example")) == 403


def test_what_is_verbose_is_for_operators(house: House) -> None:
    assert house.send("admin", "GET", "/readyz?verbose").status == 200
    assert house.send("sell", "GET", "/readyz?verbose").status == 403
    assert house.send("stranger", "GET", "/readyz?verbose").status == 401


@pytest.mark.parametrize("who", ["sell", "organise", "ann"])
def test_each_command_of_a_batch_takes_what_its_own_call_takes(house: House, who: str) -> None:
    commands: list[dict[str, object]] = [
        {"do": "book", "eventId": house.event, "userId": "ann"},
        {"do": "adjust", "eventId": house.event, "eventName": "Concert"},
        {"do": "initialize", "eventName": "Reading", "totalTickets": 3},
        {"do": "close", "eventId": "999"},
        {"do": "cancel", "orderId": house.bobs},
    ]
    results = house.post(who, "/batch", commands=commands).document["results"]
    expected = {
        "sell": [201, 403, 403, 403, 200],
        "organise": [403, 200, 201, 404, 403],
        "ann": [201, 403, 403, 403, 404],
    }
    assert [result["status"] for result in results] == expected[who]


# --- own orders and others' ----------------------------------------------------------------------


def absent(reply: Reply) -> dict[str, object]:
    """A problem without what differs from one request to the next."""
    return {name: value for name, value in reply.document.items() if name != "requestId"}


ON_ORDERS = ("confirm", "extend", "cancel", "order")


@pytest.mark.parametrize("name", ON_ORDERS)
def test_others_orders_look_as_if_there_were_none(house: House, name: str) -> None:
    before = house.written()
    others = house.send("ann", *requests_of(house, house.bobs)[name])
    never_was = f"{house.event}-00000000-0000-7000-8000-000000000000"
    nobodys = house.send("ann", *requests_of(house, never_was)[name])
    assert (others.status, others.document["code"]) == (404, "order_not_found")
    assert absent(others) == absent(nobodys)
    assert house.written() == before


@pytest.mark.parametrize("name", ON_ORDERS)
def test_ones_own_are_there(house: House, name: str) -> None:
    reply = house.send("ann", *requests_of(house, house.anns)[name])
    assert reply.status == 200
    assert reply.document["userId"] == "ann"


@pytest.mark.parametrize("name", ON_ORDERS)
def test_others_settled_orders_look_as_if_there_were_none(house: House, name: str) -> None:
    """Those are in the database only."""
    assert house.post("bob", "/cancel", orderId=house.bobs).status == 200
    reply = house.send("ann", *requests_of(house, house.bobs)[name])
    assert (reply.status, reply.document["code"]) == (404, "order_not_found")
    assert house.send("bob", "GET", f"/orders/{house.bobs}").status == 200


def test_a_list_has_ones_own_orders_only(house: House) -> None:
    for query in ("", "?userId=ann", f"?eventId={house.event}", "?status=held&limit=500"):
        found = house.send("ann", "GET", f"/orders{query}").document["items"]
        assert {order["userId"] for order in found} == {"ann"}, query
    assert house.send("ann", "GET", "/orders?userId=bob").document == {"items": [], "next": None}
    everybody = house.send("read", "GET", "/orders?limit=500").document["items"]
    assert {"ann", "bob"} <= {order["userId"] for order in everybody}


def test_pages_of_a_list_stay_ones_own(house: House) -> None:
    path, seen = "/orders?limit=1", []
    for _ in range(3):
        reply = house.send("ann", "GET", path)
        seen += reply.document["items"]
        if reply.document["next"] is None:
            break
        path = f"/orders?limit=1&cursor={reply.document['next']}"
    assert {order["userId"] for order in seen} == {"ann"}


@pytest.mark.parametrize("path", ["/book", "/hold"])
def test_nobody_orders_in_anothers_name(house: House, path: str) -> None:
    before = house.written()
    reply = house.post("ann", path, eventId=house.event, userId="bob")
    assert (reply.status, reply.document["code"]) == (403, "forbidden")
    assert house.written() == before


def test_nobody_cancels_by_anothers_name(house: House) -> None:
    before = house.written()
    reply = house.post("ann", "/cancel", eventId=house.event, userId="bob")
    assert (reply.status, reply.document["code"]) == (404, "order_not_found")
    assert house.written() == before


def test_a_customer_is_not_told_who_was_promoted(house: House) -> None:
    event = house.post("everything", "/initialize", eventName="Small", totalTickets=1).document["eventId"]
    for who in ("ann", "bob"):
        house.post(who, "/book", eventId=event, userId=who)
    cancelled = house.post("ann", "/cancel", eventId=event, userId="ann").document
    assert (cancelled["status"], cancelled["promoted"]) == ("cancelled", [])
    assert house.send("bob", "GET", f"/orders?eventId={event}").document["items"][0]["status"] == "confirmed"


def test_one_key_of_two_callers_is_two_keys(house: House) -> None:
    def book(who: str, user: str) -> Reply:
        body = json.dumps({"eventId": house.event, "userId": user}).encode()
        return house.server.send(
            "POST", "/book", body, {**JSON, **house.headers(who), "Idempotency-Key": "the-same"}
        )

    first, other, again = book("ann", "ann"), book("bob", "bob"), book("ann", "ann")
    assert (first.status, other.status, again.status) == (201, 201, 201)
    assert first.document["orderId"] != other.document["orderId"]
    assert again.document == first.document
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("who", ["stranger", "sell", "ann"])
def test_what_there_is_not_is_said_to_anybody(house: House, who: str) -> None:
    assert house.send(who, "GET", "/nowhere").status == 404
    assert house.send(who, "PUT", "/book").status == 405
